/* Drift: compares two runs' tensors place by place, in the order in which the runs compute them: where they
 * first differ, how the difference grows, what each step adds and inherits, and which kinks it crossed.
 *
 * Followers tell what a step adds: runs that are guided along a's states, so that each of their steps begins
 * where a's did. One is b's variant: where it differs from a, the step added that. Another is a's own variant
 * under random rounding (as in `calibrate`): where it differs, rounding alone did that. */
#ifndef HD_DRIFT_DRIFT_H
#define HD_DRIFT_DRIFT_H

#include "drift/kink_crossing.h"
#include "drift/tensor_difference.h"

/* A run guided along a's states. */
typedef struct hd_follower {
    hd_capture_reader *reader; /* its tensors */
    hd_sink lead;              /* takes a's states, as full frames */
    unsigned leads;            /* kinds it waits for */
} hd_follower;

enum { HD_FOLLOW_B, HD_FOLLOW_ROUNDING, HD_FOLLOWERS };

/* One tensor that differs. What is not known is NaN. */
typedef struct hd_growth {
    hd_place place;
    double relative;            /* |b - a| / |a| */
    double added[HD_FOLLOWERS]; /* what this step adds to that: b's, and rounding's alone */
    double worst_ulps;
    size_t elements, differing; /* SIZE_MAX: not known */
} hd_growth;

typedef struct hd_site {
    bool found;
    hd_place place;
    hd_tensor_part part;
    hd_tensor_difference difference;
} hd_site;

/* Whether both were found, in the same part of the same tensor. */
bool hd_same_site(const hd_site *a, const hd_site *b);

/* A hyper-iteration's results on both sides. */
typedef struct hd_ending {
    double hypergradient[2][HD_MAX_HYPERS], hyperparameter[2][HD_MAX_HYPERS];
    double evaluation[2][4];
    bool differs; /* in any hypergradient */
} hd_ending;

typedef struct hd_drift {
    hd_capture_info info[2]; /* both sides', owned */
    hd_attest attest[2];
    size_t compared, differing; /* tensors */
    hd_site first;              /* the first part of a tensor that differs */
    hd_site beyond;             /* the first to which a step adds more than rounding can */
    hd_growth *growth;          /* [grown], owned: every tensor that differs */
    size_t grown;
    hd_crossings events;
    bool full; /* both sides were full: else events and counts are not known */
    bool followed[HD_FOLLOWERS];
    hd_ending *ending; /* [iterations], owned */
    size_t iterations;
    /* W_0's difference at the start and the end of the first hyper-iteration that differs: for each input the
     * root of the sum over its units of (b - a)^2. Owned, [dims[0]]; NULL: not known. */
    double *heat[2];
    size_t heat_iteration;
} hd_drift;

/* Rounding alone cannot do more than this times what random rounding did in the same place. Measured on
 * fixtures/blobs-*, float32 (cpu) against float64 (reference) in both modes, three seeds of rounding: in
 * 29,580 tensors a step added 0.9 to 1.7 times rounding's on average and 6.4 times at most (activations
 * summed over 300 inputs: a sum rounds at each term, random rounding once for each sum). */
#define HD_BEYOND_ROUNDING 16.0

/* Reads both captures to their end and fills *drift. followers, and each one's reader, may be NULL.
 * HD_INVALID: a capture is broken, or the two differ in shapes, lengths or data (the message says "different"
 * and in what). HD_UNAVAILABLE: no memory. End with hd_drift_free, also after a failure. */
hd_status hd_drift_compare(hd_capture_reader *a, hd_capture_reader *b, const hd_follower *followers,
                           hd_drift *drift, hd_error *error);
void hd_drift_free(hd_drift *drift);

#endif
