#include "device/overlay/kink.h"

#include <float.h>
#include <string.h>

static const char name[] = "kinks";

typedef struct hd_kinked {
    hd_overlay overlay; /* first */
    const hd_problem *problem;
    const hd_kink *kinks;
    size_t count, iteration;
    size_t evaluated[HD_MAX_LAYERS + 1]; /* rows that went through each layer since training ended */
} hd_kinked;

static hd_kinked *kinked_of(const hd_device *device) {
    return hd_overlay_of(device, name);
}

static double get(const hd_device *device, const hd_real *array, size_t i) {
    const hd_real *at = hd_at(device, array, i);
    return device->element == sizeof(float) ? (double)*(const float *)at : *(const double *)at;
}

static void set(const hd_device *device, const hd_real *array, size_t i, double value) {
    hd_real *at = hd_at(device, array, i);
    if (device->element == sizeof(float))
        *(float *)at = (float)value;
    else
        *(double *)at = value;
}

static bool ordered_now(const hd_kinked *k, const hd_device *device, const hd_kink *kink, hd_kink_kind kind) {
    return kink->kind == kind && kink->iteration == k->iteration && kink->step == device->step;
}

/* --- hidden units --- */

static void activate(hd_device *device, size_t rows, size_t columns, hd_real *z, const hd_real *b, bool relu,
                     hd_label label) {
    hd_kinked *k = kinked_of(device);
    bool ended = device->step == k->problem->steps;
    size_t first = ended ? k->evaluated[label.index] : 0;
    k->overlay.under->activate(device, rows, columns, z, b, relu, label);
    k->evaluated[label.index] = ended ? first + rows : 0;
    for (size_t i = 0; relu && i < k->count; i++) {
        const hd_kink *kink = &k->kinks[i];
        if (!ordered_now(k, device, kink, HD_KINK_RELU) || kink->layer != label.index || kink->row < first ||
            kink->row >= first + rows)
            continue;
        size_t at = (kink->row - first) * columns + kink->unit;
        bool on = get(device, z, at) > 0;
        if (on != (kink->side > 0)) set(device, z, at, on ? 0 : (double)FLT_MIN);
    }
}

/* --- signs of weights --- */

/* An operation with forced signs: its weights, one stretch a layer, and the numbers that forcing replaced. */
typedef struct hd_turning {
    hd_device *device;
    const hd_kinked *kinked;
    const hd_stretches *stretches;
    const hd_real *w;
    double *kept; /* [kinks] */
} hd_turning;

/* What a kink adds to sign(w) of its weight in this step: 0 if that sign is the forced one. */
static double turned(const hd_turning *t, const hd_kink *kink, size_t *at) {
    *at =
        t->stretches->start[kink->layer] + kink->row * t->kinked->problem->dims[kink->layer + 1] + kink->unit;
    if (!ordered_now(t->kinked, t->device, kink, HD_KINK_SIGN)) return 0;
    double w = get(t->device, t->w, *at);
    return kink->side - ((w > 0) - (w < 0));
}

/* Adds factor * (a layer's changes of sign) to `terms`, to which the operation adds factor * sign(w). */
static void turn(const hd_turning *t, size_t layer, const hd_real *terms, double factor) {
    for (size_t i = 0, at; i < t->kinked->count; i++) {
        double by = turned(t, &t->kinked->kinks[i], &at);
        if (t->kinked->kinks[i].layer != layer || by == 0) continue;
        t->kept[i] = get(t->device, terms, at);
        set(t->device, terms, at, t->kept[i] + factor * by);
    }
}

static void turn_back(const hd_turning *t, size_t layer, const hd_real *terms) {
    for (size_t i = 0, at; i < t->kinked->count; i++)
        if (turned(t, &t->kinked->kinks[i], &at) != 0 && t->kinked->kinks[i].layer == layer)
            set(t->device, terms, at, t->kept[i]);
}

static void momentum_step(hd_device *device, const hd_stretches *stretches, const hd_real *w,
                          const hd_real *m, const hd_real *g, hd_real *w_next, hd_real *m_next,
                          hd_label label) {
    const hd_kinked *k = kinked_of(device);
    double kept[k->count + 1];
    memset(kept, 0, sizeof kept);
    hd_turning t = {device, k, stretches, w, kept};
    for (size_t l = 0; l < k->problem->layers; l++) turn(&t, l, g, stretches->coefficients[l].rho_l1);
    k->overlay.under->momentum_step(device, stretches, w, m, g, w_next, m_next, label);
    for (size_t l = 0; l < k->problem->layers; l++) turn_back(&t, l, g);
}

static void momentum_tangent(hd_device *device, const hd_stretches *stretches, size_t count, size_t stride,
                             const hd_source *source, const hd_real *w, const hd_real *m,
                             const hd_real *m_next, const hd_real *h, hd_real *z_w, hd_real *z_m,
                             hd_label label) {
    const hd_kinked *k = kinked_of(device);
    size_t layers = k->problem->layers;
    double kept[k->count + 1];
    memset(kept, 0, sizeof kept);
    hd_turning t = {device, k, stretches, w, kept};
    for (size_t j = 0; j < count; j++)
        for (size_t l = 0; l < layers; l++)
            if (source[j * stretches->count + l] == HD_SOURCE_SIGN)
                turn(&t, l, hd_at(device, h, j * stride), 1);
    k->overlay.under->momentum_tangent(device, stretches, count, stride, source, w, m, m_next, h, z_w, z_m,
                                       label);
    for (size_t j = 0; j < count; j++)
        for (size_t l = 0; l < layers; l++)
            if (source[j * stretches->count + l] == HD_SOURCE_SIGN)
                turn_back(&t, l, hd_at(device, h, j * stride));
}

static void momentum_adjoint(hd_device *device, const hd_stretches *stretches, const hd_real *w,
                             const hd_real *m, const hd_real *m_next, const hd_real *p_w, const hd_real *p_m,
                             hd_real *q, double *sums) {
    const hd_kinked *k = kinked_of(device);
    hd_turning t = {device, k, stretches, w, NULL};
    k->overlay.under->momentum_adjoint(device, stretches, w, m, m_next, p_w, p_m, q, sums);
    for (size_t i = 0, at; i < k->count; i++) {
        double by = turned(&t, &k->kinks[i], &at);
        if (by != 0) sums[4 * k->kinks[i].layer] += by * get(device, q, at);
    }
}

/* --- laying it --- */

static bool is_there(const hd_problem *problem, const hd_kink *kink) {
    size_t layer = kink->layer,
           rows = kink->step == problem->steps ? problem->validation.count : problem->batch;
    if (kink->step > problem->steps) return false;
    if (kink->kind == HD_KINK_RELU)
        return layer >= 1 && layer < problem->layers && kink->row < rows && kink->unit < problem->dims[layer];
    return layer < problem->layers && kink->row < problem->dims[layer] &&
           kink->unit < problem->dims[layer + 1];
}

hd_status hd_kinks_lay(hd_device *device, const hd_problem *problem, const hd_kink *kinks, size_t count,
                       hd_error *error) {
    if (device->asynchronous)
        return hd_fail(error, HD_INVALID, "device %s: decisions can be forced only on a device of the host",
                       device->name);
    for (size_t i = 0; i < count; i++)
        if (!is_there(problem, &kinks[i]))
            return hd_fail(error, HD_INVALID,
                           "decision %zu: there is no %s [%zu,%zu] of layer %zu at step %zu", i,
                           kinks[i].kind == HD_KINK_RELU ? "unit" : "weight", kinks[i].row, kinks[i].unit,
                           kinks[i].layer, kinks[i].step);
    hd_kinked *k = hd_overlay_lay(device, sizeof *k, name, error);
    if (!k) return HD_UNAVAILABLE;
    k->problem = problem, k->kinks = kinks, k->count = count;
    k->overlay.over.activate = activate;
    k->overlay.over.momentum_step = momentum_step;
    k->overlay.over.momentum_tangent = momentum_tangent;
    k->overlay.over.momentum_adjoint = momentum_adjoint;
    return HD_OK;
}

void hd_kinks_iteration(hd_device *device, size_t iteration) {
    hd_kinked *k = kinked_of(device);
    if (!k) return;
    k->iteration = iteration;
    memset(k->evaluated, 0, sizeof k->evaluated);
}
