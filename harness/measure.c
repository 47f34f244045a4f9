#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Half a unit in the last place, relative. */
#define ROUNDING 0x1p-24

static size_t place_of(hd_measurement *measurement, const hd_judgement *judgement) {
    for (size_t i = 0; i < measurement->count; i++)
        if (!strcmp(measurement->of[i].quantity, judgement->name)) return i;
    size_t count = measurement->count + 1;
    hd_tolerance *of = realloc(measurement->of, count * sizeof *of);
    if (of) measurement->of = of;
    double *expected = realloc(measurement->expected, count * sizeof *expected);
    if (expected) measurement->expected = expected;
    bool *relative = realloc(measurement->relative, count * sizeof *relative);
    if (relative) measurement->relative = relative;
    if (!of || !expected || !relative) return SIZE_MAX;
    of[count - 1] = (hd_tolerance){0};
    snprintf(of[count - 1].quantity, sizeof of[count - 1].quantity, "%s", judgement->name);
    relative[count - 1] = judgement->measure == HD_RELATIVE;
    return measurement->count++;
}

static hd_status add_sample(hd_measurement *measurement, const hd_judgement *judgement, hd_error *error) {
    double size = hd_judgement_error(judgement);
    if (!isfinite(size))
        return hd_fail(error, HD_DIFFERENT, "%s: its error cannot be measured: %s", judgement->name,
                       judgement->note[0] ? judgement->note : "not finite");
    size_t i = place_of(measurement, judgement);
    if (i == SIZE_MAX) return hd_fail(error, HD_UNAVAILABLE, "no memory for measured errors");
    hd_tolerance *t = &measurement->of[i];
    measurement->expected[i] = judgement->expected;
    t->worst = fmax(t->worst, size);
    t->rms = sqrt((t->rms * t->rms * (double)t->samples + size * size) / (double)(t->samples + 1));
    t->samples++;
    return HD_OK;
}

hd_status hd_measurement_add(hd_measurement *measurement, const hd_record *record, const hd_record *reference,
                             hd_error *error) {
    static const double none = 0;
    hd_verdict verdict = {0};
    hd_compare_records(&verdict, record, reference, hd_tolerance_everywhere(&none));
    hd_status status =
        verdict.no_memory ? hd_fail(error, HD_UNAVAILABLE, "no memory for measured errors") : HD_OK;
    for (size_t i = 0; status == HD_OK && i < verdict.count; i++)
        status = add_sample(measurement, &verdict.judgements[i], error);
    hd_verdict_free(&verdict);
    return status;
}

static bool is_count(const char *quantity) {
    size_t length = strlen(quantity), suffix = strlen("accuracy");
    return length > suffix && !strcmp(quantity + length - suffix, "accuracy");
}

hd_status hd_measurement_conclude(const hd_measurement *measurement, size_t replicas, hd_golden *golden,
                                  hd_error *error) {
    char method[512];
    snprintf(method, sizeof method,
             "Each tolerance is %d times the worst error of float32 runs against the float64 reference: in "
             "both modes, once as "
             "the experiment stands and under %zu of its symmetries (inputs, hidden units and the examples "
             "of each batch "
             "permuted, which changes the order of every sum and nothing else). One rounding to float32 "
             "counts as the least "
             "error; a count of examples has no such floor.",
             HD_MEASURE_FACTOR, replicas);
    free(golden->tolerances);
    free(golden->method);
    golden->method = strdup(method);
    golden->tolerances = malloc((measurement->count + 1) * sizeof *golden->tolerances);
    golden->tolerance_count = measurement->count;
    if (!golden->method || !golden->tolerances)
        return hd_fail(error, HD_UNAVAILABLE, "no memory for the golden's tolerances");
    for (size_t i = 0; i < measurement->count; i++) {
        hd_tolerance t = measurement->of[i];
        double floor = is_count(t.quantity)       ? 0
                       : measurement->relative[i] ? ROUNDING
                                                  : ROUNDING * fabs(measurement->expected[i]);
        t.tolerance = HD_MEASURE_FACTOR * fmax(t.worst, floor);
        golden->tolerances[i] = t;
    }
    return HD_OK;
}

void hd_measurement_free(hd_measurement *measurement) {
    free(measurement->of);
    free(measurement->expected);
    free(measurement->relative);
    *measurement = (hd_measurement){0};
}
