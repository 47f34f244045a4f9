#include "experiment/permutation.h"

#include "arithmetic/random.h"

#include <stdlib.h>

hd_status hd_permutation_create(hd_permutation *symmetry, uint32_t seed, size_t layers, const size_t *dims,
                                hd_error *error) {
    *symmetry = (hd_permutation){.seed = seed, .layers = layers};
    hd_mt19937 generator;
    hd_mt19937_seed(&generator, seed);
    for (size_t l = 0; l <= layers; l++) {
        uint32_t *place = symmetry->place[l] = malloc(dims[l] * sizeof *place);
        if (!place) {
            hd_permutation_free(symmetry);
            return hd_fail(error, HD_UNAVAILABLE, "no memory for a permutation of %zu units", dims[l]);
        }
        for (size_t i = 0; i < dims[l]; i++) place[i] = (uint32_t)i;
        if (l < layers) hd_mt19937_shuffle(&generator, place, dims[l]);
    }
    return HD_OK;
}

void hd_permutation_free(hd_permutation *symmetry) {
    for (size_t l = 0; l <= HD_MAX_LAYERS; l++) free(symmetry->place[l]);
    *symmetry = (hd_permutation){0};
}

void hd_permutation_pixels(const hd_permutation *symmetry, size_t count, size_t inputs, const uint8_t *from,
                           uint8_t *to) {
    for (size_t example = 0; example < count; example++, from += inputs, to += inputs)
        for (size_t i = 0; i < inputs; i++) to[symmetry->place[0][i]] = from[i];
}

void hd_permutation_scheme(const hd_permutation *symmetry, size_t steps, size_t batch, uint32_t *scheme) {
    hd_mt19937 generator;
    hd_mt19937_seed(&generator, symmetry->seed ^ 0x5eedu);
    for (size_t t = 0; t < steps; t++) hd_mt19937_shuffle(&generator, scheme + t * batch, batch);
}

/* Where element i of a weight vector is in the disguise. */
static size_t place_of(const hd_permutation *symmetry, const size_t *dims, size_t i) {
    size_t base = 0;
    for (size_t l = 0; l < symmetry->layers; l++) {
        size_t columns = dims[l + 1], size = dims[l] * columns;
        if (i < size)
            return base + symmetry->place[l][i / columns] * columns + symmetry->place[l + 1][i % columns];
        base += size, i -= size;
    }
    for (size_t l = 0; l < symmetry->layers; l++) {
        if (i < dims[l + 1]) return base + symmetry->place[l + 1][i];
        base += dims[l + 1], i -= dims[l + 1];
    }
    return base;
}

void hd_permutation_apply(const hd_permutation *symmetry, const size_t *dims, const float *from, float *to) {
    size_t count = hd_weight_count(symmetry->layers, dims);
    for (size_t i = 0; i < count; i++) to[place_of(symmetry, dims, i)] = from[i];
}

void hd_permutation_undo(const hd_permutation *symmetry, const size_t *dims, const double *from, double *to) {
    size_t count = hd_weight_count(symmetry->layers, dims);
    for (size_t i = 0; i < count; i++) to[i] = from[place_of(symmetry, dims, i)];
}
