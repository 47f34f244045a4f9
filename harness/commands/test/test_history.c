/* hyperdrift history: what a user gets of what was kept. */
#include "history/schema.h"
#include "history/sql.h"
#include "test/nights.h"
#include "test/program.h"

#include <sys/resource.h>

TestSuite(command_history, .init = folder_make, .fini = folder_remove);

static hd_error error;
static char file[64]; /* "h" in the test's folder */

static void expect_has(const char *text, const char *part) {
    cr_expect(strstr(text, part), "no '%s' in: %.2000s", part, text);
}

/* Makes `file` with so many nights of two series. */
static hd_history made(size_t nights, nights_plan *plan) {
    snprintf(file, sizeof file, "%s/h", folder);
    hd_history history = nights_open(file);
    nights_add(&history, "alpha", 0, nights, 2, plan);
    return history;
}

static void make(size_t nights, nights_plan *plan) {
    hd_history history = made(nights, plan);
    hd_history_close(&history);
}

static void change(const char *statements) {
    sqlite3 *database;
    cr_assert_eq(sqlite3_open(file, &database), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(database, statements, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(database));
    sqlite3_close(database);
}

static json_t *list(void) {
    hyperdrift("history", "list", file, "--json");
    cr_assert_eq(program.status, 0, "%s", program.err);
    return program_json();
}

static size_t runs(void) {
    json_t *json = list();
    size_t count = json_array_size(json_object_get(json, "runs"));
    json_decref(json);
    return count;
}

/* --- looking --- */

static void fails_on_the_third(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)series, (void)record;
    if (night == 2) hd_compare_number(verdict, "validation_error", NAN, 1, HD_RELATIVE, 1e-5, true);
}

Test(command_history, lists_a_line_a_run) {
    make(3, fails_on_the_third);
    hyperdrift("history", "list", file);
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(
        program.out,
        "\n    1  2025-12-01T02:00:00Z  alpha         c000000           pass          0      24       0");
    expect_has(
        program.out,
        "\n    3  2025-12-03T02:00:00Z  alpha         c000000           fail          1      24       6");
    expect_has(program.out, "synthetic-0\n");
    json_t *json = list();
    cr_expect_eq(json_array_size(json_object_get(json, "runs")), 3);
    cr_expect_eq(json_integer_value(program_value(json, "runs.2.failed")), 6);
    cr_expect_eq(json_integer_value(program_value(json, "runs.2.seconds")), 600);
    cr_expect_str_eq(json_string_value(program_value(json, "runs.2.verdict")), "fail");
    cr_expect_str_eq(json_string_value(program_value(json, "runs.2.experiments.0")), "synthetic-0");
    json_decref(json);
}

Test(command_history, of_nothing_says_so) {
    make(0, NULL);
    hyperdrift("history", "list", file);
    cr_expect_eq(program.status, 0);
    expect_has(program.out, "h: has no runs\n");
    hyperdrift("history", "verify", file);
    expect_has(program.out, "h: 0 runs, all whole\n");
    cr_expect_eq(runs(), 0);
}

Test(command_history, shows_a_run_with_its_records_and_what_failed) {
    make(3, fails_on_the_third);
    hyperdrift("history", "show", file, "3");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "run 3, started 2025-12-03 02:00:00 UTC on alpha, kept 2025-12-03 02:10:00\n");
    expect_has(program.out, "synthetic-0 on cpu (AMD EPYC, 2 threads; experiment 00000000, data bbbbbbbb)\n");
    expect_has(program.out, "  hyper-iteration 2, reverse: result ");
    expect_has(program.out, "    fail validation_error: nan, expected 1; off by nan, relative nan; allowed "
                            "relative 1e-05; NaN or Inf is within no tolerance\n");
    expect_has(program.out, "  cpu                  AMD EPYC\n");
    expect_has(program.out, "24 passed, 6 failed, 0 known, 0 skipped; exit status 1\n");
    cr_expect_null(strstr(program.out, "pass hypergradient"), "only what failed");
    hyperdrift("history", "show", file, "3", "--verbose");
    expect_has(program.out, "pass hypergradient");
    hyperdrift("history", "show", file, "3", "--json");
    json_t *json = program_json();
    cr_expect_eq(json_array_size(json_object_get(json, "runs")), 1);
    cr_expect_eq(json_array_size(program_value(json, "runs.0.records")), 6);
    cr_expect_eq(json_object_size(json_object_get(json, "results")), 6);
    json_decref(json);
    hyperdrift("history", "show", file, "4");
    program_expect_failure(2, "h: has no run 4");
    hyperdrift("history", "show", file, "4", "--json");
    program_expect_failure(2, "h: has no run 4");
    hyperdrift("history", "show", file, "3x");
    program_expect_failure(2, "3x: is not the number of a run");
}

Test(command_history, is_told_what_to_do) {
    make(1, NULL);
    hyperdrift("history");
    program_expect_failure(2, "history: say which: history changes, history list");
    hyperdrift("history", "list");
    program_expect_failure(2, "history list: name a history, nothing else");
    hyperdrift("history", "burn", file);
    program_expect_failure(2, "command history burn: not known; allowed: history changes, history list");
    hyperdrift("history", "show", file);
    program_expect_failure(2, "history show: name a history and the number of a run");
    hyperdrift("history", "list", file, file);
    program_expect_failure(2, "history list: name a history, nothing else");
    hyperdrift("history", "export", file);
    program_expect_failure(2, "say either --csv or --json");
    hyperdrift("history", "prune", file);
    program_expect_failure(2, "say either --keep-nights N or --run RUN");
    hyperdrift("history", "recover", file);
    program_expect_failure(2, "--out NEW is missing");
    hyperdrift("history", "recover", file, "--out", file);
    program_expect_failure(2, "h: is there already");
}

/* --- export --- */

Test(command_history, exports_all_that_it_holds_as_json) {
    make(3, fails_on_the_third);
    hyperdrift("history", "export", file, "--json", "--out", path_of("x.json"));
    cr_assert_eq(program.status, 0, "%s", program.err);
    cr_expect_str_empty(program.out);
    json_t *json = json_load_file(path_of("x.json"), JSON_REJECT_DUPLICATES, NULL), *record, *sha256;
    cr_assert_not_null(json);
    cr_expect_str_eq(json_string_value(json_object_get(json, "format")), "hyperdrift-history/1");
    size_t i, j, seen = 0;
    json_array_foreach(program_value(json, "runs.2.records"), i, record) {
        const char *result = json_string_value(json_object_get(record, "result"));
        cr_expect_not_null(json_object_get(json_object_get(json, "results"), result));
        const char *provenance = json_string_value(json_object_get(record, "provenance"));
        cr_expect_not_null(json_object_get(json_object_get(json, "provenance"), provenance));
        cr_expect_eq(json_array_size(json_object_get(record, "timings")), 1);
        json_array_foreach(json_object_get(record, "verdicts"), j, sha256) {
            const json_t *verdict =
                json_object_get(json_object_get(json, "verdicts"), json_string_value(sha256));
            json_t *quantities = json_object_get(verdict, "quantities");
            cr_expect_eq(json_array_size(quantities), 5);
            cr_expect_str_eq(json_string_value(program_value(quantities, "4.value")), "nan");
            cr_expect_str_eq(json_string_value(json_object_get(verdict, "worst_budget")), "inf");
            seen++;
        }
    }
    cr_expect_eq(seen, 6);
    cr_expect_str_eq(json_string_value(program_value(json, "runs.0.arguments.1")), "check");
    json_decref(json);
}

static void strange_names(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)verdict;
    strcpy(record->hyper[0].name, "rho_l1_0");
    if (series) return;
    strcpy(record->experiment, "comma, \"quote\"\nline");
    strcpy(record->hyper[0].name, "rho_l2_7");
    record->hyper[0].hypergradient = -0.0;
}

/* One field of RFC 4180, into text; gives what follows its comma or line end. */
static const char *field(const char *at, char *text) {
    if (*at == '"') {
        for (at++; *at != '"' || at[1] == '"'; at++) {
            at += *at == '"';
            *text++ = *at;
        }
        at++;
    } else {
        while (!strchr(",\r", *at)) *text++ = *at++;
    }
    *text = '\0';
    cr_assert(*at == ',' || (at[0] == '\r' && at[1] == '\n'));
    return at + (*at == ',' ? 1 : 2);
}

enum { ROWS = 13, COLUMNS = 80 };
static char cells[ROWS][COLUMNS][256];

/* Reads a table of ROWS rows; gives how many columns it has. */
static size_t read_table(const char *at) {
    size_t columns = 0;
    for (size_t row = 0; row < ROWS; row++) {
        size_t c = 0;
        for (bool more = true; more; c++) {
            at = field(at, cells[row][c]);
            more = at[-1] == ',';
        }
        if (!columns) columns = c;
        cr_assert_eq(c, columns, "row %zu has %zu fields", row, c);
    }
    cr_expect_eq(*at, '\0', "there are more rows");
    return columns;
}

static const char *cell(size_t row, const char *column) {
    size_t c = 0;
    while (c < COLUMNS && strcmp(cells[0][c], column) != 0) c++;
    cr_assert_lt(c, COLUMNS, "no column %s", column);
    return cells[row][c];
}

Test(command_history, exports_a_row_for_each_repetition_as_csv) {
    make(2, strange_names);
    hyperdrift("history", "export", file, "--csv");
    cr_assert_eq(program.status, 0, "%s", program.err);
    cr_expect_eq(read_table(program.out), 56);
    cr_expect_str_eq(cell(1, "experiment"), "comma, \"quote\"\nline");
    cr_expect_str_eq(cell(1, "hypergradient rho_l2_7"), "-0");
    cr_expect_str_eq(cell(4, "hypergradient rho_l2_7"), "", "another experiment has it not");
    cr_expect_str_eq(cell(12, "run"), "2");
    cr_expect_str_eq(cell(12, "step"), "2");
    cr_expect(atof(cell(12, "seconds")) > 0.1 && atof(cell(12, "seconds")) < 0.3);
    cr_expect_eq(atof(cell(7, "validation_error")), (double)2.06643f);
    cr_expect_str_eq(cell(7, "figures"), "4");
}

Test(command_history, with_numbers_that_no_result_can_have_is_not_exported_as_csv) {
    make(2, NULL);
    change(
        "UPDATE record SET result = -1000000 WHERE result = 1; UPDATE result SET id = -1000000 WHERE id = 1");
    hyperdrift("history", "export", file, "--csv");
    cr_expect_eq(program.status, 2, "%s", program.err);
    expect_has(program.err, "h: result -1000000 has a number that none can have");
}

Test(command_history, with_a_text_that_is_no_utf8_is_bad_input_as_json) {
    make(2, NULL);
    change("UPDATE run SET host = CAST(x'ff80fe' AS TEXT)");
    hyperdrift("history", "list", file, "--json");
    cr_expect_eq(program.status, 2, "%s", program.err);
    expect_has(program.err, "h: could not be listed: a text in it is not UTF-8");
    hyperdrift("history", "export", file, "--json");
    cr_expect_eq(program.status, 2, "%s", program.err);
    expect_has(program.err, "h: could not be exported: a text in it is not UTF-8");
    hyperdrift("history", "list", file);
    cr_expect_eq(program.status, 0, "%s", program.err);
}

Test(command_history, with_a_text_that_is_no_json_is_not_exported_as_json) {
    make(2, NULL);
    change("UPDATE provenance SET json = substr(json, 2) WHERE id = 1");
    hyperdrift("history", "export", file, "--json", "--out", path_of("x.json"));
    program_expect_failure(2, " is no JSON");
    change("UPDATE provenance SET json = '{' || json, sha256 = CAST(x'ff' AS TEXT) WHERE id = 1");
    hyperdrift("history", "export", file, "--json", "--out", path_of("x.json"));
    program_expect_failure(2, "a text in it is not UTF-8");
    cr_expect_eq(folder_entries(), 1);
}

Test(command_history, exports_an_infinite_number_as_a_text) {
    make(2, NULL);
    change("UPDATE timing SET seconds = 9e999");
    hyperdrift("history", "export", file, "--json");
    cr_assert_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "\"seconds\":\"inf\"");
}

Test(command_history, an_export_that_cannot_be_written_leaves_nothing) {
    make(3, NULL);
    program.file_size = 1024;
    hyperdrift("history", "export", file, "--csv", "--out", path_of("x.csv"));
    program_expect_failure(3, "x.csv: cannot be written: File too large");
    program.file_size = 0;
    cr_expect_eq(folder_entries(), 1);
}

Test(command_history, is_not_replaced_by_what_is_made_of_it) {
    make(3, NULL);
    cr_assert_eq(symlink("h", path_of("link")), 0);
    hyperdrift("history", "export", file, "--csv", "--out", path_of("link"));
    program_expect_failure(2, "link: is the history itself");
    hyperdrift("report", file, "--out", file);
    program_expect_failure(2, "h: the page would take the place of what it is made of");
    cr_expect_eq(runs(), 3);
}

/* --- pruning --- */

static void changes_on_the_fifth(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)verdict;
    if (night >= 5 && series == 1 && record->step == 2) record->hyper[1].hypergradient *= 2;
}

Test(command_history, forgets_old_nights_but_not_those_at_which_a_number_changed) {
    make(20, changes_on_the_fifth);
    hyperdrift("history", "prune", file, "--keep-nights", "10", "--dry-run");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out,
               "would forget 7 of 20 runs, started from 2025-12-02T02:00:00Z to 2025-12-10T02:00:00Z; "
               "older, but kept for a number that changed there: 3\n");
    cr_expect_eq(runs(), 20);
    hyperdrift("history", "prune", file, "--keep-nights", "10");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "forgot 7 of 20 runs");
    json_t *json = list();
    size_t left = json_array_size(json_object_get(json, "runs"));
    cr_expect_eq(left, 13);
    static const json_int_t ids[] = {1, 5, 6, 11};
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(
            json_integer_value(json_object_get(json_array_get(json_object_get(json, "runs"), i), "run")),
            ids[i]);
    json_decref(json);
    hyperdrift("history", "verify", file);
    expect_has(program.out, "13 runs, all whole");
}

Test(command_history, forgets_a_run_that_should_not_have_been_kept) {
    make(4, NULL);
    hyperdrift("history", "prune", file, "--run", "5");
    program_expect_failure(2, "h: has no run 5");
    hyperdrift("history", "prune", file, "--run", "2", "--keep-nights", "1");
    program_expect_failure(2, "say either --keep-nights N or --run RUN");
    hyperdrift("history", "prune", file, "--run", "2", "--dry-run");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out,
               "would forget 1 of 4 runs, started from 2025-12-02T02:00:00Z to 2025-12-02T02:00:00Z\n");
    cr_expect_eq(runs(), 4);
    hyperdrift("history", "prune", file, "--run", "2");
    cr_expect_eq(program.status, 0, "%s", program.err);
    cr_expect_eq(runs(), 3);
    hyperdrift("history", "show", file, "2");
    program_expect_failure(2, "has no run 2");
    hyperdrift("history", "verify", file);
    expect_has(program.out, "3 runs, all whole");
}

static void on_beta(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)verdict;
    record->hyper[1].hypergradient *= 2;
}

Test(command_history, forgets_nights_on_which_hosts_that_disagree_took_turns) {
    hd_history history = made(1, NULL);
    for (size_t night = 1; night < 20; night++)
        nights_add(&history, night % 2 ? "beta" : "alpha", night, 1, 2, night % 2 ? on_beta : NULL);
    hd_history_close(&history);
    hyperdrift("history", "prune", file, "--keep-nights", "10", "--dry-run");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "would forget 8 of 20 runs, started from 2025-12-03T02:00:00Z to ");
    expect_has(program.out, "; older, but kept for a number that changed there: 2\n");
}

Test(command_history, what_no_run_has_any_more_goes_with_it) {
    hd_history history = made(3, NULL);
    hd_sql sql = {.history = &history, .doing = "test", .error = &error};
    static const char rows[] =
        "SELECT (SELECT count(*) FROM result) + (SELECT count(*) FROM provenance) * 1000"
        " + (SELECT count(*) FROM verdict) * 1000000";
    int64_t before = hd_sql_whole(&sql, rows);
    nights_add(&history, "alpha", 30, 2, 4, changes_on_the_fifth);
    cr_expect_gt(hd_sql_whole(&sql, rows), before);
    hd_sql_run(&sql, "PRAGMA foreign_keys = ON; DELETE FROM run WHERE id > 3");
    cr_assert_eq(sql.status, HD_OK, "%s", error.message);
    nights_add(&history, "alpha", 40, 1, 2, NULL);
    hd_history_close(&history);
    hyperdrift("history", "prune", file, "--keep-nights", "1");
    cr_expect_eq(program.status, 0, "%s", program.err);
    cr_assert_eq(hd_history_open(file, HD_HISTORY_READ, &history, &error), HD_OK);
    cr_expect_eq(hd_sql_whole(&sql, "SELECT count(*) FROM result"), 6);
    cr_expect_eq(hd_sql_whole(&sql, "SELECT count(*) FROM series"), 2);
    cr_expect_eq(hd_sql_whole(&sql, "SELECT count(*) FROM provenance"), 2, "of the first run and the last");
    cr_expect_eq(hd_history_verify(&history, &error), HD_OK, "%s", error.message);
    hd_history_close(&history);
}

/* --- bad input, with the run that was to be kept --- */

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

/* Neither writers nor readers take the file, nothing is computed, and it is as it was. */
static void expect_refused(int status, const char *part) {
    remember_file();
    check_into_it();
    program_expect_failure(status, part);
    cr_expect_str_empty(program.out);
    hyperdrift("history", "list", file);
    program_expect_failure(status, part);
    expect_untouched();
}

/* Counts the last record's verdict out of its page: no reader comes by it, and no reference leads there. */
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
    expect_refused(2, "is no SQLite file, or its header is gone");
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
    program_expect_failure(2, " cannot be read whole: lost");
    size_t saved = 0, found = 0;
    cr_expect_eq(sscanf(program.out, "%zu of %zu runs saved in", &saved, &found), 2, "%s", program.out);
    cr_expect_lt(saved, found);
    cr_expect_gt(saved, 0);
    expect_untouched();
    hyperdrift("history", "verify", path_of("saved"));
    cr_expect_eq(program.status, 0, "%s", program.err);
    char line[64];
    snprintf(line, sizeof line, "saved: %zu run%s, all whole\n", saved, saved == 1 ? "" : "s");
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
    program_expect_failure(2, "is no SQLite file, or its header is gone: nothing can be saved of it");
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
               "the clock has gone back since this machine's run before was kept: this one is placed "
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
               "blobs-logistic is another experiment than on the nights before (hash ");
    json_decref(json);
    hyperdrift("check", "blobs-logistic", "--mode", "forward", "-q", "--set", "training.steps=9", "--history",
               file);
    cr_expect_null(strstr(program.out, "another experiment"), "said once");
}

/* The run is judged and told of; the file is as it was. */
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

/* Runs a script of the shell with $1 the program and $2 the folder, where it may mount. */
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
