#include "statistics/statistics.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double hd_median(double *x, size_t n) {
    qsort(x, n, sizeof *x, ascending);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

hd_summary hd_summarize(const double *x, size_t n) {
    hd_summary s = {.n = n, .least = INFINITY, .greatest = -INFINITY};
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        s.mean += x[i] / (double)n;
        s.least = fmin(s.least, x[i]);
        s.greatest = fmax(s.greatest, x[i]);
    }
    for (size_t i = 0; i < n; i++) squares += (x[i] - s.mean) * (x[i] - s.mean);
    /* the mean of equal numbers may be off by a rounding */
    s.deviation = n > 1 && s.greatest > s.least ? sqrt(squares / (double)(n - 1)) : 0;
    return s;
}

/* --- Student's t --- */

/* The continued fraction of the incomplete beta function I_x(a, b), for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x) {
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), f;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    f = d;
    for (int m = 1; m <= 1000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        for (int half = 0; half < 2; half++) {
            double term = half ? odd : even;
            d = 1 + term * d;
            c = 1 + term / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            f *= c * d;
        }
        if (fabs(c * d - 1) < 1e-15) break;
    }
    return f;
}

static double incomplete_beta(double a, double b, double x) {
    if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

static double t_tail(double t, double freedom) {
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2;
}

double hd_t_quantile(double tail, double freedom) {
    double low = 0, high = 1;
    while (t_tail(high, freedom) > tail) low = high, high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-14 * high; i++) {
        double middle = (low + high) / 2;
        if (t_tail(middle, freedom) > tail)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* --- counts --- */

size_t hd_count_bound(double total, size_t n, double tail) {
    double r = total + 0.5, q = 1 / ((double)n + 1), log_p = r * log1p(-q); /* p may underflow */
    double above = -expm1(log_p);
    size_t c = 0;
    while (above > tail) {
        c++;
        log_p += log((r + (double)c - 1) / (double)c * q);
        above -= exp(log_p);
    }
    return c;
}

/* --- two kinds --- */

hd_split hd_best_split(double *x, size_t n) {
    hd_split best = {.within = 1};
    double mean = hd_summarize(x, n).mean, all = 0, below = 0, sum = 0, least = INFINITY;
    qsort(x, n, sizeof *x, ascending);
    for (size_t i = 0; i < n; i++) all += (x[i] - mean) * (x[i] - mean), sum += x[i] - mean;
    if (n < 3 || !(x[n - 1] > x[0])) return best;
    for (size_t k = 1; k < n; k++) { /* the first k are one part */
        below += x[k - 1] - mean;
        double above = sum - below;
        double within = all - below * below / (double)k - above * above / (double)(n - k);
        if (!(within < least)) continue;
        least = fmax(within, 0);
        best = (hd_split){least / all, x[k] - x[k - 1], sqrt(least / (double)(n - 2))};
    }
    return best;
}

double hd_normal(hd_mt19937 *generator) {
    double u = ((double)hd_mt19937_word(generator) + 1) * 0x1p-32,
           v = (double)hd_mt19937_word(generator) * 0x1p-32;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

double hd_split_critical(size_t n) {
    enum { SAMPLES = 10000 };
    hd_mt19937 generator;
    double least = 1, *x = malloc(n * sizeof *x + 1);
    if (!x) return 0;
    hd_mt19937_seed(&generator, 1);
    for (int s = 0; s < SAMPLES; s++) {
        for (size_t i = 0; i < n; i++) x[i] = hd_normal(&generator);
        least = fmin(least, hd_best_split(x, n).within);
    }
    free(x);
    return least;
}
