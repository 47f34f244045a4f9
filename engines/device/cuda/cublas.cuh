/* Products by cuBLAS. We look for the library when the device is opened; the program is complete without it.
 * One call makes all products of the same shape whose matrices lie evenly spaced, such as a layer's tangents.
 * Internal to device/cuda/cuda.cu. */
#ifndef HD_DEVICE_CUDA_CUBLAS_CUH
#define HD_DEVICE_CUDA_CUBLAS_CUH

#include <cstring>
#include <cuda_runtime.h>
#include <unistd.h>

/* A matrix as hd_matrix has it. block: the allocation that it lies in. */
struct Factor {
    const float *at;
    const void *block;
    int ld;
    bool transposed;
};

/* C = A B or C += A B; C is m x n, k > 0. */
struct Gemm {
    int m, n, k;
    Factor a, b, c; /* c is not transposed */
    bool accumulate;
    bool done;
};

/* --- like products --- */

/* `count` products: the first, and how many elements further on each next one's matrices lie. */
struct Series {
    Gemm first;
    int count;
    long long a, b, c;
};

static bool alike(const Factor &x, const Factor &y) {
    return x.block == y.block && x.ld == y.ld && x.transposed == y.transposed;
}

/* Adds g to the series if g continues it. Both must lie in one allocation: one call for two products may give
 * other bits than two, and the bits must not depend on where allocations happen to lie. */
static bool extend(Series *series, const Gemm &g) {
    const Gemm &f = series->first;
    if (g.m != f.m || g.n != f.n || g.k != f.k || g.accumulate != f.accumulate) return false;
    if (!alike(g.a, f.a) || !alike(g.b, f.b) || !alike(g.c, f.c)) return false;
    long long a = g.a.at - f.a.at, b = g.b.at - f.b.at, c = g.c.at - f.c.at,
              whole = (long long)(f.m - 1) * f.c.ld + f.n;
    if (series->count == 1) {
        if (a < 0 || b < 0 || c < whole) return false; /* the results must not overlap */
        series->a = a, series->b = b, series->c = c;
    } else if (a != series->count * series->a || b != series->count * series->b ||
               c != series->count * series->c) {
        return false;
    }
    series->count++;
    return true;
}

/* --- the library --- */

/* An environment variable ("NAME=value") that would change cuBLAS's arithmetic; NULL: none is set.
 * NVIDIA_TF32_OVERRIDE=0 forbids TF32, which changes nothing for who does not want it. */
static const char *meddling_variable(bool tf32) {
    static const char *const names[] = {"CUBLAS_EMULATE_",
                                        "CUBLAS_EMULATION_STRATEGY=", "NVIDIA_TF32_OVERRIDE="};
    for (char **variable = environ; variable && *variable; variable++) {
        if (!tf32 && !strcmp(*variable, "NVIDIA_TF32_OVERRIDE=0")) continue;
        for (const char *name : names)
            if (!strncmp(*variable, name, strlen(name))) return *variable;
    }
    return nullptr;
}

#if __has_include(<cublas_v2.h>)
#include <cublas_v2.h>
#include <dlfcn.h>

#define HD_CUBLAS_FUNCTIONS(FUNCTION)                                                                        \
    FUNCTION(cublasCreate)                                                                                   \
    FUNCTION(cublasDestroy)                                                                                  \
    FUNCTION(cublasGetVersion)                                                                               \
    FUNCTION(cublasGetStatusString)                                                                          \
    FUNCTION(cublasSetStream)                                                                                \
    FUNCTION(cublasSetWorkspace)                                                                             \
    FUNCTION(cublasSetMathMode)                                                                              \
    FUNCTION(cublasSetAtomicsMode)                                                                           \
    FUNCTION(cublasSetPointerMode)                                                                           \
    FUNCTION(cublasSgemm)                                                                                    \
    FUNCTION(cublasSgemmStridedBatched)

/* cuBLAS's functions, found at run time. (Their names are macros: cublasCreate is cublasCreate_v2.) */
struct Cublas {
#define MEMBER(function) decltype(&::function) function;
    HD_CUBLAS_FUNCTIONS(MEMBER)
#undef MEMBER
    cublasHandle_t handle;
    int version; /* 10000 major + 100 minor + patch */
};

static hd_status cublas_load(Cublas *cublas, hd_error *error) {
    static const char *const names[] = {"libcublas.so.13", "libcublas.so.12", "libcublas.so"};
    void *library = nullptr; /* we never unload it */
    for (size_t i = 0; !library && i < sizeof names / sizeof *names; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *why = dlerror();
        return hd_fail(error, HD_UNAVAILABLE,
                       "device cuda: arithmetic cublas: no libcublas.so.13, .12 or .so here: %s",
                       why ? why : "not found");
    }
#define NAME_(function) #function
#define NAME(function)  NAME_(function)
#define FIND(function)                                                                                       \
    cublas->function = reinterpret_cast<decltype(&::function)>(dlsym(library, NAME(function)));              \
    if (!cublas->function)                                                                                   \
        return hd_fail(error, HD_UNAVAILABLE,                                                                \
                       "device cuda: arithmetic cublas: the libcublas here has no " NAME(function));
    HD_CUBLAS_FUNCTIONS(FIND)
#undef FIND
#undef NAME
#undef NAME_
    return HD_OK;
}

static void cublas_close(Cublas *cublas) {
    if (cublas->handle) cublas->cublasDestroy(cublas->handle);
    cublas->handle = nullptr;
}

/* Call it before anything is captured. The workspace comes after the stream, since setting a stream resets
 * it. */
static hd_status cublas_open(Cublas *cublas, cudaStream_t stream, void *workspace, size_t bytes, bool tf32,
                             hd_error *error) {
    hd_status loaded = cublas_load(cublas, error);
    if (loaded != HD_OK) return loaded;
    const char *doing = "cublasCreate";
    cublasStatus_t status = cublas->cublasCreate(&cublas->handle);
#define THEN(function, ...)                                                                                  \
    if (status == CUBLAS_STATUS_SUCCESS)                                                                     \
    doing = #function, status = cublas->function(cublas->handle, __VA_ARGS__)
    THEN(cublasSetStream, stream);
    THEN(cublasSetWorkspace, workspace, bytes);
    THEN(cublasSetMathMode, tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_PEDANTIC_MATH);
    THEN(cublasSetAtomicsMode, CUBLAS_ATOMICS_NOT_ALLOWED);
    THEN(cublasSetPointerMode, CUBLAS_POINTER_MODE_HOST);
    THEN(cublasGetVersion, &cublas->version);
#undef THEN
    if (status == CUBLAS_STATUS_SUCCESS) return HD_OK;
    const char *why = cublas->cublasGetStatusString(status);
    cublas_close(cublas);
    return hd_fail(error, HD_UNAVAILABLE, "device cuda: arithmetic cublas: %s: %s", doing, why);
}

/* A row-major matrix is the transpose of a column-major one, so we compute C^T = B^T A^T. A captured graph
 * may keep alpha and beta. */
static cublasStatus_t cublas_carry_out(Cublas *cublas, const Series &series) {
    const Gemm &g = series.first;
    const float alpha = 1, beta = g.accumulate ? 1.0f : 0.0f;
    cublasOperation_t op_a = g.a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                      op_b = g.b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    float *c = const_cast<float *>(g.c.at);
    if (series.count == 1)
        return cublas->cublasSgemm(cublas->handle, op_b, op_a, g.n, g.m, g.k, &alpha, g.b.at, g.b.ld, g.a.at,
                                   g.a.ld, &beta, c, g.c.ld);
    return cublas->cublasSgemmStridedBatched(cublas->handle, op_b, op_a, g.n, g.m, g.k, &alpha, g.b.at,
                                             g.b.ld, series.b, g.a.at, g.a.ld, series.a, &beta, c, g.c.ld,
                                             series.c, series.count);
}

/* Carries out independent products, one call a series, and counts the calls. NULL, or what went wrong. */
static const char *cublas_multiply(Cublas *cublas, int count, Gemm *gemms, size_t *calls) {
    for (int i = 0; i < count; i++) {
        if (gemms[i].done) continue;
        Series series = {gemms[i], 1, 0, 0, 0};
        for (int j = i + 1; j < count; j++)
            if (!gemms[j].done) gemms[j].done = extend(&series, gemms[j]);
        cublasStatus_t status = cublas_carry_out(cublas, series);
        if (status != CUBLAS_STATUS_SUCCESS) return cublas->cublasGetStatusString(status);
        ++*calls;
    }
    return nullptr;
}

#else /* a toolkit without cuBLAS's header: the exact arithmetic works without it */

struct Cublas {
    int version;
};
static hd_status cublas_open(Cublas *, cudaStream_t, void *, size_t, bool, hd_error *error) {
    return hd_fail(error, HD_UNAVAILABLE,
                   "device cuda: arithmetic cublas: this program was built without cublas_v2.h");
}
static void cublas_close(Cublas *) {}
static const char *cublas_multiply(Cublas *, int, Gemm *, size_t *) {
    return "it was not built in";
}

#endif
#endif
