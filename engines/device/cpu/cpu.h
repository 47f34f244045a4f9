/* The CPU device's own structs, for device/cpu/cpu.c and device/cpu/multiply.c. */
#ifndef HD_DEVICE_CPU_CPU_H
#define HD_DEVICE_CPU_CPU_H

#include "device/cpu/loops.h"
#include "device/host/host.h"

#include <omp.h>

/* Neighbouring inputs, each of which is nonzero in some example of the batch. */
typedef struct hd_run {
    size_t from, count; /* inputs */
    size_t at;          /* their columns in x */
} hd_run;

/* A batch keeps only the inputs that are not zero throughout (on MNIST 70 %): a chain of fmaf is the same
 * without its zero terms. Its slices end where the whole matrix's would. */
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
    bool libm;               /* exp and log are the C library's */
    hd_scratch *scratch;     /* [threads] */
    float *slice_sums;       /* [slice_capacity][4] */
    size_t slice_capacity;
} hd_cpu;

static inline const float *in(const hd_real *array) {
    return (const float *)array;
}
static inline float *out_of(hd_real *array) {
    return (float *)array;
}

#define SHARE(count, grain)                                                                                  \
    hd_host_share(count, grain, (size_t)omp_get_thread_num(), (size_t)omp_get_num_threads())

/* Opens the device "cpu" as hd_device_open does. */
hd_status hd_device_open_cpu(const hd_device_options *options, hd_device **opened, hd_error *error);

/* The operations on batches, and multiply: device.h says what they do. */
hd_batch *hd_cpu_batch_create(hd_device *device, size_t rows, size_t inputs);
void hd_cpu_batch_release(hd_device *device, hd_batch *batch);
void hd_cpu_batch_load(hd_device *device, hd_batch *batch, const hd_examples *examples, const uint32_t *index,
                       size_t first, size_t rows);
void hd_cpu_batch_download(hd_device *device, const hd_batch *batch, double *to);
void hd_cpu_multiply(hd_device *device, size_t count, const hd_product *products);

#endif
