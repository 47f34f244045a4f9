/* `cpu`: float32 in the exact arithmetic. BLIS multiplies, slice by slice, or our own loops where BLIS's
 * kernels fail the self-test. Threads share out independent outputs, so their number changes no bit. */
#include "device/cpu/cpu.h"

#include "arithmetic/arithmetic.h"
#include "device/cpu/product.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- memory --- */

static void upload(hd_device *device, size_t count, const float *from, hd_real *to) {
    (void)device;
    memcpy(to, from, count * sizeof *from);
}

static void download(hd_device *device, size_t count, const hd_real *from, double *to) {
    (void)device;
    for (size_t i = 0; i < count; i++) to[i] = (double)in(from)[i];
}

/* Threads for work on so many numbers. Below half a megabyte one thread is done before a second one wakes
 * up. */
enum { SMALL = 1 << 17 };

static int team(const hd_cpu *cpu, size_t numbers) {
    return numbers < SMALL ? 1 : (int)cpu->device.threads;
}

/* --- the network's element formulas --- */

static void activate(hd_device *device, size_t rows, size_t columns, hd_real *z, const hd_real *b, bool relu,
                     hd_label label) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    int bad = 0;
#pragma omp parallel num_threads(team(cpu, 2 * rows * columns)) reduction(| : bad)
    {
        hd_share r = SHARE(rows, 1);
        bad |= cpu->loops->activate(r.to - r.from, columns, out_of(z) + r.from * columns, in(b), relu);
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, label);
}

static void activate_tangent(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a,
                             bool relu, hd_real *z_dot, size_t z_stride, const hd_real *b_dot,
                             size_t b_stride, hd_label label) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    int bad = 0;
#pragma omp parallel num_threads(team(cpu, 3 * count * rows * columns)) reduction(| : bad)
    for (size_t j = 0; j < count; j++) {
        hd_share r = SHARE(rows, 1);
        bad |= cpu->loops->activate_tangent(r.to - r.from, columns, in(a) + r.from * columns, relu,
                                            out_of(z_dot) + j * z_stride + r.from * columns,
                                            in(b_dot) + j * b_stride);
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, label);
}

static void gate(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a, hd_real *d,
                 size_t d_stride) {
    const hd_cpu *cpu = (const hd_cpu *)device;
#pragma omp parallel num_threads(team(cpu, 3 * count * rows * columns))

    for (size_t j = 0; j < count; j++) {
        hd_share r = SHARE(rows * columns, 64);
        cpu->loops->gate(r.to - r.from, in(a) + r.from, out_of(d) + j * d_stride + r.from);
    }
}

static void softmax(hd_device *device, const hd_batch *batch, size_t classes, double divisor,
                    const hd_real *logits, hd_real *p, hd_real *delta, hd_real *error) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    int bad = 0;
#pragma omp parallel num_threads(team(cpu, 16 * batch->rows * classes)) reduction(| : bad)
    {
        hd_share r = SHARE(batch->rows, 1);
        size_t at = r.from * classes;
        bad |= (cpu->libm ? cpu->loops->softmax_libm : cpu->loops->softmax)(
            r.to - r.from, classes, (float)divisor, batch->labels + r.from, in(logits) + at, out_of(p) + at,
            out_of(delta) + at, out_of(error) + r.from);
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, (hd_label){HD_ERROR, 0});
}

static void softmax_tangent(hd_device *device, const hd_batch *batch, size_t count, size_t classes,
                            double divisor, const hd_real *p, hd_real *z_dot, size_t stride) {
    const hd_cpu *cpu = (const hd_cpu *)device;
#pragma omp parallel num_threads(team(cpu, 3 * count * batch->rows * classes))

    for (size_t j = 0; j < count; j++) {
        hd_share r = SHARE(batch->rows, 1);
        cpu->loops->softmax_tangent(r.to - r.from, classes, (float)divisor, batch->labels + r.from,
                                    in(p) + r.from * classes, out_of(z_dot) + j * stride + r.from * classes);
    }
}

static void count_correct(hd_device *device, const hd_batch *batch, size_t classes, const hd_real *logits,
                          double *sum) {
    (void)device;
    size_t correct = 0;
    const float *row = in(logits);
    for (size_t r = 0; r < batch->rows; r++, row += classes) {
        size_t best = 0;
        for (size_t c = 1; c < classes; c++)
            if (row[c] > row[best]) best = c;
        correct += best == batch->labels[r];
    }
    *sum += (double)correct;
}

/* --- sums --- */

/* Room for four sums of each slice. */
static float *slice_sums(hd_cpu *cpu, size_t slices) {
    if (!cpu->slice_sums || cpu->slice_capacity < slices) {
        free(cpu->slice_sums);
        cpu->slice_sums = malloc((slices + 1) * sizeof(float[4])); /* malloc(0) may be NULL */
        cpu->slice_capacity = cpu->slice_sums ? slices : 0;
    }
    if (!cpu->slice_sums) hd_device_latch(&cpu->device, HD_NO_MEMORY, (hd_label){HD_ERROR, 0});
    return cpu->slice_sums;
}

static size_t sum_slices(size_t count) {
    return (count + HD_SUM_SLICE - 1) / HD_SUM_SLICE;
}
static size_t slice_length(size_t count, size_t from) {
    return count - from < HD_SUM_SLICE ? count - from : HD_SUM_SLICE;
}

static void dot(hd_device *device, size_t count, const hd_real *x, const hd_real *y, double *sum) {
    hd_cpu *cpu = (hd_cpu *)device;
    float *part = slice_sums(cpu, sum_slices(count));
    if (!part) return;
#pragma omp parallel num_threads(team(cpu, 2 * count))
    {
        hd_share r = SHARE(count, HD_SUM_SLICE);
        for (size_t i = r.from; i < r.to; i += HD_SUM_SLICE)
            part[i / HD_SUM_SLICE] =
                cpu->loops->sum_slice(slice_length(count, i), in(x) + i, y ? in(y) + i : NULL);
    }
    for (size_t s = 0; s < sum_slices(count); s++) *sum += (double)part[s];
}

/* --- momentum --- */

enum { GRAIN = 1024 }; /* weights in the smallest share of a thread */

static void momentum_step(hd_device *device, const hd_stretches *stretches, const hd_real *w,
                          const hd_real *m, const hd_real *g, hd_real *w_next, hd_real *m_next,
                          hd_label label) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    int bad = 0;
    for (size_t s = 0; s < stretches->count; s++) {
        const hd_stretch part = hd_stretch_of(stretches, s);
#pragma omp parallel num_threads(team(cpu, 5 * part.count)) reduction(| : bad)
        {
            hd_share r = SHARE(part.count, GRAIN);
            size_t at = part.at + r.from;
            bad |= cpu->loops->momentum_step(r.to - r.from, part.k, in(w) + at, in(m) + at, in(g) + at,
                                             out_of(w_next) + at, out_of(m_next) + at);
        }
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, label);
}

static void momentum_tangent(hd_device *device, const hd_stretches *stretches, size_t count, size_t stride,
                             const hd_source *source, const hd_real *w, const hd_real *m,
                             const hd_real *m_next, const hd_real *h, hd_real *z_w, hd_real *z_m,
                             hd_label label) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    size_t first_bad = count;
    for (size_t s = 0; s < stretches->count; s++) {
        const hd_stretch part = hd_stretch_of(stretches, s);
#pragma omp parallel num_threads(team(cpu, 5 * count * part.count)) reduction(min : first_bad)
        for (size_t j = 0; j < count; j++) {
            hd_share r = SHARE(part.count, GRAIN);
            size_t at = part.at + r.from, z = j * stride + at;
            bool bad = cpu->loops->momentum_tangent(r.to - r.from, part.k, source[j * stretches->count + s],
                                                    in(w) + at, in(m) + at, in(m_next) + at, in(h) + z,
                                                    out_of(z_w) + z, out_of(z_m) + z);
            if (bad && j < first_bad) first_bad = j;
        }
    }
    if (first_bad < count) hd_device_latch(device, HD_NOT_FINITE, (hd_label){label.tensor, first_bad});
}

static void momentum_adjoint(hd_device *device, const hd_stretches *stretches, const hd_real *w,
                             const hd_real *m, const hd_real *m_next, const hd_real *p_w, const hd_real *p_m,
                             hd_real *q, double *sums) {
    hd_cpu *cpu = (hd_cpu *)device;
    for (size_t s = 0; s < stretches->count; s++, sums += 4) {
        const hd_stretch part = hd_stretch_of(stretches, s);
        float *slice = slice_sums(cpu, sum_slices(part.count));
        if (!slice) return;
#pragma omp parallel num_threads(team(cpu, 6 * part.count))
        {
            hd_share r = SHARE(part.count, HD_SUM_SLICE);
            for (size_t i = r.from; i < r.to; i += HD_SUM_SLICE) {
                size_t at = part.at + i;
                cpu->loops->momentum_adjoint_slice(slice_length(part.count, i), part.k, in(w) + at,
                                                   in(m) + at, in(m_next) + at, in(p_w) + at, in(p_m) + at,
                                                   out_of(q) + at, slice + i / HD_SUM_SLICE * 4);
            }
        }
        for (size_t i = 0; i < sum_slices(part.count); i++)
            for (size_t j = 0; j < 4; j++) sums[j] += (double)slice[4 * i + j];
    }
}

static void momentum_pull_back(hd_device *device, const hd_stretches *stretches, const hd_real *q,
                               const hd_real *h, hd_real *p_w, hd_real *p_m, hd_label label) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    int bad = 0;
    for (size_t s = 0; s < stretches->count; s++) {
        const hd_stretch part = hd_stretch_of(stretches, s);
#pragma omp parallel num_threads(team(cpu, 6 * part.count)) reduction(| : bad)
        {
            hd_share r = SHARE(part.count, GRAIN);
            size_t at = part.at + r.from;
            bad |= cpu->loops->momentum_pull_back(r.to - r.from, part.k, in(q) + at, in(h) + at,
                                                  out_of(p_w) + at, out_of(p_m) + at);
        }
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, label);
}

/* --- opening --- */

static void destroy(hd_device *device) {
    hd_cpu *cpu = (hd_cpu *)device;
    for (size_t t = 0; cpu->scratch && t < device->threads; t++) free(cpu->scratch[t].at);
    free(cpu->scratch);
    free(cpu->slice_sums);
    free(cpu);
}

static const hd_device_ops ops = {
    HD_HOST_OPS,
    HD_NETWORK_OPS,
    HD_MOMENTUM_OPS,
    .destroy = destroy,
    .upload = upload,
    .download = download,
    .view = hd_host_view,
    .replace = hd_host_replace,
    .batch_create = hd_cpu_batch_create,
    .batch_release = hd_cpu_batch_release,
    .batch_load = hd_cpu_batch_load,
    .batch_download = hd_cpu_batch_download,
    .multiply = hd_cpu_multiply,
};

/* The loops that the options name, or the widest that this processor runs. */
static hd_status choose_loops(const char *name, const hd_cpu_loops **loops, hd_error *error) {
    const struct {
        const hd_cpu_loops *loops;
        bool runs;
    } known[] = {
#if defined(__x86_64__)
        {&hd_cpu_loops_avx512, hd_runs_avx512()},
        {&hd_cpu_loops_avx2, hd_runs_avx2()},
#endif
        {&hd_cpu_loops_baseline, true}
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (name ? strcmp(name, known[i].loops->name) != 0 : !known[i].runs) continue;
        if (!known[i].runs)
            return hd_fail(error, HD_UNAVAILABLE, "loops '%s': this processor cannot run them", name);
        *loops = known[i].loops;
        return HD_OK;
    }
    return hd_fail(error, HD_INVALID, "loops '%s': not known; allowed: avx512, avx2, baseline", name);
}

/* Whether products pass the self-test in every thread. */
static bool all_pass(const hd_cpu *cpu, const hd_cpu_loops *own) {
    int failures = 0;
#pragma omp parallel num_threads((int)cpu->device.threads) reduction(+ : failures)
    {
        if (!own) hd_product_warm_up();
        failures += !hd_product_self_test(own);
    }
    return failures == 0;
}

/* Chooses BLIS, unless its kernels do not give the arithmetic's bits. */
static hd_status choose_products(hd_cpu *cpu, const char *kernels, hd_error *error) {
    hd_device *device = &cpu->device;
    if (!kernels || strcmp(kernels, "own") != 0) {
        hd_status status = hd_product_start(kernels, device->kernels, error);
        if (status != HD_OK || all_pass(cpu, NULL)) return status;
        snprintf(device->note, sizeof device->note,
                 "BLIS's '%s' kernels do not give the exact arithmetic's bits: hyperdrift uses its own loops",
                 device->kernels);
    }
    cpu->own = cpu->loops;
    snprintf(device->kernels, sizeof device->kernels, "own");
    if (all_pass(cpu, cpu->own)) return HD_OK;
    return hd_fail(error, HD_UNAVAILABLE,
                   "device cpu: this processor does not keep to float32 arithmetic here (is it set to flush "
                   "subnormals?)");
}

hd_status hd_device_open_cpu(const hd_device_options *options, hd_device **opened, hd_error *error) {
    _Static_assert(FLT_EVAL_METHOD == 0, "float arithmetic must be carried out in float");
    hd_cpu *cpu = calloc(1, sizeof *cpu);
    if (!cpu) return hd_fail(error, HD_UNAVAILABLE, "device cpu: no memory");
    hd_device *device = &cpu->device;
    *device = (hd_device){.ops = &ops, .name = "cpu", .arithmetic = "exact", .element = sizeof(float)};
    hd_status status = hd_host_threads(options, &device->threads, error);
    cpu->libm = options && options->math && !strcmp(options->math, "libm");
    if (cpu->libm) device->arithmetic = "libm";
    if (status == HD_OK) status = choose_loops(options ? options->loops : NULL, &cpu->loops, error);
    if (status == HD_OK) {
        snprintf(device->loops, sizeof device->loops, "%s", cpu->loops->name);
        hd_device_add_fact(device, "blis", "%s", hd_product_library());
        status = choose_products(cpu, options ? options->kernels : NULL, error);
    }
    if (status == HD_OK && !(cpu->scratch = calloc(device->threads, sizeof *cpu->scratch)))
        status = hd_fail(error, HD_UNAVAILABLE, "device cpu: no memory");
    if (status == HD_OK)
        *opened = device;
    else
        destroy(device);
    return status;
}
