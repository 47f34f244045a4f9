/* The harness's faults, and how one is chosen: by HYPERDRIFT_FAULT in the environment, or by the variant's
 * word fault=NAME. Each HD_WRAP function replaces the real one: see engines/faults/fault.h. */
#include "arithmetic/arithmetic.h"
#include "commands/options.h"
#include "faults/fault.h"
#include "faults/faults.h"
#include "hyperopt.h"
#include "run/provenance.h"
#include "run/variant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the data --- */

/* Copies the labels and changes one example's; the copy lives until the next call. */
static const uint8_t *flip_label(const hd_problem *problem) {
    uint32_t example = problem->scheme[hd_fault_catalogue[HD_LABEL_FLIPPED].step * problem->batch];
    size_t count = problem->training.count;
    static uint8_t *labels;
    free(labels);
    if (!(labels = malloc(count))) abort();
    memcpy(labels, problem->training.labels, count);
    labels[example] = (uint8_t)((labels[example] + 1u) % problem->dims[problem->layers]);
    return labels;
}

static void reverse_epoch(uint32_t *scheme, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        uint32_t other = scheme[count - 1 - i];
        scheme[count - 1 - i] = scheme[i];
        scheme[i] = other;
    }
}

/* What the fault needs and the experiment lacks; NULL: nothing. */
static const char *lacking(const hd_experiment *experiment) {
    if (hd_fault_acts(HD_SHUFFLE_REVERSED) && experiment->epochs < 2) return "second epoch";
    if (hd_fault_acts(HD_LABEL_FLIPPED) && experiment->steps <= hd_fault_catalogue[HD_LABEL_FLIPPED].step)
        return "such step";
    return NULL;
}

HD_WRAP(hd_status, hd_setup_create, hd_setup *setup, const hd_experiment *experiment,
        const hd_dataset *dataset, uint32_t permutation, hd_error *error) {
    *setup = (hd_setup){.experiment = experiment};
    if (lacking(experiment))
        return hd_fail(error, HD_INVALID, "%s: the fault %s cannot be planted in it: there is no %s",
                       experiment->name, hd_fault_catalogue[hd_fault_chosen()].name, lacking(experiment));
    hd_status status = __real_hd_setup_create(setup, experiment, dataset, permutation, error);
    hd_problem *problem = &setup->problem;
    if (status != HD_OK) return status;
    if (hd_fault_acts(HD_LABEL_FLIPPED)) problem->training.labels = flip_label(problem);
    if (hd_fault_acts(HD_SHUFFLE_REVERSED))
        reverse_epoch(setup->scheme + experiment->training, experiment->training);
    if (hd_fault_acts(HD_PARTITION)) {
        problem->validation.pixels -= experiment->inputs;
        problem->validation.labels -= 1;
    }
    return status;
}

HD_WRAP(void, hd_setup_start, hd_setup *setup, size_t iteration, hd_point *point) {
    __real_hd_setup_start(setup, hd_fault_acts(HD_FILL_COUNTER) ? 0 : iteration, point);
    if (hd_fault_acts(HD_FILL_STRIDE)) point->initial.kernel.threads = 64;
    if (hd_fault_acts(HD_OTHER_SEED) && iteration == 1) point->initial.seed++;
}

/* --- the hyper-optimizer --- */

void __real_hd_hyperopt_step(hd_hyperopt *hyperopt, const double *hypergradient, double *value);

/* Adam's first update, with epsilon outside the root. */
static void step_with_outer_epsilon(hd_hyperopt *hyperopt, const double *hypergradient, double *value) {
    float before[HD_MAX_HYPERS] = {0};
    for (size_t j = 0; j < hyperopt->count; j++) before[j] = (float)value[j];
    __real_hd_hyperopt_step(hyperopt, hypergradient, value);
    float scale = sqrtf(1.0F - 0.999F) / (1.0F - 0.9F);
    for (size_t j = 0; j < hyperopt->count; j++) {
        float next = before[j] - hyperopt->rate * scale * hyperopt->m[j] / (sqrtf(hyperopt->v[j]) + 1e-8F);
        value[j] = (double)(hyperopt->nonnegative && next < 0.0F ? 0.0F : next);
    }
}

/* Rounds to the eleven bits of half precision. */
static void halve_precision(size_t count, double *value) {
    for (size_t j = 0; j < count; j++) {
        int exponent;
        double mantissa = frexp(value[j], &exponent);
        value[j] = ldexp(nearbyint(ldexp(mantissa, 11)), exponent - 11);
    }
}

HD_WRAP(void, hd_hyperopt_step, hd_hyperopt *hyperopt, const double *hypergradient, double *value) {
    bool nonnegative = hyperopt->nonnegative, first = hyperopt->t == 0;
    if (first && hd_fault_acts(HD_ADAM_EPSILON)) {
        step_with_outer_epsilon(hyperopt, hypergradient, value);
        return;
    }
    if (first && hd_fault_acts(HD_UNPROJECTED)) hyperopt->nonnegative = false;
    bool late = hyperopt->t == 1 && hd_fault_acts(HD_ADAM_TIME);
    if (late) hyperopt->t = 0;
    __real_hd_hyperopt_step(hyperopt, hypergradient, value);
    if (late) hyperopt->t = 2;
    if (hd_fault_acts(HD_HALF_PRECISION)) halve_precision(hyperopt->count, value);
    hyperopt->nonnegative = nonnegative;
}

/* --- provenance --- */

HD_WRAP(hd_status, hd_provenance_describe, const hd_device *device, json_t *provenance, hd_error *error) {
    hd_status status = __real_hd_provenance_describe(device, provenance, error);
    hd_planted which = hd_fault_chosen();
    if (status != HD_OK || which == HD_NOTHING_PLANTED || !hd_fault_acts(which)) return status;
    if (json_object_set_new(provenance, "fault", json_string(hd_fault_catalogue[which].name)) == 0)
        return HD_OK;
    return hd_fail(error, HD_UNAVAILABLE, "no memory for a record's provenance");
}

/* --- choosing --- */

static hd_planted by_environment = HD_NOTHING_PLANTED;

static hd_status name_fault(const char *name, hd_planted *which, hd_error *error) {
    if (hd_fault_named(name, which)) return HD_OK;
    fprintf(stderr, "hyperdrift: the faults are");
    for (size_t i = 0; i < HD_PLANTED; i++)
        fprintf(stderr, "%s %s", i ? "," : "", hd_fault_catalogue[i].name);
    fputc('\n', stderr);
    return hd_fail(error, HD_INVALID, "fault '%.40s': not known; allowed: the faults listed above", name);
}

HD_WRAP(void, hd_options_parse, int argc, char **argv, hd_options *options) {
    const char *name = getenv("HYPERDRIFT_FAULT");
    hd_error error;
    if (argc > 1 && !strcmp(argv[1], "faults")) exit((int)hd_command_faults(argc - 2, argv + 2));
    if (name && name[0] && name_fault(name, &by_environment, &error) != HD_OK) {
        fprintf(stderr, "hyperdrift: HYPERDRIFT_FAULT: %s\n", error.message);
        exit(HD_INVALID);
    }
    if (by_environment != HD_NOTHING_PLANTED)
        fprintf(stderr, "hyperdrift: the fault %s is planted: %s\n", name,
                hd_fault_catalogue[by_environment].what);
    hd_fault_choose(by_environment);
    __real_hd_options_parse(argc, argv, options);
}

/* The variant's word for its fault; NULL: none. */
static const hd_word *fault_word(const hd_variant *variant) {
    for (size_t i = 0; i < variant->count; i++)
        if (!strcmp(variant->words[i].key, "fault")) return &variant->words[i];
    return NULL;
}

static hd_status add_fault(hd_variant *variant, const char *name, hd_error *error) {
    hd_planted which;
    hd_status status = name_fault(name, &which, error);
    if (status != HD_OK) return status;
    if (variant->count == HD_VARIANT_WORDS) return hd_fail(error, HD_INVALID, "fault: too many words");
    hd_word *word = &variant->words[variant->count++];
    snprintf(word->key, sizeof word->key, "fault");
    snprintf(word->value, sizeof word->value, "%s", hd_fault_catalogue[which].name);
    return HD_OK;
}

HD_WRAP(hd_status, hd_variant_make, const char *name, const char *const *texts, size_t count,
        hd_variant *variant, hd_error *error) {
    const char *others[HD_VARIANT_WORDS + 1] = {NULL}, *fault = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < count && kept <= HD_VARIANT_WORDS; i++) {
        if (!strncmp(texts[i], "fault=", 6))
            fault = texts[i] + 6;
        else
            others[kept++] = texts[i];
    }
    hd_status status = __real_hd_variant_make(name, others, kept, variant, error);
    return status == HD_OK && fault ? add_fault(variant, fault, error) : status;
}

/* A fault is no component: drift must not find it by its name. */
HD_WRAP(hd_status, hd_variant_swap, const hd_variant *variant, const hd_variant *other, const char *key,
        hd_variant *out, hd_error *error) {
    if (!strcmp(key, "fault")) return hd_fail(error, HD_INVALID, "fault: cannot be swapped");
    hd_variant without = *variant;
    const hd_word *word = fault_word(variant);
    if (word) without.words[word - variant->words] = without.words[--without.count];
    hd_status status = __real_hd_variant_swap(&without, other, key, out, error);
    return status == HD_OK && word ? add_fault(out, word->value, error) : status;
}

HD_WRAP(hd_job, hd_variant_job, const hd_variant *variant, const hd_dataset *dataset) {
    const hd_word *word = fault_word(variant);
    hd_planted which = by_environment;
    if (word) hd_fault_named(word->value, &which);
    hd_fault_choose(which);
    return __real_hd_variant_job(variant, dataset);
}
