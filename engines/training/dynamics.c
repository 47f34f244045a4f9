#include "training/dynamics.h"

#include <string.h>

enum { COEFFICIENTS = sizeof(hd_coefficients) / sizeof(double) };

/* Whether h acts on all stretches, and not only on its layer's. */
static bool acts_everywhere(hd_hyperparameter h) {
    return h.kind == HD_ETA || h.kind == HD_MU;
}

/* What h's tangent gets directly from h in a stretch. */
static hd_source source_of(hd_hyperparameter h, size_t stretch) {
    static const hd_source of[] = {[HD_RHO_L1] = HD_SOURCE_SIGN,
                                   [HD_RHO_L2] = HD_SOURCE_TWICE,
                                   [HD_ETA] = HD_SOURCE_STEP,
                                   [HD_MU] = HD_SOURCE_MOMENTUM};
    return acts_everywhere(h) || stretch == h.layer ? of[h.kind] : HD_SOURCE_NONE;
}

hd_status hd_dynamics_create(hd_dynamics *dynamics, const hd_model *model, const hd_problem *problem,
                             hd_error *error) {
    hd_device *device = model->device;
    size_t count = model->layers + 1;
    *dynamics = (hd_dynamics){.model = model, .problem = problem};
    dynamics->coefficients = device->ops->allocate_sums(device, count * COEFFICIENTS);
    if (!dynamics->coefficients)
        return hd_fail(error, HD_UNAVAILABLE, "device %s: no memory for the hyperparameters", device->name);
    hd_stretches *stretches = &dynamics->stretches;
    stretches->count = count;
    stretches->coefficients = (const hd_coefficients *)dynamics->coefficients;
    memcpy(stretches->start, model->weight_at, model->layers * sizeof *stretches->start);
    stretches->start[model->layers] = model->bias_at[0];
    stretches->start[count] = model->weights;
    for (size_t j = 0; j < problem->hypers; j++)
        for (size_t s = 0; s < count; s++) dynamics->source[j * count + s] = source_of(problem->hyper[j], s);
    return HD_OK;
}

void hd_dynamics_release(hd_dynamics *dynamics) {
    if (dynamics->model)
        dynamics->model->device->ops->release(dynamics->model->device, dynamics->coefficients);
}

void hd_dynamics_set(hd_dynamics *dynamics, const double *hyper) {
    hd_device *device = dynamics->model->device;
    size_t stretches = dynamics->stretches.count;
    hd_coefficients k[HD_MAX_STRETCHES] = {{0}};
    for (size_t s = 0; s < stretches; s++)
        for (size_t j = 0; j < dynamics->problem->hypers; j++) {
            hd_hyperparameter h = dynamics->problem->hyper[j];
            double *const of[] = {&k[s].rho_l1, &k[s].rho_l2, &k[s].eta, &k[s].mu}; /* by kind */
            if (acts_everywhere(h) || s == h.layer) *of[h.kind] = hyper[j];
        }
    device->ops->store_sums(device, stretches * COEFFICIENTS, (const double *)k, dynamics->coefficients);
}

void hd_dynamics_step(const hd_dynamics *dynamics, hd_state state, const hd_real *g, hd_state next) {
    hd_device *device = dynamics->model->device;
    device->ops->momentum_step(device, &dynamics->stretches, state.w, state.m, g, next.w, next.m,
                               (hd_label){HD_WEIGHTS, 0});
}

void hd_dynamics_tangent(const hd_dynamics *dynamics, hd_state state, hd_state next, const hd_real *hvp,
                         hd_state z) {
    hd_device *device = dynamics->model->device;
    device->ops->momentum_tangent(device, &dynamics->stretches, dynamics->problem->hypers,
                                  dynamics->model->weights, dynamics->source, state.w, state.m, next.m, hvp,
                                  z.w, z.m, (hd_label){HD_TANGENT, 0});
}

void hd_dynamics_adjoint(const hd_dynamics *dynamics, hd_state state, hd_state next, hd_state p, hd_real *q,
                         double *sums) {
    hd_device *device = dynamics->model->device;
    device->ops->momentum_adjoint(device, &dynamics->stretches, state.w, state.m, next.m, p.w, p.m, q, sums);
}

void hd_dynamics_pull_back(const hd_dynamics *dynamics, const hd_real *q, const hd_real *hvp, hd_state p) {
    hd_device *device = dynamics->model->device;
    device->ops->momentum_pull_back(device, &dynamics->stretches, q, hvp, p.w, p.m,
                                    (hd_label){HD_ADJOINT, 0});
}

void hd_dynamics_collect(const hd_dynamics *dynamics, const double *sums, double *hypergradients) {
    for (size_t j = 0; j < dynamics->problem->hypers; j++) {
        hd_hyperparameter h = dynamics->problem->hyper[j];
        bool everywhere = acts_everywhere(h);
        size_t from = everywhere ? 0 : h.layer, to = everywhere ? dynamics->stretches.count : h.layer + 1;
        hypergradients[j] = 0;
        for (size_t s = from; s < to; s++) hypergradients[j] += sums[s * HD_ADJOINT_SUMS + (size_t)h.kind];
    }
}
