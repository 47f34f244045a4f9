#include "capture/capture_variant.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- a variant's heading --- */

/* Only comments can have bytes that are not ASCII: where they are not UTF-8, they become '?'. */
static json_t *text_of(const char *ini) {
    json_t *json = json_string(ini);
    char *plain = json ? NULL : strdup(ini);
    if (!plain) return json;
    for (char *at = plain; *at; at++)
        if ((unsigned char)*at >= 128) *at = '?';
    json = json_string(plain);
    free(plain);
    return json;
}

static json_t *words_of(const hd_variant *variant) {
    json_t *words = json_array();
    for (size_t i = 0; i < variant->count; i++) {
        const hd_word *word = &variant->words[i];
        if (json_array_append_new(words, json_sprintf("%s=%s", word->key, word->value))) {
            json_decref(words);
            return NULL;
        }
    }
    return words;
}

void hd_capture_info_of(const hd_variant *variant, hd_capture_info *info) {
    const hd_experiment *e = &variant->experiment;
    info->layers = e->layers;
    info->steps = e->steps;
    info->batch = e->batch;
    info->hyper_iterations = e->hyper_iterations;
    info->training = e->training;
    info->validation = e->validation;
    info->test = e->test;
    info->hypers = e->hypers;
    info->mode = variant->mode;
    memcpy(info->dims, e->dims, sizeof info->dims);
    memcpy(info->hyper, e->hyper, sizeof info->hyper);
    for (size_t j = 0; j < e->hypers; j++) info->value[j] = (double)e->value[j];
    memcpy(info->experiment_sha256, e->sha256, sizeof info->experiment_sha256);
    snprintf(info->experiment, sizeof info->experiment, "%s", e->name);
    hd_variant_text(variant, info->variant, sizeof info->variant);
    info->ini = text_of(variant->ini);
    info->words = words_of(variant);
}

/* --- a heading's variant --- */

/* Writes what differs; false: nothing that a heading tells. */
static bool tell_difference(const hd_capture_info *a, const hd_capture_info *b, char text[HD_CAPTURE_TEXT]) {
    char name[HD_NAME];
    if (hd_capture_difference(a, b, text)) return true;
    for (size_t j = 0; j < a->hypers; j++)
        if (!(a->value[j] == b->value[j])) {
            snprintf(text, HD_CAPTURE_TEXT, "%s: %.9g and %.9g", hd_hyperparameter_name(a->hyper[j], name),
                     a->value[j], b->value[j]);
            return true;
        }
    if (a->mode != b->mode)
        snprintf(text, HD_CAPTURE_TEXT, "mode: %s and %s", hd_mode_name(a->mode), hd_mode_name(b->mode));
    else
        snprintf(text, HD_CAPTURE_TEXT, "seed, data, fill or hyper-optimizer");
    return a->mode != b->mode || strcmp(a->experiment_sha256, b->experiment_sha256) != 0;
}

hd_status hd_capture_variant(const hd_capture_info *info, hd_variant *variant, hd_error *error) {
    const char *texts[HD_VARIANT_WORDS];
    size_t count = json_array_size(info->words);
    char path[HD_LABEL + 32], text[HD_CAPTURE_TEXT];
    hd_capture_info made = {.layers = 0};
    snprintf(path, sizeof path, "%s.ini, as captured", info->experiment);
    for (size_t i = 0; i < count && i < HD_VARIANT_WORDS; i++)
        texts[i] = json_string_value(json_array_get(info->words, i));
    hd_status status = hd_variant_of_text(path, json_string_value(info->ini), texts, count, variant, error);
    if (status != HD_OK) return status;
    hd_capture_info_of(variant, &made);
    if (tell_difference(info, &made, text))
        status =
            hd_fail(error, HD_INVALID, "%s: not the experiment that the capture describes: %s", path, text);
    hd_capture_info_free(&made);
    return status;
}

/* --- two headings --- */

static bool tell(char text[HD_CAPTURE_TEXT], const char *key, const char *a, const char *b) {
    if (!strcmp(a, b)) return false;
    snprintf(text, HD_CAPTURE_TEXT, "%s: %.200s and %.200s", key, a, b);
    return true;
}

static bool tell_sizes(char text[HD_CAPTURE_TEXT], const char *key, size_t a, size_t b) {
    char x[32], y[32];
    snprintf(x, sizeof x, "%zu", a);
    snprintf(y, sizeof y, "%zu", b);
    return tell(text, key, x, y);
}

/* The units of the hidden layers as in the experiment's file, "100,50". */
static void hidden_of(const hd_capture_info *info, char text[200]) {
    size_t used = 0;
    snprintf(text, 200, "none");
    for (size_t l = 1; l < info->layers && used < 200; l++)
        used += (size_t)snprintf(text + used, 200 - used, "%s%zu", l > 1 ? "," : "", info->dims[l]);
}

static void partitions_of(const hd_capture_info *info, char text[200]) {
    snprintf(text, 200, "%zu, %zu, %zu examples", info->training, info->validation, info->test);
}

static void hypers_of(const hd_capture_info *info, char text[200]) {
    char name[HD_NAME];
    size_t used = 0;
    for (size_t j = 0; j < info->hypers && used < 200; j++)
        used += (size_t)snprintf(text + used, 200 - used, "%s%s", j ? ", " : "",
                                 hd_hyperparameter_name(info->hyper[j], name));
}

static bool same_hypers(const hd_capture_info *a, const hd_capture_info *b) {
    for (size_t j = 0; a->hypers == b->hypers && j < a->hypers; j++)
        if (a->hyper[j].kind != b->hyper[j].kind || a->hyper[j].layer != b->hyper[j].layer) return false;
    return a->hypers == b->hypers;
}

bool hd_capture_difference(const hd_capture_info *a, const hd_capture_info *b, char text[HD_CAPTURE_TEXT]) {
    char of_a[200], of_b[200];
    if (tell(text, "experiment.name", a->experiment, b->experiment) ||
        tell_sizes(text, "experiment.hyper-iterations", a->hyper_iterations, b->hyper_iterations) ||
        tell_sizes(text, "data.inputs", a->dims[0], b->dims[0]) ||
        tell_sizes(text, "data.classes", a->dims[a->layers], b->dims[b->layers]))
        return true;
    partitions_of(a, of_a), partitions_of(b, of_b);
    if (tell(text, "data.partitions", of_a, of_b)) return true;
    hidden_of(a, of_a), hidden_of(b, of_b);
    if (tell(text, "model.hidden", of_a, of_b)) return true;
    if (tell_sizes(text, "training.steps", a->steps, b->steps) ||
        tell_sizes(text, "training.batch", a->batch, b->batch))
        return true;
    hypers_of(a, of_a), hypers_of(b, of_b);
    if (!same_hypers(a, b)) snprintf(text, HD_CAPTURE_TEXT, "hyperparameters: %s and %s", of_a, of_b);
    return !same_hypers(a, b);
}

/* --- conditions --- */

__attribute__((format(printf, 2, 3))) static void add(char text[HD_CAPTURE_TEXT], const char *format, ...) {
    size_t used = strlen(text);
    used += (size_t)snprintf(text + used, HD_CAPTURE_TEXT - used, "%s", used ? "; " : "");
    if (used >= HD_CAPTURE_TEXT) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, HD_CAPTURE_TEXT - used, format, arguments);
    va_end(arguments);
}

static const char *fact_of(const hd_capture_info *info, const char *key) {
    const char *fact = json_string_value(json_object_get(info->provenance, key));
    return fact && *fact ? fact : "none";
}

void hd_capture_conditions(const hd_capture_info *a, const hd_capture_info *b, char text[HD_CAPTURE_TEXT]) {
    static const char *const program[] = {"program", "version", "commit", "compiler", "flags"};
    static const char *const facts[] = {"kernels", "loops", "cpu", "system", "libc", "driver"};
    bool same = true;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof program / sizeof *program; i++)
        same = same && !strcmp(fact_of(a, program[i]), fact_of(b, program[i]));
    if (!same) add(text, "other programs");
    if (a->threads != b->threads) add(text, "threads %zu and %zu", a->threads, b->threads);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (strcmp(fact_of(a, facts[i]), fact_of(b, facts[i])) != 0)
            add(text, "%s %.60s and %.60s", facts[i], fact_of(a, facts[i]), fact_of(b, facts[i]));
}
