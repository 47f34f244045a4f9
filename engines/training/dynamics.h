/* One step of the training dynamics and its derivatives, written once for all devices. The optimizer is
 * momentum:
 *     G  = dE/dw + sum_k rho_l1_k sign(W_k) + 2 sum_k rho_l2_k W_k    (of weights only, not of biases)
 *     m' = mu m + G
 *     w' = w - eta m'
 * The hypergradients follow by differentiating these lines (Franceschi et al. 2017, section 3). */
#ifndef HD_TRAINING_DYNAMICS_H
#define HD_TRAINING_DYNAMICS_H

#include "training/model.h"

/* A state s = (w, m), or a tangent or adjoint of one. */
typedef struct hd_state {
    hd_real *w, *m; /* [weights] each */
} hd_state;

typedef struct hd_dynamics {
    const hd_model *model;
    const hd_problem *problem;
    hd_stretches stretches;                             /* W_0, W_1, ..., then all biases */
    hd_source source[HD_MAX_HYPERS * HD_MAX_STRETCHES]; /* [hypers][stretches] */
    double *coefficients;                               /* [stretches] of hd_coefficients, on the device */
} hd_dynamics;

enum { HD_ADJOINT_SUMS = 4 }; /* sums a stretch: see hd_dynamics_adjoint */

/* Fills *dynamics; model and problem must outlive it. HD_UNAVAILABLE where memory cannot be had.
 * hd_dynamics_release takes a zeroed one too. */
hd_status hd_dynamics_create(hd_dynamics *dynamics, const hd_model *model, const hd_problem *problem,
                             hd_error *error);
void hd_dynamics_release(hd_dynamics *dynamics);

/* Sets the hyperparameters' values, hyper[problem->hypers]. A rho not among them is zero. */
void hd_dynamics_set(hd_dynamics *dynamics, const double *hyper);

/* next = step(state), given g = dE/dw without regularizers. next may not overlap state. */
void hd_dynamics_step(const hd_dynamics *dynamics, hd_state state, const hd_real *g, hd_state next);

/* The tangents Z' = A Z + B, in place: z.w and z.m are [hypers][weights], hvp = (d2E/dw2) z.w likewise. */
void hd_dynamics_tangent(const hd_dynamics *dynamics, hd_state state, hd_state next, const hd_real *hvp,
                         hd_state z);

/* First half of the adjoint step p <- p A: q = p_m - eta p_w, the direction whose Hessian-vector product is
 * needed, and p . B in parts: sums[stretch][4] += q . sign(w), q . 2 w, -p_w . m', q . m. */
void hd_dynamics_adjoint(const hd_dynamics *dynamics, hd_state state, hd_state next, hd_state p, hd_real *q,
                         double *sums);

/* Second half, given hvp = (d2E/dw2) q: p_w += hvp + 2 rho_l2 q, p_m = mu q, in place. */
void hd_dynamics_pull_back(const hd_dynamics *dynamics, const hd_real *q, const hd_real *hvp, hd_state p);

/* The hypergradients [hypers] from the sums of all steps, fetched from the device. */
void hd_dynamics_collect(const hd_dynamics *dynamics, const double *sums, double *hypergradients);

#endif
