/* Why two runs differ: one component swapped at a time, the float64 reference asked, and a verdict. */
#ifndef HD_DRIFT_DIAGNOSIS_H
#define HD_DRIFT_DIAGNOSIS_H

#include "drift/drift.h"
#include "drift/pairing.h"
#include "run/variant.h"

typedef enum hd_drift_verdict {
    HD_IDENTICAL,   /* every tensor has the same bits */
    HD_BY_ROUNDING, /* no step adds more than rounding can */
    HD_BY_KINK,     /* rounding, but what carries most of the difference is where it crossed a kink */
    HD_BY_COMPONENT,
    HD_UNEXPLAINED
} hd_drift_verdict;

/* A word in which the variants differ, and the share of the difference in each hypergradient that goes with
 * it: (h(a with b's word) - h(a)) / (h(b) - h(a)), and the other way about. NaN where a hypergradient does
 * not differ. */
typedef struct hd_cause {
    char component[HD_VARIANT_KEY];
    double into_a[HD_MAX_HYPERS], out_of_b[HD_MAX_HYPERS];
} hd_cause;

/* The mean of the two, within 0 and 1. */
double hd_cause_share(const hd_cause *cause, size_t hyper);

/* What one event alone carries: (h(a with b's decision there) - h(a)) / (h(b) - h(a)). */
typedef struct hd_crossing_share {
    size_t event; /* in the drift's events */
    double share[HD_MAX_HYPERS];
} hd_crossing_share;

/* More kinks than HD_MOST_ORDERED are not ordered, and no more than HD_MOST_ALONE one by one. */
enum { HD_MOST_ORDERED = 256, HD_MOST_ALONE = 16 };

typedef struct hd_diagnosis {
    hd_drift_verdict finding;
    char component[HD_VARIANT_KEY]; /* of HD_BY_COMPONENT */
    char evidence[1024];            /* one paragraph */
    size_t iteration; /* the hyper-iteration that causes and errors are about: the first that differs */
    hd_cause causes[HD_VARIANT_WORDS];
    size_t cause_count;
    /* The decisions at kinks as one component, and each alone, taken by a as b did (causes' into_a); measured
     * where rounding made them and they are few. */
    bool kinks_measured;
    hd_cause kinks;
    size_t kink_count;               /* ordered together */
    hd_crossing_share *event_shares; /* [event_share_count], owned */
    size_t event_share_count;
    hd_pairing pairing;        /* values NULL: not measured */
    double reference_error[2]; /* worst relative error of a's and b's hypergradients against the reference's
                                  for the same problem; NaN: not asked */
} hd_diagnosis;

/* Concludes from a drift. With both variants given, they are run again with components swapped, and on the
 * reference; without (two captures) that is left open. Where they differ in mode tangents and adjoints are
 * paired, with `pairing` also b's own. Errors as hd_run's. End with hd_diagnosis_free, also after a failure. */
hd_status hd_diagnose(const hd_drift *drift, const hd_variant *a, const hd_variant *b, bool pairing,
                      hd_diagnosis *diagnosis, hd_error *error);

void hd_diagnosis_free(hd_diagnosis *diagnosis);

/* "identical", "rounding", "kink", "component fill", "unexplained", into text, which is returned. */
const char *hd_drift_verdict_text(const hd_diagnosis *diagnosis, char text[HD_VARIANT_KEY + 16]);

/* 'a', 'b', '=' (equally near) or '?' (not known). */
char hd_nearer_reference(const hd_diagnosis *diagnosis);

#endif
