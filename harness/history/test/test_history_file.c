/* Histories as files: which are opened, which are refused, what is never written. */
#include "base/process.h"
#include "history/schema.h"
#include "test/opened.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static void refuses(const char *path, hd_history_access access, hd_status status, const char *part) {
    hd_history history;
    cr_expect_eq(hd_history_open(path, access, &history, &error), status, "%s", path);
    cr_expect(strstr(error.message, part), "no '%s' in: %s", part, error.message);
    cr_expect_null(history.database);
}

static void make_file(const char *name, const char *statements) {
    sqlite3 *database;
    cr_assert_eq(sqlite3_open(sample_path(name), &database), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(database, statements, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(database));
    sqlite3_close(database);
}

Test(history, of_a_newer_schema_is_refused_and_left_alone) {
    char before[8192], after[8192], newer[64];
    hd_history history = opened("h", HD_HISTORY_WRITE);
    hd_history_close(&history);
    snprintf(newer, sizeof newer, "PRAGMA user_version = %d", HD_HISTORY_NEWEST + 1);
    make_file("h", newer);
    size_t size = get_bytes(sample_path("h"), before, sizeof before);
    refuses(sample_path("h"), HD_HISTORY_WRITE, HD_INVALID,
            "schema 4, and this program knows schemas up to 3");
    refuses(sample_path("h"), HD_HISTORY_READ, HD_INVALID,
            "schema 4, and this program knows schemas up to 3");
    cr_expect_eq(get_bytes(sample_path("h"), after, sizeof after), size);
    cr_expect_arr_eq(before, after, size);
}

Test(history, is_no_other_file) {
    put_bytes(sample_path("text"),
              "not a database, but longer than a hundred bytes, so that it could hold a header: "
              "0123456789012345678901234567890123456789",
              120);
    put_bytes(sample_path("byte"), "x", 1);
    make_file("other", "CREATE TABLE things (x)");
    make_file("another", "PRAGMA application_id = 77; PRAGMA user_version = 2");
    for (hd_history_access access = HD_HISTORY_READ; access <= HD_HISTORY_WRITE; access++) {
        refuses(sample_path("text"), access, HD_INVALID, "not an SQLite file, or its header is damaged");
        refuses(sample_path("other"), access, HD_INVALID, "is another program's SQLite file");
        refuses(sample_path("another"), access, HD_INVALID, "is another program's SQLite file");
        refuses(sample_path("byte"), access, HD_INVALID, "not an SQLite file, but a single byte");
        refuses(folder, access, HD_INVALID, "not a regular file");
    }
    refuses(sample_path("missing"), HD_HISTORY_READ, HD_INVALID, "No such file");
    refuses(sample_path("no/where"), HD_HISTORY_WRITE, HD_UNAVAILABLE, "cannot be made: No such file");
    cr_expect_eq(folder_entries(), 4, "nothing was made");
}

Test(history, is_a_file_whatever_its_name_means_to_sqlite) {
    static const char *const names[] = {":memory:", "file:nights?mode=memory", "file:nights.sqlite"};
    hd_history history;
    cr_assert_eq(chdir(sample_path("")), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_assert_eq(hd_history_open(names[i], HD_HISTORY_WRITE, &history, &error), HD_OK, "%s",
                     error.message);
        hd_history_close(&history);
        cr_expect_eq(access(names[i], F_OK), 0, "%s", names[i]);
    }
    refuses("", HD_HISTORY_WRITE, HD_INVALID, "the name of a history is empty");
    refuses("", HD_HISTORY_READ, HD_INVALID, "the name of a history is empty");
}

Test(history, that_may_not_be_made_says_why) {
    uid_t user = geteuid();
    cr_assert_eq(chmod(folder, 0555), 0);
    if (user == 0) cr_assert_eq(seteuid(65534), 0); /* root may write anywhere */
    refuses(sample_path("h"), HD_HISTORY_WRITE, HD_UNAVAILABLE, "h: cannot be made: Permission denied");
    if (user == 0) cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(chmod(folder, 0755), 0);
}

Test(history, is_left_as_it_was_by_who_is_interrupted) {
    static char before[1 << 20], after[1 << 20];
    hd_history history = opened("h", HD_HISTORY_WRITE), other = opened("other", HD_HISTORY_WRITE);
    append(&history, nights_entry("alpha", 0, 1, NULL));
    size_t size = get_bytes(sample_path("h"), before, sizeof before), copied, there;
    hd_run_entry *second = nights_entry("alpha", 1, 1, NULL);
    hd_kept kept;
    hd_process_catch_interrupts();
    cr_assert_eq(raise(SIGTERM), 0);
    cr_expect_eq(hd_history_append(&history, second, &kept, &error), HD_UNAVAILABLE);
    cr_expect(strstr(error.message, "interrupted"), "%s", error.message);
    cr_expect_eq(hd_history_merge(&other, &history, &copied, &there, &error), HD_UNAVAILABLE);
    cr_expect_eq(hd_history_recover(&history, &other, &copied, &there, &error), HD_UNAVAILABLE);
    cr_expect_eq(hd_history_inspect(&history, &error), HD_UNAVAILABLE);
    refuses(sample_path("h"), HD_HISTORY_READ, HD_UNAVAILABLE, "interrupted");
    cr_expect_eq(get_bytes(sample_path("h"), after, sizeof after), size);
    cr_expect_arr_eq(before, after, size);
    hd_run_entry_free(second);
    hd_history_close(&other);
    hd_history_close(&history);
}

Test(history, that_is_empty_has_no_runs) {
    put_bytes(sample_path("h"), "", 0);
    hd_history history = opened("h", HD_HISTORY_READ);
    cr_expect_eq(count(&history, "SELECT count(*) FROM run"), 0);
    hd_history_close(&history);
    struct stat is;
    cr_assert_eq(stat(sample_path("h"), &is), 0);
    cr_expect_eq(is.st_size, 0, "reading changes nothing");
}

/* A file of the first schema, with one run. */
static void make_version_1(const char *name) {
    char version[128];
    make_file(name, hd_history_schema[0]);
    make_file(name,
              "INSERT INTO run VALUES (1, 'u', '', 5, 's', 'k', 0, 'h', 'v', 'c', '[]', 0, 1, 0, 0, 0)");
    snprintf(version, sizeof version, "PRAGMA user_version = 1; PRAGMA application_id = %d",
             HD_HISTORY_APPLICATION);
    make_file(name, version);
}

Test(history, of_an_older_schema_is_read_as_the_newest_without_changing_the_file) {
    char before[1 << 17], after[1 << 17];
    make_version_1("h");
    size_t size = get_bytes(sample_path("h"), before, sizeof before);
    hd_history history = opened("h", HD_HISTORY_READ);
    cr_expect_eq(count(&history, "SELECT count(*) FROM run WHERE matrix IS NULL"), 1);
    hd_history_close(&history);
    cr_expect_eq(get_bytes(sample_path("h"), after, sizeof after), size);
    cr_expect_arr_eq(before, after, size);
}

Test(history, of_an_older_schema_is_brought_up_to_date_by_who_writes) {
    make_version_1("h");
    hd_history history = opened("h", HD_HISTORY_WRITE);
    hd_history_close(&history);
    history = opened("h", HD_HISTORY_READ);
    cr_expect_eq(count(&history, "PRAGMA user_version"), HD_HISTORY_NEWEST);
    cr_expect_eq(count(&history, "PRAGMA application_id"), HD_HISTORY_APPLICATION);
    cr_expect_eq(count(&history, "SELECT count(*) FROM run WHERE matrix IS NULL"), 1);
    hd_history_close(&history);
}

Test(history, opened_for_reading_is_not_written) {
    hd_history history = opened("h", HD_HISTORY_WRITE);
    hd_history_close(&history);
    history = opened("h", HD_HISTORY_READ);
    cr_expect_neq(sqlite3_exec(history.database, "DELETE FROM run", NULL, NULL, NULL), SQLITE_OK);
    hd_history_close(&history);
}

Test(history, is_written_with_a_rollback_journal_that_is_flushed) {
    hd_history history = opened("h", HD_HISTORY_WRITE);
    cr_expect_eq(count(&history, "PRAGMA synchronous"), 3, "EXTRA");
    cr_expect_eq(count(&history, "PRAGMA foreign_keys"), 1);
    cr_expect_eq(count(&history, "PRAGMA busy_timeout"), HD_HISTORY_PATIENCE * 1000);
    cr_expect_eq(count(&history, "SELECT journal_mode = 'delete' FROM pragma_journal_mode"), 1);
    hd_history_close(&history);
}

Test(history, inspection_finds_damage) {
    hd_history history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 60, 4, NULL);
    cr_expect_eq(hd_history_inspect(&history, &error), HD_OK, "%s", error.message);
    hd_history_close(&history);
    FILE *file = fopen(sample_path("h"), "r+b");
    cr_assert_not_null(file);
    static const char zeros[4096 * 10];
    fseek(file, -(long)sizeof zeros, SEEK_END); /* behind the schema */
    fwrite(zeros, 1, sizeof zeros, file);
    fclose(file);
    history = opened("h", HD_HISTORY_READ);
    cr_expect_eq(hd_history_inspect(&history, &error), HD_INVALID);
    cr_expect(strstr(error.message, "the file is corrupt (") && strstr(error.message, "history recover"),
              "%s", error.message);
    hd_history_close(&history);
}
