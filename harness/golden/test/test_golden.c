#include "test/golden_sample.h"

#include <math.h>
#include <unistd.h>

#define JSON    "step-1.json"
#define WEIGHTS "step-1.weights.npy.gz"

TestSuite(golden, .init = folder_make, .fini = folder_remove);

static const hd_judgement *find(const hd_verdict *verdict, const char *name) {
    for (size_t i = 0; i < verdict->count; i++)
        if (strcmp(verdict->judgements[i].name, name) == 0) return &verdict->judgements[i];
    cr_assert_fail("nothing was judged as \"%s\"", name);
    return NULL;
}

/* Judges a record, and frees it, by the sample golden, which `change` may alter. */
static hd_verdict judge(hd_record record, void (*change)(hd_golden *golden)) {
    hd_error error;
    hd_verdict verdict = {0};
    hd_golden golden = sample_golden();
    if (change) change(&golden);
    cr_assert_eq(hd_golden_judge(&golden, &record, &verdict, &error), HD_OK);
    hd_golden_free(&golden);
    hd_record_free(&record);
    return verdict;
}

Test(golden, reads_back_what_it_wrote) {
    hd_error error;
    hd_golden golden = sample_golden(), read;
    cr_assert_eq(hd_golden_save(&golden, folder, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_golden_load(sample_path(JSON), &read, &error), HD_OK, "%s", error.message);
    cr_expect_eq(read.reference.hyper[1].hypergradient, golden.reference.hyper[1].hypergradient);
    cr_expect_eq(read.reference.validation_error, golden.reference.validation_error);
    cr_expect_eq(memcmp(read.reference.weights.values, golden.reference.weights.values,
                        SAMPLE_WEIGHTS * sizeof(double)),
                 0);
    cr_expect_eq(read.tolerance_count, QUANTITIES);
    cr_expect(strcmp(read.tolerances[3].quantity, "validation_error") == 0);
    cr_expect_eq(read.tolerances[4].family, HD_LOGNORMAL);
    const hd_evidence *forward = &read.tolerances[3].evidence[HD_FORWARD], *reverse = forward + 1;
    cr_expect(forward->errors.n == 33 && forward->errors.deviation == 2e-7 && forward->split == 0.4);
    cr_expect(reverse->errors.mean == -1e-7 && reverse->errors.least == -8e-7 &&
              reverse->errors.greatest == 6e-7);
    cr_expect(!forward->bimodal && reverse->bimodal);
    cr_expect(read.replicas == 32 && read.false_alarms == 1e-3 && read.split_critical == 0.2);
    cr_expect(read.reference_error_count == 1 && read.reference_errors[0].relative == 3e-16);
    cr_expect_str_eq(read.reference_errors[0].name, "eta");
    cr_expect_str_eq(read.method, golden.method);
    cr_expect_eq(read.exact[HD_REVERSE].hyper[1].hypergradient, (double)-39.79415f);
    cr_expect_str_eq(read.exact[HD_FORWARD].weights_sha256, golden.exact[HD_FORWARD].weights_sha256);
    cr_expect_str_eq(read.blessed.reason, "first results");
    hd_golden_free(&read);
    hd_golden_free(&golden);
}

Test(golden, is_the_same_file_in_a_locale_of_decimal_commas) {
    hd_error error;
    hd_golden golden = sample_golden(), read;
    cr_assert_eq(hd_golden_save(&golden, folder, &error), HD_OK);
    json_t *before = sample_read(sample_path(JSON));
    sample_commas();
    cr_assert_eq(hd_golden_load(sample_path(JSON), &read, &error), HD_OK, "%s", error.message);
    cr_expect_eq(read.exact[HD_REVERSE].hyper[1].hypergradient, (double)-39.79415f);
    cr_assert_eq(hd_golden_save(&read, folder, &error), HD_OK);
    json_t *after = sample_read(sample_path(JSON));
    cr_expect(json_equal(before, after));
    json_decref(before);
    json_decref(after);
    hd_golden_free(&read);
    hd_golden_free(&golden);
}

Test(golden, passes_the_record_it_was_made_from) {
    hd_verdict verdict = judge(sample_record(), NULL);
    cr_expect(hd_verdict_passes(&verdict));
    cr_expect_eq(verdict.count, QUANTITIES + 5 + 4);
    cr_expect_float_eq(find(&verdict, "hypergradient eta")->budget_used, 1e-2, 1e-4);
    cr_expect_str_eq(verdict.against, "golden");
    hd_verdict_free(&verdict);
}

Test(golden, fails_a_hypergradient_past_its_measured_tolerance) {
    hd_record record = sample_record();
    record.hyper[1].hypergradient = (double)(float)(record.hyper[1].hypergradient * (1 + 4e-6));
    hd_verdict verdict = judge(record, NULL);
    cr_expect_eq(find(&verdict, "hypergradient eta")->outcome, HD_FAIL);
    cr_expect_eq(find(&verdict, "bits hypergradient eta")->outcome, HD_FAIL);
    cr_expect_eq(verdict.failures, 2);
    hd_verdict_free(&verdict);
}

Test(golden, sees_one_ulp_in_the_exact_arithmetic_only) {
    hd_error error;
    hd_record record = sample_record();
    double weights[SAMPLE_WEIGHTS];
    memcpy(weights, record.weights.values, sizeof weights);
    weights[8] = (double)nextafterf((float)weights[8], 2);
    cr_assert_eq(hd_record_set_weights(&record, weights, &error), HD_OK);
    record.hyper[0].hypergradient = (double)nextafterf((float)record.hyper[0].hypergradient, 0);
    hd_verdict verdict = judge(record, NULL);
    cr_expect_eq(verdict.failures, 2);
    cr_expect_eq(find(&verdict, "bits weights")->outcome, HD_FAIL);
    cr_expect_eq(find(&verdict, "bits hypergradient rho_l1_0")->ulps, 1);
    cr_expect_eq(find(&verdict, "weights W_1 worst element")->outcome, HD_PASS);
    hd_verdict_free(&verdict);

    record = sample_record();
    strcpy(record.arithmetic, "cublas");
    record.hyper[0].hypergradient = (double)nextafterf((float)record.hyper[0].hypergradient, 0);
    verdict = judge(record, NULL);
    cr_expect(hd_verdict_passes(&verdict));
    hd_verdict_free(&verdict);
}

Test(golden, sees_one_example_more_in_the_exact_arithmetic) {
    hd_record record = sample_record();
    record.test.correct++;
    hd_verdict verdict = judge(record, NULL);
    cr_expect_eq(find(&verdict, "bits test_accuracy")->outcome, HD_FAIL);
    cr_expect_eq(find(&verdict, "bits training_accuracy")->outcome, HD_PASS);
    hd_verdict_free(&verdict);
}

Test(golden, has_bits_for_each_mode) {
    hd_record record = sample_record();
    record.mode = HD_REVERSE;
    hd_verdict verdict = judge(record, NULL);
    cr_expect_eq(find(&verdict, "bits hypergradient eta")->outcome, HD_FAIL);
    cr_expect_eq(verdict.failures, 1);
    hd_verdict_free(&verdict);
}

static void lose_a_tolerance(hd_golden *golden) {
    strcpy(golden->tolerances[3].quantity, "something else");
}

Test(golden, fails_a_quantity_whose_tolerance_was_not_measured) {
    hd_verdict verdict = judge(sample_record(), lose_a_tolerance);
    cr_expect_eq(verdict.failures, 1);
    cr_expect_eq(find(&verdict, "validation_error")->outcome, HD_FAIL);
    hd_verdict_free(&verdict);
}

static void fewer_weights(hd_golden *golden) {
    golden->reference.dims[0] = 2;
}

Test(golden, fails_weights_of_another_shape) {
    hd_verdict verdict = judge(sample_record(), fewer_weights);
    cr_expect_eq(find(&verdict, "weights")->outcome, HD_FAIL);
    hd_verdict_free(&verdict);
}

Test(golden, judges_the_reference_by_float64) {
    hd_verdict verdict = judge(reference_record(), NULL);
    cr_expect(hd_verdict_passes(&verdict), "%s", hd_verdict_worst(&verdict)->name);
    cr_expect_eq(verdict.count, QUANTITIES);
    hd_verdict_free(&verdict);
    hd_record record = reference_record();
    record.hyper[1].hypergradient *= 1 + 1e-9;
    verdict = judge(record, NULL);
    cr_expect_eq(verdict.failures, 1);
    hd_verdict_free(&verdict);
    record = reference_record();
    record.weights.values[8] += 1e-6;
    verdict = judge(record, NULL);
    cr_expect_eq(find(&verdict, "weights W_1 worst element")->outcome, HD_FAIL);
    hd_verdict_free(&verdict);
}

static void refuses_to_judge(hd_record record, const char *cause) {
    hd_error error;
    hd_verdict verdict = {0};
    hd_golden golden = sample_golden();
    cr_expect_eq(hd_golden_judge(&golden, &record, &verdict, &error), HD_INVALID);
    cr_expect_not_null(strstr(error.message, cause), "%s", error.message);
    cr_expect_eq(verdict.count, 0);
    hd_golden_free(&golden);
    hd_record_free(&record);
}

Test(golden, refuses_what_it_was_not_made_for) {
    hd_record record = sample_record();
    record.experiment_sha256[0] = 'c';
    refuses_to_judge(record, "golden was made for another experiment");
    record = sample_record();
    record.data_sha256[0] = 'c';
    refuses_to_judge(record, "golden was made for other data");
    record = sample_record();
    record.step = 2;
    refuses_to_judge(record, "golden was made for another hyper-iteration");
}

/* ---- spoilt goldens ---- */

/* Saves the sample and returns its JSON; the caller calls json_decref. */
static json_t *saved(void) {
    hd_error error;
    hd_golden golden = sample_golden();
    cr_assert_eq(hd_golden_save(&golden, folder, &error), HD_OK, "%s", error.message);
    hd_golden_free(&golden);
    return sample_read(sample_path(JSON));
}

static void is_refused(const char *cause) {
    hd_error error = {.message = ""};
    hd_golden golden;
    cr_expect_eq(hd_golden_load(sample_path(JSON), &golden, &error), HD_INVALID, "%s", cause);
    cr_expect_not_null(strstr(error.message, cause), "%s: %s", cause, error.message);
    cr_expect_null(golden.reference.weights.values);
}

/* Takes away each key in turn, or gives it a value of a type that no key has. */
static void spoil_each_key(bool take_away) {
    char key[64];
    json_t *json = saved();
    size_t keys = 0;
    for (;; keys++) {
        json_t *spoiled = json_deep_copy(json);
        size_t n = keys;
        bool found = sample_spoil(spoiled, &n, take_away ? NULL : json_true(), key);
        if (found) {
            sample_write(spoiled, sample_path(JSON));
            is_refused(folder);
        }
        json_decref(spoiled);
        if (!found) break;
    }
    cr_expect_geq(keys, 100);
    json_decref(json);
}

Test(golden, is_refused_without_any_one_of_its_keys) {
    spoil_each_key(true);
}
Test(golden, is_refused_with_a_value_of_another_type) {
    spoil_each_key(false);
}

Test(golden, is_refused_when_it_was_edited) {
    json_t *json = saved();
    json_t *tolerance = json_object_get(json_object_get(json, "tolerances"), "hypergradient eta");
    sample_write(json, sample_path(JSON)); /* another layout is no edit */
    hd_error error;
    hd_golden golden;
    cr_expect_eq(hd_golden_load(sample_path(JSON), &golden, &error), HD_OK, "%s", error.message);
    hd_golden_free(&golden);
    json_object_set_new(tolerance, "tolerance", json_real(1e-3));
    sample_write(json, sample_path(JSON));
    is_refused("edited after it was blessed");
    json_object_set_new(tolerance, "tolerance", json_real(-1e-6));
    sample_write(json, sample_path(JSON));
    is_refused("below zero");
    json_decref(json);
}

Test(golden, is_refused_with_a_number_that_is_no_hexadecimal_float) {
    const char *const texts[] = {"", "1.5", "0x", "0x1p3 ", "0x1p99999", "nan", "0x1,8p3"};
    json_t *json = saved();
    json_t *forward = json_object_get(json_object_get(json, "exact"), "forward");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_object_set_new(forward, "validation_error", json_string(texts[i]));
        sample_write(json, sample_path(JSON));
        is_refused("exact.forward.validation_error");
    }
    json_decref(json);
}

Test(golden, is_refused_when_it_is_cut_short) {
    json_t *json = saved();
    char *text = json_dumps(json, 0);
    size_t length = strlen(text);
    for (size_t size = 0; size < length; size += 211) {
        put_bytes(sample_path(JSON), text, size);
        is_refused(JSON);
    }
    put_bytes(sample_path(JSON), text, length - 1);
    is_refused(JSON);
    free(text);
    json_decref(json);
}

Test(golden, is_refused_with_other_weights_than_its_own) {
    json_decref(saved());
    hd_error error;
    hd_golden golden = sample_golden();
    golden.reference.weights.values[5] += 1; /* the recorded digest is still the true weights' */
    cr_assert_eq(hd_golden_save(&golden, folder, &error), HD_OK);
    is_refused("SHA-256");
    hd_golden_free(&golden);
    cr_assert_eq(truncate(sample_path(WEIGHTS), 60), 0);
    is_refused(WEIGHTS);
    cr_assert_eq(remove(sample_path(WEIGHTS)), 0);
    is_refused(WEIGHTS);
}

Test(golden, is_not_saved_incomplete_or_with_a_nan) {
    hd_error error;
    hd_golden golden = {0};
    cr_expect_eq(hd_golden_save(&golden, folder, &error), HD_INVALID);
    golden = sample_golden();
    golden.tolerances[2].tolerance = NAN;
    cr_expect_eq(hd_golden_save(&golden, folder, &error), HD_DIFFERENT);
    cr_expect_not_null(strstr(error.message, "training_accuracy"));
    golden.tolerances[2].tolerance = 0;
    golden.exact[HD_REVERSE].hyper[0].hypergradient = INFINITY;
    cr_expect_eq(hd_golden_save(&golden, folder, &error), HD_DIFFERENT);
    golden.exact[HD_REVERSE].hyper[0].hypergradient = 0;
    golden.exact[HD_REVERSE].weights_sha256[0] = '\0';
    cr_expect_eq(hd_golden_save(&golden, folder, &error), HD_INVALID);
    cr_expect_not_null(strstr(error.message, "exact.reverse.weights_sha256"), "%s", error.message);
    cr_expect_eq(folder_entries(), 0);
    hd_golden_free(&golden);
}

static void forget(hd_golden *golden) {
    hd_golden_forget_bits(golden);
}

Test(golden, judges_without_bits_that_were_forgotten) {
    hd_verdict verdict = judge(sample_record(), forget);
    cr_expect(hd_verdict_passes(&verdict));
    for (size_t i = 0; i < verdict.count; i++)
        cr_expect_null(strstr(verdict.judgements[i].name, "bits "), "%s", verdict.judgements[i].name);
    hd_verdict_free(&verdict);
}
