#include "experiment/permutation.h"
#include "run/record.h"
#include "run/run.h"
#include "test/folder.h"
#include "test/loaded.h"

#include <math.h>

TestSuite(permutation);

static const size_t dims[] = {5, 4, 3, 2};
enum { LAYERS = 3, WEIGHTS = 6 * 4 + 5 * 3 + 4 * 2 };

static hd_permutation drawn(uint32_t seed) {
    hd_permutation permutation;
    hd_error error;
    cr_assert_eq(hd_permutation_create(&permutation, seed, LAYERS, dims, &error), HD_OK, "%s", error.message);
    return permutation;
}

/* Whole numbers, which no order of summation rounds. */
static void number(float weights[WEIGHTS]) {
    for (int i = 0; i < WEIGHTS; i++) weights[i] = (float)(i * 7 % 11 - 4);
}

Test(permutation, permutes_every_layer_but_the_classes) {
    bool moved = false;
    for (uint32_t seed = 1; seed <= 5; seed++) {
        hd_permutation s = drawn(seed);
        for (size_t l = 0; l <= LAYERS; l++) {
            unsigned seen = 0;
            for (size_t i = 0; i < dims[l]; i++) {
                seen |= 1u << s.place[l][i];
                moved |= s.place[l][i] != i;
                if (l == LAYERS) cr_expect_eq(s.place[l][i], i);
            }
            cr_expect_eq(seen, (1u << dims[l]) - 1, "layer %zu is no permutation", l);
        }
        hd_permutation_free(&s);
    }
    cr_expect(moved);
}

Test(permutation, taken_off_leaves_what_was_there_before_it_was_put_on) {
    for (uint32_t seed = 1; seed <= 10; seed++) {
        hd_permutation s = drawn(seed);
        float weights[WEIGHTS], permuted[WEIGHTS];
        double worn[WEIGHTS], bare[WEIGHTS];
        for (int i = 0; i < WEIGHTS; i++) weights[i] = (float)i;
        hd_permutation_apply(&s, dims, weights, permuted);
        for (int i = 0; i < WEIGHTS; i++) worn[i] = (double)permuted[i];
        hd_permutation_undo(&s, dims, worn, bare);
        for (int i = 0; i < WEIGHTS; i++) cr_assert_eq(bare[i], (double)i, "seed %u, weight %d", seed, i);
        hd_permutation_free(&s);
    }
}

/* The network's logits for one example. */
static void logits(const float *weights, const uint8_t *pixels, double out[2]) {
    double in[5];
    const float *w = weights, *b = weights + 5 * 4 + 4 * 3 + 3 * 2;
    for (size_t i = 0; i < dims[0]; i++) in[i] = pixels[i];
    for (size_t l = 0; l < LAYERS; w += dims[l] * dims[l + 1], b += dims[l + 1], l++) {
        double z[5];
        for (size_t c = 0; c < dims[l + 1]; c++) {
            z[c] = (double)b[c];
            for (size_t r = 0; r < dims[l]; r++) z[c] += in[r] * (double)w[r * dims[l + 1] + c];
        }
        for (size_t c = 0; c < dims[l + 1]; c++) in[c] = l + 1 < LAYERS ? fmax(z[c], 0) : z[c];
    }
    memcpy(out, in, 2 * sizeof *out);
}

Test(permutation, changes_nothing_that_a_network_says) {
    const uint8_t pixels[3][5] = {{1, 2, 3, 4, 5}, {9, 0, 7, 0, 1}, {0, 200, 1, 13, 60}};
    float weights[WEIGHTS], permuted[WEIGHTS];
    number(weights);
    for (uint32_t seed = 1; seed <= 10; seed++) {
        hd_permutation s = drawn(seed);
        uint8_t moved[3][5];
        hd_permutation_apply(&s, dims, weights, permuted);
        hd_permutation_pixels(&s, 3, 5, pixels[0], moved[0]);
        for (size_t example = 0; example < 3; example++) {
            double expected[2], got[2];
            logits(weights, pixels[example], expected);
            logits(permuted, moved[example], got);
            cr_expect_neq(expected[0], expected[1], "an example that tells nothing");
            cr_expect(got[0] == expected[0] && got[1] == expected[1], "seed %u: %g %g, not %g %g", seed,
                      got[0], got[1], expected[0], expected[1]);
        }
        hd_permutation_free(&s);
    }
}

Test(permutation, shuffles_each_batch_within_itself) {
    enum { STEPS = 3, BATCH = 8, ALL = STEPS * BATCH };
    hd_permutation s = drawn(3);
    uint32_t scheme[ALL];
    bool moved = false;
    for (uint32_t i = 0; i < ALL; i++) scheme[i] = i;
    hd_permutation_scheme(&s, STEPS, BATCH, scheme);
    for (size_t t = 0; t < STEPS; t++) {
        unsigned seen = 0;
        for (size_t i = 0; i < BATCH; i++) {
            uint32_t example = scheme[t * BATCH + i];
            cr_assert_eq(example / BATCH, t, "example %u came to batch %zu", example, t);
            seen |= 1u << example % BATCH;
            moved |= example != t * BATCH + i;
        }
        cr_expect_eq(seen, 0xffu);
    }
    cr_expect(moved);
    hd_permutation_free(&s);
}

/* The first record of a run of blobs-deep in reverse mode. */
static hd_record run(const char *device, uint32_t permutation) {
    char path[PATH_MAX], name[64];
    hd_error error;
    hd_record record;
    hd_job job = {.experiment = &experiment,
                  .dataset = &dataset,
                  .mode = HD_REVERSE,
                  .device = device,
                  .permutation = permutation};
    snprintf(name, sizeof name, "%s-%u", device, permutation);
    char *into = folder_path(name);
    cr_assert_eq(hd_run(&job, into, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_run_record(into, 0, path, &error), HD_OK);
    cr_assert_eq(hd_record_load(path, true, &record, &error), HD_OK, "%s", error.message);
    free(into);
    return record;
}

static void expect_close(const hd_record *permuted, const hd_record *plain, double tolerance) {
    for (size_t j = 0; j < plain->hypers; j++) {
        double expected = plain->hyper[j].hypergradient,
               error = fabs(permuted->hyper[j].hypergradient - expected);
        cr_expect(error <= tolerance * fabs(expected), "%s is off by %g", plain->hyper[j].name,
                  error / expected);
    }
    for (size_t i = 0; i < plain->weights.count; i++)
        cr_assert(fabs(permuted->weights.values[i] - plain->weights.values[i]) <= tolerance, "weight %zu", i);
}

Test(permutation, changes_a_run_by_rounding_alone, .init = folder_make, .fini = folder_remove) {
    static const struct {
        const char *device;
        double tolerance;
    } on[] = {{"reference", 1e-11}, {"cpu", 1e-3}};
    loaded("blobs-deep", "experiment.hyper-iterations=1");
    for (size_t i = 0; i < 2; i++) {
        hd_record plain = run(on[i].device, 0);
        for (uint32_t seed = 1; seed <= 2; seed++) {
            hd_record permuted = run(on[i].device, seed);
            expect_close(&permuted, &plain, on[i].tolerance);
            cr_expect_str_neq(permuted.weights.sha256, plain.weights.sha256,
                              "%s: no order of summation changed", on[i].device);
            hd_record_free(&permuted);
        }
        hd_record_free(&plain);
    }
    unload();
}
