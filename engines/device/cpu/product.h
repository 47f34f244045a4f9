/* Matrix products on the CPU: which of BLIS's kernels run, products cut into the arithmetic's slices, and
 * products shared out among threads. One thread makes each block: BLIS itself never starts any. Internal to
 * the CPU devices. */
#ifndef HD_DEVICE_CPU_PRODUCT_H
#define HD_DEVICE_CPU_PRODUCT_H

#include "device/cpu/loops.h"

#if defined(__x86_64__)
/* What this processor runs: AVX2 with FMA, and with them AVX-512 as skx has it. */
bool hd_runs_avx2(void);
bool hd_runs_avx512(void);
#endif

/* Starts BLIS with the kernels asked for, or (NULL) the fastest that this processor runs, and writes their
 * name into chosen[32]. Must come before any product, and hd_product_warm_up after it in every thread. BLIS
 * keeps its kernels for the life of the process: asking for others later is HD_UNAVAILABLE, as are kernels
 * this processor cannot run; a name not known is HD_INVALID. A BLIS_ARCH_TYPE in the environment wins over
 * NULL. BLIS ends the process where it cannot have its buffers: hd_device_open tries for room before. */
hd_status hd_product_start(const char *kernels, char chosen[32], hd_error *error);

/* Makes BLIS get its buffers: all threads of a parallel region call it at once. */
void hd_product_warm_up(void);

/* BLIS's version, "0.9.0". */
const char *hd_product_library(void);

/* C (+)= A B for float: k cut into slices ending at ends[0] < ends[1] < ... < ends[slices - 1] = k. Each
 * slice's sum is one fmaf chain; they are added in order, c = s + c; without accumulate the first is stored.
 * k = 0 gives +0. own: NULL for BLIS, else the loops to use. */
void hd_product_sliced(size_t m, size_t n, size_t slices, const size_t *ends, hd_strided a, hd_strided b,
                       bool accumulate, float *c, size_t ldc, const hd_cpu_loops *own);

/* The ends of the arithmetic's slices of k into ends[hd_slice_count(k)]. */
size_t hd_slice_count(size_t k);
void hd_slice_ends(size_t k, size_t *ends);

/* C (+)= A B for double, in BLIS's own order. */
void hd_product_double(size_t m, size_t n, size_t k, const double *a, size_t a_row, size_t a_column,
                       const double *b, size_t b_row, size_t b_column, bool accumulate, double *c,
                       size_t ldc);

/* Whether products (own: NULL for BLIS) give the scalar model's bits and those stored here (the model alone
 * would not see a processor set to flush subnormals): a few odd-shaped ones. Call it in every thread. */
bool hd_product_self_test(const hd_cpu_loops *own);

/* The part of C that falls to one thread. */
typedef struct hd_block {
    size_t row, rows, column, columns;
} hd_block;

/* Shares count products out among threads in equal parts of their total work, cutting them along their longer
 * side. Writes thread's block of products[which]; false if it has none. The parts are disjoint and cover
 * everything. */
bool hd_product_block(size_t count, const hd_product *products, size_t which, size_t thread, size_t threads,
                      hd_block *block);

/* Multiplications of a product: m n (k_0 + k_1). */
double hd_product_work(const hd_product *product);

#endif
