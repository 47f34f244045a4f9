/* What the modes share. Internal to engines/. */
#ifndef HD_MODES_ENGINE_H
#define HD_MODES_ENGINE_H

#include "modes/hypergradient.h"
#include "training/trajectory.h"

/* States of the trajectory that a method keeps, states it keeps in all (hd_result.state_bytes), and directions
 * whose Hessian-vector products it takes at once. */
typedef struct hd_method_sizes {
    size_t trajectory, states, directions;
} hd_method_sizes;

/* A way to get hypergradients. The engine trains (calling step T times), evaluates, then calls finish. */
typedef struct hd_method {
    hd_method_sizes (*sizes)(const hd_problem *);
    /* Allocates the method's own arrays into engine; hd_engine_destroy releases them. NULL: none. */
    bool (*prepare)(hd_engine *);
    /* Clears what a run accumulates. NULL: nothing. */
    void (*start)(hd_engine *);
    /* Step t, its batch being loaded: state t to state t + 1, and what the mode carries along. */
    void (*step)(hd_engine *, size_t t);
    /* What follows once the validation gradient at w_T is in engine->gradient: operations only. NULL:
     * nothing. */
    void (*finish)(hd_engine *);
    /* The hypergradients [hypers], fetched from the device. */
    void (*collect)(hd_engine *, double *hypergradients);
    /* The primal's part of a step's multiplications: where primal and tangents share passes, they share the
     * time by it. NULL: all. */
    double (*primal_share)(const hd_engine *);
} hd_method;

extern const hd_method hd_method_forward, hd_method_reverse, hd_method_plain;

struct hd_engine {
    hd_device *device;
    const hd_problem *problem;
    const hd_method *method;
    hd_model model;
    hd_dynamics dynamics;
    hd_trajectory trajectory;
    hd_activations act; /* of a training batch */
    hd_batch *batch;
    hd_examples training, validation, test; /* where the device reads them */
    const uint32_t *scheme;
    hd_activations evaluation; /* of a chunk of the validation or test set */
    hd_batch *chunk;
    hd_real *gradient; /* [weights] */
    hd_real *errors;   /* [validation examples] */
    double *evaluated; /* sums of the evaluation, on the device */
    double *sums;      /* the method's own, on the device */
    double *fetched;   /* reverse: room for them here */

    hd_state tangent;         /* forward: [hypers][weights] */
    hd_state adjoint;         /* reverse: [weights] */
    hd_real *direction, *hvp; /* forward: -, [hypers][weights]; reverse: q and H q, [weights] */

    size_t data_bytes; /* as the result's */
    hd_timing seconds;
    const hd_observer *observer;
    bool stopped;                     /* by the observer */
    bool back;                        /* see hd_view */
    double *shown;                    /* room for what it is shown */
    double *hypergradients, *weights; /* the result's */
};

/* HD_INVALID with the reason if the problem cannot be run. */
hd_status hd_problem_check(const hd_problem *problem, hd_error *error);

/* Waits for the device, and gives what it latched as an error; HD_OK if nothing. Clears the latch. The problem
 * names the tensors. HD_DIFFERENT: a value that is not finite, or a backward sweep that met other errors than the
 * forward sweep; HD_UNAVAILABLE: no memory, or the device failed. */
hd_status hd_latched_error(hd_device *device, const hd_problem *problem, hd_error *error);

hd_status hd_engine_create_with(hd_device *device, const hd_problem *problem, const hd_method *method,
                                hd_engine **created, hd_error *error);

/* hd_engine_run up to the evaluation: trains from point and writes validation error, accuracies and weights.
 */
hd_status hd_engine_train(hd_engine *engine, const hd_point *point, const hd_observer *observer,
                          hd_result *result, hd_error *error);

/* State t of the trajectory. */
hd_state hd_engine_state(const hd_engine *engine, size_t t);

/* Gathers the examples of step t. */
void hd_engine_load_batch(hd_engine *engine, size_t t);

/* The primal step, for methods that carry nothing along: state t to state t + 1. */
void hd_engine_plain_step(hd_engine *engine, size_t t);

/* Shows count values of a tensor that carries the state to the observer, if it wants them; it may replace
 * them. */
void hd_engine_show_state(hd_engine *engine, hd_tensor tensor, size_t index, hd_real *values, size_t count);

/* Shows the batch and what differentiating on it left behind. */
void hd_engine_show_step(hd_engine *engine);

/* Adds the time since *mark to *phase and moves the mark to now. (On an asynchronous device nothing: there
 * only whole sections of a run can be timed.) */
void hd_engine_lap(const hd_engine *engine, double *mark, double *phase);

#endif
