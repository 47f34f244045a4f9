/* A calibration: an experiment run again and again, so that its figures tell what rounding alone can do. On
 * the reference in both modes; on `cpu` in both modes as the experiment stands and in replicas, seeds 1 ..
 * replicas, each rounding at random (rounding.h) under a permutation (experiment/permutation.h); and on `extended`, which
 * judges the reference. There long double is slow: of a large experiment it runs the first hyper-iteration
 * alone, in reverse. */
#ifndef HD_GOLDEN_CALIBRATION_H
#define HD_GOLDEN_CALIBRATION_H

#include "golden/golden_set.h"
#include "golden/tolerance.h"
#include "run/loaded_experiment.h"

typedef struct hd_calibration {
    const hd_request *request;
    const hd_loaded_experiment *loaded;
    size_t replicas; /* a mode */
    char scratch[PATH_MAX];
    hd_golden_set goldens; /* what it gives, of every hyper-iteration: all but who blessed it */
} hd_calibration;

/* Runs everything, into a scratch folder, and makes the goldens: reference, tolerances with their evidence,
 * exact bits, the reference's own errors. request->replicas says how many. Errors as hd_run's; HD_DIFFERENT
 * where forward and reverse disagree on the reference, or where the reference is wrong by more than
 * HD_REFERENCE_SHARE of a hypergradient's tolerance. End with hd_calibration_end, also after a failure. */
#define HD_REFERENCE_SHARE 0.01
hd_status hd_calibration_run(hd_calibration *calibration, size_t replicas, const hd_request *request,
                             const hd_loaded_experiment *loaded, hd_error *error);
void hd_calibration_end(hd_calibration *calibration);

/* What replicas whose seeds the calibration did not use say of its tolerances. */
typedef struct hd_verification {
    size_t records, alarms; /* records, and those of them with a figure past its tolerance */
} hd_verification;

/* Runs `count` such replicas in both modes and judges every record; alarm is called for each that fails.
 * Errors as hd_run's. */
hd_status hd_calibration_verify(const hd_calibration *calibration, size_t count,
                                void (*alarm)(void *context, size_t seed, const hd_verdict *verdict),
                                void *context, hd_verification *verification, hd_error *error);

/* Whether the alarms are at most the stated rate. */
bool hd_verification_holds(const hd_verification *verification);

#endif
