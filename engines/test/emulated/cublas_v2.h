/* As much of cuBLAS as device/cuda/cublas.cuh uses, in plain loops on the host. They add up k in another
 * order than we do, so that tests can tell them apart, and refuse what the library would or what would not
 * repeat. */
#ifndef HD_TEST_EMULATED_CUBLAS_V2_H
#define HD_TEST_EMULATED_CUBLAS_V2_H

#include <cuda_runtime.h>

enum cublasStatus_t {
    CUBLAS_STATUS_SUCCESS,
    CUBLAS_STATUS_NOT_INITIALIZED,
    CUBLAS_STATUS_INVALID_VALUE = 7,
    CUBLAS_STATUS_EXECUTION_FAILED = 13
};
enum cublasOperation_t { CUBLAS_OP_N, CUBLAS_OP_T };
enum cublasMath_t { CUBLAS_DEFAULT_MATH, CUBLAS_PEDANTIC_MATH = 2, CUBLAS_TF32_TENSOR_OP_MATH };
enum cublasAtomicsMode_t { CUBLAS_ATOMICS_NOT_ALLOWED, CUBLAS_ATOMICS_ALLOWED };
enum cublasPointerMode_t { CUBLAS_POINTER_MODE_HOST, CUBLAS_POINTER_MODE_DEVICE };

struct cublasContext {
    cudaStream_t stream;
    void *workspace;
    cublasMath_t math;
};
typedef cublasContext *cublasHandle_t;

namespace emulated {

/* The state that a test wants: HD_EMULATED_CUBLAS=absent|uninitialized|failing in the environment. */
inline bool cublas_is(const char *state) {
    const char *wanted = getenv("HD_EMULATED_CUBLAS");
    return wanted && !strcmp(wanted, state);
}

} // namespace emulated

inline const char *cublasGetStatusString(cublasStatus_t status) {
    return status == CUBLAS_STATUS_SUCCESS           ? "CUBLAS_STATUS_SUCCESS"
           : status == CUBLAS_STATUS_NOT_INITIALIZED ? "CUBLAS_STATUS_NOT_INITIALIZED"
           : status == CUBLAS_STATUS_INVALID_VALUE   ? "CUBLAS_STATUS_INVALID_VALUE"
                                                     : "CUBLAS_STATUS_EXECUTION_FAILED";
}
inline cublasStatus_t cublasCreate(cublasHandle_t *handle) {
    if (emulated::capturing || emulated::cublas_is("uninitialized")) return CUBLAS_STATUS_NOT_INITIALIZED;
    *handle = new cublasContext();
    return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasDestroy(cublasHandle_t handle) {
    return delete handle, CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasGetVersion(cublasHandle_t, int *version) {
    return *version = 120304, CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
    handle->stream = stream;
    handle->workspace = nullptr; /* as the library does */
    return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *workspace, size_t bytes) {
    if (!workspace || bytes < 32u << 20) return CUBLAS_STATUS_INVALID_VALUE;
    handle->workspace = workspace;
    return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t math) {
    handle->math = math;
    return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasSetAtomicsMode(cublasHandle_t, cublasAtomicsMode_t mode) {
    return mode == CUBLAS_ATOMICS_NOT_ALLOWED ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}
inline cublasStatus_t cublasSetPointerMode(cublasHandle_t, cublasPointerMode_t mode) {
    return mode == CUBLAS_POINTER_MODE_HOST ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

namespace emulated {

/* Rounds to ten bits of fraction, to nearest, ties to even. */
inline float tf32(float x) {
    unsigned bits = __float_as_uint(x);
    bits += 0xfff + (bits >> 13 & 1);
    bits &= ~0x1fffu;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

/* Column-major, k descending; rounds every product before it adds it. */
inline void gemm(bool rounded, bool a_t, bool b_t, int m, int n, int k, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc) {
    for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++) {
            float sum = 0, *at = c + (size_t)j * ldc + i;
            for (int l = k; l-- > 0;) {
                float x = a[a_t ? (size_t)i * lda + l : (size_t)l * lda + i];
                float y = b[b_t ? (size_t)l * ldb + j : (size_t)j * ldb + l];
                sum += rounded ? tf32(x) * tf32(y) : x * y;
            }
            *at = beta == 0 ? sum : sum + beta * *at;
        }
}

} // namespace emulated

inline cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t op_a,
                                                cublasOperation_t op_b, int m, int n, int k,
                                                const float *alpha, const float *a, int lda,
                                                long long stride_a, const float *b, int ldb,
                                                long long stride_b, const float *beta, float *c, int ldc,
                                                long long stride_c, int count) {
    if (emulated::cublas_is("failing")) return CUBLAS_STATUS_EXECUTION_FAILED;
    if (!handle->stream || !handle->workspace) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (m < 1 || n < 1 || k < 1 || lda < (op_a ? k : m) || ldb < (op_b ? n : k) || ldc < m || *alpha != 1)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (count > 1 && stride_c < (long long)(n - 1) * ldc + m)
        return CUBLAS_STATUS_INVALID_VALUE; /* the results overlap */
    bool rounded = handle->math == CUBLAS_TF32_TENSOR_OP_MATH;
    float kept = *beta;
    emulated::tell_of_memory([=] {
        for (int i = 0; i < count; i++)
            emulated::gemm(rounded, op_a, op_b, m, n, k, a + i * stride_a, lda, b + i * stride_b, ldb, kept,
                           c + i * stride_c, ldc);
    });
    return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b,
                                  int m, int n, int k, const float *alpha, const float *a, int lda,
                                  const float *b, int ldb, const float *beta, float *c, int ldc) {
    return cublasSgemmStridedBatched(handle, op_a, op_b, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc,
                                     0, 1);
}

namespace emulated {

struct Function {
    const char *name;
    void *at;
};
#define FOUND(function)                                                                                      \
    { #function, reinterpret_cast < void *>(&::function) }
inline const Function cublas_functions[] = {FOUND(cublasCreate),
                                            FOUND(cublasDestroy),
                                            FOUND(cublasGetVersion),
                                            FOUND(cublasGetStatusString),
                                            FOUND(cublasSetStream),
                                            FOUND(cublasSetWorkspace),
                                            FOUND(cublasSetMathMode),
                                            FOUND(cublasSetAtomicsMode),
                                            FOUND(cublasSetPointerMode),
                                            FOUND(cublasSgemm),
                                            FOUND(cublasSgemmStridedBatched)};
#undef FOUND

} // namespace emulated

#endif
