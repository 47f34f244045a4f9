/* The build includes this before device/cuda/cuda.cu to make the PTX that test_ptx.c reads. fmaf and fma by
 * name become instructions between marks (nvcc writes "inline asm" around them), so any other fma in the PTX
 * is one that the source did not name. */
#ifndef HD_TEST_NAMED_FMA_H
#define HD_TEST_NAMED_FMA_H

#include <cmath>
#include <cuda_runtime.h>

static __host__ __device__ __forceinline__ float named_fmaf(float a, float b, float c) {
#ifdef __CUDA_ARCH__
    float d;
    asm("fma.rn.f32 %0, %1, %2, %3;" : "=f"(d) : "f"(a), "f"(b), "f"(c));
    return d;
#else
    return std::fma(a, b, c);
#endif
}

static __host__ __device__ __forceinline__ double named_fma(double a, double b, double c) {
#ifdef __CUDA_ARCH__
    double d;
    asm("fma.rn.f64 %0, %1, %2, %3;" : "=d"(d) : "d"(a), "d"(b), "d"(c));
    return d;
#else
    return std::fma(a, b, c);
#endif
}

#define fmaf named_fmaf
#define fma  named_fma

#endif
