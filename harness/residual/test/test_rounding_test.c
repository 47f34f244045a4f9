/* Can rounding alone have done this? */
#include "residual/rounding_test.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>

enum { COUNT = 1000 };

static double is[COUNT], value[COUNT], variance[COUNT];
static const hd_estimate expected = {value, variance};
static uint64_t seed = 1;

static double uniform(void) { /* in -1 .. 1 */
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) * 0x1p-52 - 1;
}

/* Elements off by as much as uniform roundings are, plus `lean` of what rounding can do, away from zero. */
static void make(double lean) {
    for (size_t i = 0; i < COUNT; i++) {
        value[i] = 1 + uniform() / 2;
        if (i & 1) value[i] = -value[i];
        variance[i] = 0x1p-48 * value[i] * value[i];
        is[i] = value[i] * (1 + 0x1p-24 * (uniform() + lean));
    }
}

static hd_rounding_test tested(double limit) {
    hd_rounding_test test;
    hd_rounding_test_elements(COUNT, is, expected, limit, &test);
    return test;
}

Test(rounding_test, lets_pass_what_rounding_does) {
    make(0);
    hd_rounding_test test = tested(HD_SUM_LIMIT);
    cr_expect_eq(test.excess, HD_NO_EXCESS);
    cr_expect_float_eq(test.spread, 1 / sqrt(3), 0.05);
    cr_expect_float_eq(test.lean, 0, 0.1);
    cr_expect_eq(tested(1).excess, HD_NO_EXCESS);
}

Test(rounding_test, names_the_one_element_that_is_too_far_off) {
    make(0);
    is[417] += 20 * sqrt(variance[417]);
    hd_rounding_test test = tested(HD_SUM_LIMIT);
    cr_expect_eq(test.excess, HD_ELEMENT_TOO_FAR);
    cr_expect(test.beyond == 1 && test.first == 417 && test.last == 417 && test.worst == 417);
    cr_expect_float_eq(test.furthest, 20.0 / 8, 0.2);
    cr_expect_lt(hd_rounding_odds(&test, HD_SUM_LIMIT, 1e12), -60);
}

Test(rounding_test, finds_elements_that_are_off_together_though_none_is_by_itself) {
    make(2);
    hd_rounding_test test = tested(HD_SUM_LIMIT);
    cr_expect_eq(test.beyond, 0);
    cr_expect_eq(test.excess, HD_TOGETHER_TOO_FAR);
}

Test(rounding_test, fails_a_value_that_is_not_finite) {
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t k = 0; k < 3; k++) {
        make(0);
        is[3] = bad[k];
        hd_rounding_test test = tested(HD_SUM_LIMIT);
        cr_expect(test.excess == HD_NOT_FINITE_THERE && test.worst == 3);
    }
}

Test(rounding_test, names_an_element_whose_expectation_is_not_known) {
    make(0);
    value[5] = NAN;
    hd_rounding_test test = tested(HD_SUM_LIMIT);
    cr_expect(test.excess == HD_ELEMENT_TOO_FAR && test.worst == 5 && test.furthest == INFINITY);
}

Test(rounding_test, fails_whatever_differs_where_nothing_may) {
    make(0);
    for (size_t i = 0; i < COUNT; i++) is[i] = value[i], variance[i] = 0;
    cr_expect_eq(tested(1).excess, HD_NO_EXCESS);
    is[9] = nextafter(is[9], 2);
    hd_rounding_test test = tested(1);
    cr_expect(test.excess == HD_ELEMENT_TOO_FAR && test.worst == 9);
}

static bool leans(double lean, double least, size_t steps) {
    hd_leaning leaning = {.least = least};
    for (size_t s = 0; s < steps; s++) {
        make(lean);
        hd_rounding_test test = tested(HD_SUM_LIMIT);
        hd_leaning_add(&leaning, &test);
    }
    return hd_leaning_found(&leaning);
}

Test(rounding_test, finds_a_small_lean_over_the_steps_and_none_in_noise) {
    cr_expect(leans(0.1, HD_SUM_LEAN, 30));
    cr_expect(leans(-0.1, HD_SUM_LEAN, 30));
    cr_expect_not(leans(0.1, HD_STEADY_LEAN, 30));
    cr_expect_not(leans(0.1, HD_SUM_LEAN, 5), "five steps are too few");
    for (size_t i = 0; i < 200; i++) cr_expect_not(leans(0, HD_SUM_LEAN, 30));
}
