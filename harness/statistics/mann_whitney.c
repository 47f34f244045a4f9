#include "statistics/mann_whitney.h"

#include <stdint.h>

/* Turns the first `count` elements of c for m - 1 into those for m: times 1 - q^(k+m), over 1 - q^m.
 * Intermediate values may overflow 64 bits, but the arithmetic is modulo 2^64 and the results fit. */
static void one_more(uint64_t *c, size_t count, size_t k, size_t m) {
    for (size_t u = count; u-- > k + m;) c[u] -= c[u - k - m];
    for (size_t u = m; u < count; u++) c[u] += c[u - m];
}

/* C(k + m, k). */
static double orders(size_t k, size_t m) {
    double n = 1;
    for (size_t j = 1; j <= k; j++) n *= (double)(m + j) / (double)j;
    return n;
}

double hd_mann_whitney_tail(size_t k, size_t m, size_t u) {
    uint64_t c[HD_MANN_WHITNEY_K * HD_MANN_WHITNEY_M + 1] = {1}, sum = 0;
    for (size_t j = 1; j <= m; j++) one_more(c, u + 1, k, j);
    for (size_t i = 0; i <= u; i++) sum += c[i];
    return (double)sum / orders(k, m);
}

void hd_mann_whitney_critical(size_t k, double level, size_t below[HD_MANN_WHITNEY_M + 1]) {
    uint64_t c[HD_MANN_WHITNEY_K * HD_MANN_WHITNEY_M / 2 + 1] = {
        1}; /* half of all U: the others have P(U <= u) >= 1/2 */
    below[0] = 0;
    for (size_t m = 1; m <= HD_MANN_WHITNEY_M; m++) {
        double sum = 0, most = level * orders(k, m);
        one_more(c, k * HD_MANN_WHITNEY_M / 2 + 1, k, m);
        below[m] = 0;
        while (sum + (double)c[below[m]] <= most) sum += (double)c[below[m]++];
    }
}
