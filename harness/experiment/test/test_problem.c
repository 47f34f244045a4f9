#include "experiment/problem.h"
#include "test/loaded.h"

#include <string.h>

TestSuite(problem, .fini = unload);

static hd_setup set_up(uint32_t permutation) {
    hd_setup setup;
    hd_error error;
    cr_assert_eq(hd_setup_create(&setup, &experiment, &dataset, permutation, &error), HD_OK, "%s",
                 error.message);
    return setup;
}

Test(problem, cuts_the_data_into_training_validation_and_test) {
    loaded("blobs-deep");
    hd_setup setup = set_up(0);
    const hd_problem *p = &setup.problem;
    cr_expect_eq(p->training.count, 600, "floor(1001 * 0.6)");
    cr_expect_eq(p->validation.count, 300, "floor(1001 * 0.3)");
    cr_expect_eq(p->test.count, 101, "the rest");
    cr_expect_eq(p->training.pixels, dataset.pixels);
    cr_expect_eq(p->training.labels, dataset.labels);
    cr_expect_eq(p->validation.pixels, dataset.pixels + 600 * 19);
    cr_expect_eq(p->validation.labels, dataset.labels + 600);
    cr_expect_eq(p->test.pixels, dataset.pixels + 900 * 19);
    cr_expect_eq(p->test.labels, dataset.labels + 900);
    hd_setup_free(&setup);
}

Test(problem, is_what_the_experiment_says) {
    loaded("blobs-deep");
    hd_setup setup = set_up(0);
    const hd_problem *p = &setup.problem;
    const size_t dims[] = {19, 37, 23, 11, 7};
    cr_expect_eq(p->layers, 4);
    cr_expect_arr_eq(p->dims, dims, sizeof dims);
    cr_expect_eq(p->steps, 30);
    cr_expect_eq(p->batch, 33);
    cr_expect_eq(p->hypers, 10);
    cr_expect_eq(p->hyper[4].kind, HD_RHO_L2);
    cr_expect_eq(p->hyper[9].kind, HD_MU);
    hd_setup_free(&setup);
}

Test(problem, visits_every_training_example_once_an_epoch) {
    loaded("blobs-deep");
    hd_setup setup = set_up(0);
    unsigned visits[600] = {0};
    for (size_t i = 0; i < 600; i++) {
        cr_assert_lt(setup.problem.scheme[i], 600);
        visits[setup.problem.scheme[i]]++;
    }
    for (size_t i = 0; i < 600; i++) cr_assert_eq(visits[i], 1, "example %zu: %u times", i, visits[i]);
    hd_setup_free(&setup);
}

/* A hyper-iteration's initial weights, as a device would have them; valid until the next call. */
static const float *weights_of(hd_setup *setup, size_t iteration) {
    static float drawn[784 * 300 + 300 * 300];
    hd_point point;
    hd_setup_start(setup, iteration, &point);
    if (point.initial_weights) return point.initial_weights;
    const hd_experiment *e = setup->experiment;
    cr_assert(hd_weight_count(e->layers, e->dims) <= sizeof drawn / sizeof *drawn);
    hd_initial_weights(&point.initial, e->layers, e->dims, drawn);
    return drawn;
}

/* Expects that two setups of a 784-300 network differ at a hyper-iteration in elements from .. to alone. */
static void expect_difference(hd_setup *a, hd_setup *b, size_t iteration, size_t from, size_t to) {
    static float first[784 * 300];
    memcpy(first, weights_of(a, iteration), sizeof first);
    const float *second = weights_of(b, iteration);
    size_t inside = 0;
    for (size_t i = 0; i < 784 * 300; i++) {
        bool differ = first[i] != second[i];
        if (i >= from && i < to)
            inside += differ;
        else
            cr_assert(!differ, "hyper-iteration %zu: element %zu differs", iteration, i);
    }
    cr_expect_geq(inside, (to - from) * 99 / 100, "only %zu of %zu differ", inside, to - from);
}

#define LARGE "data.inputs=784", "model.hidden=300"

Test(problem, fills_as_the_card_of_2017_did_where_it_is_asked_to) {
    loaded("blobs-one-hidden", LARGE);
    hd_setup cpu = set_up(0);
    hd_experiment plain = experiment;
    unload();
    loaded("blobs-one-hidden", LARGE, "model.fill=tf-gpu-2017");
    hd_setup gpu = set_up(0);
    cpu.experiment = &plain;
    expect_difference(&cpu, &gpu, 0, 196608, 235200);
    expect_difference(&cpu, &gpu, 2, 196608, 235200);
    hd_setup_free(&cpu);
    hd_setup_free(&gpu);
}

Test(problem, lets_thread_0_win_the_race_in_the_hyper_iterations_named) {
    loaded("blobs-one-hidden", LARGE, "model.fill=tf-gpu-2017");
    hd_setup gpu = set_up(0);
    hd_experiment plain = experiment;
    unload();
    loaded("blobs-one-hidden", LARGE, "model.fill=tf-gpu-2017", "model.fill-race=2");
    hd_setup race = set_up(0);
    gpu.experiment = &plain;
    expect_difference(&gpu, &race, 1, 0, 0);
    expect_difference(&gpu, &race, 2, 196604, 196608);
    hd_setup_free(&gpu);
    hd_setup_free(&race);
}

Test(problem, starts_afresh_in_each_hyper_iteration) {
    loaded("blobs-deep");
    hd_setup setup = set_up(0);
    float first = weights_of(&setup, 0)[0];
    cr_expect_neq(weights_of(&setup, 1)[0], first);
    cr_expect_eq(weights_of(&setup, 0)[0], first);
    hd_setup_free(&setup);
}

Test(problem, is_the_same_when_it_is_permuted) {
    loaded("blobs-deep");
    hd_setup plain = set_up(0), permuted = set_up(7);
    const size_t count = hd_weight_count(experiment.layers, experiment.dims);
    double *worn = malloc(count * sizeof *worn);
    cr_assert_not_null(worn);
    cr_expect_neq(memcmp(plain.problem.training.pixels, permuted.problem.training.pixels, 600 * 19), 0);
    const float *weights = weights_of(&permuted, 1);
    cr_expect_neq(weights[0], permuted.plain[0]);
    for (size_t i = 0; i < count; i++) worn[i] = (double)weights[i];
    const double *trained = hd_setup_trained(&permuted, worn);
    const float *expected = weights_of(&plain, 1);
    for (size_t i = 0; i < count; i++) cr_assert_eq(trained[i], (double)expected[i], "weight %zu", i);
    free(worn);
    hd_setup_free(&plain);
    hd_setup_free(&permuted);
}

Test(problem, says_where_the_data_is_missing) {
    hd_error error;
    setenv("HYPERDRIFT_ROOT", "/nowhere", 1);
    experiment.source = HD_DATA_MNIST;
    cr_expect_eq(hd_problem_data(&experiment, &dataset, &error), HD_INVALID);
    cr_expect(strstr(error.message, "/nowhere/fixtures/mnist/train-images"), "%s", error.message);
}
