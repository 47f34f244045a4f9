/* Symmetries of a training problem: the order of the inputs, of the units in each hidden layer, and of the
 * examples within a batch does not matter to mathematics, but it does to rounding, for every sum is taken in
 * another order. Running a problem so permuted, and undoing it in what comes out, shows what rounding alone can
 * do, without touching an engine. */
#ifndef HD_EXPERIMENT_PERMUTATION_H
#define HD_EXPERIMENT_PERMUTATION_H

#include "core/error.h"
#include "modes/hypergradient.h"

typedef struct hd_permutation {
    uint32_t seed;
    size_t layers;
    uint32_t
        *place[HD_MAX_LAYERS + 1]; /* [dims[l]]: where unit i of layer l is put; the classes keep theirs */
} hd_permutation;

/* Draws the permutations of a network's units from seed. HD_UNAVAILABLE: no memory. End with hd_permutation_free
 * (a zeroed one is allowed). */
hd_status hd_permutation_create(hd_permutation *permutation, uint32_t seed, size_t layers, const size_t *dims,
                                hd_error *error);
void hd_permutation_free(hd_permutation *permutation);

/* The examples' pixels permuted: to[count][inputs], not overlapping from. */
void hd_permutation_pixels(const hd_permutation *permutation, size_t count, size_t inputs,
                           const uint8_t *from, uint8_t *to);

/* Shuffles the examples within each batch of scheme[steps][batch]. */
void hd_permutation_scheme(const hd_permutation *permutation, size_t steps, size_t batch, uint32_t *scheme);

/* Weights permuted, to[hd_weight_count], not overlapping from. */
void hd_permutation_apply(const hd_permutation *permutation, const size_t *dims, const float *from,
                          float *to);

/* The same undone. */
void hd_permutation_undo(const hd_permutation *permutation, const size_t *dims, const double *from,
                         double *to);

#endif
