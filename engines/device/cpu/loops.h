/* The CPU device's loops, each over one thread's share. We compile device/cpu/loops.c three times on x86-64,
 * for AVX-512, AVX2 with FMA, and the baseline: the same text, hence the same bits. device.h says what the
 * operations compute. Internal to the CPU device.
 *
 * Functions whose values may stop being finite return true if one did. */
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
    /* A product's slice, k <= HD_PRODUCT_SLICE: s is one fmaf chain over k from +0; c = add ? s + c : s. */
    void (*product_slice)(size_t m, size_t n, size_t k, hd_strided a, hd_strided b, bool add, float *c,
                          size_t ldc);
    void (*pixels)(size_t count, const uint8_t *from, float *to);
    bool (*activate)(size_t rows, size_t columns, float *z, const float *b, bool relu);
    bool (*activate_tangent)(size_t rows, size_t columns, const float *a, bool relu, float *z_dot,
                             const float *b_dot);
    void (*gate)(size_t count, const float *a, float *d);
    /* softmax takes arithmetic.h's exp and log, softmax_libm the C library's. */
    bool (*softmax)(size_t rows, size_t classes, float divisor, const uint8_t *labels, const float *logits,
                    float *p, float *delta, float *error);
    bool (*softmax_libm)(size_t rows, size_t classes, float divisor, const uint8_t *labels,
                         const float *logits, float *p, float *delta, float *error);
    void (*softmax_tangent)(size_t rows, size_t classes, float divisor, const uint8_t *labels, const float *p,
                            float *z_dot);
    /* The sum of a slice of x . y, n <= HD_SUM_SLICE, in 16 interleaved fmaf chains from +0, folded 8, 4, 2,
     * 1. y NULL: ones. */
    float (*sum_slice)(size_t n, const float *x, const float *y);
    bool (*momentum_step)(size_t n, hd_coefficients, const float *w, const float *m, const float *g,
                          float *w_next, float *m_next);
    bool (*momentum_tangent)(size_t n, hd_coefficients, hd_source, const float *w, const float *m,
                             const float *m_next, const float *h, float *z_w, float *z_m);
    /* n <= HD_SUM_SLICE; sum_slice's rule makes the four sums. */
    void (*momentum_adjoint_slice)(size_t n, hd_coefficients, const float *w, const float *m,
                                   const float *m_next, const float *p_w, const float *p_m, float *q,
                                   float sums[4]);
    bool (*momentum_pull_back)(size_t n, hd_coefficients, const float *q, const float *h, float *p_w,
                               float *p_m);
    /* Rounds x[i], the array's element from + i, at random wherever of[i] is not zero. `of` may be x. */
    void (*round)(size_t count, hd_rounding_key, size_t from, const float *of, float *x);
} hd_cpu_loops;

extern const hd_cpu_loops hd_cpu_loops_baseline;
#if defined(__x86_64__)
extern const hd_cpu_loops hd_cpu_loops_avx2, hd_cpu_loops_avx512;
#endif

#endif
