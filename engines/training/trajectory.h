/* The states of a training run: all of them for reverse mode, else the last two. */
#ifndef HD_TRAINING_TRAJECTORY_H
#define HD_TRAINING_TRAJECTORY_H

#include "training/dynamics.h"

typedef struct hd_trajectory {
    hd_real *states; /* [kept][w, m][weights] */
    size_t kept;
} hd_trajectory;

/* Allocates room for `kept` states on the model's device; HD_UNAVAILABLE, with the bytes asked for, where
 * memory cannot be had. */
hd_status hd_trajectory_create(const hd_model *model, size_t kept, hd_trajectory *trajectory,
                               hd_error *error);
void hd_trajectory_release(const hd_model *model, hd_trajectory *trajectory);

/* State t; it is there until state t + kept is written. */
hd_state hd_trajectory_state(const hd_trajectory *trajectory, const hd_model *model, size_t t);

#endif
