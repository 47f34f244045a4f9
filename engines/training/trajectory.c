#include "training/trajectory.h"

hd_status hd_trajectory_create(const hd_model *model, size_t kept, hd_trajectory *trajectory,
                               hd_error *error) {
    hd_device *device = model->device;
    *trajectory = (hd_trajectory){.kept = kept};
    if (model->weights <= SIZE_MAX / 2 / kept)
        trajectory->states = device->ops->allocate(device, kept * 2 * model->weights);
    if (trajectory->states) return HD_OK;
    return hd_fail(error, HD_UNAVAILABLE, "device %s: no memory for a trajectory of %zu states (%.0f MB)",
                   device->name, kept,
                   2e-6 * (double)kept * (double)model->weights * (double)device->element);
}

void hd_trajectory_release(const hd_model *model, hd_trajectory *trajectory) {
    model->device->ops->release(model->device, trajectory->states);
    trajectory->states = NULL;
}

hd_state hd_trajectory_state(const hd_trajectory *trajectory, const hd_model *model, size_t t) {
    hd_real *w = hd_at(model->device, trajectory->states, t % trajectory->kept * 2 * model->weights);
    return (hd_state){w, hd_at(model->device, w, model->weights)};
}
