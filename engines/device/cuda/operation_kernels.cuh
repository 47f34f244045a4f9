/* The element operations and sums on the GPU: arithmetic.h's formulas, in the orders that ARITHMETIC.md
 * states. Internal to device/cuda/cuda.cu. */
#ifndef HD_DEVICE_CUDA_OPERATION_KERNELS_CUH
#define HD_DEVICE_CUDA_OPERATION_KERNELS_CUH

#include "arithmetic/arithmetic.h"
#include "arithmetic/philox.h"
#include "device/device.h"

/* The device's first error: the least packed number that was latched; all ones if there is none. */
struct Latch {
    unsigned long long first;
};

enum { NUMBER_BITS = 27, STEP_BITS = 24, TENSOR_BITS = 5, INDEX_BITS = 8 };
static_assert(HD_MAX_HYPERS < 1 << INDEX_BITS, "a latch has no room for a tangent's number");

static unsigned long long at_most(unsigned long long value, int bits) {
    return value >> bits ? (1ull << bits) - 1 : value;
}

/* Packs the operation's number, step, tensor and index; a number or a step that is too large becomes the
 * largest. The least is the first error; within one operation it has the lowest index, whichever thread is
 * first. */
static unsigned long long packed(unsigned long long number, hd_label label, size_t step) {
    unsigned long long place = at_most(number, NUMBER_BITS) << STEP_BITS | at_most(step, STEP_BITS);
    return (place << TENSOR_BITS | (unsigned long long)label.tensor) << INDEX_BITS |
           (unsigned long long)label.index;
}
static hd_label label_of(unsigned long long packed) {
    hd_label label = {(hd_tensor)(packed >> INDEX_BITS & ((1u << TENSOR_BITS) - 1)),
                      (size_t)(packed & ((1u << INDEX_BITS) - 1))};
    return label;
}
static size_t step_of(unsigned long long packed) {
    return (size_t)(packed >> (TENSOR_BITS + INDEX_BITS) & ((1u << STEP_BITS) - 1));
}

__device__ __forceinline__ bool not_finite(float x) {
    return (__float_as_uint(x) & 0x7fffffffu) >= 0x7f800000u;
}
/* Where millions of elements are bad, all but the first few only look: one address takes few atomics. */
__device__ __forceinline__ void latch_if(bool bad, Latch *latch, unsigned long long what) {
    if (bad && what < *(volatile unsigned long long *)&latch->first) atomicMin(&latch->first, what);
}

#define EACH_ELEMENT(i, n)                                                                                   \
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < (n);                                  \
         i += (size_t)gridDim.x * blockDim.x)

static __global__ void draw_kernel(const __grid_constant__ hd_xavier layer, float *to) {
    EACH_ELEMENT(group, (layer.count + 3) / 4) {
        float four[4];
        hd_xavier_group(&layer, group, four);
        for (size_t j = 0; j < 4 && 4 * group + j < layer.count; j++) to[4 * group + j] = four[j];
    }
}

static __global__ void gather_kernel(const uint8_t *pixels, const uint8_t *labels, const uint32_t *index,
                                     size_t first, size_t rows, size_t inputs, float *x, uint8_t *to_labels) {
    EACH_ELEMENT(e, rows * inputs) {
        size_t r = e / inputs, example = index ? index[r] : first + r;
        x[e] = (float)pixels[example * inputs + e % inputs] * HD_PIXEL;
        if (e % inputs == 0) to_labels[r] = labels[example];
    }
}

static __global__ void activate_kernel(size_t count, size_t columns, float *z, const float *b, bool relu,
                                       Latch *latch, unsigned long long what) {
    EACH_ELEMENT(i, count) {
        float sum = z[i] + b[i % columns];
        latch_if(not_finite(sum), latch, what);
        z[i] = relu ? hd_relu(sum) : sum;
    }
}

/* blockIdx.y is the tangent, here and below. */
static __global__ void activate_tangent_kernel(size_t count, size_t columns, const float *a, bool relu,
                                               float *z_dot, size_t z_stride, const float *b_dot,
                                               size_t b_stride, Latch *latch, unsigned long long what) {
    float *z = z_dot + blockIdx.y * z_stride;
    const float *b = b_dot + blockIdx.y * b_stride;
    EACH_ELEMENT(i, count) {
        float sum = z[i] + b[i % columns];
        latch_if(not_finite(sum), latch, what);
        z[i] = relu ? hd_relu_gate(a[i], sum) : sum;
    }
}

static __global__ void gate_kernel(size_t count, const float *a, float *d, size_t stride) {
    EACH_ELEMENT(i, count) d[blockIdx.y * stride + i] = hd_relu_gate(a[i], d[blockIdx.y * stride + i]);
}

/* exp and log: of the exact arithmetic, or of the CUDA mathematics library. */
struct SharedMath {
    static __device__ float exponential(float x) { return hd_exp(x); }
    static __device__ float logarithm(float x) { return hd_log(x); }
};
struct DeviceMath {
    static __device__ float exponential(float x) { return expf(x); }
    static __device__ float logarithm(float x) { return logf(x); }
};

template <class Math>
static __global__ void softmax_kernel(size_t rows, size_t classes, float divisor, const uint8_t *labels,
                                      const float *logits, float *p, float *delta, float *error, Latch *latch,
                                      unsigned long long what) {
    EACH_ELEMENT(r, rows) {
        const float *z = logits + r * classes;
        float *q = p + r * classes, *d = delta + r * classes, greatest = z[0], sum = 0;
        for (size_t c = 1; c < classes; c++) greatest = z[c] > greatest ? z[c] : greatest;
        for (size_t c = 0; c < classes; c++) {
            q[c] = Math::exponential(z[c] - greatest);
            sum += q[c];
        }
        for (size_t c = 0; c < classes; c++) {
            q[c] = q[c] / sum;
            latch_if(not_finite(q[c]), latch, what);
        }
        float likelihood = q[labels[r]];
        error[r] = -Math::logarithm(hd_clip(likelihood));
        bool passes = hd_clip_passes(likelihood);
        for (size_t c = 0; c < classes; c++)
            d[c] = passes ? hd_softmax_delta(q[c], c == labels[r] ? 1.0f : 0.0f, divisor) : 0.0f;
    }
}

static __global__ void softmax_tangent_kernel(size_t rows, size_t classes, float divisor,
                                              const uint8_t *labels, const float *p, float *z_dot,
                                              size_t stride) {
    EACH_ELEMENT(r, rows) {
        const float *q = p + r * classes;
        float *z = z_dot + blockIdx.y * stride + r * classes, mean = 0;
        bool passes = hd_clip_passes(q[labels[r]]);
        for (size_t c = 0; c < classes; c++) mean = fmaf(q[c], z[c], mean);
        for (size_t c = 0; c < classes; c++)
            z[c] = passes ? hd_softmax_delta_dot(q[c], z[c], mean, divisor) : 0.0f;
    }
}

/* One block: counts are integers, so their order does not matter. */
static __global__ void count_correct_kernel(size_t rows, size_t classes, const uint8_t *labels,
                                            const float *logits, double *sum) {
    __shared__ unsigned correct;
    if (threadIdx.x == 0) correct = 0;
    __syncthreads();
    unsigned mine = 0;
    for (size_t r = threadIdx.x; r < rows; r += blockDim.x) {
        const float *z = logits + r * classes;
        size_t best = 0;
        for (size_t c = 1; c < classes; c++)
            if (z[c] > z[best]) best = c;
        mine += best == labels[r];
    }
    atomicAdd(&correct, mine);
    __syncthreads();
    if (threadIdx.x == 0) *sum += (double)correct;
}

/* --- sums: a block makes a slice of 4096 terms --- */

HD_INLINE size_t sum_slices(size_t n) {
    return (n + HD_SUM_SLICE - 1) / HD_SUM_SLICE;
}
HD_INLINE size_t length_of(const hd_stretches &stretches, size_t s) {
    return stretches.start[s + 1] - stretches.start[s];
}

/* Slice number `slice`: elements from .. to - 1 of a stretch. Slices are numbered through all stretches. */
struct Slice {
    size_t stretch, from, to;
};
__device__ __forceinline__ Slice slice_at(const hd_stretches &stretches, size_t slice) {
    size_t s = 0;
    for (; slice >= sum_slices(length_of(stretches, s)); s++) slice -= sum_slices(length_of(stretches, s));
    size_t from = stretches.start[s] + slice * HD_SUM_SLICE, end = stretches.start[s + 1];
    return Slice{s, from, from + HD_SUM_SLICE < end ? from + HD_SUM_SLICE : end};
}

/* Terms x y of SUMS sums in shared memory. All threads of a block load them; then 16 threads for each sum add
 * them to their chains. (The rows' padding puts the two sums of a warp into different banks.) */
enum { STAGE = 1024, SUM_THREADS = 256 };
template <int SUMS> struct Terms { float x[SUMS][STAGE + HD_SUM_LANES], y[SUMS][STAGE + HD_SUM_LANES]; };

/* Calls fetch(i) for this thread's share of i < count. A full stage has no branches, so that all loads are
 * under way together. */
template <class Fetch> __device__ __forceinline__ void for_stage(int count, Fetch fetch) {
    if (count == STAGE) {
#pragma unroll
        for (int i = 0; i < STAGE; i += SUM_THREADS) fetch(i + (int)threadIdx.x);
    } else {
        for (int i = threadIdx.x; i < count; i += SUM_THREADS) fetch(i);
    }
}

template <int SUMS> __device__ __forceinline__ float chain(const Terms<SUMS> &terms, int count, float lane) {
    int sum = threadIdx.x / HD_SUM_LANES;
    if (sum < SUMS)
        for (int i = threadIdx.x % HD_SUM_LANES; i < count; i += HD_SUM_LANES)
            lane = fmaf(terms.x[sum][i], terms.y[sum][i], lane);
    return lane;
}

/* Adds to lane j lane j + 8, then j + 4, j + 2, j + 1, among the 16 threads of a sum. The first thread writes
 * the result to part[sum]. */
template <int SUMS> __device__ __forceinline__ void fold(float lane, float *part) {
    int sum = threadIdx.x / HD_SUM_LANES, j = threadIdx.x % HD_SUM_LANES;
    for (int half = HD_SUM_LANES / 2; half > 0; half /= 2) {
        float other = __shfl_down_sync(0xffffffffu, lane, half, HD_SUM_LANES);
        if (j < half) lane += other;
    }
    if (j == 0 && sum < SUMS) part[sum] = lane;
}

/* y null: ones. blockIdx.x is the slice, counted from `first`, here and below. */
static __global__ void dot_kernel(const __grid_constant__ hd_stretches stretches, size_t first,
                                  const float *__restrict__ x, const float *__restrict__ y, float *parts) {
    __shared__ Terms<1> terms;
    const Slice slice = slice_at(stretches, first + blockIdx.x);
    float lane = 0;
    for (size_t at = slice.from; at < slice.to; at += STAGE) {
        int count = slice.to - at < STAGE ? (int)(slice.to - at) : (int)STAGE;
        __syncthreads();
        for_stage(count, [&](int i) { terms.x[0][i] = x[at + i], terms.y[0][i] = y ? y[at + i] : 1.0f; });
        __syncthreads();
        lane = chain(terms, count, lane);
    }
    fold<1>(lane, parts + blockIdx.x);
}

/* Adds the parts [slices][sums] of slices first .. first + slices - 1 to sum[stretches][sums], each in order,
 * in float64. Each thread makes one sum. */
static __global__ void add_parts_kernel(const __grid_constant__ hd_stretches stretches, size_t first,
                                        size_t slices, size_t sums, const float *parts, double *sum) {
    size_t stretch = threadIdx.x / sums, own = 0;
    if (stretch >= stretches.count) return;
    for (size_t s = 0; s < stretch; s++) own += sum_slices(length_of(stretches, s));
    size_t end = own + sum_slices(length_of(stretches, stretch));
    double total = sum[threadIdx.x];
    for (size_t i = own < first ? first : own; i < end && i < first + slices; i++)
        total += (double)parts[(i - first) * sums + threadIdx.x % sums];
    sum[threadIdx.x] = total;
}

/* --- momentum --- */

__device__ __forceinline__ size_t stretch_of(const hd_stretches &stretches, size_t i) {
    size_t s = 0;
    while (i >= stretches.start[s + 1]) s++;
    return s;
}

static __global__ void momentum_step_kernel(size_t n, const __grid_constant__ hd_stretches stretches,
                                            const float *w, const float *m, const float *g, float *w_next,
                                            float *m_next, Latch *latch, unsigned long long what) {
    EACH_ELEMENT(i, n) {
        const hd_coefficients &k = stretches.coefficients[stretch_of(stretches, i)];
        float m1 =
            hd_momentum_m((float)k.mu, m[i], hd_regularized(g[i], w[i], (float)k.rho_l1, (float)k.rho_l2));
        float w1 = hd_momentum_w((float)k.eta, m1, w[i]);
        m_next[i] = m1;
        w_next[i] = w1;
        latch_if(not_finite(w1) || not_finite(m1), latch, what);
    }
}

struct Sources { /* [tangents][stretches] */
    unsigned char of[HD_MAX_HYPERS * HD_MAX_STRETCHES];
};

static __global__ void momentum_tangent_kernel(size_t n, const __grid_constant__ hd_stretches stretches,
                                               size_t stride, const __grid_constant__ Sources sources,
                                               const float *w, const float *m, const float *m_next,
                                               const float *h, float *z_w, float *z_m, Latch *latch,
                                               unsigned long long what) {
    EACH_ELEMENT(i, n) {
        const size_t stretch = stretch_of(stretches, i), at = blockIdx.y * stride + i;
        const hd_coefficients &k = stretches.coefficients[stretch];
        const int source = sources.of[blockIdx.y * stretches.count + stretch];
        float zm = hd_momentum_m((float)k.mu, z_m[at], hd_regularized_hvp(h[at], z_w[at], (float)k.rho_l2));
        if (source == HD_SOURCE_SIGN) zm += hd_sign(w[i]);
        if (source == HD_SOURCE_TWICE) zm += 2.0f * w[i];
        if (source == HD_SOURCE_MOMENTUM) zm += m[i];
        float zw = hd_momentum_w((float)k.eta, zm, z_w[at]);
        if (source == HD_SOURCE_STEP) zw -= m_next[i];
        z_m[at] = zm;
        z_w[at] = zw;
        latch_if(not_finite(zm) || not_finite(zw), latch, what + blockIdx.y);
    }
}

static __global__ void momentum_adjoint_kernel(const __grid_constant__ hd_stretches stretches, size_t first,
                                               const float *__restrict__ w, const float *__restrict__ m,
                                               const float *__restrict__ m_next,
                                               const float *__restrict__ p_w, const float *__restrict__ p_m,
                                               float *__restrict__ q, float *parts) {
    __shared__ Terms<4> terms;
    const Slice slice = slice_at(stretches, first + blockIdx.x);
    const float eta = (float)stretches.coefficients[slice.stretch].eta;
    float lane = 0;
    for (size_t at = slice.from; at < slice.to; at += STAGE) {
        int count = slice.to - at < STAGE ? (int)(slice.to - at) : (int)STAGE;
        __syncthreads();
        for_stage(count, [&](int i) {
            float r = hd_momentum_w(eta, p_w[at + i], p_m[at + i]);
            q[at + i] = r;
            terms.x[0][i] = r, terms.y[0][i] = hd_sign(w[at + i]);
            terms.x[1][i] = r, terms.y[1][i] = 2.0f * w[at + i];
            terms.x[2][i] = -p_w[at + i], terms.y[2][i] = m_next[at + i];
            terms.x[3][i] = r, terms.y[3][i] = m[at + i];
        });
        __syncthreads();
        lane = chain(terms, count, lane);
    }
    fold<4>(lane, parts + 4 * (size_t)blockIdx.x);
}

static __global__ void momentum_pull_back_kernel(size_t n, const __grid_constant__ hd_stretches stretches,
                                                 const float *q, const float *h, float *p_w, float *p_m,
                                                 Latch *latch, unsigned long long what) {
    EACH_ELEMENT(i, n) {
        const hd_coefficients &k = stretches.coefficients[stretch_of(stretches, i)];
        float w = p_w[i] + hd_regularized_hvp(h[i], q[i], (float)k.rho_l2), m = (float)k.mu * q[i];
        p_w[i] = w;
        p_m[i] = m;
        latch_if(not_finite(w) || not_finite(m), latch, what);
    }
}

#endif
