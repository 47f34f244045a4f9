/* The random numbers of 2017, bit for bit: NumPy's legacy shuffles and TensorFlow 1.1's initial weights. */
#ifndef HD_ARITHMETIC_RANDOM_H
#define HD_ARITHMETIC_RANDOM_H

#include <stdbool.h>
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

/* How TensorFlow 1.1 filled a tensor with uniform numbers. */
typedef struct hd_fill_kernel {
    uint32_t threads;   /* 0: in order, as on the CPU. T: as its GPU kernel ran with T threads. Each thread
                           wrote a group of four numbers, then stepped its output by T - 1 groups but its
                           counter by T: in round r thread t writes group t + r (T - 1) with the numbers of
                           counter t + r T. 49,152 on the TITAN X. */
    bool thread_0_wins; /* group r (T - 1) is written twice, by thread T - 1 in round r - 1 and by thread 0 in
                           round r: which of the two came last. False: the earlier round's numbers stay. */
} hd_fill_kernel;

/* What a network's initial weights are drawn from: hidden layers Xavier-uniform, the output layer's W and
 * every bias zero. */
typedef struct hd_initial {
    hd_fill_kernel kernel;
    uint32_t seed;
    size_t iteration; /* the hyper-iteration: each draws other numbers */
} hd_initial;

/* The Xavier-uniform weights of one layer, by what fixes them. Number i is the float32
 * `u * (float)(2 L) + (float)(-L)`, L = sqrt(3 / ((fan_in + fan_out) / 2)) in double, with the u at i mod 4
 * of Philox's four words for key (seed, 0) and counter (offset + hd_fill_counter(kernel, i / 4), op_seed):
 * see philox.h, which computes it on every device. */
typedef struct hd_xavier {
    hd_fill_kernel kernel;
    uint32_t seed, op_seed;
    uint64_t
        offset; /* iteration * 256 * fan_in * fan_out: TensorFlow reserves 256 groups a number for each run */
    float width, low; /* (float)(2 L), (float)(-L) */
    size_t count;     /* fan_in * fan_out */
} hd_xavier;

/* Hidden layer number `layer`; its op seed is 4 + 17 layer (TensorFlow numbers graph nodes: a placeholder is
 * 1, then 17 nodes a layer). */
hd_xavier hd_xavier_layer(const hd_initial *initial, size_t layer, size_t fan_in, size_t fan_out);

/* A layer's numbers, numbers[layer->count]. */
void hd_xavier_numbers(const hd_xavier *layer, float *numbers);

/* All weights of a network, weights[hd_weight_count]. */
void hd_initial_weights(const hd_initial *initial, size_t layers, const size_t *dims, float *weights);

#endif
