/* How many processors' time the process may use: a container or a batch job often has less than the cores it sees. */
#ifndef HD_DEVICE_HOST_CPU_QUOTA_H
#define HD_DEVICE_HOST_CPU_QUOTA_H

#include <stddef.h>

/* Threads that the CPU quotas of this process's cgroup and of those above it keep busy: the tightest quota / period,
 * rounded up. SIZE_MAX: there is none. `root` stands before the paths /proc/self/cgroup and /sys/fs/cgroup: "" but
 * in tests. What cannot be read or understood is no quota. */
size_t hd_cpu_quota(const char *root);

#endif
