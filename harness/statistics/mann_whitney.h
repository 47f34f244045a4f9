/* The exact test of Mann and Whitney (1947): whether k numbers lie above, or below, m others.
 *
 * U is the number of the k m pairs, one of the k and one of the m, that speak against it. Where all k + m are
 * of one distribution, whatever it is (continuous and exchangeable: no normality, no known spread), each of
 * their (k + m)! orders is as likely as any other, and
 *     P(U = u) = c(u) / C(k + m, k),     sum over u of c(u) q^u = prod_{j=1..m} (1 - q^(k+j)) / (1 - q^j).
 * A pair that is equal is counted against it: U is then no less than with that pair put in a random order, so
 * the probabilities remain bounds, and numbers that are all equal never differ. */
#ifndef HD_STATISTICS_MANN_WHITNEY_H
#define HD_STATISTICS_MANN_WHITNEY_H

#include <stddef.h>

/* The largest k and m: every c(u) is then below 2^64, and exact. */
enum { HD_MANN_WHITNEY_K = 20, HD_MANN_WHITNEY_M = 60 };

/* P(U <= u), 1 <= k <= HD_MANN_WHITNEY_K, 1 <= m <= HD_MANN_WHITNEY_M, u <= k m. */
double hd_mann_whitney_tail(size_t k, size_t m, size_t u);

/* below[m], for m = 1 .. HD_MANN_WHITNEY_M: the number of values of U that are significant at `level` < 1/2, those
 * with P(U <= u) <= level: U is significant where U < below[m]. 0: m numbers are too few for it. below[0] is
 * 0. */
void hd_mann_whitney_critical(size_t k, double level, size_t below[HD_MANN_WHITNEY_M + 1]);

#endif
