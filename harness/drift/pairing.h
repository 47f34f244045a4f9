/* The pairing of tangents with adjoints. With a hyperparameter's tangent Z_t, the adjoint p_t and B_s, what
 * the hyperparameter adds to step s,
 *     P_t = p_t . Z_t + sum over s >= t of p_{s+1} . B_s
 * is the hypergradient for every t: P_0 is reverse mode's, P_T forward mode's (Franceschi et al. 2017,
 * sections 3.1 and 3.2). Rounding changes it slightly from t to t + 1. An error in either mode changes it
 * more, at its step and for its hyperparameter. No golden is needed to see that. */
#ifndef HD_DRIFT_PAIRING_H
#define HD_DRIFT_PAIRING_H

#include "drift/pairing_judge.h"
#include "run/variant.h"

/* One hyper-iteration. Change t is P_{t+1} - P_t, without the error of summing B_s. */
typedef struct hd_pairing_iteration {
    double *values;          /* [steps + 1][hypers]: P_t */
    double *changes;         /* [steps][hypers] */
    hd_pairing_floor *floor; /* [steps][hypers] */
    bool *kinked;            /* [steps]: rounding switched a ReLU in one run only; change t is not judged */
    hd_pairing_course course[HD_MAX_HYPERS];
} hd_pairing_iteration;

typedef struct hd_pairing {
    size_t iterations, steps, hypers;
    hd_pairing_iteration *of; /* [iterations], owned; NULL: not measured */
} hd_pairing;

/* A hyperparameter in a hyper-iteration, with its course there. */
typedef struct hd_pairing_place {
    size_t iteration, hyper;
    const hd_pairing_course *course; /* the pairing's */
} hd_pairing_place;

/* Pairs `forward`'s tangents (forward mode) with `reverse`'s adjoints (reverse mode) in every hyper-iteration.
 * Runs each once. The forward run takes every state (w_t, m_t) from the reverse run, so that both differentiate
 * the same trajectory, on any devices. Each uses its own hyperparameters; the floor includes what their
 * difference can change. Both must have the same shapes. Keeps the states and adjoints of one hyper-iteration.
 * Errors as hd_lockstep's. End with hd_pairing_free, also after a failure. */
hd_status hd_pairing_measure(const hd_variant *forward, const hd_variant *reverse, hd_pairing *pairing,
                             hd_error *error);
void hd_pairing_free(hd_pairing *pairing);

/* Whether any hyperparameter's course is wrong in any hyper-iteration. */
bool hd_pairing_jumps(const hd_pairing *pairing);

/* Finds the first wrong course: of the first hyper-iteration that has one, that with the earliest jump, of
 * these the worst. False: there is none. */
bool hd_pairing_first(const hd_pairing *pairing, hd_pairing_place *place);

/* Writes "jumps between t = 3 and 4 of hyper-iteration 0, for mu", then "; wrong at every step" if it is, into
 * text, and returns it; "is wrong at every step of hyper-iteration 0, for mu" if it has no jump. hyper: the experiment's hyperparameters. */
enum { HD_PAIRING_TEXT = 128 };
const char *hd_pairing_describe(const hd_pairing_place *place, const hd_hyperparameter *hyper,
                                char text[HD_PAIRING_TEXT]);

/* Finds the course with the greatest change in units of its floor. */
hd_pairing_place hd_pairing_worst(const hd_pairing *pairing);

#endif
