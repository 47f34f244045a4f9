/* The random bits of random rounding (device/overlay/rounding.h). */
#ifndef HD_ARITHMETIC_ROUNDING_KEY_H
#define HD_ARITHMETIC_ROUNDING_KEY_H

#include <stdint.h>

/* Selects the random numbers that round one array. */
typedef struct hd_rounding_key {
    uint32_t first, second;
} hd_rounding_key;

/* 32 random bits for this element of the array. */
static inline uint32_t hd_rounding_draw(hd_rounding_key key, uint32_t element) {
    uint32_t x = (element ^ key.first) * 0x9e3779b1u;
    x = ((x ^ x >> 15) + key.second) * 0x2c1b3c6du;
    x = (x ^ x >> 12) * 0x297a2d39u;
    return x ^ x >> 15;
}

#endif
