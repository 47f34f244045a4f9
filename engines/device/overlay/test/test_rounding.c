/* Random rounding has the stated size, leaves exact results alone, and repeats. */
#include "device/overlay/rounding.h"
#include "test/conformance.h"
#include "test/small_problem.h"

static hd_device *open_rounding(uint32_t seed, size_t threads) {
    return open_device("cpu", (hd_device_options){.rounding = seed, .threads = threads});
}

/* The weights after a step of momentum from w, m, g = 0.5, 0, and k = {.eta = 1}: m' = g, w' = w - g. */
static void step(hd_device *device, size_t n, const float *w, const float *g, double *w_next,
                 double *m_next) {
    const hd_coefficients k = {.eta = 1};
    const hd_stretches whole = {.count = 1, .start = {0, n}, .coefficients = &k};
    hd_real *arrays[5] = {uploaded(device, n, w), device->ops->allocate(device, n), uploaded(device, n, g),
                          device->ops->allocate(device, n), device->ops->allocate(device, n)};
    device->ops->momentum_step(device, &whole, arrays[0], arrays[1], arrays[2], arrays[3], arrays[4],
                               (hd_label){HD_WEIGHTS, 0});
    device->ops->download(device, n, arrays[3], w_next);
    device->ops->download(device, n, arrays[4], m_next);
    for (size_t i = 0; i < 5; i++) device->ops->release(device, arrays[i]);
}

Test(rounding, has_the_mean_and_the_variance_that_it_states) {
    enum { N = 1 << 18 };
    static const float near[] = {1.0625f, 1.25f, 1.5f, 1.999f, -3.0f, 0x1.8p-40f, -0x1.4p60f};
    hd_device *device = open_rounding(3, 0);
    float *w = calloc(N, sizeof *w), *g = malloc(N * sizeof *g);
    double *w_next = malloc(N * sizeof *w_next), *m_next = malloc(N * sizeof *m_next);
    for (size_t v = 0; v < sizeof near / sizeof *near; v++) {
        double mean = 0, square = 0;
        for (size_t i = 0; i < N; i++) g[i] = near[v];
        step(device, N, w, g, w_next, m_next);
        for (size_t i = 0; i < N; i++) {
            double off = m_next[i] / (double)near[v] - 1;
            cr_assert(fabs(off) <= 0x1p-23, "%g moved by more than a neighbour", (double)near[v]);
            mean += off / N, square += off * off / N;
        }
        double deviation = 0x1p-24 / sqrt(3);
        cr_expect(fabs(mean) <= 5 * deviation / sqrt(N), "%g: mean %g", (double)near[v], mean);
        cr_expect(fabs(square / (deviation * deviation) - 1) <= 0.05, "%g: variance %g of what is stated",
                  (double)near[v], square / (deviation * deviation));
    }
    hd_device_close(device);
    free(w), free(g), free(w_next), free(m_next);
}

Test(rounding, leaves_alone_what_is_exact) {
    enum { N = 4096 };
    float w[N], g[N];
    double w_next[N], m_next[N];
    uint64_t seed = 1;
    hd_device *device = open_rounding(4, 0);
    size_t moved = 0;
    sample_floats(&seed, 1, N, w);
    for (size_t i = 0; i < N; i++) g[i] = i % 2 ? 0 : 0x1p-3f;
    step(device, N, w, g, w_next, m_next);
    for (size_t i = 0; i < N; i++) {
        if (i % 2 == 0) moved += w_next[i] != (double)(w[i] - g[i]);
        if (i % 2) cr_assert(w_next[i] == (double)w[i] && m_next[i] == 0, "weight %zu did not move", i);
    }
    cr_expect(moved > N / 20 && moved < N / 4, "%zu of %d moved", moved, N / 2);

    uint64_t more = 2;
    array a = make(device, &more, N, 1), d = make(device, &more, N, 1);
    device->ops->gate(device, 1, 1, N, a.at, d.at, 0);
    const double *gated = fetch(&d);
    for (size_t i = 0; i < N; i++)
        cr_assert(gated[i] == (a.sent[i] > 0 ? (double)d.sent[i] : 0), "a selection rounds nothing");
    drop(&a);
    drop(&d);
    hd_device_close(device);
}

/* A unit that the ReLU switches off stays zero, whatever its bias. */
Test(rounding, leaves_a_unit_that_is_off_alone) {
    enum { ROWS_ = 64, COLUMNS_ = 33 };
    hd_device *device = open_rounding(5, 0);
    uint64_t seed = 5;
    array z = make(device, &seed, ROWS_ * COLUMNS_, 1), b = make(device, &seed, COLUMNS_, 1);
    device->ops->activate(device, ROWS_, COLUMNS_, z.at, b.at, true, (hd_label){HD_ACTIVATION, 1});
    const double *a = fetch(&z);
    size_t off = 0;
    for (size_t i = 0; i < ROWS_ * COLUMNS_; i++) {
        bool on = z.sent[i] + b.sent[i % COLUMNS_] > 0;
        cr_assert(on ? a[i] > 0 : a[i] == 0, "element %zu: %g", i, a[i]);
        off += !on;
    }
    cr_expect(off > 100);
    drop(&z);
    drop(&b);
    hd_device_close(device);
}

static const recipe problem_recipe = {.layers = 3,
                                      .dims = {60, 140, 50, 4},
                                      .steps = 6,
                                      .batch = 260,
                                      .training = 300,
                                      .validation = 90,
                                      .test = 20,
                                      .eta = 0.1,
                                      .mu = 0.6,
                                      .rho_l1 = 1e-3,
                                      .rho_l2 = 1e-3,
                                      .seed = 12};

static void run_rounded(uint32_t seed, size_t threads, hd_mode mode, double hypergradients[2][MOST_HYPERS]) {
    hd_device *device = open_rounding(seed, threads);
    small_problem *p = make_problem(&problem_recipe);
    run_mode(device, p, mode, NULL, hypergradients[0]);
    double rate;
    hd_error error;
    cr_assert(hd_device_product_rate(device, &rate, &error) ==
              HD_OK); /* makes a varying number of products */
    run_mode(device, p, mode, NULL, hypergradients[1]);
    free_problem(p);
    hd_device_close(device);
}

Test(rounding, repeats_to_the_bit_whatever_the_threads_and_differs_by_seed) {
    size_t hypers = 2 * problem_recipe.layers + 2;
    for (int m = 0; m < 2; m++) {
        double one[2][MOST_HYPERS], two[2][MOST_HYPERS], again[2][MOST_HYPERS], other[2][MOST_HYPERS];
        run_rounded(1, 1, (hd_mode)m, one);
        run_rounded(1, 1, (hd_mode)m, again);
        run_rounded(2, 1, (hd_mode)m, other);
        for (size_t run = 0; run < 2; run++) {
            cr_expect_arr_eq(one[run], again[run], hypers * sizeof *one[run]);
            cr_expect_arr_neq(one[run], other[run], hypers * sizeof *one[run]);
        }
        for (size_t j = 0; j < hypers; j++)
            cr_expect(fabs(one[0][j] - other[0][j]) <= 1e-4 * fabs(one[0][j]), "hypergradient %zu: %g and %g",
                      j, one[0][j], other[0][j]);
        run_rounded(1, 2, (hd_mode)m, two); /* skips the rest where there is one processor */
        for (size_t run = 0; run < 2; run++) cr_expect_arr_eq(one[run], two[run], hypers * sizeof *one[run]);
    }
}

Test(rounding, is_not_called_exact_and_is_refused_by_other_devices) {
    hd_device *device = open_rounding(1, 0);
    cr_expect_str_eq(device->arithmetic, "random-rounding");
    hd_device_close(device);
    hd_error error = {.message = ""};
    hd_device_options options = {.rounding = 1};
    cr_expect_eq(hd_device_open("reference", &options, &device, &error), HD_INVALID);
    cr_expect_null(device);
    cr_expect(strstr(error.message, "rounding=1: allowed only on device cpu"), "%s", error.message);
}

Test(rounding, is_the_same_with_every_version_of_the_loops) {
    enum { N = 5000 };
    float w[N], g[N];
    double w_next[N], m_next[N], first[N];
    uint64_t seed = 8;
    sample_floats(&seed, 1, N, w);
    sample_floats(&seed, 1e-3f, N, g);
    static const char *const loops[] = {"baseline", "avx2", "avx512"};
    for (size_t l = 0; l < sizeof loops / sizeof *loops; l++) {
        hd_device *device = open_device("cpu", (hd_device_options){.rounding = 6, .loops = loops[l]});
        step(device, N, w, g, w_next, m_next);
        if (l == 0) memcpy(first, w_next, sizeof first);
        cr_expect_arr_eq(first, w_next, sizeof first, "%s", loops[l]);
        hd_device_close(device);
    }
}
