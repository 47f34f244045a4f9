/* Reverse mode: the trajectory is kept, and one adjoint p = dE/ds carried back over it.
 *   p_T = grad E(w_T), dE/dh += p_{t+1} . B_t, p_t = p_{t+1} A_t   (Franceschi et al. 2017, algorithm 1) */
#include "clock.h"
#include "engine.h"

static size_t trajectory(const hd_problem *problem) {
    return problem->steps + 1;
}

/* The trace of 2017 counts the trajectory's T, the current state and the adjoint. */
static size_t states(const hd_problem *problem) {
    return 1 + problem->steps + 1;
}

static size_t directions(const hd_problem *problem) {
    (void)problem;
    return 1;
}

static bool prepare(hd_engine *engine) {
    hd_device *device = engine->device;
    size_t weights = engine->model.weights;
    return (engine->adjoint.w = device->ops->allocate(device, weights)) &&
           (engine->adjoint.m = device->ops->allocate(device, weights)) &&
           (engine->direction = device->ops->allocate(device, weights)) &&
           (engine->hvp = device->ops->allocate(device, weights)) &&
           (engine->sums =
                device->ops->allocate_sums(device, engine->dynamics.stretches.count * HD_ADJOINT_SUMS));
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
    hd_dynamics_pull_back(&engine->dynamics, engine->direction, engine->hvp, engine->adjoint);
    hd_engine_lap(engine, &mark, &engine->seconds.differentiate);
}

static size_t sum_count(const hd_engine *engine) {
    return engine->dynamics.stretches.count * HD_ADJOINT_SUMS;
}

static void finish(hd_engine *engine) {
    hd_device *device = engine->device;
    size_t weights = engine->model.weights;
    device->ops->zero_sums(device, sum_count(engine), engine->sums);
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

static void collect(hd_engine *engine, double *hypergradients) {
    double sums[HD_MAX_STRETCHES * HD_ADJOINT_SUMS];
    engine->device->ops->fetch_sums(engine->device, sum_count(engine), engine->sums, sums);
    hd_dynamics_collect(&engine->dynamics, sums, hypergradients);
}

const hd_method hd_method_reverse = {.trajectory = trajectory,
                                     .states = states,
                                     .directions = directions,
                                     .prepare = prepare,
                                     .step = hd_engine_plain_step,
                                     .finish = finish,
                                     .collect = collect,
                                     .primal_share = hd_engine_all_primal};
