/* Three oracles must agree on an experiment's hypergradients before they become golden: forward mode, reverse
 * mode and finite differences, all on the float64 reference. */
#ifndef HD_GOLDEN_ORACLES_H
#define HD_GOLDEN_ORACLES_H

#include "golden/golden_set.h"
#include "run/loaded_experiment.h"

/* Compares forward f with reverse r in every hypergradient:
 *     |f - r| <= HD_MODES_AGREE max(|r|, HD_GRADIENT_FLOOR max |r_j|).
 * HD_DIFFERENT names the first that is further off. */
#define HD_MODES_AGREE 1e-10
hd_status hd_oracles_modes(const hd_record *forward, const hd_record *reverse, hd_error *error);

/* What finite differences told. If a kink lies between the trainings on either side (another ReLU mask,
 * clipped probability or sign of a weight), the difference is not the derivative, and decides nothing. */
typedef struct hd_differences {
    size_t agree;  /* hypergradients that agree with their differences */
    size_t kinked; /* hypergradients with a kink within the smallest step */
    double worst;  /* the largest share of the allowed error, of those that agree */
} hd_differences;

/* Compares reverse r with central differences d in every hypergradient of every hyper-iteration:
 *
 *     |d - r| <= HD_DIFFERENCES_AGREE max(|r|, HD_GRADIENT_FLOOR max |r_j|) + 8 epsilon E / s
 *
 * (we know E, the validation error, to some epsilons). r and E are the goldens' references, and each
 * hyper-iteration starts where the one before ended. We try s = 1e-6, 3e-8 and 1e-9 until the two agree: a
 * smaller s crosses fewer kinks and less curvature, but rounds more. It calls kink for each hypergradient
 * whose last difference crosses a kink, with that difference.
 *
 * Each s takes 1 + 2 hypergradients trainings of a hyper-iteration, in a process of their own. HD_DIFFERENT
 * names the first that disagrees; otherwise errors as hd_run's. */
#define HD_DIFFERENCES_AGREE 1e-6
hd_status hd_oracles_differences(const hd_loaded_experiment *loaded, const hd_request *request,
                                 const hd_golden_set *goldens, hd_differences *differences,
                                 void (*kink)(void *context, size_t step, const hd_hyper *reverse,
                                              double difference),
                                 void *context, hd_error *error);

#endif
