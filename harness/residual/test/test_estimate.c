/* How far rounding can move a sum: against sums in float32. */
#include "residual/estimate.h"

#include "device/cpu/product.h"
#include "residual/rounding_test.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>

enum { MOST = 512, TRIALS = 2000 };

static const hd_estimator float32 = {.unit = 0x1p-24, .tiny = 0x1p-149};
static uint64_t seed = 7;

static float number(bool positive) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    float x = (float)((double)(seed >> 11) * 0x1p-53);
    return positive ? x : 2 * x - 1;
}

/* Sums in the orders that libraries use. */
static float in_order(size_t n, const float *x) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum;
}
static float reversed(size_t n, const float *x) {
    float sum = 0;
    while (n-- > 0) sum += x[n];
    return sum;
}
static float pairwise(size_t n, const float *x) {
    return n == 1 ? x[0] : pairwise(n / 2, x) + pairwise(n - n / 2, x + n / 2);
}
static float in_slices(size_t n, const float *x) {
    float sum = 0;
    for (size_t i = 0; i < n; i += 32) sum += in_order(n - i < 32 ? n - i : 32, x + i);
    return sum;
}
static float (*const orders[])(size_t n, const float *x) = {in_order, reversed, pairwise, in_slices};
enum { ORDERS = 4 };

Test(estimate, of_a_sum_holds_in_every_order_and_is_no_empty_promise) {
    const size_t lengths[] = {1, 2, 7, 33, 200, MOST};
    for (size_t k = 0; k < 6; k++)
        for (int positive = 0; positive < 2; positive++) {
            double worst = 0, squares = 0;
            for (size_t t = 0; t < TRIALS; t++) {
                float x[MOST];
                double sum = 0, of_squares = 0;
                for (size_t i = 0; i < lengths[k]; i++) {
                    x[i] = number(positive);
                    sum += (double)x[i];
                    of_squares += (double)x[i] * (double)x[i];
                }
                double reach = sqrt(hd_estimate_sum_variance(&float32, lengths[k], sum, of_squares));
                for (size_t o = 0; o < ORDERS; o++) {
                    double z = fabs((double)orders[o](lengths[k], x) - sum) / reach;
                    worst = fmax(worst, z);
                    if (o == 0) squares += z * z;
                }
            }
            cr_expect_lt(worst, HD_SUM_LIMIT, "%zu terms: %g", lengths[k], worst);
            double root = sqrt(squares / TRIALS);
            cr_expect(lengths[k] < 3 || (root > 0.1 && root < 1), "%zu terms: %g", lengths[k], root);
        }
}

Test(estimate, of_terms_that_are_alike_allows_for_errors_that_add_up) {
    float x[MOST];
    double y[MOST];
    size_t exceeding = 0;
    for (size_t t = 0; t < TRIALS; t++) {
        float each = number(true), other = number(true);
        double sum = 0, squares = 0;
        for (size_t i = 0; i < MOST; i++) {
            x[i] = i % 5 ? each : -other;
            y[i] = (double)x[i];
            sum += y[i];
            squares += y[i] * y[i];
        }
        double variance = hd_estimate_sum_variance(&float32, MOST, sum, squares),
               error = fabs((double)in_order(MOST, x) - sum);
        exceeding += error > 2 * sqrt(variance);
        cr_expect_eq(hd_estimate_repetition(MOST, 1, y), MOST);
        cr_expect_leq(error, HD_SUM_LIMIT * sqrt(variance * MOST));
    }
    cr_expect_gt(exceeding, 0, "equal terms would need no allowance");
    for (size_t i = 0; i < MOST; i++) y[i] = (double)number(true);
    cr_expect_eq(hd_estimate_repetition(MOST, 1, y), 1);
}

/* A zero adds no error: a unit that is off in most examples sums as exactly as one that is on. */
Test(estimate, of_terms_that_are_mostly_zero_allows_for_no_more) {
    double y[MOST];
    for (size_t i = 0; i < MOST; i++) y[i] = i % 3 ? 0 : (double)number(true);
    cr_expect_eq(hd_estimate_repetition(MOST, 1, y), 1);
    for (size_t i = 0; i < MOST; i++) y[i] = i % 3 ? 0 : 1.5;
    cr_expect_eq(hd_estimate_repetition(MOST, 1, y), (MOST + 2) / 3);
    for (size_t i = 0; i < MOST; i++) y[i] = 0;
    cr_expect_eq(hd_estimate_repetition(MOST, 1, y), 1);
}

Test(estimate, of_a_product_has_its_value_and_what_its_operands_are_uncertain_by) {
    enum { M = 3, K = 5, N = 4 };
    double a[M * K], b[K * N], variance_of_a[M * K], value[M * N], variance[M * N];
    char chosen[32];
    hd_error error;
    hd_estimator estimator = float32;
    cr_assert_eq(hd_product_start(NULL, chosen, &error), HD_OK);
    for (size_t i = 0; i < M * K; i++)
        a[i] = (double)number(false), variance_of_a[i] = 1e-6 * (double)(i + 1);
    for (size_t i = 0; i < K * N; i++) b[i] = (double)number(false);
    hd_operand left = {a, variance_of_a, M, K, false}, right = {b, NULL, K, N, false};
    hd_estimate_product(&estimator, &left, &right, K, false, (hd_estimate){value, variance});
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            double sum = 0, handed_on = 0;
            for (size_t k = 0; k < K; k++) {
                sum += a[i * K + k] * b[k * N + j];
                handed_on += variance_of_a[i * K + k] * b[k * N + j] * b[k * N + j];
            }
            cr_expect_float_eq(value[i * N + j], sum, 1e-14);
            cr_expect_float_eq(variance[i * N + j] / handed_on, 1, 1e-6);
        }
    hd_estimator_free(&estimator);
}
