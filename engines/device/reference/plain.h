/* `reference` and `extended`: formulas as one writes them down, libm's exp and log, sums in plain order. They
 * share nothing with arithmetic.h but the constants that define the experiment. A device's file defines
 * `real`, real_exp and real_log, and C (+)= A B with strides in elements as
 *     real_product(m, n, k, a, a_row, a_column, b, b_row, b_column, accumulate, c, ldc);
 * then it includes this text, once, and adds its own view and replace. */
#ifndef HD_DEVICE_REFERENCE_PLAIN_H
#define HD_DEVICE_REFERENCE_PLAIN_H

#include "arithmetic/arithmetic.h"
#include "device/cpu/product.h"
#include "device/host/host.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

struct hd_batch {
    size_t rows, inputs;
    real *x; /* [rows][inputs] */
    uint8_t *labels;
};

static const real *in(const hd_real *array) {
    return (const real *)array;
}
static real *out_of(hd_real *array) {
    return (real *)array;
}

#define FOR_EACH_ROW(device) _Pragma("omp parallel for schedule(static) num_threads((int)(device)->threads)")

static void upload(hd_device *device, size_t count, const float *from, hd_real *to) {
    (void)device;
    for (size_t i = 0; i < count; i++) out_of(to)[i] = (real)from[i];
}

static void download(hd_device *device, size_t count, const hd_real *from, double *to) {
    (void)device;
    for (size_t i = 0; i < count; i++) to[i] = (double)in(from)[i];
}

/* --- batches --- */

static void batch_release(hd_device *device, hd_batch *batch) {
    if (!batch) return;
    hd_host_release(device, batch->x);
    hd_host_release(device, batch->labels);
    hd_host_release(device, batch);
}

static hd_batch *batch_create(hd_device *device, size_t rows, size_t inputs) {
    hd_batch *batch = hd_host_allocate(device, 1, sizeof *batch);
    if (!batch) return NULL;
    batch->inputs = inputs;
    batch->x = hd_host_allocate(device, rows * inputs, sizeof *batch->x);
    batch->labels = hd_host_allocate(device, rows, 1);
    if (batch->x && batch->labels) return batch;
    batch_release(device, batch);
    return NULL;
}

static void batch_load(hd_device *device, hd_batch *batch, const hd_examples *examples, const uint32_t *index,
                       size_t first, size_t rows) {
    batch->rows = rows;
    FOR_EACH_ROW(device)
    for (size_t r = 0; r < rows; r++) {
        size_t example = hd_batch_example(index, first, r);
        batch->labels[r] = examples->labels[example];
        for (size_t i = 0; i < batch->inputs; i++) {
            float pixel =
                (float)examples->pixels[example * batch->inputs + i] * HD_PIXEL; /* data are float32 */
            batch->x[r * batch->inputs + i] = (real)pixel;
        }
    }
}

static void batch_download(hd_device *device, const hd_batch *batch, double *to) {
    (void)device;
    for (size_t i = 0; i < batch->rows * batch->inputs; i++) to[i] = (double)batch->x[i];
}

/* --- products --- */

static void multiply_block(const hd_product *p, hd_block block) {
    real *c = out_of(p->c) + block.row * p->ldc + block.column;
    for (size_t t = 0; t < p->terms; t++) {
        hd_matrix a = p->term[t].a, b = p->term[t].b;
        const real *a_at = a.batch ? a.batch->x : in(a.at);
        size_t a_ld = a.batch ? a.batch->inputs : a.ld;
        size_t a_row = a.transposed ? 1 : a_ld, a_column = a.transposed ? a_ld : 1;
        size_t b_row = b.transposed ? 1 : b.ld, b_column = b.transposed ? b.ld : 1;
        real_product(block.rows, block.columns, p->term[t].k, a_at + block.row * a_row, a_row, a_column,
                     in(b.at) + block.column * b_column, b_row, b_column, p->accumulate || t > 0, c, p->ldc);
    }
}

static void multiply(hd_device *device, size_t count, const hd_product *products) {
#pragma omp parallel num_threads((int)device->threads)
    for (size_t i = 0; i < count; i++) {
        hd_block block;
        if (hd_product_block(count, products, i, (size_t)omp_get_thread_num(), (size_t)omp_get_num_threads(),
                             &block))
            multiply_block(&products[i], block);
    }
    for (size_t i = 0; i < count; i++) device->operations += 2 * hd_product_work(&products[i]);
}

/* --- the network's element formulas --- */

static void activate(hd_device *device, size_t rows, size_t columns, hd_real *z, const hd_real *b, bool relu,
                     hd_label label) {
    int bad = 0;
#pragma omp parallel for reduction(| : bad) num_threads((int)device->threads)
    for (size_t i = 0; i < rows * columns; i++) {
        real sum = in(z)[i] + in(b)[i % columns];
        bad |= !isfinite(sum);
        out_of(z)[i] = relu && !(sum > 0) ? 0 : sum;
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, label);
}

static void activate_tangent(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a,
                             bool relu, hd_real *z_dot, size_t z_stride, const hd_real *b_dot,
                             size_t b_stride, hd_label label) {
    int bad = 0;
    for (size_t j = 0; j < count; j++) {
        real *z = out_of(z_dot) + j * z_stride;
        const real *b = in(b_dot) + j * b_stride;
#pragma omp parallel for reduction(| : bad) num_threads((int)device->threads)
        for (size_t i = 0; i < rows * columns; i++) {
            real sum = z[i] + b[i % columns];
            bad |= !isfinite(sum);
            z[i] = relu && !(in(a)[i] > 0) ? 0 : sum;
        }
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, label);
}

static void gate(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a, hd_real *d,
                 size_t d_stride) {
    for (size_t j = 0; j < count; j++) FOR_EACH_ROW(device)
    for (size_t i = 0; i < rows * columns; i++)
        if (!(in(a)[i] > 0)) out_of(d)[j * d_stride + i] = 0;
}

static bool clip_passes(real p) {
    return p >= (real)HD_CLIP_LOW && p <= (real)HD_CLIP_HIGH;
}

static void softmax(hd_device *device, const hd_batch *batch, size_t classes, double divisor,
                    const hd_real *logits, hd_real *p_, hd_real *delta_, hd_real *error) {
    int bad = 0;
#pragma omp parallel for reduction(| : bad) num_threads((int)device->threads)
    for (size_t r = 0; r < batch->rows; r++) {
        const real *z = in(logits) + r * classes;
        real *p = out_of(p_) + r * classes, *delta = out_of(delta_) + r * classes, greatest = z[0], sum = 0;
        size_t label = batch->labels[r];
        for (size_t c = 1; c < classes; c++) greatest = z[c] > greatest ? z[c] : greatest;
        for (size_t c = 0; c < classes; c++) sum += p[c] = real_exp(z[c] - greatest);
        for (size_t c = 0; c < classes; c++) p[c] /= sum;
        bad |= !isfinite(sum);
        real clipped = p[label] < (real)HD_CLIP_LOW ? (real)HD_CLIP_LOW : p[label];
        out_of(error)[r] = -real_log(clipped > (real)HD_CLIP_HIGH ? (real)HD_CLIP_HIGH : clipped);
        for (size_t c = 0; c < classes; c++)
            delta[c] = clip_passes(p[label]) ? (p[c] - (c == label ? 1 : 0)) / divisor : 0;
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, (hd_label){HD_ERROR, 0});
}

static void softmax_tangent(hd_device *device, const hd_batch *batch, size_t count, size_t classes,
                            double divisor, const hd_real *p_, hd_real *z_dot, size_t stride) {
    for (size_t j = 0; j < count; j++) FOR_EACH_ROW(device)
    for (size_t r = 0; r < batch->rows; r++) {
        const real *p = in(p_) + r * classes;
        real *z = out_of(z_dot) + j * stride + r * classes, mean = 0;
        for (size_t c = 0; c < classes; c++) mean += p[c] * z[c];
        for (size_t c = 0; c < classes; c++)
            z[c] = clip_passes(p[batch->labels[r]]) ? p[c] * (z[c] - mean) / divisor : 0;
    }
}

static void count_correct(hd_device *device, const hd_batch *batch, size_t classes, const hd_real *logits,
                          double *sum) {
    (void)device;
    for (size_t r = 0; r < batch->rows; r++) {
        const real *z = in(logits) + r * classes;
        size_t best = 0;
        for (size_t c = 1; c < classes; c++)
            if (z[c] > z[best]) best = c;
        *sum += best == batch->labels[r];
    }
}

static void dot(hd_device *device, size_t count, const hd_real *x, const hd_real *y, double *sum) {
    (void)device;
    real s = 0;
    for (size_t i = 0; i < count; i++) s += in(x)[i] * (y ? in(y)[i] : 1);
    *sum += (double)s;
}

/* --- momentum --- */

static real sign(real w) {
    return (w > 0) - (w < 0);
}

static void momentum_step(hd_device *device, const hd_stretches *stretches, const hd_real *w_,
                          const hd_real *m_, const hd_real *g_, hd_real *w_next, hd_real *m_next,
                          hd_label label) {
    const real *w = in(w_), *m = in(m_), *g = in(g_);
    int bad = 0;
    for (size_t s = 0; s < stretches->count; s++) {
        const hd_stretch part = hd_stretch_of(stretches, s);
        const hd_coefficients k = part.k;
#pragma omp parallel for reduction(| : bad) num_threads((int)device->threads)
        for (size_t i = part.at; i < part.at + part.count; i++) {
            real m1 = k.mu * m[i] + g[i] + k.rho_l1 * sign(w[i]) + 2 * k.rho_l2 * w[i];
            out_of(m_next)[i] = m1;
            out_of(w_next)[i] = w[i] - k.eta * m1;
            bad |= !isfinite(out_of(w_next)[i]);
        }
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, label);
}

/* One tangent on one stretch; true if a value is not finite. */
static bool tangent_of(const hd_device *device, hd_stretch part, hd_source source, const real *w,
                       const real *m, const real *m_next, const real *h, real *z_w, real *z_m) {
    const hd_coefficients k = part.k;
    int bad = 0;
#pragma omp parallel for reduction(| : bad) num_threads((int)device->threads)
    for (size_t i = part.at; i < part.at + part.count; i++) {
        real direct_m = source == HD_SOURCE_SIGN       ? sign(w[i])
                        : source == HD_SOURCE_TWICE    ? 2 * w[i]
                        : source == HD_SOURCE_MOMENTUM ? m[i]
                                                       : 0;
        z_m[i] = k.mu * z_m[i] + h[i] + 2 * k.rho_l2 * z_w[i] + direct_m;
        z_w[i] -= k.eta * z_m[i] + (source == HD_SOURCE_STEP ? m_next[i] : 0);
        bad |= !isfinite(z_w[i]);
    }
    return bad;
}

static void momentum_tangent(hd_device *device, const hd_stretches *stretches, size_t count, size_t stride,
                             const hd_source *source, const hd_real *w, const hd_real *m,
                             const hd_real *m_next, const hd_real *h, hd_real *z_w, hd_real *z_m,
                             hd_label label) {
    for (size_t j = 0; j < count; j++) {
        bool bad = false;
        for (size_t s = 0; s < stretches->count; s++)
            bad |= tangent_of(device, hd_stretch_of(stretches, s), source[j * stretches->count + s], in(w),
                              in(m), in(m_next), in(h) + j * stride, out_of(z_w) + j * stride,
                              out_of(z_m) + j * stride);
        if (bad) hd_device_latch(device, HD_NOT_FINITE, (hd_label){label.tensor, j});
    }
}

static void momentum_adjoint(hd_device *device, const hd_stretches *stretches, const hd_real *w_,
                             const hd_real *m_, const hd_real *m_next_, const hd_real *p_w,
                             const hd_real *p_m, hd_real *q_, double *sums) {
    const real *w = in(w_), *m = in(m_), *m_next = in(m_next_);
    real *q = out_of(q_);
    (void)device;
    for (size_t s = 0; s < stretches->count; s++, sums += 4) {
        const hd_stretch part = hd_stretch_of(stretches, s);
        real l1 = 0, l2 = 0, step = 0, momentum = 0;
        for (size_t i = part.at; i < part.at + part.count; i++) {
            q[i] = in(p_m)[i] - part.k.eta * in(p_w)[i];
            l1 += q[i] * sign(w[i]);
            l2 += q[i] * 2 * w[i];
            step -= in(p_w)[i] * m_next[i];
            momentum += q[i] * m[i];
        }
        sums[0] += (double)l1, sums[1] += (double)l2, sums[2] += (double)step, sums[3] += (double)momentum;
    }
}

static void momentum_pull_back(hd_device *device, const hd_stretches *stretches, const hd_real *q,
                               const hd_real *h, hd_real *p_w, hd_real *p_m, hd_label label) {
    int bad = 0;
    for (size_t s = 0; s < stretches->count; s++) {
        const hd_stretch part = hd_stretch_of(stretches, s);
#pragma omp parallel for reduction(| : bad) num_threads((int)device->threads)
        for (size_t i = part.at; i < part.at + part.count; i++) {
            out_of(p_w)[i] += in(h)[i] + 2 * part.k.rho_l2 * in(q)[i];
            out_of(p_m)[i] = part.k.mu * in(q)[i];
            bad |= !isfinite(in(p_w)[i]);
        }
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, label);
}

/* --- opening --- */

static void destroy(hd_device *device) {
    free(device);
}

/* The table without view and replace. */
#define PLAIN_OPS                                                                                            \
    HD_HOST_OPS, HD_NETWORK_OPS, HD_MOMENTUM_OPS,                                                            \
        .destroy = destroy, .upload = upload, .download = download, .batch_create = batch_create,            \
        .batch_release = batch_release, .batch_load = batch_load, .batch_download = batch_download,          \
        .multiply = multiply

#endif
