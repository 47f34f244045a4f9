/* Shared by the conformance suite's files: the devices, arrays between guards, a batch of pictures. */
#ifndef HD_TEST_CONFORMANCE_H
#define HD_TEST_CONFORMANCE_H

#include "test/sample.h"
#include "training/initial_weights.h"

#include <stdlib.h>

/* To test a new device or arithmetic, add it here. */
static const struct {
    const char *name, *arithmetic;
} devices[] = {{"cpu", NULL}, {"reference", NULL}, {"extended", NULL}, {"cuda", NULL}, {"cuda", "cublas"}};

static inline void on_every_device(void (*check)(hd_device *)) {
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        hd_device *device;
        hd_error error;
        hd_device_options options = {.arithmetic = devices[i].arithmetic};
        hd_status status = hd_device_open(devices[i].name, &options, &device, &error);
        if (status == HD_UNAVAILABLE && !strcmp(devices[i].name, "cuda")) continue;
        cr_assert(status == HD_OK, "%s: %s", devices[i].name, error.message);
        size_t before = device->allocated;
        check(device);
        device->ops->settle(device);
        cr_expect(device->latch.kind == HD_NOTHING_LATCHED, "%s", device->name);
        cr_expect(device->allocated == before, "%s holds %zu bytes", device->name,
                  device->allocated - before);
        hd_device_close(device);
    }
}

/* --- arrays between guards --- */

enum { GUARD = 24 };
static const float guard_value = 1234.5f;

typedef struct array {
    hd_device *device;
    size_t count;
    float *sent;         /* [count] */
    double *got;         /* [count], after fetch */
    hd_real *whole, *at; /* on the device, with and without the guards */
} array;

static inline array make(hd_device *device, uint64_t *seed, size_t count, float size) {
    array a = {.device = device, .count = count};
    float *all = malloc((count + 2 * GUARD) * sizeof *all);
    a.sent = malloc((count + 1) * sizeof *a.sent);
    a.got = malloc((count + 1) * sizeof *a.got);
    cr_assert(all && a.sent && a.got);
    for (size_t i = 0; i < count + 2 * GUARD; i++) all[i] = guard_value;
    sample_floats(seed, size, count, a.sent);
    memcpy(all + GUARD, a.sent, count * sizeof *all);
    a.whole = uploaded(device, count + 2 * GUARD, all);
    a.at = hd_at(device, a.whole, GUARD);
    free(all);
    return a;
}

/* Uploads a->sent again. */
static inline void resend(array *a) {
    a->device->ops->upload(a->device, a->count, a->sent, a->at);
}

static inline const double *fetch(array *a) {
    double guard[GUARD];
    hd_real *sides[] = {a->whole, hd_at(a->device, a->at, a->count)};
    for (size_t side = 0; side < 2; side++) {
        a->device->ops->download(a->device, GUARD, sides[side], guard);
        for (size_t i = 0; i < GUARD; i++)
            cr_assert(guard[i] == (double)guard_value, "%s wrote %s an array", a->device->name,
                      side ? "behind" : "before");
    }
    a->device->ops->download(a->device, a->count, a->at, a->got);
    return a->got;
}

static inline void drop(array *a) {
    fetch(a); /* checks the guards */
    a->device->ops->release(a->device, a->whole);
    free(a->sent);
    free(a->got);
}

/* Half an ulp at 1. */
static inline double unit(const hd_device *device) {
    return device->element == sizeof(float) ? 0x1p-24 : 0x1p-53;
}

static inline void expect_close(const hd_device *device, double got, double exact, double roundings,
                                double magnitude, const char *what, size_t i) {
    cr_assert(fabs(got - exact) <= roundings * unit(device) * magnitude, "%s: %s [%zu]: %.17g, not %.17g",
              device->name, what, i, got, exact);
}

/* Sum of the products of two arrays' elements. */
static inline double inner(const double *x, const double *y, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += x[i] * y[i];
    return sum;
}

/* --- a batch --- */

enum { EXAMPLES = 40, INPUTS = 19, CLASSES = 5 };

typedef struct pictures {
    hd_examples examples;
    uint8_t pixels[EXAMPLES * INPUTS], labels[EXAMPLES];
} pictures;

static inline void draw(pictures *p) {
    uint64_t seed = 2;
    for (size_t i = 0; i < EXAMPLES * INPUTS; i++) {
        size_t column = i % INPUTS; /* some are black throughout */
        p->pixels[i] =
            column < 2 || column == 7 || column > 15 || i % 3 == 0 ? 0 : (uint8_t)sample_word(&seed);
    }
    for (size_t i = 0; i < EXAMPLES; i++) p->labels[i] = (uint8_t)sample_index(&seed, CLASSES);
    p->examples = (hd_examples){p->pixels, p->labels, EXAMPLES};
}

static inline double pixel(const pictures *p, size_t example, size_t input) {
    return (double)((float)p->pixels[example * INPUTS + input] * (float)(1.0 / 255.0));
}

static const uint32_t chosen[] = {3, 39, 0, 17, 17, 8, 30, 21, 9, 2, 11};
enum { ROWS = sizeof chosen / sizeof *chosen };

static inline hd_examples place_examples(hd_device *device, const hd_examples *on_host) {
    return (hd_examples){device->ops->place(device, on_host->pixels, EXAMPLES * INPUTS),
                         device->ops->place(device, on_host->labels, EXAMPLES), on_host->count};
}

static inline void unplace_examples(hd_device *device, const hd_examples *placed) {
    device->ops->settle(device);
    device->ops->unplace(device, placed->pixels);
    device->ops->unplace(device, placed->labels);
}

static inline hd_batch *load(hd_device *device, pictures *p) {
    draw(p);
    hd_batch *batch = device->ops->batch_create(device, ROWS, INPUTS);
    cr_assert(batch);
    const uint32_t *index = device->ops->place(device, chosen, sizeof chosen);
    hd_examples examples = place_examples(device, &p->examples);
    device->ops->batch_load(device, batch, &examples, index, 0, ROWS);
    unplace_examples(device, &examples);
    device->ops->unplace(device, index);
    return batch;
}

#endif
