/* Runs that fail: refused problems, values that are not finite, memory that runs out anywhere. */
#include "modes/test/usual_problem.h"

#include <fenv.h>
#include <malloc.h>
#include <omp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- problems that are refused --- */

static void expect_refused(small_problem *p, const char *word) {
    hd_device *device = device_at(0);
    hd_error error;
    for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
        cr_expect(attempt(device, p, mode, NULL, &error) == HD_INVALID, "%s", word);
        cr_expect(strstr(error.message, word), "'%s' does not say '%s'", error.message, word);
    }
    cr_expect(device->allocated == 0);
    hd_device_close(device);
    free_problem(p);
}

Test(engine, labels_out_of_range_are_refused_in_every_set) {
    static const size_t at[] = {44, 45 + 24, 45 + 25 + 19};
    static const char *const words[] = {"training example 44 has label 3",
                                        "validation example 24 has label 3", "test example 19 has label 3"};
    for (size_t i = 0; i < 3; i++) {
        small_problem *p = usual_problem();
        p->labels[at[i]] = 3;
        expect_refused(p, words[i]);
    }
}

Test(engine, a_scheme_out_of_range_is_refused) {
    small_problem *p = usual_problem();
    p->scheme[35] = 45;
    expect_refused(p, "entry 35 is example 45");
}

Test(engine, hyperparameters_missing_twice_or_of_no_layer_are_refused) {
    small_problem *p = usual_problem();
    p->problem.hypers--;
    expect_refused(p, "mu is missing");
    p = usual_problem();
    p->hyper[p->problem.hypers - 2] = (hd_hyperparameter){HD_MU, 0};
    expect_refused(p, "mu is given twice");
    p = usual_problem();
    p->hyper[1] = p->hyper[0];
    expect_refused(p, "rho_l1_0 is given twice");
    p = usual_problem();
    p->hyper[4].layer = 3;
    expect_refused(p, "rho_l2_3: there are 3 layers");
    p = usual_problem();
    p->hyper[0] = (hd_hyperparameter){HD_ETA, 1}; /* a second eta in a layer of its own */
    expect_refused(p, "eta");
    p = usual_problem();
    p->problem.hypers = 9;
    expect_refused(p, "9 hyperparameters");
}

Test(engine, sizes_of_nothing_are_refused) {
    small_problem *p = usual_problem();
    p->problem.layers = 0;
    expect_refused(p, "0 layers");
    p = usual_problem();
    p->problem.layers = HD_MAX_LAYERS + 1;
    expect_refused(p, "18 layers");
    p = usual_problem();
    p->dims[2] = 0;
    expect_refused(p, "layer 2 has 0 units");
    p = usual_problem();
    p->dims[2] = SIZE_MAX / 2 + 1; /* times an even number it would wrap to 0 */
    expect_refused(p, "allowed: 1 to 16777216");
    p = usual_problem();
    p->problem.steps = 0;
    expect_refused(p, "steps");
    p = usual_problem();
    p->problem.batch = 0;
    expect_refused(p, "batch");
    p = usual_problem();
    p->problem.validation.count = 0;
    expect_refused(p, "validation set is empty");
    p = usual_problem();
    p->point.training_batch = usual.steps;
    expect_refused(p, "batch 6");
}

/* --- values that stop being finite --- */

static void expect_different(hd_device *device, const small_problem *p, const char *tensor,
                             const char *step) {
    hd_error error;
    for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
        cr_expect(attempt(device, p, mode, NULL, &error) == HD_DIFFERENT, "%s", device->name);
        cr_expect(strstr(error.message, tensor) && strstr(error.message, step),
                  "'%s' does not say '%s' and '%s'", error.message, tensor, step);
        cr_expect(device->latch.kind == HD_NOTHING_LATCHED);
    }
}

Test(engine, a_learning_rate_that_explodes_is_told_with_step_and_tensor) {
    small_problem *p = usual_problem();
    hd_device *cpu = device_at(0), *reference = device_at(1);
    p->values[p->problem.hypers - 2] = 1e30;
    expect_different(cpu, p, "activations of layer", "step 1");
    p->values[p->problem.hypers - 2] = 1e300;
    expect_different(reference, p, "activations of layer", "step 1");
    hd_device_close(reference);
    hd_device_close(cpu);
    free_problem(p);
}

Test(engine, a_weight_that_is_not_finite_is_told_even_under_a_black_pixel) {
    for (size_t d = 0; d < DEVICES; d++) {
        hd_device *device = device_at(d);
        small_problem *p = usual_problem();
        p->initial[0] = HUGE_VALF;
        expect_different(device, p, "activations of layer 1", "step 0");
        p->initial[0] = 0;
        p->initial[2 * usual.dims[1]] = (float)NAN; /* input 2 is black in every picture */
        expect_different(device, p, d == 0 ? "weights" : "activations of layer 1", "step 0");
        free_problem(p);
        hd_device_close(device);
    }
}

Test(engine, a_hyperparameter_that_is_not_a_number_is_told) {
    for (size_t d = 0; d < DEVICES; d++) {
        hd_device *device = device_at(d);
        for (size_t j = 0; j < 2 * usual.layers + 2; j++) {
            small_problem *p = usual_problem();
            p->values[j] = NAN;
            expect_different(device, p, "weights", "step 0");
            free_problem(p);
        }
        hd_device_close(device);
    }
}

/* --- memory that gives out --- */

/* Operations whose nth allocation fails. */
static const hd_device_ops *whole;
static size_t until_failure;

static bool fails(void) {
    return until_failure-- == 0;
}
static hd_real *allocate(hd_device *d, size_t count) {
    return fails() ? NULL : whole->allocate(d, count);
}
static double *allocate_sums(hd_device *d, size_t count) {
    return fails() ? NULL : whole->allocate_sums(d, count);
}
static hd_batch *batch_create(hd_device *d, size_t rows, size_t inputs) {
    return fails() ? NULL : whole->batch_create(d, rows, inputs);
}

Test(engine, each_allocation_may_fail_and_nothing_is_left_behind) {
    small_problem *p = usual_problem();
    for (size_t d = 0; d < DEVICES; d++)
        for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
            hd_device *device = device_at(d);
            whole = device->ops;
            hd_device_ops failing = *whole;
            failing.allocate = allocate, failing.allocate_sums = allocate_sums,
            failing.batch_create = batch_create;
            device->ops = &failing;
            size_t n = 0;
            for (hd_status status = HD_UNAVAILABLE; status != HD_OK; n++) {
                hd_error error;
                until_failure = n;
                status = attempt(device, p, mode, NULL, &error);
                cr_assert(status == HD_OK ||
                              (status == HD_UNAVAILABLE && strstr(error.message, device->name)),
                          "%s, %zu: %s", device->name, n, error.message);
                cr_assert(device->allocated == 0, "%s, allocation %zu: %zu bytes", device->name, n,
                          device->allocated);
            }
            cr_expect(n > 20 && n < 100, "%zu allocations", n);
            device->ops = whole;
            hd_device_close(device);
        }
    free_problem(p);
}

static size_t address_space(void) {
    size_t pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm && fscanf(statm, "%zu", &pages) != 1) pages = 0;
    if (statm) fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* A whole run on a fresh device that can get only so many bytes. */
static hd_status attempt_within(const small_problem *p, size_t d, hd_mode mode, size_t room,
                                hd_error *error) {
    hd_device *device = device_at(d);
    struct rlimit unlimited, limited;
    getrlimit(RLIMIT_AS, &unlimited);
    limited = unlimited;
    limited.rlim_cur = address_space() + room;
    setrlimit(RLIMIT_AS, &limited);
    hd_status status = attempt(device, p, mode, NULL, error);
    setrlimit(RLIMIT_AS, &unlimited);
    hd_device_close(device);
    return status;
}

static void warm_up(const small_problem *p, size_t d, hd_mode mode) {
    hd_device *device = device_at(d);
    run_mode(device, p, mode, NULL, NULL);
    hd_device_close(device);
}

Test(engine, a_limit_on_memory_is_unavailable_at_every_height) {
#if defined(__SANITIZE_ADDRESS__)
    cr_skip_test("the address sanitizer needs the address space");
#endif
    static const recipe wide = {2, {300, 80, 10}, 3, 50, 60, 70, 50, 0.1, 0.5, 0.001, 0.001, false, 9};
    mallopt(M_MMAP_THRESHOLD, 2048); /* maps every array, so that each of them meets the limit */
    small_problem *p = make_problem(&wide);
    for (size_t d = 0; d < DEVICES; d++)
        for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
            size_t enough = (size_t)16 << 20, refused = 0, done = 0;
            hd_error error = {.message = ""};
            warm_up(p, d, mode); /* BLIS keeps its buffers, and ends the process if it cannot get them */
            cr_assert(attempt_within(p, d, mode, enough, &error) == HD_OK, "%s", error.message);
            for (size_t room = 0; done < 3 && room < enough; room += 24 << 10) {
                hd_status status = attempt_within(p, d, mode, room, &error);
                cr_assert(status == HD_OK || status == HD_UNAVAILABLE, "%zu bytes: %s", room, error.message);
                if (status == HD_OK)
                    done++;
                else
                    refused++;
            }
            cr_expect(refused > 20 && done == 3, "%s: %zu refused, %zu done", devices[d], refused, done);
        }
    free_problem(p);
}

/* --- arithmetic that is changed while a run is under way --- */

/* Changes the arithmetic of one of two threads when the run comes to its third step. */
static bool change_arithmetic(void *context, const hd_view *view) {
    const int *thread = context;
    if (view->step != 2) return true;
#pragma omp parallel num_threads(2)
    if (omp_get_thread_num() == *thread) fesetround(FE_UPWARD);
    return true;
}

static void restore_arithmetic(void) {
#pragma omp parallel num_threads(2)
    fesetround(FE_TONEAREST);
}

Test(engine_failures, an_arithmetic_that_a_run_leaves_changed_is_told) {
    small_problem *p = make_problem(&usual);
    for (int thread = 0; thread < 2; thread++) {
        hd_device *device;
        hd_engine *engine;
        hd_error error;
        hd_result result;
        hd_observer observer = {.wants = 1u << HD_WEIGHTS, .seen = change_arithmetic, .context = &thread};
        if (hd_device_open("cpu", &(hd_device_options){.threads = 2}, &device, &error) != HD_OK)
            cr_skip_test("needs two processors");
        cr_assert_eq(hd_engine_create(device, &p->problem, HD_REVERSE, &engine, &error), HD_OK);
        hd_status status = hd_engine_run(engine, &p->point, &observer, &result, &error);
        restore_arithmetic();
        cr_expect_eq(status, HD_UNAVAILABLE);
        cr_expect(strstr(error.message, "round in another direction"), "%s", error.message);
        cr_expect_eq(hd_engine_run(engine, &p->point, NULL, &result, &error), HD_OK, "%s", error.message);
        hd_engine_destroy(engine);
        hd_device_close(device);
    }
    free_problem(p);
}
