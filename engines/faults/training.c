/* Faults in engine, model and dynamics: each function here is called instead of the real one. */
#include "devices.h"
#include "faults/fault.h"
#include "faults/operations.h"

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
    __real_hd_engine_load_batch(engine, stale ? t + 1 : t);
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

HD_WRAP(void, hd_dynamics_step, const hd_dynamics *dynamics, hd_state state, const hd_real *g,
        hd_state next) {
    bool swapped = hd_fault_here(HD_MU_ETA_SWAPPED);
    if (swapped) swap_mu_and_eta(dynamics, 2);
    __real_hd_dynamics_step(dynamics, state, g, next);
    if (swapped) swap_mu_and_eta(dynamics, 2);
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
    if (hd_fault_here(HD_MU_DERIVATIVE)) before.m = next.m;
    if (hd_fault_here(HD_ETA_DERIVATIVE_FORWARD)) after.m = state.m;
    __real_hd_dynamics_tangent(dynamics, before, after, hvp, z);
    size_t mu = number_of(dynamics->problem, HD_MU) * dynamics->model->weights;
    if (hd_fault_here(HD_NAN_TANGENT)) floats(z.w)[mu + 5] = NAN;
}

/* --- its adjoint --- */

HD_WRAP(void, hd_dynamics_adjoint, const hd_dynamics *dynamics, hd_state state, hd_state next, hd_state p,
        hd_real *q, double *sums) {
    if (hd_fault_here(HD_ETA_DERIVATIVE_REVERSE)) next.m = state.m;
    __real_hd_dynamics_adjoint(dynamics, state, next, p, q, sums);
}

HD_WRAP(void, hd_dynamics_pull_back, const hd_dynamics *dynamics, const hd_real *q, const hd_real *hvp,
        hd_state p) {
    const hd_model *model = dynamics->model;
    const hd_coefficients *k = (const hd_coefficients *)dynamics->coefficients + 1;
    size_t from = model->weight_at[1], to = from + model->dims[1] * model->dims[2];
    __real_hd_dynamics_pull_back(dynamics, q, hvp, p);
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
