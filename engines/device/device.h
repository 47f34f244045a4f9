/* A device: the table of operations that the algorithms are written against. It knows no networks, optimizers
 * or files.
 *
 * Arrays (hd_real *) live on the device and hold its element type: float on `cpu` and `cuda`, double on
 * `reference`, long double on `extended`. They are opaque: only hd_at computes addresses in them. Matrices
 * are row-major. K tangents of an array lie `stride` elements apart.
 *
 * Arithmetic operations return nothing, and none waits for the device. The first thing that goes wrong is
 * kept in device->latch, and the algorithm looks there once, at its end. A value that is not finite is
 * latched, with its tensor and step, before a ReLU, clip or argmax can swallow it. Outputs may not overlap
 * inputs unless an operation says so. */
#ifndef HD_DEVICE_DEVICE_H
#define HD_DEVICE_DEVICE_H

#include "arithmetic/philox.h"
#include "core/error.h"
#include "core/problem.h"

typedef struct hd_device hd_device;
typedef struct hd_real hd_real;   /* element of a device array */
typedef struct hd_batch hd_batch; /* examples gathered for the network's input; each device has its own */

/* A matrix on the device: element (i, j) at [i * ld + j], or [j * ld + i] if transposed. With `batch` set it
 * is the examples' pixels as numbers (rows x inputs) and `at` is not used. */
typedef struct hd_matrix {
    const hd_real *at;
    size_t ld;
    bool transposed;
    const hd_batch *batch;
} hd_matrix;

/* C (+)= A_0 B_0 [+ A_1 B_1]: C is m x n with rows ldc apart, A_i is m x k_i, B_i is k_i x n.
 * A batch can only be A: as it stands (k = inputs; B is then not transposed), or transposed (m = inputs,
 * k = rows). */
typedef struct hd_product {
    size_t m, n;
    hd_real *c;
    size_t ldc;
    bool accumulate; /* false: C is only written, never read */
    size_t terms;    /* 1 or 2 */
    struct {
        size_t k;
        hd_matrix a, b;
    } term[2];
} hd_product;

/* What a tangent of momentum's step gets directly from its hyperparameter. */
typedef enum hd_source {
    HD_SOURCE_NONE,     /* a rho, elsewhere than in its own layer */
    HD_SOURCE_SIGN,     /* rho_l1: dm' = sign(w) */
    HD_SOURCE_TWICE,    /* rho_l2: dm' = 2 w */
    HD_SOURCE_MOMENTUM, /* mu: dm' = m */
    HD_SOURCE_STEP,     /* eta: dw' = -m' */
} hd_source;

/* The hyperparameters that act on one stretch of the weight vector. They lie in the device's memory, as four
 * of its sums, so that a recorded section works with other values too. */
typedef struct hd_coefficients {
    double rho_l1, rho_l2, eta, mu;
} hd_coefficients;

enum { HD_MAX_STRETCHES = HD_MAX_LAYERS + 1 };

/* A weight vector cut into stretches, each with its own coefficients. Stretch s holds the elements start[s]
 * .. start[s + 1] - 1; start[0] is 0, start[count] the vector's length. */
typedef struct hd_stretches {
    size_t count, start[HD_MAX_STRETCHES + 1];
    const hd_coefficients *coefficients; /* [count], on the device */
} hd_stretches;

/* What a latched error is called. */
typedef struct hd_label {
    hd_tensor tensor;
    size_t index; /* layer or hyperparameter, as in hd_observer */
} hd_label;

typedef enum hd_latch_kind {
    HD_NOTHING_LATCHED,
    HD_NOT_FINITE,
    HD_NO_MEMORY,
    HD_NOT_ATTESTED, /* reverse mode's backward sweep met other errors than its forward sweep */
    HD_FAILED        /* the device itself: device->note says what */
} hd_latch_kind;

typedef struct hd_latch {
    hd_latch_kind kind;
    hd_label label;
    size_t step;
} hd_latch;

typedef struct hd_device_ops {
    void (*destroy)(hd_device *);

    /* count elements, zeroed; NULL where memory cannot be had. */
    hd_real *(*allocate)(hd_device *, size_t count);
    /* count float64 sums, zeroed. They add up on the device and are fetched once. */
    double *(*allocate_sums)(hd_device *, size_t count);
    /* Takes elements or sums, or NULL. */
    void (*release)(hd_device *, void *);
    void (*zero_sums)(hd_device *, size_t count, double *);
    void (*store_sums)(hd_device *, size_t count, const double *from, double *to);
    void (*fetch_sums)(hd_device *, size_t count, const double *from, double *to);

    void (*upload)(hd_device *, size_t count, const float *from, hd_real *to);
    void (*download)(hd_device *, size_t count, const hd_real *from, double *to);
    /* The elements where the host can read them, as float or else double: the array itself, or a copy in
     * `room`, which holds count of them. replace puts such elements into an array. */
    const void *(*view)(hd_device *, size_t count, const hd_real *, void *room);
    void (*replace)(hd_device *, size_t count, const void *elements, hd_real *to);
    void (*zero)(hd_device *, size_t count, hd_real *);
    /* to[i] = the layer's number i, i < layer->count: the float32 numbers of hd_xavier_numbers. */
    void (*draw)(hd_device *, const hd_xavier *layer, hd_real *to);
    void (*copy)(hd_device *, size_t count, const hd_real *from, hd_real *to);

    /* Copies bytes that will not change to where the device can read them, and returns their address there
     * (the same on a host device). NULL: no memory. */
    const void *(*place)(hd_device *, const void *bytes, size_t count);
    void (*unplace)(hd_device *, const void *placed);

    /* A batch of up to rows examples; NULL where memory cannot be had. */
    hd_batch *(*batch_create)(hd_device *, size_t rows, size_t inputs);
    void (*batch_release)(hd_device *, hd_batch *);
    /* x[r][p] = pixels[index[r]][p] * (float)(1/255), with the labels. index NULL: examples from `first`. */
    void (*batch_load)(hd_device *, hd_batch *, const hd_examples *, const uint32_t *index, size_t first,
                       size_t rows);
    /* The numbers of a batch, to[rows][inputs], for observers. */
    void (*batch_download)(hd_device *, const hd_batch *, double *to);

    /* Products, independent of each other; see hd_product. */
    void (*multiply)(hd_device *, size_t count, const hd_product *products);

    /* a = z + b, rows x columns in place, b[columns]; then a = relu(a) if relu. */
    void (*activate)(hd_device *, size_t rows, size_t columns, hd_real *z, const hd_real *b, bool relu,
                     hd_label);
    /* R{a} = (R{z} + R{b}) where a > 0 else 0 (relu), or R{z} + R{b}, for each of count tangents. a is the
     * primal's, after activate. */
    void (*activate_tangent)(hd_device *, size_t count, size_t rows, size_t columns, const hd_real *a,
                             bool relu, hd_real *z_dot, size_t z_stride, const hd_real *b_dot,
                             size_t b_stride, hd_label);
    /* d = d where a > 0 else 0, for each of count arrays. */
    void (*gate)(hd_device *, size_t count, size_t rows, size_t columns, const hd_real *a, hd_real *d,
                 size_t d_stride);

    /* For each example of the batch: p = softmax(logits), error = -log clip(p_label),
     * delta_c = (p_c - [c = label]) / divisor, or 0 for all c where the clip cuts p_label off. */
    void (*softmax)(hd_device *, const hd_batch *, size_t classes, double divisor, const hd_real *logits,
                    hd_real *p, hd_real *delta, hd_real *error);
    /* R{delta_c} = p_c (R{z_c} - sum_j p_j R{z_j}) / divisor, 0 where the clip cuts off; in place of R{z},
     * for each of count. */
    void (*softmax_tangent)(hd_device *, const hd_batch *, size_t count, size_t classes, double divisor,
                            const hd_real *p, hd_real *z_dot, size_t stride);
    /* *sum += number of examples whose greatest logit is at the label (the lowest index wins a tie). */
    void (*count_correct)(hd_device *, const hd_batch *, size_t classes, const hd_real *logits, double *sum);

    /* *sum += x . y, or the sum of x if y is NULL. */
    void (*dot)(hd_device *, size_t count, const hd_real *x, const hd_real *y, double *sum);

    /* Calls body(context), which calls operations of this device and does nothing else that matters. A device
     * may record them and replay them the next time without calling body. So for one context and id they must
     * be the same operations on the same arrays each time. */
    void (*section)(hd_device *, size_t id, void (*body)(void *context), void *context);
    /* Forgets the recorded sections, whose arrays are about to go. */
    void (*forget)(hd_device *);
    /* Waits until all operations so far are done, and copies what the device latched into device->latch. */
    void (*settle)(hd_device *);

    /* Momentum on a weight vector, with each stretch's coefficients, G = g + rho_l1 sign(w) + 2 rho_l2 w:
     *   m' = mu m + G,  w' = w - eta m'. */
    void (*momentum_step)(hd_device *, const hd_stretches *, const hd_real *w, const hd_real *m,
                          const hd_real *g, hd_real *w_next, hd_real *m_next, hd_label);
    /* Its tangent for each of count hyperparameters (at most HD_MAX_HYPERS), in place, given h = (Hessian of
     * the plain error) z_w:
     *   z_m' = mu z_m + h + 2 rho_l2 z_w + [sign(w) | 2 w | m],  z_w' = z_w - eta z_m' [- m'],
     * the direct part in stretch s being source[j * stretches + s]. */
    void (*momentum_tangent)(hd_device *, const hd_stretches *, size_t count, size_t stride,
                             const hd_source *source, const hd_real *w, const hd_real *m,
                             const hd_real *m_next, const hd_real *h, hd_real *z_w, hd_real *z_m, hd_label);
    /* First half of its adjoint: q = p_m - eta p_w, and for each stretch
     *   sums[stretch][0..3] += q . sign(w), q . 2 w, -p_w . m', q . m. */
    void (*momentum_adjoint)(hd_device *, const hd_stretches *, const hd_real *w, const hd_real *m,
                             const hd_real *m_next, const hd_real *p_w, const hd_real *p_m, hd_real *q,
                             double *sums);
    /* Second half, in place, given h = (Hessian of the plain error) q: p_w += h + 2 rho_l2 q, p_m = mu q. */
    void (*momentum_pull_back)(hd_device *, const hd_stretches *, const hd_real *q, const hd_real *h,
                               hd_real *p_w, hd_real *p_m, hd_label);
} hd_device_ops;

/* Parts of a table, each operation by a function of its name, in the order of hd_device_ops as C++ wants it. */
#define HD_NETWORK_OPS                                                                                       \
    .activate = activate, .activate_tangent = activate_tangent, .gate = gate, .softmax = softmax,            \
    .softmax_tangent = softmax_tangent, .count_correct = count_correct, .dot = dot
#define HD_MOMENTUM_OPS                                                                                      \
    .momentum_step = momentum_step, .momentum_tangent = momentum_tangent,                                    \
    .momentum_adjoint = momentum_adjoint, .momentum_pull_back = momentum_pull_back

/* Something a record says of the device: "gpu" is "NVIDIA H100", "blis" is "0.9.0". */
typedef struct hd_fact {
    const char *key;
    char text[256];
} hd_fact;

enum { HD_MAX_FACTS = 8 };

struct hd_device {
    const hd_device_ops *ops;
    struct hd_overlay *overlay; /* the topmost: overlay.h */
    const char *name;           /* "cpu", "reference", "extended", "cuda" */
    const char *arithmetic; /* "exact", "float64", "cublas", "cublas-tf32", "random-rounding", "libm", "long
                               double", ... */
    size_t element;         /* bytes of an element: 4, 8, or 16 on "extended" */
    bool asynchronous;      /* operations return before they are done: see settle */
    size_t threads;
    char kernels[32]; /* what multiplies: "skx", "haswell", ... (BLIS), "own", or "cublas" */
    char loops[16];   /* version of the other loops: "avx512", "avx2", "baseline", "plain", "sm_90" */
    char note[128];   /* why it differs from what was asked for, or how it failed; or empty */
    hd_fact fact[HD_MAX_FACTS];
    size_t facts;
    size_t step;           /* stamped on what is latched: the algorithms count here */
    hd_latch latch;        /* the first since it was cleared */
    size_t allocated;      /* bytes of arrays, sums and batches now held */
    size_t allocated_peak; /* the most of them, and ... */
    double operations;     /* 2 m n k of every product carried out, and ... */
    size_t launches;       /* kernels and library calls, those of replayed sections included; 0 on a host. All
                              three count since they were cleared */
};

/* How to open a device; zeroed means: choose. */
typedef struct hd_device_options {
    size_t threads;         /* 0: one for each core this process may run on; more than those is refused */
    const char *kernels;    /* BLIS's "skx", "haswell", "zen2", "zen3", "generic", or "own": no BLIS */
    const char *loops;      /* "avx512", "avx2", "baseline" */
    const char *arithmetic; /* NULL: the device's usual one. On cuda "cublas": products by cuBLAS, in float32
                               throughout; "cublas-tf32": their factors rounded to TF32 */
    const char *math;       /* exp and log: NULL or "shared" for arithmetic.h's; "libm" on cpu, "device" on
                               cuda for the platform's own library */
    uint32_t rounding;      /* seed of random rounding (rounding.h), on "cpu" only; 0: none */
} hd_device_options;

/* Address of element i of a device array. */
static inline hd_real *hd_at(const hd_device *device, const hd_real *array, size_t i) {
    return (hd_real *)((char *)(uintptr_t)array + i * device->element);
}

/* Ends a device that devices.h opened; takes NULL. */
void hd_device_close(hd_device *device);

/* Counts bytes that were allocated; for the devices. */
void hd_device_holds(hd_device *device, size_t more);

/* Adds a fact, its text as printf has it; for the devices. */
void hd_device_add_fact(hd_device *device, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Keeps the error in device->latch, unless one is there already. */
void hd_device_latch(hd_device *device, hd_latch_kind kind, hd_label label);

#endif
