/* Matrix products on the CPU: chooses BLIS's kernels, cuts products into the arithmetic's slices, and shares
 * them out among threads. Each block is one thread's: BLIS itself never starts any. Internal to the CPU
 * devices. */
#ifndef HD_DEVICE_CPU_PRODUCT_H
#define HD_DEVICE_CPU_PRODUCT_H

#include "device/cpu/loops.h"

#if defined(__x86_64__)
/* Whether this processor runs AVX2 with FMA; and with them AVX-512 as BLIS's skx kernels need it. */
bool hd_runs_avx2(void);
bool hd_runs_avx512(void);
#endif

/* Starts BLIS with these kernels, or (NULL) the fastest that this processor runs, and writes their name into
 * chosen. Call it before any product, and then hd_product_warm_up in every thread. BLIS keeps its kernels for
 * the life of the process: HD_UNAVAILABLE if it runs others already, or if this processor cannot run them;
 * HD_INVALID for a name not known. If kernels is NULL, BLIS_ARCH_TYPE in the environment decides. BLIS ends
 * the process if it gets no memory for its buffers, so hd_device_open tests for room first. */
hd_status hd_product_start(const char *kernels, char chosen[32], hd_error *error);

/* Makes BLIS allocate its buffers. All threads of a parallel region call it at once. */
void hd_product_warm_up(void);

/* BLIS's version, "0.9.0". */
const char *hd_product_library(void);

/* C (+)= A B for float, A of m x k, B of k x n. Slices of k end at ends[0] < ... < ends[slices - 1] = k. Each
 * slice's sum s is one fmaf chain; they are added in order, c = s + c. Without accumulate the first is
 * stored. k = 0 gives +0. own: the loops to use, NULL for BLIS. */
void hd_product_sliced(size_t m, size_t n, size_t slices, const size_t *ends, hd_strided a, hd_strided b,
                       bool accumulate, float *c, size_t ldc, const hd_cpu_loops *own);

/* Writes the ends of the arithmetic's slices of k into ends[hd_slice_count(k)]. */
size_t hd_slice_count(size_t k);
void hd_slice_ends(size_t k, size_t *ends);

/* C (+)= A B for double, summed in BLIS's order. Element (i, j) of A is a[i * a_row + j * a_column]. */
void hd_product_double(size_t m, size_t n, size_t k, const double *a, size_t a_row, size_t a_column,
                       const double *b, size_t b_row, size_t b_column, bool accumulate, double *c,
                       size_t ldc);

/* Whether a few odd-shaped products (own: NULL for BLIS) give both the scalar model's bits and the stored
 * ones: the model alone would not notice a processor that flushes subnormals. Call it in every thread. */
bool hd_product_self_test(const hd_cpu_loops *own);

/* The part of C that one thread makes. */
typedef struct hd_block {
    size_t row, rows, column, columns;
} hd_block;

/* Shares count products out among threads in parts of equal work, and cuts them along their longer side.
 * Writes the block of products[which] that is this thread's; false if it has none. The blocks are disjoint
 * and cover C. */
bool hd_product_block(size_t count, const hd_product *products, size_t which, size_t thread, size_t threads,
                      hd_block *block);

/* Multiplications of a product: m n (k_0 + k_1). */
double hd_product_work(const hd_product *product);

#endif
