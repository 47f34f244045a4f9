/* Can rounding alone have done this? Compares what a run wrote with estimates of what it should have written. */
#ifndef HD_RESIDUAL_ROUNDING_TEST_H
#define HD_RESIDUAL_ROUNDING_TEST_H

#include "residual/estimate.h"

typedef enum hd_excess {
    HD_NO_EXCESS,
    HD_NOT_FINITE_THERE, /* an element is not finite */
    HD_ELEMENT_TOO_FAR,  /* an element is further off than rounding can move it */
    HD_TOGETHER_TOO_FAR, /* the elements together are: their root mean square */
    HD_LEANING,          /* small, but step by step to the same side */
} hd_excess;

/* How far elements are off, in units of what rounding can do: z_i = residual_i / (limit sqrt(variance_i)), so that
 * |z_i| > 1 is more than rounding. */
typedef struct hd_rounding_test {
    hd_excess excess;
    size_t count, informative;  /* elements, and those that are not exactly zero on both sides */
    size_t beyond, first, last; /* elements with |z| > 1, and the first and last of them */
    size_t worst;               /* the element with the greatest |z|, or the first that is not finite */
    double is, expected;        /* its values */
    double furthest;            /* its |z| */
    double spread;              /* root mean square of residual / sqrt(variance) over the informative ones */
    double lean;     /* mean of residual sign(expected) / sqrt(variance) over them: > 0 away from zero */
    double relative; /* |residual| / |expected|, Euclidean */
} hd_rounding_test;

/* Hoeffding's bound at this many standard deviations: fewer than one false alarm in 10^13 elements. */
#define HD_SUM_LIMIT 8.0
/* Of tensors that a chain of operations makes whose results between are not shown: an error in one of them goes
 * several ways and meets itself again, which our variances do not know. In clean runs with five hidden layers,
 * trained into chaos, residuals reached 7.7. */
#define HD_CHAIN_LIMIT 16.0

/* Tests is[count] against expected. limit: HD_SUM_LIMIT, HD_CHAIN_LIMIT, or 1 if the variances are squares of hard
 * bounds. The root mean square of rounding errors cannot exceed 1 on average, since |d| <= u; it is 1/sqrt(3) if they
 * are uniform. It must exceed 1 (of a chain: 2) by 8 standard deviations of a mean of so many elements. */
void hd_rounding_test_elements(size_t count, const double *is, hd_estimate expected, double limit,
                               hd_rounding_test *test);

/* The odds that rounding alone brings some element of `elements` as far: at most this, by Hoeffding's bound; as a
 * decimal logarithm. */
double hd_rounding_odds(const hd_rounding_test *test, double limit, double elements);

/* --- leaning over steps --- */

/* The leans of one tensor's part over the steps. */
typedef struct hd_leaning {
    size_t steps;
    double mean, squares; /* of the steps' leans; squares: the sum of squared deviations (Welford 1962) */
    double least;         /* a lean must be as large as this */
} hd_leaning;

/* Of products, whose errors lean to neither side, a small lean counts. Others may lean honestly by up to 0.6: by a
 * constant, such as 1 / rows, that is rounded once, or by stagnation, where a term below half a unit in the last place
 * is lost at each step. */
#define HD_SUM_LEAN    0.05
#define HD_STEADY_LEAN 0.75

void hd_leaning_add(hd_leaning *leaning, const hd_rounding_test *test);

/* The mean in standard deviations of a mean. */
double hd_leaning_deviations(const hd_leaning *leaning);

/* Whether the steps lean to one side more than chance lets them. Rounding to nearest does not lean; a term that is
 * left out, or a factor of 1 - 1e-8, does. */
bool hd_leaning_found(const hd_leaning *leaning);

#endif
