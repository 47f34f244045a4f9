/* Every device latches a value that is not finite where it turns up, and the error names it. */
#include "modes/engine.h"
#include "test/conformance.h"

static const hd_coefficients point = {.rho_l1 = 0.03125, .rho_l2 = 0.0625, .eta = 0.125, .mu = 0.75};
static const size_t dims[] = {4, 3, 2};
static const hd_hyperparameter hypers[] = {{HD_RHO_L1, 0}, {HD_ETA, 0}, {HD_MU, 0}};
static const hd_problem named = {.layers = 2, .dims = dims, .steps = 9, .hyper = hypers, .hypers = 3};

/* Clears the error, which must name this tensor and this step. */
static void expect_told(hd_device *device, const char *tensor, const char *step) {
    hd_error error = {.message = ""};
    cr_expect(hd_latched_error(device, &named, &error) == HD_DIFFERENT, "%s: %s", device->name, tensor);
    cr_expect(strstr(error.message, tensor) && strstr(error.message, step) &&
                  strstr(error.message, device->name),
              "%s: '%s' names not '%s' or not '%s'", device->name, error.message, tensor, step);
    cr_expect(hd_latched_error(device, &named, &error) == HD_OK, "an error is told once");
}

static array spoilt(hd_device *device, size_t count, size_t at, float value) {
    uint64_t seed = 1;
    array a = make(device, &seed, count, 1);
    a.sent[at] = value;
    resend(&a);
    return a;
}

/* A ReLU would hide both NaN and -Inf. */
static void check_activation(hd_device *device) {
    for (int nan = 0; nan < 2; nan++) {
        array z = spoilt(device, 12, 7, nan ? (float)NAN : -HUGE_VALF), b = spoilt(device, 3, 0, 0);
        array z_dot = spoilt(device, 24, 23, nan ? (float)NAN : HUGE_VALF), b_dot = spoilt(device, 6, 0, 0);
        device->step = 5;
        device->ops->activate(device, 4, 3, z.at, b.at, true, (hd_label){HD_ACTIVATION, 1});
        expect_told(device, "activations of layer 1", "step 5");
        device->step = 6;
        device->ops->activate_tangent(device, 2, 4, 3, z.at, true, z_dot.at, 12, b_dot.at, 3,
                                      (hd_label){HD_ACTIVATION_TANGENT, 1});
        expect_told(device, "tangents of layer 1's activations", "step 6");
        array *arrays[] = {&z, &b, &z_dot, &b_dot};
        for (size_t i = 0; i < 4; i++) drop(arrays[i]);
    }
}

Test(latched_error, activations_that_are_not_finite_are_latched_before_a_relu_swallows_them) {
    on_every_device(check_activation);
}

static void check_softmax(hd_device *device) {
    pictures p;
    hd_batch *batch = load(device, &p);
    for (int nan = 0; nan < 2; nan++) {
        array logits = spoilt(device, ROWS * CLASSES, 12, nan ? (float)NAN : HUGE_VALF);
        array probability = spoilt(device, ROWS * CLASSES, 0, 0),
              delta = spoilt(device, ROWS * CLASSES, 0, 0);
        array error = spoilt(device, ROWS, 0, 0);
        device->step = 9;
        device->ops->softmax(device, batch, CLASSES, ROWS, logits.at, probability.at, delta.at, error.at);
        expect_told(device, "error", "after the last step");
        array *arrays[] = {&logits, &probability, &delta, &error};
        for (size_t i = 0; i < 4; i++) drop(arrays[i]);
    }
    device->ops->batch_release(device, batch);
}

Test(latched_error, a_softmax_that_is_not_finite_is_latched) {
    on_every_device(check_softmax);
}

static void check_momentum(hd_device *device) {
    enum { N = 20 };
    static const hd_source none[3] = {HD_SOURCE_NONE, HD_SOURCE_NONE, HD_SOURCE_NONE};
    array good = spoilt(device, N, 0, 1), bad = spoilt(device, N, N - 1, HUGE_VALF),
          to = spoilt(device, N, 0, 0);
    array to_2 = spoilt(device, N, 0, 0);
    array h = spoilt(device, 3 * N, 2 * N - 1, (float)NAN), z = spoilt(device, 3 * N, 0, 0),
          z_2 = spoilt(device, 3 * N, 0, 0);
    const hd_coefficients *k = device->ops->place(device, &point, sizeof point);
    const hd_stretches whole = one_stretch(N, k);
    device->step = 0;
    device->ops->momentum_step(device, &whole, good.at, good.at, bad.at, to.at, to_2.at,
                               (hd_label){HD_WEIGHTS, 0});
    device->step = 3; /* the first one is kept */
    device->ops->momentum_tangent(device, &whole, 3, N, none, good.at, good.at, good.at, h.at, z.at, z_2.at,
                                  (hd_label){HD_TANGENT, 0});
    expect_told(device, "weights", "step 0");
    resend(&z), resend(&z_2);
    device->ops->momentum_tangent(device, &whole, 3, N, none, good.at, good.at, good.at, h.at, z.at, z_2.at,
                                  (hd_label){HD_TANGENT, 0});
    expect_told(device, "tangent of eta", "step 3");
    device->step = 4;
    device->ops->momentum_pull_back(device, &whole, good.at, bad.at, to.at, to_2.at,
                                    (hd_label){HD_ADJOINT, 0});
    expect_told(device, "adjoint", "step 4");
    device->ops->unplace(device, k);
    array *arrays[] = {&good, &bad, &to, &to_2, &h, &z, &z_2};
    for (size_t i = 0; i < 7; i++) drop(arrays[i]);
}

Test(latched_error, weights_tangents_and_adjoints_that_are_not_finite_are_latched) {
    on_every_device(check_momentum);
}
