/* The tensors that carry the state from step to step: the equations of training/dynamics.h, for each weight w of
 * a layer with rho_l1, rho_l2 (0 for biases):
 *     m' = mu m + g + rho_l1 sign(w) + 2 rho_l2 w,         w' = w - eta m',
 *     z_m' = mu z_m + (H z_w) + 2 rho_l2 z_w + b_m,         z_w' = z_w - eta z_m' + b_w,
 *     q = p_m' - eta p_w',  p_w = p_w' + (H q) + 2 rho_l2 q,  p_m = mu q,
 * with what the hyperparameter adds: b_m = sign(w), 2 w, m and b_w = -m' for rho_l1, rho_l2, mu and eta. */
#include "residual/judgement.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const hd_place *place_of(const hd_judgement *j) {
    return &j->reader->head.place;
}

static double square(double x) {
    return x * x;
}

static double sign(double w) {
    return (w > 0) - (w < 0);
}

static void swap(double **a, double **b) {
    double *kept = *a;
    *a = *b;
    *b = kept;
}

/* The layer whose W element i of a weight vector belongs to; layers: a bias. */
static size_t layer_of(const hd_network *network, size_t i) {
    size_t l = 0;
    while (l < network->layers && i >= network->weight_at[l] + network->dims[l] * network->dims[l + 1]) l++;
    return l;
}

/* Tests the tensor of this kind at the place of the momentum that was just read. */
static void test_as(hd_judgement *j, hd_tensor tensor, const double *is, hd_estimate expected, double limit) {
    hd_place place = *place_of(j);
    place.tensor = (uint8_t)tensor;
    hd_judgement_test(j, &place, is, j->network.weights, expected, limit);
}

static void expect_zero(hd_judgement *j) {
    memset(j->expected.value, 0, j->network.weights * sizeof(double));
    memset(j->expected.variance, 0, j->network.weights * sizeof(double));
}

/* --- weights and momentum --- */

/* Each is (2 u - 1) times its layer's bound: rounded before and after the difference, unless a compiler contracts the
 * two. So two units in the last place of the greatest weight of the layer are allowed. */
static void allow_initial_rounding(hd_judgement *j, size_t l) {
    size_t at = j->network.weight_at[l], end = at + j->network.dims[l] * j->network.dims[l + 1];
    double greatest = 0;
    for (size_t i = at; i < end; i++) greatest = fmax(greatest, fabs(j->expected.value[i]));
    for (size_t i = at; i < end; i++) j->expected.variance[i] = hd_hard(0x1p-22 * greatest);
}

static void expect_initial_weights(hd_judgement *j) {
    hd_point point = {.hyper = NULL};
    float *drawn = malloc(j->network.weights * sizeof *drawn);
    j->no_memory |= !drawn;
    if (!drawn) return;
    expect_zero(j);
    hd_setup_start(&j->setup, place_of(j)->iteration, &point);
    hd_initial_weights(&point.initial, j->network.layers, j->network.dims, drawn);
    for (size_t i = 0; i < j->network.weights; i++) j->expected.value[i] = (double)drawn[i];
    for (size_t l = 0; l < j->network.layers; l++) allow_initial_rounding(j, l);
    free(drawn);
}

/* Each rounding of m' by itself, in any order of its terms: the products, the partial sums, the result. */
static void expect_momentum(hd_judgement *j) {
    double u = j->estimator.unit, tiny = j->estimator.tiny;
    for (size_t i = 0; i < j->network.weights; i++) {
        size_t l = layer_of(&j->network, i);
        double l1 = l < j->network.layers ? j->l1[l] : 0, l2 = l < j->network.layers ? j->l2[l] : 0;
        double carried = j->mu * j->m_before[i], flat = l1 * sign(j->w_before[i]),
               steep = 2 * l2 * j->w_before[i], m = carried + j->gradient[i] + flat + steep,
               all = fabs(carried) + fabs(j->gradient[i]) + fabs(flat) + fabs(steep);
        double partial_sums = (flat != 0) + (steep != 0);
        double bound = u * (fabs(m) + fabs(carried) + fabs(steep) + partial_sums * all) + 3 * tiny;
        j->expected.value[i] = m;
        j->expected.variance[i] = hd_hard(bound);
    }
}

static void expect_weights(hd_judgement *j) {
    double u = j->estimator.unit;
    for (size_t i = 0; i < j->network.weights; i++) {
        double by = j->eta * j->m[i], w = j->w_before[i] - by;
        j->expected.value[i] = w;
        j->expected.variance[i] = hd_hard(u * (fabs(w) + fabs(by)) + 2 * j->estimator.tiny);
    }
}

static void keep_state(hd_judgement *j, size_t t) {
    const double *const state[2] = {j->w, j->m};
    size_t n = j->network.weights;
    for (size_t which = 0; which < 2 && j->trajectory[which]; which++)
        for (size_t i = 0; i < n; i++)
            if (j->reader->info.float32)
                ((float *)j->trajectory[which])[t * n + i] = (float)state[which][i];
            else
                ((double *)j->trajectory[which])[t * n + i] = state[which][i];
}

static void judge_momentum(hd_judgement *j) {
    size_t t = place_of(j)->step;
    swap(&j->w_before, &j->w);
    swap(&j->m_before, &j->m);
    swap(&j->w, &j->w_now);
    memcpy(j->m, j->is, j->network.weights * sizeof *j->m);
    if (t == 0)
        expect_initial_weights(j);
    else
        expect_weights(j);
    test_as(j, HD_WEIGHTS, j->w, j->expected, 1);
    if (t == 0)
        expect_zero(j);
    else
        expect_momentum(j);
    test_as(j, HD_MOMENTUM_BUFFER, j->m, j->expected, 1);
    keep_state(j, t);
}

/* --- tangents --- */

/* What the hyperparameter adds to m' of element i. */
static double added_to_momentum(const hd_judgement *j, hd_hyperparameter h, size_t i, size_t layer) {
    bool here = layer == h.layer;
    switch (h.kind) {
    case HD_RHO_L1:
        return here ? sign(j->w_before[i]) : 0;
    case HD_RHO_L2:
        return here ? 2 * j->w_before[i] : 0;
    case HD_MU:
        return j->m_before[i];
    default:
        return 0;
    }
}

/* j->hvp becomes what z_m' is to be. */
static void expect_tangent_momentum(hd_judgement *j, size_t h) {
    double u = j->estimator.unit;
    for (size_t i = 0; i < j->network.weights; i++) {
        size_t l = layer_of(&j->network, i);
        double carried = j->mu * j->z_m[h][i],
               steep = l < j->network.layers ? 2 * j->l2[l] * j->z_w[h][i] : 0,
               added = added_to_momentum(j, j->experiment->hyper[h], i, l), hvp = j->hvp.value[i],
               sum = carried + hvp + steep + added;
        j->hvp.value[i] = sum;
        j->hvp.variance[i] += square(u) * (2 * square(carried) + square(hvp) + 2 * square(steep) +
                                           2 * square(added) + 3 * square(sum)) +
                              square(4 * j->estimator.tiny);
    }
}

static void expect_tangent(hd_judgement *j, size_t h, const double *z_m) {
    double u = j->estimator.unit;
    bool eta = j->experiment->hyper[h].kind == HD_ETA;
    for (size_t i = 0; i < j->network.weights; i++) {
        double by = j->eta * z_m[i], added = eta ? j->m[i] : 0, z = j->z_w[h][i] - by - added;
        double bound = u * (fabs(z) + fabs(by)) + 2 * j->estimator.tiny;
        if (eta)
            bound += u * fmax(fabs(by + added), fmax(fabs(j->z_w[h][i] - by), fabs(j->z_w[h][i] - added)));
        j->expected.value[i] = z;
        j->expected.variance[i] = hd_hard(bound);
    }
}

static void judge_tangent(hd_judgement *j) {
    size_t h = place_of(j)->index, n = j->network.weights;
    if (place_of(j)->step == 0) {
        expect_zero(j);
        test_as(j, HD_TANGENT, j->z_now, j->expected, 1);
        test_as(j, HD_TANGENT_MOMENTUM, j->is, j->expected, 1);
    } else {
        hd_equation_hvp(&j->estimator, &j->network, j->w_before, &j->of_step.written, j->of_step.p,
                        (hd_estimate){j->z_w[h], NULL}, &j->along, j->hvp);
        if (j->estimator.no_memory) return;
        expect_tangent(j, h, j->is);
        test_as(j, HD_TANGENT, j->z_now, j->expected, 1);
        expect_tangent_momentum(j, h);
        test_as(j, HD_TANGENT_MOMENTUM, j->is, j->hvp, HD_CHAIN_LIMIT);
    }
    swap(&j->z_w[h], &j->z_now);
    memcpy(j->z_m[h], j->is, n * sizeof *j->is);
}

/* --- adjoints --- */

/* Adds one step's p . B to hyperparameter h's sum: terms of elements from .. to - 1. */
static void add_direct(hd_judgement *j, size_t h, const double *m_next) {
    hd_hyperparameter hyper = j->experiment->hyper[h];
    const hd_network *net = &j->network;
    bool all = hyper.kind == HD_ETA || hyper.kind == HD_MU;
    size_t from = all ? 0 : net->weight_at[hyper.layer],
           to = all ? net->weights : from + net->dims[hyper.layer] * net->dims[hyper.layer + 1];
    double sum = 0, squares = 0, of_terms = 0;
    for (size_t i = from; i < to; i++) {
        double q = j->direction.value[i];
        double by = hyper.kind == HD_RHO_L1   ? sign(j->w[i])
                    : hyper.kind == HD_RHO_L2 ? 2 * j->w[i]
                    : hyper.kind == HD_MU     ? j->m[i]
                                              : -m_next[i];
        double term = (hyper.kind == HD_ETA ? j->p_w[i] : q) * by;
        sum += term;
        squares += square(term);
        if (hyper.kind != HD_ETA) of_terms += j->direction.variance[i] * square(by);
    }
    j->direct[h] += sum;
    j->direct_variance[h] += hd_estimate_sum_variance(&j->estimator, to - from, sum, squares) + of_terms;
}

/* j->direction becomes q. */
static void find_direction(hd_judgement *j) {
    double u = j->estimator.unit;
    for (size_t i = 0; i < j->network.weights; i++) {
        double by = j->eta * j->p_w[i], q = j->p_m[i] - by;
        j->direction.value[i] = q;
        j->direction.variance[i] = square(u) * (square(q) + square(by)) + square(2 * j->estimator.tiny);
    }
}

/* j->hvp becomes what p_w is to be. */
static void expect_adjoint(hd_judgement *j) {
    double u = j->estimator.unit;
    for (size_t i = 0; i < j->network.weights; i++) {
        size_t l = layer_of(&j->network, i);
        double twice = l < j->network.layers ? 2 * j->l2[l] : 0, q = j->direction.value[i],
               h = j->hvp.value[i], p = j->p_w[i] + h + twice * q;
        j->hvp.value[i] = p;
        j->hvp.variance[i] += square(twice) * j->direction.variance[i] +
                              square(u) * (square(p) + square(h) + 2 * square(twice * q)) +
                              square(3 * j->estimator.tiny);
    }
}

static void expect_adjoint_momentum(hd_judgement *j) {
    double u = j->estimator.unit;
    for (size_t i = 0; i < j->network.weights; i++) {
        double q = j->direction.value[i], p = j->mu * q;
        double bound =
            u * (fabs(p) + fabs(j->mu) * (fabs(q) + fabs(j->eta * j->p_w[i]))) + 3 * j->estimator.tiny;
        j->expected.value[i] = p;
        j->expected.variance[i] = hd_hard(bound);
    }
}

static void expect_last_adjoint(hd_judgement *j) {
    expect_zero(j);
    memcpy(j->expected.value, j->gradient, j->network.weights * sizeof(double));
    test_as(j, HD_ADJOINT, j->p_now, j->expected, 1);
    expect_zero(j);
    test_as(j, HD_ADJOINT_MOMENTUM, j->is, j->expected, 1);
}

static void judge_adjoint(hd_judgement *j) {
    size_t n = j->network.weights, t = place_of(j)->step;
    if (t == j->experiment->steps) {
        expect_last_adjoint(j);
    } else {
        hd_judgement_recall(j, 1, t + 1, j->m_before); /* the trajectory is at hand: this is m' */
        find_direction(j);
        for (size_t h = 0; h < j->experiment->hypers; h++) add_direct(j, h, j->m_before);
        hd_equation_hvp(&j->estimator, &j->network, j->w, &j->of_step.written, j->of_step.p, j->direction,
                        &j->along, j->hvp);
        if (j->estimator.no_memory) return;
        expect_adjoint(j);
        test_as(j, HD_ADJOINT, j->p_now, j->hvp, HD_CHAIN_LIMIT);
        expect_adjoint_momentum(j);
        test_as(j, HD_ADJOINT_MOMENTUM, j->is, j->expected, 1);
    }
    swap(&j->p_w, &j->p_now);
    memcpy(j->p_m, j->is, n * sizeof *j->is);
}

void hd_judge_state(hd_judgement *j) {
    size_t bytes = j->network.weights * sizeof(double);
    switch (place_of(j)->tensor) {
    case HD_WEIGHTS:
        memcpy(j->w_now, j->is, bytes);
        break;
    case HD_MOMENTUM_BUFFER:
        judge_momentum(j);
        break;
    case HD_TANGENT:
        memcpy(j->z_now, j->is, bytes);
        break;
    case HD_TANGENT_MOMENTUM:
        judge_tangent(j);
        break;
    case HD_ADJOINT:
        memcpy(j->p_now, j->is, bytes);
        break;
    case HD_ADJOINT_MOMENTUM:
        judge_adjoint(j);
        break;
    default:
        break;
    }
}
