/* Whole runs on the CUDA device, emulated or real: in the exact arithmetic they must give the CPU's bits,
 * told anew and replayed; with products by cuBLAS they must be near the reference, and repeat. */
#include "device/cuda/cuda.h"
#include "modes/engine.h"
#include "test/small_problem.h"

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

static hd_device *cuda_in(const char *arithmetic) {
    return open_device("cuda", (hd_device_options){.arithmetic = arithmetic});
}

static hd_device *cuda(void) {
    return cuda_in(NULL);
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

/* --- cublas --- */

/* The most that hypergradients differ from the reference's, relative to each; those far below the others, to
 * the largest of them. */
static double error_of(const small_problem *p, const double *got, const double *reference) {
    double largest = 0, worst = 0;
    for (size_t j = 0; j < p->problem.hypers; j++) largest = fmax(largest, fabs(reference[j]));
    for (size_t j = 0; j < p->problem.hypers; j++) {
        double error = fabs(got[j] - reference[j]) / fmax(fabs(reference[j]), 0.01 * largest);
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

Test(cublas, both_modes_agree_with_the_reference) {
    hd_device *device = cuda_in("cublas"), *reference = open_device("reference", (hd_device_options){0});
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        small_problem *p = make_problem(&recipes[i]);
        double expected[MOST_HYPERS], got[MOST_HYPERS];
        run_mode(reference, p, HD_REVERSE, NULL, expected);
        for (int mode = 0; mode < 2; mode++) {
            run_mode(device, p, (hd_mode)mode, NULL, got);
            cr_expect(error_of(p, got, expected) <= 2e-5, "recipe %zu, mode %d: %g", i, mode,
                      error_of(p, got, expected));
        }
        free_problem(p);
    }
    hd_device_close(device);
    hd_device_close(reference);
}

/* A run after one of other values, so that what a section keeps is not results. */
static outcome outcome_after_another(hd_engine *engine, small_problem *p) {
    float kept = p->initial[0];
    p->initial[0] += 0.5f;
    free(outcome_of(engine, p, &p->point, NULL).weights);
    p->initial[0] = kept;
    return outcome_of(engine, p, &p->point, NULL);
}

Test(cublas, repeats_its_bits) {
    for (int mode = 0; mode < 2; mode++) {
        hd_device *device[2] = {cuda_in("cublas"), cuda_in("cublas")};
        hd_engine *engine[2];
        hd_error error;
        small_problem *p = make_problem(&recipes[1]);
        for (size_t d = 0; d < 2; d++)
            cr_assert_eq(hd_engine_create(device[d], &p->problem, (hd_mode)mode, &engine[d], &error), HD_OK);
        expect_same(p, outcome_of(engine[0], p, &p->point, NULL), outcome_after_another(engine[0], p),
                    "replayed");
        expect_same(p, outcome_of(engine[0], p, &p->point, NULL), outcome_of(engine[1], p, &p->point, NULL),
                    "on another device");
        for (size_t d = 0; d < 2; d++) {
            hd_engine_destroy(engine[d]);
            hd_device_close(device[d]);
        }
        free_problem(p);
    }
}

/* Else "cublas" might be the exact arithmetic under another name, and TF32 never asked for. */
Test(cublas, is_an_arithmetic_of_its_own_and_tf32_another) {
    static const char *const arithmetics[] = {"exact", "cublas", "cublas-tf32"};
    static const double bounds[] = {2e-5, 2e-5, 0.5};
    small_problem *p = make_problem(&recipes[1]);
    double got[3][MOST_HYPERS], expected[MOST_HYPERS];
    hd_device *reference = open_device("reference", (hd_device_options){0});
    run_mode(reference, p, HD_REVERSE, NULL, expected);
    for (size_t i = 0; i < 3; i++) {
        hd_device *device = cuda_in(arithmetics[i]);
        cr_expect_str_eq(device->arithmetic, arithmetics[i]);
        run_mode(device, p, HD_REVERSE, NULL, got[i]);
        cr_expect(error_of(p, got[i], expected) <= bounds[i], "%s: %g", arithmetics[i],
                  error_of(p, got[i], expected));
        hd_device_close(device);
    }
    cr_expect(memcmp(got[0], got[1], p->problem.hypers * sizeof(double)) != 0);
    cr_expect_gt(error_of(p, got[2], expected), 2e-5);
    hd_device_close(reference);
    free_problem(p);
}

/* --- what is launched --- */

static struct {
    const hd_device_ops *own;
    hd_device_ops counting;
    size_t calls;
} counted;

static void counted_multiply(hd_device *device, size_t count, const hd_product *products) {
    size_t before = device->launches;
    counted.own->multiply(device, count, products);
    counted.calls += device->launches - before;
}

/* Calls of cuBLAS for gradient and Hessian-vector products of a network of three layers. */
static size_t library_calls(size_t tangents) {
    enum { ROWS = 6 };
    static const size_t dims[] = {7, 5, 4, 3};
    hd_device *device = cuda_in("cublas");
    hd_model model;
    hd_activations act;
    hd_error error;
    uint8_t pixels[ROWS * 7] = {0}, labels[ROWS] = {0};
    hd_model_describe(&model, device, 3, dims);
    cr_assert_eq(hd_activations_create(&model, ROWS, tangents, &act, &error), HD_OK);
    hd_batch *batch = device->ops->batch_create(device, ROWS, dims[0]);
    hd_real *w = device->ops->allocate(device, model.weights),
            *g = device->ops->allocate(device, model.weights),
            *r = device->ops->allocate(device, tangents * model.weights),
            *h = device->ops->allocate(device, tangents * model.weights);
    hd_examples examples = {device->ops->place(device, pixels, sizeof pixels),
                            device->ops->place(device, labels, sizeof labels), ROWS};
    cr_assert(batch && w && g && r && h && examples.pixels && examples.labels);
    device->ops->batch_load(device, batch, &examples, NULL, 0, ROWS);
    hd_derivatives wanted = {.divisor = ROWS, .gradient = g, .tangents = tangents, .r = r, .hvp = h};
    counted.own = device->ops;
    counted.counting = *device->ops;
    counted.counting.multiply = counted_multiply;
    counted.calls = 0;
    device->ops = &counted.counting;
    hd_model_differentiate(&model, w, batch, ROWS, &act, &wanted);
    device->ops->settle(device);
    cr_expect_eq(device->latch.kind, HD_NOTHING_LATCHED, "%s", device->note);
    hd_activations_release(&model, &act);
    device->ops->batch_release(device, batch);
    hd_device_close(device); /* and with it the rest */
    return counted.calls;
}

/* Forward a layer: the primal's, all tangents' first terms, from layer 1 on their second ones: 2 + 3 + 3.
 * Back: dW and db, of the tangents the same and a second term for dW, the delta and of the tangents two
 * terms: 4 + 8 + 8. */
Test(cublas, all_tangents_of_a_layer_are_one_call) {
    cr_expect_eq(library_calls(2), 28);
    cr_expect_eq(library_calls(8), 28);
    cr_expect_eq(library_calls(36), 28, "the most hyperparameters there can be");
}

Test(cuda, counts_the_launches_of_a_run_kept_or_told_anew) {
    hd_device *device = cuda(), *cpu = open_device("cpu", (hd_device_options){0});
    small_problem *p = make_problem(&recipes[0]);
    hd_engine *engine;
    hd_result result;
    hd_error error = {.message = ""};
    size_t launches[3], seen = 0;
    hd_observer observer = {.wants = 1u << HD_WEIGHTS, .seen = look_on, .context = &seen};
    cr_assert_eq(hd_engine_create(device, &p->problem, HD_FORWARD, &engine, &error), HD_OK);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(hd_engine_run(engine, &p->point, i == 2 ? &observer : NULL, &result, &error), HD_OK);
        launches[i] = result.launches;
    }
    cr_expect_gt(launches[0], 4 * p->problem.steps);
    cr_expect_eq(launches[1], launches[0]);
    cr_expect_eq(launches[2], launches[0]);
    cr_expect_eq(run_mode(cpu, p, HD_FORWARD, NULL, NULL).launches, 0);
    hd_engine_destroy(engine);
    hd_device_close(device);
    hd_device_close(cpu);
    free_problem(p);
}

/* --- what it holds and says --- */

/* The trace's problem, in all its sizes. */
static const recipe full_size = {.layers = 3,
                                 .dims = {784, 300, 300, 10},
                                 .steps = 100,
                                 .batch = 200,
                                 .training = 35000,
                                 .validation = 21000,
                                 .test = 14000,
                                 .eta = 0.01,
                                 .mu = 0.5,
                                 .seed = 1};

static void expect_room(const char *arithmetic) {
    small_problem *p = make_problem(&full_size);
    size_t states = 2 * p->weights * sizeof(float), data = 70000 * 785 + 100 * 200 * sizeof(uint32_t);
    hd_device *device = cuda_in(arithmetic);
    for (int mode = 0; mode < 2; mode++) {
        hd_engine *engine;
        hd_error error = {.message = ""};
        cr_assert(hd_engine_create(device, &p->problem, (hd_mode)mode, &engine, &error) == HD_OK, "%s",
                  error.message);
        cr_expect_eq(engine->data_bytes, data + (mode == HD_FORWARD ? 2 : 101) * states);
        size_t beside = device->allocated - engine->data_bytes;
        cr_expect_lt(beside, 96000000, "%s, mode %d: %zu bytes", arithmetic, mode, beside);
        hd_engine_destroy(engine);
    }
    hd_device_close(device);
    free_problem(p);
}

Test(cuda, holds_less_than_96_mb_beside_data_and_trajectory) {
    expect_room("exact");
}

Test(cublas, holds_less_than_96_mb_beside_data_and_trajectory) {
    expect_room("cublas");
}

static const char *fact_of(const hd_device *device, const char *key) {
    for (size_t i = 0; i < device->facts; i++)
        if (!strcmp(device->fact[i].key, key)) return device->fact[i].text;
    return "";
}

Test(cuda, says_what_it_runs_on) {
    static const char *const keys[] = {"gpu",         "gpu_memory",  "compute_capability", "multiprocessors",
                                       "driver_cuda", "cuda_runtime"};
    hd_device *exact = cuda(), *cublas = cuda_in("cublas");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        cr_expect(strlen(fact_of(exact, keys[i])) > 0, "no %s", keys[i]);
        cr_expect_str_eq(fact_of(cublas, keys[i]), fact_of(exact, keys[i]));
    }
    cr_expect_str_eq(fact_of(exact, "cublas"), "");
    cr_expect_not_null(strchr(fact_of(cublas, "cublas"), '.'));
    hd_device_close(exact);
    hd_device_close(cublas);
}

/* --- what is refused --- */

static void expect_refused(const char *name, const char *arithmetic, hd_status expected, const char *cause) {
    hd_device *device = NULL;
    hd_error error = {.message = ""};
    hd_device_options options = {.arithmetic = arithmetic};
    cr_expect_eq(hd_device_open(name, &options, &device, &error), expected, "%s", error.message);
    cr_expect(strstr(error.message, cause), "no '%s' in: %s", cause, error.message);
    cr_expect_null(device);
}

Test(cublas, is_refused_by_devices_that_have_it_not) {
    expect_refused("cpu", "cublas", HD_INVALID, "device cpu: arithmetic cublas: allowed: exact");
    expect_refused("reference", "cublas", HD_INVALID,
                   "device reference: arithmetic cublas: allowed: float64");
    expect_refused("reference", "exact", HD_INVALID, "float64");
    expect_refused("cuda", "fast", HD_INVALID, "allowed: exact, cublas, cublas-tf32");
    cr_expect(hd_device_offers("cuda", "cublas-tf32") && hd_device_offers("cpu", NULL));
    cr_expect(!hd_device_offers("cpu", "cublas") && !hd_device_offers("tpu", NULL));
}

Test(cublas, refuses_variables_that_change_it_unseen) {
    static const char *const variables[] = {"CUBLAS_EMULATE_SINGLE_PRECISION", "CUBLAS_EMULATION_STRATEGY",
                                            "NVIDIA_TF32_OVERRIDE"};
    hd_device_close(cuda_in("cublas"));
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        setenv(variables[i], "0", 1);
        expect_refused("cuda", "cublas", HD_INVALID, variables[i]);
        expect_refused("cuda", "cublas-tf32", HD_INVALID, variables[i]);
        hd_device_close(cuda_in("exact"));
        unsetenv(variables[i]);
    }
    hd_device_close(cuda_in("cublas"));
}

/* As the emulation is told to be. */
static void emulate(const char *cublas) {
    if (strcmp(hd_device_cuda_build(), "emulated") != 0)
        cr_skip_test("the CUDA device is not the emulated one");
    setenv("HD_EMULATED_CUBLAS", cublas, 1);
}

Test(cublas, is_not_there_without_its_library_and_exact_is) {
    emulate("absent");
    expect_refused("cuda", "cublas", HD_UNAVAILABLE, "no libcublas");
    hd_device_close(cuda_in("exact"));
    emulate("uninitialized");
    expect_refused("cuda", "cublas", HD_UNAVAILABLE, "cublasCreate: CUBLAS_STATUS_NOT_INITIALIZED");
}

Test(cublas, a_call_that_fails_ends_the_run) {
    emulate("failing");
    hd_device *device = cuda_in("cublas");
    small_problem *p = make_problem(&recipes[0]);
    hd_engine *engine;
    hd_result result;
    hd_error error = {.message = ""};
    cr_assert_eq(hd_engine_create(device, &p->problem, HD_REVERSE, &engine, &error), HD_OK);
    cr_expect_eq(hd_engine_run(engine, &p->point, NULL, &result, &error), HD_UNAVAILABLE);
    cr_expect(strstr(error.message, "a product by cuBLAS: CUBLAS_STATUS_EXECUTION_FAILED"), "%s",
              error.message);
    hd_engine_destroy(engine);
    hd_device_close(device);
    free_problem(p);
}
