/* Whole runs on cpu give the same bits with all kernels and all loops, with one thread and with two. */
#include "test/small_problem.h"

#include <sys/wait.h>
#include <unistd.h>

/* Inputs, hidden units and batches of more than one slice; two validation chunks, the second not whole
 * slices. */
static const recipe large = {3, {300, 9, 260, 4}, 2, 270, 300, 2300, 50, 0.05, 0.5, 0.0001, 0.001, false, 12};
static const recipe small = {3, {40, 20, 15, 5}, 3, 33, 90, 2100, 30, 0.1, 0.6, 0.001, 0.002, false, 13};

/* FNV-1a. */
static uint64_t hashed(uint64_t hash, const double *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3u;
    }
    return hash;
}

/* Weights, hypergradients and validation error of both modes. */
static uint64_t run_hash(hd_device *device, const small_problem *p) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
        hd_engine *engine;
        hd_result r;
        hd_error error = {.message = ""};
        cr_assert(hd_engine_create(device, &p->problem, mode, &engine, &error) == HD_OK, "%s", error.message);
        cr_assert(hd_engine_run(engine, &p->point, NULL, &r, &error) == HD_OK, "%s", error.message);
        hash = hashed(hash, r.weights, p->weights);
        hash = hashed(hash, r.hypergradients, p->problem.hypers);
        hash = hashed(hash, &r.validation_error, 1);
        hd_engine_destroy(engine);
    }
    return hash;
}

/* The answer of the process that carried out a run. */
typedef struct answer {
    hd_status opened;
    uint64_t hash;
    char kernels[32], loops[16], message[512];
} answer;

/* BLIS keeps its kernels for the life of a process, so each combination gets a process. */
static answer ask(const small_problem *p, hd_device_options options) {
    answer a = {.opened = HD_INVALID, .message = "the process ended early"};
    int ends[2], status = 0;
    cr_assert(pipe(ends) == 0);
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        hd_device *device = NULL;
        hd_error error = {.message = ""};
        a.opened = hd_device_open("cpu", &options, &device, &error);
        memcpy(a.message, error.message, sizeof a.message);
        if (device) {
            memcpy(a.kernels, device->kernels, sizeof a.kernels);
            memcpy(a.loops, device->loops, sizeof a.loops);
            a.hash = run_hash(device, p);
        }
        _exit(write(ends[1], &a, sizeof a) == sizeof a ? 0 : 1);
    }
    close(ends[1]);
    bool read_whole = read(ends[0], &a, sizeof a) == sizeof a;
    close(ends[0]);
    cr_assert(waitpid(child, &status, 0) == child && status == 0 && read_whole, "%s", a.message);
    return a;
}

static const char *const kernels[] = {"skx", "haswell", "zen2", "zen3", "own"};
static const char *const loops[] = {"avx512", "avx2", "baseline"};
enum { KERNELS = 5, LOOPS = 3 };

/* Compares one more answer; the first one sets the hash. False where this machine cannot run it. */
static bool same_as_before(const small_problem *p, hd_device_options options, uint64_t *hash) {
    answer a = ask(p, options);
    if (a.opened == HD_UNAVAILABLE) return false;
    cr_assert(a.opened == HD_OK, "%s", a.message);
    cr_assert(!strcmp(a.kernels, options.kernels) && !strcmp(a.loops, options.loops), "%s, %s ran", a.kernels,
              a.loops);
    if (*hash == 0) *hash = a.hash;
    cr_expect(a.hash == *hash, "%s, %s, %zu threads: other bits", a.kernels, a.loops, options.threads);
    return true;
}

/* Runs every combination of kernels and loops, with one thread and with two, and logs those that this machine
 * lacks. */
static void expect_same_bits(const recipe *r, const char *const *some_loops, size_t count) {
    small_problem *p = make_problem(r);
    uint64_t hash = 0;
    size_t ran = 0;
    for (size_t k = 0; k < KERNELS; k++)
        for (size_t l = 0; l < count; l++)
            for (size_t threads = 1; threads <= 2; threads++) {
                hd_device_options options = {
                    .threads = threads, .kernels = kernels[k], .loops = some_loops[l]};
                if (same_as_before(p, options, &hash))
                    ran++;
                else
                    cr_log_info("%s with %s loops and %zu threads: not on this machine", kernels[k],
                                some_loops[l], threads);
            }
    free_problem(p);
    if (ran < 2) cr_skip_test("this machine runs %zu of the combinations", ran);
}

Test(bits, kernels_loops_and_threads_change_none) {
    expect_same_bits(&small, loops, LOOPS);
}
Test(bits, kernels_and_threads_change_none_over_several_slices) {
    expect_same_bits(&large, loops, 1);
}

/* More than one slice of inputs and of examples, small enough for the slowest version. */
static const recipe sliced = {2, {300, 9, 4}, 2, 260, 300, 300, 50, 0.05, 0.5, 0.0001, 0.001, false, 14};

Test(bits, own_products_of_each_version_change_none_over_several_slices) {
    small_problem *p = make_problem(&sliced);
    uint64_t hash = ask(p, (hd_device_options){.threads = 1}).hash;
    cr_assert(hash != 0);
    for (size_t l = 0; l < LOOPS; l++)
        same_as_before(p, (hd_device_options){.threads = 1, .kernels = "own", .loops = loops[l]}, &hash);
    free_problem(p);
}

Test(bits, ten_runs_give_the_same) {
    small_problem *p = make_problem(&small);
    uint64_t hash = 0;
    for (int run = 0; run < 10; run++) {
        hd_device *device = open_device("cpu", (hd_device_options){0});
        uint64_t this_run = run_hash(device, p);
        if (run == 0) hash = this_run;
        cr_expect(this_run == hash, "run %d", run);
        hd_device_close(device);
    }
    free_problem(p);
}

Test(bits, an_ulp_in_one_initial_weight_is_seen) {
    small_problem *p = make_problem(&small);
    hd_device *device = open_device("cpu", (hd_device_options){0});
    uint64_t hash = run_hash(device, p);
    float *weight = &p->initial[20 + 7]; /* of input 1, which is not black */
    *weight = nextafterf(*weight, HUGE_VALF);
    cr_expect(run_hash(device, p) != hash);
    *weight = nextafterf(*weight, -HUGE_VALF);
    cr_expect(run_hash(device, p) == hash);
    hd_device_close(device);
    free_problem(p);
}

/* The validation set's deltas, chunk after chunk, and the gradient made from them. */
typedef struct validation {
    size_t last, shown;
    double delta[2100 * 5], gradient[2000];
} validation;

static bool collect(void *context, const hd_view *view) {
    validation *v = context;
    for (size_t i = 0; view->tensor == HD_VALIDATION_GRADIENT && i < view->count; i++)
        v->gradient[i] = hd_view_at(view, i);
    if (view->tensor != HD_DELTA || view->index != v->last || view->step != small.steps) return true;
    if (v->shown + view->count > sizeof v->delta / sizeof *v->delta) return false;
    cr_expect_eq(view->first, v->shown / 5);
    for (size_t i = 0; i < view->count; i++) v->delta[v->shown++] = hd_view_at(view, i);
    return true;
}

Test(bits, the_validation_gradient_has_the_slices_of_one_product_over_all_rows) {
    enum { CLASSES = 5, ROWS = 2100 };
    small_problem *p = make_problem(&small);
    hd_device *device = open_device("cpu", (hd_device_options){0});
    validation *v = calloc(1, sizeof *v);
    cr_assert(v && p->weights <= sizeof v->gradient / sizeof *v->gradient);
    v->last = small.layers;
    hd_observer observer = {
        .wants = 1u << HD_DELTA | 1u << HD_VALIDATION_GRADIENT, .seen = collect, .context = v};
    run_mode(device, p, HD_REVERSE, &observer, NULL);
    cr_assert(v->shown == ROWS * CLASSES);
    for (size_t c = 0; c < CLASSES; c++) { /* the output layer's biases are the last weights */
        float bias = 0;
        for (size_t from = 0; from < ROWS; from += 256) {
            float s = 0;
            for (size_t r = from; r < ROWS && r < from + 256; r++) s += (float)v->delta[r * CLASSES + c];
            bias = from == 0 ? s : s + bias;
        }
        float got = (float)v->gradient[p->weights - CLASSES + c];
        cr_expect(same_bits(got, bias), "class %zu: %a, not %a", c, (double)got, (double)bias);
    }
    free(v);
    hd_device_close(device);
    free_problem(p);
}
