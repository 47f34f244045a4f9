/* The exact test of Mann and Whitney (1947): whether k numbers lie above, or below, m others.
 *
 * U is the number of the k m pairs that speak against it. If all k + m numbers have one distribution,
 * whatever it is (continuous and exchangeable: no normality, no known spread), all (k + m)! orders are
 * equally likely, and
 *     P(U = u) = c(u) / C(k + m, k),     sum over u of c(u) q^u = prod_{j=1..m} (1 - q^(k+j)) / (1 - q^j).
 * We count an equal pair against it. U is then no less than with the pair in a random order, so the
 * probabilities are still bounds, and equal numbers never differ. */
#ifndef HD_STATISTICS_MANN_WHITNEY_H
#define HD_STATISTICS_MANN_WHITNEY_H

#include <stddef.h>

/* The largest k and m: every c(u) is then below 2^64, and exact. */
enum { HD_MANN_WHITNEY_K = 20, HD_MANN_WHITNEY_M = 60 };

/* P(U <= u) for 1 <= k <= HD_MANN_WHITNEY_K, 1 <= m <= HD_MANN_WHITNEY_M, u <= k m. */
double hd_mann_whitney_tail(size_t k, size_t m, size_t u);

/* Writes critical values: with m numbers U is significant, P(U <= u) <= level < 1/2, if U < below[m]. 0: m
 * numbers are too few. below[0] is 0. */
void hd_mann_whitney_critical(size_t k, double level, size_t below[HD_MANN_WHITNEY_M + 1]);

#endif
