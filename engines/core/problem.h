/* A training problem as the engines take it: network, examples, training scheme, hyperparameters; and the
 * names of its weights, hyperparameters and tensors. */
#ifndef HD_CORE_PROBLEM_H
#define HD_CORE_PROBLEM_H

#include <stddef.h>
#include <stdint.h>

/* Examples in rows: pixels[count][dims[0]], labels[count], each < dims[layers]. Pixel p stands for the
 * float32 number p * (float)(1.0/255.0). Both are the caller's and must outlive the engine. */
typedef struct hd_examples {
    const uint8_t *pixels;
    const uint8_t *labels;
    size_t count;
} hd_examples;

typedef enum hd_hyper_kind { HD_RHO_L1, HD_RHO_L2, HD_ETA, HD_MU } hd_hyper_kind;

/* One hyperparameter. layer: for a rho, the layer whose W it penalises; else 0. */
typedef struct hd_hyperparameter {
    hd_hyper_kind kind;
    size_t layer;
} hd_hyperparameter;

enum { HD_NAME = 24 };
/* Writes "rho_l1_0", "rho_l2_1", "eta", "mu" into name[HD_NAME] and returns it. */
const char *hd_hyperparameter_name(hd_hyperparameter h, char name[HD_NAME]);

/* Most weight matrices: 16 hidden layers and the output. */
enum { HD_MAX_LAYERS = 17 };
/* Most hyperparameters: rho_l1 and rho_l2 of every layer, eta, mu. */
enum { HD_MAX_HYPERS = 2 * HD_MAX_LAYERS + 2 };

/* What stays the same over the hyper-iterations. All that it points to must outlive the engine. */
typedef struct hd_problem {
    size_t layers;      /* weight matrices: 1 is logistic regression */
    const size_t *dims; /* layers + 1: inputs, hidden units ..., classes */
    hd_examples training, validation, test;
    const uint32_t *scheme; /* [steps][batch]: the training examples of each step, in order */
    size_t steps, batch;
    const hd_hyperparameter *hyper; /* in the order of the results; eta and mu are among them, once */
    size_t hypers;
} hd_problem;

/* The length of the weight vector W_0, W_1, ..., b_0, b_1, ..., each W_l row-major [dims[l]][dims[l+1]]. */
size_t hd_weight_count(size_t layers, const size_t *dims);

enum { HD_WEIGHT_NAME = 80 };
/* Writes the name of element i of a weight vector, "W_1[17,203]" or "b_0[4]", into name and returns it. */
const char *hd_weight_name(size_t layers, const size_t *dims, size_t i, char name[HD_WEIGHT_NAME]);

/* The tensors of a training run at step t (t = steps: the end of training), as observers see them and errors
 * name them. */
typedef enum hd_tensor {
    HD_WEIGHTS,             /* w_t                                      [weights] */
    HD_MOMENTUM_BUFFER,     /* m_t                                      [weights] */
    HD_BATCH,               /* x                                        [batch][dims[0]] */
    HD_ACTIVATION,          /* a_l, layer l = 1 ..; logits for l = layers   [rows][dims[l]] */
    HD_DELTA,               /* dE/dz_l, layer l = 1 .. layers           [rows][dims[l]] */
    HD_ERROR,               /* error of each example                    [rows] */
    HD_GRADIENT,            /* dE/dw, regularizers left out             [weights] */
    HD_TANGENT,             /* z_w of hyperparameter j                  [weights] */
    HD_TANGENT_MOMENTUM,    /* z_m of hyperparameter j              [weights] */
    HD_ADJOINT,             /* p_w at state t                       [weights] */
    HD_ADJOINT_MOMENTUM,    /* p_m at state t                       [weights] */
    HD_ACTIVATION_TANGENT,  /* R{z_l} or R{a_l}                      (only errors name it) */
    HD_DELTA_TANGENT,       /* R{delta_l}                            (only errors name it) */
    HD_VALIDATION_GRADIENT, /* grad E(w_T)                          [weights] */
} hd_tensor;
enum { HD_TENSORS = HD_VALIDATION_GRADIENT + 1 };

#endif
