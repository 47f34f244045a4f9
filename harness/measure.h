/* Tolerances, measured: what rounding alone does to each quantity. */
#ifndef HD_MEASURE_H
#define HD_MEASURE_H

#include "golden.h"

/* The errors seen so far of one quantity after another. All zero is an empty one. */
typedef struct hd_measurement {
    hd_tolerance *of; /* [count], owned */
    double *expected; /* [count], owned: the reference's value of each, and whether its error is relative */
    bool *relative;
    size_t count;
} hd_measurement;

/* Takes the errors of a float32 record against the reference: a sample of each quantity. HD_DIFFERENT where
 * one cannot be measured (names, shapes or NaN); HD_UNAVAILABLE: no memory. */
hd_status hd_measurement_add(hd_measurement *measurement, const hd_record *record, const hd_record *reference,
                             hd_error *error);

/* Gives the golden its tolerances: HD_MEASURE_FACTOR times the worst error seen, where one rounding to
 * float32 is the least that counts as seen, and for accuracies, which are counts, none is. Says in
 * golden->method how. HD_UNAVAILABLE: no memory. */
#define HD_MEASURE_FACTOR 4
hd_status hd_measurement_conclude(const hd_measurement *measurement, size_t replicas, hd_golden *golden,
                                  hd_error *error);

void hd_measurement_free(hd_measurement *measurement);

#endif
