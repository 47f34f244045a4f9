/* Faults in the device: an overlay whose operations do their part and call the real ones. */
#include "faults/operations.h"

#include "arithmetic/arithmetic.h"
#include "device/cpu/cpu.h"
#include "device/overlay/overlay.h"
#include "faults/fault.h"

#include <stdlib.h>
#include <string.h>

enum {
    MOST = 16384,
    MOST_PRODUCTS = 128,
    MOST_ROWS = 512
}; /* elements of an activation here, and products at once */

typedef struct hd_faulty {
    hd_overlay overlay;
    float kept[MOST];        /* what an operation overwrites or remembers */
    bool at_zero[MOST];      /* of layer 1: z was exactly 0 */
    float mask[MOST];        /* layer 1's activations of the step before */
    float operands[8][MOST]; /* TF32 copies, and room for a product */
    size_t operand_count;
} hd_faulty;

static hd_faulty *faulty(hd_device *device) {
    return hd_overlay_of(device, "fault");
}

static const hd_device_ops *real(hd_device *device) {
    return faulty(device)->overlay.under;
}

static bool back(void) {
    return hd_fault_engine() && hd_fault_engine()->back;
}

/* We abort if a fault has no room: it must not count as one that was planted and not found. */
static size_t within(size_t count, size_t most) {
    if (count > most) abort();
    return count;
}

/* --- data --- */

static void batch_load(hd_device *device, hd_batch *batch, const hd_examples *examples, const uint32_t *index,
                       size_t first, size_t rows) {
    uint32_t changed[MOST_ROWS];
    if (index && hd_fault_here(HD_STALE_BATCH_OUT) && !back()) index -= rows;
    if (index && hd_fault_here(HD_BATCH_ROW)) {
        memcpy(changed, index, within(rows, MOST_ROWS) * sizeof *changed);
        changed[3] = changed[3] ? 0 : 1;
        index = changed;
    }
    real(device)->batch_load(device, batch, examples, index, first, rows);
}

static void zero(hd_device *device, size_t count, hd_real *to) {
    const hd_engine *engine = hd_fault_engine();
    if (hd_fault_now(HD_MOMENTUM_KEPT) && to == hd_engine_state(engine, 0).m) return;
    if (hd_fault_now(HD_ADJOINT_KEPT) && to == engine->adjoint.m) return;
    real(device)->zero(device, count, to);
}

/* --- products --- */

/* Rounds to 10 bits after the point, as float16 and TF32 do. */
static float shortened(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0xfff + (bits >> 13 & 1)) & ~UINT32_C(0x1fff);
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A copy of a rows x columns operand with shortened numbers. */
static hd_matrix in_tf32(hd_faulty *f, hd_matrix m, size_t rows, size_t columns) {
    if (m.batch) return m;
    float *copy = f->operands[within(f->operand_count++, 7)];
    size_t lines = m.transposed ? columns : rows, length = m.transposed ? rows : columns;
    within(lines * length, MOST);
    for (size_t i = 0; i < lines; i++)
        for (size_t j = 0; j < length; j++)
            copy[i * length + j] = shortened(((const float *)m.at)[i * m.ld + j]);
    return (hd_matrix){.at = (const hd_real *)copy, .ld = length, .transposed = m.transposed};
}

static void use_tf32(hd_faulty *f, hd_product *p) {
    f->operand_count = 0;
    for (size_t i = 0; i < p->terms; i++) {
        p->term[i].a = in_tf32(f, p->term[i].a, p->m, p->term[i].k);
        p->term[i].b = in_tf32(f, p->term[i].b, p->term[i].k, p->n);
    }
}

/* Loses from the gradient of W_0 the examples after the first slice. */
static void lose_block(hd_faulty *f, hd_product *p) {
    bool gradient = p->term[0].a.batch && p->term[0].a.transposed && !p->accumulate;
    if (!gradient || back()) return;
    size_t columns = p->n, first = (size_t)HD_PRODUCT_SLICE * columns;
    float *copy = f->operands[0];
    memcpy(copy, p->term[0].b.at, within(p->term[0].k * columns, MOST) * sizeof *copy);
    memset(copy + first, 0, (p->term[0].k * columns - first) * sizeof *copy);
    p->term[0].b.at = (const hd_real *)copy;
}

/* Turns R{delta_2}, C = first term + second term, into first - second. */
static void turn_sign(hd_device *device, hd_product p) {
    bool r_delta_2 = p.terms == 2 && p.term[1].b.transposed && p.n == hd_fault_engine()->model.dims[2];
    if (!r_delta_2) return;
    hd_product second = p;
    float *c = (float *)p.c, *difference = faulty(device)->operands[0];
    within(p.m * p.n, MOST);
    second.c = (hd_real *)difference;
    second.ldc = p.n;
    second.terms = 1;
    second.term[0] = p.term[1];
    real(device)->multiply(device, 1, &second);
    for (size_t i = 0; i < p.m; i++)
        for (size_t j = 0; j < p.n; j++) c[i * p.ldc + j] -= 2 * difference[i * p.n + j];
}

static void forget_transposition(hd_product *p) {
    for (size_t t = 0; t < p->terms; t++)
        if (p->term[t].k == p->n && !p->term[t].b.batch) p->term[t].b.transposed = false;
}

static void multiply(hd_device *device, size_t count, const hd_product *products) {
    hd_faulty *f = faulty(device);
    hd_product changed[MOST_PRODUCTS];
    memcpy(changed, products, within(count, MOST_PRODUCTS) * sizeof *changed);
    if (hd_fault_here(HD_LOST_K_BLOCK)) lose_block(f, &changed[0]);
    for (size_t i = 0; i < count && hd_fault_here(HD_SQUARE_UNTRANSPOSED); i++)
        forget_transposition(&changed[i]);
    if (hd_fault_here(HD_TF32) && !back()) {
        for (size_t i = 0; i < count; i++) { /* one by one, as there is room for one product's operands */
            use_tf32(f, &changed[i]);
            real(device)->multiply(device, 1, &changed[i]);
        }
        return;
    }
    if (hd_fault_sums_otherwise(device, count, changed)) return;
    real(device)->multiply(device, count, changed);
    for (size_t i = 0; i < count && hd_fault_here(HD_R_OP_SIGN); i++) turn_sign(device, products[i]);
}

/* --- element formulas --- */

static void activate(hd_device *device, size_t rows, size_t columns, hd_real *z, const hd_real *b, bool relu,
                     hd_label label) {
    enum { ROW = 7 };
    hd_faulty *f = faulty(device);
    float *a = (float *)z, *stale = f->kept;
    for (size_t i = 0; i < rows * columns && label.index == 1 && hd_fault_here(HD_RELU_AT_ZERO); i++)
        f->at_zero[within(i, MOST - 1)] = a[i] + ((const float *)b)[i % columns] == 0;
    bool without_bias = label.index == 2 && hd_fault_here(HD_UNIT_BIAS) && !back();
    if (without_bias) {
        float *copy = f->operands[0];
        memcpy(copy, b, within(columns, MOST) * sizeof *copy);
        copy[4] = 0;
        b = (const hd_real *)copy;
    }
    real(device)->activate(device, rows, columns, z, b, relu, label);
    if (label.index == 1 && hd_fault_here(HD_THREAD_TAIL) && device->threads > 1)
        memset(a + (rows - 1) * columns, 0, columns * sizeof *a);
    if (label.index != 2 || back()) return;
    if (hd_fault_here(HD_MISSING_BARRIER)) memcpy(a + ROW * columns, stale, columns * sizeof *a);
    if (hd_fault_now(HD_MISSING_BARRIER) && rows > ROW)
        memcpy(stale, a + ROW * columns, within(columns, MOST) * sizeof *a);
    for (size_t i = 0; i < rows * columns && hd_fault_here(HD_FLOAT16); i++) a[i] = shortened(a[i]);
}

static void activate_tangent(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a,
                             bool relu, hd_real *z_dot, size_t z_stride, const hd_real *b_dot,
                             size_t b_stride, hd_label label) {
    if (label.index == 2 && hd_fault_here(HD_R_OP_BIAS)) {
        b_dot = memset(faulty(device)->kept, 0, within(columns, MOST) * sizeof(float));
        b_stride = 0;
    }
    float *mask = faulty(device)->mask;
    bool stale = label.index == 1 && hd_fault_here(HD_STALE_MASK);
    if (label.index == 1 && hd_fault_now(HD_STALE_MASK) && !stale)
        memcpy(mask, a, within(rows * columns, MOST) * sizeof *mask);
    if (stale) a = (const hd_real *)mask;
    real(device)->activate_tangent(device, count, rows, columns, a, relu, z_dot, z_stride, b_dot, b_stride,
                                   label);
}

static void gate(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a, hd_real *d,
                 size_t d_stride) {
    hd_faulty *f = faulty(device);
    bool open = hd_fault_here(HD_RELU_AT_ZERO) && a == hd_fault_engine()->act.a[1];
    if (!open) {
        real(device)->gate(device, count, rows, columns, a, d, d_stride);
        return;
    }
    for (size_t j = 0; j < count; j++) {
        float *one = (float *)d + j * d_stride;
        memcpy(f->kept, one, within(rows * columns, MOST) * sizeof *one);
        real(device)->gate(device, 1, rows, columns, a, (hd_real *)one, 0);
        for (size_t i = 0; i < rows * columns; i++)
            if (f->at_zero[i]) one[i] = f->kept[i];
    }
}

/* As if exp were off by up to 2e-6. */
static void shift_probabilities(const hd_batch *batch, size_t classes, float divisor, float *p,
                                float *delta) {
    for (size_t i = 0; i < batch->rows * classes; i++) {
        float y = i % classes == batch->labels[i / classes] ? 1 : 0;
        bool cut = delta[i / classes * classes + batch->labels[i / classes]] == 0;
        p[i] *= i % 3 ? 1 - 1e-6F : 1 + 2e-6F;
        if (!cut) delta[i] = hd_softmax_delta(p[i], y, divisor);
    }
}

/* What is wrong with deltas and errors once they are made. */
static void spoil_softmax(const hd_batch *batch, size_t classes, float divisor, float *p, float *delta,
                          float *error) {
    enum { ROW = 5 };
    bool watched = hd_fault_engine() && hd_fault_engine()->observer;
    if (hd_fault_here(HD_EXP_INEXACT)) shift_probabilities(batch, classes, divisor, p, delta);
    for (size_t r = 0; r < batch->rows && hd_fault_here(HD_LOG_INEXACT); r++) error[r] *= 1 + 1e-6F;
    if (hd_fault_here(HD_DELTA_ROW) || (hd_fault_here(HD_OBSERVED) && watched))
        memset(delta + ROW * classes, 0, classes * sizeof *delta);
}

static void softmax(hd_device *device, const hd_batch *batch, size_t classes, double divisor,
                    const hd_real *logits, hd_real *p, hd_real *delta, hd_real *error) {
    if (hd_fault_here(HD_DIVISOR) || hd_fault_here(HD_VALIDATION_DIVISOR)) divisor += 1;
    real(device)->softmax(device, batch, classes, divisor, logits, p, delta, error);
    spoil_softmax(batch, classes, (float)divisor, (float *)p, (float *)delta, (float *)error);
    for (size_t i = 0; i < batch->rows * classes && hd_fault_here(HD_RECIPROCAL); i++) {
        bool cut = ((float *)delta)[i / classes * classes + batch->labels[i / classes]] == 0;
        float y = i % classes == batch->labels[i / classes] ? 1 : 0, rows = 1 / (float)divisor;
        if (!cut) ((float *)delta)[i] = (((float *)p)[i] - y) * rows;
    }
    for (size_t i = 0; i < batch->rows * classes && hd_fault_here(HD_CLIP_MASK); i++) {
        float y = i % classes == batch->labels[i / classes] ? 1 : 0;
        ((float *)delta)[i] = hd_softmax_delta(((float *)p)[i], y, (float)divisor);
    }
}

/* softmax_tangent without the clip's mask. */
static void unmasked_tangent(const hd_batch *batch, size_t classes, float divisor, const float *p,
                             const float *z_dot, float *delta_dot) {
    for (size_t r = 0; r < batch->rows; r++, p += classes, z_dot += classes, delta_dot += classes) {
        float mean = 0;
        for (size_t c = 0; c < classes; c++) mean = fmaf(p[c], z_dot[c], mean);
        for (size_t c = 0; c < classes; c++)
            delta_dot[c] = hd_softmax_delta_dot(p[c], z_dot[c], mean, divisor);
    }
}

static void softmax_tangent(hd_device *device, const hd_batch *batch, size_t count, size_t classes,
                            double divisor, const hd_real *p, hd_real *z_dot, size_t stride) {
    if (!hd_fault_here(HD_CLIP_MASK_R_OP)) {
        real(device)->softmax_tangent(device, batch, count, classes, divisor, p, z_dot, stride);
        return;
    }
    float *before = faulty(device)->kept;
    for (size_t j = 0; j < count; j++) {
        float *one = (float *)z_dot + j * stride;
        memcpy(before, one, within(batch->rows * classes, MOST) * sizeof *one);
        unmasked_tangent(batch, classes, (float)divisor, in(p), before, one);
    }
}

/* --- counts and sums --- */

static void count_correct(hd_device *device, const hd_batch *batch, size_t classes, const hd_real *logits,
                          double *sum) {
    bool validation = hd_fault_engine() && batch->rows == hd_fault_engine()->problem->validation.count;
    real(device)->count_correct(device, batch, classes, logits, sum);
    bool test = hd_fault_engine() && batch->rows == hd_fault_engine()->problem->test.count;
    if (hd_fault_now(HD_TEST_COUNT) && test) ++*sum;
    if (hd_fault_here(HD_COUNTED_TWICE) && validation)
        real(device)->count_correct(device, batch, classes, logits, sum);
}

static void dot(hd_device *device, size_t count, const hd_real *x, const hd_real *y, double *sum) {
    const hd_engine *engine = hd_fault_engine();
    bool errors = engine && x == engine->errors && !y;
    if (hd_fault_here(HD_LOST_TERM) && x == engine->gradient && sum == engine->sums) count--;
    if (errors && hd_fault_now(HD_ERROR_LEFT_OUT)) count--;
    if (errors && hd_fault_now(HD_UNOBSERVED) && !engine->observer) count--;
    real(device)->dot(device, count, x, y, sum);
    if (errors && hd_fault_now(HD_ERROR_LOW)) *sum *= 0.995;
}

static void draw(hd_device *device, const hd_xavier *layer, hd_real *to) {
    real(device)->draw(device, layer, to);
    bool first = hd_fault_engine() && to == hd_engine_state(hd_fault_engine(), 0).w;
    if (first && hd_fault_now(HD_INITIAL_WEIGHT)) ((float *)to)[3] += 1e-4F;
}

hd_status hd_fault_lay(hd_device *device, hd_error *error) {
    hd_faulty *f = hd_overlay_lay(device, sizeof *f, "fault", error);
    if (!f) return HD_UNAVAILABLE;
    hd_device_ops *over = &f->overlay.over;
    over->batch_load = batch_load;
    over->zero = zero;
    over->multiply = multiply;
    over->activate = activate;
    over->activate_tangent = activate_tangent;
    over->gate = gate;
    over->softmax = softmax;
    over->softmax_tangent = softmax_tangent;
    over->count_correct = count_correct;
    over->dot = dot;
    over->draw = draw;
    return HD_OK;
}
