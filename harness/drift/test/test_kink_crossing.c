/* Kinks that two runs passed on different sides. */
#include "arithmetic/arithmetic.h"
#include "drift/kink_crossing.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const hd_capture_info network = {.layers = 2,
                                        .dims = {5, 3, 4},
                                        .steps = 6,
                                        .batch = 10,
                                        .validation = 5000,
                                        .hyper_iterations = 2,
                                        .hyper = {{HD_RHO_L1, 1}, {HD_RHO_L2, 0}, {HD_ETA, 0}},
                                        .hypers = 3,
                                        .full = true};

static float a[5000 * 4], b[5000 * 4];
static hd_crossings events;
static hd_error error;

/* Adds the crossings of one tensor: the first `count` elements of a and b. */
static void add(uint8_t tensor, uint32_t index, uint32_t step, uint32_t first, size_t count) {
    hd_capture_reader x = {.info = network, .values = a};
    x.head = (hd_frame_head){{1, tensor, 0, index, step, first}, 1, 1, count};
    hd_capture_reader y = x;
    y.values = b;
    cr_assert_eq(hd_crossings_add(&events, &x, &y, &error), HD_OK);
}

static void alike(void) {
    for (size_t i = 0; i < sizeof a / sizeof *a; i++) a[i] = b[i] = (float)(i % 11) - 5;
}

TestSuite(event, .init = alike);

static void expect(size_t which, hd_crossing_kind kind, uint32_t layer, uint32_t row, uint32_t unit) {
    cr_assert_lt(which, events.kept);
    const hd_crossing *e = &events.of[which];
    cr_expect(e->kind == kind && e->layer == layer && e->row == row && e->unit == unit,
              "%s, layer %u, row %u, unit %u", hd_crossing_name(e->kind), e->layer, e->row, e->unit);
    cr_expect_eq(e->iteration, 1);
}

Test(event, a_unit_that_is_on_in_one_run_only_is_one) {
    a[3 * 2 + 1] = 0, b[3 * 2 + 1] = 1e-20f;
    a[3 * 7 + 2] = 2, b[3 * 7 + 2] = 0;
    a[0] = 1, b[0] = 2;     /* on in both */
    a[1] = 0, b[1] = -0.0f; /* off in both */
    add(HD_ACTIVATION, 1, 3, 0, 30);
    cr_expect_eq(events.counts[HD_CROSSING_RELU], 2);
    cr_expect_eq(hd_crossings_total(&events), 2);
    expect(0, HD_CROSSING_RELU, 1, 2, 1);
    expect(1, HD_CROSSING_RELU, 1, 7, 2);
    cr_expect(events.of[0].a == 0 && events.of[0].b == (double)1e-20f && events.of[0].step == 3);
    hd_crossings_free(&events);
}

Test(event, a_row_of_the_validation_set_counts_from_its_first) {
    a[3 * 5] = 1, b[3 * 5] = 0;
    add(HD_ACTIVATION, 1, 6, 4096, 30);
    expect(0, HD_CROSSING_RELU, 1, 4101, 0);
    hd_crossings_free(&events);
}

Test(event, a_class_that_wins_in_one_run_only_is_one_and_the_lowest_wins_a_tie) {
    float first[] = {1, 2, 2, 0}, second[] = {1, 2, 2.5f, 0};
    memcpy(a + 4 * 3, first, sizeof first);
    memcpy(b + 4 * 3, second, sizeof second);
    float tied[] = {3, 3, 3, 3}, first_wins[] = {4, 3, 3, 3};
    memcpy(a + 4 * 6, tied, sizeof tied);
    memcpy(b + 4 * 6, first_wins, sizeof first_wins);
    add(HD_ACTIVATION, 2, 2, 0, 40);
    cr_expect_eq(hd_crossings_total(&events), 1);
    expect(0, HD_CROSSING_ARGMAX, 2, 3, 2);
    cr_expect(events.of[0].a == 2 && events.of[0].b == 2.5);
    hd_crossings_free(&events);
}

Test(event, a_sign_counts_only_under_a_rho_l1_and_zero_is_one_of_its_own) {
    a[2] = 1, b[2] = -1;                     /* W_0: under rho_l2 only */
    a[15 + 4] = 1, b[15 + 4] = -1;           /* W_1[1,0] */
    a[15 + 11] = 0, b[15 + 11] = 1e-30f;     /* W_1[2,3] */
    a[15 + 6] = 0, b[15 + 6] = -0.0f;        /* the same sign */
    a[15 + 12 + 1] = 1, b[15 + 12 + 1] = -1; /* b_0 */
    add(HD_WEIGHTS, 0, 5, 0, 15 + 12 + 3 + 4);
    cr_expect_eq(events.counts[HD_CROSSING_SIGN], 2);
    expect(0, HD_CROSSING_SIGN, 1, 1, 0);
    expect(1, HD_CROSSING_SIGN, 1, 2, 3);
    hd_crossings_free(&events);
}

Test(event, an_error_at_the_clips_bound_in_one_run_only_is_one) {
    for (size_t i = 0; i < 10; i++) a[i] = b[i] = 1;
    float cut = hd_log(1 / HD_CLIP_LOW), sure = -hd_log(HD_CLIP_HIGH);
    a[1] = b[1] = cut;              /* in both */
    b[2] = cut, a[2] = cut - 1e-4f; /* just not cut */
    a[3] = sure, b[3] = 2 * sure;
    a[4] = sure, b[4] = cut;
    add(HD_ERROR, 0, 1, 0, 10);
    cr_expect_eq(events.counts[HD_CROSSING_CLIP], 3);
    expect(0, HD_CROSSING_CLIP, 2, 2, 0);
    expect(1, HD_CROSSING_CLIP, 2, 3, 0);
    expect(2, HD_CROSSING_CLIP, 2, 4, 0);
    hd_crossings_free(&events);
}

Test(event, other_tensors_have_none) {
    for (size_t i = 0; i < 34; i++) b[i] = -a[i];
    static const uint8_t none[] = {
        HD_MOMENTUM_BUFFER,     HD_BATCH,         HD_DELTA, HD_GRADIENT, HD_TANGENT, HD_ADJOINT,
        HD_VALIDATION_GRADIENT, HD_HYPERGRADIENTS};
    for (size_t i = 0; i < sizeof none; i++) add(none[i], 1, 1, 0, 30);
    cr_expect_eq(hd_crossings_total(&events), 0);
}

Test(event, beyond_the_most_that_are_kept_they_are_counted) {
    for (size_t i = 0; i < 15000; i++) a[i] = 1, b[i] = 0;
    add(HD_ACTIVATION, 1, 6, 0, 15000);
    cr_expect_eq(events.counts[HD_CROSSING_RELU], 15000);
    cr_expect_eq(events.kept, HD_MAX_CROSSINGS);
    expect(HD_MAX_CROSSINGS - 1, HD_CROSSING_RELU, 1, (HD_MAX_CROSSINGS - 1) / 3, (HD_MAX_CROSSINGS - 1) % 3);
    hd_crossings_free(&events);
}

Test(event, becomes_an_order_that_leads_a_run_the_other_ones_way) {
    a[4] = 1, b[4] = 0;
    add(HD_ACTIVATION, 1, 3, 0, 30);
    add(HD_ACTIVATION, 2, 3, 0, 40);
    memcpy(b, a, sizeof b);
    a[15] = 1, b[15] = -1;
    add(HD_WEIGHTS, 0, 4, 0, 34);
    b[3] = 20;
    a[0] = 0;
    add(HD_ACTIVATION, 2, 3, 0, 4); /* we cannot force a class */
    hd_kink kinks[8];
    size_t which[8];
    cr_assert_eq(hd_crossings_total(&events), 3);
    cr_expect_eq(hd_crossings_kinks(&events, 0, true, kinks, which), 0); /* they are of iteration 1 */
    cr_assert_eq(hd_crossings_kinks(&events, 1, true, kinks, which), 2);
    cr_expect(kinks[0].kind == HD_KINK_RELU && kinks[0].side == 0 && kinks[0].row == 1 && kinks[0].unit == 1);
    cr_expect(kinks[1].kind == HD_KINK_SIGN && kinks[1].side == -1 && kinks[1].layer == 1 &&
              kinks[1].step == 4);
    cr_expect(which[0] == 0 && which[1] == 1);
    hd_crossings_kinks(&events, 1, false, kinks, which);
    cr_expect(kinks[0].side == 1 && kinks[1].side == 1);
    hd_crossings_free(&events);
}
