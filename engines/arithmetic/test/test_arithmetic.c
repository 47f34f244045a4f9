/* Compares exp, log and power with MPFR, tests selections at their edges, and compares the hyperparameters'
 * update with the trace of 2017. */
#include "arithmetic/arithmetic.h"
#include "hyperopt.h"

#include <criterion/criterion.h>
#include <float.h>
#include <mpfr.h>
#include <stdlib.h>

/* The best that rounding allows is half an ulp. */
static const double worst_allowed = 0.50000001;

static float float_of_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* |y - exact| in units of the last place that a float has at exact. */
static double ulps(float y, mpfr_t exact) {
    MPFR_DECL_INIT(difference, 120);
    mpfr_set_flt(difference, y, MPFR_RNDN);
    mpfr_sub(difference, difference, exact, MPFR_RNDN);
    int exponent = mpfr_zero_p(exact) ? -125 : (int)mpfr_get_exp(exact);
    int unit = exponent - 24 > -149 ? exponent - 24 : -149;
    return fabs(ldexp(mpfr_get_d(difference, MPFR_RNDN), -unit));
}

typedef struct formula {
    const char *name;
    float (*ours)(float);
    double (*libm)(double);
    int (*exact)(mpfr_t, const mpfr_t, mpfr_rnd_t);
} formula;

static float ours_exp(float x) {
    return hd_exp(x);
}
static float ours_log(float x) {
    return hd_log(x);
}
static const formula exponential = {"exp", ours_exp, exp, mpfr_exp},
                     logarithm = {"log", ours_log, log, mpfr_log};

static double error_at(const formula *f, float x) {
    MPFR_DECL_INIT(exact, 120);
    mpfr_set_flt(exact, x, MPFR_RNDN);
    f->exact(exact, exact, MPFR_RNDN);
    return ulps(f->ours(x), exact);
}

/* Tests every stride-th float between two. */
static void expect_accurate(const formula *f, float from, float to, uint32_t stride) {
    uint32_t first, last;
    memcpy(&first, &from, sizeof first);
    memcpy(&last, &to, sizeof last);
    for (uint64_t bits = first; bits <= last; bits += stride) {
        float x = float_of_bits((uint32_t)bits);
        double error = error_at(f, x);
        cr_assert(error <= worst_allowed, "%s(%a): %.9f ulp", f->name, (double)x, error);
    }
}

Test(arithmetic, exp_is_within_half_an_ulp_of_mpfr_s) {
    expect_accurate(&exponential, 0.0f, 0x1p-30f, 200003);
    expect_accurate(&exponential, 0x1p-30f, 88.722f, 10007);
    expect_accurate(&exponential, -0x1p-30f, -103.97f, 10007);
}

Test(arithmetic, exp_rounds_once_where_its_results_are_subnormal) {
    expect_accurate(&exponential, -87.3f, -104.0f, 211);
}

Test(arithmetic, exp_ends_at_zero_and_infinity) {
    cr_expect(hd_exp(0.0f) == 1.0f && hd_exp(-0.0f) == 1.0f);
    cr_expect(hd_exp(0x1.62e42ep6f) < HUGE_VALF && hd_exp(0x1.62e430p6f) == HUGE_VALF, "at log(FLT_MAX)");
    cr_expect(hd_exp(89.5f) == HUGE_VALF && hd_exp(HUGE_VALF) == HUGE_VALF);
    cr_expect(hd_exp(-103.9f) == 0x1p-149f && hd_exp(-103.98f) == 0.0f, "at half the smallest subnormal");
    cr_expect(hd_exp(-200.0f) == 0.0f && hd_exp(-HUGE_VALF) == 0.0f);
    cr_expect(isnan(hd_exp((float)NAN)));
}

Test(arithmetic, log_is_within_half_an_ulp_of_mpfr_s) {
    expect_accurate(&logarithm, 0x1p-149f, FLT_MAX, 20011);
}

Test(arithmetic, log_is_accurate_near_one_and_at_the_clip_s_bounds) {
    expect_accurate(&logarithm, 0.70f, 0.72f, 31); /* where the exponent changes */
    expect_accurate(&logarithm, 0.9999f, 1.0001f, 97);
    expect_accurate(&logarithm, HD_CLIP_LOW, HD_CLIP_LOW, 1);
    expect_accurate(&logarithm, HD_CLIP_HIGH, HD_CLIP_HIGH, 1);
    cr_expect(hd_log(1.0f) == 0.0f && !signbit(hd_log(1.0f)));
}

Test(arithmetic, log_outside_its_domain_says_so) {
    cr_expect(hd_log(0.0f) == -HUGE_VALF && hd_log(-0.0f) == -HUGE_VALF);
    cr_expect(isnan(hd_log(-1.0f)) && isnan(hd_log(-0x1p-149f)) && isnan(hd_log((float)NAN)));
}

/* Whether y is surely correctly rounded: libm's double is within an ulp, and its neighbours round to y too.
 * We take the few others to MPFR. */
static bool surely_correct(const formula *f, float x, float y) {
    double near = f->libm((double)x);
    return y == (float)(near * (1 - 0x1p-51)) && y == (float)(near * (1 + 0x1p-51));
}

static void expect_accurate_everywhere(const formula *f, uint32_t first, uint32_t last) {
    size_t asked = 0, wrong = 0;
    double worst = 0;
#pragma omp parallel for reduction(+ : asked, wrong) reduction(max : worst) schedule(dynamic, 65536)
    for (uint64_t bits = first; bits <= last; bits++) {
        float x = float_of_bits((uint32_t)bits);
        if (surely_correct(f, x, f->ours(x))) continue;
        double error = error_at(f, x);
        asked++;
        wrong += !(error <= 0.5);
        if (!(error <= worst)) worst = error;
    }
    cr_log_warn("%s from %a to %a: %zu floats taken to MPFR, %zu not correctly rounded, worst error %.9f ulp",
                f->name, (double)float_of_bits(first), (double)float_of_bits(last), asked, wrong, worst);
    cr_expect(worst <= worst_allowed, "%s: %.9f ulp", f->name, worst);
}

Test(arithmetic, exp_and_log_are_accurate_at_every_float) {
    if (!getenv("HYPERDRIFT_LONG")) cr_skip_test("takes minutes: runs with HYPERDRIFT_LONG=1");
    expect_accurate_everywhere(&logarithm, 1, 0x7f7fffff);
    expect_accurate_everywhere(&exponential, 0, 0x42b17217);          /* to log(FLT_MAX) */
    expect_accurate_everywhere(&exponential, 0x80000000, 0xc2cff1b5); /* to log(2^-150) */
}

static void expect_power(float x, unsigned most) {
    MPFR_DECL_INIT(base, 24);
    MPFR_DECL_INIT(power, 24);
    mpfr_set_flt(base, x, MPFR_RNDN);
    for (unsigned n = 0; n <= most; n++) {
        mpfr_pow_ui(power, base, n, MPFR_RNDN);
        cr_assert(hd_power(x, n) == mpfr_get_flt(power, MPFR_RNDN), "%a to the %u", (double)x, n);
    }
}

Test(arithmetic, adam_s_powers_are_correctly_rounded) {
    expect_power(0.999f, 1000);
    expect_power(0.9f, 800);
}

/* --- selections --- */

Test(arithmetic, derivatives_at_kinks_are_zero) {
    cr_expect(hd_relu_gate(0.0f, 5.0f) == 0.0f && hd_relu_gate(-0.0f, 5.0f) == 0.0f, "relu'(0)");
    cr_expect(hd_relu_gate(0x1p-149f, 5.0f) == 5.0f && hd_relu_gate(-0x1p-149f, 5.0f) == 0.0f);
    cr_expect(hd_sign(0.0f) == 0.0f && hd_sign(-0.0f) == 0.0f && !signbit(hd_sign(-0.0f)));
    cr_expect(hd_sign(0x1p-149f) == 1.0f && hd_sign(-0x1p-149f) == -1.0f);
    cr_expect(!signbit(hd_relu(-0.0f)) && !signbit(hd_relu(-3.0f)), "relu gives +0");
}

Test(arithmetic, the_clip_s_bounds_count_as_inside) {
    const float low = HD_CLIP_LOW, high = HD_CLIP_HIGH;
    cr_expect(hd_clip_passes(low) && hd_clip_passes(high) && hd_clip_passes(0.5f));
    cr_expect(!hd_clip_passes(nextafterf(low, 0)) && !hd_clip_passes(nextafterf(high, 1)));
    cr_expect(hd_clip(0.0f) == low && hd_clip(1.0f) == high && hd_clip(low) == low && hd_clip(high) == high);
}

Test(arithmetic, a_nan_goes_one_way) {
    const float nan = (float)NAN;
    cr_expect(hd_relu(nan) == 0.0f && hd_relu_gate(nan, 1.0f) == 0.0f && isnan(hd_relu_gate(1.0f, nan)));
    cr_expect(hd_sign(nan) == 0.0f);
    cr_expect(isnan(hd_clip(nan)) && !hd_clip_passes(nan));
    cr_expect(isnan(hd_softmax_delta(nan, 1.0f, 200.0f)));
    cr_expect(isnan(hd_momentum_m(0.5f, nan, 1.0f)) && isnan(hd_momentum_w(0.1f, nan, 1.0f)));
}

Test(arithmetic, floats_are_floats_and_nothing_is_contracted) {
    volatile float a = 1 + 0x1p-12f, minus_square = -(1 + 0x1p-11f);
    float product_then_sum = a * a + minus_square, fused = fmaf(a, a, minus_square);
    cr_expect(FLT_EVAL_METHOD == 0);
    cr_expect(product_then_sum == 0.0f && fused == 0x1p-24f);
    cr_expect(hd_momentum_m(a, a, minus_square) == fused && hd_momentum_w(-a, a, minus_square) == fused);
    cr_expect(hd_regularized_hvp(minus_square, a, a / 2) == fused);
    cr_expect(hd_regularized(minus_square, a, 0, a / 2) == fused);
}

/* --- the hyperparameters' update --- */

static hd_hyperopt started(size_t count, bool nonnegative) {
    hd_hyperopt hyperopt;
    cr_assert(hd_hyperopt_create(&hyperopt, count, 0.001f, nonnegative));
    return hyperopt;
}

/* Records 4 to 6 of the trace: each printed value is the one after the update with the hypergradient beside
 * it. */
Test(arithmetic, hyperparameters_follow_the_trace) {
    enum { HYPERS = 3, STEPS = 3 }; /* rho_l1_0, eta, mu */
    static const double hypergradients[STEPS][HYPERS] = {{11.980854, -39.794144, -0.76688409},
                                                         {11.590072, -34.834724, -0.73887223},
                                                         {13.679873, -39.32436, -0.90952623}};
    static const double values[STEPS][HYPERS] = {
        {0, 0.010999993, 0.50099999}, {0, 0.011994326, 0.50199884}, {0, 0.012992319, 0.50300086}};
    double value[HYPERS] = {0, (double)0.01f, 0.5};
    hd_hyperopt hyperopt = started(HYPERS, true);
    for (size_t step = 0; step < STEPS; step++) {
        hd_hyperopt_step(&hyperopt, hypergradients[step], value);
        for (size_t j = 0; j < HYPERS; j++)
            cr_expect(fabs(value[j] - values[step][j]) <= 1e-7 * values[step][j],
                      "step %zu, hyperparameter %zu: %.10g", step, j, value[j]);
    }
    hd_hyperopt_release(&hyperopt);
}

Test(arithmetic, eta_reads_0_010999993_and_not_0_011_after_one_step) {
    double value[] = {(double)0.01f, 0.5}, hypergradient[] = {-39.794144, -0.76688409};
    hd_hyperopt hyperopt = started(2, true);
    hd_hyperopt_step(&hyperopt, hypergradient, value);
    cr_expect((float)value[0] == 0.010999993f && (float)value[0] != 0.011f, "%.9g", value[0]);
    cr_expect((float)value[1] == 0.50099999f, "%.9g", value[1]);
    cr_expect(value[0] == (double)(float)value[0] && value[1] == (double)(float)value[1]);
    hd_hyperopt_release(&hyperopt);
}

Test(arithmetic, moments_take_0_1f_and_0_001f_and_the_bias_correction_float_differences) {
    const float h = 3.0f, scale = sqrtf(1.0f - 0.999f) / (1.0f - 0.9f);
    float expected = 2.0f - 1.0f * scale * (0.1f * h) / sqrtf(0.001f * (h * h) + 1e-8f);
    double value = 2, hypergradient = (double)h;
    hd_hyperopt hyperopt;
    cr_assert(hd_hyperopt_create(&hyperopt, 1, 1.0f, true)); /* a rate so large that every factor shows */
    hd_hyperopt_step(&hyperopt, &hypergradient, &value);
    cr_expect(value == (double)expected, "%.9g, not %.9g", value, (double)expected);
    cr_expect(hyperopt.m[0] == 0.1f * h && hyperopt.v[0] == 0.001f * (h * h));
    cr_expect(0.1f * h != (1.0f - 0.9f) * h && 0.001f * (h * h) != (1.0f - 0.999f) * (h * h));
    hd_hyperopt_release(&hyperopt);
}

Test(arithmetic, projection_stops_at_zero_where_it_is_asked_for) {
    double value[] = {0.0, 0.0}, hypergradient[] = {11.98, 11.98};
    hd_hyperopt projected = started(1, true), free_to_go = started(1, false);
    hd_hyperopt_step(&projected, hypergradient, value);
    hd_hyperopt_step(&free_to_go, hypergradient, value + 1);
    cr_expect(value[0] == 0 && !signbit(value[0]));
    cr_expect(fabs(value[1] + 0.001) <= 1e-8, "%.10g", value[1]);
    hd_hyperopt_release(&projected);
    hd_hyperopt_release(&free_to_go);
}

Test(arithmetic, projection_keeps_nan) {
    double value[] = {0.25, 0.25}, hypergradient[] = {NAN, 1};
    hd_hyperopt hyperopt = started(2, true);
    hd_hyperopt_step(&hyperopt, hypergradient, value);
    cr_expect(isnan(value[0]) && isfinite(value[1]));
    hd_hyperopt_release(&hyperopt);
}
