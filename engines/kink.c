#include "kink.h"

#include <float.h>
#include <stdlib.h>
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
    return (hd_kinked *)hd_overlay_of(device, name);
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

static size_t weight_of(const hd_problem *problem, const hd_kink *kink) {
    size_t at = kink->row * problem->dims[kink->layer + 1] + kink->unit;
    for (size_t l = 0; l < kink->layer; l++) at += problem->dims[l] * problem->dims[l + 1];
    return at;
}

/* Exchanges the weights of this step's kinks for ones of the sign ordered, or back: `kept` has room for all.
 */
static void exchange(hd_device *device, const hd_real *w, double *kept, bool back) {
    const hd_kinked *k = kinked_of(device);
    for (size_t i = 0; i < k->count; i++) {
        const hd_kink *kink = &k->kinks[i];
        if (!ordered_now(k, device, kink, HD_KINK_SIGN)) continue;
        size_t at = weight_of(k->problem, kink);
        if (!back) kept[i] = get(device, w, at);
        set(device, w, at, back ? kept[i] : kink->side * (double)FLT_MIN);
    }
}

static void momentum_step(hd_device *device, const hd_stretches *stretches, const hd_real *w,
                          const hd_real *m, const hd_real *g, hd_real *w_next, hd_real *m_next,
                          hd_label label) {
    const hd_kinked *k = kinked_of(device);
    double kept[k->count + 1];
    exchange(device, w, kept, false);
    k->overlay.under->momentum_step(device, stretches, w, m, g, w_next, m_next, label);
    exchange(device, w, kept, true);
    for (size_t i = 0; i < k->count; i++) /* the step began at the weight as it is */
        if (ordered_now(k, device, &k->kinks[i], HD_KINK_SIGN)) {
            size_t at = weight_of(k->problem, &k->kinks[i]);
            set(device, w_next, at, get(device, w_next, at) + kept[i]);
        }
}

static void momentum_tangent(hd_device *device, const hd_stretches *stretches, size_t count, size_t stride,
                             const hd_source *source, const hd_real *w, const hd_real *m,
                             const hd_real *m_next, const hd_real *h, hd_real *z_w, hd_real *z_m,
                             hd_label label) {
    const hd_kinked *k = kinked_of(device);
    double kept[k->count + 1];
    exchange(device, w, kept, false);
    k->overlay.under->momentum_tangent(device, stretches, count, stride, source, w, m, m_next, h, z_w, z_m,
                                       label);
    exchange(device, w, kept, true);
}

static void momentum_adjoint(hd_device *device, const hd_stretches *stretches, const hd_real *w,
                             const hd_real *m, const hd_real *m_next, const hd_real *p_w, const hd_real *p_m,
                             hd_real *q, double *sums) {
    const hd_kinked *k = kinked_of(device);
    double kept[k->count + 1];
    exchange(device, w, kept, false);
    k->overlay.under->momentum_adjoint(device, stretches, w, m, m_next, p_w, p_m, q, sums);
    exchange(device, w, kept, true);
}

/* --- laying it --- */

hd_status hd_kinks_lay(hd_device *device, const hd_problem *problem, const hd_kink *kinks, size_t count,
                       hd_error *error) {
    if (device->asynchronous)
        return hd_fail(error, HD_INVALID, "device %s: decisions can be ordered on a device of the host only",
                       device->name);
    hd_kinked *k = calloc(1, sizeof *k);
    if (!k) return hd_fail(error, HD_UNAVAILABLE, "device %s: no memory", device->name);
    *k = (hd_kinked){.problem = problem, .kinks = kinks, .count = count};
    hd_overlay_lay(device, &k->overlay, name);
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
