/* The update of the outer loop: how hyperparameters follow their hypergradients. */
#ifndef HD_HYPEROPT_H
#define HD_HYPEROPT_H

#include <stdbool.h>
#include <stddef.h>

/* Adam as TensorFlow 1.1 carries it out, all in float32, one m and v a hyperparameter, kept from one
 * hyper-iteration to the next:
 *     m = .9f m + .1f h,   v = .999f v + .001f h^2,
 *     value -= rate * sqrt(1 - .999f^t) / (1 - .9f^t) * m / sqrt(v + 1e-8f),   t = 1, 2, ...
 * The moments' 1 - .9 and 1 - .999 are doubles rounded to float32, but the bias correction subtracts float32
 * powers. That is why eta reads 0.010999993 after one update of 0.001, and not 0.011. */
typedef struct hd_hyperopt {
    float rate;
    bool nonnegative; /* values are projected on [0, inf) */
    bool titan_x;     /* .999f^t as the TITAN X of 2017 computed it: one ulp low at t = 1 and 2, then exact.
                         Set it after create */
    unsigned t;
    float *m, *v; /* [count] */
    size_t count;
} hd_hyperopt;

/* Makes zeroed moments for count hyperparameters; end with hd_hyperopt_release. False: no memory. */
bool hd_hyperopt_create(hd_hyperopt *hyperopt, size_t count, float rate, bool nonnegative);
void hd_hyperopt_release(hd_hyperopt *hyperopt);

/* One update of value[count] by hypergradient[count]. Both are first rounded to float32, and the values stay
 * float32 numbers. The projection lets a NaN through. */
void hd_hyperopt_step(hd_hyperopt *hyperopt, const double *hypergradient, double *value);

#endif
