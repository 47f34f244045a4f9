/* The network: fully connected, ReLU hidden layers, linear output, softmax, clipped cross-entropy. Its error,
 * gradient and Hessian-vector products. Knows the device's operations and no optimizer.
 *
 * z_l = a_{l-1} W_{l-1} + b_{l-1} for l = 1 .. layers, a_0 = x, a_l = relu(z_l), the last z the logits.
 * delta_l = dE/dz_l. R{.} is the derivative along a direction r in weight space (Pearlmutter 1994, forward
 * over reverse): the Hessian-vector product H r is R{dE/dw}. */
#ifndef HD_TRAINING_MODEL_H
#define HD_TRAINING_MODEL_H

#include "device/device.h"

typedef struct hd_model {
    hd_device *device;
    size_t layers;
    size_t dims[HD_MAX_LAYERS + 1];
    size_t weight_at[HD_MAX_LAYERS], bias_at[HD_MAX_LAYERS]; /* in the flat vector */
    size_t weights;
} hd_model;

/* Fills *model for dims[layers + 1]. */
void hd_model_describe(hd_model *model, hd_device *device, size_t layers, const size_t *dims);

/* Everything between input and error, for up to `rows` examples and `tangents` directions; l as above. */
typedef struct hd_activations {
    size_t rows, tangents;
    hd_real *a[HD_MAX_LAYERS + 1], *delta[HD_MAX_LAYERS + 1];         /* [rows][dims[l]], l >= 1 */
    hd_real *a_dot[HD_MAX_LAYERS + 1], *delta_dot[HD_MAX_LAYERS + 1]; /* [tangents][rows][dims[l]], l >= 1 */
    hd_real *p, *error, *ones; /* [rows][classes], [rows], [rows] of 1 */
    hd_product *products;      /* room for one layer's */
} hd_activations;

/* Allocates on the model's device; HD_UNAVAILABLE where memory cannot be had. hd_activations_release takes a
 * zeroed one too. */
hd_status hd_activations_create(const hd_model *model, size_t rows, size_t tangents,
                                hd_activations *activations, hd_error *error);
void hd_activations_release(const hd_model *model, hd_activations *activations);

/* Logits of the batch's `rows` examples at weights w, into act->a[layers]. */
void hd_model_predict(const hd_model *model, const hd_real *w, const hd_batch *batch, size_t rows,
                      hd_activations *act);

/* What hd_model_differentiate is to compute. */
typedef struct hd_derivatives {
    double divisor;    /* E is the sum of the examples' errors divided by this */
    hd_real *error;    /* each example's, [rows]; NULL: into act->error */
    hd_real *gradient; /* dE/dw [weights], or NULL: not wanted */
    bool accumulate;   /* add to gradient instead of storing */
    size_t tangents;   /* directions, may be 0 */
    const hd_real *r;  /* [tangents][weights] */
    hd_real *hvp;      /* H r_j, [tangents][weights] */
} hd_derivatives;

/* Error, gradient and Hessian-vector products at weights w on the batch's `rows` examples. Primal and
 * tangents pass through each layer together, first forward, then backward. E is without regularizers (see
 * dynamics). */
void hd_model_differentiate(const hd_model *model, const hd_real *w, const hd_batch *batch, size_t rows,
                            hd_activations *act, const hd_derivatives *wanted);

#endif
