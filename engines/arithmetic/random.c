#include "arithmetic/random.h"

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
