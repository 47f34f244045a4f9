/* hyperdrift check: what passes, what fails, and what it prints. */
#include "golden/golden.h"
#include "test/program.h"

#include <math.h>

TestSuite(command_check, .init = folder_make, .fini = folder_remove);

static const char faulty_program[] = HD_PROGRAM "-faults";

static void expect_has(const char *text, const char *part) {
    cr_expect(strstr(text, part), "no '%s' in: %.2000s", part, text);
}

static void expect_last_line(const char *text, const char *line) {
    size_t length = strlen(text), end = strlen(line);
    bool there = length > end && text[length - 1] == '\n' && !memcmp(text + length - 1 - end, line, end) &&
                 (length == end + 1 || text[length - 2 - end] == '\n');
    cr_expect(there, "last line is not '%s': %.2000s", line, length > 2000 ? text + length - 2000 : text);
}

Test(command_check, passes_its_own_goldens) {
    hyperdrift("check", "blobs-logistic", "blobs-one-hidden", "--quiet");
    cr_expect_eq(program.status, 0, "%s%s", program.out, program.err);
    size_t passed = 0, failed = 1, skipped = 1;
    cr_expect_eq(sscanf(program.out, "%zu passed, %zu failed, %zu skipped", &passed, &failed, &skipped), 3);
    cr_expect_eq(failed, 0);
    cr_expect_eq(skipped, 0);
    cr_expect_gt(passed, 2 * 2 * 3 * 10, "only %zu figures", passed);
}

Test(command_check, passes_its_goldens_on_the_reference_too) {
    hyperdrift("check", "blobs-deep", "--device", "reference");
    cr_expect_eq(program.status, 0, "%s%s", program.out, program.err);
    expect_has(program.out, "reference (float64)");
}

Test(command_check, counts_a_record_of_2017_once) {
    slow();
    hyperdrift("check", "mnist-2017-cpu", "mnist-2017-cpu", "--mode", "reverse", "--device", "cpu", "-q");
    cr_expect_eq(program.status, 0, "%s", program.err);
    cr_expect(strstr(program.out, "5 of 5 records of 2017 reproduced"), "%s", program.out);
}

Test(command_check, names_what_failed_even_when_quiet) {
    hyperdrift("check", "mnist-2017-cpu", "--mode", "reverse", "-q", "--set", "training.steps=1");
    cr_expect_eq(program.status, 2); /* the golden belongs to another experiment; the trace judges by name
                                        alone */
    cr_expect(strstr(program.out, "fail hypergradient eta"), "%s", program.out);
    cr_expect(strstr(program.out, "0 of 5 records of 2017 reproduced"), "%s", program.out);
}

Test(command_check, gives_every_quantity_of_a_check_as_json) {
    hyperdrift("check", "blobs-logistic", "--json");
    cr_assert_eq(program.status, 0, "%s", program.err);
    json_t *json = program_json(), *quantities = json_object_get(json, "quantities"), *quantity;
    cr_expect_str_eq(json_string_value(json_object_get(json, "verdict")), "pass");
    cr_expect_eq(json_array_size(json_object_get(json, "records")), 6);
    cr_expect_eq(json_array_size(json_object_get(json, "skipped")), 0);
    cr_expect_eq(json_integer_value(json_object_get(json, "passed")),
                 (json_int_t)json_array_size(quantities));
    cr_assert_gt(json_array_size(quantities), 60);
    size_t i;
    json_array_foreach(quantities, i, quantity) {
        static const char *const keys[] = {"name",        "value",   "expected", "tolerance",
                                           "budget_used", "verdict", "mode"};
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            cr_expect(json_object_get(quantity, keys[k]), "quantity %zu has no %s", i, keys[k]);
    }
    json_decref(json);
}

Test(command_check, writes_a_junit_report_of_a_check) {
    hyperdrift("check", "blobs-logistic", "--mode", "forward", "--quiet", "--junit", path_of("report.xml"));
    cr_assert_eq(program.status, 0, "%s", program.err);
    static char xml[1 << 16];
    xml[get_bytes(path_of("report.xml"), xml, sizeof xml - 1)] = '\0';
    expect_has(xml, "<testsuite name=\"blobs-logistic.cpu.forward.hyper-iteration-0\"");
    expect_has(xml, "name=\"hypergradient eta\"");
    expect_has(xml, "</testsuites>");
}

Test(command_check, writes_a_summary_and_annotations_for_a_ci_job) {
    static char text[1 << 16];
    program_own_root();
    cr_assert_eq(
        system("cd $HYPERDRIFT_ROOT && mv golden/blobs-logistic/step-1.json golden/blobs-logistic/gone"), 0);
    hyperdrift("check", "blobs-logistic", "--mode", "forward", "--markdown", path_of("summary.md"),
               "--annotations");
    program_expect_failure(2, "golden/blobs-logistic/step-1.json");
    expect_has(program.out, "\n::error title=no verdict");
    expect_has(program.out, " passed, 1 failed, 0 skipped\n");
    text[get_bytes(path_of("summary.md"), text, sizeof text - 1)] = '\0';
    expect_has(text, "## hyperdrift: fail, ");
    expect_has(text, "| blobs-logistic | cpu | forward | 2 |");
    cr_expect_null(strstr(text, "| blobs-logistic | cpu | forward | 1 |"));
    hyperdrift("check", "blobs-logistic", "--mode", "forward", "--annotations", "--json");
    expect_has(program.err, "::error title=no verdict");
    json_decref(program_json());
}

Test(command_check, tells_in_its_summary_what_changed_since_the_night_before) {
    static char text[1 << 16];
    const char *const nights[] = {NULL, "### Since the night before\n\nNothing changed.", "| numbers | "};
    char history[128], summary[128];
    snprintf(history, sizeof history, "%s", path_of("history.sqlite"));
    program_own_root();
    for (size_t i = 0; i < 3; i++) {
        snprintf(summary, sizeof summary, "%s", path_of("summary.md"));
        remove(summary);
        if (i == 2) setenv("HYPERDRIFT_FAULT", "label-flipped", 1);
        program_run((const char *const[]){faulty_program, "check", "blobs-logistic", "--markdown", summary,
                                          "--history", history, NULL});
        cr_expect_eq(program.status, i == 2, "%s", program.err);
        text[get_bytes(summary, text, sizeof text - 1)] = '\0';
        if (nights[i])
            expect_has(text, nights[i]);
        else
            cr_expect_null(strstr(text, "Since the night before"));
    }
}

Test(command_check, writes_no_two_things_into_one_file) {
    char history[128];
    snprintf(history, sizeof history, "%s", path_of("history.sqlite"));
    hyperdrift("check", "blobs-logistic", "--history", history, "--junit", history);
    program_expect_failure(2, "check: --history, --junit and --markdown must name different files");
    put_bytes(history, "", 0);
    cr_assert_eq(symlink("history.sqlite", path_of("link")), 0);
    hyperdrift("check", "blobs-logistic", "--history", history, "--markdown", path_of("link"));
    program_expect_failure(2, "check: --history, --junit and --markdown must name different files");
}

Test(command_check, skips_devices_that_have_not_the_experiment_s_arithmetic) {
    hyperdrift("check", "blobs-logistic", "--device", "all", "--set", "device.arithmetic=cublas");
    expect_has(program.out,
               "\nskipped: blobs-logistic on reference: device reference: arithmetic cublas: allowed");
    expect_has(program.out,
               "skipped: blobs-logistic on cpu: device cpu: arithmetic cublas: allowed: exact\n");
    if (program.status == 0) skip("the CUDA device has it");
    program_expect_failure(3, "blobs-logistic: every device is skipped");
    expect_has(program.out, "0 passed, 0 failed, 3 skipped\n");
    hyperdrift("run", "blobs-logistic", "--device", "all", "--require", "cpu", "--set",
               "device.arithmetic=cublas");
    cr_expect_eq(program.status, 2, "%s", program.err);
}

Test(command_check, says_and_counts_what_it_skips) {
    hyperdrift("check", "blobs-logistic", "--device", "all", "--mode", "forward", "--json");
    cr_assert_eq(program.status, 0, "%s", program.err);
    json_t *json = program_json();
    if (json_array_size(json_object_get(json, "skipped")) == 0) {
        json_decref(json);
        skip("there is a CUDA device");
    }
    cr_expect_str_eq(json_string_value(program_value(json, "skipped.0.what")), "blobs-logistic on cuda");
    cr_expect(json_string_length(program_value(json, "skipped.0.why")) > 10);
    cr_expect_eq(json_array_size(json_object_get(json, "records")), 6, "on cpu and reference");
    json_decref(json);
    hyperdrift("check", "blobs-logistic", "--device", "all", "--mode", "forward");
    expect_has(program.out, "\nskipped: blobs-logistic on cuda: device cuda: ");
    expect_has(program.out, " passed, 0 failed, 1 skipped\n");
    hyperdrift("check", "blobs-logistic", "--device", "all", "--require", "cuda", "--mode", "forward");
    program_expect_failure(3, "device cuda");
    hyperdrift("run", "blobs-logistic", "--device", "cuda");
    program_expect_failure(3, "device cuda");
    cr_expect_str_empty(program.out);
}

Test(command_check, takes_no_trouble_with_the_cpu_for_its_absence) {
    hyperdrift("check", "blobs-logistic", "--device", "all", "--threads", "60000");
    cr_expect_eq(program.status, 3);
    expect_has(program.err, "60000 threads");
    setenv("HYPERDRIFT_KERNELS", "nonsense", 1);
    hyperdrift("run", "blobs-logistic", "--device", "cpu");
    program_expect_failure(2, "kernels 'nonsense': not known; allowed: skx");
    unsetenv("HYPERDRIFT_KERNELS");
    setenv("HYPERDRIFT_LOOPS", "nonsense", 1);
    hyperdrift("run", "blobs-logistic", "--device", "cpu");
    program_expect_failure(2, "loops 'nonsense': not known; allowed: avx512, avx2, baseline");
}

/* --- goldens that do not match --- */

static void load_golden(hd_golden *golden) {
    hd_error error;
    cr_assert_eq(hd_golden_load(path_of("root/golden/blobs-logistic/step-0.json"), golden, &error), HD_OK,
                 "%s", error.message);
}

static void save_golden(const hd_golden *golden) {
    hd_error error;
    cr_assert_eq(hd_golden_save(golden, path_of("root/golden/blobs-logistic"), &error), HD_OK, "%s",
                 error.message);
}

static void check_one_mode(void) {
    hyperdrift("check", "blobs-logistic", "--mode", "forward");
}

static void expect_failed_quantity(const char *quantity) {
    char line[128];
    snprintf(line, sizeof line, "    fail %s", quantity);
    cr_expect_eq(program.status, 1, "%d: %s", program.status, program.err);
    expect_has(program.out, line);
    cr_expect_null(strstr(program.out, " 0 failed"));
}

Test(command_check, names_the_figure_that_a_golden_has_otherwise) {
    program_own_root();
    hd_golden golden;
    load_golden(&golden);
    golden.reference.hyper[2].hypergradient *= 1.01;
    save_golden(&golden);
    check_one_mode();
    expect_failed_quantity("hypergradient eta");
    cr_expect_null(strstr(program.out, "fail validation_error"));
    hd_golden_free(&golden);
}

Test(command_check, names_the_weight_that_a_golden_has_otherwise) {
    program_own_root();
    hd_golden golden;
    hd_error error;
    load_golden(&golden);
    golden.reference.weights.values[4 * 7 + 2] += 0.01;
    double *values = golden.reference.weights.values;
    golden.reference.weights.values = NULL;
    golden.reference.float32 = true;
    cr_assert_eq(hd_record_set_weights(&golden.reference, values, &error), HD_OK);
    golden.reference.float32 = false;
    free(values);
    save_golden(&golden);
    check_one_mode();
    expect_failed_quantity("weights W_0 worst element W_0[7,2]");
    hd_golden_free(&golden);
}

Test(command_check, sees_one_bit_in_a_hypergradient_of_a_check) {
    program_own_root();
    hd_golden golden;
    load_golden(&golden);
    double *planted = &golden.exact[HD_FORWARD].hyper[3].hypergradient;
    *planted = (double)nextafterf((float)*planted, 1e30f);
    save_golden(&golden);
    check_one_mode();
    expect_failed_quantity("bits hypergradient mu");
    hd_golden_free(&golden);
}

Test(command_check, fails_without_a_tolerance) {
    program_own_root();
    hd_golden golden;
    load_golden(&golden);
    for (size_t i = 0; i < golden.tolerance_count; i++)
        if (!strcmp(golden.tolerances[i].quantity, "validation_error"))
            golden.tolerances[i] = golden.tolerances[--golden.tolerance_count];
    save_golden(&golden);
    check_one_mode();
    expect_failed_quantity("validation_error");
    hd_golden_free(&golden);
}

Test(command_check, does_not_judge_another_experiment_by_a_golden) {
    hyperdrift("check", "blobs-logistic", "--mode", "forward", "--set", "training.steps=5", "--set",
               "experiment.hyper-iterations=1");
    program_expect_failure(2, "the golden was made for another experiment");
    expect_last_line(program.out, "0 passed, 1 failed, 0 skipped");
}

Test(command_check, fails_where_there_is_no_golden) {
    program_own_root();
    cr_assert_eq(remove(path_of("root/golden/blobs-logistic/step-1.json")), 0);
    check_one_mode();
    program_expect_failure(2, "golden/blobs-logistic/step-1.json");
    expect_has(program.out, " 1 failed, 0 skipped\n");
}

Test(command_check, fails_when_it_compared_nothing) {
    cr_assert_eq(mkdir(path_of("fixtures"), 0777), 0);
    setenv("HYPERDRIFT_ROOT", folder, 1);
    hyperdrift("check");
    program_expect_failure(1, "nothing was compared");
    expect_last_line(program.out, "0 passed, 0 failed, 0 skipped");
}

Test(command_check, without_bits_judges_by_tolerances_alone_and_says_so) {
    hyperdrift("check", "blobs-logistic", "--verbose");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "bits weights");
    hyperdrift("check", "blobs-logistic", "--verbose", "--no-bits");
    cr_expect_eq(program.status, 0, "%s", program.err);
    cr_expect_null(strstr(program.out, "bits weights"), "%.2000s", program.out);
    expect_has(program.out, "hypergradient eta");
    expect_has(program.out, "bits were not compared (--no-bits)");
    hyperdrift("check", "blobs-logistic", "--json", "--no-bits");
    json_t *json = program_json();
    cr_expect(json_is_false(json_object_get(json, "bits")));
    json_decref(json);
}

/* --- the goldens' blessings --- */

static void own_root_with_log(void) {
    char command[128];
    program_own_root();
    snprintf(command, sizeof command, "cp golden/CHANGES %s", path_of("root/golden"));
    cr_assert_eq(system(command), 0);
}

Test(command_check, says_when_and_why_goldens_were_blessed) {
    hyperdrift("check", "blobs-logistic", "blobs-deep", "--device", "cpu,reference");
    cr_assert_eq(program.status, 0, "%s", program.err);
    const char *line = strstr(program.out, "golden: blobs-logistic: blessed 20");
    cr_assert_not_null(line, "%.2000s", program.out);
    cr_expect_not_null(strstr(line, "golden: blobs-deep: blessed 20"));
    cr_expect_null(strstr(line + 1, "golden: blobs-logistic"), "one line an experiment");
    cr_expect_null(strstr(program.out, "no log of blessings"));
    hyperdrift("check", "blobs-logistic", "-q");
    cr_expect_null(strstr(program.out, "golden:"), "nothing failed: %s", program.out);
    hyperdrift("check", "blobs-logistic", "--json");
    json_t *json = program_json();
    cr_expect_eq(json_array_size(program_value(json, "goldens")), 1);
    cr_expect_str_eq(json_string_value(program_value(json, "goldens.0.experiment")), "blobs-logistic");
    cr_expect_eq(strncmp(json_string_value(program_value(json, "goldens.0.date")), "20", 2), 0);
    cr_expect_gt(strlen(json_string_value(program_value(json, "goldens.0.reason"))), 0);
    cr_expect_gt(strlen(json_string_value(program_value(json, "goldens.0.commit"))), 6);
    cr_expect_str_eq(json_string_value(program_value(json, "goldens.0.log")), "kept");
    json_decref(json);
}

Test(command_check, says_that_a_root_has_no_log_of_blessings) {
    program_own_root();
    hyperdrift("check", "blobs-logistic", "--mode", "reverse");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, " (no log of blessings)\n");
    hyperdrift("check", "blobs-logistic", "--mode", "reverse", "--json");
    json_t *json = program_json();
    cr_expect_str_eq(json_string_value(program_value(json, "goldens.0.log")), "no log of blessings");
    json_decref(json);
}

Test(command_check, fails_goldens_that_no_blessing_put_there) {
    char command[512];
    own_root_with_log();
    hyperdrift("check", "blobs-logistic", "--mode", "reverse");
    cr_expect_eq(program.status, 0, "%s", program.err);
    snprintf(command, sizeof command, "sed -i '/blobs-logistic$/,/^$/s/\\(golden 1:.* -> \\).*/\\1%064d/' %s",
             0, path_of("root/golden/CHANGES"));
    cr_assert_eq(system(command), 0);
    hyperdrift("check", "blobs-logistic", "blobs-deep", "--mode", "reverse", "-q");
    program_expect_failure(2, "the goldens of blobs-logistic are not those of its last blessing");
    expect_has(program.out, "golden: blobs-deep: blessed");
    expect_has(program.out, " 1 failed, 0 skipped\n");
    snprintf(command, sizeof command, "sed -i 's/^    commit: /    commitment: /' %s",
             path_of("root/golden/CHANGES"));
    cr_assert_eq(system(command), 0);
    hyperdrift("check", "blobs-logistic", "--mode", "reverse", "-q");
    program_expect_failure(2, "golden/CHANGES: line 3: expected");
}
