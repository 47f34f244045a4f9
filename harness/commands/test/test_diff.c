/* hyperdrift diff: records, run folders and arrays. */
#include "base/npy.h"
#include "test/program.h"

TestSuite(command_diff, .init = folder_make, .fini = folder_remove);

static void expect_has(const char *text, const char *part) {
    cr_expect(strstr(text, part), "no '%s' in: %.2000s", part, text);
}

static void make_runs(void) {
    hyperdrift("run", "blobs-logistic", "--out", path_of("a"), "--quiet");
    cr_assert_eq(program.status, 0, "%s", program.err);
    char command[256];
    snprintf(command, sizeof command, "cp -R %s %s", path_of("a"), path_of("b"));
    cr_assert_eq(system(command), 0);
}

#define STEP "/blobs-logistic/cpu/forward/step-"

Test(command_diff, finds_no_difference_between_a_record_and_itself) {
    make_runs();
    hyperdrift("diff", path_of("a" STEP "0.json"), path_of("b" STEP "0.json"));
    cr_expect_eq(program.status, 0, "%s%s", program.out, program.err);
    hyperdrift("diff", path_of("a"), path_of("b"));
    cr_expect_eq(program.status, 0, "%s%s", program.out, program.err);
    hyperdrift("diff", path_of("a/"), path_of("b"), "--json");
    cr_expect_eq(program.status, 0, "%s%s", program.out, program.err);
    json_t *json = program_json();
    cr_expect_str_eq(json_string_value(json_object_get(json, "verdict")), "pass");
    cr_expect_eq(json_array_size(json_object_get(json, "comparisons")), 6);
    json_decref(json);
    hyperdrift("diff", path_of("a" STEP "0.weights.npy.gz"), path_of("b" STEP "0.weights.npy.gz"));
    cr_expect_eq(program.status, 0, "%s%s", program.out, program.err);
}

Test(command_diff, names_the_weight_in_which_two_records_differ) {
    make_runs();
    hyperdrift("diff", path_of("a" STEP "0.json"), path_of("a" STEP "1.json"));
    cr_expect_eq(program.status, 1, "%s", program.err);
    expect_has(program.out, "fail weights W_0 worst element W_0[");
    expect_has(program.out, "fail hypergradient eta");
    hyperdrift("diff", path_of("a" STEP "0.json"), path_of("a" STEP "1.json"), "--tolerance", "10");
    cr_expect_eq(program.status, 0, "%s", program.out);
    hyperdrift("diff", path_of("a" STEP "0.weights.npy.gz"), path_of("a" STEP "1.weights.npy.gz"));
    cr_expect_eq(program.status, 1, "%s", program.err);
    expect_has(program.out, "fail array worst element");
}

Test(command_diff, names_a_record_that_only_one_folder_has) {
    make_runs();
    cr_assert_eq(remove(path_of("b" STEP "1.json")), 0);
    for (int turned = 0; turned < 2; turned++) {
        hyperdrift("diff", path_of(turned ? "b" : "a"), path_of(turned ? "a" : "b"));
        program_expect_failure(1, "forward/step-1.json: missing");
    }
}

Test(command_diff, fails_a_diff_that_compared_nothing) {
    cr_assert_eq(mkdir(path_of("a"), 0777), 0);
    cr_assert_eq(mkdir(path_of("b"), 0777), 0);
    hyperdrift("diff", path_of("a"), path_of("b"));
    program_expect_failure(1, "nothing was compared");
    hyperdrift("diff", path_of("a"), path_of("c"));
    program_expect_failure(2, "c: no such file or folder");
    hyperdrift("diff", path_of("a"), "fixtures/blobs-deep.ini");
    program_expect_failure(2, "not of the same kind");
    hyperdrift("diff", "fixtures/blobs-deep.ini", "fixtures/blobs-deep.ini");
    program_expect_failure(2, "fixtures/blobs-deep.ini");
}

Test(command_diff, tells_arrays_of_another_shape_or_precision_apart) {
    const double values[] = {1, 2, 3};
    hd_error error;
    cr_assert_eq(hd_npy_save(path_of("three.npy.gz"), values, 3, true, &error), HD_OK);
    cr_assert_eq(hd_npy_save(path_of("two.npy.gz"), values, 2, true, &error), HD_OK);
    cr_assert_eq(hd_npy_save(path_of("double.npy.gz"), values, 3, false, &error), HD_OK);
    hyperdrift("diff", path_of("three.npy.gz"), path_of("three.npy.gz"));
    cr_expect_eq(program.status, 0, "%s", program.err);
    hyperdrift("diff", path_of("three.npy.gz"), path_of("two.npy.gz"));
    cr_expect_eq(program.status, 1, "%s", program.err);
    hyperdrift("diff", path_of("three.npy.gz"), path_of("double.npy.gz"));
    cr_expect_eq(program.status, 1, "%s", program.err);
    expect_has(program.out, "float32 against float64");
}
