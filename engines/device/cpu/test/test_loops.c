/* The cpu device's loops give the bits of scalar models of the exact arithmetic: each of the three versions,
 * with one thread and with two. */
#include "arithmetic/arithmetic.h"
#include "test/sample.h"

#include <stdlib.h>

static void with_loops(const char *loops, void (*check)(hd_device *)) {
    for (size_t threads = 1; threads <= 2; threads++) {
        hd_device *device =
            open_device("cpu", (hd_device_options){.threads = threads, .kernels = "own", .loops = loops});
        check(device);
        hd_device_close(device);
    }
}

/* The three tests of one check. */
#define WITH_EACH_VERSION(sentence, check)                                                                   \
    Test(loops, avx512_##sentence) {                                                                         \
        with_loops("avx512", check);                                                                         \
    }                                                                                                        \
    Test(loops, avx2_##sentence) {                                                                           \
        with_loops("avx2", check);                                                                           \
    }                                                                                                        \
    Test(loops, baseline_##sentence) {                                                                       \
        with_loops("baseline", check);                                                                       \
    }

enum { MOST = 30011 };

static void expect_floats(hd_device *device, const hd_real *array, size_t count, const float *model,
                          const char *what) {
    double *got = malloc((count + 1) * sizeof *got);
    cr_assert(got);
    device->ops->download(device, count, array, got);
    for (size_t i = 0; i < count; i++)
        cr_assert(same_bits((float)got[i], model[i]), "%s, %zu threads: %s [%zu of %zu] = %a, not %a",
                  device->loops, device->threads, what, i, count, got[i], (double)model[i]);
    free(got);
}

/* --- sums --- */

/* Adds to sum: term i goes to lane i % 16, one fmaf chain each; lanes fold 8, 4, 2, 1; slices are added in
 * float64. */
static double model_sum(double sum, size_t count, const float *x, const float *y) {
    for (size_t from = 0; from < count; from += 4096) {
        float lane[16] = {0};
        for (size_t i = from; i < count && i < from + 4096; i++)
            lane[(i - from) % 16] = fmaf(x[i], y ? y[i] : 1.0f, lane[(i - from) % 16]);
        for (size_t j = 0; j < 8; j++) lane[j] = lane[j] + lane[j + 8];
        for (size_t j = 0; j < 4; j++) lane[j] = lane[j] + lane[j + 4];
        for (size_t j = 0; j < 2; j++) lane[j] = lane[j] + lane[j + 2];
        sum += (double)(lane[0] + lane[1]);
    }
    return sum;
}

static const size_t sizes[] = {0, 1, 15, 16, 17, 4095, 4096, 4097, 8192, 20000, MOST};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void check_sums(hd_device *device) {
    for (size_t s = 0; s < SIZES; s++) {
        size_t n = sizes[s];
        float x[MOST], y[MOST];
        uint64_t seed = n;
        sample_floats(&seed, 1, MOST, x);
        sample_floats(&seed, 1, MOST, y);
        hd_real *on_x = uploaded(device, n, x), *on_y = uploaded(device, n, y);
        double sums[2] = {0.1, 0.2}, expected[2] = {model_sum(0.1, n, x, y), model_sum(0.2, n, x, NULL)};
        device->ops->dot(device, n, on_x, on_y, sums);
        device->ops->dot(device, n, on_x, NULL, sums + 1);
        cr_assert(sums[0] == expected[0] && sums[1] == expected[1],
                  "%s, %zu threads, %zu terms: %a %a, not %a %a", device->loops, device->threads, n, sums[0],
                  sums[1], expected[0], expected[1]);
        device->ops->release(device, on_x);
        device->ops->release(device, on_y);
    }
}

WITH_EACH_VERSION(loops_add_in_sixteen_lanes, check_sums)

/* --- momentum --- */

static const hd_coefficients point = {.rho_l1 = 0.0007, .rho_l2 = 0.0013, .eta = 0.011, .mu = 0.503};
static const hd_stretches whole = {.count = 1, .start = {0, MOST}, .coefficients = &point};
static float model_sign(float w) {
    return (float)((w > 0) - (w < 0));
}

typedef struct vectors { /* inputs of momentum's operations, [MOST] each, and the same on the device */
    float w[MOST], m[MOST], g[MOST], z_w[MOST], z_m[MOST];
    hd_real *on_w, *on_m, *on_g, *on_z_w, *on_z_m, *a, *b;
} vectors;

/* Numbers of all sizes, zeros of both signs and subnormals among them. */
static void fill(uint64_t *seed, float values[MOST]) {
    static const float factors[] = {1, 0x1p-10f, 0, -0x1p-140f, 3};
    for (size_t i = 0; i < MOST; i++) values[i] = sample_float(seed, 1) * factors[sample_index(seed, 5)];
}

static vectors *make_vectors(hd_device *device) {
    vectors *v = malloc(sizeof *v);
    cr_assert(v);
    uint64_t seed = 3;
    float *sent[] = {v->w, v->m, v->g, v->z_w, v->z_m};
    hd_real **on[] = {&v->on_w, &v->on_m, &v->on_g, &v->on_z_w, &v->on_z_m};
    for (size_t i = 0; i < 5; i++) {
        fill(&seed, sent[i]);
        *on[i] = uploaded(device, MOST, sent[i]);
    }
    v->a = uploaded(device, MOST, v->w);
    v->b = uploaded(device, MOST, v->w);
    return v;
}

static void release_vectors(hd_device *device, vectors *v) {
    hd_real *arrays[] = {v->on_w, v->on_m, v->on_g, v->on_z_w, v->on_z_m, v->a, v->b};
    for (size_t i = 0; i < 7; i++) device->ops->release(device, arrays[i]);
    free(v);
}

static void check_step(hd_device *device) {
    vectors *v = make_vectors(device);
    float l1 = (float)point.rho_l1, l2 = (float)point.rho_l2, eta = (float)point.eta, mu = (float)point.mu;
    float w_next[MOST], m_next[MOST];
    for (size_t i = 0; i < MOST; i++) {
        float g = fmaf(2 * l2, v->w[i], fmaf(l1, model_sign(v->w[i]), v->g[i]));
        m_next[i] = fmaf(mu, v->m[i], g);
        w_next[i] = fmaf(-eta, m_next[i], v->w[i]);
    }
    device->ops->momentum_step(device, &whole, v->on_w, v->on_m, v->on_g, v->a, v->b,
                               (hd_label){HD_WEIGHTS, 0});
    expect_floats(device, v->a, MOST, w_next, "w'");
    expect_floats(device, v->b, MOST, m_next, "m'");
    release_vectors(device, v);
}

WITH_EACH_VERSION(loops_step_as_the_model_does, check_step)

static void check_tangents(hd_device *device) {
    vectors *v = make_vectors(device);
    float l2 = (float)point.rho_l2, eta = (float)point.eta, mu = (float)point.mu, zw[MOST], zm[MOST];
    for (hd_source source = HD_SOURCE_NONE; source <= HD_SOURCE_STEP; source++) {
        for (size_t i = 0; i < MOST; i++) { /* g stands for h and for m' */
            zm[i] = fmaf(mu, v->z_m[i], fmaf(2 * l2, v->z_w[i], v->g[i]));
            if (source == HD_SOURCE_SIGN) zm[i] = zm[i] + model_sign(v->w[i]);
            if (source == HD_SOURCE_TWICE) zm[i] = zm[i] + 2 * v->w[i];
            if (source == HD_SOURCE_MOMENTUM) zm[i] = zm[i] + v->m[i];
            zw[i] = fmaf(-eta, zm[i], v->z_w[i]);
            if (source == HD_SOURCE_STEP) zw[i] = zw[i] - v->g[i];
        }
        device->ops->upload(device, MOST, v->z_w, v->a);
        device->ops->upload(device, MOST, v->z_m, v->b);
        device->ops->momentum_tangent(device, &whole, 1, MOST, &source, v->on_w, v->on_m, v->on_g, v->on_g,
                                      v->a, v->b, (hd_label){HD_TANGENT, 0});
        expect_floats(device, v->a, MOST, zw, "z_w");
        expect_floats(device, v->b, MOST, zm, "z_m");
    }
    release_vectors(device, v);
}

WITH_EACH_VERSION(loops_carry_tangents_as_the_model_does, check_tangents)

static void check_adjoints(hd_device *device) {
    vectors *v = make_vectors(device);
    float l2 = (float)point.rho_l2, eta = (float)point.eta, mu = (float)point.mu;
    float q[MOST], term[3][MOST], minus_p_w[MOST], p_w[MOST], p_m[MOST];
    for (size_t i = 0; i < MOST; i++) {
        q[i] = fmaf(-eta, v->z_w[i], v->z_m[i]);
        term[0][i] = model_sign(v->w[i]), term[1][i] = 2 * v->w[i], term[2][i] = v->g[i];
        minus_p_w[i] = -v->z_w[i];
        p_w[i] = v->z_w[i] + fmaf(2 * l2, q[i], v->w[i]);
        p_m[i] = mu * q[i];
    }
    double sums[4] = {0}, expected[4] = {model_sum(0, MOST, q, term[0]), model_sum(0, MOST, q, term[1]),
                                         model_sum(0, MOST, minus_p_w, term[2]), model_sum(0, MOST, q, v->m)};
    device->ops->momentum_adjoint(device, &whole, v->on_w, v->on_m, v->on_g, v->on_z_w, v->on_z_m, v->a,
                                  sums);
    expect_floats(device, v->a, MOST, q, "q");
    for (size_t s = 0; s < 4; s++)
        cr_expect(sums[s] == expected[s], "sum %zu: %a, not %a", s, sums[s], expected[s]);
    device->ops->momentum_pull_back(device, &whole, v->a, v->on_w, v->on_z_w, v->on_z_m,
                                    (hd_label){HD_ADJOINT, 0});
    expect_floats(device, v->on_z_w, MOST, p_w, "p_w");
    expect_floats(device, v->on_z_m, MOST, p_m, "p_m");
    release_vectors(device, v);
}

WITH_EACH_VERSION(loops_carry_the_adjoint_as_the_model_does, check_adjoints)

/* --- the network's element formulas --- */

enum { ROWS = 301, CLASSES = 10, COUNT = ROWS * CLASSES };

static void model_softmax(const float *z, size_t label, float divisor, float *p, float *delta, float *error) {
    float greatest = z[0], sum = 0;
    for (size_t c = 1; c < CLASSES; c++) greatest = z[c] > greatest ? z[c] : greatest;
    for (size_t c = 0; c < CLASSES; c++) sum = sum + hd_exp(z[c] - greatest);
    for (size_t c = 0; c < CLASSES; c++) p[c] = hd_exp(z[c] - greatest) / sum;
    float low = 1e-5f, high = (float)(1.0 - 1e-5),
          clipped = p[label] < low    ? low
                    : p[label] > high ? high
                                      : p[label];
    *error = -hd_log(clipped);
    for (size_t c = 0; c < CLASSES; c++)
        delta[c] = clipped != p[label] ? 0 : (p[c] - (c == label ? 1.0f : 0.0f)) / divisor;
}

static void model_softmax_tangent(const float *p, const float *delta, float divisor, float *z_dot) {
    float mean = 0;
    bool cut_off = true; /* only then is all of delta zero */
    for (size_t c = 0; c < CLASSES; c++) mean = fmaf(p[c], z_dot[c], mean), cut_off &= delta[c] == 0;
    for (size_t c = 0; c < CLASSES; c++) z_dot[c] = cut_off ? 0 : p[c] * (z_dot[c] - mean) / divisor;
}

static void check_softmax(hd_device *device) {
    float logits[COUNT], z_dot[COUNT], p[COUNT], delta[COUNT], error[ROWS], divisor = 2100;
    uint8_t labels[ROWS];
    uint64_t seed = 6;
    sample_floats(&seed, 9, COUNT, logits);
    sample_floats(&seed, 1, COUNT, z_dot);
    for (size_t r = 0; r < ROWS; r++) labels[r] = (uint8_t)sample_index(&seed, CLASSES);
    hd_examples examples = {labels, labels, ROWS}; /* one pixel each, not used */
    hd_batch *batch = device->ops->batch_create(device, ROWS, 1);
    hd_real *on_logits = uploaded(device, COUNT, logits), *on_z_dot = uploaded(device, COUNT, z_dot);
    hd_real *on_p = uploaded(device, COUNT, logits), *on_delta = uploaded(device, COUNT, logits);
    hd_real *on_error = uploaded(device, ROWS, logits);
    device->ops->batch_load(device, batch, &examples, NULL, 0, ROWS);
    device->ops->softmax(device, batch, CLASSES, (double)divisor, on_logits, on_p, on_delta, on_error);
    device->ops->softmax_tangent(device, batch, 1, CLASSES, (double)divisor, on_p, on_z_dot, COUNT);
    for (size_t r = 0; r < ROWS; r++) {
        model_softmax(logits + r * CLASSES, labels[r], divisor, p + r * CLASSES, delta + r * CLASSES,
                      error + r);
        model_softmax_tangent(p + r * CLASSES, delta + r * CLASSES, divisor, z_dot + r * CLASSES);
    }
    expect_floats(device, on_p, COUNT, p, "p");
    expect_floats(device, on_delta, COUNT, delta, "delta");
    expect_floats(device, on_error, ROWS, error, "error");
    expect_floats(device, on_z_dot, COUNT, z_dot, "R{delta}");
    hd_real *arrays[] = {on_logits, on_z_dot, on_p, on_delta, on_error};
    for (size_t i = 0; i < 5; i++) device->ops->release(device, arrays[i]);
    device->ops->batch_release(device, batch);
}

WITH_EACH_VERSION(loops_take_softmax_as_the_model_does, check_softmax)

static void check_pixels(hd_device *device) {
    enum { PIXELS = 256 };
    uint8_t pixels[PIXELS], label = 0;
    for (size_t i = 0; i < PIXELS; i++) pixels[i] = (uint8_t)(255 - i);
    hd_examples examples = {pixels, &label, 1};
    hd_batch *batch = device->ops->batch_create(device, 1, PIXELS);
    double got[PIXELS];
    device->ops->batch_load(device, batch, &examples, NULL, 0, 1);
    device->ops->batch_download(device, batch, got);
    for (size_t i = 0; i < PIXELS; i++)
        cr_expect(got[i] == (double)((float)pixels[i] * 0x1.010102p-8f), "pixel %u: %a", pixels[i], got[i]);
    device->ops->batch_release(device, batch);
}

WITH_EACH_VERSION(loops_scale_pixels_by_a_float_s_1_255th, check_pixels)
