/* A golden of test/record_sample.h's record. */
#ifndef HD_TEST_GOLDEN_SAMPLE_H
#define HD_TEST_GOLDEN_SAMPLE_H

#include "golden/golden_set.h"
#include "test/record_sample.h"

/* The reference's record: slightly different from the float32 one. */
static inline hd_record reference_record(void) {
    hd_error error;
    double weights[SAMPLE_WEIGHTS];
    hd_record record = sample_record();
    strcpy(record.device, "reference");
    strcpy(record.arithmetic, "float64");
    record.float32 = false;
    record.validation_error += 1e-9;
    for (size_t j = 0; j < record.hypers; j++) record.hyper[j].hypergradient *= 1 + 1e-8;
    for (size_t i = 0; i < SAMPLE_WEIGHTS; i++) weights[i] = record.weights.values[i] * (1 + 1e-8);
    cr_assert_eq(hd_record_set_weights(&record, weights, &error), HD_OK);
    return record;
}

static const char *const quantities[] = {
    "test_accuracy",
    "validation_accuracy",
    "training_accuracy",
    "validation_error",
    "hyperparameter eta",
    "hyperparameter rho_l1_0",
    "hypergradient eta",
    "hypergradient rho_l1_0",
    "weights W_0 worst element",
    "weights W_0 l2",
    "weights W_1 worst element",
    "weights W_1 l2",
    "weights b_0 worst element",
    "weights b_0 l2",
    "weights b_1 worst element",
    "weights b_1 l2",
};
enum { QUANTITIES = sizeof quantities / sizeof *quantities };

static inline hd_golden sample_golden(void) {
    hd_error error;
    hd_golden golden = {0};
    hd_record reference = reference_record(), exact = sample_record();
    cr_assert_eq(hd_golden_take_reference(&golden, &reference, &error), HD_OK);
    cr_assert_eq(hd_golden_take_exact(&golden, &exact, &error), HD_OK);
    exact.mode = HD_REVERSE;
    exact.hyper[1].hypergradient = (double)-39.79415f;
    cr_assert_eq(hd_golden_take_exact(&golden, &exact, &error), HD_OK);
    golden.tolerances = calloc(QUANTITIES, sizeof *golden.tolerances);
    golden.tolerance_count = QUANTITIES;
    for (size_t i = 0; i < QUANTITIES; i++) {
        golden.tolerances[i] = (hd_tolerance){.tolerance = 1e-6,
                                              .family = (hd_family)(i % 3),
                                              .evidence = {{{33, 1e-7, 2e-7, -3e-7, 5e-7}, 0.4, false}}};
        golden.tolerances[i].evidence[HD_REVERSE] = (hd_evidence){{33, -1e-7, 4e-7, -8e-7, 6e-7}, 0.1, true};
        snprintf(golden.tolerances[i].quantity, HD_QUANTITY, "%s", quantities[i]);
    }
    golden.method = strdup("five times the worst of nine runs");
    golden.replicas = 32;
    golden.false_alarms = 1e-3;
    golden.split_critical = 0.2;
    golden.reference_error_count = 1;
    golden.reference_errors[0] = (hd_reference_error){"eta", 3e-16};
    strcpy(golden.blessed.reason, "first results");
    hd_record_free(&reference);
    hd_record_free(&exact);
    return golden;
}

/* Makes `count` goldens, of hyper-iterations 0, 1, ..., blessed at `date`, with this hypergradient of eta.
 * End with hd_golden_set_free. */
static inline hd_golden_set sample_goldens(size_t count, const char *date, double eta) {
    hd_error error;
    hd_golden_set goldens;
    cr_assert_eq(hd_golden_set_make(&goldens, count, &error), HD_OK);
    for (size_t k = 0; k < count; k++) {
        hd_golden *golden = &goldens.steps[k];
        *golden = sample_golden();
        golden->reference.step = k;
        snprintf(golden->reference.weights.file, sizeof golden->reference.weights.file,
                 "step-%zu.weights.npy.gz", k);
        golden->reference.hyper[1].hypergradient = eta;
        snprintf(golden->blessed.date, sizeof golden->blessed.date, "%s", date);
        strcpy(golden->blessed.commit, "528f1c0");
        strcpy(golden->blessed.machine, "a machine");
    }
    return goldens;
}

#endif
