/* For tests of records and goldens: a small record, a folder to write in, and ways to spoil JSON. */
#ifndef HD_TEST_RECORD_SAMPLE_H
#define HD_TEST_RECORD_SAMPLE_H

#include "run/record.h"
#include "test/folder.h"

#include <locale.h>

enum { SAMPLE_WEIGHTS = 14 }; /* of a 3-2-2 network: W_0 6, W_1 4, b_0 2, b_1 2 */

/* A float32 record of the exact arithmetic with two hyperparameters. */
static inline hd_record sample_record(void) {
    static const size_t dims[] = {3, 2, 2};
    hd_error error;
    hd_record record;
    cr_assert_eq(hd_record_init(&record, 1, 2, dims, 2, &error), HD_OK);
    strcpy(record.experiment, "small");
    strcpy(record.device, "cpu");
    strcpy(record.arithmetic, "exact");
    record.float32 = true;
    record.test = (hd_accuracy){8, 10};
    record.validation = (hd_accuracy){7, 10};
    record.training = (hd_accuracy){3, 4};
    record.validation_error = (double)2.06643f;
    strcpy(record.hyper[0].name, "rho_l1_0");
    record.hyper[0].hypergradient = (double)11.980854f;
    strcpy(record.hyper[1].name, "eta");
    record.hyper[1].value = (double)0.010999993f;
    record.hyper[1].hypergradient = (double)-39.794144f;
    record.state_bytes = 336;
    record.seconds.total = 1.5;
    memset(record.experiment_sha256, 'a', HD_SHA256 - 1);
    memset(record.data_sha256, 'b', HD_SHA256 - 1);
    double weights[SAMPLE_WEIGHTS];
    for (size_t i = 0; i < SAMPLE_WEIGHTS; i++) weights[i] = (double)(0.1f * (float)(i + 1));
    cr_assert_eq(hd_record_set_weights(&record, weights, &error), HD_OK);
    return record;
}

/* The path of a file in the test's folder, in one of four buffers. */
static inline const char *sample_path(const char *name) {
    static char paths[4][64];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* Sets a locale with decimal commas, or skips the test if there is none. */
static inline void sample_commas(void) {
    if (setlocale(LC_ALL, "de_DE.UTF-8") || setlocale(LC_ALL, "fr_FR.UTF-8")) return;
    folder_remove(); /* a skipped test is not finished */
    cr_skip_test("no locale of decimal commas is installed");
}

static inline json_t *sample_read(const char *path) {
    json_t *json = json_load_file(path, 0, NULL);
    cr_assert_not_null(json);
    return json;
}

static inline void sample_write(const json_t *json, const char *path) {
    cr_assert_eq(json_dump_file(json, path, JSON_REAL_PRECISION(17)), 0);
}

/* Sets the n-th key on a walk through all objects to value (takes it; NULL: removes the key), and copies its
 * name. False: there are fewer keys. Counts *n down. */
static inline bool sample_spoil(json_t *json, size_t *n, json_t *value, char name[64]) {
    const char *key;
    json_t *child;
    void *next;
    json_object_foreach_safe(json, next, key, child) {
        if ((*n)-- == 0) {
            snprintf(name, 64, "%s", key);
            if (value)
                json_object_set_new(json, key, value);
            else
                json_object_del(json, key);
            return true;
        }
        if (sample_spoil(child, n, value, name)) return true;
    }
    for (size_t i = 0; i < json_array_size(json); i++)
        if (sample_spoil(json_array_get(json, i), n, value, name)) return true;
    return false;
}

#endif
