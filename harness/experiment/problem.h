/* Makes an experiment into the problem that the engines solve: data, visiting scheme, initial weights. */
#ifndef HD_EXPERIMENT_PROBLEM_H
#define HD_EXPERIMENT_PROBLEM_H

#include "experiment/dataset.h"
#include "experiment/experiment.h"
#include "experiment/permutation.h"

/* Loads or makes the experiment's data set. Errors as hd_dataset_load_idx's or hd_dataset_blobs's. End with
 * hd_dataset_free, which takes an empty one too. */
hd_status hd_problem_data(const hd_experiment *experiment, hd_dataset *dataset, hd_error *error);

/* A problem with the arrays that it needs, in the experiment's order or permuted. */
typedef struct hd_setup {
    const hd_experiment *experiment;
    hd_problem problem;
    uint32_t *scheme;
    hd_permutation permutation; /* zeroed: none */
    uint8_t *permuted;          /* pixels, or NULL: the data set's own */
    float *weights, *plain;     /* initial ones, permuted and not; NULL if not permuted */
    double *restored;
} hd_setup;

/* Makes the problem of an experiment on its data set; both must outlive it. permutation: the seed of one, or
 * 0 for none. HD_UNAVAILABLE: no memory. End with hd_setup_free, which takes a zeroed one too. */
hd_status hd_setup_create(hd_setup *setup, const hd_experiment *experiment, const hd_dataset *dataset,
                          uint32_t permutation, hd_error *error);
void hd_setup_free(hd_setup *setup);

/* Writes into *point where a hyper-iteration starts: what determines its initial weights, or, if permuted,
 * the weights themselves, valid until the next call. */
void hd_setup_start(hd_setup *setup, size_t iteration, hd_point *point);

/* Trained weights in the experiment's own order; valid until the next call or the setup's end. */
const double *hd_setup_trained(hd_setup *setup, const double *weights);

#endif
