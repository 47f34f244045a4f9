/* Decisions within rounding's reach: hidden units and weights so near a kink that rounding takes them over
 * it. They are found by letting it: replicas of a run are rounded at random, and where one decides otherwise
 * than the run as it stands is a decision within reach. Then each is taken the other way alone, for what it
 * is worth in every hypergradient. */
#ifndef HD_DRIFT_NEAR_KINKS_H
#define HD_DRIFT_NEAR_KINKS_H

#include "drift/lockstep.h"

typedef struct hd_near_kink {
    hd_crossing event;           /* a: the run as it stands; b: the first replica that decided otherwise */
    hd_kink other;               /* the decision made as in b */
    size_t seen;                 /* replicas that did */
    double worth[HD_MAX_HYPERS]; /* what it changes in each hypergradient */
} hd_near_kink;

typedef struct hd_near_kinks {
    hd_near_kink *of; /* [count], owned: those that were weighed */
    size_t count, replicas;
    size_t found; /* decisions that some replica made otherwise, HD_MOST_FOUND at most */
    double hypergradient[HD_MAX_HYPERS]; /* as it stands */
} hd_near_kinks;

/* How many are remembered, and how many of them weighed: signs first, then those that most replicas turned. */
enum { HD_MOST_FOUND = 4096, HD_MOST_NEAR = 64 };

/* Finds and weighs the decisions of one hyper-iteration of a variant on the cpu device, by so many replicas;
 * signs of weights only under the rho_l1 of `layer` (SIZE_MAX: of any). Up to HD_MOST_NEAR are kept. Errors
 * as hd_lockstep's. End with hd_near_kinks_free, also after a failure. */
hd_status hd_near_kinks_measure(const hd_variant *variant, size_t iteration, size_t layer, size_t replicas,
                                hd_near_kinks *reach, hd_error *error);
void hd_near_kinks_free(hd_near_kinks *reach);

#endif
