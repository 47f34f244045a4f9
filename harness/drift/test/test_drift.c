/* Compares two captures place by place. */
#include "drift/report.h"
#include "test/captured.h"

#include <math.h>

static hd_drift drift;
static hd_error error;

static hd_status compare(captured *a, captured *b) {
    hd_capture_reader x, y;
    hd_status status = hd_capture_reader_start(&x, captured_stream(a), &error);
    hd_status other = hd_capture_reader_start(&y, captured_stream(b), &error);
    if (status == HD_OK) status = other;
    if (status == HD_OK)
        status = hd_drift_compare((const hd_drift_input[2]){{.reader = &x}, {.reader = &y}}, &drift, &error);
    hd_capture_reader_free(&x);
    hd_capture_reader_free(&y);
    return status;
}

/* A few steps of blobs-deep, which has a rho_l1 in every layer. */
#define few(full, ...)                                                                                       \
    capture_of("blobs-deep", full, "training.steps=3", "experiment.hyper-iterations=2", __VA_ARGS__)

Test(drift, of_a_run_with_itself_is_none_in_digests_in_full_and_across) {
    static const char *const modes[] = {"mode=forward", "mode=reverse"};
    static const char *const devices[] = {"device=cpu", "device=reference"};
    for (size_t i = 0; i < 4; i++) {
        captured c[2] = {few(false, modes[i & 1], devices[i >> 1]), few(true, modes[i & 1], devices[i >> 1])};
        for (size_t k = 0; k < 4; k++) {
            captured other = captured_copy(&c[k >> 1]);
            cr_assert(compare(&c[k & 1], &other) == HD_OK, "%s", error.message);
            cr_expect(drift.differing == 0 && !hd_drift_first(&drift)->found && drift.grown == 0);
            cr_expect_eq(drift.full, k == 3);
            cr_expect_gt(drift.compared, 2 * 3 * 10);
            hd_drift_free(&drift);
            free(other.bytes);
        }
        free(c[0].bytes);
        free(c[1].bytes);
    }
}

/* Adds 1 to one element of a capture's n-th frame of a kind. */
static void disturb(captured *c, uint8_t tensor, size_t n, size_t element) {
    size_t at = captured_entry(c, tensor, n) + sizeof(hd_frame_head) + element * sizeof(float);
    float value;
    memcpy(&value, c->bytes + at, sizeof value);
    value += 1;
    memcpy(c->bytes + at, &value, sizeof value);
    captured_seal(c);
}

Test(drift, names_the_first_part_that_differs_and_all_that_follow) {
    captured a = few(true, "mode=forward"), b = captured_copy(&a);
    size_t in_w_2 = 19 * 37 + 37 * 23 + 30; /* W_2[2,8] */
    disturb(&b, HD_GRADIENT, 1, in_w_2);
    disturb(&b, HD_WEIGHTS, 3, 5);
    cr_assert(compare(&a, &b) == HD_OK, "%s", error.message);
    cr_expect(hd_drift_first(&drift)->found && hd_drift_first(&drift)->place.tensor == HD_GRADIENT &&
              hd_drift_first(&drift)->place.step == 1);
    cr_expect_str_eq(hd_drift_first(&drift)->part.name, "gradient W_2");
    cr_expect_str_eq(hd_drift_first(&drift)->part.phase, "gradient");
    cr_expect_eq(hd_drift_first(&drift)->difference.range_count, 1);
    cr_expect_eq(hd_drift_first(&drift)->difference.ranges[0].from, 30);
    cr_expect_eq(hd_drift_first(&drift)->difference.elements, 23 * 11);
    cr_assert_eq(drift.grown, 2);
    cr_expect(drift.growth[1].place.tensor == HD_WEIGHTS && drift.growth[1].place.step == 3);
    cr_expect(drift.growth[0].differing == 1 && drift.growth[0].relative > 0);
    cr_expect(isnan(drift.growth[0].residual[0]) && isnan(drift.growth[0].residual[1]));
    cr_expect_eq(drift.differing, 2);
    hd_drift_free(&drift);
    free(a.bytes);
    free(b.bytes);
}

Test(drift, shows_where_w_0_differs_at_both_ends_of_each_hyper_iteration) {
    captured a = few(true, "mode=forward"), b = captured_copy(&a);
    disturb(&b, HD_WEIGHTS, 3, 4 * 37 + 2); /* the end of iteration 0: W_0[4,2] */
    disturb(&b, HD_WEIGHTS, 7, 0);
    cr_assert(compare(&a, &b) == HD_OK, "%s", error.message);
    cr_assert(drift.iteration[0].heat[0] && drift.iteration[0].heat[1]);
    for (size_t p = 0; p < 19; p++) {
        cr_expect_eq(drift.iteration[0].heat[0][p], 0);
        cr_expect_float_eq(drift.iteration[0].heat[1][p], p == 4 ? 1 : 0, 1e-6);
    }
    hd_drift_free(&drift);
    free(a.bytes);
    free(b.bytes);
}

Test(drift, keeps_the_results_of_both_sides) {
    captured a = few(false, "mode=reverse"), b = few(false, "mode=reverse", "hyperparameters.mu=0.6");
    double h[HD_MAX_HYPERS];
    cr_assert(compare(&a, &b) == HD_OK, "%s", error.message);
    captured *sides[2] = {&a, &b};
    for (size_t k = 0; k < 2; k++)
        for (size_t s = 0; s < 2; s++) {
            size_t at = captured_entry(sides[s], HD_HYPERGRADIENTS, k) + sizeof(hd_frame_head);
            memcpy(h, sides[s]->bytes + at, 10 * sizeof *h);
            cr_expect(!memcmp(h, drift.iteration[k].hypergradient[s], 10 * sizeof *h));
        }
    cr_expect(drift.iteration[0].differing && drift.iteration[1].differing);
    hd_drift_free(&drift);
    free(a.bytes);
    free(b.bytes);
}

/* A digest tells less of a difference than the whole tensors, but never something else. */
Test(drift, of_digests_holds_what_that_of_the_whole_tensors_finds) {
    captured a[2] = {few(false, "mode=reverse"), few(true, "mode=reverse")};
    captured b[2] = {few(false, "mode=reverse", "experiment.seed=9"),
                     few(true, "mode=reverse", "experiment.seed=9")};
    cr_assert(compare(&a[1], &b[1]) == HD_OK, "%s", error.message);
    hd_drift whole = drift;
    cr_assert(compare(&a[0], &b[0]) == HD_OK, "%s", error.message);
    cr_expect_eq(drift.differing, whole.differing);
    cr_expect_eq(drift.compared, whole.compared);
    cr_expect(hd_place_same(&hd_drift_first(&drift)->place, &hd_drift_first(&whole)->place));
    const hd_tensor_difference *d = &hd_drift_first(&drift)->difference,
                               *w = &hd_drift_first(&whole)->difference;
    for (size_t r = 0; r < w->range_count; r++) {
        size_t from = hd_drift_first(&whole)->part.from + w->ranges[r].from, held = 0;
        for (size_t k = 0; k < d->range_count; k++)
            held += hd_drift_first(&drift)->part.from + d->ranges[k].from <= from &&
                    from <= hd_drift_first(&drift)->part.from + d->ranges[k].to;
        cr_expect_eq(held, 1);
    }
    cr_expect(d->differing == SIZE_MAX && isnan(d->worst_ulps) && d->estimated);
    cr_expect(!drift.full && hd_crossings_total(&drift.events) == 0 && !drift.iteration[0].heat[0]);
    hd_drift_free(&drift);
    hd_drift_free(&whole);
    for (size_t i = 0; i < 2; i++) free(a[i].bytes), free(b[i].bytes);
}

/* W_0 and W_1 meet inside a block of a digest: it must name neither alone. */
Test(drift, of_digests_names_both_parts_where_a_block_spans_two) {
    captured a = few(true, "mode=reverse"), b = captured_copy(&a);
    size_t w_0 = 19 * 37, length = hd_block_length(19 * 37 + 37 * 23 + 23 * 11 + 11 * 7 + 37 + 23 + 11 + 7);
    cr_assert_neq(w_0 % length, 0);
    disturb(&b, HD_WEIGHTS, 1, w_0); /* the first element of W_1 */
    captured digests = few(false, "mode=reverse");
    cr_assert(compare(&digests, &b) == HD_OK, "%s", error.message);
    cr_expect_str_eq(hd_drift_first(&drift)->part.name, "W_0 to W_1");
    cr_expect_eq(hd_drift_first(&drift)->difference.ranges[0].from, w_0 / length * length);
    hd_drift_free(&drift);
    disturb(&b, HD_WEIGHTS, 1, 3); /* and one inside W_0 */
    cr_assert(compare(&digests, &b) == HD_OK, "%s", error.message);
    cr_expect_str_eq(hd_drift_first(&drift)->part.name, "W_0");
    cr_expect_eq(hd_drift_first(&drift)->difference.ranges[0].to, length - 1);
    hd_drift_free(&drift);
    free(digests.bytes);
    free(a.bytes);
    free(b.bytes);
}

Test(drift, of_two_modes_compares_what_both_show) {
    captured a = few(false, "mode=forward"), b = few(false, "mode=reverse");
    cr_assert(compare(&a, &b) == HD_OK, "%s", error.message);
    cr_expect_eq(drift.compared, 2 * (3 * 13 + 2 + 9 + 1 + 3));
    cr_expect(drift.attest[1].compared == 2 * 3 * 10 && drift.attest[1].differing == 0);
    cr_expect_eq(drift.attest[0].compared, 0);
    hd_drift_free(&drift);
    free(a.bytes);
    free(b.bytes);
}

static void refused(captured a, captured b, const char *why) {
    cr_expect_eq(compare(&a, &b), HD_INVALID);
    cr_expect(strstr(error.message, why), "no '%s' in: %s", why, error.message);
    hd_drift_free(&drift);
    free(a.bytes);
    free(b.bytes);
}

#define short_run(...) capture_of("blobs-logistic", false, __VA_ARGS__)

Test(drift, refuses_captures_of_other_experiments_lengths_and_shapes) {
    refused(short_run("training.steps=2"), few(false, "mode=reverse"),
            "experiment.name: blobs-logistic and blobs-deep: cannot");
    refused(short_run("training.steps=2"), short_run("training.steps=3"), "training.steps: 2 and 3");
    refused(short_run("experiment.hyper-iterations=1"), short_run("training.steps=20"),
            "experiment.hyper-iterations: 1 and 3");
    refused(short_run("training.steps=2", "training.batch=20"), short_run("training.steps=2"),
            "training.batch: 20 and ");
    refused(short_run("training.steps=2", "data.partitions=0.4,0.3"), short_run("training.steps=2"),
            "data.partitions: 200, 150, 150 examples and ");
    refused(short_run("training.steps=2", "model.hidden=3"), short_run("training.steps=2"),
            "model.hidden: 3 and none");
    refused(short_run("training.steps=2", "device=reference"), short_run("training.steps=2"),
            "digests of float32 and of float64");
}

Test(drift, of_float32_with_float64_in_full_is_told_in_ulps_of_float32) {
    captured a = few(true, "mode=reverse"), b = few(true, "mode=reverse", "device=reference");
    cr_assert(compare(&a, &b) == HD_OK, "%s", error.message);
    cr_expect(hd_drift_first(&drift)->found && hd_drift_first(&drift)->place.tensor == HD_ACTIVATION);
    cr_expect(hd_drift_first(&drift)->difference.relative > 0 &&
              hd_drift_first(&drift)->difference.relative < 1e-6);
    hd_drift_free(&drift);
    free(a.bytes);
    free(b.bytes);
}

/* --- the report of captures --- */

static json_t *report(void) {
    hd_diagnosis diagnosis;
    const hd_drift_side none[2] = {{.why_not = "nobody asked"}, {.why_not = "nobody asked"}};
    cr_assert_eq(hd_diagnose(&drift, none, (hd_diagnosis_wishes){.repeat = 0}, &diagnosis, &error), HD_OK);
    json_t *json = hd_drift_json(&drift, &diagnosis);
    cr_assert_not_null(json);
    FILE *nowhere = fopen("/dev/null", "w");
    hd_drift_print(nowhere, &drift, &diagnosis, true);
    fclose(nowhere);
    hd_diagnosis_free(&diagnosis);
    return json;
}

static bool is_null(const json_t *json, const char *key) {
    cr_assert(json_object_get(json, key), "no %s", key);
    return json_is_null(json_object_get(json, key));
}

Test(drift, report_of_digests_has_null_for_what_they_do_not_tell) {
    captured a = few(false, "mode=reverse"), b = few(false, "mode=reverse", "hyperparameters.eta=0.3");
    cr_assert(compare(&a, &b) == HD_OK, "%s", error.message);
    json_t *json = report(), *first = json_object_get(json, "first");
    json_t *growth = json_array_get(json_object_get(json, "growth"), 0);
    cr_expect(is_null(json, "events") && is_null(json, "event_counts") && is_null(json, "heat"));
    cr_expect(is_null(json, "beyond") && is_null(json, "pairing") && is_null(json, "nearer_reference"));
    cr_expect(is_null(first, "differing") && is_null(first, "worst_ulps"));
    cr_expect(json_is_true(json_object_get(first, "estimated")));
    cr_expect(is_null(json_object_get(growth, "residual"), "a"));
    cr_expect(is_null(growth, "differing") && is_null(growth, "worst_ulps"));
    cr_expect_str_eq(json_string_value(json_object_get(json, "verdict")), "component settings");
    cr_expect(
        strstr(json_string_value(json_object_get(json, "evidence")), "Their settings are not the same"));
    json_decref(json);
    hd_drift_free(&drift);
    free(a.bytes);
    free(b.bytes);
}

/* A full capture's elements may be any bits; we always get a comparison and a report, or a refusal. */
Test(drift, of_captures_changed_at_any_byte_is_reported_or_refused) {
    captured a = capture_of("blobs-logistic", true, "training.steps=1", "experiment.hyper-iterations=1",
                            "data.examples=60", "training.batch=10");
    captured b = captured_copy(&a);
    size_t first = captured_first(&a), reported = 0;
    uint64_t seed = 3;
    for (size_t i = 0; i < 1500; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t at = first + (seed >> 20) % (a.size - first);
        b.bytes[at] = (char)(seed >> 56);
        captured_seal(&b);
        if (compare(&a, &b) == HD_OK) {
            json_decref(report());
            reported++;
        }
        hd_drift_free(&drift);
        b.bytes[at] = a.bytes[at];
    }
    cr_expect_gt(reported, 500);
    size_t at = captured_entry(&b, HD_WEIGHTS, 1) + sizeof(hd_frame_head);
    float none = NAN, inf = INFINITY;
    memcpy(b.bytes + at, &none, sizeof none);
    memcpy(b.bytes + at + 4, &inf, sizeof inf);
    captured_seal(&b);
    cr_assert(compare(&a, &b) == HD_OK, "%s", error.message);
    json_decref(report());
    hd_drift_free(&drift);
    free(a.bytes);
    free(b.bytes);
}
