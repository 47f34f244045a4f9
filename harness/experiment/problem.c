#include "experiment/problem.h"

#include "arithmetic/random.h"

#include <stdio.h>
#include <stdlib.h>

hd_status hd_problem_data(const hd_experiment *experiment, hd_dataset *dataset, hd_error *error) {
    char directory[PATH_MAX];
    switch (experiment->source) {
    case HD_DATA_MNIST:
        snprintf(directory, sizeof directory, "%s/fixtures/mnist", hd_data_root());
        return hd_dataset_load_idx(HD_MNIST, directory, dataset, error);
    case HD_DATA_FASHION_MNIST:
        return hd_dataset_load_idx(HD_FASHION_MNIST, HD_FASHION_MNIST_DIRECTORY, dataset, error);
    case HD_DATA_BLOBS:
        break;
    }
    hd_blobs blobs = {experiment->examples, experiment->inputs, experiment->classes, experiment->greys,
                      experiment->seed};
    return hd_dataset_blobs(&blobs, dataset, error);
}

static hd_examples part(const hd_setup *setup, const hd_dataset *dataset, size_t first, size_t count) {
    const uint8_t *pixels = setup->permuted ? setup->permuted : dataset->pixels;
    return (hd_examples){pixels + first * dataset->inputs, dataset->labels + first, count};
}

static hd_status permute(hd_setup *setup, const hd_dataset *dataset, uint32_t seed, hd_error *error) {
    const hd_experiment *e = setup->experiment;
    hd_status status = hd_permutation_create(&setup->permutation, seed, e->layers, e->dims, error);
    if (status != HD_OK) return status;
    setup->permuted = malloc(dataset->count * dataset->inputs);
    size_t weights = hd_weight_count(e->layers, e->dims);
    setup->plain = malloc(weights * sizeof *setup->plain);
    setup->weights = malloc(weights * sizeof *setup->weights);
    setup->restored = malloc(weights * sizeof *setup->restored);
    if (!setup->permuted || !setup->plain || !setup->weights || !setup->restored)
        return hd_fail(error, HD_UNAVAILABLE, "%s: no memory for a copy of data and weights", e->name);
    hd_permutation_pixels(&setup->permutation, dataset->count, dataset->inputs, dataset->pixels,
                          setup->permuted);
    hd_permutation_scheme(&setup->permutation, e->steps, e->batch, setup->scheme);
    return HD_OK;
}

hd_status hd_setup_create(hd_setup *setup, const hd_experiment *experiment, const hd_dataset *dataset,
                          uint32_t permutation, hd_error *error) {
    const hd_experiment *e = experiment;
    *setup = (hd_setup){.experiment = experiment};
    setup->scheme = malloc(e->epochs * e->training * sizeof *setup->scheme);
    hd_status status = HD_OK;
    if (!setup->scheme)
        status = hd_fail(error, HD_UNAVAILABLE, "%s: no memory for the visiting scheme", e->name);
    if (status == HD_OK) {
        hd_visiting_scheme(e->seed, e->training, e->epochs, setup->scheme);
        if (permutation) status = permute(setup, dataset, permutation, error);
    }
    if (status != HD_OK) {
        hd_setup_free(setup);
        return status;
    }
    setup->problem = (hd_problem){
        .layers = e->layers,
        .dims = e->dims,
        .training = part(setup, dataset, 0, e->training),
        .validation = part(setup, dataset, e->training, e->validation),
        .test = part(setup, dataset, e->training + e->validation, e->test),
        .scheme = setup->scheme,
        .steps = e->steps,
        .batch = e->batch,
        .hyper = e->hyper,
        .hypers = e->hypers,
    };
    return HD_OK;
}

void hd_setup_free(hd_setup *setup) {
    hd_permutation_free(&setup->permutation);
    free(setup->scheme);
    free(setup->permuted);
    free(setup->weights);
    free(setup->plain);
    free(setup->restored);
    *setup = (hd_setup){0};
}

/* How many threads TensorFlow 1.1's fill ran on a GeForce GTX TITAN X: its multiprocessors times the threads
 * that each holds. */
enum { TITAN_X_THREADS = 24 * 2048 };

void hd_setup_start(hd_setup *setup, size_t iteration, hd_point *point) {
    const hd_experiment *e = setup->experiment;
    point->initial = (hd_initial){.kernel = {e->fill == HD_FILL_TF_GPU_2017 ? TITAN_X_THREADS : 0,
                                             hd_experiment_race(e, iteration)},
                                  .seed = e->seed,
                                  .iteration = iteration};
    point->initial_weights = NULL;
    if (!setup->permuted) return;
    hd_initial_weights(&point->initial, e->layers, e->dims, setup->plain);
    hd_permutation_apply(&setup->permutation, e->dims, setup->plain, setup->weights);
    point->initial_weights = setup->weights;
}

const double *hd_setup_trained(hd_setup *setup, const double *weights) {
    if (!setup->permuted) return weights;
    hd_permutation_undo(&setup->permutation, setup->experiment->dims, weights, setup->restored);
    return setup->restored;
}
