#include "residual/estimate.h"

#include "device/cpu/product.h"

#include <stdlib.h>

/* No summation that is meant to be accurate adds more terms one by one. */
enum { LONGEST_CHAIN = 4096 };

void hd_estimator_free(hd_estimator *estimator) {
    for (size_t i = 0; i < 2; i++) free(estimator->room[i]);
    *estimator = (hd_estimator){.unit = 0};
}

static double chain(size_t terms) {
    return (double)(terms < LONGEST_CHAIN ? terms : LONGEST_CHAIN);
}

/* What a term's square brings to the variance of a sum of `terms` terms. Both operands are rounded to
 * operand_unit, independently. */
static double of_square(const hd_estimator *estimator, size_t terms) {
    return estimator->unit * estimator->unit * (chain(terms) / 6 + 1) +
           2 * estimator->operand_unit * estimator->operand_unit;
}

double hd_estimate_sum_variance(const hd_estimator *estimator, size_t terms, double total, double squares) {
    double u = estimator->unit, n = chain(terms);
    return u * u * (n / 3 + 2) * total * total + of_square(estimator, terms) * squares +
           n * estimator->tiny * estimator->tiny;
}

void hd_estimate_sum(const hd_estimator *estimator, size_t terms, size_t count, hd_estimate out) {
    double of_total = hd_estimate_sum_variance(estimator, terms, 1, 0),
           of_none = hd_estimate_sum_variance(estimator, terms, 0, 0);
    of_total -= of_none;
    for (size_t i = 0; i < count; i++) out.variance[i] += of_total * out.value[i] * out.value[i] + of_none;
}

static double *room(hd_estimator *estimator, size_t which, size_t count) {
    if (estimator->rooms[which] < count) {
        free(estimator->room[which]);
        estimator->room[which] = malloc(count * sizeof(double));
        estimator->rooms[which] = estimator->room[which] ? count : 0;
    }
    estimator->no_memory |= !estimator->room[which];
    return estimator->room[which];
}

/* to = factor * value^2 + variance */
static void weigh(const hd_operand *of, double factor, double *to) {
    size_t count = of->rows * of->columns;
    for (size_t i = 0; i < count; i++) to[i] = factor * of->value[i] * of->value[i];
    for (size_t i = 0; of->variance && i < count; i++) to[i] += of->variance[i];
}

static void multiply(const hd_operand *a, const double *a_at, const hd_operand *b, const double *b_at,
                     bool accumulate, double *c) {
    size_t a_row = a->transposed ? 1 : a->columns, a_column = a->transposed ? a->rows : 1;
    size_t b_row = b->transposed ? 1 : b->columns, b_column = b->transposed ? b->rows : 1;
    hd_product_double(a->rows, b->columns, a->columns, a_at, a_row, a_column, b_at, b_row, b_column,
                      accumulate, c, b->columns);
}

void hd_estimate_product(hd_estimator *estimator, const hd_operand *a, const hd_operand *b, size_t terms,
                         bool accumulate, hd_estimate out) {
    double *left = room(estimator, 0, a->rows * a->columns),
           *right = room(estimator, 1, b->rows * b->columns), factor = of_square(estimator, terms);
    if (!left || !right) return;
    multiply(a, a->value, b, b->value, accumulate, out.value);
    weigh(a, b->variance ? 1 : factor, left);
    weigh(b, b->variance ? factor : 1, right);
    multiply(a, left, b, right, accumulate, out.variance);
}

/* The first of values[from * stride ...] that is neither 0 nor x; count: there is none. */
static size_t next_other(size_t from, size_t count, size_t stride, const double *values, double x) {
    while (from < count && (values[from * stride] == 0 || values[from * stride] == x)) from++;
    return from;
}

double hd_estimate_repetition(size_t count, size_t stride, const double *values) {
    size_t first = next_other(0, count, stride, values, 0), alike = 0, terms = 0;
    if (first == count) return 1;
    double x = values[first * stride];
    size_t second = next_other(first, count, stride, values, x);
    double y = values[(second < count ? second : first) * stride];
    for (size_t i = 0; i < count; i++) {
        terms += values[i * stride] != 0;
        alike += values[i * stride] == x || values[i * stride] == y;
    }
    return 2 * alike > terms ? chain(alike) : 1;
}
