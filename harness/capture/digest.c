#include "capture/digest.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

enum { LANES = 16, SIGNS = 64 };

size_t hd_block_length(size_t count) {
    size_t length = (count + HD_BLOCKS - 1) / HD_BLOCKS;
    return (length + LANES - 1) / LANES * LANES;
}

/* --- sums --- */

/* Sums in lanes that a compiler can vectorize. */
typedef struct hd_sums {
    double squares[LANES], largest[LANES], sketch[LANES];
} hd_sums;

/* The signs of 64 elements, a bit each: a mix of the number of the 64. */
static uint64_t signs_of(uint64_t number) {
    uint64_t mix = (number + 1) * 0x9e3779b97f4a7c15u;
    mix = (mix ^ mix >> 30) * 0xbf58476d1ce4e5b9u;
    mix = (mix ^ mix >> 27) * 0x94d049bb133111ebu;
    return mix ^ mix >> 31;
}

/* x, or -x if the highest bit of signs is set. */
static inline double with_sign(double x, uint64_t signs) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits ^= signs & UINT64_C(1) << 63;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Adds elements of a block whose first 64 have that number. The last ones are filled up with zeros. */
#define ADD(type)                                                                                            \
    __attribute__((optimize("O3"))) static void add_##type(const type *x, size_t count, uint64_t number,     \
                                                           hd_sums *sums) {                                  \
        hd_sums s = *sums;                                                                                   \
        for (size_t i = 0; i < count; i += SIGNS) {                                                          \
            uint64_t word = signs_of(number + i / SIGNS), signs[LANES];                                      \
            type last[SIGNS] = {0};                                                                          \
            const type *from = x + i;                                                                        \
            if (count - i < SIGNS) from = memcpy(last, x + i, (count - i) * sizeof *x);                      \
            for (size_t j = 0; j < LANES; j++) signs[j] = word << j;                                         \
            for (size_t k = 0; k < SIGNS; k += LANES)                                                        \
                for (size_t j = 0; j < LANES; j++) {                                                         \
                    double value = (double)from[k + j], size = fabs(value);                                  \
                    s.squares[j] += size * size;                                                             \
                    s.largest[j] = size > s.largest[j] ? size : s.largest[j];                                \
                    s.sketch[j] += with_sign(value, signs[j]);                                               \
                    signs[j] <<= LANES;                                                                      \
                }                                                                                            \
        }                                                                                                    \
        *sums = s;                                                                                           \
    }
ADD(float)
ADD(double)

/* --- digests --- */

void hd_tensor_digest_make(const void *values, size_t count, bool float32, uint8_t kind,
                           hd_tensor_digest *digest) {
    size_t size = float32 ? sizeof(float) : sizeof(double), length = hd_block_length(count);
    double squares = 0;
    hd_sums sums = {{0}, {0}, {0}};
    *digest = (hd_tensor_digest){.l2 = 0};
    for (size_t b = 0; b * length < count; b++) {
        size_t block = count - b * length < length ? count - b * length : length;
        const char *from = (const char *)values + b * length * size;
        uint64_t number = (uint64_t)kind << 56 | (uint64_t)b << 48;
        digest->hash[b] = XXH3_64bits(from, block * size);
        memset(sums.sketch, 0, sizeof sums.sketch);
        if (float32)
            add_float((const float *)(const void *)from, block, number, &sums);
        else
            add_double((const double *)(const void *)from, block, number, &sums);
        for (size_t j = 0; j < LANES; j++) digest->sketch[b] += sums.sketch[j];
    }
    for (size_t j = 0; j < LANES; j++) {
        squares += sums.squares[j];
        digest->largest = fmax(digest->largest, sums.largest[j]);
    }
    digest->l2 = sqrt(squares);
}
