#include "statistics/mann_whitney.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>

/* Goes to the next choice of k among k + m numbers, as bits; false: there are no more. */
static bool next_choice(unsigned *chosen, size_t numbers) {
    unsigned lowest = *chosen & -*chosen, ripple = *chosen + lowest;
    *chosen = ripple | (((*chosen ^ ripple) / lowest) >> 2);
    return *chosen >> numbers == 0;
}

/* U of the chosen numbers of x and the others: pairs in which the chosen one is not larger. */
static size_t pairs_against(const int *x, size_t numbers, unsigned chosen) {
    size_t u = 0;
    for (size_t i = 0; i < numbers; i++)
        for (size_t j = 0; j < numbers; j++) u += chosen >> i & 1 && !(chosen >> j & 1) && !(x[i] > x[j]);
    return u;
}

/* P(U <= u) over all choices of k among the numbers. */
static double enumerated(const int *x, size_t k, size_t m, size_t u) {
    unsigned chosen = (1u << k) - 1;
    size_t within = 0, all = 0;
    do {
        within += pairs_against(x, k + m, chosen) <= u;
        all++;
    } while (next_choice(&chosen, k + m));
    return (double)within / (double)all;
}

Test(rank_sum, tails_are_those_of_all_orders_enumerated) {
    const int x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (size_t k = 1; k <= 5; k++)
        for (size_t m = 1; m <= 4; m++)
            for (size_t u = 0; u <= k * m; u++) {
                double p = hd_mann_whitney_tail(k, m, u), expected = enumerated(x, k, m, u);
                cr_expect(fabs(p - expected) <= 1e-14, "k %zu m %zu u %zu: %g, not %g", k, m, u, p, expected);
            }
}

Test(rank_sum, tails_bound_those_of_numbers_with_ties) {
    const int pairs[] = {1, 1, 2, 2, 3, 3, 4, 4}, two[] = {1, 1, 1, 1, 1, 2, 2, 2}, equal[8] = {0};
    const int *ties[] = {pairs, two, equal};
    for (size_t t = 0; t < 3; t++)
        for (size_t k = 1; k <= 4; k++)
            for (size_t u = 0; u < k * (8 - k); u++)
                cr_expect(enumerated(ties[t], k, 8 - k, u) <= hd_mann_whitney_tail(k, 8 - k, u) + 1e-14,
                          "ties %zu, k %zu, u %zu", t, k, u);
}

/* The largest two-sided significant U, as textbooks print it. */
Test(rank_sum, critical_values_are_the_printed_ones) {
    const struct {
        double level;
        size_t k, m, u;
    } printed[] = {{0.05, 5, 5, 2},    {0.05, 5, 10, 8},    {0.05, 5, 20, 20}, {0.05, 10, 10, 23},
                   {0.05, 10, 20, 55}, {0.05, 20, 20, 127}, {0.01, 5, 20, 13}, {0.01, 10, 10, 16},
                   {0.01, 15, 15, 51}, {0.01, 20, 20, 105}};
    for (size_t i = 0; i < sizeof printed / sizeof *printed; i++) {
        size_t below[HD_MANN_WHITNEY_M + 1], k = printed[i].k, m = printed[i].m;
        hd_mann_whitney_critical(k, printed[i].level / 2, below);
        cr_expect_eq(below[m], printed[i].u + 1, "k %zu m %zu: %zu", k, m, below[m]);
    }
}

Test(rank_sum, critical_values_are_the_last_within_the_level) {
    const double level = 2e-5;
    for (size_t k = 5; k <= HD_MANN_WHITNEY_K; k += 5) {
        size_t below[HD_MANN_WHITNEY_M + 1];
        hd_mann_whitney_critical(k, level, below);
        for (size_t m = 1; m <= HD_MANN_WHITNEY_M; m++) {
            if (below[m]) cr_expect(hd_mann_whitney_tail(k, m, below[m] - 1) <= level, "k %zu m %zu", k, m);
            cr_expect(hd_mann_whitney_tail(k, m, below[m]) > level, "k %zu m %zu: more would do", k, m);
        }
    }
}

/* The counts of the largest test nearly fill 64 bits; one lost count would show here. */
Test(rank_sum, probabilities_of_the_largest_test_add_up) {
    const size_t k = HD_MANN_WHITNEY_K, m = HD_MANN_WHITNEY_M;
    cr_expect(fabs(hd_mann_whitney_tail(k, m, k * m) - 1) <= 1e-14);
    for (size_t u = 0; u < k * m; u += 37) {
        double both = hd_mann_whitney_tail(k, m, u) + hd_mann_whitney_tail(k, m, k * m - 1 - u);
        cr_expect(fabs(both - 1) <= 1e-14, "u %zu: %.17g", u, both);
    }
    cr_expect(fabs(hd_mann_whitney_tail(k, m, 0) * 3535316142212174320.0 - 1) <= 1e-14); /* C(80, 20) */
}
