/* The conformance suite's second half: softmax, and momentum's step with its tangent and adjoint. */
#include "test/conformance.h"

/* --- softmax --- */

typedef struct outputs { /* of softmax, for one example */
    double p[CLASSES], delta[CLASSES], error;
    bool passes;
} outputs;

static outputs softmax_of(const float *logits, size_t label, double divisor) {
    outputs o = {.error = 0};
    double sum = 0, clipped;
    for (size_t c = 0; c < CLASSES; c++) sum += exp((double)logits[c]);
    for (size_t c = 0; c < CLASSES; c++) o.p[c] = exp((double)logits[c]) / sum;
    o.passes = o.p[label] >= 1e-5 && o.p[label] <= 1 - 1e-5;
    clipped = fmin(fmax(o.p[label], 1e-5), 1 - 1e-5);
    o.error = -log(clipped);
    for (size_t c = 0; c < CLASSES; c++) o.delta[c] = o.passes ? (o.p[c] - (c == label)) / divisor : 0;
    return o;
}

static double tangent_of(const outputs *o, const float *z_dot, size_t c, double divisor) {
    double mean = 0;
    for (size_t j = 0; j < CLASSES; j++) mean += o->p[j] * (double)z_dot[j];
    return o->passes ? o->p[c] * ((double)z_dot[c] - mean) / divisor : 0;
}

/* Examples 0 and 1 are so sure, one of them wrongly, that the clip cuts off their probabilities. */
static void make_sure(array *logits, const pictures *p) {
    for (size_t r = 0; r < 2; r++) logits->sent[r * CLASSES + (p->labels[chosen[r]] + r) % CLASSES] = 30;
    resend(logits);
}

static void check_softmax(hd_device *device) {
    enum { TANGENTS = 2, COUNT = ROWS * CLASSES, STRIDE = COUNT + 7 };
    const double divisor = 37;
    pictures p;
    uint64_t seed = 9;
    hd_batch *batch = load(device, &p);
    array logits = make(device, &seed, COUNT, 3), probability = make(device, &seed, COUNT, 1),
          delta = make(device, &seed, COUNT, 1);
    array error = make(device, &seed, ROWS, 1), z_dot = make(device, &seed, TANGENTS * STRIDE, 1);
    make_sure(&logits, &p);
    device->ops->softmax(device, batch, CLASSES, divisor, logits.at, probability.at, delta.at, error.at);
    device->ops->softmax_tangent(device, batch, TANGENTS, CLASSES, divisor, probability.at, z_dot.at, STRIDE);
    fetch(&probability), fetch(&delta), fetch(&error), fetch(&z_dot);
    size_t cut_off = 0;
    for (size_t r = 0; r < ROWS; r++) {
        size_t at = r * CLASSES;
        outputs o = softmax_of(logits.sent + at, p.labels[chosen[r]], divisor);
        cut_off += !o.passes;
        /* the constants 1e-5 and 1 - 1e-5 are float32 numbers on every device */
        double clip_error = o.passes ? 0 : 0x1p-24;
        cr_assert(fabs(error.got[r] - o.error) <= 64 * unit(device) + clip_error, "%s: error %zu",
                  device->name, r);
        for (size_t c = 0; c < CLASSES; c++) {
            expect_close(device, probability.got[at + c], o.p[c], 64, 1, "p", at + c);
            expect_close(device, delta.got[at + c], o.delta[c], 64, 1 / divisor, "delta", at + c);
            for (size_t j = 0; j < TANGENTS; j++)
                expect_close(device, z_dot.got[j * STRIDE + at + c],
                             tangent_of(&o, z_dot.sent + j * STRIDE + at, c, divisor), 64, 1 / divisor,
                             "R{delta}", at + c);
        }
    }
    cr_expect(cut_off == 2, "%zu", cut_off);
    for (size_t i = COUNT; i < STRIDE; i++)
        cr_expect(z_dot.got[i] == (double)z_dot.sent[i], "between tangents");
    array *arrays[] = {&logits, &probability, &delta, &error, &z_dot};
    for (size_t i = 0; i < 5; i++) drop(arrays[i]);
    device->ops->batch_release(device, batch);
}

Test(conformance, softmax_and_its_tangent) {
    on_every_device(check_softmax);
}

/* p and error of many rows, with this math. */
static void many_rows(const char *math, float *results) {
    enum { COUNT = ROWS * CLASSES };
    hd_device *device = open_device("cpu", (hd_device_options){.math = math});
    pictures p;
    hd_batch *batch = load(device, &p);
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t state = seed;
        array logits = make(device, &state, COUNT, 3), probability = make(device, &state, COUNT, 1),
              delta = make(device, &state, COUNT, 1), error = make(device, &state, ROWS, 1);
        device->ops->softmax(device, batch, CLASSES, 1, logits.at, probability.at, delta.at, error.at);
        fetch(&probability), fetch(&error);
        for (size_t i = 0; i < COUNT; i++) *results++ = (float)probability.got[i];
        for (size_t i = 0; i < ROWS; i++) *results++ = (float)error.got[i];
        array *arrays[] = {&logits, &probability, &delta, &error};
        for (size_t i = 0; i < 4; i++) drop(arrays[i]);
    }
    device->ops->batch_release(device, batch);
    hd_device_close(device);
}

Test(conformance, the_c_library_s_exp_and_log_are_taken_by_name) {
    enum { COUNT = 300 * ROWS * (CLASSES + 1) };
    static float own[COUNT], shared[COUNT], libm[COUNT];
    size_t differing = 0;
    many_rows(NULL, own);
    many_rows("shared", shared);
    many_rows("libm", libm);
    cr_expect(!memcmp(own, shared, sizeof own));
    for (size_t i = 0; i < COUNT; i++) {
        differing += libm[i] != own[i];
        cr_assert(fabsf(libm[i] - own[i]) <= 4 * 0x1p-23f * fmaxf(fabsf(own[i]), 0x1p-23f), "%zu: %a, not %a",
                  i, (double)libm[i], (double)own[i]);
    }
    cr_expect(differing > 0 && differing < COUNT / 10, "%zu of %d differ", differing, (int)COUNT);
}

/* v . R{delta}(u) = u . R{delta}(v): the error's Hessian in the logits. */
static void check_symmetry(hd_device *device) {
    enum { COUNT = ROWS * CLASSES };
    pictures p;
    uint64_t seed = 10;
    hd_batch *batch = load(device, &p);
    array logits = make(device, &seed, COUNT, 2), probability = make(device, &seed, COUNT, 1),
          delta = make(device, &seed, COUNT, 1);
    array error = make(device, &seed, ROWS, 1), uv = make(device, &seed, 2 * COUNT, 1);
    device->ops->softmax(device, batch, CLASSES, ROWS, logits.at, probability.at, delta.at, error.at);
    device->ops->softmax_tangent(device, batch, 2, CLASSES, ROWS, probability.at, uv.at, COUNT);
    fetch(&uv);
    double u_v = 0, v_u = 0;
    for (size_t i = 0; i < COUNT; i++) {
        u_v += uv.got[i] * (double)uv.sent[COUNT + i];
        v_u += (double)uv.sent[i] * uv.got[COUNT + i];
    }
    cr_expect(fabs(u_v) > 1e-3);
    expect_close(device, u_v, v_u, 64, 1, "symmetry", 0);
    array *arrays[] = {&logits, &probability, &delta, &error, &uv};
    for (size_t i = 0; i < 5; i++) drop(arrays[i]);
    device->ops->batch_release(device, batch);
}

Test(conformance, softmax_s_tangent_is_symmetric) {
    on_every_device(check_symmetry);
}

static double total_error(hd_device *device, const hd_batch *batch, array *logits, array *probability,
                          array *delta, array *error) {
    resend(logits);
    device->ops->softmax(device, batch, CLASSES, 1, logits->at, probability->at, delta->at, error->at);
    double sum = 0;
    for (size_t r = 0; r < ROWS; r++) sum += fetch(error)[r];
    return sum;
}

Test(conformance, delta_is_the_error_s_derivative_by_finite_differences) {
    enum { COUNT = ROWS * CLASSES };
    const float step = 0x1p-12f; /* logits are multiples of it, so that logit +- step is a float too */
    hd_device *device = open_device("reference", (hd_device_options){0});
    pictures p;
    uint64_t seed = 11;
    hd_batch *batch = load(device, &p);
    array logits = make(device, &seed, COUNT, 1), probability = make(device, &seed, COUNT, 1),
          delta = make(device, &seed, COUNT, 1);
    array error = make(device, &seed, ROWS, 1);
    for (size_t i = 0; i < COUNT; i++) logits.sent[i] = step * rintf(logits.sent[i] / step);
    double analytic[COUNT];
    total_error(device, batch, &logits, &probability, &delta, &error);
    memcpy(analytic, fetch(&delta), sizeof analytic);
    for (size_t i = 0; i < COUNT; i++) {
        logits.sent[i] += step;
        double above = total_error(device, batch, &logits, &probability, &delta, &error);
        logits.sent[i] -= 2 * step;
        double below = total_error(device, batch, &logits, &probability, &delta, &error);
        logits.sent[i] += step;
        cr_assert(fabs((above - below) / (2 * (double)step) - analytic[i]) <= 1e-8, "logit %zu", i);
    }
    array *arrays[] = {&logits, &probability, &delta, &error};
    for (size_t i = 0; i < 4; i++) drop(arrays[i]);
    device->ops->batch_release(device, batch);
    hd_device_close(device);
}

/* --- momentum --- */

static const hd_coefficients point = {
    .rho_l1 = 0.03125, .rho_l2 = 0.0625, .eta = 0.125, .mu = 0.75}; /* floats */
static double sign(double w) {
    return (w > 0) - (w < 0);
}

static void check_momentum_step(hd_device *device, size_t n) {
    uint64_t seed = n;
    array w = make(device, &seed, n, 1), m = make(device, &seed, n, 1), g = make(device, &seed, n, 1);
    array w_next = make(device, &seed, n, 1), m_next = make(device, &seed, n, 1);
    w.sent[n / 2] = 0;
    resend(&w);
    const hd_coefficients *k = device->ops->place(device, &point, sizeof point);
    const hd_stretches whole = one_stretch(n, k);
    device->ops->momentum_step(device, &whole, w.at, m.at, g.at, w_next.at, m_next.at,
                               (hd_label){HD_WEIGHTS, 0});
    fetch(&w), fetch(&m), fetch(&g), fetch(&w_next), fetch(&m_next);
    for (size_t i = 0; i < n; i++) {
        double m1 =
            point.mu * m.got[i] + g.got[i] + point.rho_l1 * sign(w.got[i]) + 2 * point.rho_l2 * w.got[i];
        expect_close(device, m_next.got[i], m1, 4, 2, "m'", i);
        expect_close(device, w_next.got[i], w.got[i] - point.eta * m1, 4, 2, "w'", i);
    }
    device->ops->unplace(device, k);
    array *arrays[] = {&w, &m, &g, &w_next, &m_next};
    for (size_t i = 0; i < 5; i++) drop(arrays[i]);
}

static void check_momentum_steps(hd_device *device) {
    static const size_t sizes[] = {1, 2, 15, 17, 1024, 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) check_momentum_step(device, sizes[i]);
}

Test(conformance, momentum_s_step) {
    on_every_device(check_momentum_steps);
}

/* All that momentum's tangent and adjoint read and write, with a diagonal matrix as the Hessian. */
enum { TANGENTS = HD_SOURCE_STEP + 1 };
typedef struct calculus {
    hd_device *device;
    size_t n, stride;
    array w, m, m_next, p_w, p_m, q, h_q, z_w, z_m, h_z;
    float *diagonal;
    double *sums;
} calculus;

/* Rounds to multiples of 1/256, so that the products that go through float arrays here are exact. */
static void coarsen(size_t count, float *values) {
    for (size_t i = 0; i < count; i++) values[i] = rintf(values[i] * 256) / 256;
}

static calculus prepare(hd_device *device, size_t n) {
    uint64_t seed = 20 + n;
    calculus c = {.device = device, .n = n, .stride = n + 5};
    array *vectors[] = {&c.w, &c.m, &c.m_next, &c.p_w, &c.p_m, &c.q, &c.h_q};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) *vectors[i] = make(device, &seed, n, 1);
    array *tangents[] = {&c.z_w, &c.z_m, &c.h_z};
    for (size_t i = 0; i < sizeof tangents / sizeof *tangents; i++)
        *tangents[i] = make(device, &seed, TANGENTS * c.stride, 1);
    c.diagonal = malloc(n * sizeof *c.diagonal);
    c.sums = device->ops->allocate_sums(device, 4);
    cr_assert(c.diagonal && c.sums);
    sample_floats(&seed, 2, n, c.diagonal);
    coarsen(n, c.diagonal);
    coarsen(n, c.p_w.sent), resend(&c.p_w);
    coarsen(n, c.p_m.sent), resend(&c.p_m);
    coarsen(TANGENTS * c.stride, c.z_w.sent);
    return c;
}

static void end(calculus *c) {
    array *arrays[] = {&c->w, &c->m, &c->m_next, &c->p_w, &c->p_m, &c->q, &c->h_q, &c->z_w, &c->z_m, &c->h_z};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) drop(arrays[i]);
    free(c->diagonal);
    c->device->ops->release(c->device, c->sums);
}

/* All sources at once. From zero tangents we get only what comes directly from the hyperparameters. */
static void carry_tangents(calculus *c, bool from_zero) {
    static const hd_source sources[TANGENTS] = {HD_SOURCE_NONE, HD_SOURCE_SIGN, HD_SOURCE_TWICE,
                                                HD_SOURCE_MOMENTUM, HD_SOURCE_STEP};
    for (size_t j = 0; j < TANGENTS; j++)
        for (size_t i = 0; i < c->stride; i++) {
            size_t at = j * c->stride + i;
            if (from_zero && i < c->n) c->z_w.sent[at] = c->z_m.sent[at] = 0;
            c->h_z.sent[at] = i < c->n ? c->diagonal[i] * c->z_w.sent[at] : 7;
        }
    resend(&c->z_w), resend(&c->z_m), resend(&c->h_z);
    const hd_coefficients *k = c->device->ops->place(c->device, &point, sizeof point);
    const hd_stretches whole = one_stretch(c->n, k);
    c->device->ops->momentum_tangent(c->device, &whole, TANGENTS, c->stride, sources, c->w.at, c->m.at,
                                     c->m_next.at, c->h_z.at, c->z_w.at, c->z_m.at,
                                     (hd_label){HD_TANGENT, 0});
    fetch(&c->z_w), fetch(&c->z_m);
    c->device->ops->unplace(c->device, k);
}

/* Makes p_w and p_m the adjoint of the state before, and sums each hyperparameter's part of p . B. */
static void carry_adjoint(calculus *c, double sums[4]) {
    const hd_device_ops *ops = c->device->ops;
    const hd_coefficients *k = ops->place(c->device, &point, sizeof point);
    const hd_stretches whole = one_stretch(c->n, k);
    ops->momentum_adjoint(c->device, &whole, c->w.at, c->m.at, c->m_next.at, c->p_w.at, c->p_m.at, c->q.at,
                          c->sums);
    ops->fetch_sums(c->device, 4, c->sums, sums);
    fetch(&c->q);
    for (size_t i = 0; i < c->n; i++) c->h_q.sent[i] = c->diagonal[i] * (float)c->q.got[i];
    resend(&c->h_q);
    ops->momentum_pull_back(c->device, &whole, c->q.at, c->h_q.at, c->p_w.at, c->p_m.at,
                            (hd_label){HD_ADJOINT, 0});
    fetch(&c->p_w), fetch(&c->p_m);
    ops->unplace(c->device, k);
}

/* Element i of B's column for a source: what the hyperparameter adds to m' and (also through m') to w'. */
static void direct(const calculus *c, hd_source source, size_t i, double *to_m, double *to_w) {
    double w = (double)c->w.sent[i], m = (double)c->m.sent[i];
    *to_m = source == HD_SOURCE_SIGN       ? sign(w)
            : source == HD_SOURCE_TWICE    ? 2 * w
            : source == HD_SOURCE_MOMENTUM ? m
                                           : 0;
    *to_w = -point.eta * *to_m - (source == HD_SOURCE_STEP ? (double)c->m_next.sent[i] : 0);
}

static void check_tangent(hd_device *device) {
    calculus c = prepare(device, 1500);
    carry_tangents(&c, false);
    for (size_t j = 0; j < TANGENTS; j++)
        for (size_t i = 0; i < c.stride; i++) {
            size_t at = j * c.stride + i;
            double zw = (double)c.z_w.sent[at], zm = (double)c.z_m.sent[at], to_m, to_w;
            if (i >= c.n) {
                cr_assert(c.z_w.got[at] == zw && c.z_m.got[at] == zm, "%s wrote between tangents",
                          device->name);
                continue;
            }
            direct(&c, (hd_source)j, i, &to_m, &to_w);
            double m1 = point.mu * zm + (double)c.h_z.sent[at] + 2 * point.rho_l2 * zw;
            expect_close(device, c.z_m.got[at], m1 + to_m, 6, 6, "z_m'", at);
            expect_close(device, c.z_w.got[at], zw - point.eta * m1 + to_w, 6, 6, "z_w'", at);
        }
    end(&c);
}

Test(conformance, momentum_s_tangent_for_every_source) {
    on_every_device(check_tangent);
}

/* p' . (A z) = (A^T p') . z, and p' . B_j is the sum that the adjoint gives for hyperparameter j. */
static void check_adjoint(hd_device *device) {
    for (size_t n = 1; n < 20000; n = 13 * n + 4) {
        calculus c = prepare(device, n), d = prepare(device, n);
        double sums[4], tolerance = 40 * unit(device) * (double)n;
        carry_tangents(&c, false);
        carry_tangents(&d, true);
        carry_adjoint(&c, sums);
        double after = 0, before = 0, direct_part[TANGENTS] = {0};
        for (size_t i = 0; i < n; i++) {
            double p_w = (double)c.p_w.sent[i], p_m = (double)c.p_m.sent[i];
            after += p_w * c.z_w.got[i] + p_m * c.z_m.got[i]; /* tangent 0: HD_SOURCE_NONE */
            before += c.p_w.got[i] * (double)c.z_w.sent[i] + c.p_m.got[i] * (double)c.z_m.sent[i];
            for (size_t j = 0; j < TANGENTS; j++)
                direct_part[j] += p_w * d.z_w.got[j * d.stride + i] + p_m * d.z_m.got[j * d.stride + i];
        }
        cr_assert(fabs(after - before) <= tolerance, "%s: %zu weights: %.17g, %.17g", device->name, n, after,
                  before);
        static const hd_source order[4] = {HD_SOURCE_SIGN, HD_SOURCE_TWICE, HD_SOURCE_STEP,
                                           HD_SOURCE_MOMENTUM};
        for (size_t s = 0; s < 4; s++)
            cr_assert(fabs(direct_part[order[s]] - sums[s]) <= tolerance,
                      "%s: %zu weights, sum %zu: %.17g, %.17g", device->name, n, s, direct_part[order[s]],
                      sums[s]);
        end(&c);
        end(&d);
    }
}

Test(conformance, momentum_s_adjoint_is_its_tangent_s_transpose) {
    on_every_device(check_adjoint);
}

/* --- several stretches --- */

enum { STRETCHES = 3, LENGTH = 4097 + 5 + 9000 };
static const size_t starts[STRETCHES + 1] = {0, 4097, 4097 + 5, LENGTH};
static const hd_coefficients points[STRETCHES] = {
    {0.03125, 0.0625, 0.125, 0.75}, {0, 0, 0.0625, 0.5}, {0.5, 0.25, 0.25, 0.875}};
static const hd_source mixed[2 * STRETCHES] = {HD_SOURCE_NONE, HD_SOURCE_TWICE,    HD_SOURCE_SIGN,
                                               HD_SOURCE_STEP, HD_SOURCE_MOMENTUM, HD_SOURCE_NONE};

/* All of momentum's operations on these stretches, the first of which begins at `at` of the vectors. */
static void carry_all(calculus *c, const hd_stretches *stretches, const hd_source *source, size_t at,
                      double *sums) {
    hd_device *device = c->device;
    const hd_device_ops *ops = device->ops;
    array *arrays[] = {&c->w, &c->m, &c->m_next, &c->p_w, &c->p_m, &c->q, &c->h_q, &c->z_w, &c->z_m, &c->h_z};
    hd_real *on[10];
    for (size_t i = 0; i < 10; i++) on[i] = hd_at(device, arrays[i]->at, at);
    hd_label label = {HD_WEIGHTS, 0};
    ops->momentum_tangent(device, stretches, 2, c->stride, source, on[0], on[1], on[2], on[9], on[7], on[8],
                          label);
    ops->momentum_adjoint(device, stretches, on[0], on[1], on[2], on[3], on[4], on[5], sums);
    ops->momentum_pull_back(device, stretches, on[5], on[6], on[3], on[4], label);
    ops->momentum_step(device, stretches, on[0], on[1], on[5], on[2], on[6], label);
}

static void check_stretches(hd_device *device) {
    const hd_device_ops *ops = device->ops;
    calculus c = prepare(device, LENGTH), d = prepare(device, LENGTH);
    const hd_coefficients *k = ops->place(device, points, sizeof points);
    double *sums[2] = {ops->allocate_sums(device, 4 * STRETCHES), ops->allocate_sums(device, 4 * STRETCHES)};
    hd_stretches all = {.count = STRETCHES, .coefficients = k};
    memcpy(all.start, starts, sizeof starts);
    carry_all(&c, &all, mixed, 0, sums[0]);
    for (size_t s = 0; s < STRETCHES; s++) {
        const hd_stretches alone = one_stretch(starts[s + 1] - starts[s], k + s);
        carry_all(&d, &alone, (hd_source[]){mixed[s], mixed[STRETCHES + s]}, starts[s], sums[1] + 4 * s);
    }
    double got[2][4 * STRETCHES];
    for (size_t i = 0; i < 2; i++) ops->fetch_sums(device, 4 * STRETCHES, sums[i], got[i]);
    cr_expect(!memcmp(got[0], got[1], sizeof got[0]), "%s: sums", device->name);
    array *of_c[] = {&c.w, &c.m, &c.m_next, &c.p_w, &c.p_m, &c.q, &c.h_q, &c.z_w, &c.z_m, &c.h_z};
    array *of_d[] = {&d.w, &d.m, &d.m_next, &d.p_w, &d.p_m, &d.q, &d.h_q, &d.z_w, &d.z_m, &d.h_z};
    for (size_t i = 0; i < 10; i++)
        cr_expect(!memcmp(fetch(of_c[i]), fetch(of_d[i]), of_c[i]->count * sizeof(double)), "%s: array %zu",
                  device->name, i);
    for (size_t i = 0; i < 2; i++) ops->release(device, sums[i]);
    ops->unplace(device, k);
    end(&c), end(&d);
}

Test(conformance, stretches_together_are_stretches_alone) {
    on_every_device(check_stretches);
}
