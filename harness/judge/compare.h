/* The judge: compares quantities and appends a judgement of each to a verdict. A judgement passes only if its
 * error is known to be within the tolerance, so NaN, Inf and whatever is missing fail. */
#ifndef HD_JUDGE_COMPARE_H
#define HD_JUDGE_COMPARE_H

#include "judge/verdict.h"

/* The number of representable numbers between a and b, plus one; in float32 after rounding both to it. 0 if
 * they are equal. -0 and +0 are the same; for opposite signs the distances to zero add up. Inf for NaN. It
 * takes constant time. */
double hd_ulps(double a, double b, bool float32);

/* The number that the tolerance bounds: error or relative, by measure. */
double hd_judgement_error(const hd_judgement *judgement);

/* ---- Each of the following appends one judgement or more to the verdict. ---- */

/* One number. It passes if error (or relative) <= tolerance and both numbers are finite. */
void hd_compare_number(hd_verdict *verdict, const char *name, double value, double expected, hd_measure by,
                       double tolerance, bool float32);

/* A count of correct examples: totals must agree and not be zero; counts may differ by `allowance`. */
void hd_compare_count(hd_verdict *verdict, const char *name, hd_accuracy value, hd_accuracy expected,
                      double allowance);

/* The same number to the last bit (-0 is not +0; NaN never passes). */
void hd_compare_bits(hd_verdict *verdict, const char *name, double value, double expected, bool float32);

/* The same hash: passes if the texts are equal and not empty. The note has the texts; there is no number. */
void hd_compare_hash(hd_verdict *verdict, const char *name, const char *value, const char *expected);

/* A failure without numbers; the note says what is missing, extra or of another shape. */
void hd_compare_failed(hd_verdict *verdict, const char *name, const char *cause);

/* Makes a failed judgement of that name HD_KNOWN if it is within `tolerance` (same measure), with `why` as
 * note. */
void hd_verdict_allow(hd_verdict *verdict, const char *quantity, double tolerance, const char *why);

/* Where tolerances come from: of(context, quantity's name); NaN means none, which fails the quantity. */
typedef struct hd_tolerances {
    double (*of)(const void *context, const char *quantity);
    const void *context;
} hd_tolerances;

/* One tolerance for every quantity; it must outlive the result. NULL is zero. */
hd_tolerances hd_tolerance_everywhere(const double *tolerance);

/* An array, as two quantities: "NAME worst element", by its absolute error, and "NAME l2", whose value is
 *     |values - expected|_2 / max(|expected|_2, HD_L2_FLOOR sqrt(count))
 * and expected 0. Another count, none at all, or a NaN or Inf anywhere fails. */
#define HD_L2_FLOOR 1e-6
void hd_compare_array(hd_verdict *verdict, const char *name, const double *values, size_t count,
                      const double *expected, size_t expected_count, bool float32, hd_tolerances tolerances);

/* A failure for each name that only one side has, or that is there twice, or if there are no names. If you
 * compare hyperparameters by name in your own way, call this first. */
void hd_compare_names(hd_verdict *verdict, const hd_hyper *hyper, size_t hypers, const hd_hyper *expected,
                      size_t expected_hypers);

/* Hyperparameters (absolute) and hypergradients (relative), paired by name; a name on one side only fails. We
 * divide a hypergradient's error by at least HD_GRADIENT_FLOOR times the largest expected one, so that those
 * that should be zero, or nearly are, are judged by the others. */
#define HD_GRADIENT_FLOOR 1e-6
void hd_compare_hypers(hd_verdict *verdict, const hd_hyper *hyper, size_t hypers, const hd_hyper *expected,
                       size_t expected_hypers, bool float32, hd_tolerances tolerances);

/* A record's numbers: accuracies, validation error (absolute), hyperparameters, hypergradients. */
void hd_compare_figures(hd_verdict *verdict, const hd_record *record, const hd_record *expected,
                        hd_tolerances tolerances);

/* A record against another: its figures, then its weights. */
void hd_compare_records(hd_verdict *verdict, const hd_record *record, const hd_record *expected,
                        hd_tolerances tolerances);

#endif
