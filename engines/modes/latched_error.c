/* Turns what a device latched into an error that names the tensors of a training run. */
#include "modes/engine.h"

#include <stdio.h>

/* Writes what a latched error concerns: "activations of layer 2", "tangent of eta". */
static void describe(hd_label label, const hd_problem *problem, char text[64]) {
    static const char *const words[] = {[HD_WEIGHTS] = "weights",
                                        [HD_MOMENTUM_BUFFER] = "momentum",
                                        [HD_BATCH] = "batch",
                                        [HD_ACTIVATION] = "activations of layer %s",
                                        [HD_DELTA] = "delta of layer %s",
                                        [HD_ERROR] = "error",
                                        [HD_GRADIENT] = "gradient",
                                        [HD_TANGENT] = "tangent of %s",
                                        [HD_TANGENT_MOMENTUM] = "tangent of %s",
                                        [HD_ADJOINT] = "adjoint",
                                        [HD_ADJOINT_MOMENTUM] = "adjoint",
                                        [HD_ACTIVATION_TANGENT] = "tangents of layer %s's activations",
                                        [HD_DELTA_TANGENT] = "tangents of layer %s's delta",
                                        [HD_VALIDATION_GRADIENT] = "gradient of the validation error"};
    bool tangent = label.tensor == HD_TANGENT || label.tensor == HD_TANGENT_MOMENTUM;
    char name[HD_NAME];
    snprintf(name, sizeof name, "%zu", label.index);
    if (tangent && label.index < problem->hypers) hd_hyperparameter_name(problem->hyper[label.index], name);
    snprintf(text, 64, words[label.tensor], name);
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
