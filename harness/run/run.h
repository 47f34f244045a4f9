/* Runs an experiment: all its hyper-iterations in one mode on one device, to records in a folder. */
#ifndef HD_RUN_RUN_H
#define HD_RUN_RUN_H

#include "device/overlay/kink.h"
#include "experiment/problem.h"

/* Observes a run in its process: every hyper-iteration's tensors, and its results. */
typedef struct hd_watch {
    hd_observer observer;
    void (*begin)(void *context, const hd_device *device, size_t iteration); /* context: the observer's */
    /* values: the hyperparameters after the update. False stops the run. */
    bool (*end)(void *context, size_t iteration, const hd_result *result, const double *values);
    /* Called when all hyper-iterations are done. */
    hd_status (*done)(void *context, hd_error *error);
} hd_watch;

typedef struct hd_job {
    const hd_experiment *experiment;
    const hd_dataset *dataset; /* the experiment's, see hd_problem_data */
    hd_mode mode;
    const char *device;        /* as hd_device_open takes it */
    hd_device_options options; /* its arithmetic is the experiment's */
    uint32_t permutation;      /* 0, or a permutation's seed (permutation.h): only rounding then differs */
    bool progress;             /* show progress on stderr */
    const hd_kink *kinks;      /* [kink_count]: forced decisions, see kink.h */
    size_t kink_count;
    const hd_watch *watch; /* NULL: no observer */
} hd_job;

/* Writes the folder of a job's records under `out`: OUT/<experiment>/<device>/<mode>, with
 * <device>-<arithmetic> if the arithmetic is not the device's usual one. HD_INVALID: too long. */
hd_status hd_run_folder(const hd_job *job, const char *out, char folder[PATH_MAX], hd_error *error);

/* Opens the device in the experiment's arithmetic, not in options->arithmetic. Errors as hd_device_open's. */
hd_status hd_run_device(const hd_experiment *experiment, const char *name, const hd_device_options *options,
                        hd_device **device, hd_error *error);

/* Writes the path of hyper-iteration `step`'s record in a folder. HD_INVALID: too long. */
hd_status hd_run_record(const char *folder, size_t step, char path[PATH_MAX], hd_error *error);

/* Runs the job and saves each hyper-iteration's record into folder, which it makes. It runs in a process of
 * its own, so that peak memory is the run's own and we can report any end: the errors of engine and device as
 * they are; HD_UNAVAILABLE for a process that was killed. HD_DIFFERENT: a value is not finite; the records of
 * earlier hyper-iterations are there. The caller must not have used OpenMP or BLIS. */
hd_status hd_run(const hd_job *job, const char *folder, hd_error *error);

/* Whether folder has whole records of all the job's hyper-iterations, with the provenance that this program
 * on this machine would give them now: then the job need not run again. It works in a process of its own. */
bool hd_run_kept(const hd_job *job, const char *folder);

/* The body of hd_run, for a process made for it (hd_process_start). folder NULL: no records are kept. */
hd_status hd_run_here(const hd_job *job, const char *folder, hd_error *error);

#endif
