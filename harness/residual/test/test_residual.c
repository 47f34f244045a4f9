/* Runs judged by their equations: clean ones without a finding, and changed ones with the right one. */
#include "residual/residual.h"
#include "test/captured.h"

#include <math.h>

static hd_residuals found;
static hd_error error;

static hd_status judge(captured *c, const hd_variant *variant) {
    hd_capture_reader reader;
    hd_status status = hd_capture_reader_start(&reader, captured_stream(c), &error);
    if (status == HD_OK) status = hd_residuals_judge(&reader, variant, &found, &error);
    hd_capture_reader_free(&reader);
    return status;
}

static void expect_clean(const char *experiment, const char *const *words) {
    char text[HD_FINDING_TEXT];
    captured c = captured_of(experiment, true, words);
    const hd_variant *variant = captured_variant(experiment, words);
    cr_assert(judge(&c, variant) == HD_OK, "%s", error.message);
    const hd_finding *first = found.kept ? &found.findings[0] : NULL;
    cr_expect_eq(found.found, 0, "%s %s: %s: %s", experiment, words[0], first ? first->part.name : "",
                 first ? hd_finding_text(first, &(hd_capture_info){.hypers = 0}, text) : "");
    cr_expect_gt(found.size_count, 100);
    hd_residuals_free(&found);
    free(c.bytes);
    free((void *)(uintptr_t)variant);
}
#define clean(experiment, ...) expect_clean(experiment, (const char *const[]){__VA_ARGS__, NULL})

Test(residual, of_clean_runs_has_no_finding) {
    static const char *const experiments[] = {"blobs-logistic", "blobs-one-hidden", "blobs-deep",
                                              "faults-black",   "faults-clipped",   "faults-small-steps"};
    for (size_t e = 0; e < 6; e++) {
        clean(experiments[e], "mode=forward");
        clean(experiments[e], "mode=reverse");
    }
}

Test(residual, has_no_finding_in_other_arithmetics_and_with_other_threads) {
    static const char *const others[] = {"device=reference", "math=libm", "rounding=3", "blis-kernels=own"};
    for (size_t i = 0; i < 4; i++) {
        clean("blobs-one-hidden", "mode=forward", others[i]);
        clean("blobs-one-hidden", "mode=reverse", others[i]);
    }
}

Test(residual, has_no_finding_where_training_stands_still_or_underflows) {
    static const char *const rates[] = {"hyperparameters.eta=1e-20", "hyperparameters.eta=1e-7",
                                        "hyperparameters.eta=1e-5"};
    for (size_t i = 0; i < 3; i++) {
        clean("blobs-one-hidden", "mode=forward", rates[i]);
        clean("blobs-one-hidden", "mode=reverse", rates[i], "hyperparameters.mu=0.99");
    }
}

/* --- planted changes --- */

#define few(mode) capture_of("blobs-deep", true, "training.steps=5", "experiment.hyper-iterations=2", mode)

/* Moves an element of a capture's n-th frame of a kind by `ulps` units in the last place. */
static void disturb(captured *c, uint8_t tensor, size_t n, size_t element, int ulps) {
    size_t at = captured_entry(c, tensor, n);
    bool float32 = captured_head(c, at).float32;
    at += sizeof(hd_frame_head) + element * (float32 ? sizeof(float) : sizeof(double));
    float value;
    double wide;
    memcpy(&value, c->bytes + at, sizeof value);
    memcpy(&wide, c->bytes + at, sizeof wide);
    if (!float32) value = (float)wide;
    for (int i = 0; i < ulps; i++) value = nextafterf(value, 1e9F);
    wide = (double)value;
    memcpy(c->bytes + at, float32 ? (void *)&value : (void *)&wide, float32 ? sizeof value : sizeof wide);
    captured_seal(c);
}

typedef struct planted {
    uint8_t tensor;
    size_t n, element; /* of the n-th frame of that kind */
    int ulps;
    size_t iteration, step;
    const char *part;
    size_t in_part; /* the element within the part */
} planted;

static void expect_findings(const char *mode, const planted *changes, size_t count) {
    const char *const words[] = {"training.steps=5", "experiment.hyper-iterations=2", mode, NULL};
    const hd_variant *variant = captured_variant("blobs-deep", words);
    captured whole = few(mode);
    for (size_t i = 0; i < count; i++) {
        const planted *p = &changes[i];
        captured c = captured_copy(&whole);
        disturb(&c, p->tensor, p->n, p->element, p->ulps);
        cr_assert(judge(&c, variant) == HD_OK, "%s", error.message);
        cr_assert(found.kept > 0, "nothing was found of %s", p->part);
        const hd_finding *first = &found.findings[0];
        cr_expect(first->place.tensor == p->tensor && first->place.iteration == p->iteration &&
                      first->place.step == p->step,
                  "%s: found %s at step %u", p->part, first->part.name, first->place.step);
        cr_expect_str_eq(first->part.name, p->part);
        cr_expect_eq(first->test.worst, p->in_part, "%s: %zu", p->part, first->test.worst);
        hd_residuals_free(&found);
        free(c.bytes);
    }
    free(whole.bytes);
    free((void *)(uintptr_t)variant);
}

/* W_1 starts at 19 * 37. */
enum { W_1 = 19 * 37 };

Test(residual, names_the_tensor_the_step_and_the_element_of_a_change_in_forward_mode) {
    static const planted changes[] = {
        {HD_WEIGHTS, 0, 5, 400, 0, 0, "W_0", 5},
        {HD_WEIGHTS, 3, W_1 + 8, 4, 0, 3, "W_1", 8},
        {HD_WEIGHTS, 6 + 5, W_1 + 8, 4, 1, 5, "W_1", 8},
        {HD_MOMENTUM_BUFFER, 2, 17, 64, 0, 2, "momentum W_0", 17},
        {HD_BATCH, 1, 40, 64, 0, 1, "batch", 40},
        {HD_ACTIVATION, 4 * 2 + 1, 100, 4096, 0, 2, "activations 2", 100},
        {HD_ACTIVATION, 4 * 2 + 3, 3, 4096, 0, 2, "logits", 3},
        {HD_ERROR, 3, 11, 64, 0, 3, "errors", 11},
        {HD_DELTA, 4 * 3, 20, 64, 0, 3, "delta 4", 20},
        {HD_GRADIENT, 4, W_1 + 9, 4096, 0, 4, "gradient W_1", 9},
        {HD_TANGENT, 10 * 4 + 8, 7, 4096, 0, 4, "tangent eta W_0", 7},
        {HD_VALIDATION_GRADIENT, 1, 12, 4096, 1, 5, "validation gradient W_0", 12},
        {HD_EVALUATION, 0, 0, 4096, 0, 5, "evaluation", 0},
        {HD_HYPERGRADIENTS, 1, 8, 4096, 1, 5, "hypergradients", 8},
        {HD_HYPERPARAMETERS, 0, 9, 4096, 0, 5, "hyperparameters", 9},
    };
    expect_findings("mode=forward", changes, sizeof changes / sizeof *changes);
}

Test(residual, names_the_tensor_the_step_and_the_element_of_a_change_in_reverse_mode) {
    static const planted changes[] = {
        {HD_ADJOINT, 0, 6, 1, 0, 5, "adjoint W_0", 6},
        {HD_ADJOINT, 2, W_1 + 6, 65536, 0, 3, "adjoint W_1", 6},
        {HD_ADJOINT_MOMENTUM, 6 + 4, W_1 + 6, 64, 1, 1, "adjoint (momentum) W_1", 6},
        {HD_HYPERGRADIENTS, 0, 3, 65536, 0, 5, "hypergradients", 3},
    };
    expect_findings("mode=reverse", changes, sizeof changes / sizeof *changes);
}

/* What is wrong with z_m' shows in z_w' = z_w - eta z_m' as well, which comes before it. */
Test(residual, finds_a_change_in_both_equations_that_it_contradicts) {
    const char *const words[] = {"training.steps=5", "experiment.hyper-iterations=2", "mode=forward", NULL};
    const hd_variant *variant = captured_variant("blobs-deep", words);
    captured c = few("mode=forward");
    disturb(&c, HD_TANGENT_MOMENTUM, 10 * 4 + 9, W_1 + 7, 65536);
    cr_assert(judge(&c, variant) == HD_OK, "%s", error.message);
    cr_assert_geq(found.kept, 2);
    cr_expect_str_eq(found.findings[0].part.name, "tangent mu W_1");
    cr_expect_str_eq(found.findings[1].part.name, "tangent (momentum) mu W_1");
    for (size_t i = 0; i < 2; i++)
        cr_expect(found.findings[i].place.step == 4 && found.findings[i].test.worst == 7);
    hd_residuals_free(&found);
    free(c.bytes);
    free((void *)(uintptr_t)variant);
}

/* A count is a whole number: one more is one too many. */
Test(residual, counts_correct_examples_again) {
    const char *const words[] = {"training.steps=5", "experiment.hyper-iterations=2", "mode=reverse", NULL};
    const hd_variant *variant = captured_variant("blobs-deep", words);
    captured c = few("mode=reverse");
    size_t at = captured_entry(&c, HD_EVALUATION, 0) + sizeof(hd_frame_head) + 2 * sizeof(double);
    double correct;
    char text[HD_LABEL + 48];
    memcpy(&correct, c.bytes + at, sizeof correct);
    correct++;
    memcpy(c.bytes + at, &correct, sizeof correct);
    captured_seal(&c);
    cr_assert(judge(&c, variant) == HD_OK, "%s", error.message);
    cr_assert_eq(found.found, 1);
    cr_expect_str_eq(hd_element_text(&found.findings[0], found.findings[0].test.worst, &(hd_capture_info){0},
                                     text),
                     "correct validation examples");
    hd_residuals_free(&found);
    free(c.bytes);
    free((void *)(uintptr_t)variant);
}

Test(residual, names_a_value_that_is_not_finite) {
    const char *const words[] = {"training.steps=5", "experiment.hyper-iterations=2", "mode=forward", NULL};
    const hd_variant *variant = captured_variant("blobs-deep", words);
    captured c = few("mode=forward");
    float none = NAN;
    memcpy(c.bytes + captured_entry(&c, HD_TANGENT, 10 * 3 + 9) + sizeof(hd_frame_head) + 4 * sizeof none,
           &none, sizeof none);
    captured_seal(&c);
    cr_assert(judge(&c, variant) == HD_OK, "%s", error.message);
    cr_assert_gt(found.kept, 0);
    cr_expect_eq(found.findings[0].test.excess, HD_NOT_FINITE_THERE);
    cr_expect_str_eq(found.findings[0].part.name, "tangent mu W_0");
    cr_expect(found.findings[0].place.step == 3 && found.findings[0].test.worst == 4);
    hd_residuals_free(&found);
    free(c.bytes);
    free((void *)(uintptr_t)variant);
}

/* Another experiment's data, or a capture that ends early, are no clean run. */
Test(residual, refuses_a_capture_of_other_data_or_one_that_ends_early) {
    const char *const words[] = {"training.steps=5", "experiment.hyper-iterations=2", "mode=reverse", NULL};
    const char *const other[] = {"training.steps=5", "experiment.hyper-iterations=2", "mode=reverse",
                                 "experiment.seed=9", NULL};
    const hd_variant *variant = captured_variant("blobs-deep", words),
                     *another = captured_variant("blobs-deep", other);
    captured c = few("mode=reverse");
    cr_expect_eq(judge(&c, another), HD_INVALID);
    cr_expect(strstr(error.message, "other data"), "%s", error.message);
    hd_residuals_free(&found);
    c.size = c.size / 2;
    cr_expect_eq(judge(&c, variant), HD_INVALID);
    hd_residuals_free(&found);
    free(c.bytes);
    free((void *)(uintptr_t)variant);
    free((void *)(uintptr_t)another);
}
