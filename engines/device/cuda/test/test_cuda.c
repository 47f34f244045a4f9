/* Whole runs on the CUDA device, emulated or real: in the exact arithmetic they give the CPU's bits, both
 * when sections are recorded and when they are replayed. */
#include "device/cuda/test/cuda_runs.h"

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

/* The second engine must not replay the first one's graph. */
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

/* Each keeps its own recorded sections, whichever ran last. */
Test(cuda, two_engines_on_one_device_give_their_own_results) {
    hd_device *device = cuda(), *cpu = open_device("cpu", (hd_device_options){0});
    small_problem *p[2] = {make_problem(&recipes[0]), make_problem(&recipes[2])};
    hd_engine *engine[2], *expected[2];
    hd_error error = {.message = ""};
    for (size_t i = 0; i < 2; i++) {
        hd_mode mode = i ? HD_REVERSE : HD_FORWARD;
        cr_assert_eq(hd_engine_create(device, &p[i]->problem, mode, &engine[i], &error), HD_OK);
        cr_assert_eq(hd_engine_create(cpu, &p[i]->problem, mode, &expected[i], &error), HD_OK);
    }
    for (size_t run = 0; run < 6; run++) {
        size_t i = run % 2;
        expect_same(p[i], outcome_of(engine[i], p[i], &p[i]->point, NULL),
                    outcome_of(expected[i], p[i], &p[i]->point, NULL), i ? "second" : "first");
    }
    for (size_t i = 0; i < 2; i++) {
        hd_engine_destroy(engine[i]);
        hd_engine_destroy(expected[i]);
        free_problem(p[i]);
    }
    hd_device_close(device);
    hd_device_close(cpu);
}

/* A section with more launches than a graph should have is carried out, not kept. */
Test(cuda, long_trainings_are_not_kept_as_graphs_and_give_the_same_bits) {
    recipe longer = recipes[0];
    longer.dims[0] = 3, longer.batch = 2, longer.steps = 2000;
    hd_device *device = cuda(), *cpu = open_device("cpu", (hd_device_options){0});
    small_problem *p = make_problem(&longer);
    double on_cuda[MOST_HYPERS], on_cpu[MOST_HYPERS];
    hd_engine *engine;
    hd_error error = {.message = ""};
    run_mode(cpu, p, HD_FORWARD, NULL, on_cpu);
    cr_assert_eq(hd_engine_create(device, &p->problem, HD_FORWARD, &engine, &error), HD_OK);
    for (size_t run = 0; run < 2; run++) {
        hd_result result;
        cr_assert_eq(hd_engine_run(engine, &p->point, NULL, &result, &error), HD_OK, "%s", error.message);
        memcpy(on_cuda, result.hypergradients, p->problem.hypers * sizeof *on_cuda);
        cr_expect(!memcmp(on_cuda, on_cpu, p->problem.hypers * sizeof *on_cpu), "run %zu", run);
        cr_expect_gt(result.launches, 1 << 14, "%zu launches: is that long?", result.launches);
    }
    hd_engine_destroy(engine);
    hd_device_close(device);
    hd_device_close(cpu);
    free_problem(p);
}

Test(cuda, is_unavailable_where_the_program_has_no_code_for_the_gpu) {
    hd_device *device = NULL;
    hd_error error = {.message = ""};
    if (strcmp(hd_device_cuda_build(), "emulated") != 0)
        cr_skip_test("the CUDA device is not the emulated one");
    setenv("HD_EMULATED_KERNELS", "absent", 1);
    cr_expect_eq(hd_device_open("cuda", NULL, &device, &error), HD_UNAVAILABLE);
    cr_expect(strstr(error.message, "cannot be loaded (built for emulated): no kernel image"), "%s",
              error.message);
    unsetenv("HD_EMULATED_KERNELS");
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

/* --- what is launched --- */

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

Test(cuda, holds_less_than_96_mb_beside_data_and_trajectory) {
    expect_room("exact");
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
