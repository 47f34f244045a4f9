/* Drift: compares two runs' tensors place by place, in the order in which the runs compute them: where they first
 * differ, in each hyper-iteration and in all, how the difference grows, and which kinks it crossed. Beside that each
 * side is judged by itself (residual/residual.h): which of its tensors are not what their equations give. */
#ifndef HD_DRIFT_DRIFT_H
#define HD_DRIFT_DRIFT_H

#include "drift/kink_crossing.h"
#include "drift/tensor_difference.h"
#include "residual/residual.h"

/* One tensor that differs. What is not known is NaN. */
typedef struct hd_growth {
    hd_place place;
    double relative; /* |b - a| / |a| */
    bool estimated;  /* from digests */
    double residual
        [2]; /* how far a and b are off from their own equations there, as a share of what rounding can do:
                           hd_residual_size's furthest; NaN: not judged */
    double worst_ulps;
    size_t elements, differing; /* SIZE_MAX: not known */
} hd_growth;

typedef struct hd_site {
    bool found;
    hd_place place;
    hd_tensor_part part;
    hd_tensor_difference difference;
} hd_site;

/* Weights that differ by at most 0, 1, 2, 4, ... 2^(HD_ULP_BINS - 2) units in the last place; the last bin is for
 * all that differ by more. */
enum { HD_ULP_BINS = 28 };

/* A hyper-iteration on both sides. */
typedef struct hd_iteration_drift {
    bool reached; /* both sides have its results */
    double hypergradient[2][HD_MAX_HYPERS], hyperparameter[2][HD_MAX_HYPERS]; /* these after the update */
    double evaluation[2][4];
    size_t compared, differing; /* tensors */
    hd_site first;              /* the first part of a tensor that differs */
    size_t ulps[HD_ULP_BINS];   /* weights at the end, both sides full: by how much they differ */
    /* W_0's difference at the start and at the end: for each input the root of the sum over its units of (b - a)^2.
     * Owned, [dims[0]]; NULL: not known. */
    double *heat[2];
} hd_iteration_drift;

/* What is known of one side by itself. */
typedef struct hd_side_judgement {
    bool judged; /* its tensors were checked by their equations, up to `parted` if that is found */
    hd_residuals
        residuals;  /* of the run that was judged: the side itself, or a run of the same variant here */
    hd_site parted; /* a digest's: the first tensor that is not that of the run here, */
    bool parted_block[HD_BLOCKS];       /* which of its blocks are not, */
    double parted_by[HD_BLOCKS];        /* the difference of their sketches (digest.h), */
    double parted_norm;                 /* of its Euclidean norm, */
    double parted_result[HD_EVALUATED]; /* and, of an evaluation, of its numbers */
    char why_not[256];                  /* if it was not judged, or not to its end */
} hd_side_judgement;

typedef struct hd_drift {
    hd_capture_info info[2]; /* both sides', owned */
    hd_attest attest[2];
    hd_side_judgement side[2];
    const char *name[2]; /* of the sides' streams, not owned */
    bool cut[2];        /* a capture that ends before its end: what comes later on either side was not read */
    hd_place cut_at[2]; /* the first tensor that it lacks */
    size_t compared, differing; /* tensors */
    hd_growth *growth;          /* [grown], owned: every tensor that differs */
    size_t grown;
    hd_crossings events;
    bool full; /* all tensors were known in full on both sides: else events are not complete */
    hd_iteration_drift *iteration; /* [iterations], owned */
    size_t iterations;
} hd_drift;

/* A side to compare. */
typedef struct hd_drift_input {
    hd_capture_reader *reader;
    hd_capture_reader
        *twin; /* of a digest: a full run of the same variant, whose tensors stand for the digest's as
                                long as they have its bits; NULL: none */
} hd_drift_input;

/* Reads both sides, and their twins, compares them up to where one is cut short, reads the other to its end, and fills
 * *drift, but for `residuals`, `judged` and growth's residuals. HD_INVALID: a capture is broken, or the two differ in
 * shapes or lengths (the message says in what). HD_UNAVAILABLE: no memory. End with hd_drift_free, also after a failure. */
hd_status hd_drift_compare(const hd_drift_input sides[2], hd_drift *drift, hd_error *error);

/* Enters the residuals' sizes into growth. */
void hd_drift_enter_residuals(hd_drift *drift);
void hd_drift_free(hd_drift *drift);

/* The first part of a tensor that differs in any hyper-iteration; .found is false if none does. */
const hd_site *hd_drift_first(const hd_drift *drift);

/* Finding number i of a side that is the side's own and not only its twin's; NULL: no more. */
const hd_finding *hd_drift_finding(const hd_drift *drift, size_t side, size_t i);

#endif
