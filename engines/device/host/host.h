/* What the devices on this machine's processor share: memory, batches' bookkeeping, shares of work. Internal
 * to device/cpu/ and device/reference/. */
#ifndef HD_DEVICE_HOST_HOST_H
#define HD_DEVICE_HOST_HOST_H

#include "device/device.h"

/* Zeroed memory for count elements, counted in device->allocated. It is 64-byte aligned, padded (BLIS 0.9.0
 * reads a little past the end of buffers), and in huge pages if large. NULL: no memory. Release it with
 * hd_host_release, which takes NULL. */
void *hd_host_allocate(hd_device *device, size_t count, size_t element);
void hd_host_release(hd_device *device, void *memory);

/* The operations on sums, which are plain numbers on the host. */
double *hd_host_allocate_sums(hd_device *device, size_t count);
void hd_host_zero_sums(hd_device *device, size_t count, double *sums);
void hd_host_fetch_sums(hd_device *device, size_t count, const double *from, double *to); /* and store_sums */

/* allocate, view, replace, zero, copy and draw of the table. */
hd_real *hd_host_allocate_reals(hd_device *device, size_t count);
const void *hd_host_view(hd_device *device, size_t count, const hd_real *reals, void *room);
void hd_host_replace(hd_device *device, size_t count, const void *elements, hd_real *to);
void hd_host_zero(hd_device *device, size_t count, hd_real *to);
void hd_host_copy(hd_device *device, size_t count, const hd_real *from, hd_real *to);
void hd_host_draw(hd_device *device, const hd_xavier *layer, hd_real *to);

/* place, unplace, section and forget: bytes stay where they are, and operations are done at once. */
const void *hd_host_place(hd_device *device, const void *bytes, size_t count);
void hd_host_unplace(hd_device *device, const void *placed);
void hd_host_section(hd_device *device, size_t id, void (*body)(void *context), void *context);
void hd_host_nothing(hd_device *device);
/* settle: looks whether every thread still rounds to nearest and keeps subnormals, as when the device was opened; if
 * not, latches HD_FAILED. */
void hd_host_settle(hd_device *device);

/* The operations that are the same for all of these devices. */
#define HD_HOST_OPS                                                                                          \
    .allocate = hd_host_allocate_reals, .allocate_sums = hd_host_allocate_sums, .release = hd_host_release,  \
    .zero_sums = hd_host_zero_sums, .fetch_sums = hd_host_fetch_sums, .store_sums = hd_host_fetch_sums,      \
    .zero = hd_host_zero, .draw = hd_host_draw, .copy = hd_host_copy, .place = hd_host_place,                \
    .unplace = hd_host_unplace, .section = hd_host_section, .forget = hd_host_nothing,                       \
    .settle = hd_host_settle

/* Writes how many threads to use: options->threads, or if that is 0 one for each core this process may run
 * on, but not more than the CPU quota keeps busy. HD_UNAVAILABLE: more threads than cores. */
hd_status hd_host_threads(const hd_device_options *options, size_t *threads, hd_error *error);

/* This thread's part of 0..count-1, cut at multiples of grain. */
typedef struct hd_share {
    size_t from, to;
} hd_share;
hd_share hd_host_share(size_t count, size_t grain, size_t thread, size_t threads);

/* Stretch s: count elements from `at`, and its coefficients. */
typedef struct hd_stretch {
    size_t at, count;
    hd_coefficients k;
} hd_stretch;
static inline hd_stretch hd_stretch_of(const hd_stretches *stretches, size_t s) {
    size_t at = stretches->start[s];
    return (hd_stretch){at, stretches->start[s + 1] - at, stretches->coefficients[s]};
}

/* Which example is in row r of a batch. */
static inline size_t hd_batch_example(const uint32_t *index, size_t first, size_t r) {
    return index ? index[r] : first + r;
}

#endif
