/* The CPU quota: a container or a batch job often has less processor time than the cores it sees. */
#ifndef HD_DEVICE_HOST_CPU_QUOTA_H
#define HD_DEVICE_HOST_CPU_QUOTA_H

#include <stddef.h>

/* How many threads the CPU quotas of this process's cgroup and those above it keep busy: the least of
 * quota / period, rounded up. SIZE_MAX: there is no quota, or none that we can read. Tests put `root` before
 * the paths /proc/self/cgroup and /sys/fs/cgroup; otherwise it is "". */
size_t hd_cpu_quota(const char *root);

#endif
