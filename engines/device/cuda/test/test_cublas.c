/* Whole runs on the CUDA device with products by cuBLAS are near the reference and repeat, and the device
 * refuses what would change them unnoticed. */
#include "device/cuda/test/cuda_runs.h"

/* The greatest difference of the hypergradients from the reference's, relative to each, or to 1 % of the
 * largest if that is more. */
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

/* A run after one with other weights: it shows whether a replayed section computes anew. */
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

/* Otherwise "cublas" might be the exact arithmetic under another name, and TF32 never switched on. */
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
    hd_device_close(device); /* this releases the rest */
    return counted.calls;
}

/* Calls for each layer. Forward: the primal's, all tangents' first terms, and from layer 1 on their second
 * terms: 2 + 3 + 3. Backward: dW and db, the tangents' dW (two terms) and db, the delta, and the tangents'
 * delta (two terms): 4 + 8 + 8. */
Test(cublas, all_tangents_of_a_layer_are_one_call) {
    cr_expect_eq(library_calls(2), 28);
    cr_expect_eq(library_calls(8), 28);
    cr_expect_eq(library_calls(36), 28, "the most hyperparameters there can be");
}

Test(cublas, holds_less_than_96_mb_beside_data_and_trajectory) {
    expect_room("cublas");
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
        setenv(variables[i], "1", 1);
        expect_refused("cuda", "cublas", HD_INVALID, variables[i]);
        expect_refused("cuda", "cublas-tf32", HD_INVALID, variables[i]);
        hd_device_close(cuda_in("exact"));
        unsetenv(variables[i]);
    }
    setenv("NVIDIA_TF32_OVERRIDE", "0", 1); /* forbids TF32 */
    expect_refused("cuda", "cublas-tf32", HD_INVALID, "NVIDIA_TF32_OVERRIDE");
    hd_device_close(cuda_in("cublas"));
    unsetenv("NVIDIA_TF32_OVERRIDE");
}

/* Sets how the emulated cuBLAS behaves. */
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
