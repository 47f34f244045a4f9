/* Faults in engine, model and dynamics: each function here is called instead of the real one. */
#include "devices.h"
#include "faults/fault.h"
#include "faults/operations.h"

#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *floats(hd_real *array) {
    return (float *)array;
}

/* --- the engine --- */

HD_WRAP(hd_status, hd_device_open, const char *name, const hd_device_options *options, hd_device **device,
        hd_error *error) {
    hd_status status = __real_hd_device_open(name, options, device, error);
    return hd_fault_begin(status == HD_OK ? name : "") ? hd_fault_lay(*device, error) : status;
}

HD_WRAP(hd_status, hd_engine_run, hd_engine *engine, const hd_point *point, const hd_observer *observer,
        hd_result *result, hd_error *error) {
    hd_fault_iterate(engine);
    hd_status status = __real_hd_engine_run(engine, point, observer, result, error);
    hd_fault_iterate(NULL);
    return status;
}

HD_WRAP(hd_state, hd_engine_state, const hd_engine *engine, size_t t) {
    bool ahead = hd_fault_here(HD_STATE_OFF_BY_ONE) && engine->back && t == engine->device->step;
    return __real_hd_engine_state(engine, ahead ? t + 1 : t);
}

HD_WRAP(void, hd_engine_load_batch, hd_engine *engine, size_t t) {
    bool stale = hd_fault_here(HD_STALE_BATCH_BACK) && engine->back;
    bool repeated = hd_fault_here(HD_BATCH_REPEATED) && t == hd_fault_catalogue[HD_BATCH_REPEATED].step;
    __real_hd_engine_load_batch(engine, stale ? t + 1 : repeated ? t - 1 : t);
}

/* --- the dynamics' step --- */

static void swap_mu_and_eta(const hd_dynamics *dynamics, size_t layer) {
    hd_coefficients *k = (hd_coefficients *)dynamics->coefficients + layer;
    double mu = k->mu;
    k->mu = k->eta;
    k->eta = mu;
}

/* Changes a layer's next state to what sign(0) = 1 instead of 0 gives. */
static void add_sign_at_zero(const hd_dynamics *dynamics, size_t layer, hd_state state, hd_state next) {
    const hd_coefficients *k = (const hd_coefficients *)dynamics->coefficients + layer;
    const hd_model *model = dynamics->model;
    size_t at = model->weight_at[layer];
    for (size_t i = at; i < at + model->dims[layer] * model->dims[layer + 1]; i++) {
        if (floats(state.w)[i] != 0) continue;
        floats(next.m)[i] += (float)k->rho_l1;
        floats(next.w)[i] -= (float)(k->eta * k->rho_l1);
    }
}

static void square_mu(const hd_dynamics *dynamics, size_t layer, double mu) {
    ((hd_coefficients *)dynamics->coefficients)[layer].mu = mu;
}

static void shrink(hd_real *vector, size_t count, double by) {
    for (size_t i = 0; i < count; i++) floats(vector)[i] = (float)((double)floats(vector)[i] * (1 - by));
}

/* By how much the weights shrink at each step. */
static double weights_leak(void) {
    return hd_fault_here(HD_WEIGHTS_LEAK)        ? 1e-7
           : hd_fault_here(HD_WEIGHTS_LEAK_LESS) ? 3e-8
           : hd_fault_here(HD_WEIGHTS_LEAK_MORE) ? 1e-6
                                                 : 0;
}

/* w' = w - eta m' with the product rounded by itself. */
static void round_twice(const hd_dynamics *dynamics, hd_state state, hd_state next) {
    const hd_coefficients *k = (const hd_coefficients *)dynamics->coefficients;
    const float eta = (float)k->eta;
    for (size_t i = 0; i < dynamics->model->weights; i++) {
        volatile float by = eta * floats(next.m)[i];
        floats(next.w)[i] = floats(state.w)[i] - by;
    }
}

static void flush(hd_real *vector, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (fabsf(floats(vector)[i]) < FLT_MIN) floats(vector)[i] = 0;
}

/* What is wrong with a step once it is made. */
static void spoil_step(const hd_dynamics *dynamics, hd_state state, hd_state next) {
    const hd_model *model = dynamics->model;
    size_t n = model->weights, b = model->bias_at[0];
    if (weights_leak() > 0) shrink(next.w, n, weights_leak());
    if (hd_fault_here(HD_MOMENTUM_LEAK)) shrink(next.m, n, 1e-6);
    if (hd_fault_here(HD_STRAY_WEIGHT)) floats(next.w)[model->weight_at[1] + 30] += 1e-6F;
    if (hd_fault_here(HD_MOMENTUM_STOPPED))
        memcpy(floats(next.m) + b, floats(state.m) + b, (n - b) * sizeof(float));
    if (hd_fault_here(HD_FLUSHED)) flush(next.w, n), flush(next.m, n);
    if (hd_fault_here(HD_TWO_ROUNDINGS)) round_twice(dynamics, state, next);
}

HD_WRAP(void, hd_dynamics_step, const hd_dynamics *dynamics, hd_state state, const hd_real *g,
        hd_state next) {
    double mu = ((const hd_coefficients *)dynamics->coefficients)[1].mu;
    bool squared = hd_fault_here(HD_MU_SQUARED) || hd_fault_here(HD_LATE_OVER_BENIGN);
    if (squared) square_mu(dynamics, 1, mu * mu);
    bool swapped = hd_fault_here(HD_MU_ETA_SWAPPED);
    if (swapped) swap_mu_and_eta(dynamics, 2);
    if (hd_fault_here(HD_ROUNDED_UP)) fesetround(FE_UPWARD);
    __real_hd_dynamics_step(dynamics, state, g, next);
    fesetround(FE_TONEAREST);
    if (swapped) swap_mu_and_eta(dynamics, 2);
    if (squared) square_mu(dynamics, 1, mu);
    spoil_step(dynamics, state, next);
    if (hd_fault_here(HD_SIGN_AT_ZERO)) add_sign_at_zero(dynamics, 3, state, next);
    if (hd_fault_here(HD_WEIGHT_PERTURBED)) floats(next.w)[dynamics->model->weight_at[1] + 17] += 1e-5F;
}

/* --- its tangent --- */

static size_t number_of(const hd_problem *problem, hd_hyper_kind kind) {
    size_t j = 0;
    while (problem->hyper[j].kind != kind) j++;
    return j;
}

static hd_real *copy_of(const hd_real *array, size_t count) {
    float *copy = malloc(count * sizeof *copy);
    if (!copy) abort(); /* a fault that was not planted must not count as one that was not found */
    return memcpy(copy, array, count * sizeof *copy);
}

void __real_hd_dynamics_tangent(const hd_dynamics *dynamics, hd_state state, hd_state next,
                                const hd_real *hvp, hd_state z);

/* Computes mu's Hessian-vector product again, from a tangent whose W_0 is already the next step's. */
static void overwrite_tangent(const hd_dynamics *dynamics, hd_state state, hd_state next, const hd_real *hvp,
                              hd_state z) {
    hd_engine *engine = hd_fault_engine();
    const hd_model *model = dynamics->model;
    size_t tangents = dynamics->problem->hypers, count = tangents * model->weights;
    size_t mu = number_of(dynamics->problem, HD_MU) * model->weights, rows = dynamics->problem->batch;
    hd_real *w = copy_of(z.w, count), *m = copy_of(z.m, count), *torn = copy_of(z.w, count);
    hd_derivatives again = {.divisor = (double)rows,
                            .gradient = engine->gradient,
                            .tangents = tangents,
                            .r = torn,
                            .hvp = engine->hvp};
    __real_hd_dynamics_tangent(dynamics, state, next, hvp, z);
    memcpy(floats(torn) + mu, floats(z.w) + mu, model->dims[0] * model->dims[1] * sizeof(float));
    memcpy(z.w, w, count * sizeof(float));
    memcpy(z.m, m, count * sizeof(float));
    hd_model_differentiate(model, state.w, engine->batch, rows, &engine->act, &again);
    free(w);
    free(m);
    free(torn);
}

HD_WRAP(void, hd_dynamics_tangent, const hd_dynamics *dynamics, hd_state state, hd_state next,
        const hd_real *hvp, hd_state z) {
    if (hd_fault_here(HD_TANGENTS_OVERWRITTEN)) overwrite_tangent(dynamics, state, next, hvp, z);
    hd_state before = state, after = next;
    size_t eta =
        number_of(dynamics->problem, HD_ETA) * dynamics->model->weights + dynamics->model->weight_at[1] + 9;
    float stale = floats(z.w)[eta];
    if (hd_fault_here(HD_MU_DERIVATIVE)) before.m = next.m;
    if (hd_fault_here(HD_ETA_DERIVATIVE_FORWARD)) after.m = state.m;
    __real_hd_dynamics_tangent(dynamics, before, after, hvp, z);
    size_t mu = number_of(dynamics->problem, HD_MU) * dynamics->model->weights;
    if (hd_fault_here(HD_NAN_TANGENT)) floats(z.w)[mu + 5] = NAN;
    if (hd_fault_here(HD_STALE_TANGENT)) floats(z.w)[eta] = stale;
    if (hd_fault_here(HD_TANGENT_LEAK))
        shrink(z.w, dynamics->problem->hypers * dynamics->model->weights, 1e-6);
}

/* --- its adjoint --- */

HD_WRAP(void, hd_dynamics_adjoint, const hd_dynamics *dynamics, hd_state state, hd_state next, hd_state p,
        hd_real *q, double *sums) {
    if (hd_fault_here(HD_ETA_DERIVATIVE_REVERSE)) next.m = state.m;
    __real_hd_dynamics_adjoint(dynamics, state, next, p, q, sums);
    const hd_model *model = dynamics->model;
    for (size_t l = 0; l < model->layers && hd_fault_here(HD_SIGN_IN_SUMS); l++)
        for (size_t i = 0; i < model->dims[l] * model->dims[l + 1]; i++)
            if (floats(state.w)[model->weight_at[l] + i] == 0)
                sums[l * HD_ADJOINT_SUMS] += (double)floats(q)[model->weight_at[l] + i];
}

static void leave_out_l2(const hd_dynamics *dynamics, const hd_real *q, hd_state p) {
    const hd_model *model = dynamics->model;
    for (size_t l = 0; l < model->layers; l++) {
        const hd_coefficients *k = (const hd_coefficients *)dynamics->coefficients + l;
        size_t from = model->weight_at[l], to = from + model->dims[l] * model->dims[l + 1];
        for (size_t i = from; i < to; i++) floats(p.w)[i] -= (float)(2 * k->rho_l2) * ((const float *)q)[i];
    }
}

HD_WRAP(void, hd_dynamics_pull_back, const hd_dynamics *dynamics, const hd_real *q, const hd_real *hvp,
        hd_state p) {
    const hd_model *model = dynamics->model;
    const hd_coefficients *k = (const hd_coefficients *)dynamics->coefficients + 1;
    size_t from = model->weight_at[1], to = from + model->dims[1] * model->dims[2];
    float stale = floats(p.w)[model->weights > from + 9 ? from + 9 : 0];
    __real_hd_dynamics_pull_back(dynamics, q, hvp, p);
    if (hd_fault_here(HD_STALE_ADJOINT)) floats(p.w)[from + 9] = stale;
    if (hd_fault_here(HD_ADJOINT_LEAK)) shrink(p.w, model->weights, 1e-6);
    if (hd_fault_here(HD_L2_LEFT_OUT)) leave_out_l2(dynamics, q, p);
    for (size_t i = from; i < to && hd_fault_here(HD_L2_NOT_DOUBLED); i++)
        floats(p.w)[i] -= (float)k->rho_l2 * ((const float *)q)[i];
    for (size_t i = from; i < to && hd_fault_here(HD_MU_LEFT_OUT); i++)
        floats(p.m)[i] = ((const float *)q)[i];
}

HD_WRAP(void, hd_dynamics_collect, const hd_dynamics *dynamics, const double *sums, double *hypergradients) {
    __real_hd_dynamics_collect(dynamics, sums, hypergradients);
    if (!hd_fault_now(HD_SWAPPED_RESULTS)) return;
    double first = hypergradients[0];
    hypergradients[0] = hypergradients[1];
    hypergradients[1] = first;
}
