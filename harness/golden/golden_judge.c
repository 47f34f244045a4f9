/* Judges a record by a golden: by the reference within tolerances, and by the exact arithmetic's bits. */
#include "golden/golden.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* How near another order of summation in float64 is to the reference, and forward mode to reverse mode. */
#define FLOAT64_RELATIVE 1e-10
/* Every device updates the hyperparameters in float32, so the last digit's difference of two hypergradients
 * may become one unit in the last place of a number below 2. */
#define FLOAT64_HYPER 1.2e-7
/* The golden's weights were rounded to float32 and a record's were not: half a unit in the last place of a
 * number below 2, more for a larger one. */
#define FLOAT64_WEIGHT 6e-8

double hd_golden_tolerance(const hd_golden *golden, const char *quantity) {
    for (size_t i = 0; i < golden->tolerance_count; i++)
        if (strcmp(golden->tolerances[i].quantity, quantity) == 0) return golden->tolerances[i].tolerance;
    return NAN;
}

static double measured(const void *golden, const char *quantity) {
    return hd_golden_tolerance(golden, quantity);
}

static double of_float64(const void *context, const char *quantity) {
    const double *largest_weight = context;
    if (strncmp(quantity, "hyperparameter ", 15) == 0) return FLOAT64_HYPER;
    if (strncmp(quantity, "weights ", 8) == 0) return FLOAT64_WEIGHT * fmax(1, *largest_weight);
    if (strstr(quantity, "accuracy")) return 0;
    return FLOAT64_RELATIVE;
}

static double largest(const hd_weights *weights) {
    double result = 0;
    for (size_t i = 0; i < weights->count; i++) result = fmax(result, fabs(weights->values[i]));
    return result;
}

void hd_golden_judge_bits(const hd_golden *golden, const hd_record *record, hd_verdict *verdict) {
    const hd_bits *bits = &golden->exact[record->mode];
    hd_compare_hash(verdict, "bits weights", record->weights.sha256, bits->weights_sha256);
    hd_compare_bits(verdict, "bits validation_error", record->validation_error, bits->validation_error, true);
    const hd_accuracy *counts[3] = {&record->test, &record->validation, &record->training};
    static const char *const quantities[3] = {"bits test_accuracy", "bits validation_accuracy",
                                              "bits training_accuracy"};
    for (size_t i = 0; i < 3; i++)
        hd_compare_count(verdict, quantities[i], *counts[i],
                         (hd_accuracy){bits->correct[i], counts[i]->total}, 0);
    hd_compare_names(verdict, record->hyper, record->hypers, bits->hyper, bits->hypers);
    for (size_t j = 0; j < bits->hypers; j++)
        for (size_t i = 0; i < record->hypers; i++) {
            const hd_hyper *is = &record->hyper[i], *expected = &bits->hyper[j];
            char quantity[HD_QUANTITY];
            if (strcmp(is->name, expected->name) != 0) continue;
            snprintf(quantity, sizeof quantity, "bits hyperparameter %s", is->name);
            hd_compare_bits(verdict, quantity, is->value, expected->value, true);
            snprintf(quantity, sizeof quantity, "bits hypergradient %s", is->name);
            hd_compare_bits(verdict, quantity, is->hypergradient, expected->hypergradient, true);
        }
}

/* HD_INVALID if the golden is for another record. */
static hd_status check_made_for(const hd_record *reference, const hd_record *record, hd_error *error) {
    const char *cause = NULL;
    if (strcmp(reference->experiment_sha256, record->experiment_sha256) != 0 ||
        strcmp(reference->experiment, record->experiment) != 0)
        cause = "the golden was made for another experiment";
    else if (strcmp(reference->data_sha256, record->data_sha256) != 0)
        cause = "the golden was made for other data";
    else if (reference->step != record->step)
        cause = "the golden was made for another hyper-iteration";
    if (!cause) return HD_OK;
    return hd_fail(error, HD_INVALID,
                   "%s, hyper-iteration %zu: %s (bless the experiment if it was meant to change)",
                   record->experiment, record->step, cause);
}

hd_status hd_golden_judge(const hd_golden *golden, const hd_record *record, hd_verdict *verdict,
                          hd_error *error) {
    const hd_record *reference = &golden->reference;
    hd_status status = check_made_for(reference, record, error);
    if (status != HD_OK) return status;
    hd_verdict_head(verdict, record, "golden");
    if (record->float32) {
        hd_compare_records(verdict, record, reference, (hd_tolerances){measured, golden});
    } else {
        double weight = largest(&reference->weights);
        hd_compare_records(verdict, record, reference, (hd_tolerances){of_float64, &weight});
    }
    if (strcmp(record->arithmetic, "exact") == 0 && golden->exact[record->mode].weights_sha256[0])
        hd_golden_judge_bits(golden, record, verdict);
    return HD_OK;
}
