/* The network's equations, evaluated in float64 from what a run wrote, with the variance of the rounding errors that
 * the run can make in them. They are those of training/model.h, written once more on their own, so that a mistake in
 * an engine is not repeated here:
 *     z_l = a_{l-1} W_{l-1} + b_{l-1},  a_l = relu(z_l),  p = softmax(z_L),  error = -log clip(p_label),
 *     delta_L = (p - y) / divisor,  delta_l = (delta_{l+1} W_l^T) [a_l > 0],
 *     dE/dW_l = a_l^T delta_{l+1},  dE/db_l = 1^T delta_{l+1},
 * and their derivatives along a direction r (Pearlmutter 1994). A unit is on where the run's own activation is
 * positive: so a unit that flips in one run makes no difference here. */
#ifndef HD_RESIDUAL_NETWORK_EQUATIONS_H
#define HD_RESIDUAL_NETWORK_EQUATIONS_H

#include "core/problem.h"
#include "residual/estimate.h"

typedef struct hd_network {
    size_t layers, dims[HD_MAX_LAYERS + 1];
    size_t weight_at[HD_MAX_LAYERS], bias_at[HD_MAX_LAYERS], weights; /* in a weight vector */
} hd_network;

void hd_network_describe(hd_network *network, size_t layers, const size_t *dims);

/* What a run wrote for `rows` examples: a[0] the inputs, a[l] and delta[l] of layer l, [rows][dims[l]]. */
typedef struct hd_examples_written {
    size_t rows;
    double divisor; /* of the mean that the error is */
    const double *a[HD_MAX_LAYERS + 1], *delta[HD_MAX_LAYERS + 1];
    const uint8_t *labels;
} hd_examples_written;

/* out [rows][dims[l]]: layer l >= 1 from a[l - 1] (its variance: NULL if exact) and weights w; relu unless it is the
 * last. terms as they are. */
void hd_equation_layer(hd_estimator *estimator, const hd_network *network, const double *w, size_t rows,
                       size_t l, const double *a, const double *a_variance, hd_estimate out);

/* p [rows][classes] from logits [rows][classes]. */
void hd_equation_softmax(const hd_estimator *estimator, size_t rows, size_t classes, const double *logits,
                         hd_estimate p);

/* Each example's error from p. */
void hd_equation_error(const hd_estimator *estimator, const hd_network *network,
                       const hd_examples_written *written, hd_estimate p, hd_estimate out);

/* delta of the last layer. Where p_label is as near a bound of the clip as rounding can move it, the run's own
 * decision counts: is [rows][classes] is what it wrote. */
void hd_equation_last_delta(const hd_estimator *estimator, const hd_network *network,
                            const hd_examples_written *written, hd_estimate p, const double *is,
                            hd_estimate out);

/* delta of layer l < layers. */
void hd_equation_delta(hd_estimator *estimator, const hd_network *network, const double *w,
                       const hd_examples_written *written, size_t l, hd_estimate out);

/* Adds to out [weights] the products of dE/dw over these examples. After the last examples, of `terms` in all, end
 * with hd_equation_gradient_end. ones: [rows] of 1. */
void hd_equation_gradient(hd_estimator *estimator, const hd_network *network,
                          const hd_examples_written *written, size_t terms, const double *ones,
                          bool accumulate, hd_estimate out);

void hd_equation_gradient_end(const hd_estimator *estimator, const hd_network *network,
                              const hd_examples_written *written, size_t terms, hd_estimate out);

/* Room for derivatives along a direction: [rows][dims[l]] each. */
typedef struct hd_directional {
    hd_estimate a[HD_MAX_LAYERS + 1], delta[HD_MAX_LAYERS + 1];
    const double *ones;
} hd_directional;

/* out [weights]: R{dE/dw} along r [weights], whose variance may be NULL. */
void hd_equation_hvp(hd_estimator *estimator, const hd_network *network, const double *w,
                     const hd_examples_written *written, hd_estimate p, hd_estimate r,
                     const hd_directional *room, hd_estimate out);

#endif
