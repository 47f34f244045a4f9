#include "training/model.h"

#include <stdlib.h>
#include <string.h>

void hd_model_describe(hd_model *model, hd_device *device, size_t layers, const size_t *dims) {
    *model = (hd_model){.device = device, .layers = layers};
    memcpy(model->dims, dims, (layers + 1) * sizeof *dims);
    for (size_t l = 0; l < layers; l++)
        model->weight_at[l] = model->weights, model->weights += dims[l] * dims[l + 1];
    for (size_t l = 0; l < layers; l++) model->bias_at[l] = model->weights, model->weights += dims[l + 1];
}

/* --- activations --- */

static size_t width(const hd_model *model, const hd_activations *act, size_t l) {
    return act->rows * model->dims[l];
}

hd_status hd_activations_create(const hd_model *model, size_t rows, size_t tangents, hd_activations *act,
                                hd_error *error) {
    hd_device *device = model->device;
    const hd_device_ops *ops = device->ops;
    *act = (hd_activations){.rows = rows, .tangents = tangents};
    bool complete = true;
    for (size_t l = 1; l <= model->layers; l++) {
        complete &= (act->a[l] = ops->allocate(device, width(model, act, l))) != NULL;
        complete &= (act->delta[l] = ops->allocate(device, width(model, act, l))) != NULL;
        if (tangents == 0) continue;
        complete &= (act->a_dot[l] = ops->allocate(device, tangents * width(model, act, l))) != NULL;
        if (l == model->layers)
            act->delta_dot[l] = act->a_dot[l]; /* softmax_tangent works in place */
        else
            complete &= (act->delta_dot[l] = ops->allocate(device, tangents * width(model, act, l))) != NULL;
    }
    complete &= (act->p = ops->allocate(device, width(model, act, model->layers))) != NULL;
    complete &= (act->error = ops->allocate(device, rows)) != NULL;
    complete &= (act->ones = ops->allocate(device, rows)) != NULL;
    complete &= (act->products = calloc(3 * (tangents + 1), sizeof *act->products)) != NULL;
    float *ones = malloc(rows * sizeof *ones);
    if (complete && ones) {
        for (size_t r = 0; r < rows; r++) ones[r] = 1;
        ops->upload(device, rows, ones, act->ones);
        free(ones);
        return HD_OK;
    }
    free(ones);
    hd_activations_release(model, act);
    return hd_fail(error, HD_UNAVAILABLE, "device %s: no memory for the activations of %zu examples",
                   device->name, rows);
}

void hd_activations_release(const hd_model *model, hd_activations *act) {
    hd_device *device = model->device;
    for (size_t l = 1; l <= model->layers; l++) {
        device->ops->release(device, act->a[l]);
        device->ops->release(device, act->delta[l]);
        device->ops->release(device, act->a_dot[l]);
        if (l < model->layers) device->ops->release(device, act->delta_dot[l]);
    }
    device->ops->release(device, act->p);
    device->ops->release(device, act->error);
    device->ops->release(device, act->ones);
    free(act->products);
    *act = (hd_activations){0};
}

/* --- the equations' matrices --- */

/* What all products of one pass over a layer read. */
typedef struct hd_pass {
    const hd_model *model;
    const hd_real *w;
    const hd_batch *batch;
    size_t rows;
    hd_activations *act;
    const hd_derivatives *wanted;
} hd_pass;

static hd_matrix matrix(const hd_real *at, size_t ld) {
    return (hd_matrix){.at = at, .ld = ld};
}

static hd_matrix transposed(hd_matrix m) {
    m.transposed = !m.transposed;
    return m;
}

/* W_l within a vector of weights. */
static hd_matrix weights_of(const hd_pass *pass, const hd_real *vector, size_t l) {
    return matrix(hd_at(pass->model->device, vector, pass->model->weight_at[l]), pass->model->dims[l + 1]);
}

/* Tangent j of an array of act. */
static hd_real *tangent(const hd_pass *pass, hd_real *const *arrays, size_t l, size_t j) {
    return hd_at(pass->model->device, arrays[l], j * width(pass->model, pass->act, l));
}

/* Vector j of r or hvp. */
static hd_real *vector(const hd_pass *pass, const hd_real *vectors, size_t j) {
    return hd_at(pass->model->device, vectors, j * pass->model->weights);
}

static hd_matrix input_of(const hd_pass *pass, size_t l) {
    if (l == 0) return (hd_matrix){.batch = pass->batch};
    return matrix(pass->act->a[l], pass->model->dims[l]);
}

static hd_matrix rows_of(const hd_pass *pass, const hd_real *at, size_t l) {
    return matrix(at, pass->model->dims[l]);
}

/* C (+)= A B, C of m x n stored densely. */
static hd_product product(size_t m, size_t n, size_t k, hd_real *c, bool accumulate, hd_matrix a,
                          hd_matrix b) {
    return (hd_product){
        .m = m, .n = n, .c = c, .ldc = n, .accumulate = accumulate, .terms = 1, .term = {{k, a, b}}};
}

static void add_term(hd_product *p, size_t k, hd_matrix a, hd_matrix b) {
    p->term[p->terms].k = k;
    p->term[p->terms].a = a;
    p->term[p->terms].b = b;
    p->terms++;
}

/* --- forward --- */

/* z_{l+1} = a_l W_l;  R{z_{l+1}} = a_l R_l + R{a_l} W_l. */
static void layer_forward(const hd_pass *pass, size_t l, size_t tangents) {
    const hd_model *model = pass->model;
    hd_device *device = model->device;
    hd_activations *act = pass->act;
    size_t in = model->dims[l], out = model->dims[l + 1], count = 0;
    hd_product *products = act->products;
    hd_matrix w = weights_of(pass, pass->w, l), a = input_of(pass, l);
    products[count++] = product(pass->rows, out, in, act->a[l + 1], false, a, w);
    for (size_t j = 0; j < tangents; j++) {
        hd_matrix r = weights_of(pass, vector(pass, pass->wanted->r, j), l);
        hd_product *p = &products[count++];
        *p = product(pass->rows, out, in, tangent(pass, act->a_dot, l + 1, j), false, a, r);
        if (l > 0) add_term(p, in, rows_of(pass, tangent(pass, act->a_dot, l, j), l), w);
    }
    device->ops->multiply(device, count, products);

    bool hidden = l + 1 < model->layers;
    size_t bias = model->bias_at[l];
    device->ops->activate(device, pass->rows, out, act->a[l + 1], hd_at(device, pass->w, bias), hidden,
                          (hd_label){HD_ACTIVATION, l + 1});
    if (tangents)
        device->ops->activate_tangent(device, tangents, pass->rows, out, act->a[l + 1], hidden,
                                      act->a_dot[l + 1], width(model, act, l + 1),
                                      hd_at(device, pass->wanted->r, bias), model->weights,
                                      (hd_label){HD_ACTIVATION_TANGENT, l + 1});
}

void hd_model_predict(const hd_model *model, const hd_real *w, const hd_batch *batch, size_t rows,
                      hd_activations *act) {
    hd_pass pass = {.model = model, .w = w, .batch = batch, .rows = rows, .act = act};
    for (size_t l = 0; l < model->layers; l++) layer_forward(&pass, l, 0);
}

/* --- back --- */

/* dE/dW_l = a_l^T delta_{l+1}, dE/db_l = 1^T delta_{l+1}; along r_j
 *   R{dE/dW_l} = a_l^T R{delta_{l+1}} + R{a_l}^T delta_{l+1}, R{dE/db_l} = 1^T R{delta_{l+1}}. */
static size_t weight_products(const hd_pass *pass, size_t l, hd_product *products) {
    const hd_model *model = pass->model;
    const hd_derivatives *wanted = pass->wanted;
    hd_device *device = model->device;
    hd_activations *act = pass->act;
    size_t in = model->dims[l], out = model->dims[l + 1], rows = pass->rows, count = 0;
    hd_matrix a_t = transposed(input_of(pass, l)), ones = matrix(act->ones, rows);
    hd_matrix delta = rows_of(pass, act->delta[l + 1], l + 1);
    if (wanted->gradient) {
        hd_real *dw = hd_at(device, wanted->gradient, model->weight_at[l]);
        hd_real *db = hd_at(device, wanted->gradient, model->bias_at[l]);
        products[count++] = product(in, out, rows, dw, wanted->accumulate, a_t, delta);
        products[count++] = product(1, out, rows, db, wanted->accumulate, ones, delta);
    }
    for (size_t j = 0; j < wanted->tangents; j++) {
        hd_real *hvp = vector(pass, wanted->hvp, j);
        hd_matrix delta_dot = rows_of(pass, tangent(pass, act->delta_dot, l + 1, j), l + 1);
        hd_product *p = &products[count++];
        *p = product(in, out, rows, hd_at(device, hvp, model->weight_at[l]), false, a_t, delta_dot);
        if (l > 0) add_term(p, rows, transposed(rows_of(pass, tangent(pass, act->a_dot, l, j), l)), delta);
        products[count++] =
            product(1, out, rows, hd_at(device, hvp, model->bias_at[l]), false, ones, delta_dot);
    }
    return count;
}

/* delta_l = (delta_{l+1} W_l^T) * [a_l > 0], elementwise; along r_j
 *   R{delta_l} = (R{delta_{l+1}} W_l^T + delta_{l+1} R_l^T) * [a_l > 0]. */
static size_t delta_products(const hd_pass *pass, size_t l, hd_product *products) {
    const hd_model *model = pass->model;
    hd_activations *act = pass->act;
    size_t in = model->dims[l], out = model->dims[l + 1], count = 0;
    hd_matrix w_t = transposed(weights_of(pass, pass->w, l)), delta = rows_of(pass, act->delta[l + 1], l + 1);
    products[count++] = product(pass->rows, in, out, act->delta[l], false, delta, w_t);
    for (size_t j = 0; j < pass->wanted->tangents; j++) {
        hd_matrix delta_dot = rows_of(pass, tangent(pass, act->delta_dot, l + 1, j), l + 1);
        hd_matrix r_t = transposed(weights_of(pass, vector(pass, pass->wanted->r, j), l));
        hd_product *p = &products[count++];
        *p = product(pass->rows, in, out, tangent(pass, act->delta_dot, l, j), false, delta_dot, w_t);
        add_term(p, out, delta, r_t);
    }
    return count;
}

static void layer_back(const hd_pass *pass, size_t l) {
    hd_device *device = pass->model->device;
    hd_activations *act = pass->act;
    size_t count = weight_products(pass, l, act->products);
    if (l > 0) count += delta_products(pass, l, act->products + count);
    device->ops->multiply(device, count, act->products);
    if (l == 0) return;
    size_t columns = pass->model->dims[l];
    device->ops->gate(device, 1, pass->rows, columns, act->a[l], act->delta[l], 0);
    if (pass->wanted->tangents)
        device->ops->gate(device, pass->wanted->tangents, pass->rows, columns, act->a[l], act->delta_dot[l],
                          width(pass->model, act, l));
}

void hd_model_differentiate(const hd_model *model, const hd_real *w, const hd_batch *batch, size_t rows,
                            hd_activations *act, const hd_derivatives *wanted) {
    hd_pass pass = {.model = model, .w = w, .batch = batch, .rows = rows, .act = act, .wanted = wanted};
    hd_device *device = model->device;
    size_t last = model->layers, classes = model->dims[last];
    for (size_t l = 0; l < last; l++) layer_forward(&pass, l, wanted->tangents);
    device->ops->softmax(device, batch, classes, wanted->divisor, act->a[last], act->p, act->delta[last],
                         wanted->error ? wanted->error : act->error);
    if (wanted->tangents)
        device->ops->softmax_tangent(device, batch, wanted->tangents, classes, wanted->divisor, act->p,
                                     act->delta_dot[last], width(model, act, last));
    for (size_t l = last; l-- > 0;) layer_back(&pass, l);
}
