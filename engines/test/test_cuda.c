/* Whole runs on the CUDA device, emulated or real: they must give the CPU's bits, told anew and replayed. */
#include "small_problem.h"

static const recipe recipes[] = {
    {.layers = 1,
     .dims = {19, 5},
     .steps = 4,
     .batch = 7,
     .training = 40,
     .validation = 30,
     .test = 20,
     .eta = 0.1,
     .mu = 0.5,
     .rho_l1 = 1e-3,
     .rho_l2 = 1e-3,
     .seed = 1},
    {.layers = 3,
     .dims = {300, 37, 23, 10},
     .steps = 3,
     .batch = 50,
     .training = 90,
     .validation = 300,
     .test = 20,
     .eta = 0.05,
     .mu = 0.9,
     .rho_l1 = 1e-4,
     .rho_l2 = 1e-4,
     .seed = 2},
    {.layers = 2,
     .dims = {40, 70, 3},
     .steps = 3,
     .batch = 280,
     .training = 300,
     .validation = 20,
     .test = 20,
     .eta = 0.2,
     .mu = 0.3,
     .rho_l1 = 1e-5,
     .rho_l2 = 0,
     .output_from_zero = true,
     .seed = 3},
};

static hd_device *cuda(void) {
    hd_device *device;
    hd_error error;
    hd_status status = hd_device_open("cuda", NULL, &device, &error);
    if (status == HD_UNAVAILABLE) cr_skip_test("%s", error.message);
    cr_assert_eq(status, HD_OK);
    return device;
}

typedef struct outcome {
    double hypergradients[MOST_HYPERS], *weights, error;
    hd_accuracy test, validation, training;
} outcome;

static outcome outcome_of(hd_engine *engine, const small_problem *p, const hd_point *point,
                          const hd_observer *observer) {
    hd_result result;
    hd_error error = {.message = ""};
    outcome o;
    cr_assert(hd_engine_run(engine, point, observer, &result, &error) == HD_OK, "%s", error.message);
    memset(&o, 0, sizeof o);
    memcpy(o.hypergradients, result.hypergradients, p->problem.hypers * sizeof(double));
    cr_assert(o.weights = malloc(p->weights * sizeof(double)));
    memcpy(o.weights, result.weights, p->weights * sizeof(double));
    o.error = result.validation_error;
    o.test = result.test, o.validation = result.validation, o.training = result.training;
    return o;
}

static void expect_same(const small_problem *p, outcome a, outcome b, const char *what) {
    cr_expect(!memcmp(a.weights, b.weights, p->weights * sizeof(double)), "%s: weights", what);
    cr_expect(!memcmp(a.hypergradients, b.hypergradients, sizeof a.hypergradients), "%s: hypergradients",
              what);
    cr_expect(!memcmp(&a.error, &b.error, sizeof a.error), "%s: validation error", what);
    cr_expect(a.test.correct == b.test.correct && a.validation.correct == b.validation.correct &&
                  a.training.correct == b.training.correct,
              "%s: accuracies", what);
    free(a.weights);
    free(b.weights);
}

static bool look_on(void *context, const hd_view *view) {
    *(size_t *)context += view->count;
    return true;
}

static void compare(const recipe *r, hd_mode mode) {
    hd_device *on[2] = {open_device("cpu", (hd_device_options){0}), cuda()};
    hd_engine *engine[2];
    hd_error error = {.message = ""};
    small_problem *p = make_problem(r);
    double moved[MOST_HYPERS];
    size_t seen = 0;
    hd_observer observer = {.wants = 1u << HD_WEIGHTS | 1u << HD_BATCH, .seen = look_on, .context = &seen};
    for (size_t d = 0; d < 2; d++)
        cr_assert(hd_engine_create(on[d], &p->problem, mode, &engine[d], &error) == HD_OK, "%s",
                  error.message);
    expect_same(p, outcome_of(engine[0], p, &p->point, NULL), outcome_of(engine[1], p, &p->point, NULL),
                "first");
    hd_point other = p->point;
    other.hyper = moved;
    other.training_batch = r->steps - 1;
    for (size_t j = 0; j < p->problem.hypers; j++) moved[j] = p->values[j] * 1.25;
    p->initial[p->weights / 2] += 0.25f;
    expect_same(p, outcome_of(engine[0], p, &other, NULL), outcome_of(engine[1], p, &other, NULL),
                "replayed");
    other.initial_weights = NULL;
    other.initial = (hd_initial){.kernel = {7, true}, .seed = 3, .iteration = 2};
    expect_same(p, outcome_of(engine[0], p, &other, NULL), outcome_of(engine[1], p, &other, NULL), "drawn");
    float *drawn = malloc(p->weights * sizeof *drawn);
    cr_assert(drawn);
    hd_initial_weights(&other.initial, r->layers, p->dims, drawn);
    hd_point given = other;
    given.initial_weights = drawn;
    expect_same(p, outcome_of(engine[0], p, &other, NULL), outcome_of(engine[0], p, &given, NULL),
                "drawn and given");
    free(drawn);
    expect_same(p, outcome_of(engine[0], p, &p->point, &observer),
                outcome_of(engine[1], p, &p->point, &observer), "observed");
    cr_expect(seen > 0);
    for (size_t d = 0; d < 2; d++) {
        hd_engine_destroy(engine[d]);
        hd_device_close(on[d]);
    }
    free_problem(p);
}

Test(cuda, forward_mode_gives_the_cpu_s_bits) {
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) compare(&recipes[i], HD_FORWARD);
}

Test(cuda, reverse_mode_gives_the_cpu_s_bits) {
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) compare(&recipes[i], HD_REVERSE);
}

/* The graph of a second engine must not be the first one's. */
Test(cuda, forgets_an_engine_s_sections_with_it) {
    hd_device *device = cuda(), *cpu = open_device("cpu", (hd_device_options){0});
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        small_problem *p = make_problem(&recipes[i]);
        double on_cuda[MOST_HYPERS], on_cpu[MOST_HYPERS];
        run_mode(device, p, HD_REVERSE, NULL, on_cuda);
        run_mode(cpu, p, HD_REVERSE, NULL, on_cpu);
        cr_expect(!memcmp(on_cuda, on_cpu, p->problem.hypers * sizeof *on_cpu), "recipe %zu", i);
        free_problem(p);
    }
    hd_device_close(device);
    hd_device_close(cpu);
}

Test(cuda, names_step_and_tensor_of_what_is_not_finite) {
    hd_device *device = cuda();
    small_problem *p = make_problem(&recipes[1]);
    hd_engine *engine;
    hd_result result;
    hd_error error = {.message = ""};
    cr_assert_eq(hd_engine_create(device, &p->problem, HD_REVERSE, &engine, &error), HD_OK);
    p->values[p->problem.hypers - 2] = 1e30;
    cr_expect_eq(hd_engine_run(engine, &p->point, NULL, &result, &error), HD_DIFFERENT);
    cr_expect(strstr(error.message, "step 1") && strstr(error.message, "activations"), "%s", error.message);
    p->values[p->problem.hypers - 2] = 0.05;
    cr_expect_eq(hd_engine_run(engine, &p->point, NULL, &result, &error), HD_OK, "%s", error.message);
    hd_engine_destroy(engine);
    hd_device_close(device);
    free_problem(p);
}
