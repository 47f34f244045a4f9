#include "judge/compare.h"
#include "test/record_sample.h"

#include <float.h>
#include <math.h>

static const double tight = 1e-9;

static const hd_judgement *find(const hd_verdict *verdict, const char *name) {
    for (size_t i = 0; i < verdict->count; i++)
        if (strcmp(verdict->judgements[i].name, name) == 0) return &verdict->judgements[i];
    cr_assert_fail("nothing was judged as \"%s\"", name);
    return NULL;
}

static bool number_passes(double value, double expected, hd_measure measure, double tolerance) {
    hd_verdict verdict = {0};
    hd_compare_number(&verdict, "x", value, expected, measure, tolerance, true);
    bool passes = hd_verdict_passes(&verdict);
    cr_expect_eq(passes, verdict.judgements[0].outcome == HD_PASS);
    if (!passes) cr_expect(!(verdict.judgements[0].budget_used <= 1));
    hd_verdict_free(&verdict);
    return passes;
}

Test(compare, passes_what_is_within_its_tolerance_and_nothing_else) {
    cr_expect(number_passes(1.5, 1.0, HD_ABSOLUTE, 0.5));
    cr_expect(!number_passes(1.5, 1.0, HD_ABSOLUTE, 0.49));
    cr_expect(number_passes(3.0, 2.0, HD_RELATIVE, 0.5));
    cr_expect(!number_passes(3.0, 2.0, HD_RELATIVE, 0.49));
    cr_expect(number_passes(-3.0, -2.0, HD_RELATIVE, 0.5));
    cr_expect(number_passes(0.0, 0.0, HD_RELATIVE, 0.0));
    cr_expect(!number_passes(1e-30, 0.0, HD_RELATIVE, 0.5));
    cr_expect(!number_passes(1.0, 1.0, HD_ABSOLUTE, -1.0));
}

Test(compare, never_passes_nan) {
    const hd_measure measures[] = {HD_ABSOLUTE, HD_RELATIVE};
    for (size_t i = 0; i < 2; i++) {
        cr_expect(!number_passes(NAN, 1.0, measures[i], 1.0));
        cr_expect(!number_passes(1.0, NAN, measures[i], 1.0));
        cr_expect(!number_passes(NAN, NAN, measures[i], 1.0));
        cr_expect(!number_passes(NAN, NAN, measures[i], INFINITY));
        cr_expect(!number_passes(1.0, 1.0, measures[i], NAN));
    }
}

Test(compare, never_passes_infinity) {
    const hd_measure measures[] = {HD_ABSOLUTE, HD_RELATIVE};
    for (size_t i = 0; i < 2; i++) {
        cr_expect(!number_passes(INFINITY, 1.0, measures[i], INFINITY));
        cr_expect(!number_passes(1.0, INFINITY, measures[i], INFINITY));
        cr_expect(!number_passes(INFINITY, INFINITY, measures[i], 1.0));
        cr_expect(!number_passes(-INFINITY, INFINITY, measures[i], INFINITY));
        cr_expect(!number_passes(DBL_MAX, -DBL_MAX, measures[i], INFINITY));
    }
}

Test(compare, that_compared_nothing_fails) {
    hd_verdict verdict = {0};
    cr_expect(!hd_verdict_passes(&verdict));
    cr_expect_null(hd_verdict_worst(&verdict));
    hd_compare_array(&verdict, "x", NULL, 0, NULL, 0, true, hd_tolerance_everywhere(NULL));
    cr_expect_eq(verdict.failures, 1);
    hd_verdict_free(&verdict);
    hd_compare_hypers(&verdict, NULL, 0, NULL, 0, true, hd_tolerance_everywhere(NULL));
    cr_expect_eq(verdict.failures, 1);
    hd_verdict_free(&verdict);
    hd_compare_count(&verdict, "x", (hd_accuracy){0, 0}, (hd_accuracy){0, 0}, 0);
    cr_expect_eq(verdict.failures, 1);
    hd_verdict_free(&verdict);
}

Test(compare, states_the_share_of_the_budget_used) {
    hd_verdict verdict = {0};
    hd_compare_number(&verdict, "quarter", 2.25, 2.0, HD_ABSOLUTE, 1.0, true);
    hd_compare_number(&verdict, "double", 3.0, 2.0, HD_RELATIVE, 0.25, true);
    hd_compare_number(&verdict, "equal", 2.0, 2.0, HD_ABSOLUTE, 0.0, true);
    hd_compare_number(&verdict, "tenth", 2.1, 2.0, HD_ABSOLUTE, 1.0, true);
    cr_expect_eq(find(&verdict, "quarter")->budget_used, 0.25);
    cr_expect_eq(find(&verdict, "double")->budget_used, 2.0);
    cr_expect_eq(find(&verdict, "equal")->budget_used, 0.0);
    cr_expect_str_eq(hd_verdict_worst(&verdict)->name, "double");
    hd_compare_number(&verdict, "infinite", 1.0, 2.0, HD_ABSOLUTE, 0.0, true);
    cr_expect(isinf(find(&verdict, "infinite")->budget_used));
    cr_expect_str_eq(hd_verdict_worst(&verdict)->name, "infinite");
    cr_expect_eq(verdict.count, 5);
    cr_expect_eq(verdict.failures, 2);
    hd_verdict_free(&verdict);
}

Test(compare, counts_ulps_in_constant_time_across_zero_and_to_the_ends) {
    cr_expect_eq(hd_ulps(1.0, (double)nextafterf(1.0f, 2.0f), true), 1);
    cr_expect_eq(hd_ulps(1.0, nextafter(1.0, 2.0), false), 1);
    cr_expect_eq(hd_ulps(1.0, nextafter(1.0, 2.0), true), 0);
    cr_expect_eq(hd_ulps(-0.0, 0.0, true), 0);
    cr_expect_eq(hd_ulps(-0x1p-149, 0x1p-149, true), 2);
    cr_expect_eq(hd_ulps(-0x1p-1074, 0x1p-1074, false), 2);
    cr_expect_eq(hd_ulps(-(double)FLT_MAX, (double)FLT_MAX, true), 2.0 * 0x7f7fffff);
    cr_expect_eq(hd_ulps(-DBL_MAX, DBL_MAX, false), 0x1.ffcp+63);
    cr_expect(isinf(hd_ulps(NAN, 1.0, true)));
    cr_expect(isinf(hd_ulps(NAN, NAN, false)));
}

Test(compare, counts_examples_exactly_or_with_an_allowance) {
    hd_verdict verdict = {0};
    hd_compare_count(&verdict, "same", (hd_accuracy){8, 10}, (hd_accuracy){8, 10}, 0);
    hd_compare_count(&verdict, "allowed", (hd_accuracy){8, 10}, (hd_accuracy){9, 10}, 1);
    cr_expect(hd_verdict_passes(&verdict));
    hd_compare_count(&verdict, "one off", (hd_accuracy){8, 10}, (hd_accuracy){9, 10}, 0);
    hd_compare_count(&verdict, "other total", (hd_accuracy){8, 10}, (hd_accuracy){8, 11}, 5);
    hd_compare_count(&verdict, "no tolerance", (hd_accuracy){8, 10}, (hd_accuracy){8, 10}, NAN);
    cr_expect_eq(verdict.failures, 3);
    hd_verdict_free(&verdict);
}

Test(compare, sees_one_ulp_and_the_sign_of_zero_by_bits) {
    hd_verdict verdict = {0};
    hd_compare_bits(&verdict, "same", (double)0.1f, (double)0.1f, true);
    cr_expect(hd_verdict_passes(&verdict));
    hd_compare_bits(&verdict, "one ulp", (double)nextafterf(0.1f, 1.0f), (double)0.1f, true);
    cr_expect_eq(find(&verdict, "one ulp")->ulps, 1);
    hd_compare_bits(&verdict, "zero", -0.0, 0.0, true);
    hd_compare_bits(&verdict, "nan", NAN, NAN, true);
    hd_compare_bits(&verdict, "inf", INFINITY, INFINITY, true);
    hd_compare_hash(&verdict, "hash", "ab", "ac");
    hd_compare_hash(&verdict, "no hash", "", "");
    cr_expect_eq(verdict.failures, 6);
    hd_verdict_free(&verdict);
    hd_compare_hash(&verdict, "hash", "ab", "ab");
    cr_expect(hd_verdict_passes(&verdict));
    hd_verdict_free(&verdict);
}

/* Compares two samples, one of which `change` may alter, with the tolerance 1e-9. */
static hd_verdict compare_changed(void (*change)(hd_record *record)) {
    hd_verdict verdict = {0};
    hd_record record = sample_record(), expected = sample_record();
    if (change) change(&record);
    hd_compare_records(&verdict, &record, &expected, hd_tolerance_everywhere(&tight));
    hd_record_free(&record);
    hd_record_free(&expected);
    return verdict;
}

Test(compare, finds_a_record_equal_to_itself_in_every_quantity) {
    hd_verdict verdict = compare_changed(NULL);
    cr_expect(hd_verdict_passes(&verdict));
    cr_expect_eq(verdict.count, 3 + 1 + 2 * 2 + 4 * 2);
    cr_expect_eq(hd_verdict_worst(&verdict)->budget_used, 0);
    hd_verdict_free(&verdict);
}

static void swap_hypers(hd_record *record) {
    hd_hyper first = record->hyper[0];
    record->hyper[0] = record->hyper[1];
    record->hyper[1] = first;
}

Test(compare, pairs_by_name_and_not_by_order) {
    hd_verdict verdict = compare_changed(swap_hypers);
    cr_expect(hd_verdict_passes(&verdict));
    hd_verdict_free(&verdict);
}

static void lose_a_name(hd_record *record) {
    record->hypers = 1;
}
static void rename_one(hd_record *record) {
    strcpy(record->hyper[1].name, "mu");
}
static void repeat_a_name(hd_record *record) {
    strcpy(record->hyper[1].name, "rho_l1_0");
}

Test(compare, fails_names_that_one_side_lacks) {
    hd_verdict verdict = compare_changed(lose_a_name);
    cr_expect_eq(verdict.failures, 1);
    cr_expect_eq(find(&verdict, "hypergradient eta")->outcome, HD_FAIL);
    hd_verdict_free(&verdict);
    verdict = compare_changed(rename_one);
    cr_expect_eq(verdict.failures, 2);
    cr_expect_not_null(strstr(find(&verdict, "hypergradient eta")->note, "missing"));
    cr_expect_not_null(strstr(find(&verdict, "hypergradient mu")->note, "extra"));
    hd_verdict_free(&verdict);
    verdict = compare_changed(repeat_a_name);
    cr_expect_eq(verdict.failures, 2);
    hd_verdict_free(&verdict);
}

static void hide_a_nan(hd_record *record) {
    record->weights.values[4] = NAN;
}
static void shift_a_weight(hd_record *record) {
    record->weights.values[8] += 1e-3;
}
static void forget_weights(hd_record *record) {
    free(record->weights.values);
    record->weights.values = NULL;
}
static void other_shape(hd_record *record) {
    record->dims[0] = 2;
}
static void fewer_layers(hd_record *record) {
    record->layers = 1;
}
static void fewer_weights(hd_record *record) {
    record->weights.count--;
}

Test(compare, names_the_worst_weight) {
    hd_verdict verdict = compare_changed(shift_a_weight);
    const hd_judgement *judgement = find(&verdict, "weights W_1 worst element");
    cr_expect_eq(verdict.failures, 2);
    cr_expect_eq(judgement->outcome, HD_FAIL);
    cr_expect_str_eq(judgement->element, "W_1[1,0]");
    cr_expect_float_eq(judgement->error, 1e-3, 1e-9);
    cr_expect_str_eq(hd_verdict_worst(&verdict)->element, "W_1[1,0]");
    cr_expect_eq(find(&verdict, "weights W_1 l2")->outcome, HD_FAIL);
    cr_expect_eq(find(&verdict, "weights W_0 worst element")->outcome, HD_PASS);
    hd_verdict_free(&verdict);
}

Test(compare, finds_a_nan_among_the_weights) {
    hd_verdict verdict = compare_changed(hide_a_nan);
    cr_expect_eq(find(&verdict, "weights W_0 worst element")->outcome, HD_FAIL);
    cr_expect_str_eq(find(&verdict, "weights W_0 worst element")->element, "W_0[2,0]");
    cr_expect_eq(find(&verdict, "weights W_0 l2")->outcome, HD_FAIL);
    cr_expect(isinf(hd_verdict_worst(&verdict)->budget_used));
    hd_verdict_free(&verdict);
}

Test(compare, fails_weights_of_another_shape_or_not_there) {
    void (*const changes[])(hd_record *) = {other_shape, fewer_layers, fewer_weights, forget_weights};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        hd_verdict verdict = compare_changed(changes[i]);
        cr_expect_eq(verdict.failures, 1, "%zu", i);
        cr_expect_eq(find(&verdict, "weights")->outcome, HD_FAIL);
        hd_verdict_free(&verdict);
    }
}

Test(compare, judges_arrays_by_worst_element_and_norm) {
    const double expected[] = {3, 0, 4}, values[] = {3, 0.5, 4};
    hd_verdict verdict = {0};
    const double tolerance = 0.2;
    hd_compare_array(&verdict, "x", values, 3, expected, 3, false, hd_tolerance_everywhere(&tolerance));
    cr_expect_eq(find(&verdict, "x worst element")->outcome, HD_FAIL);
    cr_expect_str_eq(find(&verdict, "x worst element")->element, "[1]");
    cr_expect_eq(find(&verdict, "x l2")->outcome, HD_PASS);
    cr_expect_float_eq(find(&verdict, "x l2")->value, 0.1, 1e-15);
    hd_verdict_free(&verdict);
    hd_compare_array(&verdict, "x", values, 2, expected, 3, false, hd_tolerance_everywhere(&tolerance));
    cr_expect(!hd_verdict_passes(&verdict));
    hd_verdict_free(&verdict);
}

Test(compare, floors_the_norm_of_an_array_of_zeros) {
    const double zeros[4] = {0}, noise[4] = {1e-9, 0, 0, 0}, tolerance = 1e-3;
    hd_verdict verdict = {0};
    hd_compare_array(&verdict, "x", noise, 4, zeros, 4, true, hd_tolerance_everywhere(&tolerance));
    cr_expect_float_eq(find(&verdict, "x l2")->value, 5e-4, 1e-12);
    cr_expect(hd_verdict_passes(&verdict));
    hd_verdict_free(&verdict);
}

Test(compare, makes_a_failure_known_where_it_is_allowed) {
    hd_verdict verdict = {0};
    hd_compare_number(&verdict, "open question", 1.3, 1.0, HD_ABSOLUTE, 0.1, true);
    hd_compare_number(&verdict, "fine", 1.05, 1.0, HD_ABSOLUTE, 0.1, true);
    hd_compare_number(&verdict, "broken", NAN, 1.0, HD_ABSOLUTE, 0.1, true);
    hd_verdict_allow(&verdict, "open question", 0.2, "too little");
    cr_expect_eq(verdict.failures, 2);
    hd_verdict_allow(&verdict, "open question", 0.4, "nobody knows");
    hd_verdict_allow(&verdict, "fine", 0.4, "not needed");
    hd_verdict_allow(&verdict, "broken", INFINITY, "never");
    cr_expect_eq(verdict.failures, 1);
    cr_expect_eq(verdict.known, 1);
    const hd_judgement *known = find(&verdict, "open question");
    cr_expect_eq(known->outcome, HD_KNOWN);
    cr_expect_str_eq(known->note, "nobody knows");
    cr_expect_float_eq(known->budget_used, 0.75, 1e-12);
    cr_expect_eq(find(&verdict, "fine")->outcome, HD_PASS);
    cr_expect_str_eq(hd_verdict_worst(&verdict)->name, "broken");
    hd_verdict_free(&verdict);
}

Test(compare, looks_for_the_worst_again_after_an_allowance) {
    hd_verdict verdict = {0};
    hd_compare_number(&verdict, "half", 1.5, 1.0, HD_ABSOLUTE, 1.0, true);
    hd_compare_number(&verdict, "open question", 1.75, 1.0, HD_ABSOLUTE, 0.5, true);
    cr_expect_str_eq(hd_verdict_worst(&verdict)->name, "open question");
    hd_verdict_allow(&verdict, "open question", 3.0, "nobody knows");
    cr_expect_str_eq(hd_verdict_worst(&verdict)->name, "half");
    cr_expect(hd_verdict_passes(&verdict));
    hd_verdict_free(&verdict);
}

Test(compare, writes_nan_and_infinity_as_texts) {
    hd_record record = sample_record();
    hd_verdict verdict = {0};
    strcpy(record.arithmetic, "cublas");
    hd_verdict_head(&verdict, &record, "golden");
    hd_compare_number(&verdict, "x", NAN, 1.0, HD_ABSOLUTE, 0.1, true);
    hd_compare_number(&verdict, "y", 1.25, 1.0, HD_ABSOLUTE, 0.5, true);
    json_t *json = hd_verdict_json(&verdict);
    cr_assert_not_null(json);
    const char *kind, *device, *value, *share, *outcome;
    double other;
    cr_assert_eq(json_unpack(json, "{s:s, s:s, s:[{s:s, s:s, s:s}, {s:F}]}", "verdict", &kind, "device",
                             &device, "quantities", "value", &value, "budget_used", &share, "verdict",
                             &outcome, "budget_used", &other),
                 0);
    cr_expect_str_eq(kind, "fail");
    cr_expect_str_eq(device, "cpu-cublas");
    cr_expect_str_eq(value, "nan");
    cr_expect_str_eq(share, "inf");
    cr_expect_str_eq(outcome, "fail");
    cr_expect_eq(other, 0.5);
    json_decref(json);
    hd_verdict_free(&verdict);
    hd_record_free(&record);
}
