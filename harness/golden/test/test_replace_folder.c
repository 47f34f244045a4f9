/* Goldens are put in place whole or not at all, wherever the program is killed. */
#include "golden/replace_folder.h"
#include "test/golden_sample.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void make_root(void) {
    folder_make();
    cr_assert_eq(mkdir(sample_path("golden"), 0777), 0);
}

TestSuite(placing, .init = make_root, .fini = folder_remove);

static hd_error error;

/* Replaces the program's renameat2; it can be that of a file system without the exchange. */
static bool cannot_exchange, exchanges, cannot_flush;
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    if (cannot_exchange && flags == RENAME_EXCHANGE) {
        errno = EINVAL;
        return -1;
    }
    exchanges = !strstr(old, ".trial.new");
    return (int)syscall(SYS_renameat2, from, old, to, new, flags);
}

/* Replaces its fsync; it can fail after the exchange. */
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
int fsync(int descriptor) {
    if (cannot_flush && exchanges) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, descriptor);
}

static hd_status agree(const char *root, const char *experiment, const char *where, hd_error *why) {
    (void)root, (void)experiment, (void)where, (void)why;
    return HD_OK;
}

/* A judge that expects two whole goldens, not in place yet, and refuses them. */
static hd_status refuse_two(const char *root, const char *experiment, const char *where, hd_error *why) {
    hd_golden_set goldens;
    cr_expect_str_eq(root, folder);
    cr_expect_str_eq(experiment, "small");
    cr_expect_eq(hd_golden_set_load(where, &goldens, &error), HD_OK, "%s", error.message);
    cr_expect_eq(goldens.count, 2);
    hd_golden_set_free(&goldens);
    return hd_fail(why, HD_DIFFERENT, "refused");
}

static hd_golden_set in_place(void) {
    hd_golden_set goldens;
    cr_assert_eq(hd_golden_set_load(sample_path("golden/small"), &goldens, &error), HD_OK, "%s",
                 error.message);
    return goldens;
}

/* Replaces the goldens that are in place. */
static hd_status place(const hd_golden_set *goldens, hd_replacement_judge *judge) {
    hd_ledger ledger;
    hd_golden_set was = in_place();
    hd_status status = hd_ledger_open(folder, &ledger, &error);
    if (status == HD_OK) status = hd_replace_folder(&ledger, folder, &was, goldens, judge, &error);
    hd_ledger_close(&ledger);
    hd_golden_set_free(&was);
    return status;
}

static void place_new(size_t count, const char *date, double eta) {
    hd_golden_set goldens = sample_goldens(count, date, eta);
    cr_assert_eq(place(&goldens, agree), HD_OK, "%s", error.message);
    hd_golden_set_free(&goldens);
}

static size_t entries_in_golden(void) {
    size_t count = 0;
    DIR *all = opendir(sample_path("golden"));
    while (readdir(all)) count++;
    closedir(all);
    return count - 2;
}

/* Expects the goldens of that blessing, their entry as the log's last, and no other folder. */
static void expect_placed(size_t count, const char *date, size_t blessings) {
    hd_golden_set goldens = in_place();
    hd_ledger ledger;
    hd_lineage lineage;
    cr_assert_eq(goldens.count, count);
    for (size_t k = 0; k < count; k++) cr_expect_str_eq(goldens.steps[k].blessed.date, date);
    cr_assert_eq(hd_ledger_read(folder, &ledger, &error), HD_OK, "%s", error.message);
    cr_expect_eq(ledger.count, blessings);
    cr_expect_eq(hd_ledger_lineage(&ledger, "small", &goldens, &lineage, &error), HD_OK, "%s", error.message);
    cr_expect(lineage.blessed == &ledger.blessings[blessings - 1] && !lineage.unplaced);
    cr_expect_eq(entries_in_golden(), 2, "the log and the goldens");
    hd_ledger_close(&ledger);
    hd_golden_set_free(&goldens);
}

#define FIRST  "2026-11-23T22:53:12Z"
#define SECOND "2026-11-24T06:30:02Z"

/* A reader finds the goldens of one blessing or the other, whole, and in the log. */
static bool read_second(void) {
    hd_golden_set goldens = in_place();
    hd_ledger ledger;
    hd_lineage lineage;
    cr_assert_eq(hd_ledger_read(folder, &ledger, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_ledger_lineage(&ledger, "small", &goldens, &lineage, &error), HD_OK, "%s", error.message);
    cr_assert_not_null(lineage.blessed);
    bool second = goldens.count == 1;
    cr_assert(second || goldens.count == 2);
    for (size_t k = 0; k < goldens.count; k++)
        cr_expect_str_eq(goldens.steps[k].blessed.date, second ? SECOND : FIRST);
    cr_expect(!lineage.unplaced || !strcmp(lineage.unplaced->date, SECOND));
    hd_ledger_close(&ledger);
    hd_golden_set_free(&goldens);
    return second;
}

Test(placing, puts_all_goldens_of_an_experiment_in_place) {
    place_new(3, FIRST, 1);
    expect_placed(3, FIRST, 1);
    place_new(2, SECOND, 2);
    expect_placed(2, SECOND, 2);
    cr_expect_neq(access(sample_path("golden/small/step-2.weights.npy.gz"), F_OK), 0);
}

Test(placing, leaves_all_as_it_was_where_the_judge_refuses) {
    place_new(3, FIRST, 1);
    hd_golden_set goldens = sample_goldens(2, SECOND, 2);
    cr_expect_eq(place(&goldens, refuse_two), HD_DIFFERENT);
    cr_expect_str_eq(error.message, "refused");
    expect_placed(3, FIRST, 1);
    hd_golden_set_free(&goldens);
}

Test(placing, leaves_all_as_it_was_where_folders_cannot_be_exchanged) {
    place_new(1, FIRST, 1);
    hd_golden_set goldens = sample_goldens(1, SECOND, 2);
    cannot_exchange = true;
    cr_expect_eq(place(&goldens, agree), HD_UNAVAILABLE);
    cr_expect_not_null(strstr(error.message, "cannot exchange two folders atomically"), "%s", error.message);
    expect_placed(1, FIRST, 1);
    hd_golden_set_free(&goldens);
}

Test(placing, says_where_the_exchange_may_not_be_on_the_disk_and_keeps_the_old_goldens) {
    hd_golden_set kept;
    place_new(2, FIRST, 1);
    hd_golden_set goldens = sample_goldens(1, SECOND, 2);
    cannot_flush = true;
    exchanges = false;
    cr_expect_eq(place(&goldens, agree), HD_UNAVAILABLE);
    cannot_flush = false;
    cr_expect_not_null(strstr(error.message, "the new goldens are in place, but perhaps not on the disk yet"),
                       "%s", error.message);
    cr_expect_not_null(strstr(error.message, "Input/output error"), "%s", error.message);
    cr_expect(read_second());
    cr_assert_eq(hd_golden_set_load(sample_path("golden/.small.new"), &kept, &error), HD_OK, "%s",
                 error.message);
    cr_expect_eq(kept.count, 2);
    cr_expect_str_eq(kept.steps[0].blessed.date, FIRST);
    hd_golden_set_free(&kept);
    hd_golden_set_free(&goldens);
    place_new(3, "2026-11-25T06:30:02Z", 3);
    expect_placed(3, "2026-11-25T06:30:02Z", 3);
}

Test(placing, does_not_replace_a_folder_that_holds_other_files) {
    static const char *const others[] = {"README", "step-0.json.orig", "step-x.json", "step-0.weights",
                                         ".hidden"};
    place_new(1, FIRST, 1);
    hd_golden_set goldens = sample_goldens(1, SECOND, 2);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char name[40];
        snprintf(name, sizeof name, "golden/small/%s", others[i]);
        put_bytes(sample_path(name), "", 0);
        cr_expect_eq(place(&goldens, agree), HD_INVALID, "%s", others[i]);
        cr_expect_not_null(strstr(error.message, others[i]), "%s", error.message);
        cr_assert_eq(remove(sample_path(name)), 0);
    }
    expect_placed(1, FIRST, 1);
    hd_golden_set_free(&goldens);
}

Test(placing, removes_what_an_ended_one_left_behind) {
    cr_assert_eq(mkdir(sample_path("golden/.small.new"), 0777), 0);
    put_bytes(sample_path("golden/.small.new/.step-0.json.77-0.tmp"), "{", 1);
    cr_assert_eq(mkdir(sample_path("golden/.another.new"), 0777), 0);
    cr_assert_eq(mkdir(sample_path("golden/.trial.new"), 0777), 0);
    place_new(1, FIRST, 1);
    expect_placed(1, FIRST, 1);
}

/* --- ended at every system call --- */

/* Runs the replacement by `goldens` and kills it at its n-th system call; false if it makes fewer. */
static bool place_until(const hd_golden_set *goldens, size_t n) {
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(place(goldens, agree) == HD_OK ? 0 : 1);
    }
    int how;
    cr_assert(waitpid(child, &how, 0) == child && WIFSTOPPED(how));
    cr_assert_eq(ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(long)PTRACE_O_EXITKILL), 0);
    for (size_t stops = 0; stops < 2 * n; stops++) { /* it stops before each call and after it */
        cr_assert_eq(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
        cr_assert_eq(waitpid(child, &how, 0), child);
        if (!WIFEXITED(how)) continue;
        cr_assert_eq(WEXITSTATUS(how), 0, "the placing failed");
        return false;
    }
    kill(child, SIGKILL);
    cr_assert(waitpid(child, &how, 0) == child && WIFSIGNALED(how));
    return true;
}

static bool may_trace(void) {
    int how = 0;
    pid_t child = fork();
    if (child == 0) _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
    return waitpid(child, &how, 0) == child && how == 0;
}

Test(placing, is_whole_wherever_it_is_ended) {
    if (!may_trace()) {
        folder_remove();
        cr_skip_test("this system does not let a process trace its child");
    }
    hd_golden_set second = sample_goldens(1, SECOND, 2);
    char again[256]; /* cheaper than replacing, which waits for the disk */
    place_new(2, FIRST, 1);
    cr_assert_eq(rename(sample_path("golden"), sample_path("first")), 0);
    snprintf(again, sizeof again, "rm -rf %s && cp -R %s %s", sample_path("golden"), sample_path("first"),
             sample_path("golden"));
    size_t n = 1, first_there = 0, second_there = 0, left = 0;
    for (bool ended = true; ended; n++) {
        cr_assert_eq(system(again), 0);
        ended = place_until(&second, n);
        if (read_second())
            second_there++;
        else
            first_there++;
        left += entries_in_golden() > 2;
        if (n % 20) continue;
        place_new(3, "2026-11-25T06:30:02Z", 3); /* whatever is left behind */
        cr_expect_eq(entries_in_golden(), 2);
    }
    cr_expect(first_there > 20 && second_there > 2 && left > 10, "%zu, %zu, %zu", first_there, second_there,
              left);
    hd_golden_set_free(&second);
}
