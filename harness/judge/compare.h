/* The judge: compares quantities and appends a judgement of each to a verdict. A judgement passes only where
 * its error was shown to be within the tolerance, so NaN, Inf and whatever is missing fail. */
#ifndef HD_JUDGE_COMPARE_H
#define HD_JUDGE_COMPARE_H

#include "judge/verdict.h"

/* Representable numbers between a and b, plus one; in float32 after rounding both to it. -0 and +0 are the
 * same, numbers of opposite sign as far apart as their distances to zero together. Inf for NaN. Takes
 * constant time. */
double hd_ulps(double a, double b, bool float32);

/* The number that the tolerance bounds: error or relative, by measure. Tolerances are measured with it. */
double hd_judgement_error(const hd_judgement *judgement);

/* ---- Each of the following appends one judgement or more to the verdict. ---- */

/* One number. It passes when error (or relative) <= tolerance, both numbers being finite. */
void hd_compare_number(hd_verdict *verdict, const char *name, double value, double expected, hd_measure by,
                       double tolerance, bool float32);

/* A count of correct examples: totals must agree and not be zero; the counts may differ by `allowance`
 * examples. */
void hd_compare_count(hd_verdict *verdict, const char *name, hd_accuracy value, hd_accuracy expected,
                      double allowance);

/* The same number to the last bit (-0 is not +0, NaN never passes). */
void hd_compare_bits(hd_verdict *verdict, const char *name, double value, double expected, bool float32);

/* The same hash: passes if the texts are equal and not empty. Its judgement has no numbers, the note has the
 * texts. */
void hd_compare_hash(hd_verdict *verdict, const char *name, const char *value, const char *expected);

/* A failure without numbers: what was missing, extra or of another shape, said in the note. */
void hd_compare_failed(hd_verdict *verdict, const char *name, const char *cause);

/* Turns the judgement of that name, if it failed, into HD_KNOWN where it is within `tolerance` (same
 * measure), with `why` as its note. */
void hd_verdict_allow(hd_verdict *verdict, const char *quantity, double tolerance, const char *why);

/* Where tolerances come from: of(context, quantity's name) is NaN where there is none, which fails the
 * quantity. */
typedef struct hd_tolerances {
    double (*of)(const void *context, const char *quantity);
    const void *context;
} hd_tolerances;

/* The same tolerance for every quantity; context: a double, which must outlive it. NULL is zero. */
hd_tolerances hd_tolerance_everywhere(const double *tolerance);

/* An array: two quantities, "NAME worst element", by its absolute error, and "NAME l2", the norm of the
 * difference over the norm of expected (but at least HD_L2_FLOOR times the root of count): value is that
 * quotient, expected 0. Another count, none at all, or a NaN or Inf anywhere fails. */
#define HD_L2_FLOOR 1e-6
void hd_compare_array(hd_verdict *verdict, const char *name, const double *values, size_t count,
                      const double *expected, size_t expected_count, bool float32, hd_tolerances tolerances);

/* A failure for each name that only one side has, or that is there twice, or if there are none at all. A
 * caller that compares hyperparameters in its own way, by name, begins with this. */
void hd_compare_names(hd_verdict *verdict, const hd_hyper *hyper, size_t hypers, const hd_hyper *expected,
                      size_t expected_hypers);

/* Hyperparameters (absolute) and hypergradients (relative), paired by name; one on a single side fails. A
 * hypergradient that should be zero, or is next to nothing beside the others, is judged by them: its relative
 * error is taken of HD_GRADIENT_FLOOR times the largest expected, where that is more than its own. */
#define HD_GRADIENT_FLOOR 1e-6
void hd_compare_hypers(hd_verdict *verdict, const hd_hyper *hyper, size_t hypers, const hd_hyper *expected,
                       size_t expected_hypers, bool float32, hd_tolerances tolerances);

/* The numbers in a record against another's: accuracies, validation error (absolute), hyperparameters,
 * hypergradients. */
void hd_compare_figures(hd_verdict *verdict, const hd_record *record, const hd_record *expected,
                        hd_tolerances tolerances);

/* A record against another: its figures, then its weights. */
void hd_compare_records(hd_verdict *verdict, const hd_record *record, const hd_record *expected,
                        hd_tolerances tolerances);

#endif
