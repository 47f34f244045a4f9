/* The pairing of tangents with adjoints. With Z_t a hyperparameter's tangent, p_t the adjoint and B_s what
 * the hyperparameter adds to step s, P_t = p_t . Z_t + sum over s >= t of p_{s+1} . B_s is the hypergradient
 * for every t: P_0 is reverse mode's, P_T forward mode's (Franceschi et al. 2017, sections 3.1 and 3.2).
 * Rounding makes it tremble; a fault in either mode makes it jump, at its step and for its hyperparameter,
 * without any golden. */
#ifndef HD_DRIFT_PAIRING_H
#define HD_DRIFT_PAIRING_H

#include "drift/lockstep.h"

typedef struct hd_pairing {
    size_t iteration, steps, hypers;
    double *values;    /* [steps + 1][hypers], owned: P_t */
    size_t jump_step;  /* P differs most between this t and the next, */
    size_t jump_hyper; /* for this hyperparameter, */
    double jump;       /* by this much of its largest |P| */
    double tremble;    /* the median of all such differences */
    double unit;       /* one rounding: a smaller difference is no jump */
} hd_pairing;

/* A jump this many times the median is more than trembling. */
#define HD_JUMP 50.0

/* Pairs `forward` (run in forward mode) with `reverse` (in reverse mode) at one hyper-iteration. Both must be
 * of one experiment's shapes. It keeps two trajectories of states in memory. Errors as hd_lockstep's. End
 * with hd_pairing_free. */
hd_status hd_pairing_measure(const hd_variant *forward, const hd_variant *reverse, size_t iteration,
                             hd_pairing *pairing, hd_error *error);
bool hd_pairing_jumps(const hd_pairing *pairing);
void hd_pairing_free(hd_pairing *pairing);

#endif
