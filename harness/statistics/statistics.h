/* The statistics of tolerances: what a sample of errors tells of the next one. */
#ifndef HD_STATISTICS_STATISTICS_H
#define HD_STATISTICS_STATISTICS_H

#include "arithmetic/random.h"

#include <stddef.h>

/* A sample x_1 .. x_n: mean, standard deviation (divided by n - 1; 0 for n < 2), least and greatest. */
typedef struct hd_summary {
    size_t n;
    double mean, deviation, least, greatest;
} hd_summary;
hd_summary hd_summarize(const double *x, size_t n);

/* The median of x[n], n > 0; it sorts x. */
double hd_median(double *x, size_t n);

/* The t that Student's T with so many degrees of freedom (> 0) exceeds with probability tail in (0, 1/2], by
 * bisection of
 *     P(T > t) = I_{f/(f+t^2)}(f/2, 1/2) / 2,
 * the incomplete beta function by Lentz's continued fraction. */
double hd_t_quantile(double tail, double freedom);

/* The least count c that the next of a series of counts exceeds with probability at most `tail`, given that n
 * of them added up to `total`. The counts are Poisson's with a rate whose prior is Jeffreys', so the next one
 * is negative binomial:
 *     P(0) = (n / (n + 1))^(total + 1/2). */
size_t hd_count_bound(double total, size_t n, double tail);

/* The next standard normal number from the stream (Box and Muller 1958). */
double hd_normal(hd_mt19937 *generator);

/* A sample cut in two parts where their sum of squares is least. `within` is that sum over the whole
 * sample's: near 1 - 2/pi = 0.36 for a large normal sample however wide, near 0 for a sample of two clusters
 * (Engelman and Hartigan 1969). */
typedef struct hd_split {
    double within;
    double gap;       /* between the parts' nearest elements */
    double deviation; /* within the parts, pooled: n - 2 degrees of freedom */
} hd_split;

/* Sorts x[n] and cuts it. If n < 3 or all are equal, within is 1. */
hd_split hd_best_split(double *x, size_t n);

/* The value below which `within` of a normal sample of n lies with probability HD_SPLIT_RATE: the least of
 * that many simulated samples, always the same. */
#define HD_SPLIT_RATE 1e-4
double hd_split_critical(size_t n);

#endif
