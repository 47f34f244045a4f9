/* Inside the room: what a judgement keeps while it reads a run. */
#ifndef HD_RESIDUAL_JUDGEMENT_H
#define HD_RESIDUAL_JUDGEMENT_H

#include "experiment/problem.h"
#include "residual/network_equations.h"
#include "residual/residual.h"

enum { HD_LEANING_INDICES = HD_MAX_HYPERS + 2, HD_LEANING_PARTS = HD_PARTS };

/* What the run wrote of a batch, or of a part of the validation set; written points to the rest. */
typedef struct hd_examples_kept {
    double *a[HD_MAX_LAYERS + 1], *delta[HD_MAX_LAYERS + 1];
    uint8_t *labels;
    hd_estimate p; /* probabilities, from the logits */
    hd_examples_written written;
} hd_examples_kept;

/* The hyper-optimizer's moments. */
typedef struct hd_update {
    double m[HD_MAX_HYPERS], v[HD_MAX_HYPERS];
    size_t steps;
} hd_update;

typedef struct hd_judgement {
    const hd_capture_reader *reader;
    const hd_experiment *experiment;
    hd_dataset dataset;
    hd_setup setup;
    hd_network network;
    hd_estimator estimator;
    bool no_memory;

    /* this hyper-iteration's */
    double value[HD_MAX_HYPERS]; /* hyperparameters in the run's precision */
    double l1[HD_MAX_LAYERS], l2[HD_MAX_LAYERS], eta, mu;
    hd_update update;

    /* what the run wrote: vectors of all weights */
    double *is;                          /* the tensor now, converted */
    double *w, *m, *w_before, *m_before; /* of the newest step and of the one before it */
    double *w_now;                       /* weights whose momentum is to come */
    double *gradient;                    /* of the newest step, or of the validation set */
    double *z_w[HD_MAX_HYPERS], *z_m[HD_MAX_HYPERS], *z_now;
    double *p_w, *p_m, *p_now;
    void *trajectory[2]; /* reverse mode: w, m at every step, in the run's own type */
    /* and of examples */
    hd_examples_kept of_step, of_set;
    double *ones, *all_errors; /* all_errors: of the validation set */

    hd_estimate expected; /* room for any tensor */
    hd_estimate hvp, direction, validation_gradient;
    hd_directional along;
    double direct[HD_MAX_HYPERS], direct_variance[HD_MAX_HYPERS]; /* reverse mode's sums of p . B */
    double correct;      /* validation examples, by the run's own logits */
    size_t not_repeated; /* tensors that the backward sweep did not repeat to the bit, so far */

    hd_leaning leaning[HD_CAPTURED][HD_LEANING_INDICES][HD_LEANING_PARTS];
    hd_place leaning_place[HD_CAPTURED][HD_LEANING_INDICES];
    hd_residuals *residuals;
} hd_judgement;

/* Tests the parts of the tensor now, judgement->is[count], against expected. */
void hd_judgement_test(hd_judgement *judgement, const hd_place *place, const double *is, size_t count,
                       hd_estimate expected, double limit);

/* A hard bound as a variance for a limit of 1. */
static inline double hd_hard(double bound) {
    return bound * bound;
}

/* Each looks at the tensor now, of its kinds. */
void hd_judge_examples(hd_judgement *judgement); /* batch, activations, errors, deltas, both gradients */
void hd_judge_state(hd_judgement *judgement);    /* weights, momentum, tangents, adjoints */
void hd_judge_results(hd_judgement *judgement);  /* evaluation, hypergradients, hyperparameters */

/* Writes state t of the trajectory. */
void hd_judgement_recall(const hd_judgement *judgement, size_t which, size_t t, double *to);

/* Begins a hyper-iteration: puts value[] into l1, l2, eta, mu. */
void hd_judgement_begin(hd_judgement *judgement);

#endif
