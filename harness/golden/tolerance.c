#include "golden/tolerance.h"

#include "base/list.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- samples --- */

static bool ends_in(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

static hd_family family_of(const char *quantity) {
    if (ends_in(quantity, "accuracy")) return HD_COUNT;
    return ends_in(quantity, " worst element") || ends_in(quantity, " l2") ? HD_LOGNORMAL : HD_NORMAL;
}

static hd_sample *sample_of(hd_measurement *measurement, const char *quantity) {
    for (size_t i = 0; i < measurement->count; i++)
        if (!strcmp(measurement->of[i].quantity, quantity)) return &measurement->of[i];
    hd_sample *of = hd_list_add(&measurement->of, &measurement->count, sizeof *of);
    if (!of) return NULL;
    of->family = family_of(quantity);
    snprintf(of->quantity, sizeof of->quantity, "%s", quantity);
    return of;
}

/* The error, with its sign if it has one. */
static double signed_error(const hd_judgement *judgement, hd_family family) {
    double size = hd_judgement_error(judgement);
    return family != HD_LOGNORMAL && judgement->value < judgement->expected ? -size : size;
}

static hd_status add_error(hd_measurement *measurement, const hd_judgement *judgement, hd_mode mode,
                           hd_error *error) {
    if (!isfinite(hd_judgement_error(judgement)))
        return hd_fail(error, HD_DIFFERENT, "%s: its error cannot be measured: %s", judgement->name,
                       judgement->note[0] ? judgement->note : "not finite");
    hd_sample *sample = sample_of(measurement, judgement->name);
    double *added = sample ? hd_list_add(&sample->errors[mode], &sample->count[mode], sizeof *added) : NULL;
    if (!added) return hd_fail(error, HD_UNAVAILABLE, "no memory for measured errors");
    *added = signed_error(judgement, sample->family);
    sample->resolution = judgement->resolution;
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
        status = add_error(measurement, &verdict.judgements[i], record->mode, error);
    hd_verdict_free(&verdict);
    return status;
}

/* --- bounds --- */

/* How many deviations above the mean the next of a normal sample lies with probability `tail`, at most. */
static double reach(double tail, size_t n, size_t freedom) {
    return hd_t_quantile(tail, (double)freedom) * sqrt(1 + 1 / (double)n);
}

static double bound_two_kinds(const hd_summary *errors, double within, double tail, double resolution) {
    double greatest = fmax(fabs(errors->least), fabs(errors->greatest));
    return greatest + reach(tail, errors->n, errors->n - 2) * within + resolution;
}

static double bound_normal(const hd_summary *errors, double tail, double resolution) {
    return fabs(errors->mean) + reach(tail / 2, errors->n, errors->n - 1) * errors->deviation + resolution;
}

/* Overwrites x[n]. */
static double bound_lognormal(double *x, size_t n, double tail, double resolution) {
    for (size_t i = 0; i < n; i++) x[i] = log(x[i] + resolution);
    hd_summary logarithms = hd_summarize(x, n);
    return exp(logarithms.mean + reach(tail, n, n - 1) * logarithms.deviation);
}

/* The least step between different errors in the sorted x[n]; 0 if all are equal. If errors come in few
 * sizes, as when a hyperparameter's update cancels, it exceeds float32's spacing at the result. */
static double least_step(const double *x, size_t n) {
    double least = x[n - 1] - x[0];
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[i - 1]) least = fmin(least, x[i] - x[i - 1]);
    return least;
}

/* One mode's bound and evidence. */
static double bound_mode(const hd_sample *sample, hd_mode mode, double tail, double critical, double *room,
                         hd_evidence *evidence) {
    size_t n = sample->count[mode];
    memcpy(room, sample->errors[mode], n * sizeof *room);
    hd_split split = hd_best_split(room, n);
    double resolution = fmax(sample->resolution, least_step(room, n));
    *evidence = (hd_evidence){.errors = hd_summarize(room, n), .split = split.within};
    evidence->bimodal = split.within < critical && split.gap > 2 * resolution;
    if (evidence->bimodal) return bound_two_kinds(&evidence->errors, split.deviation, tail, resolution);
    return sample->family == HD_LOGNORMAL ? bound_lognormal(room, n, tail, resolution)
                                          : bound_normal(&evidence->errors, tail, resolution);
}

/* A count's bound, from both modes. */
static double bound_count(const hd_sample *sample, double tail) {
    double total = 0;
    for (size_t m = 0; m < 2; m++)
        for (size_t i = 0; i < sample->count[m]; i++) total += fabs(sample->errors[m][i]);
    return (double)hd_count_bound(total, sample->count[0] + sample->count[1], tail);
}

/* Rounds up to three digits, so that no machine's libm changes a tolerance by its last bit. */
static double round_up(double x) {
    double unit = pow(10, floor(log10(x)) - 2);
    return ceil(x / unit - 1e-6) * unit;
}

static hd_tolerance conclude(const hd_sample *sample, double tail, double critical, double *room) {
    hd_tolerance t = {.family = sample->family};
    memcpy(t.quantity, sample->quantity, sizeof t.quantity);
    for (size_t m = 0; m < 2; m++) {
        double bound = bound_mode(sample, (hd_mode)m, tail, critical, room, &t.evidence[m]);
        t.tolerance = fmax(t.tolerance, round_up(bound));
    }
    if (sample->family == HD_COUNT) t.tolerance = bound_count(sample, tail);
    if (sample->family == HD_LOGNORMAL) {
        double greatest = fmax(t.evidence[0].errors.greatest, t.evidence[1].errors.greatest);
        t.tolerance = fmin(t.tolerance, round_up(fmax(HD_MOST_SEEN * greatest, sample->resolution)));
    }
    return t;
}

static size_t least_runs(const hd_measurement *measurement, size_t *most) {
    size_t least = measurement->count ? SIZE_MAX : 0;
    *most = 0;
    for (size_t i = 0; i < measurement->count; i++)
        for (size_t m = 0; m < 2; m++) {
            size_t n = measurement->of[i].count[m];
            least = n < least ? n : least;
            *most = n > *most ? n : *most;
        }
    return least;
}

hd_status hd_measurement_conclude(const hd_measurement *measurement, hd_golden *golden, hd_error *error) {
    char method[768];
    size_t most, least = least_runs(measurement, &most);
    if (least < 3)
        return hd_fail(error, HD_INVALID, "tolerances from %zu runs in a mode: allowed: 3 or more", least);
    snprintf(
        method, sizeof method,
        "Errors of float32 runs against the float64 reference, in each mode once as the experiment stands "
        "and in %zu replicas, each with random rounding and a permutation of its own (of the inputs, the hidden "
        "units and the examples of each batch, which changes the order of every sum). A correct run's record "
        "fails any of its %zu checks with probability at most %g. Normal and lognormal: Student's prediction "
        "bound, plus the least error float32 can show; bimodal: the greatest error plus the bound within its "
        "two clusters; lognormal at most %g times the greatest error seen; count: negative binomial.",
        most - 1, measurement->count, HD_FALSE_ALARMS, HD_MOST_SEEN);
    free(golden->tolerances);
    free(golden->method);
    golden->method = strdup(method);
    golden->tolerances = malloc((measurement->count + 1) * sizeof *golden->tolerances);
    golden->tolerance_count = measurement->count;
    golden->replicas = most - 1;
    golden->false_alarms = HD_FALSE_ALARMS;
    golden->split_critical = hd_split_critical(most);
    double *room = malloc(most * sizeof *room);
    bool memory = golden->method && golden->tolerances && room && golden->split_critical > 0;
    double tail = HD_FALSE_ALARMS / (double)measurement->count;
    for (size_t i = 0; memory && i < measurement->count; i++)
        golden->tolerances[i] = conclude(&measurement->of[i], tail, golden->split_critical, room);
    free(room);
    return memory ? HD_OK : hd_fail(error, HD_UNAVAILABLE, "no memory for the golden's tolerances");
}

void hd_measurement_free(hd_measurement *measurement) {
    for (size_t i = 0; i < measurement->count; i++)
        for (size_t m = 0; m < 2; m++) free(measurement->of[i].errors[m]);
    free(measurement->of);
    *measurement = (hd_measurement){0};
}
