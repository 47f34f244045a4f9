/* What a device latched, as an error with the names of a training run. */
#include "modes/engine.h"

#include <stdio.h>

/* "activations of layer 2", "tangent (w) of eta": what a latched error concerns, in a reader's words. */
static void describe(hd_label label, const hd_problem *problem, char text[64]) {
    char name[HD_NAME] = "?";
    if (label.index < problem->hypers) hd_hyperparameter_name(problem->hyper[label.index], name);
    switch (label.tensor) {
    case HD_WEIGHTS:
        snprintf(text, 64, "weights");
        return;
    case HD_MOMENTUM_BUFFER:
        snprintf(text, 64, "momentum");
        return;
    case HD_BATCH:
        snprintf(text, 64, "batch");
        return;
    case HD_ACTIVATION:
        snprintf(text, 64, "activations of layer %zu", label.index);
        return;
    case HD_DELTA:
        snprintf(text, 64, "delta of layer %zu", label.index);
        return;
    case HD_ERROR:
        snprintf(text, 64, "error");
        return;
    case HD_GRADIENT:
        snprintf(text, 64, "gradient");
        return;
    case HD_TANGENT:
    case HD_TANGENT_MOMENTUM:
        snprintf(text, 64, "tangent of %s", name);
        return;
    case HD_ADJOINT:
    case HD_ADJOINT_MOMENTUM:
        snprintf(text, 64, "adjoint");
        return;
    case HD_ACTIVATION_TANGENT:
        snprintf(text, 64, "tangents of layer %zu's activations", label.index);
        return;
    case HD_DELTA_TANGENT:
        snprintf(text, 64, "tangents of layer %zu's delta", label.index);
        return;
    case HD_VALIDATION_GRADIENT:
        snprintf(text, 64, "gradient of the validation error");
        return;
    }
}

hd_status hd_latched_error(hd_device *device, const hd_problem *problem, hd_error *error) {
    device->ops->settle(device);
    hd_latch latch = device->latch;
    device->latch.kind = HD_NOTHING_LATCHED;
    if (latch.kind == HD_NOTHING_LATCHED) return HD_OK;
    if (latch.kind == HD_NO_MEMORY)
        return hd_fail(error, HD_UNAVAILABLE, "device %s: no memory for a product's operands", device->name);
    if (latch.kind == HD_FAILED)
        return hd_fail(error, HD_UNAVAILABLE, "device %s: %s", device->name, device->note);
    if (latch.kind == HD_NOT_ATTESTED)
        return hd_fail(
            error, HD_DIFFERENT,
            "device %s: step %zu: the two sweeps of reverse mode computed different errors for this "
            "batch: another batch, state or activation",
            device->name, latch.step);
    char what[64];
    describe(latch.label, problem, what);
    if (latch.step >= problem->steps)
        return hd_fail(error, HD_DIFFERENT,
                       "device %s: %s: a value that is not finite (NaN or Inf), after the last step",
                       device->name, what);
    return hd_fail(error, HD_DIFFERENT, "device %s: step %zu: %s: a value that is not finite (NaN or Inf)",
                   device->name, latch.step, what);
}
