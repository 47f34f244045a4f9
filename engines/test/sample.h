/* Shared by the tests of devices and engines: seeded numbers, devices that the machine may lack, bits. */
#ifndef HD_TEST_SAMPLE_H
#define HD_TEST_SAMPLE_H

#include "device/device.h"
#include "devices.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* splitmix64. */
static inline uint64_t sample_word(uint64_t *seed) {
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 .. below - 1. */
static inline size_t sample_index(uint64_t *seed, size_t below) {
    return below ? (size_t)(sample_word(seed) % below) : 0;
}

/* A float between -size and size. */
static inline float sample_float(uint64_t *seed, float size) {
    return ((float)(sample_word(seed) >> 40) * 0x1p-23f - 1.0f) * size;
}

static inline void sample_floats(uint64_t *seed, float size, size_t count, float *values) {
    for (size_t i = 0; i < count; i++) values[i] = sample_float(seed, size);
}

/* Whether a and b are equal to the bit; all NaN count as equal. */
static inline bool same_bits(float a, float b) {
    return (isnan(a) && isnan(b)) || !memcmp(&a, &b, sizeof a);
}

/* Opens exactly this device, or skips the test if this machine cannot. */
static inline hd_device *open_device(const char *name, hd_device_options options) {
    hd_device *device = NULL;
    hd_error error;
    hd_status status = hd_device_open(name, &options, &device, &error);
    if (status == HD_UNAVAILABLE) cr_skip_test("%s", error.message);
    cr_assert(status == HD_OK, "%s: %s", name, error.message);
    if (options.kernels)
        cr_assert(!strcmp(device->kernels, options.kernels), "%s runs: %s", device->kernels, device->note);
    if (options.loops) cr_assert(!strcmp(device->loops, options.loops), "%s runs", device->loops);
    return device;
}

/* A device array of these numbers. */
static inline hd_real *uploaded(hd_device *device, size_t count, const float *values) {
    hd_real *array = device->ops->allocate(device, count);
    cr_assert(array);
    device->ops->upload(device, count, values, array);
    return array;
}

/* A vector of n elements as one stretch, with coefficients on the device. */
static inline hd_stretches one_stretch(size_t n, const hd_coefficients *k) {
    return (hd_stretches){.count = 1, .start = {0, n}, .coefficients = k};
}

#endif
