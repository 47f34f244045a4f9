/* Judges the changes of a pairing against what rounding explains. Nothing here runs a training. */
#ifndef HD_DRIFT_PAIRING_JUDGE_H
#define HD_DRIFT_PAIRING_JUDGE_H

#include "core/problem.h"

#include <stdbool.h>
#include <stddef.h>

/* How large a change t -> t + 1 may be. */
typedef struct hd_pairing_floor {
    double noise;   /* what rounding can do; its sign is as good as random */
    double allowed; /* what underflow and different hyperparameters can do, at every step the same way */
} hd_pairing_floor;

/* What the terms of a change t -> t + 1 are made of. */
typedef struct hd_pairing_terms {
    double terms;      /* sum over i of |p_i Z_i| at t and t + 1, and of |p_i B_i| */
    double sizes;      /* sum over i of |p_i| + |Z_i| at t and t + 1 */
    double difference; /* how much the runs' different hyperparameters can change P */
    double unit;       /* half the distance of 1 to the next number, in the coarser run's arithmetic */
    bool float32;      /* a run's elements are float32, else both runs' are double */
} hd_pairing_terms;

hd_pairing_floor hd_pairing_floor_of(const hd_pairing_terms *terms);

/* How one hyperparameter's changes go over the steps of a hyper-iteration. */
typedef struct hd_pairing_course {
    size_t first_jump; /* the first t whose change is above its floor; SIZE_MAX: none */
    size_t worst_step; /* the t whose change is largest in units of its floor, */
    double worst;      /* and how large; more than 1 is a jump. 0 if no t is judged */
    double trend;      /* |sum of the changes that do not jump| over what noise can sum up to; more than 1 is
                          wrong; 0 if they are too few */
    bool every_step;   /* wrong at every step: by the trend, or since most steps jump */
} hd_pairing_course;

/* Judges [steps][hypers] changes by their floors and writes course[hypers]. Leaves out each t with kinked[t]
 * (NULL: none). A NaN is a jump. See pairing_judge.c for the rules. */
void hd_pairing_judge(const double *changes, const hd_pairing_floor *floor, const bool *kinked, size_t steps,
                      size_t hypers, hd_pairing_course *course);

/* Whether it has a jump, or is wrong at every step. */
bool hd_pairing_course_wrong(const hd_pairing_course *course);

#endif
