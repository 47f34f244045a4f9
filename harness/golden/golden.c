#include "golden/golden.h"

#include "base/c_locale.h"
#include "run/record_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "hyperdrift-golden/1"

enum { DIGITS = 17, HEX_FLOAT = 40 };

/* ---- making ---- */

static void free_bits(hd_bits *bits) {
    free(bits->hyper);
    *bits = (hd_bits){0};
}

void hd_golden_forget_bits(hd_golden *golden) {
    free_bits(&golden->exact[HD_FORWARD]);
    free_bits(&golden->exact[HD_REVERSE]);
}

void hd_golden_free(hd_golden *golden) {
    hd_record_free(&golden->reference);
    free(golden->tolerances);
    free(golden->method);
    hd_golden_forget_bits(golden);
    *golden = (hd_golden){0};
}

hd_status hd_golden_take_exact(hd_golden *golden, const hd_record *record, hd_error *error) {
    hd_hyper *hyper = malloc((record->hypers ? record->hypers : 1) * sizeof *hyper);
    if (!hyper) return hd_fail(error, HD_UNAVAILABLE, "no memory for the golden's bits");
    memcpy(hyper, record->hyper, record->hypers * sizeof *hyper);
    hd_bits *bits = &golden->exact[record->mode];
    free_bits(bits);
    *bits = (hd_bits){.validation_error = record->validation_error,
                      .correct = {record->test.correct, record->validation.correct, record->training.correct},
                      .hyper = hyper,
                      .hypers = record->hypers};
    memcpy(bits->weights_sha256, record->weights.sha256, sizeof bits->weights_sha256);
    return HD_OK;
}

/* Copies the record's weights, rounded to float32, into the reference. */
static hd_status set_rounded(hd_record *reference, const hd_record *record, hd_error *error) {
    size_t count = record->weights.count;
    double *rounded = malloc((count ? count : 1) * sizeof *rounded);
    if (!rounded) return hd_fail(error, HD_UNAVAILABLE, "no memory for %zu weights", count);
    for (size_t i = 0; i < count; i++) rounded[i] = (double)(float)record->weights.values[i];
    reference->float32 = true; /* for the digest of float32 elements */
    hd_status status = hd_record_set_weights(reference, rounded, error);
    reference->float32 = false;
    free(rounded);
    return status;
}

hd_status hd_golden_take_reference(hd_golden *golden, const hd_record *record, hd_error *error) {
    if (!record->weights.values)
        return hd_fail(error, HD_INVALID, "%s: a golden needs the reference's weights", record->experiment);
    hd_record reference;
    hd_status status =
        hd_record_init(&reference, record->step, record->layers, record->dims, record->hypers, error);
    if (status != HD_OK) return status;
    memcpy(reference.experiment, record->experiment, sizeof reference.experiment);
    memcpy(reference.experiment_sha256, record->experiment_sha256, sizeof reference.experiment_sha256);
    memcpy(reference.data_sha256, record->data_sha256, sizeof reference.data_sha256);
    memcpy(reference.hyper, record->hyper, record->hypers * sizeof *record->hyper);
    reference.test = record->test;
    reference.validation = record->validation;
    reference.training = record->training;
    reference.validation_error = record->validation_error;
    status = set_rounded(&reference, record, error);
    if (status != HD_OK) {
        hd_record_free(&reference);
        return status;
    }
    hd_record_free(&golden->reference);
    golden->reference = reference;
    return HD_OK;
}

/* ---- hexadecimal floating-point texts, whatever the locale's decimal point ---- */

static void put_hex(hd_builder *builder, json_t *object, const char *key, double value, const char *what) {
    char text[HEX_FLOAT];
    if (builder->status == HD_OK && !isfinite(value))
        builder->status = hd_fail(builder->error, HD_DIFFERENT, "%s %s is not finite", what, key);
    locale_t before = uselocale(hd_c_locale());
    snprintf(text, sizeof text, "%a", value);
    uselocale(before);
    hd_build_text(builder, object, key, text);
}

static double get_hex(const hd_node *node, const char *key) {
    const char *text = hd_node_text(node, key);
    bool hexadecimal = strncmp(text + (text[0] == '-'), "0x", 2) == 0;
    char *end;
    double value = strtod_l(text, &end, hd_c_locale());
    if (!hexadecimal || *end || !isfinite(value))
        hd_node_refuse(node, key, "\"%.40s\" is not a hexadecimal floating-point number", text);
    return value;
}

/* ---- writing ---- */

static const char *const sets[3] = {"test", "validation", "training"};

static void put_bits(hd_builder *builder, json_t *exact, hd_mode mode, const hd_bits *bits) {
    json_t *object = hd_build(builder, exact, hd_mode_name(mode), json_object());
    hd_build_text(builder, object, "weights_sha256", bits->weights_sha256);
    put_hex(builder, object, "validation_error", bits->validation_error, "exact");
    json_t *correct = hd_build(builder, object, "correct", json_object());
    for (size_t i = 0; i < 3; i++) hd_build_size(builder, correct, sets[i], bits->correct[i]);
    json_t *gradients = hd_build(builder, object, "hypergradients", json_object());
    json_t *values = hd_build(builder, object, "hyperparameters", json_object());
    for (size_t j = 0; j < bits->hypers; j++) {
        put_hex(builder, gradients, bits->hyper[j].name, bits->hyper[j].hypergradient, "exact hypergradient");
        put_hex(builder, values, bits->hyper[j].name, bits->hyper[j].value, "exact hyperparameter");
    }
}

static const char *const families[] = {"normal", "lognormal", "count"};

static void put_evidence(hd_builder *builder, json_t *parent, hd_mode mode, const hd_tolerance *tolerance) {
    const hd_evidence *evidence = &tolerance->evidence[mode];
    const char *what = tolerance->quantity;
    json_t *object = hd_build(builder, parent, hd_mode_name(mode), json_object());
    hd_build_size(builder, object, "n", evidence->errors.n);
    hd_build_real(builder, object, "mean", evidence->errors.mean, what);
    hd_build_real(builder, object, "deviation", evidence->errors.deviation, what);
    hd_build_real(builder, object, "least", evidence->errors.least, what);
    hd_build_real(builder, object, "greatest", evidence->errors.greatest, what);
    hd_build_real(builder, object, "split", evidence->split, what);
    hd_build_text(builder, object, "bimodal", evidence->bimodal ? "yes" : "no");
}

static void put_tolerances(hd_builder *builder, json_t *root, const hd_golden *golden) {
    json_t *tolerances = hd_build(builder, root, "tolerances", json_object());
    for (size_t i = 0; i < golden->tolerance_count; i++) {
        const hd_tolerance *tolerance = &golden->tolerances[i];
        json_t *object = hd_build(builder, tolerances, tolerance->quantity, json_object());
        hd_build_real(builder, object, "tolerance", tolerance->tolerance, tolerance->quantity);
        hd_build_text(builder, object, "family", families[tolerance->family]);
        put_evidence(builder, object, HD_FORWARD, tolerance);
        put_evidence(builder, object, HD_REVERSE, tolerance);
    }
}

static void put_calibration(hd_builder *builder, json_t *root, const hd_golden *golden) {
    json_t *object = hd_build(builder, root, "calibration", json_object());
    hd_build_text(builder, object, "method", golden->method ? golden->method : "");
    hd_build_size(builder, object, "replicas", golden->replicas);
    hd_build_real(builder, object, "false_alarms", golden->false_alarms, "calibration.false_alarms");
    hd_build_real(builder, object, "split_critical", golden->split_critical, "calibration.split_critical");
    json_t *errors = hd_build(builder, object, "reference_errors", json_object());
    for (size_t j = 0; j < golden->reference_error_count; j++)
        hd_build_real(builder, errors, golden->reference_errors[j].name, golden->reference_errors[j].relative,
                      "calibration.reference_errors");
}

hd_status hd_golden_calibration_json(const hd_golden *golden, json_t **json, hd_error *error) {
    hd_builder builder = {.error = error};
    *json = json_object();
    hd_build_text(&builder, *json, "experiment", golden->reference.experiment);
    hd_build_size(&builder, *json, "step", golden->reference.step);
    put_tolerances(&builder, *json, golden);
    put_calibration(&builder, *json, golden);
    if (builder.status != HD_OK) json_decref(*json);
    return builder.status;
}

static void put_golden(hd_builder *builder, json_t *root, const hd_golden *golden) {
    const hd_record *reference = &golden->reference;
    hd_build_text(builder, root, "format", FORMAT);
    hd_build_text(builder, root, "experiment", reference->experiment);
    hd_build_size(builder, root, "step", reference->step);
    hd_build_text(builder, root, "experiment_sha256", reference->experiment_sha256);
    hd_build_text(builder, root, "data_sha256", reference->data_sha256);
    hd_dims_put(builder, root, reference->layers, reference->dims);
    json_t *results = hd_build(builder, root, "reference", json_object());
    hd_results_put(builder, results, reference);
    put_tolerances(builder, root, golden);
    put_calibration(builder, root, golden);
    json_t *exact = hd_build(builder, root, "exact", json_object());
    put_bits(builder, exact, HD_FORWARD, &golden->exact[HD_FORWARD]);
    put_bits(builder, exact, HD_REVERSE, &golden->exact[HD_REVERSE]);
    json_t *blessed = hd_build(builder, root, "blessed", json_object());
    hd_build_text(builder, blessed, "reason", golden->blessed.reason);
    hd_build_text(builder, blessed, "commit", golden->blessed.commit);
    hd_build_text(builder, blessed, "date", golden->blessed.date);
    hd_build_text(builder, blessed, "machine", golden->blessed.machine);
}

/* The SHA-256 of the golden's canonical text, which must not have its key "sha256". */
static hd_status hash(const json_t *root, char hex[HD_SHA256], hd_error *error) {
    char *text = json_dumps(root, (size_t)(JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(DIGITS)));
    if (!text) return hd_fail(error, HD_UNAVAILABLE, "no memory for a golden's text");
    hd_status status = hd_sha256_block(text, strlen(text), hex, error);
    free(text);
    return status;
}

/* ---- reading ---- */

static void get_bits(hd_bits *bits, const hd_node *exact, hd_mode mode) {
    hd_node node = hd_node_object(exact, hd_mode_name(mode));
    hd_node_sha256(&node, "weights_sha256", bits->weights_sha256);
    bits->validation_error = get_hex(&node, "validation_error");
    hd_node correct = hd_node_object(&node, "correct");
    for (size_t i = 0; i < 3; i++) bits->correct[i] = hd_node_size(&correct, sets[i]);
    hd_node gradients = hd_node_object(&node, "hypergradients");
    hd_node values = hd_node_object(&node, "hyperparameters");
    size_t count = json_object_size(gradients.json);
    if (json_object_size(values.json) != count)
        hd_node_refuse(&values, NULL, "has %zu names, hypergradients %zu", json_object_size(values.json),
                       count);
    bits->hyper = hd_node_allocate(&gradients, count, sizeof *bits->hyper);
    if (!bits->hyper) return;
    const char *name;
    json_t *value;
    json_object_foreach(gradients.json, name, value) {
        hd_hyper *hyper = &bits->hyper[bits->hypers++];
        if (snprintf(hyper->name, sizeof hyper->name, "%s", name) >= (int)sizeof hyper->name)
            hd_node_refuse(&gradients, name, "is too long a name");
        hyper->hypergradient = get_hex(&gradients, name);
        hyper->value = get_hex(&values, name);
    }
}

static hd_family get_family(const hd_node *node) {
    const char *text = hd_node_text(node, "family");
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        if (!strcmp(text, families[f])) return (hd_family)f;
    hd_node_refuse(node, "family", "\"%.40s\" is not known; allowed: normal, lognormal, count", text);
    return HD_NORMAL;
}

static void get_evidence(hd_evidence *evidence, const hd_node *parent, hd_mode mode) {
    hd_node node = hd_node_object(parent, hd_mode_name(mode));
    evidence->errors = (hd_summary){.n = hd_node_size(&node, "n"),
                                    .mean = hd_node_real(&node, "mean"),
                                    .deviation = hd_node_real(&node, "deviation"),
                                    .least = hd_node_real(&node, "least"),
                                    .greatest = hd_node_real(&node, "greatest")};
    evidence->split = hd_node_real(&node, "split");
    evidence->bimodal = hd_node_second(&node, "bimodal", "no", "yes");
}

static void get_tolerances(hd_golden *golden, const hd_node *root) {
    hd_node node = hd_node_object(root, "tolerances");
    golden->tolerances = hd_node_allocate(&node, json_object_size(node.json), sizeof *golden->tolerances);
    if (!golden->tolerances) return;
    const char *name;
    json_t *value;
    json_object_foreach(node.json, name, value) {
        hd_tolerance *tolerance = &golden->tolerances[golden->tolerance_count++];
        hd_node element = hd_node_object(&node, name);
        if (snprintf(tolerance->quantity, sizeof tolerance->quantity, "%s", name) >= HD_QUANTITY)
            hd_node_refuse(&element, NULL, "is too long a name");
        tolerance->tolerance = hd_node_real(&element, "tolerance");
        tolerance->family = get_family(&element);
        get_evidence(&tolerance->evidence[HD_FORWARD], &element, HD_FORWARD);
        get_evidence(&tolerance->evidence[HD_REVERSE], &element, HD_REVERSE);
        if (tolerance->tolerance < 0) hd_node_refuse(&element, "tolerance", "is below zero");
    }
}

static void get_calibration(hd_golden *golden, const hd_node *root) {
    hd_node node = hd_node_object(root, "calibration"), errors = hd_node_object(&node, "reference_errors");
    golden->method = strdup(hd_node_text(&node, "method"));
    golden->replicas = hd_node_size(&node, "replicas");
    golden->false_alarms = hd_node_real(&node, "false_alarms");
    golden->split_critical = hd_node_real(&node, "split_critical");
    const char *name;
    json_t *value;
    json_object_foreach(errors.json, name, value) {
        if (golden->reference_error_count == HD_MAX_HYPERS || strlen(name) >= HD_NAME) {
            hd_node_refuse(&errors, name, "is not a hyperparameter");
            return;
        }
        hd_reference_error *to = &golden->reference_errors[golden->reference_error_count++];
        snprintf(to->name, sizeof to->name, "%s", name);
        to->relative = hd_node_real(&errors, name);
    }
}

static void get_blessing(hd_golden *golden, const hd_node *root) {
    hd_node node = hd_node_object(root, "blessed");
    hd_node_copy(&node, "reason", golden->blessed.reason, sizeof golden->blessed.reason);
    hd_node_copy(&node, "commit", golden->blessed.commit, sizeof golden->blessed.commit);
    hd_node_copy(&node, "date", golden->blessed.date, sizeof golden->blessed.date);
    hd_node_copy(&node, "machine", golden->blessed.machine, sizeof golden->blessed.machine);
}

static void get_golden(hd_golden *golden, const hd_node *root) {
    hd_record *reference = &golden->reference;
    hd_node_copy(root, "experiment", reference->experiment, sizeof reference->experiment);
    reference->step = hd_node_size(root, "step");
    hd_node_sha256(root, "experiment_sha256", reference->experiment_sha256);
    hd_node_sha256(root, "data_sha256", reference->data_sha256);
    hd_dims_get(reference, root);
    hd_node results = hd_node_object(root, "reference");
    hd_results_get(reference, &results);
    get_tolerances(golden, root);
    get_calibration(golden, root);
    hd_node exact = hd_node_object(root, "exact");
    get_bits(&golden->exact[HD_FORWARD], &exact, HD_FORWARD);
    get_bits(&golden->exact[HD_REVERSE], &exact, HD_REVERSE);
    get_blessing(golden, root);
}

/* Reads the hash and compares it with the rest's. */
static void get_hash(const hd_node *root, char found[HD_SHA256]) {
    char expected[HD_SHA256];
    hd_node_sha256(root, "sha256", found);
    hd_document *document = root->document;
    if (document->status != HD_OK) return;
    json_object_del(root->json, "sha256");
    document->status = hash(root->json, expected, document->error);
    if (document->status == HD_OK && strcmp(found, expected) != 0)
        hd_node_refuse(root, "sha256", "does not match: the golden was edited after it was blessed");
}

hd_status hd_golden_load(const char *path, hd_golden *golden, hd_error *error) {
    *golden = (hd_golden){0};
    hd_document document;
    hd_node root = hd_document_open(&document, path, FORMAT, error);
    get_golden(golden, &root);
    get_hash(&root, golden->sha256);
    hd_status status = hd_document_close(&document);
    if (status == HD_OK && !golden->method) status = hd_fail(error, HD_UNAVAILABLE, "%s: no memory", path);
    if (status == HD_OK) status = hd_weights_load(&golden->reference, path, true, error);
    if (status != HD_OK) hd_golden_free(golden);
    return status;
}

/* Reads the JSON back before we write it, so that we save no golden that would be refused. */
static hd_status check_readable(json_t *json, const char *directory, hd_error *error) {
    hd_golden copy = {0};
    hd_document document = {.path = directory, .root = json_incref(json), .error = error};
    hd_node root = {.document = &document, .json = json};
    get_golden(&copy, &root);
    hd_golden_free(&copy);
    return hd_document_close(&document);
}

hd_status hd_golden_save(const hd_golden *golden, const char *directory, hd_error *error) {
    hd_builder builder = {.error = error};
    char hex[HD_SHA256];
    if (!golden->reference.weights.values)
        return hd_fail(error, HD_INVALID, "%s: a golden without its reference cannot be saved", directory);
    json_t *json = json_object();
    put_golden(&builder, json, golden);
    hd_status status = builder.status;
    if (status == HD_OK) status = check_readable(json, directory, error);
    if (status == HD_OK) status = hash(json, hex, error);
    if (status == HD_OK) {
        hd_build_text(&builder, json, "sha256", hex);
        status = builder.status;
    }
    if (status == HD_OK) status = hd_weights_save(&golden->reference, directory, true, error);
    if (status == HD_OK) status = hd_step_write(json, DIGITS, directory, golden->reference.step, error);
    json_decref(json);
    return status;
}
