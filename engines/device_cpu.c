/* `cpu`: float32 in the one arithmetic. Products by BLIS in slices, or by its own loops where BLIS's kernels
 * fail the self-test; threads share independent outputs, so their number changes no bit. */
#include "arithmetic.h"
#include "device_host.h"
#include "product.h"

#include <float.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Neighbouring inputs that are not zero in every example of a batch. */
typedef struct hd_run {
    size_t from, count; /* inputs */
    size_t at;          /* their columns in x */
} hd_run;

/* Only the inputs that are not zero throughout the batch are kept (on MNIST 70 %): a chain of fmaf is the
 * same without its zero terms. Slices still end where the whole matrix's would. */
struct hd_batch {
    size_t rows, inputs;
    float *x; /* [rows][active] */
    size_t active;
    hd_run *run;
    size_t runs;
    size_t *ends; /* of the slices, in columns of x */
    uint8_t *used, *labels;
};

typedef struct hd_scratch {
    float *at;
    size_t count;
} hd_scratch;

typedef struct hd_cpu {
    hd_device device;
    const hd_cpu_loops *loops;
    const hd_cpu_loops *own; /* the loops that multiply, NULL for BLIS */
    hd_scratch *scratch;     /* [threads] */
    float *slice_sums;       /* [slice_capacity][4] */
    size_t slice_capacity;
} hd_cpu;

static const float *in(const hd_real *array) {
    return (const float *)array;
}
static float *out_of(hd_real *array) {
    return (float *)array;
}

#define PARALLEL(cpu) _Pragma("omp parallel num_threads((int)(cpu)->device.threads)")
#define SHARE(count, grain)                                                                                  \
    hd_host_share(count, grain, (size_t)omp_get_thread_num(), (size_t)omp_get_num_threads())

/* --- memory --- */

static void upload(hd_device *device, size_t count, const float *from, hd_real *to) {
    (void)device;
    memcpy(to, from, count * sizeof *from);
}

static void download(hd_device *device, size_t count, const hd_real *from, double *to) {
    (void)device;
    for (size_t i = 0; i < count; i++) to[i] = (double)in(from)[i];
}

/* --- batches --- */

static void batch_release(hd_device *device, hd_batch *batch) {
    if (!batch) return;
    hd_host_release(device, batch->x);
    hd_host_release(device, batch->run);
    hd_host_release(device, batch->ends);
    hd_host_release(device, batch->used);
    hd_host_release(device, batch->labels);
    hd_host_release(device, batch);
}

static hd_batch *batch_create(hd_device *device, size_t rows, size_t inputs) {
    hd_batch *batch = hd_host_allocate(device, 1, sizeof *batch);
    if (!batch) return NULL;
    batch->inputs = inputs;
    batch->x = hd_host_allocate(device, rows * inputs, sizeof *batch->x);
    batch->run = hd_host_allocate(device, inputs / 2 + 1, sizeof *batch->run);
    batch->ends = hd_host_allocate(device, hd_slice_count(inputs), sizeof *batch->ends);
    batch->used = hd_host_allocate(device, inputs, 1);
    batch->labels = hd_host_allocate(device, rows, 1);
    if (batch->x && batch->run && batch->ends && batch->used && batch->labels) return batch;
    batch_release(device, batch);
    return NULL;
}

static void find_runs(hd_batch *batch) {
    batch->runs = batch->active = 0;
    for (size_t i = 0; i < batch->inputs; i++) {
        if (batch->used[i] && (i == 0 || !batch->used[i - 1]))
            batch->run[batch->runs++] = (hd_run){.from = i, .count = 0, .at = batch->active};
        if (batch->used[i]) batch->run[batch->runs - 1].count++, batch->active++;
        if ((i + 1) % HD_PRODUCT_SLICE == 0 || i + 1 == batch->inputs)
            batch->ends[i / HD_PRODUCT_SLICE] = batch->active;
    }
}

static void batch_load(hd_device *device, hd_batch *batch, const hd_examples *examples, const uint32_t *index,
                       size_t first, size_t rows) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    size_t inputs = batch->inputs;
    batch->rows = rows;
    PARALLEL(cpu) {
        hd_range columns = SHARE(inputs, 64);
        memset(batch->used + columns.from, 0, columns.to - columns.from);
        for (size_t r = 0; r < rows; r++) {
            const uint8_t *pixels = examples->pixels + hd_batch_example(index, first, r) * inputs;
            for (size_t i = columns.from; i < columns.to; i++) batch->used[i] |= pixels[i];
        }
#pragma omp barrier
#pragma omp single
        find_runs(batch);
        hd_range share = SHARE(rows, 1);
        for (size_t r = share.from; r < share.to; r++) {
            size_t example = hd_batch_example(index, first, r);
            batch->labels[r] = examples->labels[example];
            for (const hd_run *run = batch->run; run < batch->run + batch->runs; run++)
                cpu->loops->pixels(run->count, examples->pixels + example * inputs + run->from,
                                   batch->x + r * batch->active + run->at);
        }
    }
}

static void batch_download(hd_device *device, const hd_batch *batch, double *to) {
    (void)device;
    memset(to, 0, batch->rows * batch->inputs * sizeof *to);
    for (size_t r = 0; r < batch->rows; r++)
        for (const hd_run *run = batch->run; run < batch->run + batch->runs; run++)
            for (size_t i = 0; i < run->count; i++)
                to[r * batch->inputs + run->from + i] = (double)batch->x[r * batch->active + run->at + i];
}

/* --- products --- */

static hd_strided strided(hd_matrix matrix, size_t row, size_t column) {
    hd_strided s = {in(matrix.at), matrix.transposed ? 1 : matrix.ld, matrix.transposed ? matrix.ld : 1};
    s.at += row * s.row + column * s.column;
    return s;
}

/* This thread's room for count floats, NULL (latched by the caller) where it cannot be had. */
static float *room(hd_cpu *cpu, size_t count) {
    hd_scratch *scratch = &cpu->scratch[omp_get_thread_num()];
    if (!scratch->at || scratch->count < count) {
        free(scratch->at);
        scratch->at = aligned_alloc(64, (count * sizeof(float) + 127) / 64 * 64);
        scratch->count = scratch->at ? count : 0;
    }
    return scratch->at;
}

/* C (+)= X B, B not transposed: the rows of B that meet used inputs are brought together. */
static bool multiply_batch(hd_cpu *cpu, const hd_batch *x, hd_strided b, bool accumulate, float *c,
                           size_t ldc, hd_block block) {
    float *rows = room(cpu, x->active * block.columns);
    if (!rows) return false;
    for (const hd_run *run = x->run; run < x->run + x->runs; run++)
        for (size_t i = 0; i < run->count; i++)
            memcpy(rows + (run->at + i) * block.columns, b.at + (run->from + i) * b.row,
                   block.columns * sizeof *rows);
    hd_product_sliced(block.rows, block.columns, hd_slice_count(x->inputs), x->ends,
                      (hd_strided){x->x + block.row * x->active, x->active, 1},
                      (hd_strided){rows, block.columns, 1}, accumulate, c, ldc, cpu->own);
    return true;
}

/* C (+)= transposed X B: the rows of C that belong to used inputs are made, then put in their places; the
 * others are zero. */
static bool multiply_batch_transposed(hd_cpu *cpu, const hd_batch *x, size_t slices, const size_t *ends,
                                      hd_strided b, bool accumulate, float *c, size_t ldc, hd_block block) {
    size_t columns = block.columns, first = 0, count = 0;
    for (const hd_run *run = x->run; run < x->run + x->runs; run++) {
        size_t from = run->from > block.row ? run->from : block.row;
        size_t last = run->from + run->count, end = block.row + block.rows;
        if (last > end) last = end;
        if (from >= last) continue;
        if (count == 0) first = run->at + (from - run->from);
        count += last - from;
    }
    float *made = room(cpu, count * columns);
    if (!made) return false;
    size_t at = first;
    for (size_t i = block.row; accumulate && i < block.row + block.rows; i++)
        if (x->used[i])
            memcpy(made + (at++ - first) * columns, c + (i - block.row) * ldc, columns * sizeof *c);
    hd_product_sliced(count, columns, slices, ends, (hd_strided){x->x + first, 1, x->active}, b, accumulate,
                      made, columns, cpu->own);
    at = first;
    for (size_t i = block.row; i < block.row + block.rows; i++) {
        float *row = c + (i - block.row) * ldc;
        if (x->used[i])
            memcpy(row, made + (at++ - first) * columns, columns * sizeof *c);
        else if (!accumulate)
            memset(row, 0, columns * sizeof *c);
    }
    return true;
}

static bool multiply_block(hd_cpu *cpu, const hd_product *p, hd_block block) {
    float *c = out_of(p->c) + block.row * p->ldc + block.column;
    for (size_t t = 0; t < p->terms; t++) {
        hd_matrix a = p->term[t].a;
        hd_strided b = strided(p->term[t].b, 0, block.column);
        bool accumulate = p->accumulate || t > 0;
        size_t k = p->term[t].k, ends[hd_slice_count(k) + 1];
        hd_slice_ends(k, ends);
        if (!a.batch)
            hd_product_sliced(block.rows, block.columns, hd_slice_count(k), ends, strided(a, block.row, 0), b,
                              accumulate, c, p->ldc, cpu->own);
        else if (!(a.transposed ? multiply_batch_transposed(cpu, a.batch, hd_slice_count(k), ends, b,
                                                            accumulate, c, p->ldc, block)
                                : multiply_batch(cpu, a.batch, b, accumulate, c, p->ldc, block)))
            return false;
    }
    return true;
}

static double operations(const hd_product *p) {
    double sum = 0;
    for (size_t t = 0; t < p->terms; t++) {
        const hd_batch *x = p->term[t].a.batch;
        bool over_inputs = x && !p->term[t].a.transposed;
        double m = (double)(x && p->term[t].a.transposed ? x->active : p->m);
        sum += 2 * m * (double)p->n * (double)(over_inputs ? x->active : p->term[t].k);
    }
    return sum;
}

static void multiply(hd_device *device, size_t count, const hd_product *products) {
    hd_cpu *cpu = (hd_cpu *)device;
    bool no_memory = false;
    PARALLEL(cpu) {
        bool failed = false;
        size_t thread = (size_t)omp_get_thread_num(), threads = (size_t)omp_get_num_threads();
        for (size_t i = 0; i < count; i++) {
            hd_block block;
            if (hd_product_block(count, products, i, thread, threads, &block))
                failed |= !multiply_block(cpu, &products[i], block);
        }
        if (failed) {
#pragma omp atomic write
            no_memory = true;
        }
    }
    if (no_memory) hd_device_latch(device, HD_NO_MEMORY, (hd_label){HD_BATCH, 0});
    for (size_t i = 0; i < count; i++) device->operations += operations(&products[i]);
}

/* --- the network's element formulas --- */

static void activate(hd_device *device, size_t rows, size_t columns, hd_real *z, const hd_real *b, bool relu,
                     hd_label label) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    int bad = 0;
#pragma omp parallel num_threads((int)cpu->device.threads) reduction(| : bad)
    {
        hd_range r = SHARE(rows, 1);
        bad |= cpu->loops->activate(r.to - r.from, columns, out_of(z) + r.from * columns, in(b), relu);
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, label);
}

static void activate_tangent(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a,
                             bool relu, hd_real *z_dot, size_t z_stride, const hd_real *b_dot,
                             size_t b_stride, hd_label label) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    int bad = 0;
#pragma omp parallel num_threads((int)cpu->device.threads) reduction(| : bad)
    for (size_t j = 0; j < count; j++) {
        hd_range r = SHARE(rows, 1);
        bad |= cpu->loops->activate_tangent(r.to - r.from, columns, in(a) + r.from * columns, relu,
                                            out_of(z_dot) + j * z_stride + r.from * columns,
                                            in(b_dot) + j * b_stride);
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, label);
}

static void gate(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a, hd_real *d,
                 size_t d_stride) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    PARALLEL(cpu)
    for (size_t j = 0; j < count; j++) {
        hd_range r = SHARE(rows * columns, 64);
        cpu->loops->gate(r.to - r.from, in(a) + r.from, out_of(d) + j * d_stride + r.from);
    }
}

static void softmax(hd_device *device, const hd_batch *batch, size_t classes, double divisor,
                    const hd_real *logits, hd_real *p, hd_real *delta, hd_real *error) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    int bad = 0;
#pragma omp parallel num_threads((int)cpu->device.threads) reduction(| : bad)
    {
        hd_range r = SHARE(batch->rows, 1);
        size_t at = r.from * classes;
        bad |=
            cpu->loops->softmax(r.to - r.from, classes, (float)divisor, batch->labels + r.from,
                                in(logits) + at, out_of(p) + at, out_of(delta) + at, out_of(error) + r.from);
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, (hd_label){HD_ERROR, 0});
}

static void softmax_tangent(hd_device *device, const hd_batch *batch, size_t count, size_t classes,
                            double divisor, const hd_real *p, hd_real *z_dot, size_t stride) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    PARALLEL(cpu)
    for (size_t j = 0; j < count; j++) {
        hd_range r = SHARE(batch->rows, 1);
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

/* Room for the sums of each slice of count terms. */
static float *slice_sums(hd_cpu *cpu, size_t slices) {
    if (!cpu->slice_sums || cpu->slice_capacity < slices) {
        free(cpu->slice_sums);
        cpu->slice_sums = malloc((slices + 1) * sizeof(float[4])); /* not of nothing: that may be NULL */
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
    PARALLEL(cpu) {
        hd_range r = SHARE(count, HD_SUM_SLICE);
        for (size_t i = r.from; i < r.to; i += HD_SUM_SLICE)
            part[i / HD_SUM_SLICE] =
                cpu->loops->sum_slice(slice_length(count, i), in(x) + i, y ? in(y) + i : NULL);
    }
    for (size_t s = 0; s < sum_slices(count); s++) *sum += (double)part[s];
}

/* --- momentum --- */

enum { GRAIN = 1024 }; /* weights in the smallest share of a thread */

static void momentum_step(hd_device *device, size_t n, hd_coefficients k, const hd_real *w, const hd_real *m,
                          const hd_real *g, hd_real *w_next, hd_real *m_next, hd_label label) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    int bad = 0;
#pragma omp parallel num_threads((int)cpu->device.threads) reduction(| : bad)
    {
        hd_range r = SHARE(n, GRAIN);
        bad |= cpu->loops->momentum_step(r.to - r.from, k, in(w) + r.from, in(m) + r.from, in(g) + r.from,
                                         out_of(w_next) + r.from, out_of(m_next) + r.from);
    }
    if (bad) hd_device_latch(device, HD_NOT_FINITE, label);
}

static void momentum_tangent(hd_device *device, size_t n, hd_coefficients k, size_t count, size_t stride,
                             const hd_source *source, const hd_real *w, const hd_real *m,
                             const hd_real *m_next, const hd_real *h, hd_real *z_w, hd_real *z_m,
                             hd_label label) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    size_t first_bad = count;
#pragma omp parallel num_threads((int)cpu->device.threads) reduction(min : first_bad)
    for (size_t j = 0; j < count; j++) {
        hd_range r = SHARE(n, GRAIN);
        size_t at = j * stride + r.from;
        bool bad =
            cpu->loops->momentum_tangent(r.to - r.from, k, source[j], in(w) + r.from, in(m) + r.from,
                                         in(m_next) + r.from, in(h) + at, out_of(z_w) + at, out_of(z_m) + at);
        if (bad && j < first_bad) first_bad = j;
    }
    if (first_bad < count) hd_device_latch(device, HD_NOT_FINITE, (hd_label){label.tensor, first_bad});
}

static void momentum_adjoint(hd_device *device, size_t n, hd_coefficients k, const hd_real *w,
                             const hd_real *m, const hd_real *m_next, const hd_real *p_w, const hd_real *p_m,
                             hd_real *q, double sums[4]) {
    hd_cpu *cpu = (hd_cpu *)device;
    float *part = slice_sums(cpu, sum_slices(n));
    if (!part) return;
    PARALLEL(cpu) {
        hd_range r = SHARE(n, HD_SUM_SLICE);
        for (size_t i = r.from; i < r.to; i += HD_SUM_SLICE)
            cpu->loops->momentum_adjoint_slice(slice_length(n, i), k, in(w) + i, in(m) + i, in(m_next) + i,
                                               in(p_w) + i, in(p_m) + i, out_of(q) + i,
                                               part + i / HD_SUM_SLICE * 4);
    }
    for (size_t s = 0; s < sum_slices(n); s++)
        for (size_t j = 0; j < 4; j++) sums[j] += (double)part[4 * s + j];
}

static void momentum_pull_back(hd_device *device, size_t n, hd_coefficients k, const hd_real *q,
                               const hd_real *h, hd_real *p_w, hd_real *p_m, hd_label label) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    int bad = 0;
#pragma omp parallel num_threads((int)cpu->device.threads) reduction(| : bad)
    {
        hd_range r = SHARE(n, GRAIN);
        bad |= cpu->loops->momentum_pull_back(r.to - r.from, k, in(q) + r.from, in(h) + r.from,
                                              out_of(p_w) + r.from, out_of(p_m) + r.from);
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
    .destroy = destroy,
    .allocate = hd_host_allocate_reals,
    .release = hd_host_release_reals,
    .allocate_sums = hd_host_allocate_sums,
    .release_sums = hd_host_release_sums,
    .zero_sums = hd_host_zero_sums,
    .fetch_sums = hd_host_fetch_sums,
    .upload = upload,
    .download = download,
    .zero = hd_host_zero,
    .copy = hd_host_copy,
    .batch_create = batch_create,
    .batch_release = batch_release,
    .batch_load = batch_load,
    .batch_download = batch_download,
    .multiply = multiply,
    .activate = activate,
    .activate_tangent = activate_tangent,
    .gate = gate,
    .softmax = softmax,
    .softmax_tangent = softmax_tangent,
    .count_correct = count_correct,
    .dot = dot,
    .momentum_step = momentum_step,
    .momentum_tangent = momentum_tangent,
    .momentum_adjoint = momentum_adjoint,
    .momentum_pull_back = momentum_pull_back,
};

/* The loops asked for, or the widest that this processor runs. */
static hd_status choose_loops(const char *name, const hd_cpu_loops **loops, hd_error *error) {
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    const struct {
        const hd_cpu_loops *loops;
        bool runs;
    } known[] = {{&hd_cpu_loops_avx512, avx512}, {&hd_cpu_loops_avx2, avx2}, {&hd_cpu_loops_baseline, true}};
#else
    const struct {
        const hd_cpu_loops *loops;
        bool runs;
    } known[] = {{&hd_cpu_loops_baseline, true}};
#endif
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (name ? strcmp(name, known[i].loops->name) != 0 : !known[i].runs) continue;
        if (!known[i].runs)
            return hd_fail(error, HD_UNAVAILABLE, "loops '%s': this processor cannot run them", name);
        *loops = known[i].loops;
        return HD_OK;
    }
    return hd_fail(error, HD_INVALID, "loops '%s': not known; allowed: avx512, avx2, baseline", name);
}

/* BLIS, unless its kernels do not follow the arithmetic in any one of the threads. */
static hd_status choose_products(hd_cpu *cpu, const char *kernels, hd_error *error) {
    hd_device *device = &cpu->device;
    bool own = kernels && !strcmp(kernels, "own");
    if (!own) {
        hd_status status = hd_product_start(kernels, device->kernels, error);
        if (status != HD_OK) return status;
        int failures = 0;
#pragma omp parallel num_threads((int)device->threads) reduction(+ : failures)
        failures += !hd_product_self_test();
        if (failures == 0) return HD_OK;
        snprintf(device->note, sizeof device->note,
                 "BLIS's '%s' kernels do not give the arithmetic's bits: own loops instead", device->kernels);
    }
    cpu->own = cpu->loops;
    snprintf(device->kernels, sizeof device->kernels, "own");
    return HD_OK;
}

hd_status hd_device_open_cpu(const hd_device_options *options, hd_device **opened, hd_error *error) {
    _Static_assert(FLT_EVAL_METHOD == 0, "float arithmetic must be carried out in float");
    hd_cpu *cpu = calloc(1, sizeof *cpu);
    if (!cpu) return hd_fail(error, HD_UNAVAILABLE, "device cpu: no memory");
    hd_device *device = &cpu->device;
    *device = (hd_device){.ops = &ops, .name = "cpu", .arithmetic = "exact", .element = sizeof(float)};
    hd_status status = hd_host_threads(options, &device->threads, error);
    if (status == HD_OK) status = choose_loops(options ? options->loops : NULL, &cpu->loops, error);
    if (status == HD_OK) {
        snprintf(device->loops, sizeof device->loops, "%s", cpu->loops->name);
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
