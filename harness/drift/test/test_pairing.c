/* Tangents paired with adjoints give the same for every t, and the hypergradient at both ends. */
#include "drift/lockstep.h"
#include "drift/pairing.h"
#include "test/captured.h"

#include <math.h>

typedef struct wanted {
    size_t iteration, hypers;
    double hypergradients[HD_MAX_HYPERS];
} wanted;

static bool keep(void *context, const hd_capture_reader *reader) {
    wanted *w = context;
    w->hypers = reader->head.count;
    if (reader->head.place.iteration == w->iteration)
        memcpy(w->hypergradients, reader->values, w->hypers * sizeof(double));
    return true;
}

static wanted results_of(const hd_variant *variant, size_t iteration) {
    wanted w = {.iteration = iteration};
    hd_error error;
    cr_assert(hd_lockstep_read(variant, 1u << HD_HYPERGRADIENTS, keep, &w, &error) == HD_OK, "%s",
              error.message);
    return w;
}

static hd_pairing measured(const char *experiment, const char *const *forward, const char *const *reverse) {
    hd_error error;
    hd_pairing pairing;
    const hd_variant *out = captured_variant(experiment, forward);
    const hd_variant *back = captured_variant(experiment, reverse);
    cr_assert(hd_pairing_measure(out, back, &pairing, &error) == HD_OK, "%s", error.message);
    free((void *)(uintptr_t)out);
    free((void *)(uintptr_t)back);
    return pairing;
}

static void expect_no_jump(const hd_pairing *pairing, const char *what) {
    hd_pairing_place worst = hd_pairing_worst(pairing);
    cr_expect(!hd_pairing_jumps(pairing), "%s: %g at step %zu of hyper-iteration %zu, hyperparameter %zu",
              what, worst.course->worst, worst.course->worst_step, worst.iteration, worst.hyper);
}

static void check_iteration(const hd_pairing *pairing, size_t i, const wanted *forward, const wanted *reverse,
                            double within) {
    const double *values = pairing->of[i].values;
    for (size_t j = 0; j < pairing->hypers; j++) {
        double begin = values[j], end = values[pairing->steps * pairing->hypers + j];
        double size = fabs(reverse->hypergradients[j]);
        cr_expect(fabs(begin - reverse->hypergradients[j]) <= within * size, "P_0 of %zu: %.17g, not %.17g",
                  j, begin, reverse->hypergradients[j]);
        cr_expect(fabs(end - forward->hypergradients[j]) <= within * size, "P_T of %zu: %.17g, not %.17g", j,
                  end, forward->hypergradients[j]);
        for (size_t t = 0; t <= pairing->steps; t++)
            cr_expect(fabs(values[t * pairing->hypers + j] - begin) <= within * size, "P_%zu of %zu", t, j);
    }
}

static void check(const char *experiment, const char *device, double within) {
    const char *const forward[] = {device, "mode=forward", NULL}, *const reverse[] = {device, NULL};
    const hd_variant *out = captured_variant(experiment, forward);
    const hd_variant *back = captured_variant(experiment, reverse);
    hd_pairing pairing = measured(experiment, forward, reverse);
    cr_assert_eq(pairing.hypers, out->experiment.hypers);
    cr_assert_eq(pairing.steps, out->experiment.steps);
    cr_assert_eq(pairing.iterations, out->experiment.hyper_iterations);
    for (size_t i = 0; i < pairing.iterations; i++) {
        wanted of_forward = results_of(out, i), of_reverse = results_of(back, i);
        check_iteration(&pairing, i, &of_forward, &of_reverse, within);
    }
    expect_no_jump(&pairing, device);
    hd_pairing_free(&pairing);
    cr_expect_null(pairing.of);
    free((void *)(uintptr_t)out);
    free((void *)(uintptr_t)back);
}

Test(pairing, is_the_hypergradient_at_every_step_in_float32) {
    check("blobs-deep", "device=cpu", 1e-5);
    check("blobs-slices", "device=cpu", 1e-5);
}

Test(pairing, is_the_hypergradient_at_every_step_in_float64) {
    check("blobs-deep", "device=reference", 1e-12);
    check("blobs-logistic", "device=reference", 1e-12);
}

/* The forward run goes along the reverse run's trajectory, so that the devices may differ. */
Test(pairing, holds_across_devices) {
    static const char *const names[] = {"blobs-deep", "blobs-one-hidden", "blobs-logistic",
                                        "faults-small-steps"};
    for (size_t i = 0; i < 4; i++) {
        hd_pairing pairing = measured(names[i], (const char *const[]){"mode=forward", NULL},
                                      (const char *const[]){"device=reference", NULL});
        expect_no_jump(&pairing, names[i]);
        hd_pairing_free(&pairing);
        pairing = measured(names[i], (const char *const[]){"mode=forward", "device=reference", NULL},
                           (const char *const[]){NULL});
        expect_no_jump(&pairing, names[i]);
        hd_pairing_free(&pairing);
    }
}

/* A training in which ReLUs flip by rounding, from the second hyper-iteration on. */
Test(pairing, does_not_jump_where_two_trajectories_cross_kinks) {
    for (int seed = 1; seed <= 7; seed++) {
        char word[32];
        snprintf(word, sizeof word, "experiment.seed=%d", seed);
        hd_pairing pairing =
            measured("harness/drift/test/kinkier.ini", (const char *const[]){word, "mode=forward", NULL},
                     (const char *const[]){word, NULL});
        cr_expect_eq(pairing.iterations, 3);
        expect_no_jump(&pairing, word);
        hd_pairing_free(&pairing);
    }
}

Test(pairing, does_not_jump_where_hypergradients_underflow) {
    static const char *const etas[] = {"hyperparameters.eta=1e-20", "hyperparameters.eta=1e-37"};
    for (size_t i = 0; i < 2; i++) {
        hd_pairing pairing =
            measured("blobs-deep",
                     (const char *const[]){etas[i], "experiment.hyper-iterations=1", "mode=forward", NULL},
                     (const char *const[]){etas[i], "experiment.hyper-iterations=1", NULL});
        expect_no_jump(&pairing, etas[i]);
        hd_pairing_free(&pairing);
    }
}

/* Tangents and adjoints of other settings do not belong together, but their difference explains that. */
Test(pairing, allows_what_different_hyperparameters_change) {
    hd_pairing pairing = measured("blobs-deep", (const char *const[]){"mode=forward", NULL},
                                  (const char *const[]){"hyperparameters.mu=0.6", NULL});
    const double *values = pairing.of[0].values, begin = values[0];
    double end = values[pairing.steps * pairing.hypers];
    cr_expect(fabs(end - begin) > 1e-2 * fabs(begin), "%g and %g", begin, end);
    expect_no_jump(&pairing, "mu");
    hd_pairing_free(&pairing);
}

Test(pairing, refuses_runs_of_other_shapes) {
    hd_error error;
    hd_pairing pairing;
    const hd_variant *out = captured_variant("blobs-deep", (const char *const[]){"training.steps=4", NULL});
    const hd_variant *back = captured_variant("blobs-deep", (const char *const[]){NULL});
    cr_expect_eq(hd_pairing_measure(out, back, &pairing, &error), HD_INVALID);
    cr_expect(strstr(error.message, "different numbers of steps"), "%s", error.message);
    cr_expect_null(pairing.of);
    free((void *)(uintptr_t)out);
    free((void *)(uintptr_t)back);
}
