/* hyperdrift check --history, as a user meets it: runs stored night after night. */
#include "test/program.h"

#include <sqlite3.h>

TestSuite(keep_run, .init = folder_make, .fini = folder_remove);

static void expect_has(const char *text, const char *part) {
    cr_expect(strstr(text, part), "no '%s' in: %.2000s", part, text);
}

/* The first column of a query's first row. */
static int64_t kept(const char *query) {
    sqlite3 *database;
    sqlite3_stmt *statement;
    cr_assert_eq(sqlite3_open(path_of("h.sqlite"), &database), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(database, query, -1, &statement, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(database));
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW, "%s", sqlite3_errmsg(database));
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return value;
}

Test(keep_run, a_check_is_kept_with_its_records_times_and_figures) {
    hyperdrift("check", "blobs-logistic", "-q", "--history", path_of("h.sqlite"));
    cr_assert_eq(program.status, 0, "%s", program.err);
    char line[256];
    snprintf(line, sizeof line, "kept as run 1 in %s\n", path_of("h.sqlite"));
    expect_has(program.out, line);
    size_t passed = 0;
    cr_assert_eq(sscanf(strstr(program.out, "sqlite\n") + 7, "%zu passed, 0 failed, 0 skipped", &passed), 1);
    cr_expect_eq(kept("SELECT count(*) FROM record"), 6);
    cr_expect_eq(kept("SELECT count(*) FROM timing WHERE seconds > 0 AND peak_bytes > 0 AND sgemm_rate > 0"),
                 6);
    cr_expect_eq(kept("SELECT count(*) FROM figure"), (int64_t)passed);
    cr_expect_eq(kept("SELECT passed FROM run"), (int64_t)passed);
    hyperdrift("check", "blobs-logistic", "-q", "--json", "--history", path_of("h.sqlite"));
    json_t *json = program_json();
    cr_expect_eq(json_integer_value(json_object_get(json, "run")), 2);
    json_decref(json);
    cr_expect_eq(kept("SELECT count(*) FROM result"), 6, "the second night gave the same");
    cr_expect_eq(kept("SELECT count(*) FROM figure"), 2 * (int64_t)passed);
}

Test(keep_run, every_repetition_is_kept_and_has_the_first_one_s_bits) {
    hyperdrift("check", "blobs-logistic", "-q", "--mode", "forward", "--history", path_of("h.sqlite"));
    int64_t once = kept("SELECT passed FROM run");
    hyperdrift("check", "blobs-logistic", "-q", "--mode", "forward", "--repeat", "3", "--out", path_of("out"),
               "--history", path_of("h.sqlite"));
    cr_assert_eq(program.status, 0, "%s", program.err);
    cr_expect_eq(kept("SELECT count(*) FROM timing WHERE record IN (SELECT id FROM record WHERE run = 2)"),
                 9);
    cr_expect_eq(kept("SELECT count(DISTINCT seconds) > 6 FROM timing"), 1);
    cr_expect_eq(kept("SELECT passed FROM run WHERE id = 2"),
                 once + kept("SELECT 2 * count(*) FROM figure WHERE against = 'repetition 1'"));
    cr_expect_eq(access(path_of("out/repetition-3/blobs-logistic/cpu/forward/step-2.json"), R_OK), 0);
}

Test(keep_run, what_failed_is_kept_too) {
    hyperdrift("check", "blobs-logistic", "no-such-experiment", "-q", "--set", "training.steps=9",
               "--history", path_of("h.sqlite"));
    cr_expect_eq(program.status, 2);
    cr_expect_eq(kept("SELECT status FROM run"), 2);
    cr_expect_eq(kept("SELECT count(*) FROM record"), 6);
    cr_expect_eq(kept("SELECT count(*) FROM failure"), 7);
    cr_expect_eq(kept("SELECT failed FROM run"), 7);
}

Test(keep_run, nothing_is_computed_where_the_history_cannot_take_it) {
    put_bytes(path_of("text"), "no history", 10);
    hyperdrift("check", "blobs-logistic", "--history", path_of("text"));
    program_expect_failure(2, "not an SQLite file");
    cr_expect_str_empty(program.out);
    hyperdrift("check", "blobs-logistic", "--history", path_of("no/folder"));
    program_expect_failure(3, "cannot be made: No such file");
    cr_expect_str_empty(program.out);
}

Test(keep_run, nothing_is_computed_under_a_name_that_cannot_be_told) {
    char names[3][300] = {"\xff", "two\nlines"};
    memset(names[2], 'm', 256);
    const char *const said[] = {"its name is not one line of UTF-8 text",
                                "its name is not one line of UTF-8 text", "a name of more than 255 bytes"};
    for (size_t i = 0; i < 3; i++) {
        setenv("HYPERDRIFT_MACHINE", names[i], 1);
        hyperdrift("check", "blobs-logistic", "--history", path_of("h.sqlite"));
        program_expect_failure(2, said[i]);
        cr_expect_str_empty(program.out);
        unsetenv("HYPERDRIFT_MACHINE");
        hyperdrift("check", "blobs-logistic", "--history", path_of("h.sqlite"), "--shard", "1/1", "--matrix",
                   names[i]);
        program_expect_failure(2, i < 2 ? said[i] : "a name of more than");
        cr_expect_str_empty(program.out);
    }
}

/* Links the second repetition's forward records to the first one's reverse records, so that they differ from
 * what the first one computed. */
Test(keep_run, a_repetition_with_other_bits_is_a_failed_figure_that_is_named) {
    char command[512], out[64];
    snprintf(out, sizeof out, "%s/out", folder);
    snprintf(command, sizeof command,
             "mkdir -p %s/blobs-logistic/cpu/reverse %s/repetition-2/blobs-logistic/cpu"
             " && ln -s ../../../blobs-logistic/cpu/reverse %s/repetition-2/blobs-logistic/cpu/forward",
             out, out, out);
    cr_assert_eq(system(command), 0);
    hyperdrift("check", "blobs-logistic", "--repeat", "2", "--out", out, "--history", path_of("h.sqlite"));
    cr_expect_eq(program.status, 1, "%s", program.err);
    expect_has(program.out, "repetition 1");
    expect_has(program.out, "fail bits weights");
    cr_expect_gt(kept("SELECT failed FROM run"), 0);
    cr_expect_gt(kept("SELECT count(*) FROM figure WHERE against = 'repetition 1' AND outcome = 'fail'"), 0);
}
