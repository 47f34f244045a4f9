/* The device's other operations: draws, the network's element formulas, sums, momentum. Each launches a
 * kernel of operation_kernels.cuh. Internal to device/cuda/cuda.cu. */
#ifndef HD_DEVICE_CUDA_OPERATIONS_CUH
#define HD_DEVICE_CUDA_OPERATIONS_CUH

#include "device/cuda/state.cuh"

namespace {

/* --- the network's element formulas --- */

unsigned long long what(hd_device *device, hd_label label) {
    return packed(of(device)->told++, label, device->step);
}

void activate(hd_device *device, size_t rows, size_t columns, hd_real *z, const hd_real *b, bool relu,
              hd_label label) {
    Cuda *cuda = of(device);
    LAUNCH(activate_kernel, blocks_for(rows * columns), THREADS, rows * columns, columns, real(z), real(b),
           relu, cuda->latch, what(device, label));
}

void activate_tangent(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a,
                      bool relu, hd_real *z_dot, size_t z_stride, const hd_real *b_dot, size_t b_stride,
                      hd_label label) {
    Cuda *cuda = of(device);
    LAUNCH(activate_tangent_kernel, blocks_for(rows * columns, count), THREADS, rows * columns, columns,
           real(a), relu, real(z_dot), z_stride, real(b_dot), b_stride, cuda->latch, what(device, label));
}

void gate(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a, hd_real *d,
          size_t d_stride) {
    Cuda *cuda = of(device);
    LAUNCH(gate_kernel, blocks_for(rows * columns, count), THREADS, rows * columns, real(a), real(d),
           d_stride);
}

void softmax(hd_device *device, const hd_batch *batch, size_t classes, double divisor, const hd_real *logits,
             hd_real *p, hd_real *delta, hd_real *error) {
    Cuda *cuda = of(device);
    const unsigned long long told = what(device, hd_label{HD_ERROR, 0});
    if (cuda->device_math)
        LAUNCH(softmax_kernel<DeviceMath>, blocks_for(batch->rows), THREADS, batch->rows, classes,
               (float)divisor, batch->labels, real(logits), real(p), real(delta), real(error), cuda->latch,
               told);
    else
        LAUNCH(softmax_kernel<SharedMath>, blocks_for(batch->rows), THREADS, batch->rows, classes,
               (float)divisor, batch->labels, real(logits), real(p), real(delta), real(error), cuda->latch,
               told);
}

void softmax_tangent(hd_device *device, const hd_batch *batch, size_t count, size_t classes, double divisor,
                     const hd_real *p, hd_real *z_dot, size_t stride) {
    Cuda *cuda = of(device);
    LAUNCH(softmax_tangent_kernel, blocks_for(batch->rows, count), THREADS, batch->rows, classes,
           (float)divisor, batch->labels, real(p), real(z_dot), stride);
}

void count_correct(hd_device *device, const hd_batch *batch, size_t classes, const hd_real *logits,
                   double *sum) {
    Cuda *cuda = of(device);
    LAUNCH(count_correct_kernel, 1, 1024, batch->rows, classes, batch->labels, real(logits), sum);
}

/* --- sums --- */

/* Sums longer than `parts` holds take several launches, in order. */
enum { SLICES_AT_ONCE = PARTS / 4 };

size_t all_slices(const hd_stretches &stretches) {
    size_t slices = 0;
    for (size_t s = 0; s < stretches.count; s++) slices += sum_slices(length_of(stretches, s));
    return slices;
}

void add_parts(Cuda *cuda, const hd_stretches &stretches, size_t first, unsigned slices, size_t sums,
               double *sum) {
    LAUNCH(add_parts_kernel, 1, (unsigned)(stretches.count * sums), stretches, first, (size_t)slices, sums,
           cuda->parts, sum);
}

void dot(hd_device *device, size_t n, const hd_real *x, const hd_real *y, double *sum) {
    Cuda *cuda = of(device);
    const hd_stretches whole = {1, {0, n}, nullptr};
    for (size_t first = 0, all = sum_slices(n); first < all; first += SLICES_AT_ONCE) {
        unsigned slices = (unsigned)(all - first < SLICES_AT_ONCE ? all - first : (size_t)SLICES_AT_ONCE);
        LAUNCH(dot_kernel, slices, SUM_THREADS, whole, first, real(x), real(y), cuda->parts);
        add_parts(cuda, whole, first, slices, 1, sum);
    }
}

/* --- momentum --- */

size_t length(const hd_stretches *stretches) {
    return stretches->start[stretches->count];
}

void momentum_step(hd_device *device, const hd_stretches *stretches, const hd_real *w, const hd_real *m,
                   const hd_real *g, hd_real *w_next, hd_real *m_next, hd_label label) {
    Cuda *cuda = of(device);
    size_t n = length(stretches);
    LAUNCH(momentum_step_kernel, blocks_for(n), THREADS, n, *stretches, real(w), real(m), real(g),
           real(w_next), real(m_next), cuda->latch, what(device, label));
}

void momentum_tangent(hd_device *device, const hd_stretches *stretches, size_t count, size_t stride,
                      const hd_source *source, const hd_real *w, const hd_real *m, const hd_real *m_next,
                      const hd_real *h, hd_real *z_w, hd_real *z_m, hd_label label) {
    Cuda *cuda = of(device);
    size_t n = length(stretches);
    Sources sources = {};
    for (size_t j = 0; j < count * stretches->count && j < sizeof sources.of; j++)
        sources.of[j] = (unsigned char)source[j];
    LAUNCH(momentum_tangent_kernel, blocks_for(n, count), THREADS, n, *stretches, stride, sources, real(w),
           real(m), real(m_next), real(h), real(z_w), real(z_m), cuda->latch, what(device, label));
}

void momentum_adjoint(hd_device *device, const hd_stretches *stretches, const hd_real *w, const hd_real *m,
                      const hd_real *m_next, const hd_real *p_w, const hd_real *p_m, hd_real *q,
                      double *sums) {
    Cuda *cuda = of(device);
    for (size_t first = 0, all = all_slices(*stretches); first < all; first += SLICES_AT_ONCE) {
        unsigned slices = (unsigned)(all - first < SLICES_AT_ONCE ? all - first : (size_t)SLICES_AT_ONCE);
        LAUNCH(momentum_adjoint_kernel, slices, SUM_THREADS, *stretches, first, real(w), real(m),
               real(m_next), real(p_w), real(p_m), real(q), cuda->parts);
        add_parts(cuda, *stretches, first, slices, 4, sums);
    }
}

void momentum_pull_back(hd_device *device, const hd_stretches *stretches, const hd_real *q, const hd_real *h,
                        hd_real *p_w, hd_real *p_m, hd_label label) {
    Cuda *cuda = of(device);
    size_t n = length(stretches);
    LAUNCH(momentum_pull_back_kernel, blocks_for(n), THREADS, n, *stretches, real(q), real(h), real(p_w),
           real(p_m), cuda->latch, what(device, label));
}

} // namespace

#endif
