/* Why two runs differ: swapped components, shares, verdicts. */
#include "drift/diagnosis.h"
#include "drift/lockstep.h"
#include "test/captured.h"

#include <math.h>

static hd_drift drift;
static hd_diagnosis diagnosis;
static hd_error error;
static const hd_variant *a, *b;

/* Runs both in lock step and diagnoses; words end with NULL. */
static void diagnose(const char *const *left, const char *const *right) {
    a = captured_variant("blobs-logistic", left);
    b = captured_variant("blobs-logistic", right);
    cr_assert(hd_lockstep(a, b, 0, true, &drift, &error) == HD_OK, "%s", error.message);
    cr_assert(hd_diagnose(&drift, a, b, false, &diagnosis, &error) == HD_OK, "%s", error.message);
}
#define words(...) ((const char *const[]){__VA_ARGS__, NULL})

static void finish(void) {
    hd_diagnosis_free(&diagnosis);
    hd_drift_free(&drift);
    free((void *)(uintptr_t)a);
    free((void *)(uintptr_t)b);
}

static const hd_cause *cause_of(const char *component) {
    for (size_t c = 0; c < diagnosis.cause_count; c++)
        if (!strcmp(diagnosis.causes[c].component, component)) return &diagnosis.causes[c];
    cr_assert(false, "%s is no cause", component);
    return NULL;
}

static void expect_verdict(const char *expected) {
    char text[HD_VARIANT_KEY + 16];
    cr_expect_str_eq(hd_drift_verdict_text(&diagnosis, text), expected, "%s: %s", text, diagnosis.evidence);
}

Test(diagnosis, of_one_changed_component_gives_it_all) {
    diagnose(words("mode=reverse"), words("hyperparameters.mu=0.51"));
    expect_verdict("component hyperparameters.mu");
    cr_assert_eq(diagnosis.cause_count, 1);
    for (size_t j = 0; j < a->experiment.hypers; j++)
        cr_expect_eq(hd_cause_share(&diagnosis.causes[0], j), 1);
    finish();
}

Test(diagnosis, shares_a_difference_out_among_two_components) {
    diagnose(words("hyperparameters.eta=0.2"),
             words("hyperparameters.mu=0.51", "hyperparameters.eta=0.2002"));
    expect_verdict("component hyperparameters.mu");
    cr_assert_eq(diagnosis.cause_count, 2);
    size_t shared = 0;
    const hd_cause *mu = cause_of("hyperparameters.mu"), *eta = cause_of("hyperparameters.eta");
    for (size_t j = 0; j < a->experiment.hypers; j++) {
        /* two components: what one adds as it goes in, the other adds as it goes out */
        cr_expect_float_eq(mu->into_a[j] + eta->out_of_b[j], 1, 1e-6);
        cr_expect_float_eq(mu->out_of_b[j] + eta->into_a[j], 1, 1e-6);
        cr_expect_float_eq(hd_cause_share(mu, j) + hd_cause_share(eta, j), 1, 1e-6);
        shared += hd_cause_share(eta, j) > 0.001 && hd_cause_share(mu, j) > 0.5;
    }
    cr_expect_gt(shared, 0);
    finish();
}

/* A share may be above 1 or below 0 if components work against each other: we cut their mean, not these. */
Test(diagnosis, keeps_shares_within_0_and_1_and_what_was_measured_as_it_is) {
    hd_cause cause = {.into_a = {1.5, -0.5, 0.2, NAN}, .out_of_b = {1.1, -0.1, 0.6, 0.5}};
    cr_expect_eq(hd_cause_share(&cause, 0), 1);
    cr_expect_eq(hd_cause_share(&cause, 1), 0);
    cr_expect_float_eq(hd_cause_share(&cause, 2), 0.4, 1e-15);
    cr_expect(isnan(hd_cause_share(&cause, 3)));
}

/* Threads change nothing, and what does not differ has no share. */
Test(diagnosis, leaves_the_share_of_what_does_not_differ_open) {
    diagnose(words("mode=forward"), words("mode=reverse"));
    expect_verdict("rounding");
    const hd_cause *mode = cause_of("mode");
    size_t open = 0;
    for (size_t j = 0; j < a->experiment.hypers; j++) {
        const double(*h)[HD_MAX_HYPERS] = drift.ending[diagnosis.iteration].hypergradient;
        cr_expect_eq(isnan(hd_cause_share(mode, j)), h[0][j] == h[1][j]);
        open += h[0][j] == h[1][j];
    }
    cr_expect(open > 0 && open < a->experiment.hypers, "nothing was tried: %zu", open);
    cr_expect(diagnosis.pairing.of && !hd_pairing_jumps(&diagnosis.pairing));
    finish();
}

Test(diagnosis, of_equal_runs_is_identical) {
    diagnose(words("threads=1"), words("threads=1", "blis-kernels=own"));
    expect_verdict("identical");
    cr_expect_eq(drift.differing, 0);
    cr_expect_eq(diagnosis.cause_count, 0);
    cr_expect_eq(hd_nearer_reference(&diagnosis), '?');
    finish();
}

/* A component counts even if only one side can take it alone. */
Test(diagnosis, lists_a_component_that_goes_into_one_side_only) {
    diagnose(words("mode=reverse"), words("fill=tf-gpu-2017", "fill-race=0", "hyperparameters.mu=0.51"));
    cr_assert_eq(diagnosis.cause_count, 3);
    const hd_cause *race = cause_of("fill-race"), *mu = cause_of("hyperparameters.mu");
    for (size_t j = 0; j < a->experiment.hypers;
         j++) { /* the network is too small for fill or race to matter */
        cr_expect_eq(hd_cause_share(race, j), 0);
        cr_expect_eq(hd_cause_share(mu, j), 1);
    }
    finish();
}

/* With this eta and that rho_l2 together, the weights exceed float32's range. */
Test(diagnosis, a_swap_that_ends_in_inf_leaves_its_share_to_the_other_way) {
    diagnose(words("hyperparameters.eta=20", "hyperparameters.rho_l2=0.001"),
             words("hyperparameters.eta=0.2", "hyperparameters.rho_l2=40", "hyperparameters.mu=0"));
    const hd_cause *eta = cause_of("hyperparameters.eta");
    cr_expect(!isnan(eta->into_a[0]) || !isnan(eta->out_of_b[0]));
    finish();
}

Test(diagnosis, knows_which_side_is_nearer_the_reference) {
    diagnose(words("mode=reverse"), words("device=reference"));
    expect_verdict("rounding");
    cr_expect_eq(hd_nearer_reference(&diagnosis), 'b');
    cr_expect_eq(diagnosis.reference_error[1], 0);
    cr_expect(diagnosis.reference_error[0] > 0 && diagnosis.reference_error[0] < 1e-5);
    finish();
}

/* A run guided along a's states tells what a step adds: from these, mu changes the step, but not the batch's
 * activations and gradient. */
Test(diagnosis, what_follows_a_adds_nothing_where_nothing_was_changed) {
    static const char *const modes[] = {"mode=forward", "mode=reverse"};
    for (size_t m = 0; m < 2; m++) {
        diagnose(words(modes[m], "threads=1"), words(modes[m], "threads=1", "hyperparameters.mu=0.50001"));
        size_t added = 0, unmoved = 0;
        for (size_t i = 0; i < drift.grown; i++) {
            const hd_growth *g = &drift.growth[i];
            bool of_step = g->place.tensor == HD_WEIGHTS || g->place.tensor == HD_TANGENT;
            cr_expect(!isnan(g->added[HD_FOLLOW_B]) && !isnan(g->added[HD_FOLLOW_ROUNDING]));
            if (g->place.tensor == HD_ACTIVATION || g->place.tensor == HD_GRADIENT ||
                g->place.tensor == HD_DELTA) {
                cr_expect_eq(g->added[HD_FOLLOW_B], 0);
                unmoved++;
            }
            added += of_step && g->added[HD_FOLLOW_B] > 0;
        }
        cr_expect(added > 0 && unmoved > 0);
        cr_expect(drift.beyond.found);
        finish();
    }
}
