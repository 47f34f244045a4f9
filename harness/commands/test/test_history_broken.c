/* hyperdrift history and check --history with a bad file or disk: nothing is lost or half written. */
#include "commands/test/history_file.h"
#include "history/schema.h"

#include <sys/resource.h>

static char before[1 << 21], after[1 << 21];
static size_t size_before;

static void remember_file(void) {
    size_before = get_bytes(file, before, sizeof before);
}

static void expect_untouched(void) {
    cr_expect_eq(get_bytes(file, after, sizeof after), size_before);
    cr_expect_arr_eq(before, after, size_before);
    cr_expect_neq(access(path_of("h-journal"), F_OK), 0, "a journal was left behind");
}

static void check_into_it(void) {
    hyperdrift("check", "blobs-logistic", "--mode", "forward", "-q", "--history", file);
}

/* Expects writers and readers to refuse the file, compute nothing, and leave it as it was. */
static void expect_refused(int status, const char *part) {
    remember_file();
    check_into_it();
    program_expect_failure(status, part);
    cr_expect_str_empty(program.out);
    hyperdrift("history", "list", file);
    program_expect_failure(status, part);
    expect_untouched();
}

/* Removes the last record's verdict from its page by the page's count: no reader reaches it, and no reference
 * leads there. */
static void hide_a_verdict(void) {
    sqlite3 *database;
    sqlite3_stmt *query;
    cr_assert_eq(sqlite3_open(file, &database), SQLITE_OK);
    sqlite3_prepare_v2(database, "SELECT rootpage FROM sqlite_schema WHERE name = 'record_verdict'", -1,
                       &query, NULL);
    cr_assert_eq(sqlite3_step(query), SQLITE_ROW);
    long page = (sqlite3_column_int(query, 0) - 1L) * 4096;
    sqlite3_finalize(query);
    sqlite3_close(database);
    FILE *stream = fopen(file, "r+b");
    cr_assert_not_null(stream);
    cr_assert_eq(fseek(stream, page + 4, SEEK_SET), 0);
    int count = getc(stream);
    cr_assert_eq(fseek(stream, page + 4, SEEK_SET), 0);
    putc(count - 1, stream);
    cr_assert_eq(fclose(stream), 0);
}

Test(command_history, that_is_missing_or_corrupt_forgets_nothing) {
    snprintf(file, sizeof file, "%s/h", folder);
    hyperdrift("history", "prune", file, "--keep-nights", "1");
    program_expect_failure(2, "h: No such file");
    cr_expect_eq(folder_entries(), 0);
    make(12, NULL);
    hide_a_verdict();
    remember_file();
    hyperdrift("history", "prune", file, "--keep-nights", "1");
    program_expect_failure(2, "the file is corrupt (");
    expect_untouched();
}

Test(command_history, of_a_newer_schema_is_left_alone) {
    char newer[64], said[128];
    make(2, NULL);
    snprintf(newer, sizeof newer, "PRAGMA user_version = %d", HD_HISTORY_NEWEST + 1);
    change(newer);
    snprintf(said, sizeof said, "is a history of schema %d, and this program knows schemas up to %d",
             HD_HISTORY_NEWEST + 1, HD_HISTORY_NEWEST);
    expect_refused(2, said);
}

Test(command_history, is_not_made_of_something_else) {
    snprintf(file, sizeof file, "%s/h", folder);
    put_bytes(file, "# Results\n\nAll is well.\n", 24);
    expect_refused(2, "not an SQLite file, or its header is damaged");
    cr_assert_eq(remove(file), 0);
    change("CREATE TABLE mail (message); INSERT INTO mail VALUES ('keep me')");
    expect_refused(2, "is another program's SQLite file, not a history");
}

Test(command_history, of_the_first_schema_is_read_and_then_written) {
    char version[96];
    snprintf(file, sizeof file, "%s/h", folder);
    change(hd_history_schema[0]);
    change("INSERT INTO run VALUES (1, 'u', '', 5, '2025-01-01T00:00:00Z', '2025-01-01T00:01:00Z', 0, 'old', "
           "'v', 'c', '[]',"
           " 0, 1, 0, 0, 0)");
    snprintf(version, sizeof version, "PRAGMA user_version = 1; PRAGMA application_id = %d",
             HD_HISTORY_APPLICATION);
    change(version);
    remember_file();
    cr_expect_eq(runs(), 1);
    expect_untouched();
    check_into_it();
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "kept as run 2 in ");
    cr_expect_eq(runs(), 2);
}

Test(command_history, that_another_holds_is_waited_for_and_then_given_up) {
    make(2, NULL);
    remember_file();
    sqlite3 *other;
    cr_assert_eq(sqlite3_open(file, &other), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    time_t start = time(NULL);
    check_into_it();
    program_expect_failure(3, "locked by another process for more than 10 seconds");
    cr_expect_geq(time(NULL) - start, HD_HISTORY_PATIENCE - 1);
    cr_expect_str_empty(program.out);
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    expect_untouched();
}

Test(command_history, that_is_corrupt_is_not_added_to_and_what_is_whole_is_saved) {
    make(40, NULL);
    FILE *stream = fopen(file, "r+b");
    cr_assert_not_null(stream);
    cr_assert_eq(fseek(stream, -4096 * 3, SEEK_END), 0);
    for (int i = 0; i < 4096; i++) putc(i * 7 % 251, stream);
    cr_assert_eq(fclose(stream), 0);
    remember_file();
    check_into_it();
    program_expect_failure(2, "the file is corrupt (");
    expect_has(program.err, "history recover");
    cr_expect_str_empty(program.out);
    hyperdrift("history", "verify", file);
    program_expect_failure(2, "the file is corrupt (");
    hyperdrift("history", "recover", file, "--out", path_of("saved"));
    program_expect_failure(2, " cannot be read whole and are lost");
    size_t saved = 0, found = 0;
    cr_expect_eq(sscanf(program.out, "%zu of %zu runs saved in", &saved, &found), 2, "%s", program.out);
    cr_expect_lt(saved, found);
    cr_expect_gt(saved, 0);
    expect_untouched();
    hyperdrift("history", "verify", path_of("saved"));
    cr_expect_eq(program.status, 0, "%s", program.err);
    char line[64];
    snprintf(line, sizeof line, "saved: %zu run%s, all intact\n", saved, saved == 1 ? "" : "s");
    expect_has(program.out, line);
}

Test(command_history, that_could_not_be_saved_for_want_of_room_may_be_tried_again) {
    make(40, NULL);
    struct rlimit room;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &room), 0);
    rlim_t enough = room.rlim_cur;
    room.rlim_cur = 65536;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &room), 0);
    hyperdrift("history", "recover", file, "--out", path_of("saved"));
    cr_expect_eq(program.status, 3, "%s", program.err);
    room.rlim_cur = enough;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &room), 0);
    hyperdrift("history", "recover", file, "--out", path_of("saved"));
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "40 of 40 runs saved in ");
}

Test(command_history, whose_header_is_gone_cannot_be_saved_and_says_so) {
    make(5, NULL);
    FILE *stream = fopen(file, "r+b");
    cr_assert_not_null(stream);
    for (int i = 0; i < 100; i++) putc(0, stream);
    cr_assert_eq(fclose(stream), 0);
    hyperdrift("history", "recover", file, "--out", path_of("saved"));
    program_expect_failure(2,
                           "not an SQLite file, or its header is damaged: nothing can be recovered from it");
    cr_expect_neq(access(path_of("saved"), F_OK), 0);
}

Test(command_history, that_is_cut_short_gives_what_is_left) {
    make(40, NULL);
    struct stat is;
    cr_assert_eq(stat(file, &is), 0);
    cr_assert_eq(truncate(file, is.st_size * 4 / 5), 0);
    check_into_it();
    program_expect_failure(2, "the file is corrupt (");
    hyperdrift("history", "recover", file, "--out", path_of("saved"));
    cr_expect_eq(program.status, 2);
    expect_has(program.out, " runs saved in ");
}

Test(command_history, keeps_a_run_in_its_place_though_the_clock_went_back) {
    hd_history history = made(0, NULL);
    char host[256] = "";
    cr_assert_eq(gethostname(host, sizeof host - 1), 0);
    nights_add(&history, host, 50000, 1, 1, NULL); /* a night in the future */
    hd_history_close(&history);
    check_into_it();
    cr_expect_eq(program.status, 3, "%s", program.err);
    expect_has(program.out,
               "the clock has gone back since this machine's previous run was kept: this run is ordered "
               "after it\nkept as run 2 in ");
    hyperdrift("history", "list", file);
    expect_has(program.out, "blobs-logistic; the clock had gone back\n");
    json_t *json = list();
    cr_expect_eq(json_integer_value(program_value(json, "runs.1.run")), 2);
    cr_expect_eq(json_integer_value(program_value(json, "runs.1.status")), 3);
    json_decref(json);
    check_into_it();
    cr_expect_eq(program.status, 0, "said once: %s", program.out);
}

Test(command_history, tells_another_experiment_of_the_same_name_by_its_hash) {
    make(0, NULL);
    check_into_it();
    cr_expect_eq(program.status, 0);
    cr_expect_null(strstr(program.out, "another experiment"));
    hyperdrift("check", "blobs-logistic", "--mode", "forward", "--json", "--set", "training.steps=9",
               "--history", file);
    json_t *json = program_json();
    cr_expect_eq(json_array_size(json_object_get(json, "notes")), 1);
    expect_has(json_string_value(program_value(json, "notes.0")),
               "blobs-logistic is a different experiment than on the nights before (hash ");
    json_decref(json);
    hyperdrift("check", "blobs-logistic", "--mode", "forward", "-q", "--set", "training.steps=9", "--history",
               file);
    cr_expect_null(strstr(program.out, "another experiment"), "said once");
}

/* Expects the run to be judged and printed, and the file to be as it was. */
static void expect_not_kept(const char *part) {
    cr_expect_eq(program.status, 3, "%d: %s", program.status, program.err);
    expect_has(program.err, part);
    expect_has(program.out, " passed, 0 failed, 0 skipped\n");
    cr_expect_null(strstr(program.out, "kept as run"), "%s", program.out);
}

Test(command_history, that_may_not_grow_stays_as_it_is) {
    make(30, NULL);
    remember_file();
    program.file_size = size_before;
    check_into_it();
    program.file_size = 0;
    expect_not_kept("the run could not be kept: ");
    expect_untouched();
    hyperdrift("history", "verify", file);
    cr_expect_eq(program.status, 0, "%s", program.err);
}

/* Runs a shell script with $1 the program and $2 the folder, with permission to mount. */
static void with_mounts(const char *script) {
    program_run((const char *const[]){"/usr/bin/unshare", "--user", "--map-root-user", "--mount", "/bin/sh",
                                      "-c", script, "sh", HD_PROGRAM, folder, NULL});
    if (program.status == 99 || strstr(program.err, "unshare")) skip("no file system may be mounted here");
}

Test(command_history, on_a_full_disk_stays_as_it_is) {
    make(30, NULL);
    with_mounts("mkdir $2/disk && mount -t tmpfs -o size=320k tmpfs $2/disk || exit 99\n"
                "cp $2/h $2/disk/h && cp $2/h $2/copy\n"
                "dd if=/dev/zero of=$2/disk/filler bs=4k 2>/dev/null\n"
                "dd if=/dev/zero of=$2/disk/filler bs=4k count=1 conv=trunc 2>/dev/null; truncate -s 0 "
                "$2/disk/filler\n"
                "dd if=/dev/zero of=$2/disk/filler bs=4k count=$(($(df --output=avail -k $2/disk | tail -n "
                "1) / 4 - 6))"
                " 2>/dev/null\n"
                "$1 check blobs-logistic --mode forward -q --history $2/disk/h; status=$?\n"
                "cmp $2/disk/h $2/copy && ls $2/disk; exit $status");
    cr_expect_eq(program.status, 3, "%s", program.err);
    expect_has(program.err, "disk/h: the run could not be kept: the disk is full");
    expect_has(program.out, " passed, 0 failed, 0 skipped\nfiller\nh\n");
}

Test(command_history, on_a_disk_that_is_read_only_is_read_and_not_written) {
    make(3, NULL);
    with_mounts("mkdir $2/disk && mount -t tmpfs -o size=4m tmpfs $2/disk && cp $2/h $2/disk/h"
                " && mount -o remount,ro $2/disk || exit 99\n"
                "$1 history list $2/disk/h | tail -n 1 || exit 98\n"
                "$1 check blobs-logistic --mode forward -q --history $2/disk/h");
    program_expect_failure(3, "disk/h: cannot be opened as a history: the file or its folder is read-only");
    expect_has(program.out, "    3  2025-12-03T02:00:00Z");
}
