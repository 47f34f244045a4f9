/* Symmetries of a training problem. The order of the inputs, of a hidden layer's units, and of a batch's
 * examples means nothing to mathematics, but every sum is then rounded in another order. We run a permuted
 * problem and undo the permutation in its results: so we see what rounding alone can do. */
#ifndef HD_EXPERIMENT_PERMUTATION_H
#define HD_EXPERIMENT_PERMUTATION_H

#include "core/error.h"
#include "modes/hypergradient.h"

typedef struct hd_permutation {
    uint32_t seed;
    size_t layers;
    uint32_t *place[HD_MAX_LAYERS + 1]; /* [dims[l]]: where unit i of layer l goes; classes stay */
} hd_permutation;

/* Draws the permutations of a network's units from seed. HD_UNAVAILABLE: no memory. End with
 * hd_permutation_free, which takes a zeroed one too. */
hd_status hd_permutation_create(hd_permutation *permutation, uint32_t seed, size_t layers, const size_t *dims,
                                hd_error *error);
void hd_permutation_free(hd_permutation *permutation);

/* Permutes the examples' pixels into to[count][inputs], which may not overlap from. */
void hd_permutation_pixels(const hd_permutation *permutation, size_t count, size_t inputs,
                           const uint8_t *from, uint8_t *to);

/* Shuffles the examples within each batch of scheme[steps][batch]. */
void hd_permutation_scheme(const hd_permutation *permutation, size_t steps, size_t batch, uint32_t *scheme);

/* Permutes weights into to[hd_weight_count], which may not overlap from. */
void hd_permutation_apply(const hd_permutation *permutation, const size_t *dims, const float *from,
                          float *to);

/* Undoes hd_permutation_apply. */
void hd_permutation_undo(const hd_permutation *permutation, const size_t *dims, const double *from,
                         double *to);

#endif
