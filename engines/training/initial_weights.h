/* The initial weights of a network, as TensorFlow 1.1 drew them. */
#ifndef HD_TRAINING_INITIAL_WEIGHTS_H
#define HD_TRAINING_INITIAL_WEIGHTS_H

#include "arithmetic/philox.h"

/* What determines a network's initial weights: hidden layers are Xavier-uniform, the output layer's W and all
 * biases are zero. */
typedef struct hd_initial {
    hd_fill_kernel kernel;
    uint32_t seed;
    size_t iteration; /* the hyper-iteration: each draws numbers of its own */
} hd_initial;

/* The Xavier-uniform weights of hidden layer number `layer`. Its op seed is 4 + 17 layer, since TensorFlow
 * numbers the nodes of its graph: a placeholder is node 1, and each layer adds 17. */
hd_xavier hd_xavier_layer(const hd_initial *initial, size_t layer, size_t fan_in, size_t fan_out);

/* A layer's numbers, numbers[layer->count]. */
void hd_xavier_numbers(const hd_xavier *layer, float *numbers);

/* All weights of a network, weights[hd_weight_count]. */
void hd_initial_weights(const hd_initial *initial, size_t layers, const size_t *dims, float *weights);

#endif
