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

static void check(const char *experiment, const char *device, size_t iteration, double within) {
    hd_error error;
    hd_pairing pairing;
    const hd_variant *out = captured_variant(experiment, (const char *const[]){device, "mode=forward", NULL});
    const hd_variant *back =
        captured_variant(experiment, (const char *const[]){device, "mode=reverse", NULL});
    wanted forward = results_of(out, iteration), reverse = results_of(back, iteration);
    cr_assert(hd_pairing_measure(out, back, iteration, &pairing, &error) == HD_OK, "%s", error.message);
    cr_assert_eq(pairing.hypers, forward.hypers);
    cr_assert_eq(pairing.steps, out->experiment.steps);
    for (size_t j = 0; j < pairing.hypers; j++) {
        double begin = pairing.values[j], end = pairing.values[pairing.steps * pairing.hypers + j];
        double size = fabs(reverse.hypergradients[j]);
        cr_expect(fabs(begin - reverse.hypergradients[j]) <= within * size,
                  "%s: P_0 of %zu: %.17g, not %.17g", device, j, begin, reverse.hypergradients[j]);
        cr_expect(fabs(end - forward.hypergradients[j]) <= within * size, "%s: P_T of %zu: %.17g, not %.17g",
                  device, j, end, forward.hypergradients[j]);
        for (size_t t = 0; t <= pairing.steps; t++)
            cr_expect(fabs(pairing.values[t * pairing.hypers + j] - begin) <= within * size,
                      "%s: P_%zu of %zu", device, t, j);
    }
    cr_expect(!hd_pairing_jumps(&pairing), "jump %g, tremble %g", pairing.jump, pairing.tremble);
    cr_expect_leq(pairing.jump, within);
    hd_pairing_free(&pairing);
    cr_expect_null(pairing.values);
    free((void *)(uintptr_t)out);
    free((void *)(uintptr_t)back);
}

Test(pairing, is_the_hypergradient_at_every_step_in_float32) {
    check("blobs-deep", "device=cpu", 0, 1e-5);
    check("blobs-slices", "device=cpu", 1, 1e-5);
}

Test(pairing, is_the_hypergradient_at_every_step_in_float64) {
    check("blobs-deep", "device=reference", 1, 1e-12);
    check("blobs-logistic", "device=reference", 2, 1e-12);
}

/* With so few steps the median change may be 0; even then a rounding is no jump. */
Test(pairing, does_not_jump_by_a_rounding) {
    hd_pairing pairing = {.jump = 0x1p-25, .tremble = 0, .unit = 0x1p-24};
    cr_expect(!hd_pairing_jumps(&pairing));
    pairing.jump = 0x1p-23;
    cr_expect(hd_pairing_jumps(&pairing));
    pairing.tremble = 0x1p-26;
    cr_expect(!hd_pairing_jumps(&pairing));
}

/* Tangents and adjoints of different runs do not belong together. */
Test(pairing, of_two_different_runs_jumps_or_changes) {
    hd_error error;
    hd_pairing pairing;
    const hd_variant *out = captured_variant("blobs-deep", (const char *const[]){"mode=forward", NULL});
    const hd_variant *back =
        captured_variant("blobs-deep", (const char *const[]){"hyperparameters.mu=0.6", NULL});
    cr_assert(hd_pairing_measure(out, back, 0, &pairing, &error) == HD_OK, "%s", error.message);
    double begin = pairing.values[0], end = pairing.values[pairing.steps * pairing.hypers];
    cr_expect(fabs(end - begin) > 1e-2 * fabs(begin), "%g and %g", begin, end);
    hd_pairing_free(&pairing);
    free((void *)(uintptr_t)out);
    free((void *)(uintptr_t)back);
}

Test(pairing, refuses_runs_of_other_shapes) {
    hd_error error;
    hd_pairing pairing;
    const hd_variant *out = captured_variant("blobs-deep", (const char *const[]){"training.steps=4", NULL});
    const hd_variant *back = captured_variant("blobs-deep", (const char *const[]){NULL});
    cr_expect_eq(hd_pairing_measure(out, back, 0, &pairing, &error), HD_INVALID);
    cr_expect(strstr(error.message, "different numbers of steps"), "%s", error.message);
    hd_pairing_free(&pairing);
    free((void *)(uintptr_t)out);
    free((void *)(uintptr_t)back);
}
