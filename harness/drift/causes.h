/* Causes: which of the words in which two variants differ makes the difference in their hypergradients. */
#ifndef HD_DRIFT_CAUSES_H
#define HD_DRIFT_CAUSES_H

#include "drift/drift.h"
#include "run/variant.h"

/* A word in which the variants differ, and its share of the difference D = h(b) - h(a) in each hypergradient:
 *     into_a = (h(a with b's word) - h(a)) / D,   out_of_b = (h(b) - h(b with a's word)) / D.
 * Both are NaN where D is 0. */
typedef struct hd_cause {
    char component[HD_VARIANT_KEY];
    double into_a[HD_MAX_HYPERS], out_of_b[HD_MAX_HYPERS];
} hd_cause;

typedef struct hd_causes {
    hd_cause of[HD_VARIANT_WORDS];
    size_t count;
    bool measured; /* their shares are known */
} hd_causes;

/* A hypergradient's relative difference above this is a jump, more than what sums do. */
#define HD_HYPERGRADIENT_JUMP 0x1p-20

/* A cause carries a difference if its share is more than this. */
#define HD_MOST_OF_IT 0.5

/* The mean of the two, cut to 0 .. 1. */
double hd_cause_share(const hd_cause *cause, size_t hyper);

/* Swaps each word alone, in both directions, and runs what comes out up to a hyper-iteration, for its hypergradients.
 * Errors as hd_run's. */
hd_status hd_causes_measure(const hd_drift *drift, const hd_variant *a, const hd_variant *b, size_t iteration,
                            hd_causes *causes, hd_error *error);

/* Lists the words that change a run if swapped, with no shares. Errors as hd_variant_swap's. */
hd_status hd_causes_list(const hd_variant *a, const hd_variant *b, hd_causes *causes, hd_error *error);

/* The component with the largest share in any hypergradient; NULL: none has most of one. */
const hd_cause *hd_causes_main(const hd_causes *causes, size_t hypers);

/* share[j] = (to[j] - from[j]) / (b's - a's hypergradient j); NAN where those are equal. */
void hd_shares(const double *from, const double *to, const hd_iteration_drift *iteration, size_t count,
               double *share);

#endif
