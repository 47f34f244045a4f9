#include "device/cpu/product.h"

#include "arithmetic/arithmetic.h"

#include <blis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* --- which kernels --- */

typedef struct hd_kernels {
    const char *name;
    arch_t arch;
    bool (*runs)(void);
} hd_kernels;

static bool runs_always(void) {
    return true;
}

#if defined(__x86_64__)
bool hd_runs_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool hd_runs_avx512(void) {
    return hd_runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
/* Zen 4 carries out AVX-512 in halves, so that the AVX2 kernels with their smaller tiles are up to a quarter
 * faster there. */
static bool prefers_avx512(void) {
    return hd_runs_avx512() && !__builtin_cpu_is("amdfam19h");
}
#endif

static const hd_kernels known[] = {
#if defined(__x86_64__)
    {"skx", BLIS_ARCH_SKX, hd_runs_avx512},      {"haswell", BLIS_ARCH_HASWELL, hd_runs_avx2},
    {"zen2", BLIS_ARCH_ZEN2, hd_runs_avx2},      {"zen3", BLIS_ARCH_ZEN3, hd_runs_avx2},
#endif
    {"generic", BLIS_ARCH_GENERIC, runs_always},
};
enum { KNOWN = sizeof known / sizeof *known };

static const char *fastest(void) {
#if defined(__x86_64__)
    return prefers_avx512() ? "skx" : hd_runs_avx2() ? "haswell" : "generic";
#else
    return NULL; /* BLIS knows these processors better than we do */
#endif
}

static const hd_kernels *kernels_named(const char *name) {
    for (size_t i = 0; i < KNOWN; i++)
        if (!strcmp(known[i].name, name)) return &known[i];
    return NULL;
}

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static bool started;

/* BLIS 0.9.0 reads a number from BLIS_ARCH_TYPE (a name counts as 0) and aborts if it cannot run those
 * kernels. */
static hd_status check_environment(const char *value, hd_error *error) {
    for (size_t i = 0; i < KNOWN; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", (int)known[i].arch);
        if (strcmp(number, value) != 0) continue;
        if (known[i].runs()) return HD_OK;
        return hd_fail(error, HD_UNAVAILABLE, "BLIS_ARCH_TYPE '%s': this processor cannot run them", value);
    }
    return hd_fail(error, HD_INVALID,
                   "BLIS_ARCH_TYPE '%s': not the number of skx, haswell, zen2, zen3 or generic", value);
}

static hd_status choose(const char *kernels, hd_error *error) {
    const char *set = getenv("BLIS_ARCH_TYPE");
    if (!kernels && set) return check_environment(set, error);
    if (!kernels) kernels = fastest();
    if (!kernels) return HD_OK; /* BLIS chooses */
    const hd_kernels *wanted = kernels_named(kernels);
    if (!wanted)
        return hd_fail(error, HD_INVALID,
                       "kernels '%s': not known; allowed: skx, haswell, zen2, zen3, generic, own", kernels);
    if (!wanted->runs())
        return hd_fail(error, HD_UNAVAILABLE, "kernels '%s': this processor cannot run them", kernels);
    char number[16];
    snprintf(number, sizeof number, "%d", (int)wanted->arch);
    if (setenv("BLIS_ARCH_TYPE", number, 1))
        return hd_fail(error, HD_UNAVAILABLE, "no memory for an environment variable");
    return HD_OK;
}

hd_status hd_product_start(const char *kernels, char chosen[32], hd_error *error) {
    pthread_mutex_lock(&start_lock);
    hd_status status = started ? HD_OK : choose(kernels, error);
    if (status == HD_OK) {
        started = true;
        bli_init(); /* first: without it bli_arch_query_id aborts if BLIS_ARCH_TYPE is set */
        snprintf(chosen, 32, "%s", bli_arch_string(bli_arch_query_id()));
        if (kernels && strcmp(kernels, chosen))
            status =
                hd_fail(error, kernels_named(kernels) ? HD_UNAVAILABLE : HD_INVALID,
                        "kernels '%s': BLIS has already started with '%s' in this process", kernels, chosen);
    }
    pthread_mutex_unlock(&start_lock);
    return status;
}

const char *hd_product_library(void) {
    return bli_info_get_version_str();
}

/* One thread. We switch off the path for small matrices, since it sums in another order. */
static rntm_t one_thread(void) {
    rntm_t how;
    bli_rntm_init(&how);
    bli_rntm_set_num_threads(1, &how);
    bli_rntm_disable_l3_sup(&how);
    return how;
}

/* --- products --- */

size_t hd_slice_count(size_t k) {
    return (k + HD_PRODUCT_SLICE - 1) / HD_PRODUCT_SLICE;
}

void hd_slice_ends(size_t k, size_t *ends) {
    for (size_t end = HD_PRODUCT_SLICE; end < k; end += HD_PRODUCT_SLICE) *ends++ = end;
    if (k) *ends = k;
}

static void blis_slice(size_t m, size_t n, size_t k, hd_strided a, hd_strided b, bool add, float *c,
                       size_t ldc) {
    float one = 1, beta = add ? 1 : 0;
    rntm_t how = one_thread();
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, (dim_t)m, (dim_t)n, (dim_t)k, &one,
                 (float *)(uintptr_t)a.at, (inc_t)a.row, (inc_t)a.column, (float *)(uintptr_t)b.at,
                 (inc_t)b.row, (inc_t)b.column, &beta, c, (inc_t)ldc, 1, NULL, &how);
}

static void clear(size_t m, size_t n, float *c, size_t ldc) {
    for (size_t i = 0; i < m; i++) memset(c + i * ldc, 0, n * sizeof *c);
}

void hd_product_sliced(size_t m, size_t n, size_t slices, const size_t *ends, hd_strided a, hd_strided b,
                       bool accumulate, float *c, size_t ldc, const hd_cpu_loops *own) {
    size_t from = 0;
    for (size_t s = 0; s < slices; from = ends[s], s++) {
        size_t k = ends[s] - from;
        if (k == 0) continue;
        hd_strided a_slice = {a.at + from * a.column, a.row, a.column},
                   b_slice = {b.at + from * b.row, b.row, b.column};
        (own ? own->product_slice : blis_slice)(m, n, k, a_slice, b_slice, accumulate, c, ldc);
        accumulate = true;
    }
    if (!accumulate) clear(m, n, c, ldc);
}

void hd_product_double(size_t m, size_t n, size_t k, const double *a, size_t a_row, size_t a_column,
                       const double *b, size_t b_row, size_t b_column, bool accumulate, double *c,
                       size_t ldc) {
    double one = 1, beta = accumulate ? 1 : 0;
    rntm_t how = one_thread();
    bli_dgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, (dim_t)m, (dim_t)n, (dim_t)k, &one,
                 (double *)(uintptr_t)a, (inc_t)a_row, (inc_t)a_column, (double *)(uintptr_t)b, (inc_t)b_row,
                 (inc_t)b_column, &beta, c, (inc_t)ldc, 1, NULL, &how);
}

void hd_product_warm_up(void) {
    enum { SIDE = 64 };
    float a[SIDE * SIDE] = {0}, c[SIDE * SIDE];
    double b[SIDE * SIDE] = {0}, d[SIDE * SIDE];
#pragma omp barrier
    blis_slice(SIDE, SIDE, SIDE, (hd_strided){a, SIDE, 1}, (hd_strided){a, SIDE, 1}, false, c, SIDE);
    hd_product_double(SIDE, SIDE, SIDE, b, SIDE, 1, b, SIDE, 1, false, d, SIDE);
}

/* --- self-test --- */

enum { TEST_M = 7, TEST_N = 37, TEST_K = 2 * HD_PRODUCT_SLICE + 45 };

/* Numbers of many magnitudes, some so small that their products are subnormal. */
static float test_number(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    float fraction = (float)(int32_t)(*seed & 0xffff00u) * 0x1p-23f - 1.0f;
    return (*seed >> 28) == 0 ? fraction * 0x1p-70f : fraction;
}

static void scalar_model(const float *a, const float *b, float *c) {
    for (size_t i = 0; i < TEST_M; i++)
        for (size_t j = 0; j < TEST_N; j++)
            for (size_t from = 0; from < TEST_K; from += HD_PRODUCT_SLICE) {
                float s = 0;
                for (size_t k = from; k < TEST_K && k < from + HD_PRODUCT_SLICE; k++)
                    s = fmaf(a[i * TEST_K + k], b[k * TEST_N + j], s);
                c[i * TEST_N + j] = from ? s + c[i * TEST_N + j] : s;
            }
}

/* FNV-1a over the bits. */
static uint32_t fingerprint(const float *c, size_t count) {
    uint32_t hash = 2166136261u, bits;
    for (size_t i = 0; i < count; i++) {
        memcpy(&bits, &c[i], sizeof bits);
        hash = (hash ^ bits) * 16777619u;
    }
    return hash;
}

bool hd_product_self_test(const hd_cpu_loops *own) {
    static const uint32_t stored = 0xacfd4a11u;
    bool passed = false;
    float *a = malloc(sizeof(float[TEST_M * TEST_K])), *b = malloc(sizeof(float[TEST_K * TEST_N]));
    float c[TEST_M * TEST_N], model[TEST_M * TEST_N];
    if (!a || !b) goto out;
    uint32_t seed = 1;
    for (size_t i = 0; i < TEST_M * TEST_K; i++) a[i] = test_number(&seed);
    for (size_t i = 0; i < TEST_K * TEST_N; i++) b[i] = test_number(&seed);
    /* one row of subnormal results */
    for (size_t k = 0; k < TEST_K; k++) a[(TEST_M - 1) * TEST_K + k] *= 0x1p-126f;
    scalar_model(a, b, model);
    size_t ends[3];
    hd_slice_ends(TEST_K, ends);
    hd_product_sliced(TEST_M, TEST_N, hd_slice_count(TEST_K), ends, (hd_strided){a, TEST_K, 1},
                      (hd_strided){b, TEST_N, 1}, false, c, TEST_N, own);
    passed = !memcmp(c, model, sizeof c) && fingerprint(c, TEST_M * TEST_N) == stored;
out:
    free(a);
    free(b);
    return passed;
}

/* --- shares --- */

double hd_product_work(const hd_product *p) {
    size_t k = p->term[0].k + (p->terms == 2 ? p->term[1].k : 0);
    return (double)p->m * (double)p->n * (double)k;
}

/* Where to cut a side of this length at a fraction of the product: at a whole tile of the kernels. */
static size_t cut(double fraction, size_t length, size_t tile) {
    if (!(fraction > 0)) return 0;
    if (fraction >= 1) return length;
    size_t at = (size_t)(fraction * (double)length / (double)tile + 0.5) * tile;
    return at < length ? at : length;
}

bool hd_product_block(size_t count, const hd_product *products, size_t which, size_t thread, size_t threads,
                      hd_block *block) {
    double total = 0, before = 0;
    for (size_t p = 0; p < count; p++) {
        if (p == which) before = total;
        total += hd_product_work(&products[p]);
    }
    const hd_product *p = &products[which];
    double work = hd_product_work(p), first = total * (double)thread / (double)threads;
    double last = thread + 1 < threads ? total * (double)(thread + 1) / (double)threads : 2 * total;
    *block = (hd_block){0, p->m, 0, p->n};
    if (!(work > 0)) return thread == 0 && p->m && p->n; /* k = 0 still stores zeros */
    bool by_rows = p->m >= p->n;
    size_t length = by_rows ? p->m : p->n, tile = by_rows ? 24 : 16;
    size_t from = cut((first - before) / work, length, tile), to = cut((last - before) / work, length, tile);
    if (by_rows)
        block->row = from, block->rows = to - from;
    else
        block->column = from, block->columns = to - from;
    return from < to;
}
