/* Every operation of every device agrees with straightforward float64 code, within what its roundings can do.
 * Arrays lie between guards that must stay, and tangents further apart than necessary. Here: memory, batches,
 * products, activations, counts, sums. */
#include "test/conformance.h"

/* --- memory --- */

static void check_memory(hd_device *device) {
    const hd_device_ops *ops = device->ops;
    uint64_t seed = 1;
    array a = make(device, &seed, 37, 1), b = make(device, &seed, 37, 1);
    hd_real *fresh = ops->allocate(device, 37);
    double *sums = ops->allocate_sums(device, 3), fetched[3] = {1, 1, 1}, values[37];
    cr_assert(fresh && sums);
    ops->download(device, 37, fresh, values);
    for (size_t i = 0; i < 37; i++) cr_expect(values[i] == 0);
    ops->fetch_sums(device, 3, sums, fetched);
    cr_expect(fetched[0] == 0 && fetched[1] == 0 && fetched[2] == 0);
    ops->copy(device, 37, a.at, b.at);
    fetch(&b);
    for (size_t i = 0; i < 37; i++) cr_expect(b.got[i] == (double)a.sent[i]);
    ops->zero(device, 37, b.at);
    fetch(&b);
    for (size_t i = 0; i < 37; i++) cr_expect(b.got[i] == 0);
    ops->dot(device, 37, a.at, NULL, sums + 1);
    ops->zero_sums(device, 1, sums + 1);
    ops->fetch_sums(device, 3, sums, fetched);
    cr_expect(fetched[1] == 0);
#if !defined(__SANITIZE_ADDRESS__) /* it ends a process that asks for so much */
    cr_expect(ops->allocate(device, SIZE_MAX / 2) == NULL);
    cr_expect(ops->batch_create(device, SIZE_MAX / 8, 8) == NULL);
#endif
    size_t held = device->allocated;
    hd_real *large = ops->allocate(device, 1000);
    cr_expect_geq(device->allocated, held + 1000 * device->element);
    ops->release(device, large);
    cr_expect_eq(device->allocated, held);
    cr_expect_geq(device->allocated_peak, held + 1000 * device->element);
    ops->release(device, NULL);
    ops->release(device, fresh);
    ops->release(device, sums);
    drop(&a);
    drop(&b);
}

Test(conformance, memory) {
    on_every_device(check_memory);
}

/* --- drawn weights --- */

/* Every number is hd_xavier_numbers's, which test_random.c compares with the trace, and nothing is written
 * behind the last. */
static void check_draw(hd_device *device, const hd_initial *initial, size_t layer, size_t fan_in,
                       size_t fan_out) {
    const hd_xavier xavier = hd_xavier_layer(initial, layer, fan_in, fan_out);
    uint64_t seed = 4;
    array to = make(device, &seed, xavier.count, 1);
    float *expected = malloc(xavier.count * sizeof *expected);
    cr_assert(expected);
    hd_xavier_numbers(&xavier, expected);
    device->ops->draw(device, &xavier, to.at);
    fetch(&to);
    for (size_t i = 0; i < xavier.count; i++)
        cr_assert(to.got[i] == (double)expected[i], "%s: %zu x %zu, %u threads, number %zu: %.9g, not %.9g",
                  device->name, fan_in, fan_out, initial->kernel.threads, i, to.got[i], (double)expected[i]);
    free(expected);
    drop(&to);
}

static void check_draws(hd_device *device) {
    static const hd_fill_kernel kernels[] = {
        {0, false}, {7, false}, {7, true}, {49152, false}, {49152, true}};
    static const size_t sizes[][2] = {{1, 1}, {3, 1}, {3, 3}, {2, 4}, {37, 23}, {784, 251}, {784, 300}};
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            /* the last reaches counters of more than 32 bits */
            hd_initial initial = {kernels[k], (uint32_t)(1 + s), s == 6 ? 100 : s};
            check_draw(device, &initial, s % 3, sizes[s][0], sizes[s][1]);
        }
}

Test(conformance, drawn_weights_are_tensorflow_s_to_the_bit) {
    on_every_device(check_draws);
}

/* --- batches --- */

static void check_batch(hd_device *device) {
    pictures p;
    hd_batch *batch = load(device, &p);
    double x[ROWS * INPUTS];
    for (int by_index = 1; by_index >= 0; by_index--) {
        size_t rows = by_index ? ROWS : ROWS - 4, first = 25;
        hd_examples examples = place_examples(device, &p.examples);
        if (!by_index) device->ops->batch_load(device, batch, &examples, NULL, first, rows);
        unplace_examples(device, &examples);
        device->ops->batch_download(device, batch, x);
        for (size_t i = 0; i < rows * INPUTS; i++)
            cr_assert(x[i] == pixel(&p, by_index ? chosen[i / INPUTS] : first + i / INPUTS, i % INPUTS),
                      "%s [%zu]", device->name, i);
    }
    device->ops->batch_release(device, batch);
    device->ops->batch_release(device, NULL);
}

Test(conformance, batches_hold_the_examples_asked_for) {
    on_every_device(check_batch);
}

/* --- products --- */

static double stored(const array *a, size_t ld, bool transposed, size_t i, size_t j) {
    return (double)a->sent[transposed ? j * ld + i : i * ld + j];
}

static void check_one_product(hd_device *device, size_t m, size_t n, size_t k, bool a_t, bool b_t,
                              bool accumulate) {
    uint64_t seed = m + 100 * n + 10000 * k;
    size_t lda = (a_t ? m : k) + 2, ldb = (b_t ? k : n) + 1, ldc = n + 3;
    array a = make(device, &seed, (a_t ? k : m) * lda, 1), b = make(device, &seed, (b_t ? n : k) * ldb, 1);
    array c = make(device, &seed, m * ldc, 1);
    hd_matrix left = {.at = a.at, .ld = lda, .transposed = a_t},
              right = {.at = b.at, .ld = ldb, .transposed = b_t};
    hd_product twice = {m, n, c.at, ldc, accumulate, 2, {{k, left, right}, {k, left, right}}};
    double operations = device->operations;
    device->ops->multiply(device, 1, &twice);
    cr_expect(device->operations - operations == 4.0 * (double)(m * n * k));
    fetch(&c);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < ldc; j++) {
            double sum = accumulate || j >= n ? (double)c.sent[i * ldc + j] : 0;
            for (size_t l = 0; j < n && l < k; l++)
                sum += 2 * stored(&a, lda, a_t, i, l) * stored(&b, ldb, b_t, l, j);
            expect_close(device, c.got[i * ldc + j], sum, (double)(2 * k + 2), (double)(2 * k + 1), "product",
                         i * ldc + j);
        }
    drop(&a);
    drop(&b);
    drop(&c);
}

static void check_products(hd_device *device) {
    static const size_t shapes[][3] = {{1, 1, 1},    {1, 7, 300}, {9, 1, 20},
                                       {13, 6, 257}, {40, 33, 5}, {3, 2, 0}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (unsigned way = 0; way < 8; way++)
            check_one_product(device, shapes[s][0], shapes[s][1], shapes[s][2], way & 1, way & 2, way & 4);
}

Test(conformance, products) {
    on_every_device(check_products);
}

/* Many products C_j = A_j B in one call. Some are of one shape and evenly spaced, as tangents are; some only
 * seem to be: woven columns, uneven gaps, a descending order. */
static void check_products_together(hd_device *device) {
    enum { M = 5, N = 6, K = 11, COUNT = 16, SPACED = 4, LD = 4 * N };
    static const size_t spaced[] = {0, 1, 2, 3}, uneven[] = {4, 5, 7, 6}, back[] = {11, 10, 9, 8};
    uint64_t seed = 9;
    array a = make(device, &seed, COUNT * M * K, 1), b = make(device, &seed, K * N, 1);
    array c = make(device, &seed, (COUNT - 4) * M * N, 1), woven = make(device, &seed, M * LD, 1);
    hd_product products[COUNT];
    hd_real *to[COUNT];
    for (size_t j = 0; j < SPACED; j++) {
        const size_t slot[] = {spaced[j], uneven[j], back[j]};
        for (size_t way = 0; way < 3; way++) to[4 * j + way] = hd_at(device, c.at, slot[way] * M * N);
        to[4 * j + 3] = hd_at(device, woven.at, j * N);
    }
    for (size_t i = 0; i < COUNT; i++)
        products[i] =
            (hd_product){M,
                         N,
                         to[i],
                         i % 4 == 3 ? LD : N,
                         false,
                         1,
                         {{K, {.at = hd_at(device, a.at, i * M * K), .ld = K}, {.at = b.at, .ld = N}}}};
    products[2].term[0].k = 0; /* gives zeros */
    device->ops->multiply(device, COUNT, products);
    fetch(&c), fetch(&woven);
    for (size_t i = 0; i < COUNT; i++)
        for (size_t e = 0; e < M * N; e++) {
            double sum = 0, got = i % 4 == 3
                                      ? woven.got[e / N * LD + i / 4 * N + e % N]
                                      : c.got[(size_t)((char *)to[i] - (char *)c.at) / device->element + e];
            for (size_t l = 0; l < products[i].term[0].k; l++)
                sum += (double)a.sent[i * M * K + e / N * K + l] * (double)b.sent[l * N + e % N];
            expect_close(device, got, sum, K + 1, K, "one of many", i * M * N + e);
        }
    array *arrays[] = {&a, &b, &c, &woven};
    for (size_t i = 0; i < 4; i++) drop(arrays[i]);
}

Test(conformance, products_told_together_are_each_their_own) {
    on_every_device(check_products_together);
}

/* X W = Y for a batch X and its adjoint X^T V = U: <X W, V> = <W, X^T V>, and Y is the expected product. */
static void check_batch_products(hd_device *device) {
    enum { N = 6 };
    pictures p;
    uint64_t seed = 5;
    hd_batch *batch = load(device, &p);
    array w = make(device, &seed, INPUTS * N, 1), y = make(device, &seed, ROWS * N, 1);
    array v = make(device, &seed, ROWS * N, 1), u = make(device, &seed, INPUTS * N, 1);
    hd_matrix x = {.batch = batch}, x_t = {.batch = batch, .transposed = true};
    hd_product products[] = {{ROWS, N, y.at, N, false, 1, {{INPUTS, x, {.at = w.at, .ld = N}}}},
                             {INPUTS, N, u.at, N, false, 1, {{ROWS, x_t, {.at = v.at, .ld = N}}}}};
    device->ops->multiply(device, 2, products);
    fetch(&y), fetch(&u), fetch(&w), fetch(&v);
    for (size_t i = 0; i < ROWS * N; i++) {
        double sum = 0;
        for (size_t l = 0; l < INPUTS; l++) sum += pixel(&p, chosen[i / N], l) * w.got[l * N + i % N];
        expect_close(device, y.got[i], sum, INPUTS, INPUTS, "X W", i);
    }
    expect_close(device, inner(y.got, v.got, ROWS * N), inner(w.got, u.got, INPUTS * N), INPUTS + ROWS,
                 ROWS * N, "adjoint", 0);
    array *arrays[] = {&w, &y, &v, &u};
    for (size_t i = 0; i < 4; i++) drop(arrays[i]);
    device->ops->batch_release(device, batch);
}

Test(conformance, a_batch_s_product_has_its_adjoint) {
    on_every_device(check_batch_products);
}

/* <A X, Y> = <X, A^T Y> for a matrix and for its transpose. */
static void check_adjoint_products(hd_device *device) {
    enum { M = 30, K = 270, N = 4 };
    for (int flipped = 0; flipped < 2; flipped++) {
        uint64_t seed = 6;
        array a = make(device, &seed, M * K, 1), x = make(device, &seed, K * N, 1),
              y = make(device, &seed, M * N, 1);
        array ax = make(device, &seed, M * N, 1), aty = make(device, &seed, K * N, 1);
        hd_matrix left = {.at = a.at, .ld = flipped ? M : K, .transposed = flipped}, left_t = left;
        left_t.transposed = !flipped;
        hd_product products[] = {{M, N, ax.at, N, false, 1, {{K, left, {.at = x.at, .ld = N}}}},
                                 {K, N, aty.at, N, false, 1, {{M, left_t, {.at = y.at, .ld = N}}}}};
        device->ops->multiply(device, 2, products);
        fetch(&ax), fetch(&aty), fetch(&x), fetch(&y);
        expect_close(device, inner(ax.got, y.got, M * N), inner(x.got, aty.got, K * N), K + M, 100 * N,
                     "adjoint", 0);
        array *arrays[] = {&a, &x, &y, &ax, &aty};
        for (size_t i = 0; i < 5; i++) drop(arrays[i]);
    }
}

Test(conformance, products_have_their_adjoints) {
    on_every_device(check_adjoint_products);
}

/* Products of all kinds, more than a device may make at once, give the bits that each gives alone. */
static void check_many_products(hd_device *device) {
    enum { COUNT = 40, MOST = 70 * 90 };
    uint64_t seed = 7;
    array a = make(device, &seed, 90 * 300, 1), b = make(device, &seed, 300 * 90, 1);
    array together = make(device, &seed, COUNT * MOST, 1), alone = make(device, &seed, COUNT * MOST, 1);
    hd_product products[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        size_t m = i % 3 == 0 ? 1 : 2 * i % 70 + 1, n = i % 4 == 0 ? 5 : 90 - i, k = 300 - 7 * i;
        hd_matrix left = {.at = a.at, .ld = i % 2 ? m : k, .transposed = i % 2};
        products[i] = (hd_product){m,     n, hd_at(device, together.at, i * MOST), n,
                                   false, 1, {{k, left, {.at = b.at, .ld = n}}}};
        hd_product p = products[i];
        device->ops->copy(device, MOST, p.c, hd_at(device, alone.at, i * MOST));
        p.c = hd_at(device, alone.at, i * MOST);
        device->ops->multiply(device, 1, &p);
    }
    device->ops->multiply(device, COUNT, products);
    cr_expect(!memcmp(fetch(&together), fetch(&alone), COUNT * MOST * sizeof(double)), "%s", device->name);
    array *arrays[] = {&a, &b, &together, &alone};
    for (size_t i = 0; i < 4; i++) drop(arrays[i]);
}

Test(conformance, products_together_are_products_alone) {
    on_every_device(check_many_products);
}

/* --- the network's element formulas --- */

static void check_activations(hd_device *device, size_t rows, size_t columns, bool relu) {
    enum { TANGENTS = 3 };
    uint64_t seed = rows;
    size_t count = rows * columns, stride = count + 5, b_stride = columns + 3;
    array z = make(device, &seed, count, 1), b = make(device, &seed, columns, 1),
          d = make(device, &seed, TANGENTS * stride, 1);
    array z_dot = make(device, &seed, TANGENTS * stride, 1),
          b_dot = make(device, &seed, TANGENTS * b_stride, 1);
    device->ops->activate(device, rows, columns, z.at, b.at, relu, (hd_label){HD_ACTIVATION, 1});
    device->ops->activate_tangent(device, TANGENTS, rows, columns, z.at, relu, z_dot.at, stride, b_dot.at,
                                  b_stride, (hd_label){HD_ACTIVATION_TANGENT, 1});
    device->ops->gate(device, TANGENTS, rows, columns, z.at, d.at, stride);
    fetch(&z), fetch(&z_dot), fetch(&d);
    for (size_t i = 0; i < count; i++) {
        double sum = (double)z.sent[i] + (double)b.sent[i % columns];
        expect_close(device, z.got[i], relu && sum <= 0 ? 0 : sum, 1, 2, "a", i);
    }
    for (size_t i = 0; i < TANGENTS * stride; i++) {
        size_t j = i / stride, at = i % stride;
        bool between = at >= count, open = !between && z.got[at] > 0;
        double bias = between ? 0 : (double)b_dot.sent[j * b_stride + at % columns];
        double sum = (double)z_dot.sent[i] + bias;
        expect_close(device, z_dot.got[i], relu && !between && !open ? 0 : sum, 1, 2, "R{a}", i);
        cr_assert(d.got[i] == (between || open ? (double)d.sent[i] : 0), "%s: gate [%zu]", device->name, i);
    }
    array *arrays[] = {&z, &b, &d, &z_dot, &b_dot};
    for (size_t i = 0; i < 5; i++) drop(arrays[i]);
}

static void check_all_activations(hd_device *device) {
    static const size_t sizes[][2] = {{1, 1}, {1, 50}, {9, 1}, {23, 17}, {5, 64}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int relu = 0; relu < 2; relu++) check_activations(device, sizes[s][0], sizes[s][1], relu);
}

Test(conformance, activations_their_tangents_and_gates) {
    on_every_device(check_all_activations);
}

static void check_correct_counts(hd_device *device) {
    pictures p;
    hd_batch *batch = load(device, &p);
    uint64_t seed = 8;
    array logits = make(device, &seed, ROWS * CLASSES, 1);
    size_t expected = 0;
    for (size_t r = 0; r < ROWS; r++) {
        size_t label = p.labels[chosen[r]];
        for (size_t c = 0; c < CLASSES; c++) logits.sent[r * CLASSES + c] = -1;
        logits.sent[r * CLASSES + label] = 2;
        if (r % 2) logits.sent[r * CLASSES + (label + r) % CLASSES] = 2; /* the lowest index wins a tie */
        expected += r % 2 == 0 || (label + r) % CLASSES >= label;
    }
    cr_assert(expected > ROWS / 2 + 1 && expected < ROWS, "the ties go both ways");
    resend(&logits);
    double *sum = device->ops->allocate_sums(device, 1), got;
    for (int twice = 0; twice < 2; twice++)
        device->ops->count_correct(device, batch, CLASSES, logits.at, sum);
    device->ops->fetch_sums(device, 1, sum, &got);
    cr_expect(got == 2.0 * (double)expected, "%s: %g, not %zu twice", device->name, got, expected);
    device->ops->release(device, sum);
    drop(&logits);
    device->ops->batch_release(device, batch);
}

Test(conformance, the_lowest_index_wins_a_tie) {
    on_every_device(check_correct_counts);
}

static void check_dots(hd_device *device) {
    static const size_t counts[] = {0, 1, 15, 16, 17, 4095, 4096, 4097, 100000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        uint64_t seed = i;
        array x = make(device, &seed, counts[i], 1), y = make(device, &seed, counts[i], 1);
        double *sum = device->ops->allocate_sums(device, 2), got[2], exact[2] = {0};
        device->ops->dot(device, counts[i], x.at, y.at, sum);
        device->ops->dot(device, counts[i], x.at, y.at, sum); /* adds */
        device->ops->dot(device, counts[i], x.at, NULL, sum + 1);
        device->ops->fetch_sums(device, 2, sum, got);
        for (size_t l = 0; l < counts[i]; l++) {
            exact[0] += 2 * (double)x.sent[l] * (double)y.sent[l];
            exact[1] += (double)x.sent[l];
        }
        for (size_t s = 0; s < 2; s++) /* a float lane adds 256 terms, then lanes and slices are added */
            expect_close(device, got[s], exact[s], 256 + 8, 2 * (double)counts[i], "sum", s);
        device->ops->release(device, sum);
        drop(&x);
        drop(&y);
    }
}

Test(conformance, dots_and_sums) {
    on_every_device(check_dots);
}
