#include "random.h"

#include "hypergradient.h"

#include <math.h>
#include <string.h>

enum { MT_WORDS = 624, MT_SHIFT = 397 };

void hd_mt19937_seed(hd_mt19937 *generator, uint32_t seed) {
    uint32_t *s = generator->state;
    s[0] = seed;
    for (uint32_t i = 1; i < MT_WORDS; i++) s[i] = 1812433253u * (s[i - 1] ^ (s[i - 1] >> 30)) + i;
    generator->next = MT_WORDS;
}

static void mt19937_renew(uint32_t *s) {
    for (unsigned i = 0; i < MT_WORDS; i++) {
        uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % MT_WORDS] & 0x7fffffffu);
        s[i] = s[(i + MT_SHIFT) % MT_WORDS] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
}

uint32_t hd_mt19937_word(hd_mt19937 *generator) {
    if (generator->next == MT_WORDS) {
        mt19937_renew(generator->state);
        generator->next = 0;
    }
    uint32_t y = generator->state[generator->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

uint32_t hd_mt19937_interval(hd_mt19937 *generator, uint32_t max) {
    if (max == 0) return 0; /* NumPy draws no word here */
    uint32_t mask = UINT32_MAX >> __builtin_clz(max), value;
    do value = hd_mt19937_word(generator) & mask;
    while (value > max);
    return value;
}

void hd_mt19937_shuffle(hd_mt19937 *generator, uint32_t *values, size_t count) {
    for (size_t i = count; i-- > 1;) {
        uint32_t j = hd_mt19937_interval(generator, (uint32_t)i);
        uint32_t swapped = values[i];
        values[i] = values[j];
        values[j] = swapped;
    }
}

void hd_visiting_scheme(uint32_t seed, size_t examples, size_t epochs, uint32_t *scheme) {
    hd_mt19937 generator;
    hd_mt19937_seed(&generator, seed);
    for (size_t epoch = 0; epoch < epochs; epoch++, scheme += examples) {
        for (size_t i = 0; i < examples; i++) scheme[i] = (uint32_t)i;
        hd_mt19937_shuffle(&generator, scheme, examples);
    }
}

void hd_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xd2511f53u * c0, p1 = (uint64_t)0xcd9e8d57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

uint64_t hd_fill_counter(hd_fill_kernel kernel, uint64_t group) {
    if (kernel.threads < 2) return group;
    uint64_t round = group / (kernel.threads - 1), thread = group % (kernel.threads - 1);
    bool written_twice = thread == 0 && round > 0;
    return group + round - (written_twice && !kernel.thread_0_wins ? 1 : 0);
}

/* TensorFlow's uniform number in [0, 1): the low 23 bits as the fraction of a float in [1, 2), less 1. */
static float uniform(uint32_t word) {
    uint32_t bits = (word & 0x7fffffu) | 0x3f800000u;
    float number;
    memcpy(&number, &bits, sizeof number);
    return number - 1;
}

void hd_xavier(hd_fill_kernel kernel, uint32_t seed, uint32_t op_seed, size_t fan_in, size_t fan_out,
               size_t iteration, float *weights) {
    const uint32_t key[2] = {seed, 0};
    double limit = sqrt(3.0 / ((double)(fan_in + fan_out) / 2));
    float width = (float)(2 * limit), low = (float)-limit;
    size_t count = fan_in * fan_out;
    uint64_t offset = (uint64_t)iteration * 256 * count;
    for (size_t i = 0; i < count; i += 4) {
        uint64_t at = offset + hd_fill_counter(kernel, i / 4);
        uint32_t counter[4] = {(uint32_t)at, (uint32_t)(at >> 32), op_seed, 0}, words[4];
        hd_philox(counter, key, words);
        for (size_t j = 0; j < 4 && i + j < count; j++) {
            float scaled = uniform(words[j]) * width; /* two roundings: -ffp-contract=off */
            weights[i + j] = scaled + low;
        }
    }
}

void hd_initial_weights(hd_fill_kernel kernel, uint32_t seed, size_t layers, const size_t *dims,
                        size_t iteration, float *weights) {
    memset(weights, 0, hd_weight_count(layers, dims) * sizeof *weights);
    for (size_t l = 0; l + 1 < layers; weights += dims[l] * dims[l + 1], l++)
        hd_xavier(kernel, seed, (uint32_t)(4 + 17 * l), dims[l], dims[l + 1], iteration, weights);
}
