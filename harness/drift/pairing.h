/* The pairing of tangents with adjoints. With a hyperparameter's tangent Z_t, the adjoint p_t and B_s, what
 * the hyperparameter adds to step s,
 *     P_t = p_t . Z_t + sum over s >= t of p_{s+1} . B_s
 * is the hypergradient for every t: P_0 is reverse mode's, P_T forward mode's (Franceschi et al. 2017,
 * sections 3.1 and 3.2). Rounding changes it slightly from t to t. An error in either mode makes it jump, at
 * its step and for its hyperparameter, without any golden. */
#ifndef HD_DRIFT_PAIRING_H
#define HD_DRIFT_PAIRING_H

#include "drift/lockstep.h"

typedef struct hd_pairing {
    size_t iteration, steps, hypers;
    double *values;    /* [steps + 1][hypers], owned: P_t */
    size_t jump_step;  /* P changes most from this t to the next, */
    size_t jump_hyper; /* for this hyperparameter, */
    double jump;       /* by this share of its largest |P| */
    double tremble;    /* the median of all such changes */
    double unit;       /* one rounding: a smaller change is no jump */
} hd_pairing;

/* A change of more than this many medians is a jump. */
#define HD_JUMP 50.0

/* Pairs `forward`'s tangents (forward mode) with `reverse`'s adjoints (reverse mode) at one hyper-iteration.
 * Both must have the same shapes. Keeps two trajectories. Errors as hd_lockstep's. End with
 * hd_pairing_free. */
hd_status hd_pairing_measure(const hd_variant *forward, const hd_variant *reverse, size_t iteration,
                             hd_pairing *pairing, hd_error *error);
bool hd_pairing_jumps(const hd_pairing *pairing);
void hd_pairing_free(hd_pairing *pairing);

#endif
