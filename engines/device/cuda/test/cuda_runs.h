/* Runs on the CUDA device for the tests of its two arithmetics: problems, outcomes, memory. */
#ifndef HD_DEVICE_CUDA_TEST_CUDA_RUNS_H
#define HD_DEVICE_CUDA_TEST_CUDA_RUNS_H

#include "device/cuda/cuda.h"
#include "modes/engine.h"
#include "test/small_problem.h"

static const recipe recipes[] = {
    {.layers = 1,
     .dims = {19, 5},
     .steps = 4,
     .batch = 7,
     .training = 40,
     .validation = 30,
     .test = 20,
     .eta = 0.1,
     .mu = 0.5,
     .rho_l1 = 1e-3,
     .rho_l2 = 1e-3,
     .seed = 1},
    {.layers = 3,
     .dims = {300, 37, 23, 10},
     .steps = 3,
     .batch = 50,
     .training = 90,
     .validation = 300,
     .test = 20,
     .eta = 0.05,
     .mu = 0.9,
     .rho_l1 = 1e-4,
     .rho_l2 = 1e-4,
     .seed = 2},
    {.layers = 2,
     .dims = {40, 70, 3},
     .steps = 3,
     .batch = 280,
     .training = 300,
     .validation = 20,
     .test = 20,
     .eta = 0.2,
     .mu = 0.3,
     .rho_l1 = 1e-5,
     .rho_l2 = 0,
     .output_from_zero = true,
     .seed = 3},
};

static inline hd_device *cuda_in(const char *arithmetic) {
    return open_device("cuda", (hd_device_options){.arithmetic = arithmetic});
}

static inline hd_device *cuda(void) {
    return cuda_in(NULL);
}

typedef struct outcome {
    double hypergradients[MOST_HYPERS], *weights, error;
    hd_accuracy test, validation, training;
} outcome;

static inline outcome outcome_of(hd_engine *engine, const small_problem *p, const hd_point *point,
                                 const hd_observer *observer) {
    hd_result result;
    hd_error error = {.message = ""};
    outcome o;
    cr_assert(hd_engine_run(engine, point, observer, &result, &error) == HD_OK, "%s", error.message);
    memset(&o, 0, sizeof o);
    memcpy(o.hypergradients, result.hypergradients, p->problem.hypers * sizeof(double));
    cr_assert(o.weights = malloc(p->weights * sizeof(double)));
    memcpy(o.weights, result.weights, p->weights * sizeof(double));
    o.error = result.validation_error;
    o.test = result.test, o.validation = result.validation, o.training = result.training;
    return o;
}

static inline void expect_same(const small_problem *p, outcome a, outcome b, const char *what) {
    cr_expect(!memcmp(a.weights, b.weights, p->weights * sizeof(double)), "%s: weights", what);
    cr_expect(!memcmp(a.hypergradients, b.hypergradients, sizeof a.hypergradients), "%s: hypergradients",
              what);
    cr_expect(!memcmp(&a.error, &b.error, sizeof a.error), "%s: validation error", what);
    cr_expect(a.test.correct == b.test.correct && a.validation.correct == b.validation.correct &&
                  a.training.correct == b.training.correct,
              "%s: accuracies", what);
    free(a.weights);
    free(b.weights);
}

static inline bool look_on(void *context, const hd_view *view) {
    *(size_t *)context += view->count;
    return true;
}

/* The trace's problem at full size. */
static const recipe full_size = {.layers = 3,
                                 .dims = {784, 300, 300, 10},
                                 .steps = 100,
                                 .batch = 200,
                                 .training = 35000,
                                 .validation = 21000,
                                 .test = 14000,
                                 .eta = 0.01,
                                 .mu = 0.5,
                                 .seed = 1};

static inline void expect_room(const char *arithmetic) {
    small_problem *p = make_problem(&full_size);
    size_t states = 2 * p->weights * sizeof(float), data = 70000 * 785 + 100 * 200 * sizeof(uint32_t);
    hd_device *device = cuda_in(arithmetic);
    for (int mode = 0; mode < 2; mode++) {
        hd_engine *engine;
        hd_error error = {.message = ""};
        cr_assert(hd_engine_create(device, &p->problem, (hd_mode)mode, &engine, &error) == HD_OK, "%s",
                  error.message);
        cr_expect_eq(engine->data_bytes, data + (mode == HD_FORWARD ? 2 : 101) * states);
        size_t beside = device->allocated - engine->data_bytes;
        cr_expect_lt(beside, 96000000, "%s, mode %d: %zu bytes", arithmetic, mode, beside);
        hd_engine_destroy(engine);
    }
    hd_device_close(device);
    free_problem(p);
}

#endif
