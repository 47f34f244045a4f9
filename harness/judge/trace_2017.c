#include "judge/trace_2017.h"

#include "base/c_locale.h"
#include "base/json.h"
#include "run/record_json.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "hyperdrift-trace/1"

/* How near a float32 arithmetic of today comes to that of 2017 (figures with six to eight printed digits). */
#define WITHIN_ERROR         5e-6
#define WITHIN_WEIGHT        1e-7
#define WITHIN_HYPER         1e-7
#define WITHIN_HYPERGRADIENT 2e-5
#define WITHIN_MEMORY        0.01

enum { RECORDS = 100 }; /* NN.json: two digits */

/* ---- reading ---- */

/* The value of one unit of the last digit: 1e-4 in 0.6362, 1e-8 in 1.234e-05. */
static double last_unit(const char *text) {
    const char *point = strchr(text, '.'), *exponent = strpbrk(text, "eE");
    long decimals = point ? (long)strspn(point + 1, "0123456789") : 0;
    return pow(10, (double)((exponent ? strtol(exponent + 1, NULL, 10) : 0) - decimals));
}

static hd_printed_number get_figure(const hd_node *node, const char *key) {
    hd_printed_number figure = {.text = ""};
    hd_node_copy(node, key, figure.text, sizeof figure.text);
    char *end = figure.text;
    /* strtod would also take "nan", "0x1p3" and leading blanks. */
    if (figure.text[strspn(figure.text, "+-.0123456789eE")] == '\0')
        figure.value = strtod_l(figure.text, &end, hd_c_locale());
    if (end == figure.text || *end || !isfinite(figure.value))
        hd_node_refuse(node, key, "\"%s\" is not a number", figure.text);
    figure.unit = last_unit(figure.text);
    return figure;
}

static void get_weights(hd_trace_record *printed, const hd_node *root) {
    hd_node weights = hd_node_object(root, "weights");
    printed->weight_count = hd_node_size(&weights, "count");
    hd_node first = hd_node_array(&weights, "first"), last = hd_node_array(&weights, "last");
    if (printed->weight_count < HD_SHOWN || hd_node_length(&first) != HD_SHOWN ||
        hd_node_length(&last) != HD_SHOWN) {
        hd_node_refuse(&weights, NULL, "does not have three first and three last weights");
        return;
    }
    for (size_t i = 0; i < HD_SHOWN; i++) {
        hd_node element = hd_node_element(&first, i);
        printed->first[i] = get_figure(&element, NULL);
        element = hd_node_element(&last, i);
        printed->last[i] = get_figure(&element, NULL);
    }
}

static void get_hypers(hd_trace_record *printed, const hd_node *root) {
    hd_node array = hd_node_array(root, "hyperparameters");
    printed->hypers = hd_node_length(&array);
    printed->hyper = hd_node_allocate(&array, printed->hypers, sizeof *printed->hyper);
    printed->printed = hd_node_allocate(&array, printed->hypers, sizeof *printed->printed);
    for (size_t j = 0; j < printed->hypers && printed->hyper && printed->printed; j++) {
        hd_node element = hd_node_element(&array, j);
        hd_node_copy(&element, "name", printed->hyper[j].name, sizeof printed->hyper[j].name);
        printed->printed[j].value = get_figure(&element, "value");
        printed->printed[j].hypergradient = get_figure(&element, "hypergradient");
        printed->hyper[j].value = printed->printed[j].value.value;
        printed->hyper[j].hypergradient = printed->printed[j].hypergradient.value;
    }
}

static void get_allowances(hd_trace_record *printed, const hd_node *root) {
    if (!json_object_get(root->json, "allowances")) return; /* most records have none */
    hd_node array = hd_node_array(root, "allowances");
    printed->allowances = hd_node_length(&array);
    printed->allowance = hd_node_allocate(&array, printed->allowances, sizeof *printed->allowance);
    for (size_t i = 0; i < printed->allowances && printed->allowance; i++) {
        hd_node element = hd_node_element(&array, i);
        hd_allowance *allowance = &printed->allowance[i];
        hd_node_copy(&element, "quantity", allowance->quantity, sizeof allowance->quantity);
        allowance->tolerance = hd_node_real(&element, "tolerance");
        hd_node_copy(&element, "why", allowance->why, sizeof allowance->why);
    }
}

static void get_record(hd_trace_record *printed, size_t number, const hd_node *root) {
    printed->record = hd_node_size(root, "record");
    if (printed->record != number) hd_node_refuse(root, "record", "is %zu, not %zu", printed->record, number);
    hd_node_copy(root, "heading", printed->heading, sizeof printed->heading);
    hd_node_copy(root, "experiment", printed->experiment, sizeof printed->experiment);
    printed->step = hd_node_size(root, "step");
    printed->mode = hd_mode_get(root);
    printed->test_accuracy = get_figure(root, "test_accuracy");
    printed->validation_accuracy = get_figure(root, "validation_accuracy");
    printed->training_accuracy = get_figure(root, "training_accuracy");
    printed->validation_error = get_figure(root, "validation_error");
    printed->memory_mb = get_figure(root, "memory_mb");
    printed->seconds = get_figure(root, "seconds");
    printed->iterations = hd_node_size(root, "iterations");
    get_weights(printed, root);
    get_hypers(printed, root);
    get_allowances(printed, root);
}

static int is_numbered(const struct dirent *entry) {
    const char *name = entry->d_name;
    return isdigit((unsigned char)name[0]) && isdigit((unsigned char)name[1]) &&
           strcmp(name + 2, ".json") == 0;
}

static hd_status load_record(const char *folder, size_t number, hd_trace_record *printed, hd_error *error) {
    char *path = NULL;
    if (asprintf(&path, "%s/%02zu.json", folder, number) < 0)
        return hd_fail(error, HD_UNAVAILABLE, "%s: no memory for a path", folder);
    hd_document document;
    hd_node root = hd_document_open(&document, path, FORMAT, error);
    get_record(printed, number, &root);
    hd_status status = hd_document_close(&document);
    free(path);
    return status;
}

hd_status hd_trace_load(const char *folder, hd_trace *trace, hd_error *error) {
    *trace = (hd_trace){0};
    struct dirent **entries = NULL;
    int found = scandir(folder, &entries, is_numbered, alphasort);
    for (int i = 0; i < found; i++) free(entries[i]);
    free(entries);
    if (found <= 0) return hd_fail(error, HD_INVALID, "%s: no 00.json, 01.json, ... in this folder", folder);
    trace->records = calloc(RECORDS, sizeof *trace->records);
    if (!trace->records) return hd_fail(error, HD_UNAVAILABLE, "%s: no memory for its records", folder);
    hd_status status = HD_OK;
    while (status == HD_OK && trace->count < (size_t)found) {
        status = load_record(folder, trace->count, &trace->records[trace->count], error);
        trace->count++;
    }
    if (status != HD_OK) hd_trace_free(trace);
    return status;
}

void hd_trace_free(hd_trace *trace) {
    for (size_t i = 0; i < trace->count; i++) {
        free(trace->records[i].hyper);
        free(trace->records[i].printed);
        free(trace->records[i].allowance);
    }
    free(trace->records);
    *trace = (hd_trace){0};
}

/* ---- judging ---- */

bool hd_trace_matches(const hd_trace_record *printed, const hd_record *record) {
    return strcmp(printed->experiment, record->experiment) == 0 && printed->step == record->step &&
           printed->mode == record->mode;
}

/* Judges by the count nearest to the printed share, which must print as that text. */
static void judge_accuracy(hd_verdict *verdict, const char *name, hd_accuracy value,
                           const hd_printed_number *printed) {
    double total = (double)value.total, correct = round(printed->value * total);
    if (!(correct >= 0 && correct <= total &&
          fabs(correct / total - printed->value) <= 1.5 * printed->unit)) {
        char cause[HD_NOTE];
        snprintf(cause, sizeof cause, "%s, as printed, is not a share of %zu examples", printed->text,
                 value.total);
        hd_compare_failed(verdict, name, cause);
        return;
    }
    hd_compare_count(verdict, name, value, (hd_accuracy){(size_t)correct, value.total}, 0);
}

static void judge_weight(hd_verdict *verdict, const hd_record *record, size_t i, double value,
                         const hd_printed_number *printed) {
    char element[HD_WEIGHT_NAME], name[HD_QUANTITY];
    snprintf(name, sizeof name, "weight %s", hd_weight_name(record->layers, record->dims, i, element));
    hd_compare_number(verdict, name, value, printed->value, HD_ABSOLUTE, WITHIN_WEIGHT, record->float32);
}

static void judge_weights(hd_verdict *verdict, const hd_record *record, const hd_trace_record *printed) {
    const hd_weights *weights = &record->weights;
    if (weights->count != printed->weight_count) {
        char cause[HD_NOTE];
        snprintf(cause, sizeof cause, "%zu weights against %zu", weights->count, printed->weight_count);
        hd_compare_failed(verdict, "weights", cause);
        return;
    }
    for (size_t i = 0; i < HD_SHOWN; i++)
        judge_weight(verdict, record, i, weights->first[i], &printed->first[i]);
    for (size_t i = 0; i < HD_SHOWN; i++)
        judge_weight(verdict, record, weights->count - HD_SHOWN + i, weights->last[i], &printed->last[i]);
}

static double hyper_tolerance(const void *context, const char *quantity) {
    (void)context;
    return strncmp(quantity, "hypergradient ", 14) == 0 ? WITHIN_HYPERGRADIENT : WITHIN_HYPER;
}

void hd_trace_judge(const hd_trace_record *printed, const hd_record *record, hd_verdict *verdict) {
    char against[sizeof verdict->against];
    snprintf(against, sizeof against, "trace record %zu (%s)", printed->record, printed->heading);
    hd_verdict_head(verdict, record, against);
    judge_accuracy(verdict, "test_accuracy", record->test, &printed->test_accuracy);
    judge_accuracy(verdict, "validation_accuracy", record->validation, &printed->validation_accuracy);
    judge_accuracy(verdict, "training_accuracy", record->training, &printed->training_accuracy);
    hd_compare_number(verdict, "validation_error", record->validation_error, printed->validation_error.value,
                      HD_ABSOLUTE, WITHIN_ERROR, record->float32);
    judge_weights(verdict, record, printed);
    hd_compare_hypers(verdict, record->hyper, record->hypers, printed->hyper, printed->hypers,
                      record->float32, (hd_tolerances){hyper_tolerance, NULL});
    if (record->float32) /* as the trace's states; those of a float64 device are twice as large */
        hd_compare_number(verdict, "state_mb", (double)record->state_bytes * HD_TRACE_MB,
                          printed->memory_mb.value, HD_ABSOLUTE, WITHIN_MEMORY, false);
    for (size_t i = 0; i < printed->allowances; i++)
        hd_verdict_allow(verdict, printed->allowance[i].quantity, printed->allowance[i].tolerance,
                         printed->allowance[i].why);
}
