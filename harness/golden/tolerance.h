/* Measured tolerances: what rounding alone does to each quantity, and how far the next run may be off.
 *
 * The next correct run exceeds the tolerance of any quantity of its record with probability at most
 * HD_FALSE_ALARMS, which the quantities share equally. A tolerance is the greater of both modes' bounds. For
 * a sample of n errors x with mean, standard deviation s, and r the least error that float32 can show there
 * (or the least step between two different errors, if that is more), the bound is
 *   - for one number: |mean| + t s sqrt(1 + 1/n) + r;
 *   - for the worst of many, or a norm: exp(mean + t s sqrt(1 + 1/n)), mean and s of log(x + r), but at most
 *     HD_MOST_SEEN times the greatest x, as it would let anything pass if few of few runs crossed a kink;
 *   - for either if bimodal: greatest |x| + t s' sqrt(1 + 1/n) + r, s' the deviation within the two clusters;
 *   - for a count of examples: hd_count_bound, of both modes' runs together.
 * t is Student's for the quantity's share (half of it for a number, whose error has two signs). These are
 * bounds on the next run, not estimates of a quantile, so a small sample gives wide ones. A sample is bimodal
 * if it splits into two clusters better than a normal one would (hd_best_split below hd_split_critical) that
 * are more than 2 r apart: some runs then took another side of a kink (a ReLU, a weight's sign). Unlike a
 * large deviation, that says that we expect no errors between the clusters. */
#ifndef HD_GOLDEN_TOLERANCE_H
#define HD_GOLDEN_TOLERANCE_H

#include "golden/golden.h"

#define HD_FALSE_ALARMS 1e-3
#define HD_MOST_SEEN    8.0

/* One quantity's errors, by mode. */
typedef struct hd_sample {
    char quantity[HD_QUANTITY];
    hd_family family;
    double resolution;
    double *errors[2]; /* [count], owned: signed */
    size_t count[2];
} hd_sample;

/* A zeroed measurement is empty. */
typedef struct hd_measurement {
    hd_sample *of; /* [count], owned */
    size_t count;
} hd_measurement;

/* Adds the errors of a float32 record against the reference, one for each quantity. HD_DIFFERENT: one cannot
 * be measured (names, shapes or NaN); HD_UNAVAILABLE: no memory. */
hd_status hd_measurement_add(hd_measurement *measurement, const hd_record *record, const hd_record *reference,
                             hd_error *error);

/* Gives the golden its tolerances, rounded up to three digits, with their evidence, and golden->method.
 * HD_INVALID: fewer than three runs in a mode; HD_UNAVAILABLE: no memory. */
hd_status hd_measurement_conclude(const hd_measurement *measurement, hd_golden *golden, hd_error *error);

/* Frees what the measurement owns and zeroes it. */
void hd_measurement_free(hd_measurement *measurement);

#endif
