/* The three oracles that a golden needs. */
#include "golden/oracles.h"
#include "test/record_sample.h"

#include <math.h>

TestSuite(golden_oracles, .init = folder_make, .fini = folder_remove);

static const hd_request request;

typedef struct kinks {
    size_t count, known; /* known: eta's, with a hypergradient and a difference that are numbers */
} kinks;

static void count_kink(void *context, size_t step, const hd_hyper *reverse, double difference) {
    kinks *seen = context;
    (void)step;
    seen->count++;
    seen->known += !strcmp(reverse->name, "eta") && isfinite(reverse->hypergradient) && isfinite(difference);
}

typedef struct asked {
    hd_loaded_experiment loaded;
    hd_golden_set goldens;
    hd_differences differences;
    kinks seen;
    hd_error error;
} asked;

static void begin(asked *a, const char *experiment) {
    char path[PATH_MAX];
    *a = (asked){.seen = {0}};
    cr_assert_eq(hd_loaded_experiment_open(experiment, &request, NULL, &a->loaded, &a->error), HD_OK, "%s",
                 a->error.message);
    cr_assert_eq(hd_golden_set_folder(".", experiment, path, &a->error), HD_OK);
    cr_assert_eq(hd_golden_set_load(path, &a->goldens, &a->error), HD_OK, "%s", a->error.message);
}

static hd_status ask(asked *a) {
    return hd_oracles_differences(&a->loaded, &request, &a->goldens, &a->differences, count_kink, &a->seen,
                                  &a->error);
}

static void end(asked *a) {
    hd_golden_set_free(&a->goldens);
    hd_loaded_experiment_close(&a->loaded);
}

/* Expects that all agree and none crosses a kink. */
static void expect_agreement(const char *experiment) {
    asked a;
    begin(&a, experiment);
    cr_assert_eq(ask(&a), HD_OK, "%s", a.error.message);
    cr_expect_eq(a.differences.agree, a.goldens.count * a.goldens.steps[0].reference.hypers);
    cr_expect(a.differences.kinked == 0 && a.seen.count == 0);
    cr_expect(a.differences.worst > 0 && a.differences.worst <= 1);
    end(&a);
}

/* We chose the differences' steps with these: steep, flat, and with many kinks. */
Test(golden_oracles, say_that_the_goldens_are_their_finite_differences) {
    expect_agreement("blobs-logistic");
    expect_agreement("blobs-one-hidden");
    expect_agreement("blobs-deep");
    expect_agreement("faults-clipped");
    expect_agreement("faults-small-steps");
    expect_agreement("faults-black");
}

Test(golden_oracles, see_a_hypergradient_that_is_not_its_finite_difference) {
    asked a;
    begin(&a, "blobs-logistic");
    hd_hyper *eta = &a.goldens.steps[1].reference.hyper[2];
    cr_assert_str_eq(eta->name, "eta");
    eta->hypergradient *= 1 + 3e-6;
    cr_expect_eq(ask(&a), HD_DIFFERENT);
    cr_expect(strstr(a.error.message,
                     "blobs-logistic, hyper-iteration 1: on the reference reverse gives eta "),
              "%s", a.error.message);
    eta->hypergradient = NAN;
    cr_expect_eq(ask(&a), HD_DIFFERENT);
    end(&a);
}

/* With eta = 0 the weights stay zero, and the least change of eta gives each a sign. */
Test(golden_oracles, say_where_a_kink_is_in_the_way) {
    asked a;
    begin(&a, "blobs-logistic");
    hd_hyper *hyper = a.goldens.steps[1].reference.hyper;
    a.goldens.steps[0].reference.hyper[2].value = 0;
    hyper[0].hypergradient = hyper[1].hypergradient = hyper[3].hypergradient = 0; /* as zero weights give */
    cr_expect_eq(ask(&a), HD_OK, "%s", a.error.message);
    cr_expect(a.differences.agree == 11 && a.differences.kinked == 1);
    cr_expect(a.seen.count == 1 && a.seen.known == 1);
    end(&a);
}

Test(golden_oracles, see_forward_and_reverse_disagree) {
    hd_record forward = sample_record(), reverse = sample_record();
    hd_error error;
    cr_expect_eq(hd_oracles_modes(&forward, &reverse, &error), HD_OK);
    forward.hyper[0].hypergradient *= 1 + 0.9e-10;
    cr_expect_eq(hd_oracles_modes(&forward, &reverse, &error), HD_OK);
    forward.hyper[0].hypergradient *= 1 + 0.9e-10;
    cr_expect_eq(hd_oracles_modes(&forward, &reverse, &error), HD_DIFFERENT);
    cr_expect_not_null(strstr(error.message, "rho_l1_0"), "%s", error.message);
    forward.hyper[0].hypergradient = NAN;
    cr_expect_eq(hd_oracles_modes(&forward, &reverse, &error), HD_DIFFERENT);
    hd_record_free(&forward);
    hd_record_free(&reverse);
}
