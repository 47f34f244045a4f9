/* Products summed in other orders: no faults, but what another library would do. */
#include "device/cpu/cpu.h"
#include "faults/fault.h"
#include "faults/operations.h"

#include <stdlib.h>

typedef float (*hd_element_sum)(size_t k, const float *a, const float *b);

static float reversed(size_t k, const float *a, const float *b) {
    float sum = 0;
    while (k-- > 0) sum += a[k] * b[k];
    return sum;
}

static float in_slices(size_t k, const float *a, const float *b) {
    enum { SLICE = 32 };
    float sum = 0;
    for (size_t from = 0; from < k; from += SLICE) {
        float slice = 0;
        for (size_t i = from; i < k && i < from + SLICE; i++) slice += a[i] * b[i];
        sum += slice;
    }
    return sum;
}

static float in_double(size_t k, const float *a, const float *b) {
    double sum = 0;
    for (size_t i = 0; i < k; i++) sum += (double)a[i] * (double)b[i];
    return (float)sum;
}

static hd_element_sum chosen(void) {
    hd_planted which = hd_fault_chosen();
    if (!hd_fault_acts(which)) return NULL;
    return which == HD_SUMS_REVERSED || which == HD_LATE_OVER_BENIGN ? reversed
           : which == HD_SUMS_IN_SLICES                              ? in_slices
           : which == HD_SUMS_IN_DOUBLE                              ? in_double
                                                                     : NULL;
}

/* A whole operand, dense, rows x columns as it is used. A batch keeps only the inputs that are not zero throughout. */
static float *dense(hd_device *device, hd_matrix m, size_t rows, size_t columns) {
    float *copy = malloc(rows * columns * sizeof *copy);
    size_t lines = m.transposed ? columns : rows, length = m.transposed ? rows : columns;
    double *pixels = m.batch ? malloc(m.batch->rows * m.batch->inputs * sizeof *pixels) : NULL;
    if (!copy || (m.batch && !pixels)) abort();
    if (m.batch) hd_cpu_batch_download(device, m.batch, pixels);
    for (size_t i = 0; i < lines; i++)
        for (size_t j = 0; j < length; j++) {
            float x = m.batch ? (float)pixels[i * m.batch->inputs + j] : in(m.at)[i * m.ld + j];
            copy[m.transposed ? j * columns + i : i * columns + j] = x;
        }
    free(pixels);
    return copy;
}

static void multiply(hd_device *device, const hd_product *p, hd_element_sum sum) {
    for (size_t t = 0; t < p->terms; t++) {
        size_t k = p->term[t].k;
        hd_matrix b_t = p->term[t].b;
        b_t.transposed = !b_t.transposed;
        float *a = dense(device, p->term[t].a, p->m, k), *b = dense(device, b_t, p->n, k);
        for (size_t i = 0; i < p->m; i++)
            for (size_t j = 0; j < p->n; j++) {
                float *c = out_of(p->c) + i * p->ldc + j, s = sum(k, a + i * k, b + j * k);
                *c = p->accumulate || t > 0 ? *c + s : s;
            }
        free(a);
        free(b);
    }
}

bool hd_fault_sums_otherwise(hd_device *device, size_t count, const hd_product *products) {
    hd_element_sum sum = chosen();
    for (size_t i = 0; sum && i < count; i++) multiply(device, &products[i], sum);
    return sum != NULL;
}
