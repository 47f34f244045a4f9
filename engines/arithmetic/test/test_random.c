/* Known answers: the generators' published vectors, NumPy 1.24's shuffles, and the weights that the trace of
 * 2017 prints. */
#include "arithmetic/philox.h"
#include "arithmetic/random.h"
#include "modes/hypergradient.h"
#include "training/initial_weights.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const hd_fill_kernel cpu_fill = {0, false}, titan_x_fill = {49152, false},
                            titan_x_race = {49152, true};

/* --- MT19937 --- */

static void expect_words(uint32_t seed, const uint32_t first[5], size_t nth, uint32_t word) {
    hd_mt19937 generator;
    hd_mt19937_seed(&generator, seed);
    for (size_t i = 0; i < 5; i++)
        cr_expect(hd_mt19937_word(&generator) == first[i], "seed %u, word %zu", seed, i);
    for (size_t i = 5; i + 1 < nth; i++) hd_mt19937_word(&generator);
    cr_expect(hd_mt19937_word(&generator) == word, "seed %u, word %zu", seed, nth - 1);
}

Test(random, mt19937_gives_the_published_words) {
    expect_words(5489, (const uint32_t[]){3499211612, 581869302, 3890346734, 3586334585, 545404204}, 10000,
                 4123659995);
    expect_words(5489, (const uint32_t[]){3499211612, 581869302, 3890346734, 3586334585, 545404204}, 1000,
                 1341017984);
    expect_words(1, (const uint32_t[]){1791095845, 4282876139, 3093770124, 4005303368, 491263}, 1000,
                 548926898);
    expect_words(0, (const uint32_t[]){2357136044, 2546248239, 3071714933, 3626093760, 2588848963}, 1000,
                 3043451800);
    expect_words(UINT32_MAX, (const uint32_t[]){419326371, 479346978, 3918654476, 2416749639, 3388880820},
                 1000, 2673539693);
}

Test(random, an_interval_of_one_number_draws_no_word) {
    hd_mt19937 generator, untouched;
    hd_mt19937_seed(&generator, 3);
    hd_mt19937_seed(&untouched, 3);
    cr_expect(hd_mt19937_interval(&generator, 0) == 0);
    cr_expect(hd_mt19937_word(&generator) == hd_mt19937_word(&untouched));
}

Test(random, an_interval_masks_words_until_one_fits) {
    static const uint32_t bounds[] = {1, 2, 3, 9, 255, 256, 34999, 0x80000000u, UINT32_MAX};
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
        hd_mt19937 generator, words;
        hd_mt19937_seed(&generator, 5);
        hd_mt19937_seed(&words, 5);
        uint32_t mask = 0, word;
        while (mask < bounds[b]) mask = 2 * mask + 1;
        for (int i = 0; i < 100; i++) {
            do word = hd_mt19937_word(&words) & mask;
            while (word > bounds[b]);
            cr_assert(hd_mt19937_interval(&generator, bounds[b]) == word, "bound %u, draw %d", bounds[b], i);
        }
    }
}

/* --- shuffles --- */

Test(random, shuffles_as_numpy_does) {
    uint32_t values[10];
    static const uint32_t expected[10] = {2, 9, 6, 4, 0, 3, 1, 7, 8, 5};
    hd_mt19937 generator;
    hd_mt19937_seed(&generator, 1);
    for (uint32_t i = 0; i < 10; i++) values[i] = i;
    hd_mt19937_shuffle(&generator, values, 10);
    cr_expect(!memcmp(values, expected, sizeof values));
}

/* Sum of position times value, positions from 1: it changes with every exchange. */
static uint32_t checksum(const uint32_t *values, size_t count) {
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += (uint32_t)(i + 1) * values[i];
    return sum;
}

Test(random, the_trace_s_three_epochs_are_numpy_s) {
    enum { EXAMPLES = 35000, EPOCHS = 3 };
    static const uint32_t ends[EPOCHS][8] = {{25474, 19761, 32740, 34148, 32511, 5192, 12172, 33003},
                                             {2484, 24928, 24112, 30404, 1303, 26961, 22959, 23009},
                                             {5385, 26843, 21904, 7845, 29586, 24935, 5245, 32874}};
    static const uint32_t sums[EPOCHS] = {3226783170u, 3638523122u, 643571996u};
    uint32_t *scheme = malloc(sizeof(uint32_t[EPOCHS * EXAMPLES]));
    cr_assert(scheme);
    hd_visiting_scheme(1, EXAMPLES, EPOCHS, scheme);
    for (size_t epoch = 0; epoch < EPOCHS; epoch++) {
        const uint32_t *order = scheme + epoch * EXAMPLES;
        cr_expect(!memcmp(order, ends[epoch], 4 * sizeof *order), "epoch %zu begins", epoch);
        cr_expect(!memcmp(order + EXAMPLES - 4, ends[epoch] + 4, 4 * sizeof *order), "epoch %zu ends", epoch);
        cr_expect(checksum(order, EXAMPLES) == sums[epoch], "epoch %zu", epoch);
    }
    free(scheme);
}

Test(random, epochs_are_fresh_shuffles_from_one_stream) {
    static const uint32_t expected[18] = {3, 5, 0, 2, 1, 4, 4, 5, 3, 2, 1, 0, 1, 2, 3, 5, 4, 0};
    uint32_t scheme[18];
    hd_visiting_scheme(7, 6, 3, scheme);
    cr_expect(!memcmp(scheme, expected, sizeof scheme));
}

/* --- Philox --- */

static void expect_philox(const uint32_t counter[4], const uint32_t key[2], const uint32_t expected[4]) {
    uint32_t words[4];
    hd_philox(counter, key, words);
    cr_expect(!memcmp(words, expected, sizeof words), "%08x %08x %08x %08x", words[0], words[1], words[2],
              words[3]);
}

Test(random, philox_gives_its_authors_known_answers) {
    const uint32_t f = UINT32_MAX;
    expect_philox((const uint32_t[]){0, 0, 0, 0}, (const uint32_t[]){0, 0},
                  (const uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    expect_philox((const uint32_t[]){f, f, f, f}, (const uint32_t[]){f, f},
                  (const uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    expect_philox((const uint32_t[]){0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                  (const uint32_t[]){0xa4093822, 0x299f31d0},
                  (const uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

/* --- how a GPU's threads filled a tensor --- */

/* Writes to counters[group] what the kernel's threads leave there. Two threads write the same group in
 * different rounds, so the order of the rounds decides whose numbers stay. */
static void run_kernel(uint32_t threads, bool later_wins, size_t groups, uint64_t *counters) {
    size_t rounds = groups / (threads - 1) + 1;
    for (size_t i = 0; i < rounds; i++) {
        size_t round = later_wins ? i : rounds - 1 - i;
        for (size_t thread = 0; thread < threads; thread++) {
            size_t group = thread + round * (threads - 1);
            if (group < groups) counters[group] = thread + round * threads;
        }
    }
}

Test(random, fill_counters_are_what_the_kernel_s_threads_leave) {
    enum { GROUPS = 500 };
    static const uint32_t threads[] = {2, 3, 4, 7, 16, 100, 499, 500, 501, 600};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        for (int later_wins = 0; later_wins < 2; later_wins++) {
            uint64_t counters[GROUPS];
            run_kernel(threads[i], later_wins, GROUPS, counters);
            hd_fill_kernel kernel = {threads[i], later_wins};
            for (size_t group = 0; group < GROUPS; group++)
                cr_assert(hd_fill_counter(kernel, group) == counters[group], "%u threads, race %d, group %zu",
                          threads[i], later_wins, group);
        }
}

Test(random, fill_counters_on_the_titan_x) {
    const uint64_t t = 49152;
    cr_expect(hd_fill_counter(titan_x_fill, t - 2) == t - 2);
    cr_expect(hd_fill_counter(titan_x_fill, t - 1) == t - 1, "the earlier round stays");
    cr_expect(hd_fill_counter(titan_x_race, t - 1) == t, "thread 0 comes last");
    cr_expect(hd_fill_counter(titan_x_fill, t) == t + 1);
    cr_expect(hd_fill_counter(titan_x_fill, 2 * t - 3) == 2 * t - 2);
    cr_expect(hd_fill_counter(titan_x_fill, 2 * t - 2) == 2 * t - 1, "the earlier round stays");
    cr_expect(hd_fill_counter(titan_x_race, 2 * t - 2) == 2 * t, "thread 0 comes last");
    cr_expect(hd_fill_counter(titan_x_fill, 2 * t - 1) == 2 * t + 1);
    for (uint64_t group = 0; group < 3 * t; group += 1000)
        cr_expect(hd_fill_counter(cpu_fill, group) == group);
}

/* --- initial weights --- */

enum { LAYERS = 3, W_0 = 784 * 300, W_1 = 300 * 300, WEIGHTS = 328810 };
static const size_t dims[LAYERS + 1] = {784, 300, 300, 10};

static float *trace_weights(hd_fill_kernel kernel, size_t iteration) {
    cr_assert(hd_weight_count(LAYERS, dims) == WEIGHTS);
    float *weights = malloc(sizeof(float[WEIGHTS]));
    cr_assert(weights);
    const hd_initial initial = {kernel, 1, iteration};
    hd_initial_weights(&initial, LAYERS, dims, weights);
    return weights;
}

Test(random, the_trace_s_first_weights_come_out) {
    static const double printed[3][3] = {{-0.01705388, -0.02053495, -0.00783848},
                                         {0.00110424, -0.01956838, -0.04185919},
                                         {-0.05886209, 0.01617052, 0.00187904}};
    for (size_t iteration = 0; iteration < 3; iteration++) {
        float *weights = trace_weights(cpu_fill, iteration);
        for (size_t i = 0; i < 3; i++)
            cr_expect(fabs((double)weights[i] - printed[iteration][i]) <= 0.5001e-8,
                      "iteration %zu, weight %zu: %.9f", iteration, i, (double)weights[i]);
        free(weights);
    }
}

Test(random, output_layer_and_biases_start_at_zero_and_hidden_weights_within_their_limit) {
    float *weights = trace_weights(cpu_fill, 0);
    size_t zeros = 0;
    for (size_t i = 0; i < W_0 + W_1; i++) {
        zeros += weights[i] == 0;
        cr_assert(fabs((double)weights[i]) <= sqrt(3.0 / (i < W_0 ? 542 : 300)) * (1 + 1e-7), "weight %zu",
                  i);
    }
    cr_expect(zeros < 10);
    for (size_t i = W_0 + W_1; i < WEIGHTS; i++) cr_assert(weights[i] == 0, "weight %zu", i);
    free(weights);
}

Test(random, each_hidden_layer_has_its_own_op_seed) {
    float *weights = trace_weights(cpu_fill, 2), *layer = malloc(sizeof(float[W_1]));
    cr_assert(layer);
    const hd_initial initial = {cpu_fill, 1, 2};
    hd_xavier first = hd_xavier_layer(&initial, 0, 300, 300), second = hd_xavier_layer(&initial, 1, 300, 300);
    cr_expect(first.op_seed == 4 && second.op_seed == 21);
    hd_xavier_numbers(&second, layer);
    cr_expect(!memcmp(weights + W_0, layer, sizeof(float[W_1])));
    hd_xavier_numbers(&first, layer);
    cr_expect(memcmp(weights + W_0, layer, sizeof(float[W_1])));
    free(layer);
    free(weights);
}

Test(random, the_gpu_fill_shifts_the_last_rows_of_the_first_layer_by_one_group) {
    enum { SHIFTED = 196608 };
    float *cpu = trace_weights(cpu_fill, 1), *gpu = trace_weights(titan_x_fill, 1),
          *race = trace_weights(titan_x_race, 1);
    cr_expect(!memcmp(gpu, cpu, sizeof(float[SHIFTED])));
    cr_expect(!memcmp(gpu + SHIFTED, cpu + SHIFTED + 4, sizeof(float[W_0 - SHIFTED - 4])));
    cr_expect(memcmp(gpu + SHIFTED, cpu + SHIFTED, sizeof(float[4])));
    cr_expect(!memcmp(gpu + W_0, cpu + W_0, sizeof(float[WEIGHTS - W_0])), "layer 1 is within one round");
    cr_expect(!memcmp(race, gpu, sizeof(float[SHIFTED - 4])));
    cr_expect(!memcmp(race + SHIFTED - 4, cpu + SHIFTED, sizeof(float[4])), "the race decides one group");
    cr_expect(!memcmp(race + SHIFTED, gpu + SHIFTED, sizeof(float[WEIGHTS - SHIFTED])));
    free(race);
    free(gpu);
    free(cpu);
}

Test(random, a_fill_that_ends_within_a_group_writes_no_further) {
    float weights[9 + 3];
    for (size_t i = 0; i < 12; i++) weights[i] = 77;
    const hd_initial initial = {cpu_fill, 1, 0};
    const hd_xavier layer = hd_xavier_layer(&initial, 0, 3, 3);
    hd_xavier_numbers(&layer, weights);
    for (size_t i = 0; i < 12; i++) cr_expect((weights[i] == 77) == (i >= 9), "weight %zu", i);
}
