/* How much of a difference goes through flipped decisions: either side is run again with its ReLU and sign decisions
 * forced as the other took them. */
#ifndef HD_DRIFT_KINK_SHARES_H
#define HD_DRIFT_KINK_SHARES_H

#include "drift/causes.h"

/* The share of one event alone: (h(a with b's decision there) - h(a)) / (h(b) - h(a)). */
typedef struct hd_crossing_share {
    size_t event; /* in the drift's events */
    double share[HD_MAX_HYPERS];
} hd_crossing_share;

/* We force kinks only if there are at most HD_MOST_ORDERED, and no more than HD_MOST_ALONE one by one. */
enum { HD_MOST_ORDERED = 256, HD_MOST_ALONE = 16 };

typedef struct hd_kink_shares {
    bool measured;
    hd_cause together;        /* all, as one component */
    size_t count;             /* forced together */
    hd_crossing_share *alone; /* [alone_count], owned */
    size_t alone_count;
} hd_kink_shares;

/* Measures them for a hyper-iteration's hypergradients, if all events are known, at most HD_MOST_ORDERED and both sides
 * run on the host. Errors as hd_run's. End with hd_kink_shares_free, also after a failure. */
hd_status hd_kink_shares_measure(const hd_drift *drift, const hd_variant *const sides[2], size_t iteration,
                                 hd_kink_shares *shares, hd_error *error);
void hd_kink_shares_free(hd_kink_shares *shares);

/* The hypergradient that differs by more than sums do, and most of whose difference the kinks carry; SIZE_MAX: none. */
size_t hd_kink_shares_most(const hd_kink_shares *shares, const hd_drift *drift, size_t iteration);

#endif
