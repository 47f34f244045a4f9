/* Whole runs: what they tell, what observers see of them and may lead them along, and what they leave behind. */
#include "modes/test/usual_problem.h"

/* --- results --- */

Test(engine, state_bytes_count_states_as_the_trace_does) {
    small_problem *p = make_problem(&usual);
    for (size_t d = 0; d < DEVICES; d++) {
        hd_device *device = device_at(d);
        size_t state = 2 * p->weights * device->element;
        cr_expect(run_mode(device, p, HD_FORWARD, NULL, NULL).state_bytes == (1 + p->problem.hypers) * state);
        cr_expect(run_mode(device, p, HD_REVERSE, NULL, NULL).state_bytes == (1 + usual.steps + 1) * state);
        cr_expect(device->allocated == 0, "%s holds %zu bytes", device->name, device->allocated);
        hd_device_close(device);
    }
    free_problem(p);
}

Test(engine, totals_and_times_are_told) {
    small_problem *p = make_problem(&usual);
    hd_device *device = device_at(0);
    for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
        hd_result r = run_mode(device, p, mode, NULL, NULL);
        cr_expect(r.training.total == usual.batch && r.validation.total == usual.validation &&
                  r.test.total == usual.test);
        cr_expect(r.training.correct <= r.training.total && r.validation.correct <= r.validation.total);
        double parts = r.seconds.data + r.seconds.training + r.seconds.differentiate + r.seconds.validation;
        cr_expect(parts > 0 && parts <= r.seconds.total);
        cr_expect(r.operations > 0);
    }
    hd_device_close(device);
    free_problem(p);
}

static void expect_same_run(hd_device *device, const small_problem *p, hd_mode mode, hd_engine *used) {
    double fresh[MOST_HYPERS];
    hd_result expected = run_mode(device, p, mode, NULL, fresh), result;
    cr_assert(hd_engine_run(used, &p->point, NULL, &result, NULL) == HD_OK);
    cr_expect(!memcmp(result.hypergradients, fresh, p->problem.hypers * sizeof *fresh));
    cr_expect(result.validation_error == expected.validation_error &&
              result.test.correct == expected.test.correct);
}

Test(engine, a_second_run_gives_what_a_fresh_engine_gives_even_after_a_failed_one) {
    small_problem *p = make_problem(&usual), *bad = make_problem(&usual);
    bad->values[p->problem.hypers - 1] = NAN;
    for (size_t d = 0; d < DEVICES; d++)
        for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
            hd_device *device = device_at(d);
            hd_engine *engine;
            hd_result result;
            cr_assert(hd_engine_create(device, &p->problem, mode, &engine, NULL) == HD_OK);
            expect_same_run(device, p, mode, engine);
            expect_same_run(device, p, mode, engine);
            cr_expect(hd_engine_run(engine, &bad->point, NULL, &result, NULL) == HD_DIFFERENT);
            expect_same_run(device, p, mode, engine);
            hd_engine_destroy(engine);
            hd_device_close(device);
        }
    free_problem(bad);
    free_problem(p);
}

Test(engine, weights_have_names) {
    static const size_t dims[] = {784, 300, 10};
    char name[HD_WEIGHT_NAME];
    cr_expect(!strcmp(hd_weight_name(2, dims, 0, name), "W_0[0,0]"));
    cr_expect(!strcmp(hd_weight_name(2, dims, 784 * 300 - 1, name), "W_0[783,299]"));
    cr_expect(!strcmp(hd_weight_name(2, dims, 784 * 300 + 17 * 10 + 3, name), "W_1[17,3]"));
    cr_expect(!strcmp(hd_weight_name(2, dims, 784 * 300 + 3000 + 4, name), "b_0[4]"));
    cr_expect(!strcmp(hd_weight_name(2, dims, hd_weight_count(2, dims) - 1, name), "b_1[9]"));
    cr_expect(!strncmp(hd_weight_name(2, dims, hd_weight_count(2, dims), name), "beyond", 6));
}

/* --- observers --- */

typedef struct witness {
    size_t left;          /* calls until it says stop */
    size_t first, latest; /* steps it was shown */
    size_t calls;
} witness;

static bool watch(void *context, const hd_view *view) {
    witness *w = context;
    if (w->calls++ == 0) w->first = view->step;
    w->latest = view->step;
    return w->left-- > 0;
}

static hd_observer witness_of(unsigned tensors, witness *w) {
    return (hd_observer){.wants = tensors, .seen = watch, .context = w};
}

Test(engine, an_observer_stops_a_run_on_the_way_out_and_on_the_way_back) {
    small_problem *p = make_problem(&usual);
    hd_device *device = device_at(0);
    hd_error error;
    witness out = {.left = 3}, back = {.left = 2};
    hd_observer of_weights = witness_of(1u << HD_WEIGHTS, &out),
                of_adjoints = witness_of(1u << HD_ADJOINT, &back);
    cr_expect(attempt(device, p, HD_REVERSE, &of_weights, &error) == HD_INVALID &&
                  strstr(error.message, "observer"),
              "%s", error.message);
    cr_expect(out.calls == 4 && out.first == 0 && out.latest == 3, "%zu calls to step %zu", out.calls,
              out.latest);
    cr_expect(attempt(device, p, HD_REVERSE, &of_adjoints, &error) == HD_INVALID);
    cr_expect(back.calls == 3 && back.first == usual.steps && back.latest == usual.steps - 2, "step %zu",
              back.latest);
    cr_expect(attempt(device, p, HD_REVERSE, NULL, &error) == HD_OK);
    hd_device_close(device);
    free_problem(p);
}

Test(engine, watching_changes_no_bit) {
    small_problem *p = make_problem(&usual);
    hd_device *device = device_at(0);
    for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
        double plain[MOST_HYPERS], watched[MOST_HYPERS];
        witness w = {.left = SIZE_MAX};
        hd_observer everything = witness_of(~0u, &w);
        run_mode(device, p, mode, NULL, plain);
        run_mode(device, p, mode, &everything, watched);
        cr_expect(w.calls > 10 * usual.steps && !memcmp(plain, watched, p->problem.hypers * sizeof *plain));
    }
    hd_device_close(device);
    free_problem(p);
}

/* What a run showed of each step, to be compared with or to lead another. */
typedef struct memory {
    const small_problem *p;
    double *values[HD_TENSORS][64]; /* by tensor and index: [steps + 1][count] */
    bool back; /* only what the backward sweep shows, else only what the forward sweep does */
    size_t shown;
} memory;

static double *remembered(memory *m, const hd_view *view) {
    double **values = &m->values[view->tensor][view->index];
    if (!*values) cr_assert(*values = calloc((m->p->problem.steps + 1) * view->count, sizeof **values));
    return *values + view->step * view->count;
}

static bool memorise(void *context, const hd_view *view) {
    memory *m = context;
    bool state =
        view->tensor == HD_WEIGHTS || view->tensor == HD_MOMENTUM_BUFFER || view->tensor >= HD_TANGENT;
    if (!state && (view->back != m->back || view->step == m->p->problem.steps)) return true;
    for (size_t i = 0; i < view->count; i++) remembered(m, view)[i] = hd_view_at(view, i);
    m->shown++;
    return true;
}

static void forget(memory *m) {
    for (size_t t = 0; t < HD_TENSORS; t++)
        for (size_t i = 0; i < 64; i++) free(m->values[t][i]);
}

Test(engine, the_sweep_back_goes_over_the_way_out) {
    static const unsigned made_again = 1u << HD_BATCH | 1u << HD_ACTIVATION | 1u << HD_ERROR | 1u << HD_DELTA;
    small_problem *p = make_problem(&usual);
    hd_device *device = device_at(0);
    memory out = {.p = p}, back = {.p = p, .back = true};
    hd_observer on_way_out = {.wants = made_again, .seen = memorise, .context = &out};
    hd_observer on_way_back = {.wants = made_again, .seen = memorise, .context = &back};
    run_mode(device, p, HD_REVERSE, &on_way_out, NULL);
    run_mode(device, p, HD_REVERSE, &on_way_back, NULL);
    size_t batch = usual.batch * usual.dims[0];
    cr_expect_eq(back.shown, usual.steps * (2 + 2 * usual.layers));
    cr_expect(
        !memcmp(out.values[HD_BATCH][0], back.values[HD_BATCH][0], usual.steps * batch * sizeof(double)));
    for (size_t l = 1; l <= usual.layers; l++) {
        size_t bytes = usual.steps * usual.batch * usual.dims[l] * sizeof(double);
        cr_expect(!memcmp(out.values[HD_ACTIVATION][l], back.values[HD_ACTIVATION][l], bytes), "layer %zu",
                  l);
    }
    forget(&out);
    forget(&back);
    hd_device_close(device);
    free_problem(p);
}

static bool lead(void *context, const hd_view *view, void *values) {
    double *from = remembered(context, view);
    for (size_t i = 0; i < view->count; i++)
        if (view->float32)
            ((float *)values)[i] = (float)from[i];
        else
            ((double *)values)[i] = from[i];
    return true;
}

static bool ignore(void *context, const hd_view *view) {
    (void)context, (void)view;
    return true;
}

/* Whatever it starts from: what it ends with is made from the other's states alone. */
Test(engine, a_run_led_along_another_s_states_ends_where_that_did) {
    static const unsigned state = 1u << HD_WEIGHTS | 1u << HD_MOMENTUM_BUFFER | 1u << HD_TANGENT |
                                  1u << HD_TANGENT_MOMENTUM | 1u << HD_ADJOINT | 1u << HD_ADJOINT_MOMENTUM;
    for (size_t which = 0; which < 2; which++) {
        hd_device *device = device_at(which);
        for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
            small_problem *p = make_problem(&usual);
            double own[MOST_HYPERS], led[MOST_HYPERS], left[MOST_HYPERS];
            memory m = {.p = p};
            hd_observer look = {.wants = state, .seen = memorise, .context = &m};
            hd_observer follow = {.wants = 0, .seen = ignore, .context = &m, .guides = state, .guide = lead};
            run_mode(device, p, mode, &look, own);
            p->initial[7] += 0.5f;
            run_mode(device, p, mode, NULL, left);
            run_mode(device, p, mode, &follow, led);
            cr_expect(memcmp(own, left, p->problem.hypers * sizeof *own) != 0);
            cr_expect(!memcmp(own, led, p->problem.hypers * sizeof *own));
            forget(&m);
            free_problem(p);
        }
        hd_device_close(device);
    }
}

/* --- exp and log --- */

Test(engine, math_that_a_device_does_not_have_is_refused) {
    static const char *const names[] = {"cpu", "reference", "cuda"}, *const math[] = {"device", "libm",
                                                                                      "libm"};
    for (size_t i = 0; i < 3; i++) {
        hd_device *device;
        hd_error error;
        hd_device_options options = {.math = math[i]};
        cr_expect_eq(hd_device_open(names[i], &options, &device, &error), HD_INVALID);
        cr_expect(strstr(error.message, "shared"), "%s", error.message);
    }
}
