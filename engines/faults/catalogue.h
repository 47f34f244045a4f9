/* The faults that can be planted, and where each must be found. */
#ifndef HD_FAULTS_CATALOGUE_H
#define HD_FAULTS_CATALOGUE_H

#include "modes/hypergradient.h"

typedef enum hd_planted {
    HD_STATE_OFF_BY_ONE,
    HD_STALE_BATCH_OUT,
    HD_STALE_BATCH_BACK,
    HD_TANGENTS_OVERWRITTEN,
    HD_ETA_DERIVATIVE_FORWARD,
    HD_ETA_DERIVATIVE_REVERSE,
    HD_MU_DERIVATIVE,
    HD_R_OP_SIGN,
    HD_R_OP_BIAS,
    HD_CLIP_MASK,
    HD_CLIP_MASK_R_OP,
    HD_RELU_AT_ZERO,
    HD_SIGN_AT_ZERO,
    HD_MU_ETA_SWAPPED,
    HD_WEIGHT_PERTURBED,
    HD_LOST_K_BLOCK,
    HD_FLOAT16,
    HD_TF32,
    HD_MISSING_BARRIER,
    HD_DIVISOR,
    HD_NAN_TANGENT,
    HD_L2_NOT_DOUBLED,
    HD_MU_LEFT_OUT,
    HD_MOMENTUM_KEPT,
    HD_ADJOINT_KEPT,
    HD_LOST_TERM,
    HD_SWAPPED_RESULTS,
    HD_COUNTED_TWICE,
    HD_PARTITION,
    HD_LABEL_FLIPPED,
    HD_SHUFFLE_REVERSED,
    HD_FILL_STRIDE,
    HD_FILL_COUNTER,
    HD_ADAM_EPSILON,
    HD_UNPROJECTED,
    /* at every step */
    HD_L2_LEFT_OUT,
    HD_MU_SQUARED,
    HD_WEIGHTS_LEAK,
    HD_WEIGHTS_LEAK_LESS,
    HD_WEIGHTS_LEAK_MORE,
    HD_MOMENTUM_LEAK,
    HD_TANGENT_LEAK,
    HD_ADJOINT_LEAK,
    HD_LOG_INEXACT,
    HD_EXP_INEXACT,
    HD_SIGN_IN_SUMS,
    HD_SQUARE_UNTRANSPOSED,
    HD_FLUSHED,
    HD_ROUNDED_UP,
    /* of one element, row or unit */
    HD_STALE_MASK,
    HD_STRAY_WEIGHT,
    HD_STALE_TANGENT,
    HD_STALE_ADJOINT,
    HD_DELTA_ROW,
    HD_BATCH_ROW,
    HD_UNIT_BIAS,
    HD_INITIAL_WEIGHT,
    HD_MOMENTUM_STOPPED,
    HD_BATCH_REPEATED,
    /* of the evaluation and the update */
    HD_ERROR_LOW,
    HD_ERROR_LEFT_OUT,
    HD_TEST_COUNT,
    HD_VALIDATION_DIVISOR,
    HD_ADAM_TIME,
    HD_HALF_PRECISION,
    HD_OTHER_SEED,
    /* that only threads, observers or a benign change bring or hide */
    HD_THREAD_TAIL,
    HD_UNOBSERVED,
    HD_OBSERVED,
    HD_LATE_OVER_BENIGN,
    /* no faults: what another compiler or library would do as well */
    HD_SUMS_REVERSED,
    HD_SUMS_IN_SLICES,
    HD_SUMS_IN_DOUBLE,
    HD_TWO_ROUNDINGS,
    HD_RECIPROCAL,
    HD_PLANTED,
    HD_NOTHING_PLANTED = HD_PLANTED
} hd_planted;

enum { HD_ANY_ELEMENT = 0xffffffffu };
/* A fault with this step acts at every step, from its hyper-iteration on. */
#define HD_EVERY_STEP SIZE_MAX

/* What is to be expected of a fault beyond its place. */
typedef enum hd_fault_kind {
    HD_PLAIN,      /* `check` sees it, with the bits and without */
    HD_SUBTLE,     /* its figures stay within the tolerances: `check` sees it by the bits only */
    HD_ONLY_DRIFT, /* `check` cannot see it */
    HD_BENIGN      /* no fault: only rounding differs */
} hd_fault_kind;

/* A fault of the catalogue. hyperdrift must name the first place that goes wrong, as `drift` names places: a
 * fault in step t shows in state t + 1 (backward: in the adjoint of state t). */
typedef struct hd_planted_fault {
    const char *name, *what;
    const char *experiment; /* in fixtures/, one in which it has an effect */
    hd_mode mode;           /* in which drift looks for it; `check` runs both */
    size_t iteration, step; /* where the fault acts */
    size_t at_step;         /* the place that hyperdrift must name: step, ... */
    const char *tensor;     /* ... tensor and its part; NULL: none, since only unwatched runs have it */
    uint32_t element;       /* and its first element, or HD_ANY_ELEMENT */
    hd_fault_kind kind;
} hd_planted_fault;

extern const hd_planted_fault hd_fault_catalogue[HD_PLANTED];

/* Writes the number of the fault of this name into *which; false: there is none. */
bool hd_fault_named(const char *name, hd_planted *which);

#endif
