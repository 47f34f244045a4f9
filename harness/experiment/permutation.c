#include "experiment/permutation.h"

#include "arithmetic/random.h"

#include <stdlib.h>

hd_status hd_permutation_create(hd_permutation *permutation, uint32_t seed, size_t layers, const size_t *dims,
                                hd_error *error) {
    *permutation = (hd_permutation){.seed = seed, .layers = layers};
    hd_mt19937 generator;
    hd_mt19937_seed(&generator, seed);
    for (size_t l = 0; l <= layers; l++) {
        uint32_t *place = permutation->place[l] = malloc(dims[l] * sizeof *place);
        if (!place) {
            hd_permutation_free(permutation);
            return hd_fail(error, HD_UNAVAILABLE, "no memory for a permutation of %zu units", dims[l]);
        }
        for (size_t i = 0; i < dims[l]; i++) place[i] = (uint32_t)i;
        if (l < layers) hd_mt19937_shuffle(&generator, place, dims[l]);
    }
    return HD_OK;
}

void hd_permutation_free(hd_permutation *permutation) {
    for (size_t l = 0; l <= HD_MAX_LAYERS; l++) free(permutation->place[l]);
    *permutation = (hd_permutation){0};
}

void hd_permutation_pixels(const hd_permutation *permutation, size_t count, size_t inputs,
                           const uint8_t *from, uint8_t *to) {
    for (size_t example = 0; example < count; example++, from += inputs, to += inputs)
        for (size_t i = 0; i < inputs; i++) to[permutation->place[0][i]] = from[i];
}

void hd_permutation_scheme(const hd_permutation *permutation, size_t steps, size_t batch, uint32_t *scheme) {
    hd_mt19937 generator;
    hd_mt19937_seed(&generator, permutation->seed ^ 0x5eedu);
    for (size_t t = 0; t < steps; t++) hd_mt19937_shuffle(&generator, scheme + t * batch, batch);
}

/* Where the permutation puts element i of a weight vector. */
static size_t place_of(const hd_permutation *permutation, const size_t *dims, size_t i) {
    size_t base = 0;
    for (size_t l = 0; l < permutation->layers; l++) {
        size_t columns = dims[l + 1], size = dims[l] * columns;
        if (i < size)
            return base + permutation->place[l][i / columns] * columns +
                   permutation->place[l + 1][i % columns];
        base += size, i -= size;
    }
    for (size_t l = 0; l < permutation->layers; l++) {
        if (i < dims[l + 1]) return base + permutation->place[l + 1][i];
        base += dims[l + 1], i -= dims[l + 1];
    }
    return base;
}

void hd_permutation_apply(const hd_permutation *permutation, const size_t *dims, const float *from,
                          float *to) {
    size_t count = hd_weight_count(permutation->layers, dims);
    for (size_t i = 0; i < count; i++) to[place_of(permutation, dims, i)] = from[i];
}

void hd_permutation_undo(const hd_permutation *permutation, const size_t *dims, const double *from,
                         double *to) {
    size_t count = hd_weight_count(permutation->layers, dims);
    for (size_t i = 0; i < count; i++) to[i] = from[place_of(permutation, dims, i)];
}
