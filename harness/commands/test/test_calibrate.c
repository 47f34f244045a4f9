/* hyperdrift calibrate, and bless with its tolerances. */
#include "golden/calibration.h"
#include "test/blessing.h"

TestSuite(command_calibrate, .init = folder_make, .fini = folder_remove);

static void expect_has(const char *text, const char *part) {
    cr_expect(strstr(text, part), "no '%s' in: %.2000s", part, text);
}

Test(command_calibrate, blesses_with_evidence_and_judges_the_reference) {
    blessing_first();
    hd_golden golden = blessing_golden();
    cr_expect_eq(golden.replicas, 6);
    cr_expect_eq(golden.tolerances[0].evidence[HD_REVERSE].errors.n, 7);
    cr_expect_eq(golden.reference_error_count, golden.reference.hypers);
    for (size_t j = 0; j < golden.reference_error_count; j++)
        cr_expect(golden.reference_errors[j].relative < 1e-12, "%s", golden.reference_errors[j].name);
    hd_golden_free(&golden);
    hyperdrift("check", "blobs-logistic");
    expect_has(program.out, " 0 failed, 0 skipped\n");
}

Test(command_calibrate, counts_the_alarms_of_runs_it_did_not_calibrate_on) {
    blessing_first();
    hyperdrift("calibrate", "blobs-logistic", "--replicas", "6", "--verify", "3", "--json");
    cr_assert_eq(program.status, 0, "%s", program.err);
    json_t *json = program_json();
    cr_expect_eq(json_integer_value(program_value(json, "verifications.0.records")), 6); /* 3 in 2 modes */
    cr_expect_eq(json_integer_value(program_value(json, "verifications.0.alarms")), 0);
    json_t *eta = json_object_get(program_value(json, "calibrations.0.tolerances"), "hypergradient eta");
    cr_expect_eq(json_real_value(json_object_get(eta, "tolerance")), blessing_tolerance());
    json_decref(json);
    hyperdrift("calibrate", "blobs-logistic", "--replicas", "1");
    program_expect_failure(2, "allowed: 3 or more");
}

typedef struct counted {
    size_t alarms, least_seed;
} counted;

static void count(void *context, size_t seed, const hd_verdict *verdict) {
    counted *c = context;
    c->alarms++;
    if (c->alarms == 1 || seed < c->least_seed) c->least_seed = seed;
    cr_expect_not(hd_verdict_passes(verdict));
}

/* With zero tolerances every record is an alarm. */
Test(command_calibrate, verifies_by_the_tolerances_given) {
    blessing_root();
    hd_request request = {0};
    hd_loaded_experiment loaded;
    hd_calibration calibration;
    hd_verification verification;
    counted seen = {0, 0};
    hd_error error;
    cr_assert_eq(hd_loaded_experiment_open("blobs-logistic", &request, NULL, &loaded, &error), HD_OK, "%s",
                 error.message);
    cr_assert_eq(hd_calibration_run(&calibration, 2, &request, &loaded, &error), HD_OK, "%s", error.message);
    hd_golden *golden = &calibration.goldens.steps[0];
    for (size_t i = 0; i < golden->tolerance_count; i++) golden->tolerances[i].tolerance = 0;
    cr_assert_eq(hd_calibration_verify(&calibration, 2, count, &seen, &verification, &error), HD_OK, "%s",
                 error.message);
    cr_expect(verification.records == 4 && verification.alarms == 4 && seen.alarms == 4);
    cr_expect_eq(seen.least_seed, 3, "seeds 0 to 2 were calibrated on");
    cr_expect_not(hd_verification_holds(&verification));
    hd_calibration_end(&calibration);
    hd_loaded_experiment_close(&loaded);
}

Test(command_calibrate, holds_up_to_the_stated_rate_of_alarms) {
    cr_expect(hd_verification_holds(&(hd_verification){1000, 1}));
    cr_expect_not(hd_verification_holds(&(hd_verification){999, 1}));
    cr_expect(hd_verification_holds(&(hd_verification){10, 0}));
    cr_expect_not(hd_verification_holds(&(hd_verification){0, 0}), "nothing was verified");
}
