/* hyperdrift history: what it shows of what was stored. */
#include "commands/test/history_file.h"
#include "history/sql.h"

TestSuite(command_history, .init = folder_make, .fini = folder_remove);

static hd_error error;

/* --- list and show --- */

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
    expect_has(program.out, "h: 0 runs, all intact\n");
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
                            "relative 1e-05; no tolerance admits NaN or Inf\n");
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
    program_expect_failure(2, "history: name one of: history changes, history list");
    hyperdrift("history", "list");
    program_expect_failure(2, "history list: name a history, nothing else");
    hyperdrift("history", "burn", file);
    program_expect_failure(2, "command history burn: not known; allowed: history changes, history list");
    hyperdrift("history", "show", file);
    program_expect_failure(2, "history show: name a history and the number of a run");
    hyperdrift("history", "list", file, file);
    program_expect_failure(2, "history list: name a history, nothing else");
    hyperdrift("history", "export", file);
    program_expect_failure(2, "give either --csv or --json");
    hyperdrift("history", "prune", file);
    program_expect_failure(2, "give either --keep-nights N or --run RUN");
    hyperdrift("history", "recover", file);
    program_expect_failure(2, "--out NEW is missing");
    hyperdrift("history", "recover", file, "--out", file);
    program_expect_failure(2, "h: already exists");
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

/* Reads one RFC 4180 field into text; gives what follows its comma or line end. */
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

/* Reads a table of ROWS rows; gives the number of columns. */
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
    expect_has(program.err, "h: result -1000000 has a number that no result can have");
}

Test(command_history, with_a_text_that_is_no_utf8_is_bad_input_as_json) {
    make(2, NULL);
    change("UPDATE run SET host = CAST(x'ff80fe' AS TEXT)");
    hyperdrift("history", "list", file, "--json");
    cr_expect_eq(program.status, 2, "%s", program.err);
    expect_has(program.err, "h: could not be listed: a string in it is not UTF-8");
    hyperdrift("history", "export", file, "--json");
    cr_expect_eq(program.status, 2, "%s", program.err);
    expect_has(program.err, "h: could not be exported: a string in it is not UTF-8");
    hyperdrift("history", "list", file);
    cr_expect_eq(program.status, 0, "%s", program.err);
}

Test(command_history, with_a_text_that_is_no_json_is_not_exported_as_json) {
    make(2, NULL);
    change("UPDATE provenance SET json = substr(json, 2) WHERE id = 1");
    hyperdrift("history", "export", file, "--json", "--out", path_of("x.json"));
    program_expect_failure(2, " is not JSON");
    change("UPDATE provenance SET json = '{' || json, sha256 = CAST(x'ff' AS TEXT) WHERE id = 1");
    hyperdrift("history", "export", file, "--json", "--out", path_of("x.json"));
    program_expect_failure(2, "a string in it is not UTF-8");
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
    program_expect_failure(2, "h: the page would overwrite one of its own inputs");
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
               "older, but kept because a number changed there: 3\n");
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
    expect_has(program.out, "13 runs, all intact");
}

Test(command_history, forgets_a_run_that_should_not_have_been_kept) {
    make(4, NULL);
    hyperdrift("history", "prune", file, "--run", "5");
    program_expect_failure(2, "h: has no run 5");
    hyperdrift("history", "prune", file, "--run", "2", "--keep-nights", "1");
    program_expect_failure(2, "give either --keep-nights N or --run RUN");
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
    expect_has(program.out, "3 runs, all intact");
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
    expect_has(program.out, "; older, but kept because a number changed there: 2\n");
}

Test(command_history, what_no_run_has_any_more_goes_with_it) {
    hd_history history = made(3, NULL);
    hd_sql sql = {.history = &history, .doing = "test", .error = &error};
    static const char rows[] =
        "SELECT (SELECT count(*) FROM result) + (SELECT count(*) FROM provenance) * 1000"
        " + (SELECT count(*) FROM verdict) * 1000000";
    int64_t before = hd_sql_whole(&sql, rows, "");
    nights_add(&history, "alpha", 30, 2, 4, changes_on_the_fifth);
    cr_expect_gt(hd_sql_whole(&sql, rows, ""), before);
    hd_sql_run(&sql, "PRAGMA foreign_keys = ON; DELETE FROM run WHERE id > 3");
    cr_assert_eq(sql.status, HD_OK, "%s", error.message);
    nights_add(&history, "alpha", 40, 1, 2, NULL);
    hd_history_close(&history);
    hyperdrift("history", "prune", file, "--keep-nights", "1");
    cr_expect_eq(program.status, 0, "%s", program.err);
    cr_assert_eq(hd_history_open(file, HD_HISTORY_READ, &history, &error), HD_OK);
    cr_expect_eq(hd_sql_whole(&sql, "SELECT count(*) FROM result", ""), 6);
    cr_expect_eq(hd_sql_whole(&sql, "SELECT count(*) FROM series", ""), 2);
    cr_expect_eq(hd_sql_whole(&sql, "SELECT count(*) FROM provenance", ""), 2,
                 "of the first run and the last");
    cr_expect_eq(hd_history_verify(&history, &error), HD_OK, "%s", error.message);
    hd_history_close(&history);
}
