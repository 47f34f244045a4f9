/* Small training problems, made from a seed, for the tests of whole runs. */
#ifndef HD_TEST_SMALL_PROBLEM_H
#define HD_TEST_SMALL_PROBLEM_H

#include "modes/hypergradient.h"
#include "test/sample.h"

#include <stdlib.h>

typedef struct recipe {
    size_t layers, dims[HD_MAX_LAYERS + 1];
    size_t steps, batch, training, validation, test;
    double eta, mu, rho_l1, rho_l2;
    bool output_from_zero; /* else all weights start at random */
    uint64_t seed;
} recipe;

/* A problem and a point, with all that they point to. */
typedef struct small_problem {
    hd_problem problem;
    hd_point point;
    size_t dims[HD_MAX_LAYERS + 1], weights;
    hd_hyperparameter hyper[2 * HD_MAX_LAYERS + 2]; /* rho_l1_*, rho_l2_*, eta, mu */
    double values[2 * HD_MAX_LAYERS + 2];
    float *initial;
    uint8_t *pixels, *labels; /* training, validation, test */
    uint32_t *scheme;
} small_problem;

/* Lighter pixels tell the label; the rest is noise. One input in five is always black. */
static inline void sample_pictures(uint64_t *seed, const recipe *r, size_t count, uint8_t *pixels,
                                   uint8_t *labels) {
    size_t inputs = r->dims[0], classes = r->dims[r->layers];
    for (size_t e = 0; e < count; e++) {
        labels[e] = (uint8_t)sample_index(seed, classes);
        for (size_t i = 0; i < inputs; i++) {
            size_t most = i % classes == labels[e] ? 256 : 128;
            pixels[e * inputs + i] = i % 5 == 2 ? 0 : (uint8_t)sample_index(seed, most);
        }
    }
}

static inline void set_hyperparameters(small_problem *p, const recipe *r) {
    size_t n = 0;
    for (size_t l = 0; l < r->layers; l++)
        p->hyper[n] = (hd_hyperparameter){HD_RHO_L1, l}, p->values[n++] = r->rho_l1;
    for (size_t l = 0; l < r->layers; l++)
        p->hyper[n] = (hd_hyperparameter){HD_RHO_L2, l}, p->values[n++] = r->rho_l2;
    p->hyper[n] = (hd_hyperparameter){HD_ETA, 0}, p->values[n++] = r->eta;
    p->hyper[n] = (hd_hyperparameter){HD_MU, 0}, p->values[n++] = r->mu;
    p->problem.hyper = p->hyper;
    p->problem.hypers = n;
}

static inline void set_weights(small_problem *p, const recipe *r, uint64_t *seed) {
    p->weights = hd_weight_count(r->layers, r->dims);
    p->initial = calloc(p->weights, sizeof *p->initial);
    cr_assert(p->initial);
    float *w = p->initial;
    for (size_t l = 0; l < r->layers; w += r->dims[l] * r->dims[l + 1], l++)
        if (l + 1 < r->layers || !r->output_from_zero)
            sample_floats(seed, sqrtf(6.0f / (float)(r->dims[l] + r->dims[l + 1])),
                          r->dims[l] * r->dims[l + 1], w);
    if (!r->output_from_zero) sample_floats(seed, 0.1f, p->weights - (size_t)(w - p->initial), w);
}

static inline small_problem *make_problem(const recipe *r) {
    small_problem *p = calloc(1, sizeof *p);
    size_t count = r->training + r->validation + r->test, inputs = r->dims[0];
    cr_assert(p && (p->pixels = malloc(count * inputs)) && (p->labels = malloc(count)));
    cr_assert((p->scheme = malloc(r->steps * r->batch * sizeof *p->scheme)));
    uint64_t seed = r->seed;
    sample_pictures(&seed, r, count, p->pixels, p->labels);
    for (size_t i = 0; i < r->steps * r->batch; i++)
        p->scheme[i] = (uint32_t)sample_index(&seed, r->training);
    memcpy(p->dims, r->dims, sizeof p->dims);
    size_t v = r->training, t = v + r->validation;
    p->problem = (hd_problem){.layers = r->layers,
                              .dims = p->dims,
                              .scheme = p->scheme,
                              .steps = r->steps,
                              .batch = r->batch,
                              .training = {p->pixels, p->labels, r->training},
                              .validation = {p->pixels + v * inputs, p->labels + v, r->validation},
                              .test = {p->pixels + t * inputs, p->labels + t, r->test}};
    set_hyperparameters(p, r);
    set_weights(p, r, &seed);
    p->point = (hd_point){.hyper = p->values, .initial_weights = p->initial, .training_batch = 0};
    return p;
}

static inline void free_problem(small_problem *p) {
    free(p->scheme);
    free(p->labels);
    free(p->pixels);
    free(p->initial);
    free(p);
}

enum { MOST_HYPERS = 2 * HD_MAX_LAYERS + 2 };

/* Runs a mode on a device; hypergradients may be NULL. */
static inline hd_result run_mode(hd_device *device, const small_problem *p, hd_mode mode,
                                 const hd_observer *observer, double hypergradients[MOST_HYPERS]) {
    hd_engine *engine;
    hd_error error = {.message = ""};
    hd_result result;
    cr_assert(hd_engine_create(device, &p->problem, mode, &engine, &error) == HD_OK, "%s", error.message);
    cr_assert(hd_engine_run(engine, &p->point, observer, &result, &error) == HD_OK, "%s", error.message);
    if (hypergradients)
        memcpy(hypergradients, result.hypergradients, p->problem.hypers * sizeof *hypergradients);
    hd_engine_destroy(engine);
    result.hypergradients = result.weights = NULL;
    return result;
}

#endif
