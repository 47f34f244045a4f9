/* Reverse mode: the trajectory is kept, and one adjoint p = dE/ds carried back over it.
 *   p_T = grad E(w_T), dE/dh += p_{t+1} . B_t, p_t = p_{t+1} A_t   (Franceschi et al. 2017, algorithm 1) */
#include "core/clock.h"
#include "modes/engine.h"

#include <math.h>
#include <stdlib.h>

/* The trace of 2017 counts the trajectory's T, the current state and the adjoint. */
static hd_method_sizes sizes(const hd_problem *problem) {
    return (
        hd_method_sizes){.trajectory = problem->steps + 1, .states = 1 + problem->steps + 1, .directions = 1};
}

static size_t adjoint_sums(const hd_engine *engine) {
    return engine->dynamics.stretches.count * HD_ADJOINT_SUMS;
}

/* The two sweeps' errors of a batch are the same number; in an arithmetic that does not repeat to the bit
 * (random rounding, a library's products) they differ by rounding. Another batch differs by percents. */
#define SAME_ERROR 0x1p-16

/* engine->sums: the adjoint's, then of each step the sum of its batch's errors, [2][steps]: in the forward
 * sweep and again in the backward sweep. */
static size_t sum_count(const hd_engine *engine) {
    return adjoint_sums(engine) + 2 * engine->problem->steps;
}

static bool prepare(hd_engine *engine) {
    hd_device *device = engine->device;
    size_t weights = engine->model.weights;
    return (engine->adjoint.w = device->ops->allocate(device, weights)) &&
           (engine->adjoint.m = device->ops->allocate(device, weights)) &&
           (engine->direction = device->ops->allocate(device, weights)) &&
           (engine->hvp = device->ops->allocate(device, weights)) &&
           (engine->sums = device->ops->allocate_sums(device, sum_count(engine))) &&
           (engine->fetched = calloc(sum_count(engine), sizeof(double)));
}

static void start(hd_engine *engine) {
    engine->device->ops->zero_sums(engine->device, sum_count(engine), engine->sums);
}

static void sum_errors(hd_engine *engine, size_t t) {
    hd_device *device = engine->device;
    size_t which = adjoint_sums(engine) + (engine->back ? engine->problem->steps : 0) + t;
    device->ops->dot(device, engine->problem->batch, engine->act.error, NULL, engine->sums + which);
}

static void step(hd_engine *engine, size_t t) {
    hd_engine_plain_step(engine, t);
    sum_errors(engine, t);
}

static void show_adjoint(hd_engine *engine) {
    hd_engine_show_state(engine, HD_ADJOINT, 0, engine->adjoint.w, engine->model.weights);
    hd_engine_show_state(engine, HD_ADJOINT_MOMENTUM, 0, engine->adjoint.m, engine->model.weights);
}

/* From the adjoint of state t + 1 to that of state t. */
static void step_back(hd_engine *engine, size_t t) {
    double mark = hd_clock();
    size_t rows = engine->problem->batch;
    hd_state state = hd_engine_state(engine, t), next = hd_engine_state(engine, t + 1);
    hd_dynamics_adjoint(&engine->dynamics, state, next, engine->adjoint, engine->direction, engine->sums);
    hd_derivatives wanted = {
        .divisor = (double)rows, .tangents = 1, .r = engine->direction, .hvp = engine->hvp};
    hd_model_differentiate(&engine->model, state.w, engine->batch, rows, &engine->act, &wanted);
    sum_errors(engine, t);
    hd_dynamics_pull_back(&engine->dynamics, engine->direction, engine->hvp, engine->adjoint);
    hd_engine_lap(engine, &mark, &engine->seconds.differentiate);
}

static void finish(hd_engine *engine) {
    hd_device *device = engine->device;
    size_t weights = engine->model.weights;
    device->ops->copy(device, weights, engine->gradient, engine->adjoint.w);
    device->ops->zero(device, weights, engine->adjoint.m);
    show_adjoint(engine);
    engine->back = true;
    for (size_t t = engine->problem->steps; t-- > 0 && !engine->stopped;) {
        device->step = t;
        hd_engine_load_batch(engine, t);
        step_back(engine, t);
        hd_engine_show_step(engine);
        show_adjoint(engine);
    }
}

/* Who looks on sees both sweeps himself, and wants to see a run to its end that is not what it should be. */
static void attest(hd_engine *engine) {
    size_t steps = engine->observer ? 0 : engine->problem->steps;
    const double *out = engine->fetched + adjoint_sums(engine), *back = out + steps;
    for (size_t t = 0; t < steps; t++) {
        engine->device->step = t;
        if (!(fabs(out[t] - back[t]) <= SAME_ERROR * out[t]))
            hd_device_latch(engine->device, HD_NOT_ATTESTED, (hd_label){HD_ERROR, 0});
    }
}

static void collect(hd_engine *engine, double *hypergradients) {
    engine->device->ops->fetch_sums(engine->device, sum_count(engine), engine->sums, engine->fetched);
    hd_dynamics_collect(&engine->dynamics, engine->fetched, hypergradients);
    attest(engine);
}

const hd_method hd_method_reverse = {
    .sizes = sizes, .prepare = prepare, .start = start, .step = step, .finish = finish, .collect = collect};
