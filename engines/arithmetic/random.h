/* The random numbers of 2017, bit for bit: NumPy's legacy shuffles. (TensorFlow's
 * initial weights: training/initial_weights.h.) */
#ifndef HD_ARITHMETIC_RANDOM_H
#define HD_ARITHMETIC_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* MT19937 (Matsumoto and Nishimura 1998), seeded as NumPy's RandomState(seed) does: init_genrand. */
typedef struct hd_mt19937 {
    uint32_t state[624];
    unsigned next;
} hd_mt19937;

void hd_mt19937_seed(hd_mt19937 *generator, uint32_t seed);

/* The next 32-bit word of the stream. */
uint32_t hd_mt19937_word(hd_mt19937 *generator);

/* A number in 0..max, uniform, by NumPy's rejection: words are masked with the smallest 2^k - 1 >= max until
 * one fits. */
uint32_t hd_mt19937_interval(hd_mt19937 *generator, uint32_t max);

/* NumPy's RandomState.shuffle: Fisher-Yates from the end, values[count] in place. */
void hd_mt19937_shuffle(hd_mt19937 *generator, uint32_t *values, size_t count);

/* scheme[epochs * examples]: for each epoch a fresh shuffle of 0..examples-1, all from one stream seeded with
 * seed. */
void hd_visiting_scheme(uint32_t seed, size_t examples, size_t epochs, uint32_t *scheme);

#endif
