#include "arithmetic/random.h"
#include "statistics/statistics.h"

#include <criterion/criterion.h>
#include <math.h>

static void expect_near(double value, double expected, double relative) {
    cr_expect(fabs(value - expected) <= relative * fabs(expected), "%.17g, not %.17g", value, expected);
}

Test(statistics, summary_is_that_of_the_textbook) {
    const double x[] = {2, 4, 4, 4, 5, 5, 7, 9}, equal[] = {0.1, 0.1, 0.1};
    hd_summary s = hd_summarize(x, 8);
    expect_near(s.mean, 5, 1e-15);
    expect_near(s.deviation, sqrt(32.0 / 7), 1e-15);
    cr_expect(s.least == 2 && s.greatest == 9 && s.n == 8);
    cr_expect(hd_summarize(equal, 3).deviation == 0);
}

/* One degree of freedom: P(T > t) = 1/2 - atan(t) / pi; two: (1 - t / sqrt(2 + t^2)) / 2; the others are from
 * a printed table. */
Test(statistics, t_quantiles_are_the_known_ones) {
    const double pi = acos(-1), tails[] = {0.4, 0.05, 1e-3, 1e-6};
    for (size_t i = 0; i < 4; i++) {
        double p = tails[i], a = 1 - 2 * p;
        expect_near(hd_t_quantile(p, 1), tan(pi * (0.5 - p)), 1e-9);
        expect_near(hd_t_quantile(p, 2), a * sqrt(2 / (1 - a * a)), 1e-9);
    }
    expect_near(hd_t_quantile(0.025, 10), 2.228138852, 1e-9);
    expect_near(hd_t_quantile(0.005, 30), 2.749995654, 1e-9);
    expect_near(hd_t_quantile(0.0005, 8), 5.041305433, 1e-9);
    expect_near(hd_t_quantile(0.025, 1e7), 1.959964, 1e-6);
}

Test(statistics, count_bounds_leave_at_most_the_tail) {
    for (size_t n = 1; n <= 300; n += 23)
        for (size_t counted = 0; counted < 20; counted += 3) {
            double total = (double)counted;
            size_t c = hd_count_bound(total, n, 1e-4);
            double r = total + 0.5, q = 1 / ((double)n + 1), inside = 0;
            for (size_t x = 0; x <= c; x++) { /* negative binomial, by its formula */
                double p = exp(lgamma(r + (double)x) - lgamma(r) - lgamma((double)x + 1) + r * log1p(-q) +
                               (double)x * log(q));
                if (x == c && c > 0) cr_expect(1 - inside > 1e-4, "%zu is more than needed", c);
                inside += p;
            }
            cr_expect(1 - inside <= 1e-4 + 1e-12, "n %zu, total %g: %g beyond %zu", n, total, 1 - inside, c);
        }
}

Test(statistics, counts_bound_is_there_for_a_large_total) {
    size_t c = hd_count_bound(1e6, 66, 1e-5); /* nearly normal: mean 15152, deviation 124 */
    cr_expect(c > 15152 + 4 * 124 && c < 15152 + 5 * 124, "%zu", c);
}

static double normal(hd_mt19937 *g) {
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += (double)hd_mt19937_word(g) * 0x1p-32;
    return sum;
}

/* `within` of n numbers in two clusters `apart` from each other, with `second` numbers in the second. */
static double within(uint32_t seed, size_t n, double width, double apart, size_t second) {
    hd_mt19937 g;
    double x[256];
    hd_mt19937_seed(&g, seed);
    for (size_t i = 0; i < n; i++) x[i] = 5 + width * normal(&g) + (i < second ? apart : 0);
    return hd_best_split(x, n).within;
}

Test(statistics, knows_two_kinds_from_a_wide_one) {
    for (size_t n = 17; n <= 129; n += 16) {
        double critical = hd_split_critical(n);
        cr_expect(critical > 0.05 && critical < 0.36, "critical %g", critical);
        for (uint32_t seed = 1; seed <= 50; seed++) {
            cr_expect(within(seed, n, 1e3, 0, 0) > critical, "a wide one, %zu", n);
            cr_expect(within(seed, n, 1, 12, n / 2) < critical, "two halves, %zu", n);
        }
        cr_expect(within(3, n, 1, 100, 1) < critical, "one that jumped, %zu", n);
    }
}

Test(statistics, split_tells_the_gap_and_the_spread_within) {
    double x[] = {10, 1, 3, 12, 2, 11};
    hd_split s = hd_best_split(x, 6);
    expect_near(s.gap, 7, 1e-14);
    expect_near(s.deviation, 1, 1e-14);
    expect_near(s.within, 4 / (4 + 6 * 4.5 * 4.5), 1e-14);
    double equal[] = {2, 2, 2};
    cr_expect(hd_best_split(equal, 3).within == 1);
}

Test(statistics, the_median_is_the_middle_or_the_mean_of_the_two_in_it) {
    double odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2}, one[] = {7};
    cr_expect_eq(hd_median(odd, 3), 3);
    cr_expect_eq(hd_median(even, 4), 2.5);
    cr_expect_eq(hd_median(one, 1), 7);
}
