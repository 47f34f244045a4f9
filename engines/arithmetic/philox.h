/* TensorFlow 1.1's uniform numbers, bit for bit, as its CPU and its GPU kernels made them. Written once, for
 * the C compiler and for nvcc, like arithmetic.h. */
#ifndef HD_ARITHMETIC_PHILOX_H
#define HD_ARITHMETIC_PHILOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef HD_INLINE
#define HD_INLINE static inline
#endif

/* How TensorFlow 1.1 filled a tensor with uniform numbers. */
typedef struct hd_fill_kernel {
    uint32_t threads;   /* 0: in order, as on the CPU. T: as its GPU kernel did with T threads (49,152 on the
                           TITAN X). Each thread wrote a group of four numbers, then moved its output on by
                           T - 1 groups but its counter by T: in round r thread t writes group t + r (T - 1)
                           with the numbers of counter t + r T. */
    bool thread_0_wins; /* Two threads write group r (T - 1): thread T - 1 in round r - 1 and thread 0 in
                           round r. True: thread 0 wrote last. */
} hd_fill_kernel;

/* What determines the Xavier-uniform weights of one layer. Weight number i is the float32 number
 *     u * (float)(2 L) + (float)(-L),  L = sqrt(3 / ((fan_in + fan_out) / 2)) in double,
 * where hd_uniform makes u from word i mod 4 of Philox's four words for the key (seed, 0) and the counter
 *     (offset + hd_fill_counter(kernel, i / 4), op_seed). */
typedef struct hd_xavier {
    hd_fill_kernel kernel;
    uint32_t seed, op_seed;
    uint64_t offset;  /* iteration * 256 * count: TensorFlow reserves 256 groups for each number of a run */
    float width, low; /* (float)(2 L), (float)(-L) */
    size_t count;     /* fan_in * fan_out */
} hd_xavier;

/* Philox4x32-10 (Salmon et al., SC 2011): four random words from a counter and a key. */
HD_INLINE void hd_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]) {
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

/* The counter whose numbers end up in this group of four. */
HD_INLINE uint64_t hd_fill_counter(hd_fill_kernel kernel, uint64_t group) {
    if (kernel.threads < 2) return group;
    uint64_t round = group / (kernel.threads - 1), thread = group % (kernel.threads - 1);
    bool written_twice = thread == 0 && round > 0;
    return group + round - (written_twice && !kernel.thread_0_wins ? 1 : 0);
}

/* TensorFlow's uniform number in [0, 1): a float in [1, 2) whose fraction is the low 23 bits, minus 1. */
HD_INLINE float hd_uniform(uint32_t word) {
    uint32_t bits = (word & 0x7fffffu) | 0x3f800000u;
    float number;
    memcpy(&number, &bits, sizeof number);
    return number - 1.0f;
}

/* Numbers 4 group .. 4 group + 3 of a layer. */
HD_INLINE void hd_xavier_group(const hd_xavier *layer, uint64_t group, float numbers[4]) {
    uint64_t at = layer->offset + hd_fill_counter(layer->kernel, group);
    const uint32_t counter[4] = {(uint32_t)at, (uint32_t)(at >> 32), layer->op_seed, 0},
                   key[2] = {layer->seed, 0};
    uint32_t words[4];
    hd_philox(counter, key, words);
    for (int j = 0; j < 4; j++) {
        float scaled = hd_uniform(words[j]) * layer->width; /* two roundings: nothing is contracted */
        numbers[j] = scaled + layer->low;
    }
}

#endif
