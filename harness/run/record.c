#include "run/record.h"

#include "base/npy.h"
#include "run/record_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "hyperdrift-record/1"

static const char *const mode_names[] = {[HD_FORWARD] = "forward", [HD_REVERSE] = "reverse"};

const char *hd_mode_name(hd_mode mode) {
    return mode_names[mode];
}

hd_status hd_record_init(hd_record *record, size_t step, size_t layers, const size_t *dims, size_t hypers,
                         hd_error *error) {
    *record = (hd_record){.step = step, .layers = layers, .hypers = hypers};
    record->dims = malloc((layers + 1) * sizeof *record->dims);
    record->hyper = calloc(hypers ? hypers : 1, sizeof *record->hyper);
    record->provenance = json_object();
    if (!record->dims || !record->hyper || !record->provenance) {
        hd_record_free(record);
        return hd_fail(error, HD_UNAVAILABLE, "no memory for a record of %zu hyperparameters", hypers);
    }
    memcpy(record->dims, dims, (layers + 1) * sizeof *record->dims);
    record->weights.count = hd_weight_count(layers, dims);
    snprintf(record->weights.file, sizeof record->weights.file, "step-%zu.weights.npy.gz", step);
    return HD_OK;
}

void hd_record_free(hd_record *record) {
    free(record->dims);
    free(record->hyper);
    free(record->weights.values);
    json_decref(record->provenance);
    *record = (hd_record){0};
}

hd_status hd_record_set_weights(hd_record *record, const double *values, hd_error *error) {
    hd_weights *weights = &record->weights;
    double squares = 0;
    for (size_t i = 0; i < weights->count; i++) {
        char name[HD_WEIGHT_NAME];
        if (!isfinite(values[i]))
            return hd_fail(error, HD_DIFFERENT, "weight %s is %s",
                           hd_weight_name(record->layers, record->dims, i, name),
                           isnan(values[i]) ? "NaN" : "infinite");
        squares += values[i] * values[i];
    }
    double *copy = malloc((weights->count ? weights->count : 1) * sizeof *copy);
    if (!copy) return hd_fail(error, HD_UNAVAILABLE, "no memory for %zu weights", weights->count);
    memcpy(copy, values, weights->count * sizeof *copy);
    free(weights->values);
    weights->values = copy;
    size_t shown = hd_weights_shown(weights);
    for (size_t i = 0; i < shown; i++) {
        weights->first[i] = values[i];
        weights->last[i] = values[weights->count - shown + i];
    }
    weights->l2 = sqrt(squares);
    return hd_npy_sha256(values, weights->count, record->float32, weights->sha256, error);
}

static void put_costs(hd_builder *builder, const hd_record *record, json_t *root) {
    json_t *memory = hd_build(builder, root, "memory", json_object());
    hd_build_size(builder, memory, "state_bytes", record->state_bytes);
    hd_build_size(builder, memory, "peak_bytes", record->peak_bytes);
    hd_build_size(builder, memory, "device_bytes", record->device_bytes);
    hd_build_size(builder, memory, "device_data_bytes", record->data_bytes);
    json_t *time = hd_build(builder, root, "time", json_object());
    hd_build_real(builder, time, "seconds", record->seconds.total, "time");
    hd_build_real(builder, time, "data", record->seconds.data, "time of data");
    hd_build_real(builder, time, "training", record->seconds.training, "time of training");
    hd_build_real(builder, time, "differentiate", record->seconds.differentiate, "time of differentiation");
    hd_build_real(builder, time, "validation", record->seconds.validation, "time of validation");
    hd_build_real(builder, time, "operations", record->operations, "number of operations");
    hd_build_size(builder, time, "launches", record->launches);
    hd_build_real(builder, time, "sgemm_rate", record->sgemm_rate, "rate of products");
}

hd_status hd_record_json(const hd_record *record, json_t **json, hd_error *error) {
    hd_builder builder = {.error = error};
    json_t *root = json_object();
    hd_build_text(&builder, root, "format", FORMAT);
    hd_build_text(&builder, root, "experiment", record->experiment);
    hd_build_size(&builder, root, "step", record->step);
    hd_build_text(&builder, root, "mode", hd_mode_name(record->mode));
    hd_build_text(&builder, root, "device", record->device);
    hd_build_text(&builder, root, "arithmetic", record->arithmetic);
    hd_build_text(&builder, root, "precision", record->float32 ? "float32" : "float64");
    hd_dims_put(&builder, root, record->layers, record->dims);
    hd_results_put(&builder, root, record);
    put_costs(&builder, record, root);
    json_t *provenance = hd_build(&builder, root, "provenance", json_deep_copy(record->provenance));
    hd_build_text(&builder, provenance, "experiment_sha256", record->experiment_sha256);
    hd_build_text(&builder, provenance, "data_sha256", record->data_sha256);
    if (builder.status != HD_OK) {
        json_decref(root);
        root = NULL;
    }
    *json = root;
    return builder.status;
}

/* Significant digits from which a result reads back to its bits: 9 if all are float32 numbers, else 17. */
static int digits_of(const hd_record *record) {
    return record->float32 ? 9 : 17;
}

hd_status hd_record_save(const hd_record *record, const char *directory, hd_error *error) {
    json_t *json = NULL;
    hd_status status = hd_record_json(record, &json, error);
    if (status == HD_OK) status = hd_weights_save(record, directory, record->float32, error);
    if (status == HD_OK) status = hd_step_write(json, digits_of(record), directory, record->step, error);
    json_decref(json);
    return status;
}

/* ---- reading ---- */

hd_mode hd_mode_get(const hd_node *node) {
    bool reverse = hd_node_second(node, "mode", mode_names[HD_FORWARD], mode_names[HD_REVERSE]);
    return reverse ? HD_REVERSE : HD_FORWARD;
}

static void get_costs(hd_record *record, const hd_node *root) {
    hd_node memory = hd_node_object(root, "memory");
    record->state_bytes = hd_node_size(&memory, "state_bytes");
    record->peak_bytes = hd_node_size(&memory, "peak_bytes");
    record->device_bytes = hd_node_size(&memory, "device_bytes");
    record->data_bytes = hd_node_size(&memory, "device_data_bytes");
    if (record->data_bytes > record->device_bytes)
        hd_node_refuse(&memory, "device_data_bytes", "is more than device_bytes");
    hd_node time = hd_node_object(root, "time");
    record->seconds.total = hd_node_real(&time, "seconds");
    record->seconds.data = hd_node_real(&time, "data");
    record->seconds.training = hd_node_real(&time, "training");
    record->seconds.differentiate = hd_node_real(&time, "differentiate");
    record->seconds.validation = hd_node_real(&time, "validation");
    record->operations = hd_node_real(&time, "operations");
    record->launches = hd_node_size(&time, "launches");
    record->sgemm_rate = hd_node_real(&time, "sgemm_rate");
}

static void get_heading(hd_record *record, const hd_node *root) {
    hd_node_copy(root, "experiment", record->experiment, sizeof record->experiment);
    record->step = hd_node_size(root, "step");
    record->mode = hd_mode_get(root);
    hd_node_copy(root, "device", record->device, sizeof record->device);
    hd_node_copy(root, "arithmetic", record->arithmetic, sizeof record->arithmetic);
    record->float32 = hd_node_second(root, "precision", "float64", "float32");
}

void hd_record_get(hd_record *record, const hd_node *root) {
    *record = (hd_record){0};
    const char *format = hd_node_text(root, "format");
    if (strcmp(format, FORMAT) != 0) hd_node_refuse(root, "format", "is \"%s\", not \"%s\"", format, FORMAT);
    get_heading(record, root);
    hd_dims_get(record, root);
    hd_results_get(record, root);
    get_costs(record, root);
    hd_node provenance = hd_node_object(root, "provenance");
    hd_node_sha256(&provenance, "experiment_sha256", record->experiment_sha256);
    hd_node_sha256(&provenance, "data_sha256", record->data_sha256);
    record->provenance = json_incref(provenance.json);
}

hd_status hd_record_load(const char *path, bool weights, hd_record *record, hd_error *error) {
    hd_document document;
    hd_node root = hd_document_open(&document, path, NULL, error);
    hd_record_get(record, &root);
    hd_status status = hd_document_close(&document);
    if (status == HD_OK && weights) status = hd_weights_load(record, path, record->float32, error);
    if (status != HD_OK) hd_record_free(record);
    return status;
}
