/* The element operations and sums on the GPU: arithmetic.h's formulas, in the orders that ARITHMETIC.md states. Internal to
 * device_cuda.cu. */
#ifndef HD_CUDA_KERNELS_CUH
#define HD_CUDA_KERNELS_CUH

#include "arithmetic.h"
#include "device.h"

/* The first fault on the device, or all ones: the least of what was latched. */
struct Latch {
    unsigned long long first;
};

/* The operation's number, then step (20 bits), tensor (5) and index (11): the least is the first, and of one operation the one
 * with the lowest index, whichever thread comes first. */
static unsigned long long packed(unsigned long long number, hd_label label, size_t step) {
    return number << 36 | (unsigned long long)step << 16 | (unsigned long long)label.tensor << 11 | (unsigned long long)label.index;
}
static hd_label label_of(unsigned long long packed) {
    hd_label label = {(hd_tensor)(packed >> 11 & 31), (size_t)(packed & 2047)};
    return label;
}
static size_t step_of(unsigned long long packed) { return (size_t)(packed >> 16 & 0xfffff); }

__device__ __forceinline__ bool not_finite(float x) { return (__float_as_uint(x) & 0x7fffffffu) >= 0x7f800000u; }
__device__ __forceinline__ void latch_if(bool bad, Latch *latch, unsigned long long what) {
    if (bad) atomicMin(&latch->first, what);
}

#define EACH_ELEMENT(i, n)                                                                                             \
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < (n); i += (size_t)gridDim.x * blockDim.x)

static __global__ void gather_kernel(const uint8_t *pixels, const uint8_t *labels, const uint32_t *index, size_t first, size_t rows,
                                     size_t inputs, float *x, uint8_t *to_labels) {
    EACH_ELEMENT(e, rows * inputs) {
        size_t r = e / inputs, example = index ? index[r] : first + r;
        x[e] = (float)pixels[example * inputs + e % inputs] * HD_PIXEL;
        if (e % inputs == 0) to_labels[r] = labels[example];
    }
}

static __global__ void activate_kernel(size_t count, size_t columns, float *z, const float *b, bool relu, Latch *latch,
                                       unsigned long long what) {
    EACH_ELEMENT(i, count) {
        float sum = z[i] + b[i % columns];
        latch_if(not_finite(sum), latch, what);
        z[i] = relu ? hd_relu(sum) : sum;
    }
}

/* blockIdx.y is the tangent, here and below. */
static __global__ void activate_tangent_kernel(size_t count, size_t columns, const float *a, bool relu, float *z_dot, size_t z_stride,
                                               const float *b_dot, size_t b_stride, Latch *latch, unsigned long long what) {
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

static __global__ void softmax_kernel(size_t rows, size_t classes, float divisor, const uint8_t *labels, const float *logits,
                                      float *p, float *delta, float *error, Latch *latch, unsigned long long what) {
    EACH_ELEMENT(r, rows) {
        const float *z = logits + r * classes;
        float *q = p + r * classes, *d = delta + r * classes, greatest = z[0], sum = 0;
        for (size_t c = 1; c < classes; c++) greatest = z[c] > greatest ? z[c] : greatest;
        for (size_t c = 0; c < classes; c++) {
            q[c] = hd_exp(z[c] - greatest);
            sum += q[c];
        }
        for (size_t c = 0; c < classes; c++) {
            q[c] = q[c] / sum;
            latch_if(not_finite(q[c]), latch, what);
        }
        float likelihood = q[labels[r]];
        error[r] = -hd_log(hd_clip(likelihood));
        bool passes = hd_clip_passes(likelihood);
        for (size_t c = 0; c < classes; c++)
            d[c] = passes ? hd_softmax_delta(q[c], c == labels[r] ? 1.0f : 0.0f, divisor) : 0.0f;
    }
}

static __global__ void softmax_tangent_kernel(size_t rows, size_t classes, float divisor, const uint8_t *labels, const float *p,
                                              float *z_dot, size_t stride) {
    EACH_ELEMENT(r, rows) {
        const float *q = p + r * classes;
        float *z = z_dot + blockIdx.y * stride + r * classes, mean = 0;
        bool passes = hd_clip_passes(q[labels[r]]);
        for (size_t c = 0; c < classes; c++) mean = fmaf(q[c], z[c], mean);
        for (size_t c = 0; c < classes; c++) z[c] = passes ? hd_softmax_delta_dot(q[c], z[c], mean, divisor) : 0.0f;
    }
}

/* One block: counts are integers, so their order does not matter. */
static __global__ void count_correct_kernel(size_t rows, size_t classes, const uint8_t *labels, const float *logits, double *sum) {
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

/* --- sums: a slice of 4096 terms is 16 threads, one chain each --- */

/* Lane j takes lane j + 8, then j + 4, j + 2, j + 1, among the 16 threads of a slice. */
__device__ __forceinline__ float fold(float lane) {
    for (int half = HD_SUM_LANES / 2; half > 0; half /= 2) {
        float other = __shfl_down_sync(0xffffffffu, lane, half, HD_SUM_LANES);
        if ((int)(threadIdx.x % HD_SUM_LANES) < half) lane += other;
    }
    return lane;
}

__device__ __forceinline__ size_t slice_index() { return (blockIdx.x * (size_t)blockDim.x + threadIdx.x) / HD_SUM_LANES; }

static __global__ void dot_kernel(size_t n, const float *x, const float *y, float *parts) {
    size_t s = slice_index(), from = s * HD_SUM_SLICE, to = from + HD_SUM_SLICE < n ? from + HD_SUM_SLICE : n;
    float lane = 0;
    for (size_t i = from + threadIdx.x % HD_SUM_LANES; i < to; i += HD_SUM_LANES) lane = fmaf(x[i], y ? y[i] : 1.0f, lane);
    lane = fold(lane);
    if (threadIdx.x % HD_SUM_LANES == 0 && from < n) parts[s] = lane;
}

/* Adds parts[slices][sums] to sum[sums], each in order, in float64: a thread a sum. */
static __global__ void add_parts_kernel(size_t slices, size_t sums, const float *parts, double *sum) {
    size_t j = threadIdx.x;
    if (j >= sums) return;
    double s = sum[j];
    for (size_t i = 0; i < slices; i++) s += (double)parts[i * sums + j];
    sum[j] = s;
}

/* --- momentum --- */

static __global__ void momentum_step_kernel(size_t n, const hd_coefficients *k, const float *w, const float *m, const float *g,
                                            float *w_next, float *m_next, Latch *latch, unsigned long long what) {
    const float l1 = (float)k->rho_l1, l2 = (float)k->rho_l2, eta = (float)k->eta, mu = (float)k->mu;
    EACH_ELEMENT(i, n) {
        float m1 = hd_momentum_m(mu, m[i], hd_regularized(g[i], w[i], l1, l2)), w1 = hd_momentum_w(eta, m1, w[i]);
        m_next[i] = m1;
        w_next[i] = w1;
        latch_if(not_finite(w1) || not_finite(m1), latch, what);
    }
}

struct Sources {
    unsigned char of[2 * HD_MAX_LAYERS + 2];
};

static __global__ void momentum_tangent_kernel(size_t n, const hd_coefficients *k, size_t stride, Sources sources, const float *w,
                                               const float *m, const float *m_next, const float *h, float *z_w, float *z_m,
                                               Latch *latch, unsigned long long what) {
    const float l2 = (float)k->rho_l2, eta = (float)k->eta, mu = (float)k->mu;
    const int source = sources.of[blockIdx.y];
    const size_t at = blockIdx.y * stride;
    EACH_ELEMENT(i, n) {
        float zm = hd_momentum_m(mu, z_m[at + i], hd_regularized_hvp(h[at + i], z_w[at + i], l2));
        if (source == HD_SOURCE_SIGN) zm += hd_sign(w[i]);
        if (source == HD_SOURCE_TWICE) zm += 2.0f * w[i];
        if (source == HD_SOURCE_MOMENTUM) zm += m[i];
        float zw = hd_momentum_w(eta, zm, z_w[at + i]);
        if (source == HD_SOURCE_STEP) zw -= m_next[i];
        z_m[at + i] = zm;
        z_w[at + i] = zw;
        latch_if(not_finite(zm) || not_finite(zw), latch, what + blockIdx.y);
    }
}

static __global__ void momentum_adjoint_kernel(size_t n, const hd_coefficients *k, const float *w, const float *m, const float *m_next,
                                               const float *p_w, const float *p_m, float *q, float *parts) {
    const float eta = (float)k->eta;
    size_t s = slice_index(), from = s * HD_SUM_SLICE, to = from + HD_SUM_SLICE < n ? from + HD_SUM_SLICE : n;
    float l1 = 0, l2 = 0, step = 0, momentum = 0;
    for (size_t i = from + threadIdx.x % HD_SUM_LANES; i < to; i += HD_SUM_LANES) {
        float r = hd_momentum_w(eta, p_w[i], p_m[i]);
        q[i] = r;
        l1 = fmaf(r, hd_sign(w[i]), l1);
        l2 = fmaf(r, 2.0f * w[i], l2);
        step = fmaf(-p_w[i], m_next[i], step);
        momentum = fmaf(r, m[i], momentum);
    }
    l1 = fold(l1), l2 = fold(l2), step = fold(step), momentum = fold(momentum);
    if (threadIdx.x % HD_SUM_LANES == 0 && from < n) {
        float *part = parts + 4 * s;
        part[0] = l1, part[1] = l2, part[2] = step, part[3] = momentum;
    }
}

static __global__ void momentum_pull_back_kernel(size_t n, const hd_coefficients *k, const float *q, const float *h, float *p_w,
                                                 float *p_m, Latch *latch, unsigned long long what) {
    const float l2 = (float)k->rho_l2, mu = (float)k->mu;
    EACH_ELEMENT(i, n) {
        float w = p_w[i] + hd_regularized_hvp(h[i], q[i], l2), m = mu * q[i];
        p_w[i] = w;
        p_m[i] = m;
        latch_if(not_finite(w) || not_finite(m), latch, what);
    }
}

#endif
