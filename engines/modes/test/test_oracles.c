/* Three oracles for a hypergradient (forward mode, reverse mode, finite differences) and their relations. */
#include "test/small_problem.h"

#include <stdlib.h>

static const recipe recipes[] = {
    {1, {20, 4}, 8, 10, 60, 40, 20, 0.3, 0.5, 0.002, 0.01, false, 1},
    {1, {11, 3}, 5, 7, 30, 33, 10, 0.1, 0.9, 0.001, 0.003, true, 2},
    {2, {15, 9, 3}, 10, 8, 50, 30, 20, 0.2, 0.6, 0.001, 0.02, false, 3},
    {2, {13, 17, 5}, 6, 9, 40, 21, 20, 0.05, 0.3, 0.003, 0.0, true, 4},
    {3, {14, 8, 7, 3}, 9, 6, 45, 25, 20, 0.15, 0.5, 0.001, 0.005, false, 5},
    {3, {9, 11, 6, 4}, 12, 5, 40, 27, 20, 0.1, 0.7, 0.0, 0.01, false, 6},
    {4, {12, 7, 9, 5, 3}, 7, 8, 40, 19, 20, 0.1, 0.4, 0.002, 0.004, false, 7},
};
enum { RECIPES = sizeof recipes / sizeof *recipes };

static hd_device *reference(void) {
    return open_device("reference", (hd_device_options){.threads = 1});
}

static double relative(double a, double b) {
    return fabs(a - b) / fmax(fabs(a), fabs(b));
}

static void expect_agreement(const small_problem *p, const double *a, const double *b, double tolerance,
                             const char *what) {
    char name[HD_NAME];
    for (size_t j = 0; j < p->problem.hypers; j++) {
        cr_assert(fabs(a[j]) > 1e-6, "%s: %s is nothing", what, hd_hyperparameter_name(p->hyper[j], name));
        cr_assert(relative(a[j], b[j]) <= tolerance, "%s: %s: %.17g, %.17g (%.2g)", what,
                  hd_hyperparameter_name(p->hyper[j], name), a[j], b[j], relative(a[j], b[j]));
    }
}

Test(oracles, forward_is_reverse) {
    hd_device *device = reference();
    for (size_t i = 0; i < RECIPES; i++) {
        small_problem *p = make_problem(&recipes[i]);
        double forward[MOST_HYPERS], reverse[MOST_HYPERS];
        hd_result f = run_mode(device, p, HD_FORWARD, NULL, forward),
                  r = run_mode(device, p, HD_REVERSE, NULL, reverse);
        expect_agreement(p, forward, reverse, 1e-10, "forward, reverse");
        cr_expect(f.validation_error == r.validation_error);
        cr_expect(f.validation.correct == r.validation.correct && f.test.total == recipes[i].test);
        free_problem(p);
    }
    hd_device_close(device);
}

/* Small enough to cross few kinks, large enough for rounding: an error near 1 is exact to some 1e-16. */
static const double step = 1e-6;

Test(oracles, reverse_is_the_finite_difference_wherever_the_training_is_smooth) {
    hd_device *device = reference();
    size_t checked[4] = {0}, all[4] = {0};
    hd_error error;
    for (size_t i = 0; i < RECIPES; i++) {
        small_problem *p = make_problem(&recipes[i]);
        double difference[MOST_HYPERS], reverse[MOST_HYPERS], steps[MOST_HYPERS];
        bool smooth[MOST_HYPERS];
        char name[HD_NAME];
        for (size_t j = 0; j < p->problem.hypers; j++) steps[j] = step;
        run_mode(device, p, HD_REVERSE, NULL, reverse);
        cr_assert(hd_finite_differences(device, &p->problem, &p->point, steps, difference, smooth, &error) ==
                  HD_OK);
        for (size_t j = 0; j < p->problem.hypers; j++) {
            all[p->hyper[j].kind]++;
            if (!smooth[j]) continue;
            checked[p->hyper[j].kind]++;
            cr_expect(fabs(reverse[j]) > 1e-4 && relative(reverse[j], difference[j]) <= 1e-6,
                      "recipe %zu, %s: %.12g, by differences %.12g (%.2g)", i,
                      hd_hyperparameter_name(p->hyper[j], name), reverse[j], difference[j],
                      relative(reverse[j], difference[j]));
        }
        free_problem(p);
    }
    for (size_t kind = 0; kind < 4; kind++)
        cr_expect(checked[kind] == all[kind] && all[kind] >= RECIPES, "kind %zu: %zu of %zu", kind,
                  checked[kind], all[kind]);
    hd_device_close(device);
}

Test(oracles, a_difference_across_a_kink_is_not_called_smooth) {
    hd_device *device = reference();
    small_problem *p = make_problem(&recipes[2]);
    double steps[MOST_HYPERS], difference[MOST_HYPERS];
    bool smooth[MOST_HYPERS];
    for (size_t j = 0; j < p->problem.hypers; j++) steps[j] = 0.05;
    cr_assert(hd_finite_differences(device, &p->problem, &p->point, steps, difference, smooth, NULL) ==
              HD_OK);
    for (size_t j = 0; j < p->problem.hypers; j++) cr_expect(!smooth[j], "hyperparameter %zu", j);
    free_problem(p);
    hd_device_close(device);
}

Test(oracles, cpu_is_the_reference_within_2e_5) {
    hd_device *device = reference(), *cpu = open_device("cpu", (hd_device_options){.threads = 1});
    for (size_t i = 0; i < RECIPES; i++) {
        small_problem *p = make_problem(&recipes[i]);
        double exact[MOST_HYPERS], rounded[MOST_HYPERS];
        hd_result e = run_mode(device, p, HD_REVERSE, NULL, exact);
        for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
            hd_result r = run_mode(cpu, p, mode, NULL, rounded);
            expect_agreement(p, exact, rounded, 2e-5, mode == HD_FORWARD ? "cpu forward" : "cpu reverse");
            cr_expect(relative(e.validation_error, r.validation_error) <= 1e-6);
        }
        free_problem(p);
    }
    hd_device_close(cpu);
    hd_device_close(device);
}

/* --- the pairing of tangents with adjoints --- */

typedef struct history { /* of one problem's states, tangents and adjoints */
    const small_problem *p;
    double *state[2], *tangent[2],
        *adjoint[2]; /* w and m parts: [steps + 1][weights], tangents [steps + 1][hypers][weights] */
} history;

static double *entry(const history *h, double *values, size_t step_number, size_t per_step, size_t index) {
    return values + (step_number * per_step + index) * h->p->weights;
}

static bool remember(void *context, const hd_view *view) {
    history *h = context;
    hd_tensor tensor = view->tensor;
    size_t index = view->index, t = view->step;
    size_t hypers = h->p->problem.hypers;
    double *to = NULL;
    if (tensor == HD_WEIGHTS || tensor == HD_MOMENTUM_BUFFER)
        to = entry(h, h->state[tensor == HD_MOMENTUM_BUFFER], t, 1, 0);
    if (tensor == HD_TANGENT || tensor == HD_TANGENT_MOMENTUM)
        to = entry(h, h->tangent[tensor == HD_TANGENT_MOMENTUM], t, hypers, index);
    if (tensor == HD_ADJOINT || tensor == HD_ADJOINT_MOMENTUM)
        to = entry(h, h->adjoint[tensor == HD_ADJOINT_MOMENTUM], t, 1, 0);
    cr_assert_not_null(to);
    for (size_t i = 0; to && i < view->count; i++) to[i] = hd_view_at(view, i);
    return true;
}

static history remembered(hd_device *device, const small_problem *p) {
    history h = {.p = p};
    size_t states = (p->problem.steps + 1) * p->weights;
    for (size_t part = 0; part < 2; part++) {
        cr_assert((h.state[part] = calloc(states, sizeof(double))) &&
                  (h.adjoint[part] = calloc(states, sizeof(double))));
        cr_assert((h.tangent[part] = calloc(states * p->problem.hypers, sizeof(double))));
    }
    unsigned state = 1u << HD_WEIGHTS | 1u << HD_MOMENTUM_BUFFER;
    hd_observer forward = {
        .wants = state | 1u << HD_TANGENT | 1u << HD_TANGENT_MOMENTUM, .seen = remember, .context = &h};
    hd_observer reverse = {
        .wants = 1u << HD_ADJOINT | 1u << HD_ADJOINT_MOMENTUM, .seen = remember, .context = &h};
    run_mode(device, p, HD_FORWARD, &forward, NULL);
    run_mode(device, p, HD_REVERSE, &reverse, NULL);
    return h;
}

static void forget(history *h) {
    for (size_t part = 0; part < 2; part++) {
        free(h->state[part]);
        free(h->tangent[part]);
        free(h->adjoint[part]);
    }
}

/* p_t . Z_t for hyperparameter j. */
static double paired(const history *h, size_t t, size_t j) {
    double sum = 0;
    for (size_t part = 0; part < 2; part++) {
        const double *p = entry(h, h->adjoint[part], t, 1, 0),
                     *z = entry(h, h->tangent[part], t, h->p->problem.hypers, j);
        for (size_t i = 0; i < h->p->weights; i++) sum += p[i] * z[i];
    }
    return sum;
}

/* p_{t+1} . B_t: hyperparameter j adds x to m' and so -eta x to w'; eta itself adds -m' to w'. */
static double added(const history *h, size_t t, size_t j) {
    const small_problem *p = h->p;
    hd_hyperparameter kind = p->hyper[j];
    const double *w = entry(h, h->state[0], t, 1, 0), *m = entry(h, h->state[1], t, 1, 0);
    const double *m_next = entry(h, h->state[1], t + 1, 1, 0);
    const double *p_w = entry(h, h->adjoint[0], t + 1, 1, 0), *p_m = entry(h, h->adjoint[1], t + 1, 1, 0);
    double sum = 0, eta = p->values[p->problem.hypers - 2];
    size_t from = 0, to = p->weights;
    if (kind.kind == HD_RHO_L1 || kind.kind == HD_RHO_L2) {
        for (size_t l = 0; l < kind.layer; l++) from += p->dims[l] * p->dims[l + 1];
        to = from + p->dims[kind.layer] * p->dims[kind.layer + 1];
    }
    for (size_t i = from; i < to; i++) {
        double q = p_m[i] - eta * p_w[i];
        switch (kind.kind) {
        case HD_RHO_L1:
            sum += q * ((w[i] > 0) - (w[i] < 0));
            break;
        case HD_RHO_L2:
            sum += q * 2 * w[i];
            break;
        case HD_ETA:
            sum -= p_w[i] * m_next[i];
            break;
        case HD_MU:
            sum += q * m[i];
            break;
        }
    }
    return sum;
}

Test(oracles, tangents_paired_with_adjoints_are_the_hypergradient_at_every_step) {
    hd_device *device = reference();
    for (size_t i = 0; i < RECIPES; i++) {
        small_problem *p = make_problem(&recipes[i]);
        history h = remembered(device, p);
        double expected[MOST_HYPERS];
        char name[HD_NAME];
        run_mode(device, p, HD_REVERSE, NULL, expected);
        for (size_t j = 0; j < p->problem.hypers; j++) {
            double to_come = 0;
            for (size_t t = p->problem.steps + 1; t-- > 0;) {
                if (t < p->problem.steps) to_come += added(&h, t, j);
                double sum = paired(&h, t, j) + to_come;
                cr_assert(relative(sum, expected[j]) <= 1e-10, "recipe %zu, %s, step %zu: %.17g, not %.17g",
                          i, hd_hyperparameter_name(p->hyper[j], name), t, sum, expected[j]);
            }
        }
        forget(&h);
        free_problem(p);
    }
    hd_device_close(device);
}

/* --- symmetries --- */

static void swap_bytes(uint8_t *a, uint8_t *b) {
    uint8_t c = *a;
    *a = *b, *b = c;
}

static void swap_floats(float *a, float *b, size_t count, size_t stride) {
    for (size_t i = 0; i < count * stride; i += stride) {
        float c = a[i];
        a[i] = b[i], b[i] = c;
    }
}

/* Exchanges inputs i and i + 1 for every even i. */
static void permute_inputs(small_problem *p, const recipe *r) {
    size_t inputs = p->dims[0], out = p->dims[1];
    for (size_t i = 0; i + 1 < inputs; i += 2) {
        for (size_t e = 0; e < r->training + r->validation + r->test; e++)
            swap_bytes(p->pixels + e * inputs + i, p->pixels + e * inputs + i + 1);
        swap_floats(p->initial + i * out, p->initial + (i + 1) * out, out, 1);
    }
}

/* Exchanges units u and u + 1 of the first hidden layer for every even u. */
static void permute_units(small_problem *p, const recipe *r) {
    (void)r;
    size_t in = p->dims[0], units = p->dims[1], out = p->dims[2];
    float *w_1 = p->initial + in * units, *b_0 = p->initial;
    for (size_t l = 0; l < p->problem.layers; l++) b_0 += p->dims[l] * p->dims[l + 1];
    for (size_t u = 0; u + 1 < units; u += 2) {
        swap_floats(p->initial + u, p->initial + u + 1, in, units);
        swap_floats(w_1 + u * out, w_1 + (u + 1) * out, out, 1);
        swap_floats(b_0 + u, b_0 + u + 1, 1, 1);
    }
}

/* Reverses the order within each batch. */
static void permute_batches(small_problem *p, const recipe *r) {
    for (size_t t = 0; t < r->steps; t++)
        for (size_t i = 0, j = r->batch - 1; i < j; i++, j--) {
            uint32_t *batch = p->scheme + t * r->batch, example = batch[i];
            batch[i] = batch[j], batch[j] = example;
        }
}

static void expect_symmetry(void (*permute)(small_problem *, const recipe *), const char *what) {
    const recipe *r = &recipes[4];
    hd_device *device = reference(), *cpu = open_device("cpu", (hd_device_options){.threads = 1});
    small_problem *p = make_problem(r), *permuted = make_problem(r);
    permute(permuted, r);
    for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
        double plain[MOST_HYPERS], other[MOST_HYPERS];
        run_mode(device, p, mode, NULL, plain);
        run_mode(device, permuted, mode, NULL, other);
        expect_agreement(p, plain, other, 1e-12, what);
        run_mode(cpu, p, mode, NULL, plain);
        run_mode(cpu, permuted, mode, NULL, other);
        cr_expect(memcmp(plain, other, p->problem.hypers * sizeof *plain),
                  "%s: the bits do not see the order", what);
        expect_agreement(p, plain, other, 2e-5, what);
    }
    free_problem(permuted);
    free_problem(p);
    hd_device_close(cpu);
    hd_device_close(device);
}

Test(oracles, the_order_of_inputs_changes_only_roundings) {
    expect_symmetry(permute_inputs, "inputs");
}
Test(oracles, the_order_of_hidden_units_changes_only_roundings) {
    expect_symmetry(permute_units, "hidden units");
}
Test(oracles, the_order_within_a_batch_changes_only_roundings) {
    expect_symmetry(permute_batches, "batches");
}
