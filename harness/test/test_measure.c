#include "measure.h"

#include "sample.h"

#include <math.h>

/* A record that differs from another sample only in what a test spoils. */
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

static const hd_tolerance *find(const hd_tolerance *of, size_t count, const char *quantity) {
    for (size_t i = 0; i < count; i++)
        if (!strcmp(of[i].quantity, quantity)) return &of[i];
    cr_assert_fail("%s was not measured", quantity);
    return NULL;
}

static double concluded(const hd_measurement *measurement, const char *quantity) {
    hd_golden golden = {0};
    hd_error error;
    cr_assert_eq(hd_measurement_conclude(measurement, 8, &golden, &error), HD_OK, "%s", error.message);
    cr_expect_eq(golden.tolerance_count, measurement->count);
    double tolerance = find(golden.tolerances, golden.tolerance_count, quantity)->tolerance;
    hd_golden_free(&golden);
    return tolerance;
}

static void expect_near(double value, double expected) {
    cr_expect(fabs(value - expected) <= 1e-12 * fabs(expected), "%.17g, not %.17g", value, expected);
}

Test(measure, keeps_the_worst_and_the_root_of_the_mean_square) {
    hd_measurement measurement = {0};
    hd_record record = sample_record();
    const double exact = record.validation_error, off[] = {0x1p-10, -0x1p-8, 0};
    for (size_t i = 0; i < 3; i++) {
        record.validation_error = exact + off[i];
        add_well(&measurement, &record);
    }
    const hd_tolerance *t = find(measurement.of, measurement.count, "validation_error");
    expect_near(t->worst, 0x1p-8);
    expect_near(t->rms, sqrt((0x1p-20 + 0x1p-16) / 3));
    cr_expect_eq(t->samples, 3);
    expect_near(concluded(&measurement, "validation_error"), HD_MEASURE_FACTOR * 0x1p-8);
    hd_measurement_free(&measurement);
    hd_record_free(&record);
}

Test(measure, takes_hypergradients_relatively_and_by_name) {
    hd_measurement measurement = {0};
    hd_record record = sample_record();
    hd_hyper eta = record.hyper[1];
    record.hyper[1] = record.hyper[0];
    record.hyper[0] = eta;
    record.hyper[0].hypergradient *= 1 + 0x1p-12;
    add_well(&measurement, &record);
    expect_near(find(measurement.of, measurement.count, "hypergradient eta")->worst, 0x1p-12);
    cr_expect_eq(find(measurement.of, measurement.count, "hypergradient rho_l1_0")->worst, 0);
    hd_measurement_free(&measurement);
    hd_record_free(&record);
}

Test(measure, allows_one_rounding_where_nothing_differed) {
    hd_measurement measurement = {0};
    hd_record record = sample_record();
    add_well(&measurement, &record);
    expect_near(concluded(&measurement, "validation_error"),
                HD_MEASURE_FACTOR * 0x1p-24 * record.validation_error);
    expect_near(concluded(&measurement, "hypergradient eta"), HD_MEASURE_FACTOR * 0x1p-24);
    expect_near(concluded(&measurement, "hyperparameter eta"),
                HD_MEASURE_FACTOR * 0x1p-24 * record.hyper[1].value);
    hd_measurement_free(&measurement);
    hd_record_free(&record);
}

Test(measure, allows_no_example_more_than_it_saw) {
    hd_measurement measurement = {0};
    hd_record record = sample_record();
    add_well(&measurement, &record);
    record.test.correct--;
    add_well(&measurement, &record);
    cr_expect_eq(concluded(&measurement, "validation_accuracy"), 0);
    cr_expect_eq(concluded(&measurement, "test_accuracy"), HD_MEASURE_FACTOR);
    hd_measurement_free(&measurement);
    hd_record_free(&record);
}

Test(measure, measures_every_tensor_of_the_weights) {
    hd_measurement measurement = {0};
    hd_record record = sample_record();
    record.weights.values[7] += 0x1p-9; /* W_1[0,1] */
    add_well(&measurement, &record);
    cr_expect_eq(find(measurement.of, measurement.count, "weights W_1 worst element")->worst, 0x1p-9);
    cr_expect_eq(find(measurement.of, measurement.count, "weights b_1 worst element")->worst, 0);
    cr_expect_gt(find(measurement.of, measurement.count, "weights W_1 l2")->worst, 0);
    hd_measurement_free(&measurement);
    hd_record_free(&record);
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
    hd_measurement measurement = {0};
    hd_record record = sample_record();
    hd_golden golden = {0};
    hd_error error;
    add_well(&measurement, &record);
    cr_assert_eq(hd_measurement_conclude(&measurement, 5, &golden, &error), HD_OK);
    cr_expect(strstr(golden.method, "4 times the worst error"), "%s", golden.method);
    cr_expect(strstr(golden.method, "5 of its symmetries"), "%s", golden.method);
    hd_golden_free(&golden);
    hd_measurement_free(&measurement);
    hd_record_free(&record);
}
