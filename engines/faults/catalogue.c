#include "faults/catalogue.h"

#include <string.h>

#define DEEP    "blobs-deep"
#define SLICES  "blobs-slices"
#define CLIPPED "faults-clipped"
#define BLACK   "faults-black"
#define SMALL   "faults-small-steps"
#define ANY     HD_ANY_ELEMENT

const hd_planted_fault hd_fault_catalogue[HD_PLANTED] = {
    [HD_STATE_OFF_BY_ONE] = {"state-off-by-one", "reverse: step 13 is differentiated at state 14 (2017)",
                             DEEP, HD_REVERSE, 0, 13, 13, "activations 1", ANY},
    [HD_STALE_BATCH_OUT] = {"stale-batch-out", "reverse: the forward sweep's step 13 uses batch 12 (2017)",
                            DEEP, HD_REVERSE, 0, 13, 13, "batch", ANY},
    [HD_STALE_BATCH_BACK] = {"stale-batch-back", "reverse: the backward sweep's step 13 uses batch 14", DEEP,
                             HD_REVERSE, 0, 13, 13, "batch", ANY},
    [HD_TANGENTS_OVERWRITTEN] = {"tangents-overwritten",
                                 "forward: half of mu's tangent is overwritten while still read (2017)", DEEP,
                                 HD_FORWARD, 0, 13, 14, "tangent mu W_0", ANY},
    [HD_ETA_DERIVATIVE_FORWARD] = {"eta-derivative-forward",
                                   "forward: dw'/d eta is -m, not -m', at step 13 (2017)", DEEP, HD_FORWARD,
                                   0, 13, 14, "tangent eta W_0", ANY},
    [HD_ETA_DERIVATIVE_REVERSE] = {"eta-derivative-reverse",
                                   "reverse: d eta += -p_w . m, not -p_w . m', at step 13 (2017)", DEEP,
                                   HD_REVERSE, 0, 13, 30, "hypergradients", 8},
    [HD_MU_DERIVATIVE] = {"mu-derivative", "forward: dm'/d mu is m', not m, at step 13", DEEP, HD_FORWARD, 0,
                          13, 14, "tangent mu W_0", ANY},
    [HD_R_OP_SIGN] = {"r-op-sign", "R{delta_2} = R{delta_3} W^T - delta_3 R^T at step 13", DEEP, HD_REVERSE,
                      0, 13, 13, "adjoint W_0", ANY},
    [HD_R_OP_BIAS] = {"r-op-bias", "R{z_2} without R{b_1} at step 13", DEEP, HD_FORWARD, 0, 13, 14,
                      "tangent rho_l1_0 W_0", ANY},
    [HD_CLIP_MASK] = {"clip-mask", "delta of clipped probabilities is not zero at step 14", CLIPPED,
                      HD_REVERSE, 0, 14, 14, "delta 2", ANY},
    [HD_CLIP_MASK_R_OP] = {"clip-mask-r-op", "R{delta} of clipped probabilities is not zero at step 14",
                           CLIPPED, HD_REVERSE, 0, 14, 14, "adjoint W_0", ANY},
    [HD_RELU_AT_ZERO] = {"relu-at-zero", "relu'(0) = 1 at step 1", BLACK, HD_REVERSE, 0, 1, 1, "delta 1",
                         ANY},
    [HD_SIGN_AT_ZERO] = {"sign-at-zero", "sign(0) = 1 in the gradient of layer 3 at step 0", DEEP, HD_REVERSE,
                         0, 0, 1, "W_3", 0},
    [HD_MU_ETA_SWAPPED] = {"mu-eta-swapped", "mu and eta swapped in the step of W_2 at step 13", DEEP,
                           HD_REVERSE, 0, 13, 14, "W_2", ANY},
    [HD_WEIGHT_PERTURBED] = {"weight-perturbed", "W_1[0,17] + 1e-5 after step 13", DEEP, HD_REVERSE, 0, 13,
                             14, "W_1", 17},
    [HD_LOST_K_BLOCK] = {"lost-k-block", "dE/dW_0 leaves out the examples from 256 on at step 5", SLICES,
                         HD_REVERSE, 0, 5, 5, "gradient W_0", ANY},
    [HD_FLOAT16] = {"float16", "activations of layer 2 rounded to float16 at step 13", DEEP, HD_FORWARD, 0,
                    13, 13, "activations 2", ANY},
    [HD_TF32] = {"tf32", "the products of step 13's forward pass use TF32 operands", DEEP, HD_REVERSE, 0, 13,
                 13, "activations 1", ANY},
    [HD_MISSING_BARRIER] = {"missing-barrier", "row 7 of step 13's activations of layer 2 is step 12's", DEEP,
                            HD_FORWARD, 0, 13, 13, "activations 2", ANY},
    [HD_DIVISOR] = {"divisor", "the error of step 13 is divided by one example too many", DEEP, HD_REVERSE, 0,
                    13, 13, "delta 4", 0},
    [HD_NAN_TANGENT] = {"nan-tangent", "forward: one NaN in mu's tangent after step 13", DEEP, HD_FORWARD, 0,
                        13, 14, "tangent mu W_0", 5},
    [HD_L2_NOT_DOUBLED] = {"l2-not-doubled", "reverse: p_w += h + rho_l2 q in W_1 at step 13", BLACK,
                           HD_REVERSE, 0, 13, 13, "adjoint W_1", ANY},
    [HD_MU_LEFT_OUT] = {"mu-left-out", "reverse: p_m = q, not mu q, in W_1 at step 13", DEEP, HD_REVERSE, 0,
                        13, 13, "adjoint (momentum) W_1", ANY},
    [HD_MOMENTUM_KEPT] = {"momentum-kept", "forward: the second hyper-iteration starts with the first's m",
                          DEEP, HD_FORWARD, 1, 0, 0, "momentum W_0", ANY},
    [HD_ADJOINT_KEPT] = {"adjoint-kept", "reverse: the second hyper-iteration starts with the first's p_m",
                         DEEP, HD_REVERSE, 1, 30, 30, "adjoint (momentum) W_0", ANY},
    [HD_LOST_TERM] = {"lost-term", "forward: rho_l1_0's grad E . z_w without its last term", DEEP, HD_FORWARD,
                      0, 30, 30, "hypergradients", 0},
    [HD_SWAPPED_RESULTS] = {"swapped-results", "reverse: the first two hypergradients are swapped", DEEP,
                            HD_REVERSE, 0, 30, 30, "hypergradients", 0},
    [HD_COUNTED_TWICE] = {"counted-twice", "a chunk's correct validation examples are counted twice", DEEP,
                          HD_REVERSE, 0, 30, 30, "evaluation", 2},
    [HD_PARTITION] = {"partition", "the validation set begins one example early", DEEP, HD_REVERSE, 0, 30, 30,
                      "activations 1", 0},
    [HD_LABEL_FLIPPED] = {"label-flipped", "one training example, first used at step 13, has a wrong label",
                          DEEP, HD_REVERSE, 0, 13, 13, "errors", 0},
    [HD_SHUFFLE_REVERSED] = {"shuffle-reversed", "the second epoch visits its shuffle in reverse order", DEEP,
                             HD_REVERSE, 0, 18, 18, "batch", ANY},
    [HD_FILL_STRIDE] = {"fill-stride", "initial weights: 64 threads advance one group too few (2017)", DEEP,
                        HD_REVERSE, 0, 0, 0, "W_0", 256},
    [HD_FILL_COUNTER] = {"fill-counter", "the second hyper-iteration starts from the first's weights", DEEP,
                         HD_REVERSE, 1, 0, 0, "W_0", ANY},
    [HD_ADAM_EPSILON] = {"adam-epsilon", "first update: the optimizer's epsilon is outside the root", SMALL,
                         HD_REVERSE, 0, 10, 10, "hyperparameters", ANY},
    [HD_UNPROJECTED] = {"unprojected", "the first update is not projected on [0, inf)", DEEP, HD_REVERSE, 0,
                        30, 30, "hyperparameters", 0},
};

bool hd_fault_named(const char *name, hd_planted *which) {
    for (*which = 0; *which < HD_PLANTED; ++*which)
        if (!strcmp(name, hd_fault_catalogue[*which].name)) return true;
    return false;
}
