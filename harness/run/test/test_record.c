#include "base/npy.h"
#include "run/record.h"
#include "test/record_sample.h"

#include <float.h>
#include <math.h>

#define JSON    "step-1.json"
#define WEIGHTS "step-1.weights.npy.gz"

TestSuite(record, .init = folder_make, .fini = folder_remove);

static bool same_bits(double a, double b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

/* Saves the record, reads it back and frees it. */
static hd_record through_a_file(hd_record *record, bool weights) {
    hd_error error;
    hd_record read;
    cr_assert_eq(hd_record_save(record, folder, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_record_load(sample_path(JSON), weights, &read, &error), HD_OK, "%s", error.message);
    hd_record_free(record);
    return read;
}

/* Saves a sample, lets `spoil` change its JSON, and expects a refusal whose message contains `cause`. */
static void refuses(void (*spoil)(json_t *json), const char *cause) {
    hd_error error;
    hd_record record = sample_record(), read;
    cr_assert_eq(hd_record_save(&record, folder, &error), HD_OK);
    const char *path = sample_path(JSON);
    json_t *json = sample_read(path);
    spoil(json);
    sample_write(json, path);
    cr_expect_eq(hd_record_load(path, true, &read, &error), HD_INVALID);
    cr_expect_not_null(strstr(error.message, cause), "%s", error.message);
    cr_expect_not_null(strstr(error.message, folder), "%s", error.message);
    json_decref(json);
    hd_record_free(&record);
}

Test(record, keeps_the_bits_of_float32_numbers) {
    static const float numbers[SAMPLE_WEIGHTS] = {-0.0f,    0x1p-149f,   -0x1p-149f, FLT_MIN,  FLT_MAX,
                                                  -FLT_MAX, 0.1f,        1.0f / 3,   16777218, 1e-38f,
                                                  0.3f,     0x1.8p-140f, 9e9f,       -1.5f};
    for (size_t i = 0; i < SAMPLE_WEIGHTS; i++) {
        hd_error error;
        hd_record record = sample_record();
        double weights[SAMPLE_WEIGHTS];
        for (size_t j = 0; j < SAMPLE_WEIGHTS; j++) weights[j] = (double)numbers[j];
        cr_assert_eq(hd_record_set_weights(&record, weights, &error), HD_OK);
        record.validation_error = record.hyper[0].value = record.hyper[1].hypergradient = (double)numbers[i];
        hd_record read = through_a_file(&record, true);
        cr_expect(same_bits(read.validation_error, weights[i]));
        cr_expect(same_bits(read.hyper[0].value, weights[i]));
        cr_expect(same_bits(read.hyper[1].hypergradient, weights[i]));
        for (size_t j = 0; j < SAMPLE_WEIGHTS; j++) cr_expect(same_bits(read.weights.values[j], weights[j]));
        cr_expect(same_bits(read.weights.first[0], weights[0]));
        cr_expect(same_bits(read.weights.last[2], weights[SAMPLE_WEIGHTS - 1]));
        hd_record_free(&read);
    }
}

Test(record, keeps_the_bits_of_float64_numbers) {
    static const double numbers[] = {-0.0, 0x1p-1074, DBL_MIN, DBL_MAX, 0.1, 1.0 / 3, -2.0664306123456789};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        hd_error error;
        hd_record record = sample_record();
        double weights[SAMPLE_WEIGHTS] = {[3] = 1.0 / 3, [13] = 0x1p-1074};
        record.float32 = false;
        cr_assert_eq(hd_record_set_weights(&record, weights, &error), HD_OK);
        record.validation_error = record.hyper[0].hypergradient = numbers[i];
        hd_record read = through_a_file(&record, true);
        cr_expect(same_bits(read.validation_error, numbers[i]));
        cr_expect(same_bits(read.hyper[0].hypergradient, numbers[i]));
        cr_expect(same_bits(read.weights.values[3], 1.0 / 3));
        cr_expect(same_bits(read.weights.last[2], 0x1p-1074));
        hd_record_free(&read);
    }
}

Test(record, keeps_everything_else_too) {
    hd_record record = sample_record();
    record.mode = HD_REVERSE;
    record.peak_bytes = 123456789012;
    record.device_bytes = 5000;
    record.data_bytes = 4000;
    record.launches = 321;
    record.sgemm_rate = 200;
    json_object_set_new(record.provenance, "compiler", json_string("gcc 12"));
    hd_record read = through_a_file(&record, false);
    cr_expect_str_eq(read.experiment, "small");
    cr_expect_eq(read.step, 1);
    cr_expect_eq(read.mode, HD_REVERSE);
    cr_expect_str_eq(read.device, "cpu");
    cr_expect_str_eq(read.arithmetic, "exact");
    cr_expect(read.float32);
    cr_expect_eq(read.layers, 2);
    cr_expect_eq(read.dims[0], 3);
    cr_expect_eq(read.test.correct, 8);
    cr_expect_eq(read.training.total, 4);
    cr_expect_str_eq(read.hyper[1].name, "eta");
    cr_expect_eq(read.weights.count, SAMPLE_WEIGHTS);
    cr_expect_null(read.weights.values);
    cr_expect_str_eq(read.weights.file, WEIGHTS);
    cr_expect_eq(read.state_bytes, 336);
    cr_expect_eq(read.peak_bytes, 123456789012);
    cr_expect_eq(read.device_bytes, 5000);
    cr_expect_eq(read.data_bytes, 4000);
    cr_expect_eq(read.launches, 321);
    cr_expect_eq(read.seconds.total, 1.5);
    cr_expect_eq(read.sgemm_rate, 200);
    cr_expect_eq(read.data_sha256[0], 'b');
    cr_expect_str_eq(json_string_value(json_object_get(read.provenance, "compiler")), "gcc 12");
    hd_record_free(&read);
}

Test(record, prints_float32_numbers_with_nine_digits) {
    char text[8192] = "";
    hd_error error;
    hd_record record = sample_record();
    cr_assert_eq(hd_record_save(&record, folder, &error), HD_OK);
    FILE *file = fopen(sample_path(JSON), "r");
    cr_assert_not_null(file);
    cr_assert_gt(fread(text, 1, sizeof text - 1, file), 0);
    fclose(file);
    cr_expect_not_null(strstr(text, "\"hypergradient\": 11.980854\n"), "%s", text);
    cr_expect_eq(text[strlen(text) - 1], '\n');
    hd_record_free(&record);
}

static void refuses_to_save(hd_record *record, hd_status status, const char *cause) {
    hd_error error;
    cr_expect_eq(hd_record_save(record, folder, &error), status);
    cr_expect_not_null(strstr(error.message, cause), "%s", error.message);
    cr_expect_eq(folder_entries(), 0);
    hd_record_free(record);
}

Test(record, never_holds_a_nan_or_an_infinity) {
    hd_record record = sample_record();
    record.hyper[1].hypergradient = NAN;
    refuses_to_save(&record, HD_DIFFERENT, "hypergradient eta");
    record = sample_record();
    record.hyper[0].value = -INFINITY;
    refuses_to_save(&record, HD_DIFFERENT, "hyperparameter rho_l1_0");
    record = sample_record();
    record.validation_error = INFINITY;
    refuses_to_save(&record, HD_DIFFERENT, "validation_error");
}

Test(record, names_the_weight_that_is_not_finite) {
    hd_error error;
    hd_record record = sample_record();
    double weights[SAMPLE_WEIGHTS] = {[8] = NAN};
    cr_expect_eq(hd_record_set_weights(&record, weights, &error), HD_DIFFERENT);
    cr_expect_not_null(strstr(error.message, "W_1[1,0]"), "%s", error.message);
    hd_record_free(&record);
}

Test(record, is_not_saved_with_what_it_could_not_read_back) {
    hd_record record = sample_record();
    record.validation_error = 0.1;
    refuses_to_save(&record, HD_INVALID, "validation_error");
    record = sample_record();
    strcpy(record.hyper[1].name, "rho_l1_0");
    refuses_to_save(&record, HD_INVALID, "twice");
    record = sample_record();
    strcpy(record.experiment, "\xff");
    refuses_to_save(&record, HD_INVALID, "UTF-8");
    record = sample_record();
    free(record.weights.values);
    record.weights.values = NULL;
    refuses_to_save(&record, HD_INVALID, "weights");
}

Test(record, cannot_be_saved_where_there_is_no_folder) {
    hd_error error;
    hd_record record = sample_record();
    cr_expect_eq(hd_record_save(&record, "/tmp/hd-test-nowhere/at/all", &error), HD_UNAVAILABLE);
    hd_record_free(&record);
}

/* Takes away each key in turn, or gives it a value of a type that no key has. */
static void spoil_each_key(bool take_away) {
    char key[64];
    hd_error error;
    hd_record record = sample_record(), read;
    cr_assert_eq(hd_record_save(&record, folder, &error), HD_OK);
    const char *path = sample_path(JSON);
    json_t *json = sample_read(path);
    size_t keys = 0;
    for (;; keys++) {
        json_t *spoiled = json_deep_copy(json);
        size_t n = keys;
        bool found = sample_spoil(spoiled, &n, take_away ? NULL : json_true(), key);
        if (found) {
            sample_write(spoiled, path);
            cr_expect_eq(hd_record_load(path, true, &read, &error), HD_INVALID, "%s", key);
            cr_expect_not_null(strstr(error.message, key), "%s: %s", key, error.message);
        }
        json_decref(spoiled);
        if (!found) break;
    }
    cr_expect_geq(keys, 40);
    json_decref(json);
    hd_record_free(&record);
}

Test(record, is_refused_without_any_one_of_its_keys) {
    spoil_each_key(true);
}
Test(record, is_refused_with_a_value_of_another_type) {
    spoil_each_key(false);
}

static void other_format(json_t *json) {
    json_object_set_new(json, "format", json_string("hyperdrift-record/2"));
}
static void other_mode(json_t *json) {
    json_object_set_new(json, "mode", json_string("sideways"));
}
static void other_dims(json_t *json) {
    json_array_set_new(json_object_get(json, "dims"), 1, json_integer(4));
}
static void no_units(json_t *json) {
    json_array_set_new(json_object_get(json, "dims"), 1, json_integer(0));
}
static void huge_dims(json_t *json) {
    json_array_set_new(json_object_get(json, "dims"), 1, json_integer(4611686018427387904));
}
static void name_twice(json_t *json) {
    json_t *second = json_array_get(json_object_get(json, "hyperparameters"), 1);
    json_object_set_new(second, "name", json_string("rho_l1_0"));
}
static void long_name(json_t *json) {
    json_t *second = json_array_get(json_object_get(json, "hyperparameters"), 1);
    json_object_set_new(second, "name", json_string("a_name_of_more_than_23_bytes"));
}
static void below_zero(json_t *json) {
    json_object_set_new(json, "step", json_integer(-1));
}
static void more_correct_than_there_are(json_t *json) {
    json_object_set_new(json_object_get(json, "test_accuracy"), "correct", json_integer(11));
}
static void other_digest(json_t *json) {
    json_t *digest = json_string("0000000000000000000000000000000000000000000000000000000000000000");
    json_object_set_new(json_object_get(json, "weights"), "sha256", digest);
}
static void other_folder(json_t *json) {
    json_object_set_new(json_object_get(json, "weights"), "file", json_string("../" WEIGHTS));
}
static void no_weights_file(json_t *json) {
    json_object_set_new(json_object_get(json, "weights"), "file", json_string("gone.npy.gz"));
}
static void float64_instead(json_t *json) {
    json_object_set_new(json, "precision", json_string("float64"));
}
static void past_float32(json_t *json) {
    json_object_set_new(json, "validation_error", json_real(1e39));
}

Test(record, is_refused_when_it_contradicts_itself) {
    refuses(other_format, "format");
    refuses(other_mode, "neither \"forward\" nor \"reverse\"");
    refuses(other_dims, "weights.count");
    refuses(no_units, "dims[1]");
    refuses(huge_dims, "dims[1]");
    refuses(name_twice, "hyperparameters[1].name: \"rho_l1_0\" is given twice");
    refuses(long_name, "hyperparameters[1].name");
    refuses(below_zero, "step");
    refuses(more_correct_than_there_are, "test_accuracy.correct");
    refuses(other_digest, "SHA-256");
    refuses(other_folder, "weights.file");
    refuses(no_weights_file, "gone.npy.gz");
    refuses(float64_instead, "float64");
    refuses(past_float32, "validation_error");
}

/* Writes the sample's text, cut to size and with `more` after it, and expects that it is refused. */
static void refuses_text(const char *text, size_t size, const char *more) {
    const char *path = sample_path(JSON);
    hd_error error;
    hd_record read;
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fprintf(file, "%.*s%s", (int)size, text, more);
    fclose(file);
    cr_expect_eq(hd_record_load(path, false, &read, &error), HD_INVALID, "%zu bytes", size);
    cr_expect_not_null(strstr(error.message, path), "%s", error.message);
}

Test(record, is_refused_when_its_text_is_cut_short_or_goes_on) {
    hd_error error;
    hd_record record = sample_record();
    json_t *json;
    cr_assert_eq(hd_record_json(&record, &json, &error), HD_OK);
    char *text = json_dumps(json, JSON_REAL_PRECISION(9));
    size_t length = strlen(text);
    for (size_t size = 0; size < length; size += 97) refuses_text(text, size, "");
    refuses_text(text, length - 1, "");
    refuses_text(text, length, "x");
    refuses_text(text, length, "{}");
    refuses_text(text, length - 1, ", \"step\": 1}");
    refuses_text("[]", 2, "");
    free(text);
    json_decref(json);
    hd_record_free(&record);
}

Test(record, is_refused_with_another_number_of_weights_than_it_says) {
    hd_error error;
    hd_record record = sample_record(), read;
    cr_assert_eq(hd_record_save(&record, folder, &error), HD_OK);
    cr_assert_eq(hd_npy_save(sample_path(WEIGHTS), record.weights.values, 13, true, &error), HD_OK);
    cr_expect_eq(hd_record_load(sample_path(JSON), true, &read, &error), HD_INVALID);
    cr_expect_not_null(strstr(error.message, "has 13 weights, not the 14"), "%s", error.message);
    hd_record_free(&record);
}

Test(record, that_is_not_there_is_refused) {
    hd_error error;
    hd_record read;
    cr_expect_eq(hd_record_load("/tmp/hd-test-nowhere/step-0.json", true, &read, &error), HD_INVALID);
    cr_expect_null(read.dims);
}
