/* The cpu device's products give a scalar model's bits, with each of BLIS's kernels and with its own
 * loops. */
#include "arithmetic/arithmetic.h"
#include "device/cpu/product.h"
#include "test/sample.h"

#include <blis.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* --- the scalar model --- */

typedef struct operand {
    float *at;
    size_t rows, columns, ld; /* as stored, before transposing */
    bool transposed;
} operand;

static float element(const operand *x, size_t i, size_t j) {
    return x->transposed ? x->at[j * x->ld + i] : x->at[i * x->ld + j];
}

static float model_element(const operand *a, const operand *b, size_t i, size_t j, size_t k, bool accumulate,
                           float c) {
    if (k == 0) return accumulate ? c : 0.0f;
    for (size_t from = 0; from < k; from += HD_PRODUCT_SLICE) {
        float s = 0;
        for (size_t l = from; l < k && l < from + HD_PRODUCT_SLICE; l++)
            s = fmaf(element(a, i, l), element(b, l, j), s);
        c = from == 0 && !accumulate ? s : s + c;
    }
    return c;
}

/* --- numbers --- */

typedef enum numbers { ORDINARY, TINY, SPECIAL } numbers;

static float number(uint64_t *seed, numbers kind) {
    float x = sample_float(seed, 1.0f);
    size_t choice = sample_index(seed, kind == SPECIAL ? 500 : 8);
    if (kind == TINY) { /* products and sums among the subnormals, zeros of both signs */
        if (choice == 0) return 0.0f;
        if (choice == 1) return -0.0f;
        return x * (choice < 5 ? 0x1p-70f : 0x1p-64f);
    }
    if (kind == SPECIAL && choice < 4)
        return (const float[]){HUGE_VALF, -HUGE_VALF, (float)NAN, -0.0f}[choice];
    return x;
}

static operand make_operand(uint64_t *seed, numbers kind, size_t rows, size_t columns, bool transposed) {
    operand x = {NULL, transposed ? columns : rows, transposed ? rows : columns, 0, transposed};
    x.ld = x.columns + 3;
    x.at = malloc((x.rows * x.ld + 1) * sizeof *x.at);
    cr_assert(x.at);
    for (size_t i = 0; i < x.rows * x.ld; i++) x.at[i] = number(seed, kind);
    return x;
}

/* --- one product on the device, beside the model --- */

typedef struct shape {
    size_t m, n, k, k2; /* k2: of a second term, if not 0 */
} shape;

typedef struct trial {
    hd_device *device;
    shape size;
    bool accumulate;
    operand a[2], b[2];    /* by term */
    const hd_batch *batch; /* instead of a[0] */
    float *c;              /* [m][n + 2]: what was there before; then the model's result */
} trial;

static hd_matrix on_device(hd_device *device, const operand *x) {
    hd_real *at = uploaded(device, x->rows * x->ld + 1, x->at);
    return (hd_matrix){.at = at, .ld = x->ld, .transposed = x->transposed};
}

static void expect_bits(const trial *t, const hd_real *c) {
    size_t ldc = t->size.n + 2, count = t->size.m * ldc;
    double *got = malloc((count + 1) * sizeof *got);
    t->device->ops->download(t->device, count, c, got);
    for (size_t i = 0; i < count; i++)
        cr_assert(same_bits((float)got[i], t->c[i]), "%zux%zux%zu+%zu%s %d%d, %s %s: C[%zu,%zu] = %a, not %a",
                  t->size.m, t->size.n, t->size.k, t->size.k2, t->accumulate ? " added" : "",
                  t->a[0].transposed, t->b[0].transposed, t->device->kernels, t->device->loops, i / ldc,
                  i % ldc, got[i], (double)t->c[i]);
    free(got);
}

static void run_trial(trial *t) {
    hd_device *device = t->device;
    const hd_device_ops *ops = device->ops;
    size_t terms = t->size.k2 ? 2 : 1, ldc = t->size.n + 2, ks[2] = {t->size.k, t->size.k2};
    hd_product p = {.m = t->size.m,
                    .n = t->size.n,
                    .c = uploaded(device, t->size.m * ldc + 1, t->c),
                    .ldc = ldc,
                    .accumulate = t->accumulate,
                    .terms = terms};
    for (size_t s = 0; s < terms; s++) {
        p.term[s].k = ks[s];
        p.term[s].a = on_device(device, &t->a[s]);
        p.term[s].b = on_device(device, &t->b[s]);
    }
    hd_real *arrays[] = {p.c, (hd_real *)(uintptr_t)p.term[0].a.at, (hd_real *)(uintptr_t)p.term[0].b.at,
                         (hd_real *)(uintptr_t)p.term[1].a.at, (hd_real *)(uintptr_t)p.term[1].b.at};
    if (t->batch) p.term[0].a = (hd_matrix){.batch = t->batch, .transposed = t->a[0].transposed};
    ops->multiply(device, 1, &p);
    cr_assert(device->latch.kind == HD_NOTHING_LATCHED);
    for (size_t i = 0; i < t->size.m; i++)
        for (size_t j = 0; j < t->size.n; j++) /* the last two columns stay as they are */
            for (size_t s = 0; s < terms; s++)
                t->c[i * ldc + j] =
                    model_element(&t->a[s], &t->b[s], i, j, ks[s], t->accumulate || s > 0, t->c[i * ldc + j]);
    expect_bits(t, p.c);
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) ops->release(device, arrays[i]);
}

static float *before(uint64_t *seed, const trial *t) {
    size_t count = t->size.m * (t->size.n + 2) + 1;
    float *c = malloc(count * sizeof *c);
    cr_assert(c);
    for (size_t i = 0; i < count; i++) c[i] = t->accumulate ? sample_float(seed, 2.0f) : (float)NAN;
    return c;
}

static void release_trial(trial *t) {
    for (size_t s = 0; s < 2; s++) {
        free(t->a[s].at);
        free(t->b[s].at);
    }
    free(t->c);
}

/* All four transpositions, stored over NaN and added to numbers. */
static void expect_model(hd_device *device, numbers kind, shape size) {
    uint64_t seed = 1 + size.m + 1000 * size.n + 1000000 * size.k;
    for (unsigned way = 0; way < 8; way++) {
        bool a_t = way & 1, b_t = way & 2;
        trial t = {.device = device, .size = size, .accumulate = way & 4};
        t.a[0] = make_operand(&seed, kind, size.m, size.k, a_t);
        t.b[0] = make_operand(&seed, kind, size.k, size.n, b_t);
        if (size.k2) t.a[1] = make_operand(&seed, kind, size.m, size.k2, b_t);
        if (size.k2) t.b[1] = make_operand(&seed, kind, size.k2, size.n, a_t);
        t.c = before(&seed, &t);
        run_trial(&t);
        release_trial(&t);
    }
}

static void expect_model_at_every_shape(hd_device *device) {
    static const shape shapes[] = {
        {1, 1, 700, 0},     {1, 1, 1, 0},     {5, 3, 0, 0},      {7, 9, 255, 0},
        {7, 9, 256, 0},     {7, 9, 257, 0},   {3, 50, 512, 0},   {1, 65, 784, 0},
        {33, 1, 784, 0},    {33, 17, 784, 0}, {50, 70, 10, 0},   {6, 16, 300, 0},
        {13, 11, 300, 784}, {5, 40, 3, 256},  {40, 5, 256, 257}, {97, 33, 40, 10},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) expect_model(device, ORDINARY, shapes[i]);
    for (numbers kind = TINY; kind <= SPECIAL; kind++) {
        expect_model(device, kind, (shape){7, 37, 557, 0});
        expect_model(device, kind, (shape){30, 1, 300, 40});
    }
}

/* --- batches --- */

enum { INPUTS = 600 };

/* Which inputs are not black in any example. */
typedef enum blackness { NONE_BLACK, EDGES_AND_MIDDLE, A_WHOLE_SLICE, ALL_BLACK } blackness;

static bool black(blackness which, size_t input) {
    switch (which) {
    case NONE_BLACK:
        return false;
    case EDGES_AND_MIDDLE:
        return input < 20 || input == 50 || (input > 250 && input < 260) || input >= INPUTS - 9;
    case A_WHOLE_SLICE:
        return input >= 256 && input < 512;
    case ALL_BLACK:
        return true;
    }
    return false;
}

typedef struct picture_book {
    hd_examples examples;
    uint8_t *pixels, *labels;
} picture_book;

static picture_book draw_pictures(uint64_t *seed, size_t rows, blackness which) {
    picture_book book = {.pixels = malloc(rows * INPUTS), .labels = calloc(rows, 1)};
    cr_assert(book.pixels && book.labels);
    for (size_t i = 0; i < rows * INPUTS; i++)
        book.pixels[i] =
            black(which, i % INPUTS) || sample_index(seed, 3) == 0 ? 0 : (uint8_t)sample_word(seed);
    book.examples = (hd_examples){book.pixels, book.labels, rows};
    return book;
}

/* The batch as the model sees it: every input, black ones too. */
static operand batch_operand(const picture_book *book, bool transposed) {
    operand x = {malloc((book->examples.count * INPUTS + 1) * sizeof(float)), book->examples.count, INPUTS,
                 INPUTS, transposed};
    cr_assert(x.at);
    for (size_t i = 0; i < x.rows * x.columns; i++) x.at[i] = (float)book->pixels[i] * HD_PIXEL;
    return x;
}

static void expect_model_of_batch(hd_device *device, size_t rows, blackness which) {
    uint64_t seed = 100 * rows + which;
    picture_book book = draw_pictures(&seed, rows, which);
    hd_batch *batch = device->ops->batch_create(device, rows, INPUTS);
    cr_assert(batch);
    device->ops->batch_load(device, batch, &book.examples, NULL, 0, rows);
    for (unsigned way = 0; way < 16; way++) {
        bool transposed = way & 1, b_t = transposed && way & 4; /* see hd_product */
        trial t = {.device = device,
                   .accumulate = way & 2,
                   .batch = batch,
                   .size = {transposed ? INPUTS : rows, 5, transposed ? rows : INPUTS, way & 8 ? 30 : 0}};
        t.a[0] = batch_operand(&book, transposed);
        t.b[0] = make_operand(&seed, ORDINARY, t.size.k, t.size.n, b_t);
        if (t.size.k2) t.a[1] = make_operand(&seed, ORDINARY, t.size.m, t.size.k2, b_t);
        if (t.size.k2) t.b[1] = make_operand(&seed, ORDINARY, t.size.k2, t.size.n, !b_t);
        t.c = before(&seed, &t);
        run_trial(&t);
        release_trial(&t);
    }
    device->ops->batch_release(device, batch);
    free(book.labels);
    free(book.pixels);
}

static void expect_model_of_batches(hd_device *device) {
    for (blackness which = NONE_BLACK; which <= ALL_BLACK; which++) expect_model_of_batch(device, 5, which);
    expect_model_of_batch(device, 270, EDGES_AND_MIDDLE);
}

Test(product, a_device_s_first_batch_may_be_black) {
    hd_device *device = open_device("cpu", (hd_device_options){.threads = 1});
    expect_model_of_batch(device, 5, ALL_BLACK);
    hd_device_close(device);
}

/* The only visible effect of leaving out black inputs: -2^-149 / 255 underflows to -0, and the whole chain
 * would then add a +0. */
Test(product, a_zero_that_underflowed_keeps_its_sign_if_black_inputs_follow) {
    static const float weights[] = {-0x1p-149f, 1};
    static const uint8_t pixels[] = {1, 0}, label = 0;
    const hd_examples examples = {pixels, &label, 1};
    hd_device *device = open_device("cpu", (hd_device_options){.threads = 1});
    hd_batch *batch = device->ops->batch_create(device, 1, 2);
    hd_real *w = uploaded(device, 2, weights), *c = uploaded(device, 1, weights);
    cr_assert(batch);
    device->ops->batch_load(device, batch, &examples, NULL, 0, 1);
    hd_product p = {1, 1, c, 1, false, 1, {{2, {.batch = batch}, {.at = w, .ld = 1}}}};
    device->ops->multiply(device, 1, &p);
    double got;
    device->ops->download(device, 1, c, &got);
    cr_expect(got == 0 && signbit(got));
    device->ops->release(device, w);
    device->ops->release(device, c);
    device->ops->batch_release(device, batch);
    hd_device_close(device);
}

/* --- kernels --- */

static void expect_model_from(const char *kernels, const char *loops) {
    for (size_t threads = 1; threads <= 2; threads++) {
        hd_device *device =
            open_device("cpu", (hd_device_options){.threads = threads, .kernels = kernels, .loops = loops});
        cr_assert(device->threads == threads);
        expect_model_at_every_shape(device);
        expect_model_of_batches(device);
        cr_expect(device->allocated == 0);
        hd_device_close(device);
    }
}

Test(product, skx_kernels_give_the_model_s_bits) {
    expect_model_from("skx", NULL);
}
Test(product, haswell_kernels_give_the_model_s_bits) {
    expect_model_from("haswell", NULL);
}
Test(product, zen2_kernels_give_the_model_s_bits) {
    expect_model_from("zen2", NULL);
}
Test(product, zen3_kernels_give_the_model_s_bits) {
    expect_model_from("zen3", NULL);
}
Test(product, own_avx512_loops_give_the_model_s_bits) {
    expect_model_from("own", "avx512");
}
Test(product, own_avx2_loops_give_the_model_s_bits) {
    expect_model_from("own", "avx2");
}
Test(product, own_baseline_loops_give_the_model_s_bits) {
    expect_model_from("own", "baseline");
}

/* Emulated or real. The larger shapes are cut into large tiles, some of them whole, with slices one by one or
 * in parallel. */
Test(product, cuda_gives_the_model_s_bits) {
    hd_device *device = open_device("cuda", (hd_device_options){0});
    size_t before = device->allocated;
    expect_model_at_every_shape(device);
    expect_model(device, ORDINARY, (shape){130, 100, 300, 50});
    expect_model(device, ORDINARY, (shape){300, 330, 37, 0});
    expect_model(device, ORDINARY, (shape){1, 700, 700, 0});
    expect_model(device, TINY, (shape){129, 131, 270, 0});
    cr_expect(device->allocated == before);
    hd_device_close(device);
}

Test(product, generic_kernels_are_replaced_by_own_loops_with_a_note) {
    hd_device *device;
    hd_error error;
    hd_device_options options = {.threads = 1, .kernels = "generic"};
    cr_assert(hd_device_open("cpu", &options, &device, &error) == HD_OK, "%s", error.message);
    cr_expect(!strcmp(device->kernels, "own") && strstr(device->note, "generic"), "%s: %s", device->kernels,
              device->note);
    expect_model(device, ORDINARY, (shape){7, 37, 557, 0});
    hd_device_close(device);
}

/* Counts the elements of a 20 x 30 x 784 product, B transposed, in which plain BLIS differs from the
 * model. */
static size_t blis_alone_differs(bool small_matrix_path) {
    enum { M = 20, N = 30, K = 784 };
    uint64_t seed = 9;
    operand a = make_operand(&seed, ORDINARY, M, K, false), b = make_operand(&seed, ORDINARY, K, N, true);
    float *c = malloc(sizeof(float[M * N])), one = 1, zero = 0;
    cr_assert(c);
    rntm_t how;
    bli_rntm_init(&how);
    bli_rntm_set_num_threads(1, &how);
    if (!small_matrix_path) bli_rntm_disable_l3_sup(&how);
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_TRANSPOSE, M, N, K, &one, a.at, (inc_t)a.ld, 1, b.at, (inc_t)b.ld, 1,
                 &zero, c, N, 1, NULL, &how);
    size_t different = 0;
    for (size_t i = 0; i < M * N; i++)
        different += !same_bits(c[i], model_element(&a, &b, i / N, i % N, K, false, 0));
    free(c);
    free(b.at);
    free(a.at);
    return different;
}

Test(product, skx_kernels_unsliced_differ_from_the_model) {
    hd_device *device = open_device("cpu", (hd_device_options){.threads = 1, .kernels = "skx"});
    cr_expect(blis_alone_differs(false) > 0);
    hd_device_close(device);
}

Test(product, haswell_kernels_with_the_small_matrix_path_differ_from_the_model) {
    hd_device *device = open_device("cpu", (hd_device_options){.threads = 1, .kernels = "haswell"});
    cr_expect(blis_alone_differs(true) > 0);
    hd_device_close(device);
}

Test(product, kernels_not_known_are_refused_and_others_later_too) {
    char chosen[32];
    hd_error error;
    cr_expect(hd_product_start("sky", chosen, &error) == HD_INVALID && strstr(error.message, "'sky'"), "%s",
              error.message);
    cr_assert(hd_product_start("generic", chosen, &error) == HD_OK && !strcmp(chosen, "generic"));
    cr_expect(hd_product_start("generic", chosen, &error) == HD_OK);
    cr_expect(hd_product_start("haswell", chosen, &error) == HD_UNAVAILABLE &&
                  strstr(error.message, "already"),
              "%s", error.message);
    cr_expect(hd_product_start("sky", chosen, &error) == HD_INVALID);
    cr_expect(hd_product_start(NULL, chosen, &error) == HD_OK && !strcmp(chosen, "generic"));
    cr_expect(strlen(hd_product_library()) > 0);
}

Test(product, the_self_test_sees_a_processor_that_flushes_subnormals) {
#if defined(__x86_64__)
    const unsigned flush_to_zero = 0x8000, denormals_are_zero = 0x0040;
    char chosen[32];
    cr_assert(hd_product_start(NULL, chosen, NULL) == HD_OK);
    if (!strcmp(chosen, "generic"))
        cr_skip_test("this processor has only BLIS's generic kernels, which always fail");
    cr_expect(hd_product_self_test(NULL));
    unsigned usual = _mm_getcsr();
    _mm_setcsr(usual | flush_to_zero | denormals_are_zero);
    bool passed = hd_product_self_test(NULL);
    hd_device *device;
    hd_status status = hd_device_open("cpu", &(hd_device_options){.threads = 1}, &device, NULL);
    _mm_setcsr(usual);
    cr_expect(!passed);
    cr_expect_eq(status, HD_UNAVAILABLE);
    cr_expect(hd_product_self_test(NULL));
#else
    cr_skip_test("sets an x86 register");
#endif
}
