/* The CPU device's batches and matrix products. */
#include "arithmetic/arithmetic.h"
#include "device/cpu/cpu.h"
#include "device/cpu/product.h"

#include <stdlib.h>
#include <string.h>

/* --- batches --- */

void hd_cpu_batch_release(hd_device *device, hd_batch *batch) {
    if (!batch) return;
    hd_host_release(device, batch->x);
    hd_host_release(device, batch->run);
    hd_host_release(device, batch->ends);
    hd_host_release(device, batch->used);
    hd_host_release(device, batch->labels);
    hd_host_release(device, batch);
}

hd_batch *hd_cpu_batch_create(hd_device *device, size_t rows, size_t inputs) {
    hd_batch *batch = hd_host_allocate(device, 1, sizeof *batch);
    if (!batch) return NULL;
    batch->inputs = inputs;
    batch->x = hd_host_allocate(device, rows * inputs, sizeof *batch->x);
    batch->run = hd_host_allocate(device, inputs / 2 + 1, sizeof *batch->run);
    batch->ends = hd_host_allocate(device, hd_slice_count(inputs), sizeof *batch->ends);
    batch->used = hd_host_allocate(device, inputs, 1);
    batch->labels = hd_host_allocate(device, rows, 1);
    if (batch->x && batch->run && batch->ends && batch->used && batch->labels) return batch;
    hd_cpu_batch_release(device, batch);
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

void hd_cpu_batch_load(hd_device *device, hd_batch *batch, const hd_examples *examples, const uint32_t *index,
                       size_t first, size_t rows) {
    const hd_cpu *cpu = (const hd_cpu *)device;
    size_t inputs = batch->inputs;
    batch->rows = rows;
#pragma omp parallel num_threads((int)device->threads)
    {
        hd_share columns = SHARE(inputs, 64);
        memset(batch->used + columns.from, 0, columns.to - columns.from);
        for (size_t r = 0; r < rows; r++) {
            const uint8_t *pixels = examples->pixels + hd_batch_example(index, first, r) * inputs;
            for (size_t i = columns.from; i < columns.to; i++) batch->used[i] |= pixels[i];
        }
#pragma omp barrier
#pragma omp single
        find_runs(batch);
        hd_share share = SHARE(rows, 1);
        for (size_t r = share.from; r < share.to; r++) {
            size_t example = hd_batch_example(index, first, r);
            batch->labels[r] = examples->labels[example];
            for (const hd_run *run = batch->run; run < batch->run + batch->runs; run++)
                cpu->loops->pixels(run->count, examples->pixels + example * inputs + run->from,
                                   batch->x + r * batch->active + run->at);
        }
    }
}

void hd_cpu_batch_download(hd_device *device, const hd_batch *batch, double *to) {
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

/* This thread's room for count floats. NULL: no memory; the caller latches that. */
static float *room(hd_cpu *cpu, size_t count) {
    hd_scratch *scratch = &cpu->scratch[omp_get_thread_num()];
    if (!scratch->at || scratch->count < count) {
        free(scratch->at);
        scratch->at = aligned_alloc(64, (count * sizeof(float) + 127) / 64 * 64);
        scratch->count = scratch->at ? count : 0;
    }
    return scratch->at;
}

/* C (+)= X B, B not transposed. It first copies the rows of B that belong to used inputs next to each
 * other. */
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

/* C (+)= X^T B. It makes the rows of C that belong to used inputs and puts them in their places; the other
 * rows are zero. */
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

void hd_cpu_multiply(hd_device *device, size_t count, const hd_product *products) {
    hd_cpu *cpu = (hd_cpu *)device;
    bool no_memory = false;
#pragma omp parallel num_threads((int)device->threads)
    {
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
