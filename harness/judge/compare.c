#include "judge/compare.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

double hd_judgement_error(const hd_judgement *judgement) {
    return judgement->measure == HD_RELATIVE ? judgement->relative : judgement->error;
}

/* The share of the tolerance that an error uses; Inf if either is NaN. */
static double budget(double error, double tolerance) {
    if (error == 0 && tolerance >= 0) return 0;
    double used = error / tolerance;
    return tolerance > 0 && used >= 0 ? used : INFINITY;
}

static hd_judgement named(const char *name) {
    hd_judgement judgement = {.value = NAN, .expected = NAN, .error = NAN, .relative = NAN, .ulps = NAN};
    snprintf(judgement.name, sizeof judgement.name, "%s", name);
    return judgement;
}

static void note(hd_judgement *judgement, const char *text) {
    snprintf(judgement->note, sizeof judgement->note, "%s", text);
}

/* Judges by error or relative, which are set, and appends. */
static void settle(hd_verdict *verdict, hd_judgement *judgement) {
    double error = hd_judgement_error(judgement);
    bool finite = isfinite(judgement->value) && isfinite(judgement->expected);
    bool within = isfinite(error) && error <= judgement->tolerance;
    judgement->outcome = within ? HD_PASS : HD_FAIL;
    judgement->budget_used = finite ? budget(error, judgement->tolerance) : INFINITY;
    if (!finite)
        note(judgement, "no tolerance admits NaN or Inf");
    else if (isnan(judgement->tolerance))
        note(judgement, "has no tolerance");
    hd_verdict_append(verdict, judgement);
}

/* Judges what has no tolerance, and appends. */
static void settle_same(hd_verdict *verdict, hd_judgement *judgement, bool same) {
    judgement->outcome = same ? HD_PASS : HD_FAIL;
    judgement->budget_used = same ? 0 : INFINITY;
    hd_verdict_append(verdict, judgement);
}

void hd_compare_failed(hd_verdict *verdict, const char *name, const char *cause) {
    hd_judgement judgement = named(name);
    note(&judgement, cause);
    settle_same(verdict, &judgement, false);
}

/* The bits of |x| as a number: the distance from zero, in representable numbers. */
static uint64_t magnitude(double x, bool float32) {
    if (float32) {
        float narrow = fabsf((float)x);
        uint32_t bits;
        memcpy(&bits, &narrow, sizeof bits);
        return bits;
    }
    uint64_t bits;
    x = fabs(x);
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

double hd_ulps(double a, double b, bool float32) {
    if (isnan(a) || isnan(b)) return INFINITY;
    uint64_t x = magnitude(a, float32), y = magnitude(b, float32);
    if (signbit(a) != signbit(b)) return (double)(x + y); /* each is below 2^63 */
    return (double)(x > y ? x - y : y - x);
}

/* The distance from |x| to the next larger float32; FLT_MIN for numbers below it. */
static double spacing(double x) {
    float narrow = fabsf((float)x);
    return narrow < FLT_MIN ? (double)FLT_MIN : (double)nextafterf(narrow, HUGE_VALF) - (double)narrow;
}

static void measure(hd_judgement *judgement, double value, double expected, bool float32) {
    judgement->value = value;
    judgement->expected = expected;
    judgement->error = fabs(value - expected);
    judgement->relative = judgement->error == 0 ? 0 : judgement->error / fabs(expected);
    judgement->resolution = spacing(expected);
    judgement->ulps = hd_ulps(value, expected, float32);
}

void hd_compare_number(hd_verdict *verdict, const char *name, double value, double expected, hd_measure by,
                       double tolerance, bool float32) {
    hd_judgement judgement = named(name);
    measure(&judgement, value, expected, float32);
    judgement.measure = by;
    if (by == HD_RELATIVE && expected != 0) judgement.resolution /= fabs(expected);
    judgement.tolerance = tolerance;
    settle(verdict, &judgement);
}

void hd_compare_count(hd_verdict *verdict, const char *name, hd_accuracy value, hd_accuracy expected,
                      double allowance) {
    if (value.total != expected.total || value.total == 0) {
        char cause[HD_NOTE];
        snprintf(cause, sizeof cause, "%zu of %zu examples against %zu of %zu", value.correct, value.total,
                 expected.correct, expected.total);
        hd_compare_failed(verdict, name, cause);
        return;
    }
    hd_judgement judgement = named(name);
    measure(&judgement, (double)value.correct, (double)expected.correct, false);
    judgement.ulps = NAN;
    judgement.resolution = 1;
    judgement.tolerance = allowance;
    settle(verdict, &judgement);
}

void hd_compare_bits(hd_verdict *verdict, const char *name, double value, double expected, bool float32) {
    hd_judgement judgement = named(name);
    measure(&judgement, value, expected, float32);
    bool same = isfinite(value) && value == expected && signbit(value) == signbit(expected);
    if (!same) note(&judgement, isfinite(value) ? "has different bits" : "no tolerance admits NaN or Inf");
    settle_same(verdict, &judgement, same);
}

void hd_compare_hash(hd_verdict *verdict, const char *name, const char *value, const char *expected) {
    hd_judgement judgement = named(name);
    bool same = value[0] && strcmp(value, expected) == 0;
    snprintf(judgement.note, sizeof judgement.note, "%s%s%s", value, same ? "" : " against ",
             same ? "" : expected);
    settle_same(verdict, &judgement, same);
}

static void find_worst(hd_verdict *verdict) {
    verdict->worst = 0;
    for (size_t i = 1; i < verdict->count; i++)
        if (hd_judgement_worse(&verdict->judgements[i], &verdict->judgements[verdict->worst]))
            verdict->worst = i;
}

void hd_verdict_allow(hd_verdict *verdict, const char *quantity, double tolerance, const char *why) {
    for (size_t i = 0; i < verdict->count; i++) {
        hd_judgement *judgement = &verdict->judgements[i];
        double error = hd_judgement_error(judgement);
        if (strcmp(judgement->name, quantity) != 0 || judgement->outcome != HD_FAIL) continue;
        if (!isfinite(error) || !(error <= tolerance)) continue;
        judgement->outcome = HD_KNOWN;
        judgement->tolerance = tolerance;
        judgement->budget_used = budget(error, tolerance);
        note(judgement, why);
        verdict->failures--;
        verdict->known++;
    }
    find_worst(verdict);
}

/* ---- many quantities at once ---- */

static double everywhere(const void *context, const char *quantity) {
    (void)quantity;
    return context ? *(const double *)context : 0;
}

hd_tolerances hd_tolerance_everywhere(const double *tolerance) {
    return (hd_tolerances){everywhere, tolerance};
}

static double tolerance_of(hd_tolerances tolerances, const char *quantity) {
    return tolerances.of(tolerances.context, quantity);
}

/* The index of the worst element; NaN and Inf are the worst. */
static size_t worst_element(const double *values, const double *expected, size_t count) {
    size_t worst = 0;
    double largest = -1;
    for (size_t i = 0; i < count; i++) {
        double error = fabs(values[i] - expected[i]);
        if (!isfinite(error)) return i;
        if (error > largest) {
            largest = error;
            worst = i;
        }
    }
    return worst;
}

static double largest(const double *values, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs(values[i]));
    return most;
}

/* The norm of the difference, relative to that of expected. */
static double relative_l2(const double *values, const double *expected, size_t count) {
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        difference += (values[i] - expected[i]) * (values[i] - expected[i]);
        norm += expected[i] * expected[i];
    }
    return sqrt(difference) / fmax(sqrt(norm), HD_L2_FLOOR * sqrt((double)count));
}

/* A tensor of a record's weights, or an array by itself (record NULL). */
struct tensor {
    const char *name;
    const hd_record *record;
    size_t offset, count;
};

static void name_element(const struct tensor *tensor, size_t i, char name[HD_WEIGHT_NAME]) {
    if (tensor->record)
        hd_weight_name(tensor->record->layers, tensor->record->dims, tensor->offset + i, name);
    else
        snprintf(name, HD_WEIGHT_NAME, "[%zu]", i);
}

static void compare_tensor(hd_verdict *verdict, const struct tensor *tensor, const double *values,
                           const double *expected, bool float32, hd_tolerances tolerances) {
    char quantity[HD_QUANTITY];
    values += tensor->offset;
    expected += tensor->offset;

    snprintf(quantity, sizeof quantity, "%.40s worst element", tensor->name);
    size_t i = worst_element(values, expected, tensor->count);
    hd_judgement element = named(quantity);
    name_element(tensor, i, element.element);
    measure(&element, values[i], expected[i], float32);
    element.resolution = spacing(largest(expected, tensor->count));
    element.tolerance = tolerance_of(tolerances, quantity);
    settle(verdict, &element);

    snprintf(quantity, sizeof quantity, "%.40s l2", tensor->name);
    hd_judgement l2 = named(quantity);
    l2.value = l2.error = l2.relative = relative_l2(values, expected, tensor->count);
    l2.expected = 0;
    l2.resolution = (double)FLT_EPSILON; /* no less than the largest element's spacing over the norm */
    l2.tolerance = tolerance_of(tolerances, quantity);
    settle(verdict, &l2);
}

void hd_compare_array(hd_verdict *verdict, const char *name, const double *values, size_t count,
                      const double *expected, size_t expected_count, bool float32, hd_tolerances tolerances) {
    char cause[HD_NOTE];
    if (count != expected_count || count == 0) {
        snprintf(cause, sizeof cause, "%zu elements against %zu", count, expected_count);
        hd_compare_failed(verdict, name, cause);
        return;
    }
    compare_tensor(verdict, &(struct tensor){.name = name, .count = count}, values, expected, float32,
                   tolerances);
}

/* Why two records' weights cannot be compared; NULL: they can. */
static const char *mismatch(const hd_record *record, const hd_record *expected) {
    if (record->layers != expected->layers) return "a different number of layers";
    for (size_t l = 0; l <= record->layers; l++)
        if (record->dims[l] != expected->dims[l]) return "layers of different sizes";
    size_t count = hd_weight_count(record->layers, record->dims);
    if (record->weights.count != count || expected->weights.count != count)
        return "a different number of weights";
    if (!record->weights.values || !expected->weights.values) return "the weights are missing";
    return NULL;
}

/* Compares weights, tensor by tensor, as hd_compare_array: "weights W_0 worst element", "weights W_0 l2",
 * ...; names the element. Other dims, or weights that are not loaded, fail. */
static void compare_weights(hd_verdict *verdict, const hd_record *record, const hd_record *expected,
                            hd_tolerances tolerances) {
    const char *cause = mismatch(record, expected);
    if (cause) {
        hd_compare_failed(verdict, "weights", cause);
        return;
    }
    bool float32 = record->float32 || expected->float32;
    size_t offset = 0;
    for (size_t i = 0; i < 2 * record->layers; i++) {
        bool bias = i >= record->layers;
        size_t l = bias ? i - record->layers : i;
        size_t count = (bias ? 1 : record->dims[l]) * record->dims[l + 1];
        char name[HD_QUANTITY];
        snprintf(name, sizeof name, "weights %c_%zu", bias ? 'b' : 'W', l);
        compare_tensor(verdict, &(struct tensor){name, record, offset, count}, record->weights.values,
                       expected->weights.values, float32, tolerances);
        offset += count;
    }
}

/* The index of the first hyperparameter of that name; count: there is none. */
static size_t find(const hd_hyper *hyper, size_t count, const char *name) {
    size_t i = 0;
    while (i < count && strcmp(hyper[i].name, name) != 0) i++;
    return i;
}

static void compare_gradient(hd_verdict *verdict, const hd_hyper *hyper, const hd_hyper *expected,
                             double floor, bool float32, hd_tolerances tolerances) {
    char quantity[HD_QUANTITY];
    snprintf(quantity, sizeof quantity, "hypergradient %s", expected->name);
    hd_judgement judgement = named(quantity);
    measure(&judgement, hyper->hypergradient, expected->hypergradient, float32);
    double of = fmax(fabs(expected->hypergradient), floor);
    judgement.measure = HD_RELATIVE;
    judgement.relative = judgement.error == 0 ? 0 : judgement.error / of;
    judgement.resolution = fmax(judgement.resolution / of, (double)FLT_EPSILON / 2);
    judgement.tolerance = tolerance_of(tolerances, quantity);
    settle(verdict, &judgement);
}

static void compare_hyper(hd_verdict *verdict, const hd_hyper *hyper, const hd_hyper *expected, double floor,
                          bool float32, hd_tolerances tolerances) {
    char quantity[HD_QUANTITY];
    snprintf(quantity, sizeof quantity, "hyperparameter %s", expected->name);
    hd_compare_number(verdict, quantity, hyper->value, expected->value, HD_ABSOLUTE,
                      tolerance_of(tolerances, quantity), float32);
    compare_gradient(verdict, hyper, expected, floor, float32, tolerances);
}

void hd_compare_names(hd_verdict *verdict, const hd_hyper *hyper, size_t hypers, const hd_hyper *expected,
                      size_t expected_hypers) {
    char quantity[HD_QUANTITY];
    if (hypers == 0 && expected_hypers == 0) hd_compare_failed(verdict, "hyperparameters", "there are none");
    for (size_t j = 0; j < expected_hypers; j++) {
        snprintf(quantity, sizeof quantity, "hypergradient %s", expected[j].name);
        if (find(hyper, hypers, expected[j].name) == hypers)
            hd_compare_failed(verdict, quantity, "missing: expected, but not present");
    }
    for (size_t j = 0; j < hypers; j++) {
        snprintf(quantity, sizeof quantity, "hypergradient %s", hyper[j].name);
        if (find(expected, expected_hypers, hyper[j].name) == expected_hypers)
            hd_compare_failed(verdict, quantity, "extra: present, but not expected");
        else if (find(hyper, hypers, hyper[j].name) != j)
            hd_compare_failed(verdict, quantity, "given twice");
    }
}

void hd_compare_hypers(hd_verdict *verdict, const hd_hyper *hyper, size_t hypers, const hd_hyper *expected,
                       size_t expected_hypers, bool float32, hd_tolerances tolerances) {
    double floor = FLT_MIN; /* if all should be zero */
    for (size_t j = 0; j < expected_hypers; j++)
        floor = fmax(floor, HD_GRADIENT_FLOOR * fabs(expected[j].hypergradient));
    hd_compare_names(verdict, hyper, hypers, expected, expected_hypers);
    for (size_t j = 0; j < expected_hypers; j++) {
        size_t i = find(hyper, hypers, expected[j].name);
        if (i < hypers) compare_hyper(verdict, &hyper[i], &expected[j], floor, float32, tolerances);
    }
}

void hd_compare_figures(hd_verdict *verdict, const hd_record *record, const hd_record *expected,
                        hd_tolerances tolerances) {
    bool float32 = record->float32 || expected->float32;
    hd_compare_count(verdict, "test_accuracy", record->test, expected->test,
                     tolerance_of(tolerances, "test_accuracy"));
    hd_compare_count(verdict, "validation_accuracy", record->validation, expected->validation,
                     tolerance_of(tolerances, "validation_accuracy"));
    hd_compare_count(verdict, "training_accuracy", record->training, expected->training,
                     tolerance_of(tolerances, "training_accuracy"));
    hd_compare_number(verdict, "validation_error", record->validation_error, expected->validation_error,
                      HD_ABSOLUTE, tolerance_of(tolerances, "validation_error"), float32);
    hd_compare_hypers(verdict, record->hyper, record->hypers, expected->hyper, expected->hypers, float32,
                      tolerances);
}

void hd_compare_records(hd_verdict *verdict, const hd_record *record, const hd_record *expected,
                        hd_tolerances tolerances) {
    hd_compare_figures(verdict, record, expected, tolerances);
    compare_weights(verdict, record, expected, tolerances);
}
