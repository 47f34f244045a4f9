/* Tolerances, measured: what rounding alone does to each quantity, and how far a further run may go.
 *
 * A tolerance is a bound that the next unfaulted run exceeds in any quantity of its record with probability
 * at most HD_FALSE_ALARMS, shared equally among the quantities; it is the greater of both modes'. From a
 * sample of n errors x with mean, standard deviation s, and r the least error float32 can show there (or the
 * least step between two that differ, if that is more):
 *   - one number: |mean| + t s sqrt(1 + 1/n) + r;
 *   - the worst of many, or a norm: exp(mean + t s sqrt(1 + 1/n)) of log(x + r), but at most HD_MOST_SEEN
 *     times the greatest x: where few of few runs crossed a kink, that bound would let anything pass;
 *   - bimodal, either of them: greatest |x| + t s' sqrt(1 + 1/n) + r, s' being the deviation within the two
 *     kinds;
 *   - count of examples: hd_count_bound, of both modes' runs together.
 * t is Student's for the quantity's share (half of it for a number, whose error has two signs): these are
 * bounds on the next run, not estimates of a quantile, so a small sample gives wide ones. A sample is bimodal
 * where it is better cut in two than a normal one would be (hd_best_split below hd_split_critical) and the
 * two are more than 2 r apart: a run then took another side of a kink (a ReLU, a weight's sign). Unlike a
 * large deviation it says that errors between the two kinds are not to be expected. */
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

/* All zero is an empty one. */
typedef struct hd_measurement {
    hd_sample *of; /* [count], owned */
    size_t count;
} hd_measurement;

/* Takes the errors of a float32 record against the reference: one more of each quantity. HD_DIFFERENT where
 * one cannot be measured (names, shapes or NaN); HD_UNAVAILABLE: no memory. */
hd_status hd_measurement_add(hd_measurement *measurement, const hd_record *record, const hd_record *reference,
                             hd_error *error);

/* Gives the golden its tolerances, rounded up to three digits, with their evidence, and says in
 * golden->method how. HD_INVALID for fewer than three runs in a mode; HD_UNAVAILABLE: no memory. */
hd_status hd_measurement_conclude(const hd_measurement *measurement, hd_golden *golden, hd_error *error);

void hd_measurement_free(hd_measurement *measurement);

#endif
