/* CPU quotas read from made-up cgroup files. */
#include "device/host/cpu_quota.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static char root[] = "/tmp/hyperdrift-quota-XXXXXX";

static void make_root(void) {
    cr_assert_not_null(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *is, int type, struct FTW *where) {
    (void)is, (void)type, (void)where;
    return remove(path);
}

static void remove_root(void) {
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(cpu_quota, .init = make_root, .fini = remove_root);

static void plant(const char *path, const char *text) {
    char command[256];
    snprintf(command, sizeof command, "mkdir -p $(dirname %s/%s) && printf '%%b\\n' '%s' >%s/%s", root, path,
             text, root, path);
    cr_assert_eq(system(command), 0);
}

static void in_group(const char *line) {
    plant("proc/self/cgroup", line);
}

Test(cpu_quota, is_none_where_there_is_no_cgroup) {
    cr_expect_eq(hd_cpu_quota(root), SIZE_MAX);
    in_group("0::/job");
    cr_expect_eq(hd_cpu_quota(root), SIZE_MAX);
}

Test(cpu_quota, is_rounded_up_to_whole_threads) {
    static const struct {
        const char *max;
        size_t threads;
    } of[] = {{"max 100000", SIZE_MAX}, {"50000 100000", 1},  {"1000 100000", 1},   {"100000 100000", 1},
              {"100001 100000", 2},     {"150000 100000", 2}, {"400000 100000", 4}, {"25000 10000", 3}};
    in_group("0::/job");
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        plant("sys/fs/cgroup/job/cpu.max", of[i].max);
        cr_expect_eq(hd_cpu_quota(root), of[i].threads, "%s: %zu", of[i].max, hd_cpu_quota(root));
    }
}

Test(cpu_quota, is_the_tightest_of_all_groups_above) {
    in_group("0::/slice/job/step");
    plant("sys/fs/cgroup/slice/job/step/cpu.max", "800000 100000");
    plant("sys/fs/cgroup/slice/cpu.max", "300000 100000");
    cr_expect_eq(hd_cpu_quota(root), 3);
    plant("sys/fs/cgroup/slice/job/cpu.max", "200000 100000");
    cr_expect_eq(hd_cpu_quota(root), 2);
    plant("sys/fs/cgroup/cpu.max", "50000 100000"); /* a container's own, whatever its path outside */
    cr_expect_eq(hd_cpu_quota(root), 1);
    plant("sys/fs/cgroup/other/cpu.max", "1 100000");
    in_group("0::/slice");
    cr_expect_eq(hd_cpu_quota(root), 1);
}

Test(cpu_quota, is_read_in_version_1_too) {
    in_group("5:cpuset:/job\\n4:cpuacct,cpu:/job\\n0::/");
    plant("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000");
    plant("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1");
    cr_expect_eq(hd_cpu_quota(root), SIZE_MAX);
    plant("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "150000");
    cr_expect_eq(hd_cpu_quota(root), 2);
    plant("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000");
    cr_expect_eq(hd_cpu_quota(root), 2, "a quota without a period is none");
    plant("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
    cr_expect_eq(hd_cpu_quota(root), 1);
    in_group("5:cpuset:/job\\n4:cpuacct:/job");
    cr_expect_eq(hd_cpu_quota(root), SIZE_MAX, "no line is of the controller cpu");
}

Test(cpu_quota, is_none_where_the_files_are_garbage) {
    static const char *const max[] = {"",         "walk",          "50000",   "50000 walk",
                                      "0 100000", "-50000 100000", "50000 0", "50000 -1"};
    static const char *const groups[] = {"walk", "0:", "0:cpu", "", ":::::"};
    in_group("0::/job");
    for (size_t i = 0; i < sizeof max / sizeof *max; i++) {
        plant("sys/fs/cgroup/job/cpu.max", max[i]);
        cr_expect_eq(hd_cpu_quota(root), SIZE_MAX, "%s", max[i]);
    }
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        in_group(groups[i]);
        cr_expect_eq(hd_cpu_quota(root), SIZE_MAX, "%s", groups[i]);
    }
}
