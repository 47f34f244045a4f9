/* Why two runs differ: swaps one component at a time, asks the float64 reference, and reaches a verdict. */
#ifndef HD_DRIFT_DIAGNOSIS_H
#define HD_DRIFT_DIAGNOSIS_H

#include "drift/drift.h"
#include "drift/pairing.h"
#include "run/variant.h"

typedef enum hd_drift_verdict {
    HD_IDENTICAL,   /* all tensors have the same bits */
    HD_BY_ROUNDING, /* no step adds more than rounding can */
    HD_BY_KINK,     /* rounding, but most of the difference comes from kinks that it crossed */
    HD_BY_COMPONENT,
    HD_UNEXPLAINED
} hd_drift_verdict;

/* A word in which the variants differ, and its share of the difference D = h(b) - h(a) in each hypergradient:
 *     into_a = (h(a with b's word) - h(a)) / D,   out_of_b = (h(b) - h(b with a's word)) / D.
 * Both are NaN where D is 0. */
typedef struct hd_cause {
    char component[HD_VARIANT_KEY];
    double into_a[HD_MAX_HYPERS], out_of_b[HD_MAX_HYPERS];
} hd_cause;

/* The mean of the two, cut to 0 .. 1. */
double hd_cause_share(const hd_cause *cause, size_t hyper);

/* The share of one event alone: (h(a with b's decision there) - h(a)) / (h(b) - h(a)). */
typedef struct hd_crossing_share {
    size_t event; /* in the drift's events */
    double share[HD_MAX_HYPERS];
} hd_crossing_share;

/* We force kinks only if there are at most HD_MOST_ORDERED, and no more than HD_MOST_ALONE one by one. */
enum { HD_MOST_ORDERED = 256, HD_MOST_ALONE = 16 };

typedef struct hd_diagnosis {
    hd_drift_verdict finding;
    char component[HD_VARIANT_KEY]; /* if HD_BY_COMPONENT */
    char evidence[1024];            /* one paragraph */
    size_t iteration; /* the first hyper-iteration that differs, which causes and errors are about */
    hd_cause causes[HD_VARIANT_WORDS];
    size_t cause_count;
    /* The decisions at kinks as one component, and each alone, forced on a as b took them (causes' into_a);
     * measured if rounding made them and they are few. */
    bool kinks_measured;
    hd_cause kinks;
    size_t kink_count;               /* forced together */
    hd_crossing_share *event_shares; /* [event_share_count], owned */
    size_t event_share_count;
    hd_pairing pairing;        /* of NULL: not measured */
    double reference_error[2]; /* a's and b's hypergradients' worst relative error against the reference's for
                                  the same problem; NaN: not asked */
} hd_diagnosis;

/* Concludes from a drift. With both variants it runs them again with components swapped, and on the
 * reference; without (two captures) it leaves that open. If they differ in mode it pairs tangents and
 * adjoints, with `pairing` also b's own. Errors as hd_run's. End with hd_diagnosis_free in any case. */
hd_status hd_diagnose(const hd_drift *drift, const hd_variant *a, const hd_variant *b, bool pairing,
                      hd_diagnosis *diagnosis, hd_error *error);

void hd_diagnosis_free(hd_diagnosis *diagnosis);

/* Writes "identical", "rounding", "kink", "component fill" or "unexplained" into text and returns it. */
const char *hd_drift_verdict_text(const hd_diagnosis *diagnosis, char text[HD_VARIANT_KEY + 16]);

/* Which is nearer the reference: 'a', 'b', '=' (equally near) or '?' (not known). */
char hd_nearer_reference(const hd_diagnosis *diagnosis);

#endif
