#include "device/host/cpu_quota.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads a file's numbers, such as "50000 100000", and returns how many there are. */
static int read_numbers(const char *folder, const char *name, long long number[2]) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    int count = fscanf(file, "%lld %lld", &number[0], &number[1]);
    fclose(file);
    return count;
}

/* One cgroup's quota: version 2 has one file ("max 100000": no quota), version 1 has two (-1: no quota). */
static size_t quota_of(const char *folder) {
    long long quota[2] = {0, 0}, period[2] = {0, 0};
    if (read_numbers(folder, "cpu.max", quota) == 2)
        period[0] = quota[1];
    else if (read_numbers(folder, "cpu.cfs_quota_us", quota) != 1 ||
             read_numbers(folder, "cpu.cfs_period_us", period) != 1)
        return SIZE_MAX;
    if (quota[0] <= 0 || period[0] <= 0) return SIZE_MAX;
    return (size_t)((quota[0] - 1) / period[0]) + 1;
}

/* The tightest quota of the cgroup and all above it. In a container the group's path may be the host's and
 * not exist here; then the topmost group is the container's own. */
static size_t tightest(const char *top, char *group) {
    char folder[PATH_MAX];
    size_t least = SIZE_MAX;
    for (;;) {
        if (snprintf(folder, sizeof folder, "%s%s", top, group) < (int)sizeof folder) {
            size_t threads = quota_of(folder);
            if (threads < least) least = threads;
        }
        char *slash = strrchr(group, '/');
        if (!slash) return least;
        *slash = '\0';
    }
}

size_t hd_cpu_quota(const char *root) {
    char path[PATH_MAX], controllers[256], *line = NULL;
    size_t size = 0, least = SIZE_MAX;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    if (!file) return SIZE_MAX;
    while (getline(&line, &size, file) > 0) { /* "0::/a/b" (version 2) or "4:cpu,cpuacct:/a/b" */
        line[strcspn(line, "\n")] = '\0';
        char *list = strchr(line, ':'), *group = list ? strchr(list + 1, ':') : NULL;
        if (!group) continue;
        *list++ = *group++ = '\0';
        snprintf(controllers, sizeof controllers, ",%s,", list);
        if (*list && !strstr(controllers, ",cpu,")) continue;
        snprintf(path, sizeof path, "%s/sys/fs/cgroup%s", root, *list ? "/cpu" : "");
        size_t threads = tightest(path, group);
        if (threads < least) least = threads;
    }
    free(line);
    fclose(file);
    return least;
}
