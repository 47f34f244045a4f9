/* Three oracles must agree on an experiment's hypergradients before they become golden: forward mode, reverse
 * mode and finite differences, all on the float64 reference. */
#ifndef HD_GOLDEN_ORACLES_H
#define HD_GOLDEN_ORACLES_H

#include "golden/golden_set.h"
#include "run/loaded_experiment.h"

/* Forward against reverse, in every hypergradient: |f - r| <= HD_MODES_AGREE max(|r|, HD_GRADIENT_FLOOR
 * max |r_j|). HD_DIFFERENT names the first that is not so. */
#define HD_MODES_AGREE 1e-10
hd_status hd_oracles_modes(const hd_record *forward, const hd_record *reverse, hd_error *error);

/* What finite differences told. Where a kink lies between the trainings on either side (another ReLU mask,
 * clipped probability or sign of a weight), a difference is not the derivative, and decides nothing. */
typedef struct hd_differences {
    size_t agree;  /* hypergradients that are their differences */
    size_t kinked; /* hypergradients with a kink within the smallest step */
    double worst;  /* of those that agree, the largest share of what is allowed */
} hd_differences;

/* Reverse r against central differences d, in every hypergradient of every hyper-iteration:
 *
 *     |d - r| <= HD_DIFFERENCES_AGREE max(|r|, HD_GRADIENT_FLOOR max |r_j|) + 8 epsilon E / s
 *
 * (E, the validation error, is known to some epsilons.) r and E are the goldens' references, and each
 * hyper-iteration starts where the one before ended. Steps s of 1e-6, 3e-8 and 1e-9 are tried in this order,
 * until the two agree: a smaller one has fewer kinks in its way and a smaller curvature, but rounds more.
 * kink is called for each hypergradient that has one in its way at the last, with the difference there.
 *
 * That takes 1 + 2 hypergradients trainings a hyper-iteration and step, in a process of their own.
 * HD_DIFFERENT names the first that disagrees; else errors as hd_run's. */
#define HD_DIFFERENCES_AGREE 1e-6
hd_status hd_oracles_differences(const hd_loaded_experiment *loaded, const hd_request *request,
                                 const hd_golden_set *goldens, hd_differences *differences,
                                 void (*kink)(void *context, size_t step, const hd_hyper *reverse,
                                              double difference),
                                 void *context, hd_error *error);

#endif
