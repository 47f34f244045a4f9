/* hyperdrift run and check over a matrix: shards, and seeds without goldens. */
#include "test/program.h"

TestSuite(command_shard, .init = folder_make, .fini = folder_remove);

static const char faulty_program[] = HD_PROGRAM "-faults";

static void expect_has(const char *text, const char *part) {
    cr_expect(strstr(text, part), "no '%s' in: %.2000s", part, text);
}

Test(command_shard, lists_what_it_would_run_and_runs_nothing) {
    hyperdrift("check", "blobs-logistic", "--device", "cpu,reference", "--list", "--out", path_of("out"));
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "blobs-logistic           seed 1      cpu        forward\n");
    expect_has(program.out, "blobs-logistic           seed 1      reference  reverse\n");
    expect_has(program.out, "\n4 cells\n");
    cr_expect_neq(access(path_of("out"), F_OK), 0);
    hyperdrift("check", "--list", "--json", "--seeds", "1-6", "--shard", "2/3");
    cr_assert_eq(program.status, 0, "%s", program.err);
    json_t *json = program_json();
    size_t matrix = (size_t)json_integer_value(program_value(json, "matrix"));
    size_t cells = json_array_size(program_value(json, "cells"));
    cr_expect(matrix >= 6 * 2 * 4 && cells > 0 && cells < matrix, "%zu of %zu", cells, matrix);
    json_decref(json);
}

/* All shards together have the records of a run without shards, each once. */
Test(command_shard, names_what_it_cannot_list_and_lists_the_rest) {
    hyperdrift("run", "blobs-logistic", "blobs-none", "--mode", "forward", "--list");
    program_expect_failure(2, "no experiment 'blobs-none'");
    cr_expect(strstr(program.out, "forward\n1 cell\n"), "%s", program.out);
}

Test(command_shard, splits_a_run_into_parts_that_make_the_whole) {
    static char name[64], part[16];
    size_t records = 0;
    for (int shard = 1; shard <= 3; shard++) {
        snprintf(part, sizeof part, "%d/3", shard);
        hyperdrift("check", "blobs-logistic", "blobs-one-hidden", "--shard", part, "--json", "--out",
                   path_of("parts"));
        cr_expect_eq(program.status, 0, "%s", program.err);
        json_t *json = program_json();
        records += json_array_size(program_value(json, "records"));
        json_decref(json);
    }
    cr_expect_eq(records, 2 * 2 * 3);
    hyperdrift("run", "blobs-logistic", "blobs-one-hidden", "-q", "--out", path_of("whole"));
    cr_assert_eq(program.status, 0);
    hyperdrift("diff", path_of("parts"), path_of("whole"), "-q");
    cr_expect_eq(program.status, 0, "%s", program.out);
    snprintf(name, sizeof name, "%s", "parts/blobs-one-hidden/cpu/reverse/step-2.json");
    cr_expect_eq(access(path_of(name), R_OK), 0);
}

Test(command_shard, says_where_it_has_nothing_to_do) {
    size_t idle = 0;
    for (int shard = 1; shard <= 3; shard++) { /* one cell: two of the three shards are empty */
        char part[16];
        snprintf(part, sizeof part, "%d/3", shard);
        hyperdrift("check", "blobs-logistic", "--mode", "forward", "--shard", part);
        cr_expect_eq(program.status, 0, "%s", program.err);
        if (!program.err[0]) continue;
        idle++;
        expect_has(program.err, "/3 is empty: the matrix has 1 cell\n");
        cr_expect_str_eq(program.out, "0 passed, 0 failed, 0 skipped\n");
    }
    cr_expect_eq(idle, 2);
}

Test(command_shard, refuses_parts_that_are_none) {
    static const char *const bad[] = {"0/3", "4/3",  "1",    "1/",      "/3", "1/0",
                                      "a/3", "1/3x", "-1/3", "1/10001", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hyperdrift("check", "blobs-logistic", "--shard", bad[i]);
        cr_expect_eq(program.status, 2, "'%s' was taken", bad[i]);
        expect_has(program.err, "allowed: I/N, 1 <= I <= N <= 10000");
    }
}

/* --- seeds --- */

Test(command_shard, keeps_the_records_of_seeds_apart) {
    hyperdrift("run", "blobs-logistic", "--seeds", "1-3", "--mode", "forward", "-q", "--out", path_of("out"));
    cr_assert_eq(program.status, 0, "%s", program.err);
    hyperdrift("diff", path_of("out/blobs-logistic"), path_of("out/blobs-logistic-seed-2"), "-q");
    cr_expect_eq(program.status, 1, "another seed, another result");
    hyperdrift("run", "blobs-logistic", "--set", "experiment.seed=2", "--mode", "forward", "-q", "--out",
               path_of("set"));
    hyperdrift("diff", path_of("out/blobs-logistic-seed-2/cpu/forward/step-2.weights.npy.gz"),
               path_of("set/blobs-logistic/cpu/forward/step-2.weights.npy.gz"), "-q");
    cr_expect_eq(program.status, 0, "the same seed, the same result: %s", program.out);
    cr_expect_eq(access(path_of("out/blobs-logistic-seed-1"), F_OK), -1, "its own seed changes no name");
}

Test(command_shard, judges_a_seed_without_a_golden_by_the_reference) {
    hyperdrift("check", "blobs-one-hidden", "--seeds", "5,6");
    cr_expect_eq(program.status, 0, "%s%s", program.out, program.err);
    expect_has(program.out, "pass  forward  by golden: ");
    expect_has(program.out, "pass  forward  by reference (seed 6): ");
    expect_has(program.out, "pass  reverse  by reference (seed 6): ");
    expect_has(program.out,
               "seed 6 has no golden: judged by the float64 reference in the other mode, with the "
               "tolerances measured under seed 5\n");
}

Test(command_shard, judges_the_reference_by_its_other_mode) {
    hyperdrift("check", "blobs-deep", "--seeds", "8", "--device", "reference", "--mode", "reverse");
    cr_expect_eq(program.status, 0, "%s%s", program.out, program.err);
    expect_has(program.out, "blobs-deep-seed-8, hyper-iteration 1, reference (float64)");
    expect_has(program.out, "pass  reverse  by reference (seed 8): ");
}

Test(command_shard, sees_a_fault_under_a_seed_without_a_golden) {
    setenv("HYPERDRIFT_FAULT", "r-op-sign", 1);
    program_run((const char *const[]){faulty_program, "check", "blobs-deep", "--seeds", "7", "-q", NULL});
    cr_expect_eq(program.status, 1, "%s", program.err);
    expect_has(program.out, "by reference (seed 7): ");
    expect_has(program.out, "    fail hypergradient ");
}

Test(command_shard, takes_no_tolerances_of_another_experiment) {
    hyperdrift("check", "blobs-logistic", "--seeds", "2", "--mode", "forward", "--set", "training.steps=19");
    cr_expect_eq(program.status, 2);
    expect_has(program.err,
               "golden/blobs-logistic/step-0.json: the tolerances were measured on another experiment");
    expect_has(program.out, "0 passed, 3 failed, 0 skipped\n");
}

Test(command_shard, refuses_lists_that_are_no_seeds) {
    hyperdrift("check", "blobs-logistic", "--seeds", "1-");
    cr_expect_eq(program.status, 2);
    expect_has(program.err,
               "--seeds 1-: allowed: numbers from 0 to 4294967295 and ranges of them, such as 1,2,5-9");
}
