#include "judge/trace_2017.h"
#include "test/record_sample.h"

#include <math.h>
#include <unistd.h>

#define REAL "golden/trace-2017"

TestSuite(trace, .init = folder_make, .fini = folder_remove);

/* A record that would print as the given one. */
static hd_record as_printed(const hd_trace_record *printed) {
    static const size_t dims[] = {784, 300, 300, 10};
    hd_error error;
    hd_record record;
    cr_assert_eq(hd_record_init(&record, printed->step, 3, dims, printed->hypers, &error), HD_OK);
    snprintf(record.experiment, sizeof record.experiment, "%s", printed->experiment);
    strcpy(record.arithmetic, "exact");
    record.mode = printed->mode;
    record.float32 = true;
    record.test = (hd_accuracy){(size_t)round(printed->test_accuracy.value * 14000), 14000};
    record.validation = (hd_accuracy){(size_t)round(printed->validation_accuracy.value * 21000), 21000};
    record.training = (hd_accuracy){(size_t)round(printed->training_accuracy.value * 200), 200};
    record.validation_error = printed->validation_error.value;
    memcpy(record.hyper, printed->hyper, printed->hypers * sizeof *record.hyper);
    for (size_t i = 0; i < HD_SHOWN; i++) {
        record.weights.first[i] = printed->first[i].value;
        record.weights.last[i] = printed->last[i].value;
    }
    record.state_bytes = (printed->mode == HD_FORWARD ? 9U : 102U) * 2 * record.weights.count * sizeof(float);
    return record;
}

static hd_trace real_trace(void) {
    hd_error error;
    hd_trace trace;
    cr_assert_eq(hd_trace_load(REAL, &trace, &error), HD_OK, "%s", error.message);
    return trace;
}

/* Judges record `number` of the real trace after `change`. */
static hd_verdict judge(size_t number, void (*change)(hd_record *record)) {
    hd_trace trace = real_trace();
    hd_record record = as_printed(&trace.records[number]);
    hd_verdict verdict = {0};
    if (change) change(&record);
    hd_trace_judge(&trace.records[number], &record, &verdict);
    hd_record_free(&record);
    hd_trace_free(&trace);
    return verdict;
}

/* The outcome of one quantity after `change`; all others must pass. */
static hd_outcome outcome(size_t number, void (*change)(hd_record *record), const char *quantity) {
    hd_verdict verdict = judge(number, change);
    hd_outcome result = HD_PASS;
    bool found = false;
    for (size_t i = 0; i < verdict.count; i++) {
        const hd_judgement *judgement = &verdict.judgements[i];
        if (strcmp(judgement->name, quantity) == 0) {
            result = judgement->outcome;
            found = true;
        } else {
            cr_expect_eq(judgement->outcome, HD_PASS, "%s", judgement->name);
        }
    }
    cr_expect(found, "nothing was judged as \"%s\"", quantity);
    hd_verdict_free(&verdict);
    return result;
}

Test(trace, has_the_22_records_of_2017) {
    hd_trace trace = real_trace();
    size_t forward = 0, gpu = 0;
    cr_assert_eq(trace.count, 22);
    for (size_t i = 0; i < trace.count; i++) {
        forward += trace.records[i].mode == HD_FORWARD;
        gpu += strncmp(trace.records[i].experiment, "mnist-2017-gpu", 14) == 0;
        cr_expect_eq(trace.records[i].hypers, 8);
        cr_expect_eq(trace.records[i].weight_count, 328810);
    }
    cr_expect_eq(forward, 11);
    cr_expect_eq(gpu, 12);
    cr_expect_str_eq(trace.records[0].printed[0].hypergradient.text, "11.980854");
    cr_expect_eq(trace.records[0].hyper[0].hypergradient, 11.980854);
    hd_trace_free(&trace);
}

Test(trace, reads_the_same_figures_in_a_locale_of_decimal_commas) {
    sample_commas();
    hd_trace trace = real_trace();
    cr_expect_eq(trace.records[0].hyper[0].hypergradient, 11.980854);
    cr_expect_eq(trace.records[0].validation_error.unit, 1e-5);
    hd_trace_free(&trace);
}

Test(trace, passes_a_record_with_the_printed_figures) {
    for (size_t i = 0; i < 22; i++) {
        hd_verdict verdict = judge(i, NULL);
        cr_expect(hd_verdict_passes(&verdict), "%s: %s", verdict.against, hd_verdict_worst(&verdict)->name);
        cr_expect_eq(verdict.count, 3 + 1 + 6 + 16 + 1);
        cr_expect_eq(verdict.known, 0);
        hd_verdict_free(&verdict);
    }
}

Test(trace, matches_by_experiment_step_and_mode) {
    hd_trace trace = real_trace();
    hd_record record = as_printed(&trace.records[4]);
    size_t matches = 0;
    for (size_t i = 0; i < trace.count; i++) matches += hd_trace_matches(&trace.records[i], &record);
    cr_expect_eq(matches, 3); /* records 0, 2 and 4 are one run three times */
    record.step = 3;
    cr_expect(!hd_trace_matches(&trace.records[4], &record));
    hd_record_free(&record);
    hd_trace_free(&trace);
}

static void one_correct_more(hd_record *record) {
    record->test.correct++;
}
static void other_error(hd_record *record) {
    record->validation_error += 6e-6;
}
static void nan_error(hd_record *record) {
    record->validation_error = NAN;
}
static void other_weight(hd_record *record) {
    record->weights.last[2] += 1.1e-7;
}
static void other_hyperparameter(hd_record *record) {
    record->hyper[6].value += 1.1e-7;
}
static void other_hypergradient(hd_record *record) {
    record->hyper[2].hypergradient *= 1 + 3e-5;
}
static void far_hypergradient(hd_record *record) {
    record->hyper[2].hypergradient *= 1 + 5e-5;
}
static void other_bytes(hd_record *record) {
    record->state_bytes += 20000;
}
static void other_total(hd_record *record) {
    record->test = (hd_accuracy){4, 7};
}
static void other_weights(hd_record *record) {
    record->weights.count--;
}

Test(trace, fails_each_figure_that_is_off) {
    cr_expect_eq(outcome(0, one_correct_more, "test_accuracy"), HD_FAIL);
    cr_expect_eq(outcome(0, other_total, "test_accuracy"), HD_FAIL);
    cr_expect_eq(outcome(0, other_error, "validation_error"), HD_FAIL);
    cr_expect_eq(outcome(0, nan_error, "validation_error"), HD_FAIL);
    cr_expect_eq(outcome(0, other_weight, "weight b_2[9]"), HD_FAIL);
    cr_expect_eq(outcome(0, other_weights, "weights"), HD_FAIL);
    cr_expect_eq(outcome(0, other_hyperparameter, "hyperparameter eta"), HD_FAIL);
    cr_expect_eq(outcome(0, other_hypergradient, "hypergradient rho_l1_2"), HD_FAIL);
    cr_expect_eq(outcome(0, other_bytes, "state_mb"), HD_FAIL);
}

Test(trace, calls_known_what_the_record_allows_and_nothing_beyond_it) {
    cr_expect_eq(outcome(5, other_hypergradient, "hypergradient rho_l1_2"), HD_KNOWN);
    cr_expect_eq(outcome(5, far_hypergradient, "hypergradient rho_l1_2"), HD_FAIL);
    cr_expect_eq(outcome(12, one_correct_more, "test_accuracy"), HD_KNOWN);
}

/* ---- spoilt traces ---- */

static void is_refused(const char *cause) {
    hd_error error = {.message = ""};
    hd_trace trace;
    cr_expect_eq(hd_trace_load(folder, &trace, &error), HD_INVALID, "%s", cause);
    cr_expect_not_null(strstr(error.message, cause), "%s: %s", cause, error.message);
    cr_expect_null(trace.records);
}

/* Takes away each key in turn, or gives it a value of a type that no key has. */
static void spoil_each_key(bool take_away) {
    char key[64];
    json_t *json = sample_read(REAL "/05.json");
    json_object_set_new(json, "record", json_integer(0));
    size_t keys = 0;
    for (;; keys++) {
        json_t *spoiled = json_deep_copy(json);
        size_t n = keys;
        bool found = sample_spoil(spoiled, &n, take_away ? NULL : json_true(), key);
        if (found && !(take_away && strcmp(key, "allowances") == 0)) { /* the optional key */
            sample_write(spoiled, sample_path("00.json"));
            is_refused(key);
        }
        json_decref(spoiled);
        if (!found) break;
    }
    cr_expect_eq(keys, 16 + 3 + 8 * 3 + 3);
    json_decref(json);
}

Test(trace, is_refused_without_any_one_of_its_keys) {
    spoil_each_key(true);
}
Test(trace, is_refused_with_a_value_of_another_type) {
    spoil_each_key(false);
}

Test(trace, is_refused_with_a_figure_that_is_no_number) {
    const char *const texts[] = {"", "nan", "inf", "1,5", "0x1p3", "1.5 ", " 1.5", "1e999", "--1", "e"};
    json_t *json = sample_read(REAL "/00.json");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_object_set_new(json, "validation_error", json_string(texts[i]));
        sample_write(json, sample_path("00.json"));
        is_refused("validation_error");
    }
    json_decref(json);
}

Test(trace, is_refused_with_a_record_out_of_place_or_none) {
    is_refused("no 00.json");
    json_t *json = sample_read(REAL "/01.json");
    sample_write(json, sample_path("00.json"));
    is_refused("record: is 1, not 0");
    sample_write(json, sample_path("01.json"));
    cr_assert_eq(remove(sample_path("00.json")), 0);
    is_refused("00.json");
    json_decref(json);
}
