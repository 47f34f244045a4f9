/* The CPU device's loops, one thread's share at a time. device/cpu/loops.c is compiled three times on x86-64, for
 * AVX-512, AVX2 with FMA, and the baseline: the same text, hence the same bits, at three speeds. Internal to
 * device/cpu/cpu.c.
 *
 * Functions that produce values which may stop being finite return true if one has.
 */
#ifndef HD_DEVICE_CPU_LOOPS_H
#define HD_DEVICE_CPU_LOOPS_H

#include "arithmetic/rounding_key.h"
#include "device/device.h"

/* A product's operand as BLIS takes it: element (i, j) at [i * row + j * column]. */
typedef struct hd_strided {
    const float *at;
    size_t row, column;
} hd_strided;

typedef struct hd_cpu_loops {
    const char *name;
    /* One slice of a product, k <= HD_PRODUCT_SLICE: s = one fmaf chain over k from +0; c = add ? s + c : s.
     */
    void (*product_slice)(size_t m, size_t n, size_t k, hd_strided a, hd_strided b, bool add, float *c,
                          size_t ldc);
    void (*pixels)(size_t count, const uint8_t *from, float *to);
    bool (*activate)(size_t rows, size_t columns, float *z, const float *b, bool relu);
    bool (*activate_tangent)(size_t rows, size_t columns, const float *a, bool relu, float *z_dot,
                             const float *b_dot);
    void (*gate)(size_t count, const float *a, float *d);
    /* With arithmetic.h's exp and log, and with the C library's. */
    bool (*softmax)(size_t rows, size_t classes, float divisor, const uint8_t *labels, const float *logits,
                    float *p, float *delta, float *error);
    bool (*softmax_libm)(size_t rows, size_t classes, float divisor, const uint8_t *labels,
                         const float *logits, float *p, float *delta, float *error);
    void (*softmax_tangent)(size_t rows, size_t classes, float divisor, const uint8_t *labels, const float *p,
                            float *z_dot);
    /* Sum of one slice, n <= HD_SUM_SLICE: 16 interleaved fmaf chains from +0, folded 8, 4, 2, 1. y NULL:
     * ones. */
    float (*sum_slice)(size_t n, const float *x, const float *y);
    bool (*momentum_step)(size_t n, hd_coefficients, const float *w, const float *m, const float *g,
                          float *w_next, float *m_next);
    bool (*momentum_tangent)(size_t n, hd_coefficients, hd_source, const float *w, const float *m,
                             const float *m_next, const float *h, float *z_w, float *z_m);
    /* n <= HD_SUM_SLICE; the four sums by the rule of sum_slice. */
    void (*momentum_adjoint_slice)(size_t n, hd_coefficients, const float *w, const float *m,
                                   const float *m_next, const float *p_w, const float *p_m, float *q,
                                   float sums[4]);
    bool (*momentum_pull_back)(size_t n, hd_coefficients, const float *q, const float *h, float *p_w,
                               float *p_m);
    /* Random rounding of x[i], an array's element from + i, where of[i], which may be x, is not zero. */
    void (*round)(size_t count, hd_rounding_key, size_t from, const float *of, float *x);
} hd_cpu_loops;

extern const hd_cpu_loops hd_cpu_loops_baseline;
#if defined(__x86_64__)
extern const hd_cpu_loops hd_cpu_loops_avx2, hd_cpu_loops_avx512;
#endif

#endif
