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
    const hd_drift_side sides[2] = {{.variant = a}, {.variant = b}};
    cr_assert(hd_lockstep(sides, 0, true, &drift, &error) == HD_OK, "%s", error.message);
    cr_assert(hd_diagnose(&drift, sides, (hd_diagnosis_wishes){.repeat = 1}, &diagnosis, &error) == HD_OK,
              "%s", error.message);
}
#define words(...) ((const char *const[]){__VA_ARGS__, NULL})

static void finish(void) {
    hd_diagnosis_free(&diagnosis);
    hd_drift_free(&drift);
    free((void *)(uintptr_t)a);
    free((void *)(uintptr_t)b);
}

static const hd_cause *cause_of(const char *component) {
    for (size_t c = 0; c < diagnosis.causes.count; c++)
        if (!strcmp(diagnosis.causes.of[c].component, component)) return &diagnosis.causes.of[c];
    cr_assert(false, "%s is no cause", component);
    return NULL;
}

static void expect_verdict(const char *expected) {
    char text[HD_VERDICT_TEXT];
    cr_expect_str_eq(hd_drift_verdict_text(&diagnosis, text), expected, "%s: %s", text, diagnosis.evidence);
}

Test(diagnosis, of_one_changed_component_gives_it_all) {
    diagnose(words("mode=reverse"), words("hyperparameters.mu=0.51"));
    expect_verdict("component hyperparameters.mu");
    cr_assert_eq(diagnosis.causes.count, 1);
    for (size_t j = 0; j < a->experiment.hypers; j++)
        cr_expect_eq(hd_cause_share(&diagnosis.causes.of[0], j), 1);
    finish();
}

Test(diagnosis, shares_a_difference_out_among_two_components) {
    diagnose(words("hyperparameters.eta=0.2"),
             words("hyperparameters.mu=0.51", "hyperparameters.eta=0.2002"));
    expect_verdict("component hyperparameters.mu");
    cr_assert_eq(diagnosis.causes.count, 2);
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
        const double(*h)[HD_MAX_HYPERS] = drift.iteration[diagnosis.iteration].hypergradient;
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
    cr_expect_eq(diagnosis.causes.count, 0);
    cr_expect_eq(hd_nearer_reference(&diagnosis), '?');
    finish();
}

/* A component counts even if only one side can take it alone. */
Test(diagnosis, lists_a_component_that_goes_into_one_side_only) {
    diagnose(words("mode=reverse"), words("fill=tf-gpu-2017", "fill-race=0", "hyperparameters.mu=0.51"));
    cr_assert_eq(diagnosis.causes.count, 3);
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

/* Both sides do what their equations say, each with its own settings. */
Test(diagnosis, finds_nothing_wrong_in_sides_that_were_told_to_differ) {
    static const char *const modes[] = {"mode=forward", "mode=reverse"};
    for (size_t m = 0; m < 2; m++) {
        diagnose(words(modes[m]), words(modes[m], "hyperparameters.mu=0.50001"));
        expect_verdict("component hyperparameters.mu");
        cr_expect_eq(diagnosis.group_count, 0);
        for (size_t s = 0; s < 2; s++)
            cr_expect(drift.side[s].judged && drift.side[s].residuals.elements > 1e4);
        for (size_t i = 0; i < drift.grown; i++)
            for (size_t s = 0; s < 2; s++)
                cr_expect(!(drift.growth[i].residual[s] > 1.001)); /* NaN: as on the way out */
        finish();
    }
}

Test(diagnosis, says_the_same_with_a_and_b_exchanged) {
    static const char *const others[] = {"device=reference", "rounding=3", "mode=forward"};
    for (size_t i = 0; i < 3; i++) {
        hd_drift_verdict found[2];
        double apart[2];
        for (size_t k = 0; k < 2; k++) {
            if (k == 0)
                diagnose(words("threads=1"), words("threads=1", others[i]));
            else
                diagnose(words("threads=1", others[i]), words("threads=1"));
            found[k] = diagnosis.finding;
            apart[k] = diagnosis.iterations[diagnosis.iteration].apart;
            finish();
        }
        cr_expect_eq(found[0], found[1], "%s", others[i]);
        cr_expect_eq(found[0], HD_BY_ROUNDING, "%s", others[i]);
        cr_expect_eq(apart[0], apart[1], "%s", others[i]);
    }
}

Test(diagnosis, judges_every_hyper_iteration) {
    diagnose(words("mode=reverse"), words("math=libm", "hyper-optimizer.rate=0.0015"));
    cr_assert_eq(diagnosis.iteration_count, 3);
    cr_expect_eq(diagnosis.iterations[0].inherited, 0);
    cr_expect_gt(diagnosis.iterations[1].inherited, 0);
    cr_expect_gt(diagnosis.iterations[1].apart, 1e-5);
    cr_expect_neq(diagnosis.iteration, 0);
    expect_verdict("component hyper-optimizer.rate");
    finish();
}

/* --- a digest that parts from its run here --- */

static hd_iteration_drift evaluated = {.evaluation = {{1.5, 10, 20, 30}, {1.5, 10, 20, 30}}};

static bool evaluation_is_too_far(double by, double test, double validation) {
    hd_drift parting = {.iteration = &evaluated, .iterations = 1};
    parting.side[1].parted = (hd_site){.found = true, .place = {.tensor = HD_EVALUATION}};
    parting.side[1].parted_result[0] = by;
    parting.side[1].parted_result[1] = test;
    parting.side[1].parted_result[2] = validation;
    return hd_parted_too_far(&parting, 1);
}

Test(diagnosis, of_a_digest_judges_an_evaluation_number_by_number) {
    cr_expect(!evaluation_is_too_far(1e-7, 0, 0));
    cr_expect(evaluation_is_too_far(1e-4, 0, 0), "large counts must not hide the error");
    cr_expect(evaluation_is_too_far(0, 1, 0));
    cr_expect(evaluation_is_too_far(0, 0, -1));
    cr_expect(evaluation_is_too_far(NAN, 0, 0));
}

/* Weights of which `blocks` blocks have other bytes, with sketches and a norm that differ by so much. */
static bool weights_are_too_far(size_t blocks, double by, double norm) {
    hd_residual_size size = {.place = {.tensor = HD_WEIGHTS, .step = 3}};
    hd_drift parting = {.iteration = &evaluated, .iterations = 1};
    hd_side_judgement *side = &parting.side[0];
    side->parted = (hd_site){.found = true, .place = size.place};
    side->parted_norm = norm;
    for (size_t i = 0; i < HD_BLOCKS; i++) {
        size.block[i] = 1e-7F;
        side->parted_block[i] = i < blocks;
        side->parted_by[i] = i < blocks ? by : 0;
    }
    side->residuals.sizes = &size;
    side->residuals.size_count = 1;
    return hd_parted_too_far(&parting, 0);
}

Test(diagnosis, of_a_digest_judges_a_tensor_by_its_sketches_and_its_norm) {
    cr_expect(!weights_are_too_far(HD_BLOCKS, 1e-7, 1e-7));
    cr_expect(!weights_are_too_far(1, 3e-7, 0));
    cr_expect(weights_are_too_far(1, 1e-6, 0));
    cr_expect(weights_are_too_far(HD_BLOCKS, 0, 1e-3), "sketches that agree prove nothing of the norm");
    cr_expect(weights_are_too_far(1, NAN, 0));
}
