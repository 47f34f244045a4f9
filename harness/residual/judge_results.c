/* A hyper-iteration's results, number by number. */
#include "arithmetic/arithmetic.h"
#include "residual/judgement.h"

#include <math.h>
#include <string.h>

static const hd_place *place_of(const hd_judgement *j) {
    return &j->reader->head.place;
}

static void expect(hd_judgement *j, size_t i, double value, double bound) {
    j->expected.value[i] = value;
    j->expected.variance[i] = hd_hard(bound);
}

static void test(hd_judgement *j) {
    hd_judgement_test(j, place_of(j), j->is, j->reader->head.count, j->expected, 1);
}

/* --- evaluation --- */

static void expect_error(hd_judgement *j) {
    size_t n = j->experiment->validation;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) sum += j->all_errors[i], squares += j->all_errors[i] * j->all_errors[i];
    double variance = hd_estimate_sum_variance(&j->estimator, n, sum, squares) *
                      hd_estimate_repetition(n, 1, j->all_errors),
           mean = sum / (double)n;
    expect(j, 0, mean, HD_SUM_LIMIT * sqrt(variance) / (double)n + j->estimator.unit * mean);
}

/* Adds to the counts of correct examples at least and at most: rounding can decide where two logits are near. */
static void count_within(const hd_judgement *j, size_t rows, hd_estimate logits, double *least,
                         double *most) {
    size_t classes = j->network.dims[j->network.layers];
    for (size_t r = 0; r < rows; r++) {
        const double *z = logits.value + r * classes, *v = logits.variance + r * classes;
        size_t label = j->of_set.labels[r];
        bool surely = true, possibly = true;
        for (size_t c = 0; c < classes; c++) {
            double reach = HD_SUM_LIMIT * sqrt(v[c] + v[label]), lead = z[label] - z[c];
            if (c == label) continue;
            surely &= lead > reach;
            possibly &= lead >= -reach;
        }
        *least += surely;
        *most += possibly;
    }
}

/* Takes `rows` examples, in the scheme's order if there is one, through the network at the newest weights. */
static void predict(hd_judgement *j, const hd_examples *examples, const uint32_t *index, size_t first,
                    size_t rows, double *least, double *most) {
    const hd_network *net = &j->network;
    for (size_t r = 0; r < rows; r++) {
        size_t example = index ? index[first + r] : first + r;
        j->of_set.labels[r] = examples->labels[example];
        for (size_t i = 0; i < net->dims[0]; i++)
            j->of_set.a[0][r * net->dims[0] + i] =
                (double)((float)examples->pixels[example * net->dims[0] + i] * HD_PIXEL);
    }
    hd_estimate below = {j->of_set.a[0], NULL};
    for (size_t l = 1; l <= net->layers && !j->estimator.no_memory; below = j->along.a[l], l++)
        hd_equation_layer(&j->estimator, net, j->w, rows, l, below.value, below.variance, j->along.a[l]);
    if (!j->estimator.no_memory) count_within(j, rows, below, least, most);
}

static void expect_count(hd_judgement *j, size_t i, double least, double most) {
    expect(j, i, (least + most) / 2, (most - least) / 2 + 0.25);
}

static void judge_evaluation(hd_judgement *j) {
    const hd_problem *problem = &j->setup.problem;
    size_t rows, batch = place_of(j)->iteration % problem->steps;
    double least = 0, most = 0;
    if (j->trajectory[0])
        hd_judgement_recall(j, 0, problem->steps, j->w); /* the backward sweep went to w_0 */
    expect_error(j);
    expect(j, HD_EVALUATED_CORRECT, j->correct, 0.25);
    for (size_t first = 0; first < problem->test.count; first += rows) {
        rows = problem->test.count - first;
        if (rows > HD_CAPTURE_ROWS) rows = HD_CAPTURE_ROWS;
        predict(j, &problem->test, NULL, first, rows, &least, &most);
    }
    expect_count(j, 1, least, most);
    least = most = 0;
    predict(j, &problem->training, problem->scheme, batch * problem->batch, problem->batch, &least, &most);
    expect_count(j, 3, least, most);
    test(j);
}

/* --- hypergradients --- */

/* Adam (Kingma, Ba 2015, algorithm 1), with epsilon inside of the root: from the hypergradients that the run wrote to
 * the values that it should write. Its powers are float32 numbers, since 1 - 0.999^t magnifies their rounding. */
static void update(hd_judgement *j) {
    hd_update *u = &j->update;
    double t = (double)++u->steps;
    float slow = (float)pow((double)0.999f, t), fast = (float)pow((double)0.9f, t);
    if (j->experiment->titan_x && t <= 2) slow = nextafterf(slow, 0.0f);
    double scale = sqrt(1 - (double)slow) / (1 - (double)fast);
    for (size_t h = 0; h < j->experiment->hypers; h++) {
        double g = j->is[h];
        u->m[h] = 0.9 * u->m[h] + 0.1 * g;
        u->v[h] = 0.999 * u->v[h] + 0.001 * g * g;
        double next = j->value[h] - (double)j->experiment->rate * scale * u->m[h] / sqrt(u->v[h] + 1e-8);
        j->value[h] = j->experiment->nonnegative ? fmax(next, 0) : next;
    }
}

/* Forward mode: grad E(w_T) . z_w; reverse mode: the sum of p . B. */
static void judge_hypergradients(hd_judgement *j) {
    size_t n = j->network.weights;
    for (size_t h = 0; h < j->experiment->hypers; h++) {
        double sum = j->direct[h], variance = j->direct_variance[h], squares = 0;
        for (size_t i = 0; j->z_w[h] && i < n; i++) {
            double term = j->gradient[i] * j->z_w[h][i];
            sum += term;
            squares += term * term;
        }
        if (j->z_w[h]) variance = hd_estimate_sum_variance(&j->estimator, n, sum, squares);
        expect(j, h, sum, HD_SUM_LIMIT * sqrt(variance) + j->estimator.unit * fabs(sum) + j->estimator.tiny);
    }
    test(j);
    update(j);
}

/* --- hyperparameters --- */

/* The hyper-optimizer works in float32 on every device. */
enum { UPDATE_ULPS = 8 };

static void judge_hyperparameters(hd_judgement *j) {
    size_t hypers = j->experiment->hypers;
    for (size_t h = 0; h < hypers; h++)
        expect(j, h, j->value[h], UPDATE_ULPS * 0x1p-23 * (fabs(j->value[h]) + (double)j->experiment->rate));
    test(j);
    memcpy(j->value, j->is, hypers * sizeof *j->value); /* the run goes on from what it wrote */
}

void hd_judge_results(hd_judgement *j) {
    switch (place_of(j)->tensor) {
    case HD_EVALUATION:
        judge_evaluation(j);
        break;
    case HD_HYPERGRADIENTS:
        judge_hypergradients(j);
        break;
    default:
        judge_hyperparameters(j);
    }
}
