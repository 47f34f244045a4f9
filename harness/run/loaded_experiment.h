/* What run, check, bless and bench share: an experiment with its data, run as the request asks. */
#ifndef HD_RUN_LOADED_EXPERIMENT_H
#define HD_RUN_LOADED_EXPERIMENT_H

#include "run/record.h"
#include "run/request.h"
#include "run/run.h"

typedef struct hd_loaded_experiment {
    hd_experiment experiment;
    hd_experiment own; /* the same with its own seed, which has goldens */
    hd_dataset dataset;
} hd_loaded_experiment;

/* Finds and loads the experiment that the user calls `word`, with the request's settings. Errors as
 * hd_experiment_find's and hd_experiment_load's. */
hd_status hd_request_experiment(const char *word, const hd_request *request, hd_experiment *experiment,
                                hd_error *error);

/* The same with its data, and with another seed unless seed is NULL (hd_experiment_reseed). Errors also as
 * hd_experiment_reseed's and hd_problem_data's. End with hd_loaded_experiment_close. */
hd_status hd_loaded_experiment_open(const char *word, const hd_request *request, const uint32_t *seed,
                                    hd_loaded_experiment *loaded, hd_error *error);
bool hd_loaded_experiment_reseeded(const hd_loaded_experiment *loaded); /* whether its seed is not its own */
void hd_loaded_experiment_close(hd_loaded_experiment *loaded);

/* Runs it in one mode on a device. The records go to a folder under `out`, whose path it writes. If
 * request->resume and hd_run_kept finds them there, it does not run again. Errors as hd_run's. */
hd_status hd_loaded_experiment_run(const hd_loaded_experiment *loaded, const hd_request *request,
                                   const char *device, hd_mode mode, const char *out, char folder[PATH_MAX],
                                   hd_error *error);

/* HD_OK if the device can be used here in the experiment's arithmetic, else hd_device_open's error. It tries
 * in a process of its own. */
hd_status hd_loaded_experiment_device(const hd_loaded_experiment *loaded, const hd_request *request,
                                      const char *device, hd_error *error);

#endif
