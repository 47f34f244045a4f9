#include "training/initial_weights.h"

#include "core/problem.h"

#include <math.h>

hd_xavier hd_xavier_layer(const hd_initial *initial, size_t layer, size_t fan_in, size_t fan_out) {
    double limit = sqrt(3.0 / ((double)(fan_in + fan_out) / 2));
    size_t count = fan_in * fan_out;
    return (hd_xavier){.kernel = initial->kernel,
                       .seed = initial->seed,
                       .op_seed = (uint32_t)(4 + 17 * layer),
                       .offset = (uint64_t)initial->iteration * 256 * count,
                       .width = (float)(2 * limit),
                       .low = (float)-limit,
                       .count = count};
}

void hd_xavier_numbers(const hd_xavier *layer, float *numbers) {
    for (size_t i = 0; i < layer->count; i += 4) {
        float four[4];
        hd_xavier_group(layer, i / 4, four);
        memcpy(numbers + i, four, (layer->count - i < 4 ? layer->count - i : 4) * sizeof *four);
    }
}

void hd_initial_weights(const hd_initial *initial, size_t layers, const size_t *dims, float *weights) {
    memset(weights, 0, hd_weight_count(layers, dims) * sizeof *weights);
    for (size_t l = 0; l + 1 < layers; weights += dims[l] * dims[l + 1], l++) {
        const hd_xavier layer = hd_xavier_layer(initial, l, dims[l], dims[l + 1]);
        hd_xavier_numbers(&layer, weights);
    }
}
