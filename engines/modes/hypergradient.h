/* The engines' public header: a problem in, hypergradients and trained weights out.
 *
 * A problem is a training run of T steps with hyperparameters h that starts at weights w_0, and a validation
 * error E. The hypergradient is dE(w_T(h)) / dh, through the whole training. Forward mode carries one tangent
 * Z = dw/dh for each hyperparameter along the trajectory. Reverse mode carries one adjoint dE/dw back over
 * the stored trajectory. (Franceschi, Donini, Frasconi, Pontil: Forward and Reverse Gradient-Based
 * Hyperparameter Optimization, ICML 2017. Their Z_t is our tangent, alpha_t our adjoint, A_t and B_t the
 * Jacobians of the dynamics.) */
#ifndef HD_MODES_HYPERGRADIENT_H
#define HD_MODES_HYPERGRADIENT_H

#include "core/error.h"
#include "core/problem.h"
#include "training/initial_weights.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct hd_device hd_device; /* device.h */

typedef enum hd_mode { HD_FORWARD, HD_REVERSE } hd_mode;

/* Where the hypergradient is taken. */
typedef struct hd_point {
    const double *hyper;          /* [hypers]; on a float32 device each is rounded to float32 */
    const float *initial_weights; /* [hd_weight_count], or NULL: the device draws them */
    hd_initial initial;           /* ... from this */
    size_t training_batch;        /* the step whose batch the training accuracy is measured on */
} hd_point;

typedef struct hd_accuracy {
    size_t correct, total;
} hd_accuracy;

typedef struct hd_timing { /* seconds of wall clock, by phase */
    double data;           /* gathering batches */
    double training;       /* the primal steps */
    double differentiate;  /* tangents (forward) or the backward sweep (reverse); the batches' gathering is in
                              data */
    double validation; /* validation error and its gradient, accuracies, final products with the tangents */
    double total;
} hd_timing;

typedef struct hd_result {   /* the arrays are the engine's: valid until its next run or its end */
    double *hypergradients;  /* [hypers] */
    double *weights;         /* [hd_weight_count]: w_T; from a float32 device every one is a float */
    double validation_error; /* mean over the validation set at w_T */
    hd_accuracy test, validation, training;
    hd_timing seconds;
    double operations;   /* floating-point operations in matrix products as carried out, 2 m n k each */
    size_t launches;     /* kernels and library calls; 0 on a device that launches none */
    size_t state_bytes;  /* what the mode keeps: forward 1 + hypers, reverse steps + 2 states (w, m) */
    size_t device_bytes; /* the most that the device held for the program during the run, and ... */
    size_t data_bytes;   /* ... what of that were examples, scheme and trajectory */
} hd_result;

/* A tensor as the device holds it. */
typedef struct hd_view {
    hd_tensor tensor;
    size_t index;       /* layer of an activation or delta, number of a tangent's hyperparameter, else 0 */
    size_t step;        /* t */
    bool back;          /* in reverse mode's backward sweep, which makes batch and activations again */
    size_t first;       /* of activations, deltas and errors at t = steps: the validation example in row 0 */
    size_t count;       /* elements */
    bool float32;       /* they are float, else double; a batch is always double */
    const void *values; /* [count], valid while it is looked at */
} hd_view;

/* Element i of a view. */
static inline double hd_view_at(const hd_view *view, size_t i) {
    return view->float32 ? (double)((const float *)view->values)[i] : ((const double *)view->values)[i];
}

/* Watches a run, and may replace its state. A mode shows a tensor only if `wants` has its bit (1u << tensor),
 * since a GPU must download it. seen returns false to stop the run with HD_INVALID.
 *
 * If `guides` has its bit, a tensor that carries the state from step to step (weights, momentum, tangents,
 * adjoints) is then replaced by what guide writes into values[view->count], of the view's type. So a run can
 * be led along another's trajectory, which separates what a single step adds from what it inherits. guide too
 * returns false to stop. */
typedef struct hd_observer {
    unsigned wants;
    bool (*seen)(void *context, const hd_view *view);
    void *context;
    unsigned guides;
    bool (*guide)(void *context, const hd_view *view, void *values);
} hd_observer;

typedef struct hd_engine hd_engine;

/* Makes an engine: allocates every buffer of the mode on the device and puts the data there. *engine is the
 * caller's, to end with hd_engine_destroy, which takes NULL too. The problem is checked: HD_INVALID for sizes
 * of zero, labels or scheme entries out of range, hyperparameters twice or eta or mu missing; HD_UNAVAILABLE
 * where memory cannot be had. */
hd_status hd_engine_create(hd_device *device, const hd_problem *problem, hd_mode mode, hd_engine **engine,
                           hd_error *error);
void hd_engine_destroy(hd_engine *engine);

/* Trains from the point's initial weights and writes *result. observer may be NULL. HD_DIFFERENT when a value
 * that is not finite turned up (the message names step and tensor), or when the sums of a batch's errors
 * differ between reverse mode's two sweeps: it met another batch, state or activation (the message names the
 * step). With an observer, who sees both sweeps, that is not checked. */
hd_status hd_engine_run(hd_engine *engine, const hd_point *point, const hd_observer *observer,
                        hd_result *result, hd_error *error);

/* Central finite differences, the third oracle: for each hyperparameter j, with s = step[j],
 *     (E(w_T(h + s e_j)) - E(w_T(h - s e_j))) / 2s.
 * Meant for the float64 reference. smooth[j] tells whether the two trainings and the one at h stayed on one
 * side of every kink: the same ReLU masks, clipped probabilities, and signs of all weights under a rho_l1, at
 * every step and on the validation set. Both arrays are the caller's, [hypers]; where step[j] is 0 they stay
 * as they are. */
hd_status hd_finite_differences(hd_device *device, const hd_problem *problem, const hd_point *point,
                                const double *step, double *hypergradients, bool *smooth, hd_error *error);

#endif
