#include "golden/tolerance.h"
#include "test/record_sample.h"

#include <math.h>

/* Adds a record that differs from the sample only in what a test changes. */
static hd_status add(hd_measurement *measurement, const hd_record *record, hd_error *error) {
    hd_record reference = sample_record();
    hd_status status = hd_measurement_add(measurement, record, &reference, error);
    hd_record_free(&reference);
    return status;
}

static void add_well(hd_measurement *measurement, const hd_record *record) {
    hd_error error;
    cr_assert_eq(add(measurement, record, &error), HD_OK, "%s", error.message);
}

static const hd_tolerance *find(const hd_golden *golden, const char *quantity) {
    for (size_t i = 0; i < golden->tolerance_count; i++)
        if (!strcmp(golden->tolerances[i].quantity, quantity)) return &golden->tolerances[i];
    cr_assert_fail("%s was not measured", quantity);
    return NULL;
}

static void expect_near(double value, double expected, double relative) {
    cr_expect(fabs(value - expected) <= relative * fabs(expected), "%.17g, not %.17g", value, expected);
}

enum { RUNS = 33, QUANTITIES = 16 };

/* The golden that follows from RUNS runs in each mode; `spoil` changes run number r. */
static hd_golden concluded(void (*spoil)(hd_record *record, size_t r)) {
    hd_measurement measurement = {0};
    hd_golden golden = {0};
    hd_error error;
    for (size_t r = 0; r < RUNS; r++)
        for (int m = 0; m < 2; m++) {
            hd_record record = sample_record();
            record.mode = (hd_mode)m;
            spoil(&record, r);
            add_well(&measurement, &record);
            hd_record_free(&record);
        }
    cr_assert_eq(hd_measurement_conclude(&measurement, &golden, &error), HD_OK, "%s", error.message);
    cr_expect_eq(golden.tolerance_count, QUANTITIES);
    hd_measurement_free(&measurement);
    return golden;
}

/* r = 0 .. RUNS - 1 about their middle have the variance RUNS (RUNS + 1) / 12. */
static double step(size_t r) {
    return (double)r - (RUNS - 1) / 2.0;
}
static double step_deviation(void) {
    return sqrt(RUNS * (RUNS + 1) / 12.0);
}

static void spread_eta(hd_record *record, size_t r) {
    if (record->mode == HD_REVERSE) record->hyper[1].hypergradient *= 1 + 0x1p-13 + step(r) * 0x1p-20;
}

Test(measure, bounds_the_next_number_by_students_prediction) {
    hd_golden golden = concluded(spread_eta);
    const hd_tolerance *t = find(&golden, "hypergradient eta");
    double t_32 = hd_t_quantile(HD_FALSE_ALARMS / QUANTITIES / 2, RUNS - 1);
    double bound =
        0x1p-13 + 0x1p-20 * (step_deviation() * t_32 * sqrt(1 + 1.0 / RUNS) + 1); /* and the least step */
    cr_expect(t->tolerance >= bound * (1 - 1e-6), "%g, not %g", t->tolerance, bound);
    expect_near(t->tolerance, bound, 0.01); /* rounded up */
    cr_expect_eq(t->family, HD_NORMAL);
    cr_expect_eq(t->evidence[HD_REVERSE].errors.n, RUNS);
    expect_near(fabs(t->evidence[HD_REVERSE].errors.mean), 0x1p-13, 1e-9);
    expect_near(t->evidence[HD_REVERSE].errors.deviation, step_deviation() * 0x1p-20, 1e-9);
    cr_expect(t->evidence[HD_FORWARD].errors.deviation == 0, "the modes are kept apart");
    cr_expect_not(t->evidence[HD_REVERSE].bimodal);
    hd_golden_free(&golden);
}

static void jump_eta(hd_record *record, size_t r) {
    spread_eta(record, r);
    if (record->mode == HD_REVERSE && r % 3 == 0) record->hyper[1].hypergradient *= 1 + 0x1p-11;
}

Test(measure, knows_a_kink_from_a_wide_spread) {
    hd_golden wide = concluded(spread_eta), kink = concluded(jump_eta);
    const hd_tolerance *t = find(&kink, "hypergradient eta");
    cr_expect(t->evidence[HD_REVERSE].bimodal);
    cr_expect_lt(t->evidence[HD_REVERSE].split, kink.split_critical);
    cr_expect_gt(find(&wide, "hypergradient eta")->evidence[HD_REVERSE].split, wide.split_critical);
    double greatest = -t->evidence[HD_REVERSE].errors.least; /* eta's hypergradient is negative */
    cr_expect(t->tolerance > greatest && t->tolerance < 2 * greatest, "%g beside %g", t->tolerance, greatest);
    hd_golden_free(&wide);
    hd_golden_free(&kink);
}

static void as_it_is(hd_record *record, size_t r) {
    (void)record, (void)r;
}

Test(measure, allows_what_float32_can_show_where_nothing_differed) {
    hd_golden golden = concluded(as_it_is);
    hd_record record = sample_record();
    float eta = (float)record.hyper[1].value;
    double gap = (double)nextafterf(eta, HUGE_VALF) - (double)eta;
    expect_near(find(&golden, "hyperparameter eta")->tolerance, gap, 0.01);
    double relative = find(&golden, "hypergradient eta")->tolerance;
    cr_expect(relative >= 0x1p-24 && relative <= 0x1p-23 * 1.01, "%g", relative);
    cr_expect_eq(find(&golden, "hypergradient eta")->evidence[0].bimodal, false);
    hd_record_free(&record);
    hd_golden_free(&golden);
}

static void tails(hd_record *record, size_t r) {
    record->weights.values[7] += exp(step(r) / 16) * 0x1p-12; /* W_1[0,1] */
}

Test(measure, bounds_the_worst_of_many_by_its_logarithm) {
    hd_golden golden = concluded(tails);
    const hd_tolerance *t = find(&golden, "weights W_1 worst element");
    double spread =
        step_deviation() / 16 * hd_t_quantile(HD_FALSE_ALARMS / QUANTITIES, RUNS - 1) * sqrt(1 + 1.0 / RUNS);
    cr_expect_eq(t->family, HD_LOGNORMAL);
    expect_near(t->tolerance, exp(spread) * 0x1p-12, 0.1); /* it adds the least step to each */
    cr_expect_eq(find(&golden, "weights b_1 worst element")->evidence[0].errors.greatest, 0);
    cr_expect_gt(find(&golden, "weights W_1 l2")->evidence[0].errors.mean, 0);
    hd_golden_free(&golden);
}

static void miscount(hd_record *record, size_t r) {
    if (r == 3) record->test.correct--;
    if (r % 2) record->validation.correct -= 2;
}

/* Errors over eight orders of magnitude: the bound from their logarithms would be far past all of them. */
static void scatter_weight(hd_record *record, size_t r) {
    hd_error error;
    double weights[SAMPLE_WEIGHTS];
    memcpy(weights, record->weights.values, sizeof weights);
    weights[8] += ldexp(1, -11 - (int)(r % 12)); /* W_1's; float32 shows all of it */
    cr_assert_eq(hd_record_set_weights(record, weights, &error), HD_OK, "%s", error.message);
}

Test(measure, bounds_the_worst_of_many_by_a_multiple_of_what_was_seen) {
    hd_golden golden = concluded(scatter_weight);
    const hd_tolerance *t = find(&golden, "weights W_1 worst element");
    double greatest = t->evidence[0].errors.greatest;
    expect_near(greatest, 0x1p-11, 1e-6);
    expect_near(t->tolerance, HD_MOST_SEEN * greatest, 0.01);
    hd_golden_free(&golden);
}

Test(measure, bounds_counts_as_counts) {
    hd_golden golden = concluded(miscount);
    double tail = HD_FALSE_ALARMS / QUANTITIES;
    cr_expect_eq(find(&golden, "training_accuracy")->tolerance, (double)hd_count_bound(0, 2 * RUNS, tail));
    cr_expect_eq(find(&golden, "test_accuracy")->tolerance, (double)hd_count_bound(2, 2 * RUNS, tail));
    cr_expect_eq(find(&golden, "validation_accuracy")->tolerance, (double)hd_count_bound(64, 2 * RUNS, tail));
    cr_expect_eq(find(&golden, "test_accuracy")->evidence[HD_REVERSE].errors.least, -1);
    hd_golden_free(&golden);
}

static void no_gradient(hd_record *record, size_t r) {
    record->hyper[0].hypergradient = r % 2 ? 1e-12 : 0;
}

/* What should be zero is judged by the largest, eta's. */
Test(measure, gives_a_hypergradient_that_should_be_zero_a_tolerance) {
    hd_measurement measurement = {0};
    hd_golden golden = {0};
    hd_error error;
    hd_verdict verdict = {0};
    hd_record reference = sample_record();
    reference.hyper[0].hypergradient = 0;
    for (size_t r = 0; r < 2 * RUNS; r++) {
        hd_record record = sample_record();
        record.mode = (hd_mode)(r % 2);
        no_gradient(&record, r / 2);
        cr_assert_eq(hd_measurement_add(&measurement, &record, &reference, &error), HD_OK, "%s",
                     error.message);
        hd_record_free(&record);
    }
    cr_assert_eq(hd_measurement_conclude(&measurement, &golden, &error), HD_OK);
    double scale = HD_GRADIENT_FLOOR * fabs(reference.hyper[1].hypergradient);
    double tolerance = find(&golden, "hypergradient rho_l1_0")->tolerance;
    cr_expect(tolerance > 1e-12 / scale && tolerance < 1e-11 / scale, "%g", tolerance);
    hd_record record = sample_record();
    for (int wrong = 0; wrong < 2; wrong++) {
        record.hyper[0].hypergradient = wrong ? 1e-10 : -1e-12;
        hd_compare_hypers(&verdict, record.hyper, 2, reference.hyper, 2, true,
                          hd_tolerance_everywhere(&tolerance));
        cr_expect_eq(hd_verdict_passes(&verdict), !wrong);
        hd_verdict_free(&verdict);
        verdict = (hd_verdict){0};
    }
    hd_record_free(&record);
    hd_record_free(&reference);
    hd_measurement_free(&measurement);
    hd_golden_free(&golden);
}

Test(measure, is_refused_from_too_few_runs) {
    hd_measurement measurement = {0};
    hd_golden golden = {0};
    hd_error error;
    hd_record record = sample_record();
    for (int i = 0; i < 5; i++) add_well(&measurement, &record);
    cr_expect_eq(hd_measurement_conclude(&measurement, &golden, &error), HD_INVALID);
    hd_record_free(&record);
    hd_measurement_free(&measurement);
    hd_golden_free(&golden);
}

static void expect_refused(hd_record *record, const char *cause) {
    hd_measurement measurement = {0};
    hd_error error;
    cr_expect_eq(add(&measurement, record, &error), HD_DIFFERENT);
    cr_expect(strstr(error.message, cause), "no '%s' in: %s", cause, error.message);
    hd_measurement_free(&measurement);
    hd_record_free(record);
}

Test(measure, refuses_what_is_no_number) {
    hd_record record = sample_record();
    record.validation_error = NAN;
    expect_refused(&record, "validation_error");
    record = sample_record();
    record.hyper[1].hypergradient = INFINITY;
    expect_refused(&record, "hypergradient eta");
    record = sample_record();
    record.weights.values[3] = NAN;
    expect_refused(&record, "weights W_0");
}

Test(measure, refuses_other_names_and_shapes) {
    hd_record record = sample_record();
    strcpy(record.hyper[1].name, "mu");
    expect_refused(&record, "eta");
    record = sample_record();
    record.dims[0]++;
    expect_refused(&record, "weights");
    record = sample_record();
    record.test.total++;
    expect_refused(&record, "test_accuracy");
}

Test(measure, says_how_it_measured) {
    hd_golden golden = concluded(as_it_is);
    cr_expect(strstr(golden.method, "32 replicas") && strstr(golden.method, "0.001"), "%s", golden.method);
    cr_expect(golden.replicas == RUNS - 1 && golden.false_alarms == HD_FALSE_ALARMS);
    hd_golden_free(&golden);
}
