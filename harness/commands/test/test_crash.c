/* A history under kill -9 at any moment: the file is whole, and every run reported as stored is there. */
#include "history/sql.h"
#include "test/nights.h"

#include <signal.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(crash, .init = folder_make, .fini = folder_remove);

static hd_error error;

/* Appends runs until it is killed, and reports each that was stored. */
static void append_for_ever(size_t round, int tell) {
    hd_history history;
    if (hd_history_open(sample_path("h"), HD_HISTORY_WRITE, &history, &error) != HD_OK) _exit(1);
    for (size_t night = 0;; night++) {
        hd_run_entry *entry = nights_entry("alpha", 1000 * round + night, 3, NULL);
        hd_kept kept;
        if (hd_history_append(&history, entry, &kept, &error) != HD_OK) _exit(1);
        if (write(tell, entry->uid, HD_RUN_UID) != HD_RUN_UID) _exit(1);
        hd_run_entry_free(entry);
    }
}

static void wait_a_moment(size_t most /* microseconds */) {
    unsigned number = 0;
    cr_assert_eq(getrandom(&number, sizeof number, 0), sizeof number);
    usleep((useconds_t)(number % most));
}

/* Opens the file after the kill: it must be whole and have the runs that `told` reports. */
static size_t look(int told) {
    hd_history history;
    char uid[HD_RUN_UID];
    size_t count = 0;
    cr_assert_eq(hd_history_open(sample_path("h"), HD_HISTORY_READ, &history, &error), HD_OK, "%s",
                 error.message);
    cr_assert_eq(hd_history_verify(&history, &error), HD_OK, "%s", error.message);
    hd_sql sql = {.history = &history, .doing = "test", .error = &error};
    sqlite3_stmt *find = hd_sql_prepare(&sql, "SELECT id FROM run WHERE uid = ?1");
    for (; read(told, uid, sizeof uid) == sizeof uid; count++)
        cr_assert_gt(hd_sql_first(&sql, find, "t", uid), 0, "run %s was told of and is gone", uid);
    sqlite3_finalize(find);
    cr_assert_eq(
        hd_sql_whole(&sql,
                     "SELECT count(*) FROM run WHERE (SELECT count(*) FROM record WHERE run = run.id)"
                     " <> 3 * 3",
                     ""),
        0, "a part of a run");
    hd_history_close(&history);
    return count;
}

Test(crash, at_any_moment_the_file_is_whole_and_what_was_kept_is_there) {
    size_t told = 0, interrupted = 0;
    hd_history history = nights_open(sample_path("h"));
    hd_history_close(&history);
    for (size_t round = 0; round < 30; round++) {
        int ends[2], how;
        cr_assert_eq(pipe(ends), 0);
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) append_for_ever(round, ends[1]);
        close(ends[1]);
        wait_a_moment(10000 * (round + 1)); /* lets a slow machine append too */
        cr_assert_eq(kill(child, SIGKILL), 0);
        cr_assert_eq(waitpid(child, &how, 0), child);
        cr_assert(WIFSIGNALED(how), "the child ended by itself: %d", how);
        interrupted += access(sample_path("h-journal"), F_OK) == 0;
        told += look(ends[0]);
        close(ends[0]);
    }
    cr_expect_gt(told, 0, "no run was ever kept");
    cr_expect_gt(interrupted, 0, "no append was ever interrupted");
}
