/* hyperdrift merge: joins the shards of a matrix, and gives one verdict. */
#include "test/program.h"

#include <sqlite3.h>

TestSuite(command_merge, .init = folder_make, .fini = folder_remove);

static const char faulty_program[] = HD_PROGRAM "-faults";

static void expect_has(const char *text, const char *part) {
    cr_expect(strstr(text, part), "no '%s' in: %.2000s", part, text);
}

/* Runs shard `shard` of 2 of the matrix "m", both modes of two experiments, into a history of its own. */
static void run_shard(const char *with, const char *shard, const char *file) {
    program_run((const char *const[]){with, "check", "blobs-logistic", "blobs-one-hidden", "-q", "--shard",
                                      shard, "--matrix", "m", "--history", path_of(file), NULL});
}

static void run_both(void) {
    run_shard(HD_PROGRAM, "1/2", "1.sqlite");
    cr_assert_eq(program.status, 0, "%s", program.err);
    run_shard(HD_PROGRAM, "2/2", "2.sqlite");
    cr_assert_eq(program.status, 0, "%s", program.err);
}

static size_t passed(void) {
    const char *line = strstr(program.out, " passed, 0 failed, 0 skipped\n");
    cr_assert_not_null(line, "%s%s", program.out, program.err);
    while (line > program.out && line[-1] != '\n') line--;
    return strtoul(line, NULL, 10);
}

Test(command_merge, gives_what_one_machine_would_have_given) {
    run_both();
    hyperdrift("merge", path_of("all.sqlite"), path_of("1.sqlite"), path_of("2.sqlite"));
    cr_assert_eq(program.status, 0, "%s%s", program.out, program.err);
    size_t merged = passed();
    expect_has(program.out, "matrix m: 2 of 2 shards\n");
    expect_has(program.out,
               "12 records in the exact arithmetic, 0 of them also made elsewhere: nothing to compare\n");
    expect_has(program.out, ": 2 new runs, 0 already there\n");
    hyperdrift("check", "blobs-logistic", "blobs-one-hidden", "-q");
    cr_expect_eq(merged, passed());
}

Test(command_merge, changes_nothing_when_it_is_done_again_nor_where_it_reads) {
    static char before[1 << 20], after[1 << 20];
    run_both();
    size_t size = get_bytes(path_of("2.sqlite"), before, sizeof before);
    hyperdrift("merge", path_of("1.sqlite"), path_of("2.sqlite"));
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, ": 1 new run, 0 already there\n");
    cr_expect_eq(get_bytes(path_of("2.sqlite"), after, sizeof after), size);
    cr_expect_arr_eq(before, after, size);
    size = get_bytes(path_of("1.sqlite"), before, sizeof before);
    hyperdrift("merge", path_of("1.sqlite"), path_of("2.sqlite"), path_of("1.sqlite"));
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, ": 0 new runs, 3 already there\n");
    cr_expect_eq(get_bytes(path_of("1.sqlite"), after, sizeof after), size);
    cr_expect_arr_eq(before, after, size);
}

Test(command_merge, adds_nothing_to_a_file_that_is_corrupt_and_names_it) {
    static char before[1 << 20], after[1 << 20];
    run_both();
    size_t size = get_bytes(path_of("1.sqlite"), before, sizeof before);
    memset(before + size - 4096, 0xa5, 4096);
    put_bytes(path_of("1.sqlite"), before, size);
    hyperdrift("merge", path_of("1.sqlite"), path_of("2.sqlite"));
    program_expect_failure(2, "1.sqlite: could not be inspected: the file is corrupt (");
    cr_expect_eq(get_bytes(path_of("1.sqlite"), after, sizeof after), size);
    cr_expect_arr_eq(before, after, size);
}

Test(command_merge, names_the_shard_that_is_missing) {
    run_shard(HD_PROGRAM, "2/2", "2.sqlite");
    hyperdrift("merge", path_of("all.sqlite"), path_of("2.sqlite"), "--quiet");
    cr_expect_eq(program.status, 1, "%s", program.err);
    expect_has(program.out, "shard 1/2 of matrix m is missing\n");
    expect_has(program.out, " passed, 1 failed, 0 skipped\n");
    hyperdrift("merge", path_of("none.sqlite"), "--matrix", "m", "--shards", "2", "--json");
    cr_expect_eq(program.status, 1, "%s", program.err);
    json_t *json = program_json();
    cr_expect_str_eq(json_string_value(program_value(json, "verdict")), "fail");
    cr_expect_eq(json_array_size(program_value(json, "matrices.0.missing")), 2);
    cr_expect_eq(json_integer_value(program_value(json, "matrices.0.missing.1")), 2);
    json_decref(json);
}

Test(command_merge, tells_when_and_why_the_goldens_that_judged_were_blessed) {
    run_both();
    hyperdrift("merge", path_of("all.sqlite"), path_of("1.sqlite"), path_of("2.sqlite"));
    cr_assert_eq(program.status, 0, "%s%s", program.out, program.err);
    expect_has(program.out, "\ngolden: blobs-logistic: blessed 20");
    expect_has(program.out, "\ngolden: blobs-one-hidden: blessed 20");
    char *line = strstr(program.out, "golden: blobs-one-hidden");
    char told[512];
    snprintf(told, sizeof told, "%.*s", (int)strcspn(line, "\n"), line);
    hyperdrift("check", "blobs-one-hidden", "--mode", "forward");
    expect_has(program.out, told);
    hyperdrift("merge", path_of("all.sqlite"), path_of("1.sqlite"), path_of("2.sqlite"), "--json");
    json_t *json = program_json();
    cr_expect_eq(json_array_size(program_value(json, "matrices.0.goldens")), 2);
    json_decref(json);
}

Test(command_merge, names_the_cells_that_nobody_ran) {
    run_shard(HD_PROGRAM, "2/2", "2.sqlite");
    hyperdrift("merge", path_of("all.sqlite"), path_of("2.sqlite"));
    cr_expect_eq(program.status, 1, "%s", program.err);
    hyperdrift("check", "blobs-logistic", "blobs-one-hidden", "--shard", "1/2", "--list", "--json");
    json_t *json = program_json();
    size_t count = json_array_size(program_value(json, "cells"));
    cr_assert_gt(count, 0);
    hyperdrift("merge", path_of("all.sqlite"), path_of("2.sqlite"));
    for (size_t i = 0; i < count; i++) {
        char cell[128];
        const json_t *of = json_array_get(program_value(json, "cells"), i);
        snprintf(cell, sizeof cell, "  not run: %s seed %lld %s %s\n",
                 json_string_value(json_object_get(of, "experiment")),
                 json_integer_value(json_object_get(of, "seed")),
                 json_string_value(json_object_get(of, "device")),
                 json_string_value(json_object_get(of, "mode")));
        expect_has(program.out, cell);
    }
    json_decref(json);
}

Test(command_merge, says_which_words_make_two_matrices_of_one_name) {
    run_shard(HD_PROGRAM, "1/2", "1.sqlite");
    hyperdrift("check", "blobs-logistic", "-q", "--no-bits", "--seeds", "1,2", "--set", "training.steps=20",
               "--shard", "2/2", "--matrix", "m", "--history", path_of("2.sqlite"));
    cr_assert_eq(program.status, 0, "%s%s", program.out, program.err);
    hyperdrift("merge", path_of("all.sqlite"), path_of("1.sqlite"), path_of("2.sqlite"), "-q");
    cr_expect_eq(program.status, 2, "%s", program.err);
    expect_has(program.out, "matrix m is inconsistent: experiment blobs-one-hidden (hash ");
    expect_has(program.out, "matrix m is inconsistent: --set training.steps=20: in shard 2/2 (run ");
    expect_has(program.out, "matrix m is inconsistent: seed 1 and 1 more: in shard 2/2 (run ");
    expect_has(program.out, "matrix m is inconsistent: bits: true in shard 1/2 (run ");
    expect_has(program.out, " passed, 4 failed, 0 skipped\n");
}

Test(command_merge, fails_where_nothing_was_compared) {
    hyperdrift("merge", path_of("all.sqlite"));
    program_expect_failure(1, "merge: nothing was compared");
    hyperdrift("merge", path_of("all.sqlite"), "--matrix", "m");
    program_expect_failure(1, "merge: nothing was compared");
}

Test(command_merge, names_the_bits_that_another_machine_had) {
    run_both();
    setenv("HYPERDRIFT_FAULT", "mu-eta-swapped", 1); /* the shard runs again on a broken machine */
    run_shard(faulty_program, "1/2", "again.sqlite");
    cr_assert_eq(program.status, 1, "%s", program.err);
    hyperdrift("merge", path_of("all.sqlite"), path_of("1.sqlite"), path_of("2.sqlite"),
               path_of("again.sqlite"));
    cr_expect_eq(program.status, 1, "%s", program.err);
    expect_has(program.out, "does not count: a later run took its place\n");
    expect_has(program.out, "    fail bits hypergradient mu: ");
    expect_has(program.out, "matrix m: 2 of 2 shards\n");
}

Test(command_merge, takes_the_worst_status_of_the_shards) {
    run_shard(HD_PROGRAM, "1/2", "1.sqlite");
    setenv("HYPERDRIFT_FAULT", "divisor", 1);
    run_shard(faulty_program, "2/2", "2.sqlite");
    cr_assert_eq(program.status, 1, "%s", program.err);
    hyperdrift("merge", path_of("all.sqlite"), path_of("1.sqlite"), path_of("2.sqlite"));
    cr_expect_eq(program.status, 1, "%s", program.err);
    cr_expect_null(strstr(program.out, " passed, 0 failed, 0 skipped\n"));
    cr_expect_null(strstr(program.out, "is missing"));
}

Test(command_merge, goes_on_without_a_file_that_is_no_history) {
    run_both();
    put_bytes(path_of("broken.sqlite"), "not a history, but long enough to be looked at", 46);
    hyperdrift("merge", path_of("all.sqlite"), path_of("broken.sqlite"), path_of("none.sqlite"),
               path_of("1.sqlite"));
    cr_expect_eq(program.status, 2);
    expect_has(program.err, "broken.sqlite: ");
    expect_has(program.err, "none.sqlite: ");
    expect_has(program.out, "shard 2/2 of matrix m is missing\n");
    expect_has(program.out, ": 1 new run, 0 already there\n");
    expect_has(program.out, " passed, 3 failed, 0 skipped\n"); /* both files, and the shard */
}

Test(command_merge, leaves_a_path_that_is_not_utf_8_out_of_its_json) {
    run_shard(HD_PROGRAM, "1/2", "1.sqlite");
    hyperdrift("merge", path_of("\xff.sqlite"), path_of("1.sqlite"), "--json");
    json_t *json = program_json();
    cr_expect_eq(json_integer_value(program_value(json, "copied")), 1);
    cr_expect_null(json_object_get(json, "into"));
    json_decref(json);
}

Test(command_merge, fails_where_a_matrix_cannot_be_told_as_json) {
    run_shard(HD_PROGRAM, "1/2", "1.sqlite");
    hyperdrift("merge", path_of("all.sqlite"), path_of("1.sqlite"));
    sqlite3 *database;
    cr_assert_eq(sqlite3_open(path_of("all.sqlite"), &database), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(database, "UPDATE run SET matrix = CAST(x'ff' AS TEXT)", NULL, NULL, NULL),
                 SQLITE_OK);
    sqlite3_close(database);
    hyperdrift("merge", path_of("all.sqlite"), path_of("1.sqlite"), "--json");
    cr_expect_eq(program.status, 2);
    expect_has(program.err, "\xff: a string in it is not UTF-8");
}

Test(command_merge, is_told_what_it_needs) {
    hyperdrift("merge");
    cr_expect_eq(program.status, 2);
    expect_has(program.err, "merge: name a history");
    hyperdrift("merge", "all.sqlite", "--shards", "3");
    cr_expect_eq(program.status, 2);
    expect_has(program.err, "merge: --shards goes with --matrix");
    hyperdrift("check", "blobs-logistic", "--matrix", "m");
    cr_expect_eq(program.status, 2);
    expect_has(program.err, "check: --matrix goes with --shard");
    hyperdrift("check", "blobs-logistic", "--shard", "1/2", "--history", path_of("h.sqlite"));
    cr_expect_eq(program.status, 2);
    expect_has(program.err, "--history with --shard needs --matrix NAME");
    hyperdrift("merge", "all.sqlite", "--matrix", "\xe4");
    program_expect_failure(2, "merge: --matrix: its name is not one line of UTF-8 text");
    char name[100] = "";
    memset(name, 'm', sizeof name - 1);
    hyperdrift("check", "blobs-logistic", "--shard", "1/2", "--matrix", name, "--history",
               path_of("h.sqlite"));
    program_expect_failure(2, "a name of more than 63 bytes");
}
