/* The exact arithmetic: float32 formulas whose bits are the same on every CPU and GPU.
 *
 * Written once, for the C compiler and for nvcc (which defines HD_INLINE before it includes this file). A
 * formula names its fused multiply-adds, and the compiler forms no others (-ffp-contract=off, --fmad=false).
 * Division and square root are IEEE's; subnormals are kept; the order of operands is part of a formula.
 * ARITHMETIC.md states the rules in full. */
#ifndef HD_ARITHMETIC_ARITHMETIC_H
#define HD_ARITHMETIC_ARITHMETIC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef HD_INLINE
#define HD_INLINE static inline
#endif

enum {
    HD_PRODUCT_SLICE = 256, /* products: each slice of this many k is one fmaf chain; slices add in order */
    HD_SUM_SLICE = 4096,    /* long sums: slices of this many terms, added in order in float64 */
    HD_SUM_LANES = 16,      /* each slice is this many interleaved fmaf chains */
};

#define HD_PIXEL     ((float)(1.0 / 255.0)) /* pixel p stands for p * HD_PIXEL */
#define HD_CLIP_LOW  1e-5f                  /* the error clips probabilities to [HD_CLIP_LOW, HD_CLIP_HIGH] */
#define HD_CLIP_HIGH ((float)(1.0 - 1e-5))

HD_INLINE double hd_double_of_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

HD_INLINE uint64_t hd_bits_of_double(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* e^x, evaluated in double and rounded once. Taylor series to r^13 (error below 2^-57) after
 *     x = n ln 2 + r,  |r| <= ln 2 / 2. */
HD_INLINE float hd_exp(float x) {
    const double magic = 0x1.8p52; /* adding it leaves the nearest integer in the low bits */
    if (!(x > -104.0f)) return x != x ? x : 0.0f;
    if (x > 89.0f) return HUGE_VALF;
    double shifted = fma((double)x, 0x1.71547652b82fep0, magic), n = shifted - magic;
    double r = fma(n, -0x1.abc9e3b39803fp-56, fma(n, -0x1.62e42fefa39efp-1, (double)x));
    double p = 1.0 / 6227020800.0;
    p = fma(p, r, 1.0 / 479001600.0);
    p = fma(p, r, 1.0 / 39916800.0);
    p = fma(p, r, 1.0 / 3628800.0);
    p = fma(p, r, 1.0 / 362880.0);
    p = fma(p, r, 1.0 / 40320.0);
    p = fma(p, r, 1.0 / 5040.0);
    p = fma(p, r, 1.0 / 720.0);
    p = fma(p, r, 1.0 / 120.0);
    p = fma(p, r, 1.0 / 24.0);
    p = fma(p, r, 1.0 / 6.0);
    p = fma(p, r, 0.5);
    p = fma(p, r, 1.0);
    p = fma(p, r, 1.0);
    uint64_t exponent = (hd_bits_of_double(shifted) + 1023) << 52;
    return (float)(p * hd_double_of_bits(exponent));
}

/* The natural logarithm, evaluated in double and rounded once. log 0 = -inf; a negative x or NaN gives NaN.
 *     x = m 2^e with m in [sqrt(1/2), sqrt(2)),  s = (m - 1) / (m + 1),
 *     log m = 2 (s + s^3/3 + ... + s^23/23) */
HD_INLINE float hd_log(float x) {
    if (!(x > 0.0f)) return x == 0.0f ? -HUGE_VALF : (float)NAN;
    uint64_t bits = hd_bits_of_double((double)x);
    /* the exponent then changes at m = sqrt(1/2), not at m = 1 */
    uint64_t above = bits - 0x3fe6a09e667f3bcdu;
    double e = (double)((int64_t)above >> 52);
    double m = hd_double_of_bits((above & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu);
    double s = (m - 1.0) / (m + 1.0), t = s * s;
    double p = 2.0 / 23.0;
    p = fma(p, t, 2.0 / 21.0);
    p = fma(p, t, 2.0 / 19.0);
    p = fma(p, t, 2.0 / 17.0);
    p = fma(p, t, 2.0 / 15.0);
    p = fma(p, t, 2.0 / 13.0);
    p = fma(p, t, 2.0 / 11.0);
    p = fma(p, t, 2.0 / 9.0);
    p = fma(p, t, 2.0 / 7.0);
    p = fma(p, t, 2.0 / 5.0);
    p = fma(p, t, 2.0 / 3.0);
    p = fma(p, t, 2.0);
    return (float)fma(e, 0x1.62e42fefa39efp-1, p * s);
}

/* x^n by repeated multiplication in double, rounded once: 0.999f^t in Adam's bias correction. */
HD_INLINE float hd_power(float x, unsigned n) {
    double power = 1.0;
    while (n-- > 0) power *= (double)x;
    return (float)power;
}

/* Selections are comparisons, never fmaxf, so that every machine treats a NaN alike (we latch it before). */
HD_INLINE float hd_relu(float z) {
    return z > 0.0f ? z : 0.0f;
}
HD_INLINE float hd_relu_gate(float activation, float x) {
    return activation > 0.0f ? x : 0.0f;
}
HD_INLINE float hd_sign(float w) {
    return w > 0.0f ? 1.0f : w < 0.0f ? -1.0f : 0.0f;
}

HD_INLINE float hd_clip(float p) {
    return p < HD_CLIP_LOW ? HD_CLIP_LOW : p > HD_CLIP_HIGH ? HD_CLIP_HIGH : p;
}
/* Whether the clip's derivative is 1, as it is at the bounds too. */
HD_INLINE int hd_clip_passes(float p) {
    return p >= HD_CLIP_LOW && p <= HD_CLIP_HIGH;
}

/* dE/dz_c = (p_c - y_c) / rows for one example of `rows`; y_c is 1 for the label, else 0. */
HD_INLINE float hd_softmax_delta(float p, float y, float rows) {
    return (p - y) / rows;
}
/* R{dE/dz_c} = p_c (R{z_c} - mean) / rows, where mean = sum_j p_j R{z_j} is one fmaf chain, j ascending. */
HD_INLINE float hd_softmax_delta_dot(float p, float z_dot, float mean, float rows) {
    return p * (z_dot - mean) / rows;
}

/* The regularized gradient for one weight: g + rho_l1 sign(w) + 2 rho_l2 w. */
HD_INLINE float hd_regularized(float g, float w, float rho_l1, float rho_l2) {
    return fmaf(2.0f * rho_l2, w, fmaf(rho_l1, hd_sign(w), g));
}
/* The regularized Hessian-vector product for one weight: h + 2 rho_l2 r. (L1 adds nothing.) */
HD_INLINE float hd_regularized_hvp(float h, float r, float rho_l2) {
    return fmaf(2.0f * rho_l2, r, h);
}

/* Momentum: m' = mu m + g, w' = w - eta m'. */
HD_INLINE float hd_momentum_m(float mu, float m, float g) {
    return fmaf(mu, m, g);
}
HD_INLINE float hd_momentum_w(float eta, float m_next, float w) {
    return fmaf(-eta, m_next, w);
}

#endif
