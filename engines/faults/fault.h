/* Planted faults: what the harness must see.
 *
 * They are linked over the very objects of the program (build/hyperdrift-faults, `make faults`): a function
 * whose __wrap_ stands in this folder is called in the place of the real one (the linker's --wrap), and an
 * overlay lies on the `cpu` device's operations. The sources and the program know nothing of them. One fault
 * is planted at a time, in one place of a run on `cpu`; the float64 reference, which judges, stays whole. */
#ifndef HD_FAULTS_FAULT_H
#define HD_FAULTS_FAULT_H

#include "modes/engine.h"

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
    HD_PLANTED,
    HD_NOTHING_PLANTED = HD_PLANTED
} hd_planted;

enum { HD_ANY_ELEMENT = 0xffffffffu };

/* One of the catalogue. The place it must be named by is the first that goes wrong, as `drift` names places:
 * a fault in what step t does to a state shows in state t + 1 (going back: in the adjoint of state t). */
typedef struct hd_planted_fault {
    const char *name, *what;
    const char *experiment; /* of fixtures/: where it has an effect */
    hd_mode mode;           /* in which it is looked for with drift; `check` runs both */
    size_t iteration, step; /* where it acts */
    size_t at_step;         /* what it must be named by: step, ... */
    const char *tensor;     /* ... tensor and its part, or component */
    uint32_t element;       /* and the first element of that, or HD_ANY_ELEMENT */
} hd_planted_fault;

extern const hd_planted_fault hd_fault_catalogue[HD_PLANTED];

/* The fault of that name into *which; false: there is none. */
bool hd_fault_named(const char *name, hd_planted *which);

/* From now on this process plants it (or nothing) in what it runs on `cpu`. */
void hd_fault_choose(hd_planted which);
hd_planted hd_fault_chosen(void);

/* Whether this fault is planted in the run that goes on. */
bool hd_fault_acts(hd_planted which);

/* ... and the run is in the hyper-iteration in which it acts; ... and at its step. */
bool hd_fault_now(hd_planted which);
bool hd_fault_here(hd_planted which);

/* The engine that runs; NULL: none. */
hd_engine *hd_fault_engine(void);

/* Lays the operations that can go wrong over the device's own. HD_UNAVAILABLE: no memory. */
hd_status hd_fault_lay(hd_device *device, hd_error *error);

#endif
