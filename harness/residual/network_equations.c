#include "residual/network_equations.h"

#include "arithmetic/arithmetic.h"
#include "residual/rounding_test.h"

#include <math.h>
#include <string.h>

void hd_network_describe(hd_network *network, size_t layers, const size_t *dims) {
    size_t at = 0;
    *network = (hd_network){.layers = layers};
    memcpy(network->dims, dims, (layers + 1) * sizeof *dims);
    for (size_t l = 0; l < layers; l++) network->weight_at[l] = at, at += dims[l] * dims[l + 1];
    for (size_t l = 0; l < layers; l++) network->bias_at[l] = at, at += dims[l + 1];
    network->weights = at;
}

static hd_estimate from(hd_estimate vector, size_t at) {
    return (hd_estimate){vector.value + at, vector.variance ? vector.variance + at : NULL};
}

static double square(double x) {
    return x * x;
}

static hd_operand matrix(const double *value, const double *variance, size_t rows, size_t columns) {
    return (hd_operand){value, variance, rows, columns, false};
}

/* The transpose of a matrix stored as [rows][columns]. */
static hd_operand transposed(const double *value, const double *variance, size_t rows, size_t columns) {
    return (hd_operand){value, variance, columns, rows, true};
}

/* Adds a bias to each row of out. */
static void add_bias(const hd_estimator *estimator, size_t rows, size_t columns, const double *b,
                     const double *b_variance, hd_estimate out) {
    double u = estimator->unit;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            out.value[r * columns + c] += b[c];
            out.variance[r * columns + c] += u * u * b[c] * b[c] + (b_variance ? b_variance[c] : 0);
        }
}

void hd_equation_layer(hd_estimator *estimator, const hd_network *network, const double *w, size_t rows,
                       size_t l, const double *a, const double *a_variance, hd_estimate out) {
    size_t in = network->dims[l - 1], width = network->dims[l];
    hd_operand left = matrix(a, a_variance, rows, in),
               right = matrix(w + network->weight_at[l - 1], NULL, in, width);
    hd_estimate_product(estimator, &left, &right, in, false, out);
    if (estimator->no_memory) return;
    add_bias(estimator, rows, width, w + network->bias_at[l - 1], NULL, out);
    hd_estimate_sum(estimator, in, rows * width, out);
    for (size_t i = 0; l < network->layers && i < rows * width; i++)
        if (!(out.value[i] > 0)) out.value[i] = 0;
}

/* e_c = exp(z_c - max): the difference is rounded, and exp by up to two units; their sum; the quotient. */
void hd_equation_softmax(const hd_estimator *estimator, size_t rows, size_t classes, const double *logits,
                         hd_estimate p) {
    double u = estimator->unit;
    for (size_t r = 0; r < rows; r++, logits += classes, p = from(p, classes)) {
        double greatest = logits[0], sum = 0, of_sum = 0;
        for (size_t c = 1; c < classes; c++) greatest = fmax(greatest, logits[c]);
        for (size_t c = 0; c < classes; c++) sum += p.value[c] = exp(logits[c] - greatest);
        for (size_t c = 0; c < classes; c++) {
            double z = logits[c] - greatest;
            p.value[c] /= sum;
            p.variance[c] = u * u * (z * z + 4);
            of_sum += square(p.value[c]) * p.variance[c];
        }
        of_sum += u * u * ((double)classes / 3 + 1);
        for (size_t c = 0; c < classes; c++)
            p.variance[c] = square(p.value[c]) * (p.variance[c] + of_sum) + square(2 * estimator->tiny);
    }
}

/* -1 below the clip's bounds, 1 above, 0 within; *near: rounding can bring p to the other side. */
static int clipped(double p, double variance, bool *near) {
    double low = (double)HD_CLIP_LOW, high = (double)HD_CLIP_HIGH, reach = HD_SUM_LIMIT * sqrt(variance);
    *near = fabs(p - low) <= reach || fabs(p - high) <= reach;
    return p < low ? -1 : p > high ? 1 : 0;
}

void hd_equation_error(const hd_estimator *estimator, const hd_network *network,
                       const hd_examples_written *written, hd_estimate p, hd_estimate out) {
    size_t classes = network->dims[network->layers];
    double u = estimator->unit;
    for (size_t r = 0; r < written->rows; r++) {
        size_t at = r * classes + written->labels[r];
        bool near;
        int side = clipped(p.value[at], p.variance[at], &near);
        double q = side < 0 ? (double)HD_CLIP_LOW : side > 0 ? (double)HD_CLIP_HIGH : p.value[at];
        out.value[r] = -log(q);
        out.variance[r] = square(2 * u * out.value[r]) + square(estimator->tiny);
        if (side == 0 || near) out.variance[r] += p.variance[at] / (q * q);
    }
}

void hd_equation_last_delta(const hd_estimator *estimator, const hd_network *network,
                            const hd_examples_written *written, hd_estimate p, const double *is,
                            hd_estimate out) {
    size_t classes = network->dims[network->layers];
    double u = estimator->unit;
    for (size_t r = 0; r < written->rows; r++) {
        size_t label = written->labels[r], row = r * classes;
        bool near, cut = clipped(p.value[row + label], p.variance[row + label], &near) != 0;
        if (near) cut = is[row + label] == 0;
        for (size_t c = 0; c < classes; c++) {
            double by = p.value[row + c] - (c == label), delta = by / written->divisor;
            out.value[row + c] = cut ? 0 : delta;
            out.variance[row + c] = cut ? square(estimator->tiny)
                                        : p.variance[row + c] / square(written->divisor) +
                                              square(2 * u * delta) + square(estimator->tiny);
        }
    }
}

static void gate(size_t count, const double *a, hd_estimate out) {
    for (size_t i = 0; i < count; i++)
        if (!(a[i] > 0)) out.value[i] = out.variance[i] = 0;
}

void hd_equation_delta(hd_estimator *estimator, const hd_network *network, const double *w,
                       const hd_examples_written *written, size_t l, hd_estimate out) {
    size_t in = network->dims[l], width = network->dims[l + 1], rows = written->rows;
    hd_operand delta = matrix(written->delta[l + 1], NULL, rows, width),
               w_t = transposed(w + network->weight_at[l], NULL, in, width);
    hd_estimate_product(estimator, &delta, &w_t, width, false, out);
    if (estimator->no_memory) return;
    hd_estimate_sum(estimator, width, rows * in, out);
    gate(rows * in, written->a[l], out);
}

void hd_equation_gradient(hd_estimator *estimator, const hd_network *network,
                          const hd_examples_written *written, size_t terms, const double *ones,
                          bool accumulate, hd_estimate out) {
    for (size_t l = 0; l < network->layers; l++) {
        size_t in = network->dims[l], width = network->dims[l + 1], rows = written->rows;
        hd_operand a_t = transposed(written->a[l], NULL, rows, in), one = matrix(ones, NULL, 1, rows),
                   delta = matrix(written->delta[l + 1], NULL, rows, width);
        hd_estimate_product(estimator, &a_t, &delta, terms, accumulate, from(out, network->weight_at[l]));
        hd_estimate_product(estimator, &one, &delta, terms, accumulate, from(out, network->bias_at[l]));
    }
}

/* A bias's terms are the deltas themselves, which are alike where all examples have the same logits. */
void hd_equation_gradient_end(const hd_estimator *estimator, const hd_network *network,
                              const hd_examples_written *written, size_t terms, hd_estimate out) {
    hd_estimate_sum(estimator, terms, network->weights, out);
    for (size_t l = 0; l < network->layers; l++) {
        size_t width = network->dims[l + 1];
        double *variance = out.variance + network->bias_at[l];
        for (size_t u = 0; u < width; u++)
            variance[u] *= hd_estimate_repetition(written->rows, width, written->delta[l + 1] + u);
    }
}

/* --- along a direction --- */

/* R{z_l} = a_{l-1} R_{l-1} + R{a_{l-1}} W_{l-1} + r_b, and R{a_l} where the unit is on. */
static void layer_along(hd_estimator *estimator, const hd_network *network, const double *w,
                        const hd_examples_written *written, hd_estimate r, size_t l,
                        const hd_directional *room) {
    size_t in = network->dims[l - 1], width = network->dims[l], rows = written->rows;
    hd_estimate out = room->a[l], direction = from(r, network->weight_at[l - 1]),
                bias = from(r, network->bias_at[l - 1]);
    hd_operand a = matrix(written->a[l - 1], NULL, rows, in),
               v = matrix(direction.value, direction.variance, in, width),
               a_dot = matrix(room->a[l - 1].value, room->a[l - 1].variance, rows, in),
               weights = matrix(w + network->weight_at[l - 1], NULL, in, width);
    size_t terms = l > 1 ? 2 * in : in;
    hd_estimate_product(estimator, &a, &v, terms, false, out);
    if (l > 1) hd_estimate_product(estimator, &a_dot, &weights, terms, true, out);
    if (estimator->no_memory) return;
    add_bias(estimator, rows, width, bias.value, bias.variance, out);
    hd_estimate_sum(estimator, terms, rows * width, out);
    if (l < network->layers) gate(rows * width, written->a[l], out);
}

/* R{delta_c} = p_c (R{z_c} - mean) / divisor with mean = sum_j p_j R{z_j}; 0 where the run's clip cut off. */
static void softmax_along(const hd_estimator *estimator, size_t classes, const hd_examples_written *written,
                          const double *delta, hd_estimate p, hd_estimate z, hd_estimate out) {
    double u = estimator->unit;
    for (size_t r = 0; r < written->rows; r++) {
        size_t row = r * classes;
        double mean = 0, of_mean = 0;
        bool cut = delta[row + written->labels[r]] == 0;
        for (size_t c = row; c < row + classes; c++) mean += p.value[c] * z.value[c];
        for (size_t c = row; c < row + classes; c++)
            of_mean += square(p.value[c]) * (z.variance[c] + u * u * (double)classes * square(z.value[c])) +
                       p.variance[c] * square(z.value[c]);
        for (size_t c = row; c < row + classes; c++) {
            double by = z.value[c] - mean, variance = z.variance[c] + of_mean + square(2 * u * by);
            out.value[c] = cut ? 0 : p.value[c] * by / written->divisor;
            out.variance[c] =
                (square(p.value[c]) * variance + p.variance[c] * square(by)) / square(written->divisor) +
                square(u * out.value[c]) + square(estimator->tiny);
            if (cut) out.variance[c] = 0;
        }
    }
}

/* R{delta_l} = (R{delta_{l+1}} W_l^T + delta_{l+1} R_l^T) where the unit is on. */
static void delta_along(hd_estimator *estimator, const hd_network *network, const double *w,
                        const hd_examples_written *written, hd_estimate r, size_t l,
                        const hd_directional *room) {
    size_t in = network->dims[l], width = network->dims[l + 1], rows = written->rows;
    hd_estimate direction = from(r, network->weight_at[l]), above = room->delta[l + 1];
    hd_operand delta_dot = matrix(above.value, above.variance, rows, width),
               w_t = transposed(w + network->weight_at[l], NULL, in, width),
               delta = matrix(written->delta[l + 1], NULL, rows, width),
               r_t = transposed(direction.value, direction.variance, in, width);
    hd_estimate_product(estimator, &delta_dot, &w_t, 2 * width, false, room->delta[l]);
    hd_estimate_product(estimator, &delta, &r_t, 2 * width, true, room->delta[l]);
    if (estimator->no_memory) return;
    hd_estimate_sum(estimator, 2 * width, rows * in, room->delta[l]);
    gate(rows * in, written->a[l], room->delta[l]);
}

/* R{dE/dW_l} = a_l^T R{delta_{l+1}} + R{a_l}^T delta_{l+1},  R{dE/db_l} = 1^T R{delta_{l+1}}. */
static void gradient_along(hd_estimator *estimator, const hd_network *network,
                           const hd_examples_written *written, size_t l, const hd_directional *room,
                           hd_estimate out) {
    size_t in = network->dims[l], width = network->dims[l + 1], rows = written->rows,
           terms = l ? 2 * rows : rows;
    hd_estimate above = room->delta[l + 1], w_part = from(out, network->weight_at[l]),
                b_part = from(out, network->bias_at[l]);
    hd_operand a_t = transposed(written->a[l], NULL, rows, in),
               delta_dot = matrix(above.value, above.variance, rows, width),
               one = matrix(room->ones, NULL, 1, rows),
               a_dot_t = transposed(room->a[l].value, room->a[l].variance, rows, in),
               delta = matrix(written->delta[l + 1], NULL, rows, width);
    hd_estimate_product(estimator, &a_t, &delta_dot, terms, false, w_part);
    if (l) hd_estimate_product(estimator, &a_dot_t, &delta, terms, true, w_part);
    hd_estimate_product(estimator, &one, &delta_dot, rows, false, b_part);
    if (estimator->no_memory) return;
    hd_estimate_sum(estimator, terms, in * width, w_part);
    hd_estimate_sum(estimator, rows, width, b_part);
}

void hd_equation_hvp(hd_estimator *estimator, const hd_network *network, const double *w,
                     const hd_examples_written *written, hd_estimate p, hd_estimate r,
                     const hd_directional *room, hd_estimate out) {
    size_t last = network->layers;
    for (size_t l = 1; l <= last; l++) layer_along(estimator, network, w, written, r, l, room);
    if (estimator->no_memory) return;
    softmax_along(estimator, network->dims[last], written, written->delta[last], p, room->a[last],
                  room->delta[last]);
    for (size_t l = last; l-- > 0;) {
        gradient_along(estimator, network, written, l, room, out);
        if (l > 0) delta_along(estimator, network, w, written, r, l, room);
    }
}
