/* NumPy's legacy random numbers and shuffles, bit for bit. (TensorFlow's: philox.h.) */
#ifndef HD_ARITHMETIC_RANDOM_H
#define HD_ARITHMETIC_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* The generator MT19937 (Matsumoto and Nishimura 1998), seeded as NumPy's RandomState(seed) does:
 * init_genrand. */
typedef struct hd_mt19937 {
    uint32_t state[624];
    unsigned next;
} hd_mt19937;

/* Starts the stream of this seed. */
void hd_mt19937_seed(hd_mt19937 *generator, uint32_t seed);

/* The next 32-bit word of the stream. */
uint32_t hd_mt19937_word(hd_mt19937 *generator);

/* A uniform number in 0..max, by NumPy's rejection: words are masked with the smallest 2^k - 1 >= max until
 * one is at most max. */
uint32_t hd_mt19937_interval(hd_mt19937 *generator, uint32_t max);

/* NumPy's RandomState.shuffle: Fisher-Yates from the end; shuffles values[count] in place. */
void hd_mt19937_shuffle(hd_mt19937 *generator, uint32_t *values, size_t count);

/* Writes scheme[epochs * examples]: a fresh shuffle of 0..examples-1 for each epoch, all from one stream. */
void hd_visiting_scheme(uint32_t seed, size_t examples, size_t epochs, uint32_t *scheme);

#endif
