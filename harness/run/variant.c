#include "run/variant.h"

#include "base/list.h"
#include "base/suggestion.h"
#include "devices.h"
#include "run/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Short names of settings. */
static const struct {
    const char *key, *setting;
} aliases[] = {
    {"arithmetic", "device.arithmetic"}, {"tf32", "device.tf32"},          {"fill", "model.fill"},
    {"fill-race", "model.fill-race"},    {"powf", "hyper-optimizer.powf"},
};

static const char *const keys[] = {"device", "mode", "threads", "blis-kernels", "loops", "math", "rounding"};

static const char *known_keys(hd_suggestion *known) {
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) hd_suggestion_add(known, keys[i]);
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) hd_suggestion_add(known, aliases[i].key);
    hd_suggestion_add(known, "section.key");
    return hd_suggestion_text(known);
}

/* A setting's short name, if it has one. */
static const char *short_name(const char *key) {
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (!strcmp(key, aliases[i].setting)) return aliases[i].key;
    return key;
}

static const char *setting_of(const char *key) {
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (!strcmp(key, aliases[i].key)) return aliases[i].setting;
    return strchr(key, '.') ? key : NULL;
}

static const hd_word *word_of(const hd_variant *variant, const char *key) {
    for (size_t i = 0; i < variant->count; i++)
        if (!strcmp(variant->words[i].key, key)) return &variant->words[i];
    return NULL;
}

static void drop_word(hd_variant *variant, const char *key) {
    size_t kept = 0;
    for (size_t i = 0; i < variant->count; i++)
        if (strcmp(variant->words[i].key, key) != 0) variant->words[kept++] = variant->words[i];
    variant->count = kept;
}

static hd_status add_word(hd_variant *variant, const hd_word *word, hd_error *error) {
    drop_word(variant, word->key);
    if (variant->count == HD_VARIANT_WORDS)
        return hd_fail(error, HD_INVALID, "%s: too many words; allowed: %d", word->key, HD_VARIANT_WORDS);
    variant->words[variant->count++] = *word;
    return HD_OK;
}

static hd_status read_word(const char *text, hd_word *word, hd_error *error) {
    const char *equals = strchr(text, '=');
    size_t key = equals ? (size_t)(equals - text) : 0;
    if (key == 0 || key >= sizeof word->key || strlen(equals + 1) >= sizeof word->value)
        return hd_fail(error, HD_INVALID, "'%.200s': not KEY=VALUE; allowed keys: %s", text,
                       known_keys(&(hd_suggestion){.word = ""}));
    char name[sizeof word->key];
    snprintf(name, sizeof name, "%.*s", (int)key, text);
    snprintf(word->key, sizeof word->key, "%s", short_name(name));
    snprintf(word->value, sizeof word->value, "%s", equals + 1);
    return HD_OK;
}

/* --- what the words mean --- */

/* Finds the value among name(0), name(1) ..., which end with NULL. */
static hd_status choose(const hd_word *word, const char *(*name)(size_t i), size_t *choice, hd_error *error) {
    hd_suggestion known = {.word = word->value};
    for (*choice = 0; name(*choice); ++*choice) {
        if (!strcmp(word->value, name(*choice))) return HD_OK;
        hd_suggestion_add(&known, name(*choice));
    }
    return hd_fail(error, HD_INVALID, "%s=%s: not known; allowed: %s", word->key, word->value,
                   hd_suggestion_text(&known));
}

static hd_status read_whole(const hd_word *word, size_t most, size_t *number, hd_error *error) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(word->value, &end, 10);
    if (errno || *end || word->value[0] < '0' || word->value[0] > '9' || value < 1 || value > most)
        return hd_fail(error, HD_INVALID, "%s=%s: allowed: a whole number from 1 to %zu", word->key,
                       word->value, most);
    *number = value;
    return HD_OK;
}

static hd_status copy_name(const hd_word *word, char *to, size_t size, hd_error *error) {
    if (snprintf(to, size, "%s", word->value) < (int)size) return HD_OK;
    return hd_fail(error, HD_INVALID, "%s=%s: too long a name", word->key, word->value);
}

static const char *mode_name(size_t i) {
    return i < 2 ? hd_mode_name((hd_mode)i) : NULL;
}

/* Applies a word that says how to run the experiment. */
static hd_status apply(hd_variant *variant, const hd_word *word, hd_error *error) {
    size_t choice;
    if (!strcmp(word->key, "mode")) {
        hd_status status = choose(word, mode_name, &choice, error);
        if (status == HD_OK) variant->mode = (hd_mode)choice;
        return status;
    }
    if (!strcmp(word->key, "device")) {
        hd_status status = choose(word, hd_device_name, &choice, error);
        if (status == HD_OK) snprintf(variant->device, sizeof variant->device, "%s", word->value);
        return status;
    }
    if (!strcmp(word->key, "threads")) return read_whole(word, 65536, &variant->threads, error);
    if (!strcmp(word->key, "rounding")) {
        size_t seed = 0;
        hd_status status = read_whole(word, UINT32_MAX, &seed, error);
        variant->rounding = (uint32_t)seed;
        return status;
    }
    if (!strcmp(word->key, "blis-kernels"))
        return copy_name(word, variant->kernels, sizeof variant->kernels, error);
    if (!strcmp(word->key, "loops")) return copy_name(word, variant->loops, sizeof variant->loops, error);
    if (!strcmp(word->key, "math")) return copy_name(word, variant->math, sizeof variant->math, error);
    return hd_fail(error, HD_INVALID, "%s=%s: not a known key; allowed: %s", word->key, word->value,
                   known_keys(&(hd_suggestion){.word = word->key}));
}

/* Fills the variant from its file's text and its words. */
static hd_status resolve(hd_variant *variant, hd_error *error) {
    char overrides[HD_VARIANT_WORDS][2 * HD_VARIANT_VALUE];
    const char *texts[HD_VARIANT_WORDS];
    size_t settings = 0;
    hd_status status = HD_OK;
    variant->mode = HD_REVERSE;
    snprintf(variant->device, sizeof variant->device, "cpu");
    for (size_t i = 0; status == HD_OK && i < variant->count; i++) {
        const hd_word *word = &variant->words[i];
        const char *setting = setting_of(word->key);
        if (setting) {
            snprintf(overrides[settings], sizeof *overrides, "%s=%s", setting, word->value);
            texts[settings] = overrides[settings];
            settings++;
        } else {
            status = apply(variant, word, error);
        }
    }
    if (status == HD_OK)
        status =
            hd_experiment_parse(variant->path, variant->ini, texts, settings, &variant->experiment, error);
    return status;
}

/* Keeps a text, which it takes over, until the program ends: variants are copied freely. The same text is kept
 * once. */
static hd_status keep_text(char *text, const char **kept, hd_error *error) {
    static char **texts;
    static size_t count;
    for (size_t i = 0; text && i < count; i++)
        if (!strcmp(texts[i], text)) {
            free(text);
            *kept = texts[i];
            return HD_OK;
        }
    char **added = text ? hd_list_add(&texts, &count, sizeof *added) : NULL;
    if (!added) {
        free(text);
        return hd_fail(error, HD_UNAVAILABLE, "no memory for an experiment's text");
    }
    *kept = *added = text;
    return HD_OK;
}

static hd_status read_words(const char *const *texts, size_t count, hd_variant *variant, hd_error *error) {
    hd_status status = HD_OK;
    for (size_t i = 0; status == HD_OK && i < count; i++) {
        hd_word word;
        status = read_word(texts[i], &word, error);
        if (status == HD_OK) status = add_word(variant, &word, error);
    }
    return status == HD_OK ? resolve(variant, error) : status;
}

hd_status hd_variant_make(const char *name, const char *const *texts, size_t count, hd_variant *variant,
                          hd_error *error) {
    char *ini = NULL;
    *variant = (hd_variant){0};
    hd_status status = hd_experiment_find(name, variant->path, error);
    if (status == HD_OK) status = hd_experiment_text(variant->path, &ini, error);
    if (status == HD_OK) status = keep_text(ini, &variant->ini, error);
    return status == HD_OK ? read_words(texts, count, variant, error) : status;
}

hd_status hd_variant_of_text(const char *path, const char *ini, const char *const *texts, size_t count,
                             hd_variant *variant, hd_error *error) {
    *variant = (hd_variant){0};
    snprintf(variant->path, sizeof variant->path, "%s", path);
    hd_status status = keep_text(strdup(ini), &variant->ini, error);
    return status == HD_OK ? read_words(texts, count, variant, error) : status;
}

hd_status hd_variant_swap(const hd_variant *variant, const hd_variant *other, const char *key,
                          hd_variant *out, hd_error *error) {
    const hd_word *word = word_of(other, key);
    *out = (hd_variant){.count = variant->count};
    memcpy(out->path, variant->path, sizeof out->path);
    out->ini = variant->ini;
    memcpy(out->words, variant->words, sizeof out->words);
    drop_word(out, key);
    hd_status status = word ? add_word(out, word, error) : HD_OK;
    return status == HD_OK ? resolve(out, error) : status;
}

/* NULL is the device's usual one. */
static bool same_arithmetic(const char *a, const char *b) {
    return a && b ? !strcmp(a, b) : a == b;
}

bool hd_variant_same(const hd_variant *a, const hd_variant *b) {
    return !strcmp(a->experiment.sha256, b->experiment.sha256) &&
           same_arithmetic(a->experiment.arithmetic, b->experiment.arithmetic) && a->mode == b->mode &&
           !strcmp(a->device, b->device) && !strcmp(a->kernels, b->kernels) && !strcmp(a->loops, b->loops) &&
           a->threads == b->threads && a->rounding == b->rounding && !strcmp(a->math, b->math);
}

hd_status hd_variant_comparable(const hd_variant *a, const hd_variant *b, hd_error *error) {
    const hd_experiment *x = &a->experiment, *y = &b->experiment;
    const char *differ = NULL;
    if (x->layers != y->layers || memcmp(x->dims, y->dims, (x->layers + 1) * sizeof *x->dims) != 0)
        differ = "networks of different shapes";
    else if (x->steps != y->steps)
        differ = "different numbers of steps";
    else if (x->batch != y->batch)
        differ = "batches of different sizes";
    else if (x->hyper_iterations != y->hyper_iterations)
        differ = "different numbers of hyper-iterations";
    else if (x->training != y->training || x->validation != y->validation || x->test != y->test)
        differ = "different partitions of the data";
    else if (x->hypers != y->hypers || memcmp(x->hyper, y->hyper, x->hypers * sizeof *x->hyper) != 0)
        differ = "different hyperparameters";
    if (!differ) return HD_OK;
    char left[256], right[256];
    return hd_fail(error, HD_INVALID, "%s: %s and %s have %s: nothing to compare step by step", x->name,
                   hd_variant_text(a, left, sizeof left), hd_variant_text(b, right, sizeof right), differ);
}

const char *hd_variant_text(const hd_variant *variant, char *text, size_t size) {
    size_t used = 0;
    snprintf(text, size, "as it stands");
    for (size_t i = 0; i < variant->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s=%s", i ? " " : "", variant->words[i].key,
                                 variant->words[i].value);
    return text;
}

hd_job hd_variant_job(const hd_variant *variant, const hd_dataset *dataset) {
    const char *kernels = variant->kernels[0] ? variant->kernels : getenv("HYPERDRIFT_KERNELS");
    const char *loops = variant->loops[0] ? variant->loops : getenv("HYPERDRIFT_LOOPS");
    return (hd_job){.experiment = &variant->experiment,
                    .dataset = dataset,
                    .mode = variant->mode,
                    .device = variant->device,
                    .options = {.threads = variant->threads,
                                .kernels = kernels && kernels[0] ? kernels : NULL,
                                .loops = loops && loops[0] ? loops : NULL,
                                .math = variant->math[0] ? variant->math : NULL,
                                .rounding = variant->rounding}};
}
