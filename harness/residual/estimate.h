/* Estimates: the exact value of what an operation computes, and how far its roundings can move it.
 *
 * A rounding multiplies a result by 1 + d, |d| <= u (u = 2^-24 in float32). We take the d as independent, with
 * mean zero. A sum of n terms t_k that is added up one by one is then off by e = sum_k s_k d_k, with the partial
 * sums s_k, and by Hoeffding's inequality
 *     P(|e| > z sqrt(variance)) <= 2 exp(-z^2 / 2),   variance = u^2 sum_k s_k^2
 * (Higham, Mary 2019: A New Approach to Probabilistic Rounding Error Analysis). The order of the terms is the
 * run's own affair. In a random order the expectation of sum_k s_k^2 is at most
 *     n (S^2 / 3 + Q / 6 + ...),   S = sum_k t_k,  Q = sum_k t_k^2,
 * which we use. Terms that cancel count by their own sizes, through Q, not by that of their sum. What an operand
 * is itself uncertain by adds its variance times the other operand's square. */
#ifndef HD_RESIDUAL_ESTIMATE_H
#define HD_RESIDUAL_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>

/* [count] each, row by row. */
typedef struct hd_estimate {
    double *value, *variance;
} hd_estimate;

/* The run's arithmetic, and room to work in. */
typedef struct hd_estimator {
    double unit;         /* u: half a unit in the last place, relatively */
    double tiny;         /* half the spacing of subnormal numbers */
    double operand_unit; /* products round their operands to this first (TF32); 0: they do not */
    double *room[2];     /* [rooms[i]], owned */
    size_t rooms[2];
    bool no_memory; /* a product had no room; its result is not written */
} hd_estimator;

void hd_estimator_free(hd_estimator *estimator);

/* A matrix in a product; transposed: what is stored is [columns][rows]. */
typedef struct hd_operand {
    const double *value, *variance; /* variance NULL: exact */
    size_t rows, columns;
    bool transposed;
} hd_operand;

/* out (+)= A B: values, and of the variance what the terms' sizes and the operands bring: one of A and B at
 * most has a variance. terms: how many are summed for an element in all, over all products added to `out`. End
 * with hd_estimate_sum. out must not overlap the operands. */
void hd_estimate_product(hd_estimator *estimator, const hd_operand *a, const hd_operand *b, size_t terms,
                         bool accumulate, hd_estimate out);

/* Adds to the variance of `count` sums of `terms` terms what their totals bring. */
void hd_estimate_sum(const hd_estimator *estimator, size_t terms, size_t count, hd_estimate out);

/* The variance of one sum of `terms` terms: total S, squares Q. */
double hd_estimate_sum_variance(const hd_estimator *estimator, size_t terms, double total, double squares);

/* Equal terms round alike, one after the other, so that their errors add up instead of cancelling. By how much that
 * can exceed the variance: 1, or, if over half of those values[i * stride], i < count, that are not 0 are one of two
 * numbers, how many of these are added one by one. */
double hd_estimate_repetition(size_t count, size_t stride, const double *values);

#endif
