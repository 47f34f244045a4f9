/* Forward mode: carries one tangent Z = ds/dh for each hyperparameter along with the state.
 *   Z_{t+1} = A_t Z_t + B_t,  dE/dh = grad E(w_T) . Z_T   (Franceschi et al. 2017, equations 13 to 15) */
#include "core/clock.h"
#include "modes/engine.h"

static hd_method_sizes sizes(const hd_problem *problem) {
    return (hd_method_sizes){.trajectory = 2, .states = 1 + problem->hypers, .directions = problem->hypers};
}

static bool prepare(hd_engine *engine) {
    hd_device *device = engine->device;
    size_t count = engine->problem->hypers * engine->model.weights;
    return (engine->tangent.w = device->ops->allocate(device, count)) &&
           (engine->tangent.m = device->ops->allocate(device, count)) &&
           (engine->hvp = device->ops->allocate(device, count)) &&
           (engine->sums = device->ops->allocate_sums(device, engine->problem->hypers));
}

static void start(hd_engine *engine) {
    hd_device *device = engine->device;
    size_t count = engine->problem->hypers * engine->model.weights;
    device->ops->zero(device, count, engine->tangent.w);
    device->ops->zero(device, count, engine->tangent.m);
    device->ops->zero_sums(device, engine->problem->hypers, engine->sums);
}

static void show_tangents(hd_engine *engine) {
    size_t weights = engine->model.weights;
    for (size_t j = 0; j < engine->problem->hypers; j++) {
        hd_engine_show_state(engine, HD_TANGENT, j, hd_at(engine->device, engine->tangent.w, j * weights),
                             weights);
        hd_engine_show_state(engine, HD_TANGENT_MOMENTUM, j,
                             hd_at(engine->device, engine->tangent.m, j * weights), weights);
    }
}

static double primal_share(const hd_engine *engine) {
    const hd_model *model = &engine->model;
    double primal = 0, tangent = 0;
    for (size_t l = 0; l < model->layers; l++) {
        double size = (double)model->dims[l] * (double)model->dims[l + 1];
        primal += size * (l > 0 ? 3 : 2);
        tangent += size * (l > 0 ? 6 : 2);
    }
    return primal / (primal + tangent * (double)engine->problem->hypers);
}

static void step(hd_engine *engine, size_t t) {
    show_tangents(engine);
    double mark = hd_clock(), pass = 0;
    size_t rows = engine->problem->batch, tangents = engine->problem->hypers;
    hd_state state = hd_engine_state(engine, t), next = hd_engine_state(engine, t + 1);
    hd_derivatives wanted = {.divisor = (double)rows,
                             .gradient = engine->gradient,
                             .tangents = tangents,
                             .r = engine->tangent.w,
                             .hvp = engine->hvp};
    hd_model_differentiate(&engine->model, state.w, engine->batch, rows, &engine->act, &wanted);
    hd_engine_lap(engine, &mark, &pass);
    double share = primal_share(engine);
    engine->seconds.training += pass * share;
    engine->seconds.differentiate += pass * (1 - share);

    hd_dynamics_step(&engine->dynamics, state, engine->gradient, next);
    hd_engine_lap(engine, &mark, &engine->seconds.training);
    hd_dynamics_tangent(&engine->dynamics, state, next, engine->hvp, engine->tangent);
    hd_engine_lap(engine, &mark, &engine->seconds.differentiate);
}

static void finish(hd_engine *engine) {
    hd_device *device = engine->device;
    size_t weights = engine->model.weights;
    double mark = hd_clock();
    show_tangents(engine);
    for (size_t j = 0; j < engine->problem->hypers; j++)
        device->ops->dot(device, weights, engine->gradient, hd_at(device, engine->tangent.w, j * weights),
                         engine->sums + j);
    hd_engine_lap(engine, &mark, &engine->seconds.validation);
}

static void collect(hd_engine *engine, double *hypergradients) {
    engine->device->ops->fetch_sums(engine->device, engine->problem->hypers, engine->sums, hypergradients);
}

const hd_method hd_method_forward = {.sizes = sizes,
                                     .prepare = prepare,
                                     .start = start,
                                     .step = step,
                                     .finish = finish,
                                     .collect = collect,
                                     .primal_share = primal_share};
