/* Where one tensor differs, and by how much. */
#include "drift/tensor_difference.h"
#include "test/captured.h"

#include <math.h>

enum { COUNT = 2000 };

/* A reader that has just read a frame of these elements. */
static hd_capture_reader reader_of(void *values, size_t count, bool float32, bool full) {
    hd_capture_reader reader = {.info = {.full = full, .float32 = float32, .layers = 1, .dims = {20, 4}},
                                .head = {.float32 = float32, .full = full, .count = count},
                                .values = values};
    hd_tensor_digest_make(values, count, float32, HD_WEIGHTS, &reader.digest);
    if (!full) reader.values = NULL;
    return reader;
}

static float a[COUNT], b[COUNT];

static void alike(void) {
    for (size_t i = 0; i < COUNT; i++) a[i] = b[i] = (float)(i + 1);
}

static hd_tensor_difference compare(bool full) {
    hd_tensor_difference d;
    hd_capture_reader x = reader_of(a, COUNT, true, full), y = reader_of(b, COUNT, true, full);
    hd_tensor_difference_measure(&x, &y, 0, COUNT, &d);
    cr_expect_eq(hd_tensor_differs(&x, &y), d.differs);
    return d;
}

Test(difference, of_equal_tensors_is_none) {
    alike();
    for (size_t full = 0; full < 2; full++) {
        hd_tensor_difference d = compare(full);
        cr_expect(!d.differs && d.differing == 0 && d.range_count == 0 && d.relative == 0 &&
                  d.worst_ulps == 0);
    }
}

Test(difference, tells_the_elements_that_differ_as_ranges) {
    alike();
    for (size_t i = 7; i <= 11; i++) b[i] = nextafterf(b[i], 1e9f);
    b[13] += 1;
    b[COUNT - 1] += 2;
    hd_tensor_difference d = compare(true);
    cr_expect_eq(d.differing, 7);
    cr_assert_eq(d.range_count, 3);
    cr_expect(d.ranges[0].from == 7 && d.ranges[0].to == 11);
    cr_expect(d.ranges[1].from == 13 && d.ranges[1].to == 13);
    cr_expect(d.ranges[2].from == COUNT - 1 && d.ranges[2].to == COUNT - 1);
    cr_expect_eq(d.gap, 0);
    cr_expect_eq(d.worst, 13); /* 1 beside 14 is 2^20 ulp, 2 beside 2000 fewer */
    cr_expect_eq(d.worst_ulps, 0x1p20);
    cr_expect(d.worst_a == 14 && d.worst_b == 15);
}

/* However ranges merge, each differing element lies in one, and no range has a longer gap than stated. */
Test(difference, merges_ranges_where_there_are_too_many_and_says_the_gap) {
    static const size_t apart[] = {2, 3, 7, 20, 60, 61, 62};
    for (size_t k = 0; k < sizeof apart / sizeof *apart; k++) {
        alike();
        for (size_t i = 3; i < COUNT; i += apart[k]) b[i] += 1;
        hd_tensor_difference d = compare(true);
        size_t wanted = (COUNT - 4) / apart[k] + 1;
        cr_expect_eq(d.differing, wanted);
        cr_expect_leq(d.range_count, HD_RANGES);
        cr_expect_eq(d.gap == 0, wanted <= HD_RANGES, "%zu apart", apart[k]);
        for (size_t i = 3; i < COUNT; i += apart[k]) {
            size_t within = 0;
            for (size_t r = 0; r < d.range_count; r++) within += d.ranges[r].from <= i && i <= d.ranges[r].to;
            cr_expect_eq(within, 1);
        }
        for (size_t r = 0; r < d.range_count; r++) {
            cr_expect(a[d.ranges[r].from] != b[d.ranges[r].from] && a[d.ranges[r].to] != b[d.ranges[r].to]);
            cr_expect(d.ranges[r].from == d.ranges[r].to || apart[k] - 1 <= d.gap);
            if (r > 0) cr_expect_gt(d.ranges[r].from - d.ranges[r - 1].to - 1, d.gap);
        }
    }
}

Test(difference, tells_the_norm_relative_to_a) {
    alike();
    double norm = 0;
    for (size_t i = 0; i < COUNT; i++) norm += (double)a[i] * (double)a[i];
    b[10] += 3;
    b[20] -= 4;
    cr_expect_float_eq(compare(true).relative, 5 / sqrt(norm), 1e-15);
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    b[5] = 1;
    cr_expect(isinf(compare(true).relative));
}

Test(difference, tells_signs_of_zero_and_numbers_that_are_none) {
    alike();
    a[4] = 0.0f, b[4] = -0.0f;
    hd_tensor_difference d = compare(true);
    cr_expect(d.differs && d.differing == 1 && d.worst == 4 && d.worst_ulps == 0 && d.relative == 0);
    b[9] = NAN;
    d = compare(true);
    cr_expect_eq(d.differing, 2);
    cr_expect(d.worst == 9 && isinf(d.worst_ulps));
    a[9] = -NAN; /* not a number in both */
    cr_expect_eq(compare(true).differing, 1);
    b[12] = INFINITY;
    cr_expect_eq(compare(true).differing, 2);
}

Test(difference, compares_float32_with_float64_by_value_in_ulps_of_float32) {
    static double wide[COUNT];
    hd_tensor_difference d;
    alike();
    for (size_t i = 0; i < COUNT; i++) wide[i] = (double)a[i];
    hd_capture_reader x = reader_of(a, COUNT, true, true), y = reader_of(wide, COUNT, false, true);
    cr_expect(!hd_tensor_differs(&x, &y));
    wide[3] = -0.0, a[3] = 0;
    cr_expect(hd_tensor_differs(&x, &y));
    hd_tensor_difference_measure(&x, &y, 0, COUNT, &d);
    cr_expect(d.differs && d.differing == 1);
    wide[8] = 9 * (1 + 0x1p-23);
    hd_tensor_difference_measure(&x, &y, 0, COUNT, &d);
    cr_expect(d.differing == 2 && d.worst == 8 && d.worst_ulps >= 1 && d.worst_ulps <= 2, "%g", d.worst_ulps);
}

Test(difference, counts_from_where_a_part_begins) {
    hd_tensor_difference d;
    alike();
    b[100] += 1, b[50] += 1, b[150] += 1;
    hd_capture_reader x = reader_of(a, COUNT, true, true), y = reader_of(b, COUNT, true, true);
    hd_tensor_difference_measure(&x, &y, 60, 90, &d);
    cr_expect_eq(d.elements, 90);
    cr_expect_eq(d.differing, 1);
    cr_expect(d.ranges[0].from == 40 && d.ranges[0].to == 40 && d.worst == 40);
}

/* --- digests --- */

Test(difference, of_digests_is_whole_blocks_that_hold_the_elements) {
    static const size_t at[] = {0, 63, 64, 700, 1280, 1999};
    for (size_t k = 0; k < sizeof at / sizeof *at; k++)
        for (size_t mixed = 0; mixed < 2; mixed++) {
            alike();
            b[at[k]] += 1;
            hd_tensor_difference d;
            hd_capture_reader x = reader_of(a, COUNT, true, mixed), y = reader_of(b, COUNT, true, false);
            cr_expect(hd_tensor_differs(&x, &y));
            hd_tensor_difference_measure(&x, &y, 0, COUNT, &d);
            size_t length = hd_block_length(COUNT), block = at[k] / length;
            cr_assert_eq(d.range_count, 1);
            cr_expect_eq(d.ranges[0].from, block * length);
            cr_expect_eq(d.ranges[0].to, (block + 1) * length < COUNT ? (block + 1) * length - 1 : COUNT - 1);
            cr_expect_eq(d.differing, SIZE_MAX);
            cr_expect(isnan(d.worst_ulps) && isnan(d.worst_a) && isnan(d.worst_b));
        }
}

Test(difference, of_digests_is_estimated_from_sketches) {
    alike();
    b[700] += 1;
    double in_truth = compare(true).relative;
    hd_tensor_difference d = compare(false);
    cr_expect(d.differs && d.estimated && fabs(d.relative - in_truth) <= 1e-12, "%g, in truth %g", d.relative,
              in_truth);
    b[700] = -a[700]; /* the norm is the same */
    in_truth = compare(true).relative;
    d = compare(false);
    cr_expect(fabs(d.relative - in_truth) <= 1e-12, "%g, in truth %g", d.relative, in_truth);
    for (size_t i = 0; i < COUNT; i++) b[i] += (float)sin((double)(i * i));
    in_truth = compare(true).relative;
    d = compare(false);
    cr_expect(d.relative > 0.5 * in_truth && d.relative < 2 * in_truth, "%g, in truth %g", d.relative,
              in_truth);
}

Test(difference, of_digests_that_their_sketches_do_not_show_is_the_least_that_they_tell) {
    alike();
    a[4] = 0.0f, b[4] = -0.0f;
    hd_tensor_difference d = compare(false);
    cr_expect(d.differs && d.estimated && d.relative == HD_LEAST_TOLD);
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    b[4] = -0.0f;
    d = compare(false);
    cr_expect(d.differs && d.relative == HD_LEAST_TOLD);
}

Test(difference, to_what_is_not_finite_is_infinite) {
    for (size_t full = 0; full < 2; full++) {
        alike();
        b[9] = NAN;
        cr_expect(isinf(compare(full).relative));
        b[9] = INFINITY;
        cr_expect(isinf(compare(full).relative));
        a[9] = INFINITY, b[3] += 1;
        cr_expect(isinf(compare(full).relative));
    }
}

/* --- parts --- */

static const hd_capture_info network = {.layers = 2,
                                        .dims = {5, 3, 2},
                                        .steps = 4,
                                        .batch = 10,
                                        .validation = 7,
                                        .hyper_iterations = 1,
                                        .hyper = {{HD_RHO_L1, 1}, {HD_ETA, 0}},
                                        .hypers = 2};

Test(difference, cuts_every_vector_of_weights_into_named_parts) {
    static const struct {
        uint8_t tensor;
        uint32_t index, step;
        const char *prefix, *whole, *phase;
    } kinds[] = {
        {HD_WEIGHTS, 0, 0, "", "weights", "initial weights"},
        {HD_WEIGHTS, 0, 1, "", "weights", "step"},
        {HD_MOMENTUM_BUFFER, 0, 2, "momentum ", "momentum", "step"},
        {HD_GRADIENT, 0, 2, "gradient ", "gradient", "gradient"},
        {HD_TANGENT, 0, 2, "tangent rho_l1_1 ", "tangent rho_l1_1", "tangent"},
        {HD_TANGENT_MOMENTUM, 1, 2, "tangent (momentum) eta ", "tangent (momentum) eta", "tangent"},
        {HD_ADJOINT, 0, 2, "adjoint ", "adjoint", "adjoint"},
        {HD_ADJOINT_MOMENTUM, 0, 2, "adjoint (momentum) ", "adjoint (momentum)", "adjoint"},
        {HD_VALIDATION_GRADIENT, 0, 4, "validation gradient ", "validation gradient", "validation"},
    };
    static const char *const names[] = {"W_0", "W_1", "b_0", "b_1"};
    static const size_t counts[] = {15, 6, 3, 2};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        hd_place place = {.tensor = kinds[k].tensor, .index = kinds[k].index, .step = kinds[k].step};
        hd_tensor_part parts[HD_PARTS];
        char name[64];
        cr_assert_eq(hd_place_parts(&network, &place, 26, parts), 4);
        for (size_t p = 0, at = 0; p < 4; at += counts[p], p++) {
            snprintf(name, sizeof name, "%s%s", kinds[k].prefix, names[p]);
            cr_expect_str_eq(parts[p].name, name);
            cr_expect_str_eq(parts[p].phase, kinds[k].phase);
            cr_expect(parts[p].from == at && parts[p].count == counts[p]);
        }
        cr_expect(parts[1].shape.from == 3 && parts[1].shape.to == 2 && parts[2].shape.to == 0);
        hd_tensor_part whole = hd_place_whole(&network, &place, 26);
        cr_expect_str_eq(whole.name, kinds[k].whole);
        cr_expect(whole.from == 0 && whole.count == 26);
    }
}

Test(difference, names_what_is_of_one_part) {
    static const struct {
        uint8_t tensor;
        uint32_t index, step;
        size_t count, columns;
        const char *name, *phase;
    } kinds[] = {
        {HD_BATCH, 0, 1, 50, 5, "batch", "batch"},
        {HD_ACTIVATION, 1, 1, 30, 3, "activations 1", "activations"},
        {HD_ACTIVATION, 2, 1, 20, 2, "logits", "activations"},
        {HD_ACTIVATION, 1, 4, 21, 3, "activations 1", "validation"},
        {HD_DELTA, 1, 1, 30, 3, "delta 1", "error"},
        {HD_DELTA, 2, 4, 14, 2, "delta 2", "validation"},
        {HD_ERROR, 0, 1, 10, 0, "errors", "error"},
        {HD_EVALUATION, 0, 4, 4, 0, "evaluation", "validation"},
        {HD_HYPERGRADIENTS, 0, 4, 2, 0, "hypergradients", "hyper-update"},
        {HD_HYPERPARAMETERS, 0, 4, 2, 0, "hyperparameters", "hyper-update"},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        hd_place place = {.tensor = kinds[k].tensor, .index = kinds[k].index, .step = kinds[k].step};
        hd_tensor_part parts[HD_PARTS];
        cr_assert_eq(hd_place_parts(&network, &place, kinds[k].count, parts), 1);
        cr_expect_str_eq(parts[0].name, kinds[k].name);
        cr_expect_str_eq(parts[0].phase, kinds[k].phase);
        cr_expect_eq(parts[0].count, kinds[k].count);
        cr_expect_eq(parts[0].shape.to, kinds[k].columns);
        cr_expect_str_eq(hd_place_whole(&network, &place, kinds[k].count).name, kinds[k].name);
    }
}
