/* A calibration: runs an experiment again and again, to see what rounding alone does to its figures. It runs
 * both modes on the reference; both on `cpu`, as the experiment stands and in replicas, seeds 1 .. replicas,
 * with random rounding (rounding.h) and a permutation (experiment/permutation.h); and `extended`, which
 * judges the reference. Long double is slow: of a large experiment it runs only one hyper-iteration, in
 * reverse. */
#ifndef HD_GOLDEN_CALIBRATION_H
#define HD_GOLDEN_CALIBRATION_H

#include "golden/golden_set.h"
#include "golden/tolerance.h"
#include "run/loaded_experiment.h"

typedef struct hd_calibration {
    const hd_request *request;
    const hd_loaded_experiment *loaded;
    size_t replicas; /* in each mode */
    char scratch[PATH_MAX];
    hd_golden_set goldens; /* the result, for every hyper-iteration: all but who blessed it */
} hd_calibration;

/* Runs everything into a scratch folder, with so many replicas in each mode, and makes the goldens:
 * reference, tolerances with their evidence, exact bits, the reference's own errors. Errors as hd_run's;
 * HD_DIFFERENT: on the reference forward and reverse mode disagree, or it is wrong by more than
 * HD_REFERENCE_SHARE of a hypergradient's tolerance. End with hd_calibration_end, also after a failure. */
#define HD_REFERENCE_SHARE 0.01
hd_status hd_calibration_run(hd_calibration *calibration, size_t replicas, const hd_request *request,
                             const hd_loaded_experiment *loaded, hd_error *error);
void hd_calibration_end(hd_calibration *calibration);

/* What replicas with new seeds tell of the tolerances. */
typedef struct hd_verification {
    size_t records, alarms; /* records, and those with a figure past its tolerance */
} hd_verification;

/* Runs `count` new replicas in both modes, judges all records, and calls alarm for failures. Errors as
 * hd_run's. */
hd_status hd_calibration_verify(const hd_calibration *calibration, size_t count,
                                void (*alarm)(void *context, size_t seed, const hd_verdict *verdict),
                                void *context, hd_verification *verification, hd_error *error);

/* Whether alarms are no more frequent than HD_FALSE_ALARMS, and there was a record. */
bool hd_verification_holds(const hd_verification *verification);

#endif
