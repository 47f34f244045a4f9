/* Forced decisions at kinks: what they change, and what they leave alone. */
#include "device/overlay/kink.h"
#include "test/small_problem.h"

static const recipe base = {.layers = 3,
                            .dims = {20, 9, 7, 4},
                            .steps = 6,
                            .batch = 8,
                            .training = 60,
                            .validation = 2100, /* two chunks */
                            .test = 30,
                            .eta = 0.1,
                            .mu = 0.6,
                            .rho_l1 = 0.003,
                            .rho_l2 = 0.002,
                            .seed = 5};

enum { UNITS = 9, ROW = 2075 };
static const char *const on_host[] = {"cpu", "reference"};

/* What an observer saw of layer 1 and of the weights. */
typedef struct seen {
    double *batches, *validation,
        *weights; /* [steps][batch][UNITS], [validation][UNITS], [steps + 1][weights] */
    size_t each;  /* weights */
    double hypergradients[MOST_HYPERS];
} seen;

static bool look(void *context, const hd_view *view) {
    seen *s = context;
    bool ended = view->step == base.steps;
    if (view->back || (view->tensor == HD_ACTIVATION && view->index != 1)) return true;
    double *to = view->tensor == HD_WEIGHTS ? s->weights + view->step * s->each
                 : ended                    ? s->validation + view->first * UNITS
                                            : s->batches + view->step * base.batch * UNITS;
    for (size_t i = 0; i < view->count; i++) to[i] = hd_view_at(view, i);
    return true;
}

/* A run with forced decisions, on a device of its own. */
static seen run_ordered(const char *name, const small_problem *p, hd_mode mode, const hd_kink *kinks,
                        size_t count) {
    hd_error error;
    hd_device *device = open_device(name, (hd_device_options){.threads = 1});
    seen s = {.each = p->weights};
    cr_assert((s.batches = calloc(base.steps * base.batch * UNITS, sizeof(double))) &&
              (s.validation = calloc(base.validation * UNITS, sizeof(double))) &&
              (s.weights = calloc((base.steps + 1) * p->weights, sizeof(double))));
    hd_observer observer = {.wants = 1u << HD_WEIGHTS | 1u << HD_ACTIVATION, .seen = look, .context = &s};
    cr_assert(hd_kinks_lay(device, &p->problem, kinks, count, &error) == HD_OK, "%s", error.message);
    run_mode(device, p, mode, &observer, s.hypergradients);
    hd_device_close(device);
    return s;
}

static void forget(seen *s) {
    free(s->batches);
    free(s->validation);
    free(s->weights);
}

/* Expects that only this element differs. */
static void expect_one_differs(const double *a, const double *b, size_t count, size_t which) {
    for (size_t i = 0; i < count; i++)
        cr_expect((a[i] == b[i]) == (i != which), "[%zu]: %g and %g", i, a[i], b[i]);
}

static void expect_same_run(const seen *a, const seen *b, size_t hypers) {
    cr_expect(!memcmp(a->batches, b->batches, base.steps * base.batch * UNITS * sizeof(double)));
    cr_expect(!memcmp(a->validation, b->validation, base.validation * UNITS * sizeof(double)));
    cr_expect(!memcmp(a->weights, b->weights, (base.steps + 1) * a->each * sizeof(double)));
    cr_expect(!memcmp(a->hypergradients, b->hypergradients, hypers * sizeof(double)));
}

/* --- hidden units --- */

Test(kink, an_ordered_unit_is_that_of_its_example_step_and_layer_alone) {
    enum { STEP = 3 };
    small_problem *p = make_problem(&base);
    for (size_t d = 0; d < 2; d++)
        for (size_t unit = 0, met[2] = {0, 0}; !met[0] || !met[1]; unit++) {
            cr_assert_lt(unit, UNITS);
            hd_kink kink = {.kind = HD_KINK_RELU, .step = STEP, .layer = 1, .row = 5, .unit = unit};
            seen plain = run_ordered(on_host[d], p, HD_FORWARD, NULL, 0);
            size_t at = (STEP * base.batch + kink.row) * UNITS + unit;
            bool on = plain.batches[at] > 0;
            kink.side = !on;
            seen ordered = run_ordered(on_host[d], p, HD_FORWARD, &kink, 1);
            cr_expect_eq(ordered.batches[at] > 0, !on);
            expect_one_differs(plain.batches, ordered.batches, (STEP + 1) * base.batch * UNITS, at);
            cr_expect(!memcmp(plain.weights, ordered.weights, (STEP + 1) * p->weights * sizeof(double)));
            cr_expect(memcmp(plain.weights + (STEP + 1) * p->weights,
                             ordered.weights + (STEP + 1) * p->weights, p->weights * sizeof(double)));
            met[on] = 1;
            forget(&plain);
            forget(&ordered);
        }
    free_problem(p);
}

Test(kink, an_ordered_unit_of_the_validation_set_is_found_in_a_later_chunk) {
    small_problem *p = make_problem(&base);
    for (size_t m = HD_FORWARD; m <= HD_REVERSE; m++) {
        seen plain = run_ordered("cpu", p, (hd_mode)m, NULL, 0);
        hd_kink kink = {.kind = HD_KINK_RELU, .step = base.steps, .layer = 1, .row = ROW, .unit = 4};
        kink.side = !(plain.validation[ROW * UNITS + 4] > 0);
        seen ordered = run_ordered("cpu", p, (hd_mode)m, &kink, 1);
        expect_one_differs(plain.validation, ordered.validation, base.validation * UNITS, ROW * UNITS + 4);
        cr_expect(!memcmp(plain.batches, ordered.batches, base.steps * base.batch * UNITS * sizeof(double)));
        cr_expect(!memcmp(plain.weights, ordered.weights, (base.steps + 1) * p->weights * sizeof(double)));
        cr_expect(memcmp(plain.hypergradients, ordered.hypergradients, p->problem.hypers * sizeof(double)));
        forget(&plain);
        forget(&ordered);
    }
    free_problem(p);
}

/* --- signs --- */

static int sign_of(double x) {
    return (x > 0) - (x < 0);
}

static size_t at_weight(const small_problem *p, const hd_kink *kink) {
    size_t at = kink->row * p->dims[kink->layer + 1] + kink->unit;
    for (size_t l = 0; l < kink->layer; l++) at += p->dims[l] * p->dims[l + 1];
    return at;
}

Test(kink, an_ordered_sign_moves_its_weight_alone_and_by_the_penalty_of_that_step) {
    enum { STEP = 2 };
    small_problem *p = make_problem(&base);
    for (size_t d = 0; d < 2; d++)
        for (int side = -1; side <= 1; side++) {
            hd_kink kink = {
                .kind = HD_KINK_SIGN, .step = STEP, .layer = 1, .row = 3, .unit = 2, .side = side};
            size_t at = at_weight(p, &kink), next = (STEP + 1) * p->weights;
            seen plain = run_ordered(on_host[d], p, HD_FORWARD, NULL, 0);
            seen ordered = run_ordered(on_host[d], p, HD_FORWARD, &kink, 1);
            int by = side - sign_of(plain.weights[STEP * p->weights + at]);
            cr_expect(!memcmp(plain.weights, ordered.weights, next * sizeof(double)));
            expect_one_differs(plain.weights + next, ordered.weights + next, p->weights, by ? at : SIZE_MAX);
            double moved = ordered.weights[next + at] - plain.weights[next + at];
            cr_expect(fabs(moved + base.eta * base.rho_l1 * by) <= 1e-7, "%g for %d", moved, by);
            forget(&plain);
            forget(&ordered);
        }
    free_problem(p);
}

/* --- both --- */

/* Forces decisions of both kinds in every step: as they went, or (`against`) every third the other way. */
static size_t order_all_over(const small_problem *p, const seen *plain, bool against, hd_kink kinks[64]) {
    size_t count = 0;
    for (size_t t = 0; t <= base.steps; t++)
        for (size_t i = 0; i < 4; i++) {
            hd_kink unit = {
                .kind = HD_KINK_RELU, .step = t, .layer = 1, .row = 2 * i + 1, .unit = (3 * i + t) % UNITS};
            const double *of = t == base.steps ? plain->validation : plain->batches + t * base.batch * UNITS;
            unit.side = of[unit.row * UNITS + unit.unit] > 0;
            if (against && unit.side) unit.side = i % 3 != 0;
            kinks[count++] = unit;
            hd_kink sign = {
                .kind = HD_KINK_SIGN, .step = t, .layer = i % 3, .row = 2 * i, .unit = (t + i) % 4};
            sign.side = sign_of(plain->weights[t * p->weights + at_weight(p, &sign)]);
            if (against && i % 3 == 1) sign.side = sign.side < 0 ? 1 : sign.side - 1;
            kinks[count++] = sign;
        }
    return count;
}

Test(kink, an_order_that_agrees_with_what_happens_changes_no_bit) {
    small_problem *p = make_problem(&base);
    hd_kink kinks[64];
    for (size_t d = 0; d < 2; d++)
        for (size_t m = HD_FORWARD; m <= HD_REVERSE; m++) {
            seen plain = run_ordered(on_host[d], p, (hd_mode)m, NULL, 0);
            size_t count = order_all_over(p, &plain, false, kinks);
            seen ordered = run_ordered(on_host[d], p, (hd_mode)m, kinks, count);
            expect_same_run(&plain, &ordered, p->problem.hypers);
            forget(&plain);
            forget(&ordered);
        }
    free_problem(p);
}

Test(kink, forward_and_reverse_agree_under_the_same_orders) {
    static const double within[] = {1e-5, 1e-11};
    small_problem *p = make_problem(&base);
    hd_kink kinks[64];
    for (size_t d = 0; d < 2; d++) {
        seen plain = run_ordered(on_host[d], p, HD_FORWARD, NULL, 0);
        size_t count = order_all_over(p, &plain, true, kinks);
        seen forward = run_ordered(on_host[d], p, HD_FORWARD, kinks, count);
        seen reverse = run_ordered(on_host[d], p, HD_REVERSE, kinks, count);
        for (size_t j = 0; j < p->problem.hypers; j++) {
            double f = forward.hypergradients[j], r = reverse.hypergradients[j];
            cr_expect(fabs(f - r) <= within[d] * fabs(f), "%s: %zu: %.17g and %.17g", on_host[d], j, f, r);
            cr_expect(fabs(f - plain.hypergradients[j]) > 1e-4 * fabs(f), "%zu: the orders are not felt", j);
        }
        forget(&plain);
        forget(&forward);
        forget(&reverse);
    }
    free_problem(p);
}

/* Finite differences use no tangents or adjoints. A unit that is forced on stands on its kink, so we force
 * only signs here. */
Test(kink, finite_differences_agree_under_ordered_signs) {
    small_problem *p = make_problem(&base);
    hd_kink kinks[64];
    seen plain = run_ordered("reference", p, HD_FORWARD, NULL, 0);
    size_t all = order_all_over(p, &plain, true, kinks), count = 0;
    for (size_t i = 0; i < all; i++)
        if (kinks[i].kind == HD_KINK_SIGN) kinks[count++] = kinks[i];
    seen reverse = run_ordered("reference", p, HD_REVERSE, kinks, count);
    hd_device *device = open_device("reference", (hd_device_options){.threads = 1});
    double step[MOST_HYPERS], differences[MOST_HYPERS];
    bool smooth[MOST_HYPERS];
    hd_error error;
    for (size_t j = 0; j < p->problem.hypers; j++) step[j] = 1e-6;
    cr_assert_eq(hd_kinks_lay(device, &p->problem, kinks, count, &error), HD_OK);
    cr_assert_eq(hd_finite_differences(device, &p->problem, &p->point, step, differences, smooth, &error),
                 HD_OK);
    size_t judged = 0;
    for (size_t j = 0; j < p->problem.hypers; j++) {
        if (!smooth[j]) continue;
        judged++;
        cr_expect(fabs(differences[j] - reverse.hypergradients[j]) <= 1e-6 * fabs(differences[j]) + 1e-9,
                  "%zu: %.12g and %.12g", j, differences[j], reverse.hypergradients[j]);
    }
    cr_expect_geq(judged, 6);
    hd_device_close(device);
    forget(&plain);
    forget(&reverse);
    free_problem(p);
}

Test(kink, orders_of_another_hyper_iteration_wait_for_it) {
    small_problem *p = make_problem(&base);
    hd_kink kink = {
        .kind = HD_KINK_SIGN, .iteration = 1, .step = 1, .layer = 0, .row = 1, .unit = 1, .side = 0};
    hd_device *device = open_device("cpu", (hd_device_options){.threads = 1});
    hd_error error;
    double h[3][MOST_HYPERS];
    size_t size = p->problem.hypers * sizeof(double);
    cr_assert_eq(hd_kinks_lay(device, &p->problem, &kink, 1, &error), HD_OK);
    for (size_t k = 0; k < 3; k++) {
        hd_kinks_iteration(device, k);
        run_mode(device, p, HD_REVERSE, NULL, h[k]);
    }
    cr_expect(memcmp(h[0], h[1], size));
    cr_expect(!memcmp(h[0], h[2], size));
    hd_device_close(device);
    free_problem(p);
}

/* --- refused --- */

Test(kink, refuses_a_device_that_is_not_of_the_host) {
    small_problem *p = make_problem(&base);
    hd_device *device = open_device("cpu", (hd_device_options){.threads = 1});
    hd_error error;
    device->asynchronous = true;
    cr_expect_eq(hd_kinks_lay(device, &p->problem, NULL, 0, &error), HD_INVALID);
    cr_expect(strstr(error.message, "only on a device of the host"), "%s", error.message);
    cr_expect_null(device->overlay);
    hd_device_close(device);
    free_problem(p);
}

Test(kink, refuses_units_and_weights_that_the_network_has_not) {
    static const hd_kink wrong[] = {
        {HD_KINK_RELU, 0, 7, 1, 0, 0, 1}, {HD_KINK_RELU, 0, 0, 0, 0, 0, 1},
        {HD_KINK_RELU, 0, 0, 3, 0, 0, 1}, {HD_KINK_RELU, 0, 0, 1, 8, 0, 1},
        {HD_KINK_RELU, 0, 0, 1, 0, 9, 1}, {HD_KINK_RELU, 0, 6, 1, 2100, 0, 1},
        {HD_KINK_SIGN, 0, 0, 3, 0, 0, 1}, {HD_KINK_SIGN, 0, 0, 0, 20, 0, 1},
        {HD_KINK_SIGN, 0, 0, 2, 0, 4, 1}, {HD_KINK_SIGN, 0, SIZE_MAX, 0, 0, 0, 1},
    };
    small_problem *p = make_problem(&base);
    hd_device *device = open_device("cpu", (hd_device_options){.threads = 1});
    hd_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_expect_eq(hd_kinks_lay(device, &p->problem, &wrong[i], 1, &error), HD_INVALID, "%zu", i);
        cr_expect(strstr(error.message, "there is no "), "%s", error.message);
    }
    cr_expect_null(device->overlay);
    hd_device_close(device);
    free_problem(p);
}
