#include "run/record_json.h"

#include "base/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bounds far beyond use; no product of dims overflows. */
enum { LAYERS = 64, UNITS = 1 << 24, HYPERS = 2 * LAYERS + 2 };

size_t hd_weights_shown(const hd_weights *weights) {
    return weights->count < HD_SHOWN ? weights->count : HD_SHOWN;
}

void hd_dims_put(hd_builder *builder, json_t *object, size_t layers, const size_t *dims) {
    json_t *array = hd_build(builder, object, "dims", json_array());
    for (size_t l = 0; l <= layers; l++) hd_build_element(builder, array, json_integer((json_int_t)dims[l]));
}

/* ---- writing ---- */

/* Puts a finite result; in a float32 record a float32 number, which nine digits give back to the bit. */
static void put_result(hd_builder *builder, const hd_record *record, json_t *object, const char *key,
                       double value, const char *what) {
    if (builder->status == HD_OK && record->float32 && isfinite(value) && (double)(float)value != value)
        builder->status =
            hd_fail(builder->error, HD_INVALID, "%s is not a float32 number in a float32 record", what);
    hd_build_real(builder, object, key, value, what);
}

static void put_accuracy(hd_builder *builder, json_t *root, const char *key, hd_accuracy accuracy) {
    json_t *object = hd_build(builder, root, key, json_object());
    hd_build_size(builder, object, "correct", accuracy.correct);
    hd_build_size(builder, object, "total", accuracy.total);
}

static void put_hypers(hd_builder *builder, const hd_record *record, json_t *root) {
    json_t *array = hd_build(builder, root, "hyperparameters", json_array());
    for (size_t j = 0; j < record->hypers; j++) {
        const hd_hyper *hyper = &record->hyper[j];
        char what[HD_LABEL];
        for (size_t i = 0; i < j && builder->status == HD_OK; i++)
            if (strcmp(record->hyper[i].name, hyper->name) == 0)
                builder->status =
                    hd_fail(builder->error, HD_INVALID, "hyperparameter %s: is given twice", hyper->name);
        json_t *object = hd_build_element(builder, array, json_object());
        hd_build_text(builder, object, "name", hyper->name);
        snprintf(what, sizeof what, "hyperparameter %s", hyper->name);
        put_result(builder, record, object, "value", hyper->value, what);
        snprintf(what, sizeof what, "hypergradient %s", hyper->name);
        put_result(builder, record, object, "hypergradient", hyper->hypergradient, what);
    }
}

static void put_weights(hd_builder *builder, const hd_record *record, json_t *root) {
    const hd_weights *weights = &record->weights;
    json_t *object = hd_build(builder, root, "weights", json_object());
    hd_build_size(builder, object, "count", weights->count);
    json_t *first = hd_build(builder, object, "first", json_array());
    json_t *last = hd_build(builder, object, "last", json_array());
    for (size_t i = 0; i < hd_weights_shown(weights); i++) {
        hd_build_element(builder, first, json_real(weights->first[i]));
        hd_build_element(builder, last, json_real(weights->last[i]));
    }
    hd_build_real(builder, object, "l2", weights->l2, "the weights' norm");
    hd_build_text(builder, object, "sha256", weights->sha256);
    hd_build_text(builder, object, "file", weights->file);
}

/* ---- reading ---- */

static double get_result(const hd_record *record, const hd_node *node, const char *key) {
    double value = hd_node_real(node, key);
    if (!record->float32) return value;
    value = (double)(float)value;
    if (!isfinite(value)) hd_node_refuse(node, key, "is too large for a float32 number");
    return value;
}

static hd_accuracy get_accuracy(const hd_node *root, const char *key) {
    hd_node node = hd_node_object(root, key);
    hd_accuracy accuracy = {.correct = hd_node_size(&node, "correct"), .total = hd_node_size(&node, "total")};
    if (accuracy.correct > accuracy.total) hd_node_refuse(&node, "correct", "is more than total");
    return accuracy;
}

void hd_dims_get(hd_record *record, const hd_node *node) {
    hd_node array = hd_node_array(node, "dims");
    size_t count = hd_node_length(&array);
    if (count < 2 || count > LAYERS + 1) {
        hd_node_refuse(&array, NULL, "has %zu numbers, not 2 to %d", count, LAYERS + 1);
        return;
    }
    record->layers = count - 1;
    record->dims = hd_node_allocate(&array, count, sizeof *record->dims);
    for (size_t l = 0; record->dims && l < count; l++) {
        hd_node element = hd_node_element(&array, l);
        record->dims[l] = hd_node_size(&element, NULL);
        if (record->dims[l] < 1 || record->dims[l] > UNITS)
            hd_node_refuse(&element, NULL, "is not 1 to %d", UNITS);
    }
}

static void get_hypers(hd_record *record, const hd_node *root) {
    hd_node array = hd_node_array(root, "hyperparameters");
    record->hypers = hd_node_length(&array);
    if (record->hypers > HYPERS) hd_node_refuse(&array, NULL, "has more than %d elements", HYPERS);
    record->hyper = hd_node_allocate(&array, record->hypers, sizeof *record->hyper);
    for (size_t j = 0; record->hyper && j < record->hypers; j++) {
        hd_node element = hd_node_element(&array, j);
        hd_hyper *hyper = &record->hyper[j];
        hd_node_copy(&element, "name", hyper->name, sizeof hyper->name);
        hyper->value = get_result(record, &element, "value");
        hyper->hypergradient = get_result(record, &element, "hypergradient");
        for (size_t i = 0; i < j; i++)
            if (strcmp(record->hyper[i].name, hyper->name) == 0)
                hd_node_refuse(&element, "name", "\"%s\" is given twice", hyper->name);
    }
}

static void get_shown(const hd_record *record, const hd_node *node, const char *key, double *values) {
    hd_node array = hd_node_array(node, key);
    size_t count = hd_node_length(&array);
    if (count != hd_weights_shown(&record->weights)) {
        hd_node_refuse(&array, NULL, "has %zu numbers, not %zu", count, hd_weights_shown(&record->weights));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        hd_node element = hd_node_element(&array, i);
        values[i] = get_result(record, &element, NULL);
    }
}

static void get_weights(hd_record *record, const hd_node *root) {
    hd_weights *weights = &record->weights;
    hd_node node = hd_node_object(root, "weights");
    weights->count = hd_node_size(&node, "count");
    if (node.document->status != HD_OK) return; /* no dims to compare the count with */
    size_t expected = hd_weight_count(record->layers, record->dims);
    if (weights->count != expected)
        hd_node_refuse(&node, "count", "is %zu, but dims make it %zu", weights->count, expected);
    get_shown(record, &node, "first", weights->first);
    get_shown(record, &node, "last", weights->last);
    weights->l2 = hd_node_real(&node, "l2");
    hd_node_sha256(&node, "sha256", weights->sha256);
    hd_node_copy(&node, "file", weights->file, sizeof weights->file);
    if (strchr(weights->file, '/') || !weights->file[0])
        hd_node_refuse(&node, "file", "is not the name of a file in the record's folder");
}

void hd_results_put(hd_builder *builder, json_t *object, const hd_record *record) {
    put_accuracy(builder, object, "test_accuracy", record->test);
    put_accuracy(builder, object, "validation_accuracy", record->validation);
    put_accuracy(builder, object, "training_accuracy", record->training);
    put_result(builder, record, object, "validation_error", record->validation_error, "validation_error");
    put_hypers(builder, record, object);
    put_weights(builder, record, object);
}

void hd_results_get(hd_record *record, const hd_node *node) {
    record->test = get_accuracy(node, "test_accuracy");
    record->validation = get_accuracy(node, "validation_accuracy");
    record->training = get_accuracy(node, "training_accuracy");
    record->validation_error = get_result(record, node, "validation_error");
    get_hypers(record, node);
    get_weights(record, node);
}

/* ---- the files ---- */

hd_status hd_weights_save(const hd_record *record, const char *directory, bool as_float32, hd_error *error) {
    const hd_weights *weights = &record->weights;
    char *path = NULL;
    if (!weights->values)
        return hd_fail(error, HD_INVALID, "%s: %s: the weights are not there to be saved", directory,
                       weights->file);
    if (asprintf(&path, "%s/%s", directory, weights->file) < 0)
        return hd_fail(error, HD_UNAVAILABLE, "%s: no memory for a path", directory);
    hd_status status = hd_npy_save(path, weights->values, weights->count, as_float32, error);
    free(path);
    return status;
}

/* Compares the array that was read with what the record says of it. */
static hd_status check_array(const hd_weights *weights, const hd_array *array, bool as_float32,
                             const char *path, hd_error *error) {
    char digest[HD_SHA256];
    if (array->count != weights->count)
        return hd_fail(error, HD_INVALID, "%s: has %zu weights, not the %zu of weights.count", path,
                       array->count, weights->count);
    if (array->is_float32 != as_float32)
        return hd_fail(error, HD_INVALID, "%s: is not %s", path, as_float32 ? "float32" : "float64");
    hd_status status = hd_npy_sha256(array->values, array->count, as_float32, digest, error);
    if (status == HD_OK && strcmp(digest, weights->sha256) != 0)
        return hd_fail(error, HD_INVALID, "%s: has the SHA-256 %s, not the %s of weights.sha256", path,
                       digest, weights->sha256);
    return status;
}

hd_status hd_weights_load(hd_record *record, const char *path, bool as_float32, hd_error *error) {
    hd_weights *weights = &record->weights;
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    char *file = NULL;
    hd_array array = {0};
    if (asprintf(&file, "%.*s%s", folder, path, weights->file) < 0)
        return hd_fail(error, HD_UNAVAILABLE, "%s: no memory for a path", path);
    hd_status status = hd_npy_load(file, &array, error);
    if (status == HD_OK) status = check_array(weights, &array, as_float32, file, error);
    if (status == HD_OK) {
        weights->values = array.values;
        array.values = NULL;
    }
    hd_array_free(&array);
    free(file);
    return status;
}

hd_status hd_step_write(const json_t *json, int digits, const char *directory, size_t step, hd_error *error) {
    char *path = NULL;
    if (asprintf(&path, "%s/step-%zu.json", directory, step) < 0)
        return hd_fail(error, HD_UNAVAILABLE, "%s: no memory for a path", directory);
    hd_status status = hd_document_write(json, digits, path, error);
    free(path);
    return status;
}
