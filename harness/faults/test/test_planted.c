/* Planted faults, as a user meets them: chosen by the environment or a variant's word, and announced. */
#include "test/program.h"

TestSuite(planted, .init = folder_make, .fini = folder_remove);

static const char faulty_program[] = HD_PROGRAM "-faults";
#define with_faults(...) program_run((const char *const[]){faulty_program, __VA_ARGS__, NULL})

static void expect_said(const char *text, const char *part) {
    cr_expect(strstr(text, part), "no '%s' in: %.2000s", part, text);
}

Test(planted, a_fault_is_announced_and_named_in_the_record) {
    setenv("HYPERDRIFT_FAULT", "divisor", 1);
    with_faults("run", "blobs-logistic", "--mode", "reverse", "--json");
    cr_assert_eq(program.status, 0, "%s", program.err);
    expect_said(program.err, "the fault divisor is planted");
    json_t *json = program_json();
    const char *named = json_string_value(program_value(json, "records.0.provenance.fault"));
    cr_expect(named && !strcmp(named, "divisor"));
    json_decref(json);
}

Test(planted, a_fault_that_is_not_known_is_refused_with_a_list) {
    setenv("HYPERDRIFT_FAULT", "gremlin", 1);
    with_faults("run", "blobs-logistic");
    cr_expect_eq(program.status, 2);
    expect_said(program.err, "fault 'gremlin': not known");
    expect_said(program.err, "state-off-by-one, stale-batch-out");
    unsetenv("HYPERDRIFT_FAULT");
    with_faults("drift", "blobs-logistic", "--b", "fault=gremlin");
    cr_expect_eq(program.status, 2);
    expect_said(program.err, "fault 'gremlin': not known");
}

Test(planted, a_fault_is_refused_by_an_experiment_that_has_no_place_for_it) {
    setenv("HYPERDRIFT_FAULT", "shuffle-reversed", 1); /* one epoch */
    with_faults("check", "faults-small-steps", "--seeds", "0-2", "-q");
    cr_expect_eq(program.status, 2, "%s", program.err);
    expect_said(program.err,
                "faults-small-steps-seed-2: the fault shuffle-reversed cannot be planted in it: there "
                "is no second epoch");
    setenv("HYPERDRIFT_FAULT", "label-flipped", 1); /* ten steps */
    with_faults("check", "faults-small-steps", "-q");
    cr_expect_eq(program.status, 2, "%s", program.err);
    expect_said(program.err,
                "faults-small-steps: the fault label-flipped cannot be planted in it: there is no such "
                "step");
    with_faults("check", "blobs-deep", "--seeds", "4", "-q");
    cr_expect_eq(program.status, 1, "%s", program.err);
}

Test(planted, the_program_itself_knows_no_faults) {
    setenv("HYPERDRIFT_FAULT", "divisor", 1);
    hyperdrift("check", "blobs-logistic", "-q");
    cr_expect_eq(program.status, 0, "%s", program.out);
    cr_expect_str_empty(program.err);
    hyperdrift("drift", "blobs-logistic", "--b", "fault=divisor");
    cr_expect_eq(program.status, 2);
}

Test(planted, the_reference_stays_whole) {
    setenv("HYPERDRIFT_FAULT", "partition", 1);
    with_faults("check", "blobs-logistic", "--device", "reference", "-q");
    cr_expect_eq(program.status, 0, "%s", program.out);
    with_faults("check", "blobs-logistic", "-q");
    cr_expect_eq(program.status, 1);
}

Test(planted, drift_is_not_told_of_the_fault_as_a_component) {
    with_faults("drift", "blobs-deep", "--b", "fault=weight-perturbed", "--json");
    cr_assert_eq(program.status, 1, "%s", program.err);
    json_t *json = program_json(), *cause;
    size_t i;
    json_array_foreach(json_object_get(json, "causes"), i, cause) {
        cr_expect_str_neq(json_string_value(json_object_get(cause, "component")), "fault");
    }
    cr_expect_str_eq(json_string_value(program_value(json, "first.tensor")), "W_1");
    cr_expect_eq(json_integer_value(program_value(json, "first.step")), 14);
    json_decref(json);
}

Test(planted, the_table_fails_for_what_is_not_there_to_plant) {
    with_faults("faults", "no-such-fault");
    cr_expect_eq(program.status, 2);
    expect_said(program.err, "no-such-fault");
}

Test(planted, no_fault_in_the_results_passes_for_rounding) {
    static const char *const faults[] = {"fault=counted-twice", "fault=swapped-results",
                                         "fault=eta-derivative-reverse"};
    for (size_t i = 0; i < 3; i++) {
        with_faults("drift", "blobs-deep", "--a", "experiment.hyper-iterations=1", "--b",
                    "experiment.hyper-iterations=1", "--b", faults[i], "--quiet");
        cr_expect_eq(program.status, 1, "%s", program.err);
        cr_expect_str_eq(program.out, "beyond rounding\n", "%s: %s", faults[i], program.out);
    }
}
