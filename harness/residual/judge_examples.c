/* The tensors of examples, and the gradients summed over them. */
#include "arithmetic/arithmetic.h"
#include "residual/judgement.h"

#include <string.h>

static const hd_place *place_of(const hd_judgement *j) {
    return &j->reader->head.place;
}

static bool is_validation(const hd_judgement *j) {
    return place_of(j)->step == j->experiment->steps;
}

static hd_examples_kept *kept(hd_judgement *j) {
    return is_validation(j) ? &j->of_set : &j->of_step;
}

static void test(hd_judgement *j, double limit) {
    hd_judgement_test(j, place_of(j), j->is, j->reader->head.count, j->expected, limit);
}

/* Reverse mode's backward sweep makes these tensors again. Where they have the bits of the forward sweep they have
 * been judged. */
static bool is_repeated(hd_judgement *j) {
    size_t before = j->not_repeated;
    j->not_repeated = j->reader->attest.differing;
    return place_of(j)->back && j->not_repeated == before;
}

static void keep(const hd_judgement *j, double *to) {
    memcpy(to, j->is, j->reader->head.count * sizeof *to);
}

/* --- inputs --- */

static void read_pixels(const hd_judgement *j, const hd_examples *examples, size_t example, double *to) {
    size_t inputs = j->network.dims[0];
    for (size_t i = 0; i < inputs; i++)
        to[i] = (double)((float)examples->pixels[example * inputs + i] * HD_PIXEL);
}

static void judge_batch(hd_judgement *j) {
    const hd_problem *problem = &j->setup.problem;
    size_t t = place_of(j)->step;
    for (size_t r = 0; r < problem->batch; r++) {
        size_t example = problem->scheme[t * problem->batch + r];
        kept(j)->labels[r] = problem->training.labels[example];
        read_pixels(j, &problem->training, example, j->expected.value + r * problem->dims[0]);
    }
    for (size_t i = 0; i < j->reader->head.count; i++)
        j->expected.variance[i] = hd_hard(0x1p-23 * j->expected.value[i]);
    if (!is_repeated(j)) test(j, 1);
    keep(j, kept(j)->a[0]);
    kept(j)->written.rows = problem->batch;
    kept(j)->written.divisor = (double)problem->batch;
    if (!place_of(j)->back) return;
    hd_judgement_recall(j, 0, t, j->w);
    hd_judgement_recall(j, 1, t, j->m);
}

/* The validation set is not shown: its pixels are what they are. */
static void read_validation(hd_judgement *j) {
    const hd_examples *validation = &j->setup.problem.validation;
    size_t first = place_of(j)->first, rows = j->reader->head.count / j->network.dims[1];
    for (size_t r = 0; r < rows; r++) {
        kept(j)->labels[r] = validation->labels[first + r];
        read_pixels(j, validation, first + r, kept(j)->a[0] + r * j->network.dims[0]);
    }
    kept(j)->written.rows = rows;
    kept(j)->written.divisor = (double)validation->count;
}

/* --- activations, errors and deltas --- */

static void count_correct(hd_judgement *j) {
    size_t classes = j->network.dims[j->network.layers];
    for (size_t r = 0; r < kept(j)->written.rows; r++) {
        const double *z = j->is + r * classes;
        size_t best = 0;
        for (size_t c = 1; c < classes; c++)
            if (z[c] > z[best]) best = c;
        j->correct += best == kept(j)->labels[r];
    }
}

static void judge_activation(hd_judgement *j) {
    size_t l = place_of(j)->index, last = j->network.layers;
    if (l == 1 && is_validation(j)) read_validation(j);
    if (!is_repeated(j)) {
        hd_equation_layer(&j->estimator, &j->network, j->w, kept(j)->written.rows, l, kept(j)->a[l - 1], NULL,
                          j->expected);
        if (j->estimator.no_memory) return;
        test(j, HD_SUM_LIMIT);
    }
    keep(j, kept(j)->a[l]);
    if (l < last) return;
    hd_equation_softmax(&j->estimator, kept(j)->written.rows, j->network.dims[last], kept(j)->a[last],
                        kept(j)->p);
    if (is_validation(j)) count_correct(j);
}

static void judge_error(hd_judgement *j) {
    if (!is_repeated(j)) {
        hd_equation_error(&j->estimator, &j->network, &kept(j)->written, kept(j)->p, j->expected);
        test(j, HD_SUM_LIMIT);
    }
    if (is_validation(j)) keep(j, j->all_errors + place_of(j)->first);
}

static void judge_delta(hd_judgement *j) {
    size_t l = place_of(j)->index, last = j->network.layers;
    if (!is_repeated(j)) {
        if (l == last)
            hd_equation_last_delta(&j->estimator, &j->network, &kept(j)->written, kept(j)->p, j->is,
                                   j->expected);
        else
            hd_equation_delta(&j->estimator, &j->network, j->w, &kept(j)->written, l, j->expected);
        if (j->estimator.no_memory) return;
        test(j, HD_SUM_LIMIT);
    }
    keep(j, kept(j)->delta[l]);
    if (l == 1 && is_validation(j))
        hd_equation_gradient(&j->estimator, &j->network, &kept(j)->written, j->experiment->validation,
                             j->ones, place_of(j)->first > 0, j->validation_gradient);
}

/* --- gradients --- */

static void judge_gradient(hd_judgement *j) {
    size_t rows = kept(j)->written.rows;
    hd_equation_gradient(&j->estimator, &j->network, &kept(j)->written, rows, j->ones, false, j->expected);
    if (j->estimator.no_memory) return;
    hd_equation_gradient_end(&j->estimator, &j->network, &kept(j)->written, rows, j->expected);
    test(j, HD_SUM_LIMIT);
    keep(j, j->gradient);
}

static void judge_validation_gradient(hd_judgement *j) {
    size_t n = j->network.weights;
    hd_equation_gradient_end(&j->estimator, &j->network, &kept(j)->written, j->experiment->validation,
                             j->validation_gradient);
    hd_judgement_test(j, place_of(j), j->is, n, j->validation_gradient, HD_SUM_LIMIT);
    keep(j, j->gradient);
}

void hd_judge_examples(hd_judgement *j) {
    switch (place_of(j)->tensor) {
    case HD_BATCH:
        judge_batch(j);
        break;
    case HD_ACTIVATION:
        judge_activation(j);
        break;
    case HD_ERROR:
        judge_error(j);
        break;
    case HD_DELTA:
        judge_delta(j);
        break;
    case HD_GRADIENT:
        judge_gradient(j);
        break;
    case HD_VALIDATION_GRADIENT:
        judge_validation_gradient(j);
        break;
    default:
        break;
    }
}
