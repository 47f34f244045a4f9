/* Why two runs differ: judges each hyper-iteration, swaps one component at a time, asks the float64 reference, runs each
 * side again unwatched, and reaches a verdict. */
#ifndef HD_DRIFT_DIAGNOSIS_H
#define HD_DRIFT_DIAGNOSIS_H

#include "drift/amplification.h"
#include "drift/kink_shares.h"
#include "drift/lockstep.h"
#include "drift/pairing.h"
#include "drift/repeats.h"

/* From the best to the worst. */
typedef enum hd_drift_verdict {
    HD_IDENTICAL,    /* all tensors have the same bits */
    HD_BY_ROUNDING,  /* every operation of both sides did what its equation says, up to rounding */
    HD_BY_KINK,      /* so too, but flipped decisions made a jump of it */
    HD_NOT_JUDGED,   /* nobody could look at every operation */
    HD_BY_COMPONENT, /* they were told to compute different things */
    HD_UNEXPLAINED, /* no operation is found wrong, but rounding does not bring hypergradients as far apart */
    HD_BEYOND_ROUNDING /* an operation did not do what its equation says, the pairing jumps, or an unwatched run differs */
} hd_drift_verdict;

/* A hyper-iteration by itself. */
typedef struct hd_iteration_verdict {
    hd_drift_verdict verdict;
    double apart;       /* the greatest relative difference of a hypergradient, */
    size_t worst;       /* of this one */
    double inherited;   /* the greatest relative difference of a hyperparameter at its start */
    size_t findings[2]; /* tensors of a and b that are not what their equations give */
    size_t flips;       /* decisions that came out differently, in it */
} hd_iteration_verdict;

/* Findings of one side in one kind of tensor of a hyper-iteration. */
typedef struct hd_finding_group {
    size_t side, count;
    const hd_finding *first, *worst; /* in the drift; worst: the furthest off */
    hd_place last;
} hd_finding_group;

typedef struct hd_diagnosis {
    hd_drift_verdict finding;         /* the worst of all hyper-iterations */
    char component[HD_VARIANT_KEY];   /* if HD_BY_COMPONENT */
    char evidence[2048];              /* one paragraph */
    char advice[512];                 /* if not all was judged: a command that would; else "" */
    hd_iteration_verdict *iterations; /* [iteration_count], owned */
    size_t iteration_count;
    size_t iteration;         /* the worst hyper-iteration, which causes, kinks and errors are about */
    hd_finding_group *groups; /* [group_count], owned, in the run's order */
    size_t group_count;
    hd_growth_rate
        growth_rate; /* in the worst hyper-iteration; steps 0: not known, or it is not rounding that grows */
    hd_causes causes;
    hd_kink_shares kinks;
    hd_pairing pairing; /* values NULL: not measured */
    hd_repeats repeats[2];
    double *reach; /* [iteration_count][HD_REACHES], owned: see hd_rounding_reach; NULL: not measured */
    double reference_error[2]; /* a's and b's hypergradients' worst relative error against the reference's for
                                  the same problem; NaN: not asked */
} hd_diagnosis;

/* What to measure beyond what the verdict needs. */
typedef struct hd_diagnosis_wishes {
    bool pairing;  /* also b's tangents with its own adjoints */
    size_t repeat; /* unwatched runs of each side that is run here */
} hd_diagnosis_wishes;

/* Concludes from a drift. Where both sides are run here it runs them again, with components swapped and on the
 * reference; of captures it leaves that open. If they differ in mode it pairs tangents and adjoints. Errors as
 * hd_run's. End with hd_diagnosis_free in any case. The drift must outlive it. */
hd_status hd_diagnose(const hd_drift *drift, const hd_drift_side sides[2], hd_diagnosis_wishes wishes,
                      hd_diagnosis *diagnosis, hd_error *error);
void hd_diagnosis_free(hd_diagnosis *diagnosis);

/* Writes the paragraph of evidence and the advice. */
void hd_diagnosis_testify(const hd_drift *drift, const hd_drift_side sides[2], hd_diagnosis *diagnosis);

/* Whether a digest that parts from its run here differs from it by more than rounding can do: from the same inputs it
 * has another result, so that this one tensor can be judged by its size. */
bool hd_parted_too_far(const hd_drift *drift, size_t side);

/* Whether a and b were told to compute the same. */
bool hd_same_settings(const hd_drift *drift);

/* Writes "identical", "rounding", "kink", "not judged", "component fill", "unexplained" or "beyond rounding" into text
 * and returns it. */
enum { HD_VERDICT_TEXT = HD_VARIANT_KEY + 16 };
const char *hd_drift_verdict_text(const hd_diagnosis *diagnosis, char text[HD_VERDICT_TEXT]);
const char *hd_drift_verdict_name(hd_drift_verdict verdict);

/* Which is nearer the reference: 'a', 'b', '=' (equally near) or '?' (not known). */
char hd_nearer_reference(const hd_diagnosis *diagnosis);

#endif
