#include "device/cpu/loops.h"

#include "arithmetic/arithmetic.h"

enum { COLUMNS = 64 }; /* outputs of a row that product_slice carries at once */

#define LANES         HD_SUM_LANES
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* The bits without the sign; from 0x7f800000 on x is Inf or NaN. Their maximum is an integer, so that the
 * compiler can vectorize the loops that look for one. */
ALWAYS_INLINE uint32_t magnitude_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffffu;
}

ALWAYS_INLINE uint32_t greater(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}
ALWAYS_INLINE bool not_finite(uint32_t worst) {
    return worst >= 0x7f800000u;
}

static void product_slice(size_t m, size_t n, size_t k, hd_strided a, hd_strided b, bool add, float *c,
                          size_t ldc) {
    float packed[HD_PRODUCT_SLICE][COLUMNS];
    for (size_t j0 = 0; j0 < n; j0 += COLUMNS) {
        size_t width = n - j0 < COLUMNS ? n - j0 : COLUMNS;
        for (size_t l = 0; l < k; l++)
            for (size_t j = 0; j < COLUMNS; j++)
                packed[l][j] = j < width ? b.at[l * b.row + (j0 + j) * b.column] : 0;
        for (size_t i = 0; i < m; i++) {
            float s[COLUMNS] = {0};
            for (size_t l = 0; l < k; l++) {
                float x = a.at[i * a.row + l * a.column];
                for (size_t j = 0; j < COLUMNS; j++) s[j] = fmaf(x, packed[l][j], s[j]);
            }
            float *row = c + i * ldc + j0;
            for (size_t j = 0; j < width; j++) row[j] = add ? s[j] + row[j] : s[j];
        }
    }
}

static void pixels(size_t count, const uint8_t *from, float *to) {
    for (size_t i = 0; i < count; i++) to[i] = (float)from[i] * HD_PIXEL;
}

static bool activate(size_t rows, size_t columns, float *z, const float *b, bool relu) {
    uint32_t worst = 0;
    for (size_t r = 0; r < rows; r++, z += columns)
        for (size_t c = 0; c < columns; c++) {
            float sum = z[c] + b[c];
            worst = greater(worst, magnitude_bits(sum));
            z[c] = relu ? hd_relu(sum) : sum;
        }
    return not_finite(worst);
}

static bool activate_tangent(size_t rows, size_t columns, const float *restrict a, bool relu,
                             float *restrict z_dot, const float *restrict b_dot) {
    uint32_t worst = 0;
    for (size_t r = 0; r < rows; r++, z_dot += columns, a += columns)
        for (size_t c = 0; c < columns; c++) {
            float sum = z_dot[c] + b_dot[c];
            worst = greater(worst, magnitude_bits(sum));
            z_dot[c] = relu ? hd_relu_gate(a[c], sum) : sum;
        }
    return not_finite(worst);
}

static void gate(size_t count, const float *restrict a, float *restrict d) {
    for (size_t i = 0; i < count; i++) d[i] = hd_relu_gate(a[i], d[i]);
}

static inline __attribute__((always_inline)) bool
softmax_by(float (*exponential)(float), float (*logarithm)(float), size_t rows, size_t classes, float divisor,
           const uint8_t *labels, const float *logits, float *p, float *delta, float *error) {
    uint32_t worst = 0;
    for (size_t r = 0; r < rows; r++, logits += classes, p += classes, delta += classes) {
        float greatest = logits[0], sum = 0;
        for (size_t c = 1; c < classes; c++) greatest = logits[c] > greatest ? logits[c] : greatest;
        for (size_t c = 0; c < classes; c++) {
            p[c] = exponential(logits[c] - greatest);
            sum += p[c];
        }
        for (size_t c = 0; c < classes; c++) {
            p[c] = p[c] / sum;
            worst = greater(worst, magnitude_bits(p[c]));
        }
        float likelihood = p[labels[r]];
        error[r] = -logarithm(hd_clip(likelihood));
        bool passes = hd_clip_passes(likelihood);
        for (size_t c = 0; c < classes; c++)
            delta[c] = passes ? hd_softmax_delta(p[c], c == labels[r] ? 1.0f : 0.0f, divisor) : 0.0f;
    }
    return not_finite(worst);
}

static bool softmax(size_t rows, size_t classes, float divisor, const uint8_t *labels, const float *logits,
                    float *p, float *delta, float *error) {
    return softmax_by(hd_exp, hd_log, rows, classes, divisor, labels, logits, p, delta, error);
}

static bool softmax_libm(size_t rows, size_t classes, float divisor, const uint8_t *labels,
                         const float *logits, float *p, float *delta, float *error) {
    return softmax_by(expf, logf, rows, classes, divisor, labels, logits, p, delta, error);
}

static void softmax_tangent(size_t rows, size_t classes, float divisor, const uint8_t *labels, const float *p,
                            float *z_dot) {
    for (size_t r = 0; r < rows; r++, p += classes, z_dot += classes) {
        bool passes = hd_clip_passes(p[labels[r]]);
        float mean = 0;
        for (size_t c = 0; c < classes; c++) mean = fmaf(p[c], z_dot[c], mean);
        for (size_t c = 0; c < classes; c++)
            z_dot[c] = passes ? hd_softmax_delta_dot(p[c], z_dot[c], mean, divisor) : 0.0f;
    }
}

/* Adds to lane j lane j + 8, then j + 4, j + 2, j + 1. */
ALWAYS_INLINE float fold(float lane[LANES]) {
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

static float sum_slice(size_t n, const float *restrict x, const float *restrict y) {
    float lane[LANES] = {0};
    size_t whole = n - n % LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t j = 0; j < LANES; j++) lane[j] = fmaf(x[i + j], y ? y[i + j] : 1.0f, lane[j]);
    for (size_t i = whole; i < n; i++) lane[i - whole] = fmaf(x[i], y ? y[i] : 1.0f, lane[i - whole]);
    return fold(lane);
}

static bool momentum_step(size_t n, hd_coefficients h, const float *restrict w, const float *restrict m,
                          const float *restrict g, float *restrict w_next, float *restrict m_next) {
    const float l1 = (float)h.rho_l1, l2 = (float)h.rho_l2, eta = (float)h.eta, mu = (float)h.mu;
    uint32_t worst = 0;
    for (size_t i = 0; i < n; i++) {
        m_next[i] = hd_momentum_m(mu, m[i], hd_regularized(g[i], w[i], l1, l2));
        w_next[i] = hd_momentum_w(eta, m_next[i], w[i]);
        worst = greater(worst, greater(magnitude_bits(w_next[i]), magnitude_bits(m_next[i])));
    }
    return not_finite(worst);
}

/* Each source gets a copy of this function, so that the choice stays outside the loop. */
ALWAYS_INLINE bool tangent_from(const hd_source source, size_t n, hd_coefficients h_, const float *restrict w,
                                const float *restrict m, const float *restrict m_next,
                                const float *restrict h, float *restrict z_w, float *restrict z_m) {
    const float l2 = (float)h_.rho_l2, eta = (float)h_.eta, mu = (float)h_.mu;
    uint32_t worst = 0;
    for (size_t i = 0; i < n; i++) {
        float zm = hd_momentum_m(mu, z_m[i], hd_regularized_hvp(h[i], z_w[i], l2));
        if (source == HD_SOURCE_SIGN) zm += hd_sign(w[i]);
        if (source == HD_SOURCE_TWICE) zm += 2.0f * w[i];
        if (source == HD_SOURCE_MOMENTUM) zm += m[i];
        float zw = hd_momentum_w(eta, zm, z_w[i]);
        if (source == HD_SOURCE_STEP) zw -= m_next[i];
        z_m[i] = zm;
        z_w[i] = zw;
        worst = greater(worst, greater(magnitude_bits(zm), magnitude_bits(zw)));
    }
    return not_finite(worst);
}

static bool momentum_tangent(size_t n, hd_coefficients k, hd_source source, const float *w, const float *m,
                             const float *m_next, const float *h, float *z_w, float *z_m) {
    switch (source) {
    case HD_SOURCE_SIGN:
        return tangent_from(HD_SOURCE_SIGN, n, k, w, m, m_next, h, z_w, z_m);
    case HD_SOURCE_TWICE:
        return tangent_from(HD_SOURCE_TWICE, n, k, w, m, m_next, h, z_w, z_m);
    case HD_SOURCE_MOMENTUM:
        return tangent_from(HD_SOURCE_MOMENTUM, n, k, w, m, m_next, h, z_w, z_m);
    case HD_SOURCE_STEP:
        return tangent_from(HD_SOURCE_STEP, n, k, w, m, m_next, h, z_w, z_m);
    case HD_SOURCE_NONE:
        break;
    }
    return tangent_from(HD_SOURCE_NONE, n, k, w, m, m_next, h, z_w, z_m);
}

/* Extends the four chains by `width` <= LANES terms. */
ALWAYS_INLINE void adjoint_lanes(size_t width, float eta, const float *restrict w, const float *restrict m,
                                 const float *restrict m_next, const float *restrict p_w,
                                 const float *restrict p_m, float *restrict q,
                                 float lane[restrict 4][LANES]) {
    for (size_t j = 0; j < width; j++) {
        float r = hd_momentum_w(eta, p_w[j], p_m[j]);
        q[j] = r;
        lane[0][j] = fmaf(r, hd_sign(w[j]), lane[0][j]);
        lane[1][j] = fmaf(r, 2.0f * w[j], lane[1][j]);
        lane[2][j] = fmaf(-p_w[j], m_next[j], lane[2][j]);
        lane[3][j] = fmaf(r, m[j], lane[3][j]);
    }
}

static void momentum_adjoint_slice(size_t n, hd_coefficients h, const float *w, const float *m,
                                   const float *m_next, const float *p_w, const float *p_m, float *q,
                                   float sums[4]) {
    const float eta = (float)h.eta;
    float lane[4][LANES] = {{0}};
    size_t whole = n - n % LANES;
    for (size_t i = 0; i < whole; i += LANES)
        adjoint_lanes(LANES, eta, w + i, m + i, m_next + i, p_w + i, p_m + i, q + i, lane);
    adjoint_lanes(n - whole, eta, w + whole, m + whole, m_next + whole, p_w + whole, p_m + whole, q + whole,
                  lane);
    for (size_t s = 0; s < 4; s++) sums[s] = fold(lane[s]);
}

static bool momentum_pull_back(size_t n, hd_coefficients k, const float *restrict q, const float *restrict h,
                               float *restrict p_w, float *restrict p_m) {
    const float l2 = (float)k.rho_l2, mu = (float)k.mu;
    uint32_t worst = 0;
    for (size_t i = 0; i < n; i++) {
        p_w[i] += hd_regularized_hvp(h[i], q[i], l2);
        p_m[i] = mu * q[i];
        worst = greater(worst, greater(magnitude_bits(p_w[i]), magnitude_bits(p_m[i])));
    }
    return not_finite(worst);
}

/* x or one of its neighbours: rounding.h says how often. It has no branches, so that the compiler can
 * vectorize it. */
ALWAYS_INLINE float round_once(float x, uint32_t rounds, uint32_t random) {
    uint32_t bits, one_to_two;
    float m;
    memcpy(&bits, &x, sizeof bits);
    one_to_two = (bits & 0x007fffffu) | 0x3f800000u;
    memcpy(&m, &one_to_two, sizeof m);
    uint32_t moves = (float)(int32_t)(random >> 8) < m * m * (0x1p24f / 12);
    uint32_t can = (bits & 0x7fffffffu) - 1 < 0x7f7ffffeu; /* neither zero nor the greatest number, Inf or
                                                              NaN */
    bits += (moves & can & rounds) * (2 * (random & 1) - 1);
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void round_elements(size_t count, hd_rounding_key key, size_t from, const float *of, float *x) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        uint32_t random = hd_rounding_draw(key, (uint32_t)from + (uint32_t)i);
        x[i] = round_once(x[i], magnitude_bits(of[i]) != 0, random);
    }
}

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define TEXT_(a)    #a
#define TEXT(a)     TEXT_(a)

const hd_cpu_loops JOIN(hd_cpu_loops_, HD_LOOPS) = {
    .name = TEXT(HD_LOOPS),
    .product_slice = product_slice,
    .pixels = pixels,
    .activate = activate,
    .activate_tangent = activate_tangent,
    .gate = gate,
    .softmax = softmax,
    .softmax_libm = softmax_libm,
    .softmax_tangent = softmax_tangent,
    .sum_slice = sum_slice,
    .momentum_step = momentum_step,
    .momentum_tangent = momentum_tangent,
    .momentum_adjoint_slice = momentum_adjoint_slice,
    .momentum_pull_back = momentum_pull_back,
    .round = round_elements,
};
