#include "device/overlay/rounding.h"

#include "device/cpu/cpu.h"
#include "device/overlay/overlay.h"

#include <string.h>

static const char name[] = "rounding";

typedef struct hd_rounding {
    hd_overlay overlay;
    uint32_t seed;
    uint64_t rounded; /* arrays and sums so far */
} hd_rounding;

static hd_rounding *rounding_of(const hd_device *device) {
    return hd_overlay_of(device, name);
}

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* The key of the next array to be rounded. */
static hd_rounding_key next_key(hd_rounding *rounding) {
    uint64_t bits = mix(mix(rounding->seed) + rounding->rounded++);
    return (hd_rounding_key){(uint32_t)bits, (uint32_t)(bits >> 32)};
}

static void round_span(const hd_device *device, hd_rounding_key key, size_t from, size_t count,
                       const float *of, float *x) {
    ((const hd_cpu *)device)->loops->round(count, key, from, of, x);
}

enum { GRAIN = 8192 }; /* elements in a thread's share of a vector */

static int team(const hd_device *device, size_t count) {
    return count < 4 * GRAIN ? 1 : (int)device->threads;
}

/* Rounds a vector where `of` is not zero. */
static void round_vector(hd_device *device, size_t count, const hd_real *of, hd_real *x) {
    hd_rounding_key key = next_key(rounding_of(device));
#pragma omp parallel for num_threads(team(device, count))
    for (size_t from = 0; from < count; from += GRAIN)
        round_span(device, key, from, count - from < GRAIN ? count - from : GRAIN, in(of) + from,
                   out_of(x) + from);
}

/* Rounds a matrix whose rows lie ld apart, in the columns where `of` (if not NULL) is not zero. */
static void round_matrix(hd_device *device, size_t rows, size_t columns, const hd_real *of, hd_real *x,
                         size_t ld) {
    hd_rounding_key key = next_key(rounding_of(device));
#pragma omp parallel for num_threads(team(device, rows *columns))
    for (size_t r = 0; r < rows; r++) {
        float *row = out_of(x) + r * ld;
        round_span(device, key, r * columns, columns, of ? in(of) : row, row);
    }
}

/* Rounds what was added to a sum. */
static void round_sum(hd_device *device, double before, double *sum) {
    double xi = (double)hd_rounding_draw(next_key(rounding_of(device)), 0) * 0x1p-31 - 1;
    *sum = before + (*sum - before) * (1 + 0x1p-24 * xi);
}

/* --- the operations --- */

static const hd_device_ops *under(const hd_device *device) {
    return rounding_of(device)->overlay.under;
}

static void multiply(hd_device *device, size_t count, const hd_product *products) {
    under(device)->multiply(device, count, products);
    for (size_t i = 0; i < count; i++)
        round_matrix(device, products[i].m, products[i].n, NULL, products[i].c, products[i].ldc);
}

static void activate(hd_device *device, size_t rows, size_t columns, hd_real *z, const hd_real *b, bool relu,
                     hd_label label) {
    under(device)->activate(device, rows, columns, z, b, relu, label);
    round_matrix(device, rows, columns, b, z, columns);
}

static void activate_tangent(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a,
                             bool relu, hd_real *z_dot, size_t z_stride, const hd_real *b_dot,
                             size_t b_stride, hd_label label) {
    under(device)->activate_tangent(device, count, rows, columns, a, relu, z_dot, z_stride, b_dot, b_stride,
                                    label);
    for (size_t j = 0; j < count; j++)
        round_matrix(device, rows, columns, hd_at(device, b_dot, j * b_stride),
                     hd_at(device, z_dot, j * z_stride), columns);
}

static void softmax(hd_device *device, const hd_batch *batch, size_t classes, double divisor,
                    const hd_real *logits, hd_real *p, hd_real *delta, hd_real *error) {
    under(device)->softmax(device, batch, classes, divisor, logits, p, delta, error);
    round_vector(device, batch->rows * classes, p, p);
    round_vector(device, batch->rows * classes, delta, delta);
    round_vector(device, batch->rows, error, error);
}

static void softmax_tangent(hd_device *device, const hd_batch *batch, size_t count, size_t classes,
                            double divisor, const hd_real *p, hd_real *z_dot, size_t stride) {
    under(device)->softmax_tangent(device, batch, count, classes, divisor, p, z_dot, stride);
    for (size_t j = 0; j < count; j++) {
        hd_real *z = hd_at(device, z_dot, j * stride);
        round_vector(device, batch->rows * classes, z, z);
    }
}

static void dot(hd_device *device, size_t count, const hd_real *x, const hd_real *y, double *sum) {
    double before = *sum;
    under(device)->dot(device, count, x, y, sum);
    round_sum(device, before, sum);
}

static void momentum_step(hd_device *device, const hd_stretches *stretches, const hd_real *w,
                          const hd_real *m, const hd_real *g, hd_real *w_next, hd_real *m_next,
                          hd_label label) {
    size_t n = stretches->start[stretches->count];
    under(device)->momentum_step(device, stretches, w, m, g, w_next, m_next, label);
    round_vector(device, n, m_next, w_next); /* w' = w where m' = 0 */
    round_vector(device, n, m_next, m_next);
}

static void momentum_tangent(hd_device *device, const hd_stretches *stretches, size_t count, size_t stride,
                             const hd_source *source, const hd_real *w, const hd_real *m,
                             const hd_real *m_next, const hd_real *h, hd_real *z_w, hd_real *z_m,
                             hd_label label) {
    size_t n = stretches->start[stretches->count];
    under(device)->momentum_tangent(device, stretches, count, stride, source, w, m, m_next, h, z_w, z_m,
                                    label);
    for (size_t j = 0; j < count; j++) {
        hd_real *zw = hd_at(device, z_w, j * stride), *zm = hd_at(device, z_m, j * stride);
        bool step = source[j * stretches->count] == HD_SOURCE_STEP; /* in all stretches or none */
        round_vector(device, n, step ? m_next : zm, zw);            /* z_w' = z_w elsewhere */
        round_vector(device, n, zm, zm);
    }
}

static void momentum_adjoint(hd_device *device, const hd_stretches *stretches, const hd_real *w,
                             const hd_real *m, const hd_real *m_next, const hd_real *p_w, const hd_real *p_m,
                             hd_real *q, double *sums) {
    double before[4 * HD_MAX_STRETCHES];
    memcpy(before, sums, 4 * stretches->count * sizeof *before);
    under(device)->momentum_adjoint(device, stretches, w, m, m_next, p_w, p_m, q, sums);
    for (size_t j = 0; j < 4 * stretches->count; j++) round_sum(device, before[j], &sums[j]);
    round_vector(device, stretches->start[stretches->count], q, q);
}

static void momentum_pull_back(hd_device *device, const hd_stretches *stretches, const hd_real *q,
                               const hd_real *h, hd_real *p_w, hd_real *p_m, hd_label label) {
    under(device)->momentum_pull_back(device, stretches, q, h, p_w, p_m, label);
    for (size_t s = 0; s < stretches->count; s++) {
        size_t at = stretches->start[s], n = stretches->start[s + 1] - at;
        const hd_real *added = stretches->coefficients[s].rho_l2 != 0 ? q : h;
        round_vector(device, n, hd_at(device, added, at), hd_at(device, p_w, at)); /* p_w' = p_w elsewhere */
        round_vector(device, n, hd_at(device, p_m, at), hd_at(device, p_m, at));
    }
}

/* --- laying --- */

hd_status hd_rounding_lay(hd_device *device, uint32_t seed, hd_error *error) {
    if (strcmp(device->name, "cpu") != 0)
        return hd_fail(error, HD_INVALID, "device %s: rounding=%u: allowed only on device cpu", device->name,
                       (unsigned)seed);
    hd_rounding *rounding = hd_overlay_lay(device, sizeof *rounding, name, error);
    if (!rounding) return HD_UNAVAILABLE;
    rounding->seed = seed;
    hd_device_ops *over = &rounding->overlay.over;
    over->multiply = multiply;
    over->activate = activate;
    over->activate_tangent = activate_tangent;
    over->softmax = softmax;
    over->softmax_tangent = softmax_tangent;
    over->dot = dot;
    over->momentum_step = momentum_step;
    over->momentum_tangent = momentum_tangent;
    over->momentum_adjoint = momentum_adjoint;
    over->momentum_pull_back = momentum_pull_back;
    device->arithmetic = "random-rounding";
    return HD_OK;
}
