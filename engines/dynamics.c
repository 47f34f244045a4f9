#include "dynamics.h"

enum { COEFFICIENTS = sizeof(hd_coefficients) / sizeof(double) };

hd_status hd_dynamics_create(hd_dynamics *dynamics, const hd_model *model, const hd_problem *problem,
                             hd_error *error) {
    hd_device *device = model->device;
    size_t stretches = model->layers + 1;
    *dynamics = (hd_dynamics){.model = model, .problem = problem, .stretches = stretches};
    dynamics->coefficients = device->ops->allocate_sums(device, stretches * COEFFICIENTS);
    if (!dynamics->coefficients)
        return hd_fail(error, HD_UNAVAILABLE, "device %s: no memory for the hyperparameters", device->name);
    for (size_t l = 0; l < model->layers; l++)
        dynamics->stretch[l] =
            (hd_stretch){.at = model->weight_at[l], .count = model->dims[l] * model->dims[l + 1]};
    size_t biases = model->bias_at[0];
    dynamics->stretch[model->layers] = (hd_stretch){.at = biases, .count = model->weights - biases};
    for (size_t s = 0; s < stretches; s++)
        dynamics->stretch[s].at_point = (const hd_coefficients *)dynamics->coefficients + s;
    return HD_OK;
}

void hd_dynamics_release(hd_dynamics *dynamics) {
    if (dynamics->model)
        dynamics->model->device->ops->release_sums(dynamics->model->device, dynamics->coefficients);
}

/* What one hyperparameter's value is to the coefficients of a stretch. */
static void set_one(hd_coefficients *k, size_t stretch, hd_hyperparameter h, double value) {
    switch (h.kind) {
    case HD_RHO_L1:
        if (stretch == h.layer) k->rho_l1 = value;
        break;
    case HD_RHO_L2:
        if (stretch == h.layer) k->rho_l2 = value;
        break;
    case HD_ETA:
        k->eta = value;
        break;
    case HD_MU:
        k->mu = value;
        break;
    }
}

void hd_dynamics_set(hd_dynamics *dynamics, const double *hyper) {
    hd_device *device = dynamics->model->device;
    hd_coefficients k[HD_MAX_LAYERS + 1] = {{0}};
    for (size_t s = 0; s < dynamics->stretches; s++)
        for (size_t j = 0; j < dynamics->problem->hypers; j++)
            set_one(&k[s], s, dynamics->problem->hyper[j], hyper[j]);
    device->ops->store_sums(device, dynamics->stretches * COEFFICIENTS, (const double *)k,
                            dynamics->coefficients);
}

/* The part of a vector that belongs to a stretch. */
static hd_real *part(const hd_dynamics *dynamics, const hd_real *vector, const hd_stretch *stretch) {
    return hd_at(dynamics->model->device, vector, stretch->at);
}

#define PART(vector) part(dynamics, (vector), s)
#define FOR_EACH_STRETCH                                                                                     \
    for (const hd_stretch *s = dynamics->stretch, *end = s + dynamics->stretches; s < end; s++)

void hd_dynamics_step(const hd_dynamics *dynamics, hd_state state, const hd_real *g, hd_state next) {
    hd_device *device = dynamics->model->device;
    FOR_EACH_STRETCH
    device->ops->momentum_step(device, s->count, s->at_point, PART(state.w), PART(state.m), PART(g),
                               PART(next.w), PART(next.m), (hd_label){HD_WEIGHTS, 0});
}

static hd_source source_of(hd_hyperparameter h, size_t stretch) {
    switch (h.kind) {
    case HD_RHO_L1:
        return stretch == h.layer ? HD_SOURCE_SIGN : HD_SOURCE_NONE;
    case HD_RHO_L2:
        return stretch == h.layer ? HD_SOURCE_TWICE : HD_SOURCE_NONE;
    case HD_ETA:
        return HD_SOURCE_STEP;
    case HD_MU:
        return HD_SOURCE_MOMENTUM;
    }
    return HD_SOURCE_NONE;
}

void hd_dynamics_tangent(const hd_dynamics *dynamics, hd_state state, hd_state next, const hd_real *hvp,
                         hd_state z) {
    hd_device *device = dynamics->model->device;
    size_t count = dynamics->problem->hypers;
    hd_source source[2 * HD_MAX_LAYERS + 2];
    FOR_EACH_STRETCH {
        for (size_t j = 0; j < count; j++)
            source[j] = source_of(dynamics->problem->hyper[j], (size_t)(s - dynamics->stretch));
        device->ops->momentum_tangent(device, s->count, s->at_point, count, dynamics->model->weights, source,
                                      PART(state.w), PART(state.m), PART(next.m), PART(hvp), PART(z.w),
                                      PART(z.m), (hd_label){HD_TANGENT, 0});
    }
}

void hd_dynamics_adjoint(const hd_dynamics *dynamics, hd_state state, hd_state next, hd_state p, hd_real *q,
                         double *sums) {
    hd_device *device = dynamics->model->device;
    FOR_EACH_STRETCH {
        device->ops->momentum_adjoint(device, s->count, s->at_point, PART(state.w), PART(state.m),
                                      PART(next.m), PART(p.w), PART(p.m), PART(q), sums);
        sums += HD_ADJOINT_SUMS;
    }
}

void hd_dynamics_pull_back(const hd_dynamics *dynamics, const hd_real *q, const hd_real *hvp, hd_state p) {
    hd_device *device = dynamics->model->device;
    FOR_EACH_STRETCH
    device->ops->momentum_pull_back(device, s->count, s->at_point, PART(q), PART(hvp), PART(p.w), PART(p.m),
                                    (hd_label){HD_ADJOINT, 0});
}

void hd_dynamics_collect(const hd_dynamics *dynamics, const double *sums, double *hypergradients) {
    for (size_t j = 0; j < dynamics->problem->hypers; j++) {
        hd_hyperparameter h = dynamics->problem->hyper[j];
        bool everywhere = h.kind == HD_ETA || h.kind == HD_MU;
        size_t from = everywhere ? 0 : h.layer, to = everywhere ? dynamics->stretches : h.layer + 1;
        hypergradients[j] = 0;
        for (size_t s = from; s < to; s++) hypergradients[j] += sums[s * HD_ADJOINT_SUMS + (size_t)h.kind];
    }
}
