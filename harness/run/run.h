/* Running an experiment: all its hyper-iterations in one mode on one device, to records in a folder. */
#ifndef HD_RUN_RUN_H
#define HD_RUN_RUN_H

#include "device/overlay/kink.h"
#include "experiment/problem.h"

/* Looks on at a run: at every hyper-iteration's tensors, and its results. Called in the run's own process. */
typedef struct hd_watch {
    hd_observer observer;
    void (*begin)(void *context, const hd_device *device, size_t iteration); /* context: the observer's */
    /* values: the hyperparameters after the update. False stops the run. */
    bool (*end)(void *context, size_t iteration, const hd_result *result, const double *values);
    /* All hyper-iterations are done. */
    hd_status (*done)(void *context, hd_error *error);
} hd_watch;

typedef struct hd_job {
    const hd_experiment *experiment;
    const hd_dataset *dataset; /* the experiment's, see hd_problem_data */
    hd_mode mode;
    const char *device;        /* as hd_device_open takes it */
    hd_device_options options; /* its arithmetic is the experiment's */
    uint32_t permutation; /* 0, or the seed of one (permutation.h): the results differ by rounding alone */
    bool progress;        /* a line on stderr that tells how far it is */
    const hd_kink *kinks; /* [kink_count]: decisions that are ordered, see kink.h */
    size_t kink_count;
    const hd_watch *watch; /* NULL: nobody looks on */
} hd_job;

/* Writes the folder of a job's records under `out`: OUT/<experiment>/<device>/<mode>, or
 * <device>-<arithmetic> for an arithmetic other than the device's usual one. HD_INVALID: too long. */
hd_status hd_run_folder(const hd_job *job, const char *out, char folder[PATH_MAX], hd_error *error);

/* Opens the device in the experiment's arithmetic; options->arithmetic is not used. Errors as
 * hd_device_open's. */
hd_status hd_run_device(const hd_experiment *experiment, const char *name, const hd_device_options *options,
                        hd_device **device, hd_error *error);

/* Writes the path of hyper-iteration `step`'s record in a folder. HD_INVALID: too long. */
hd_status hd_run_record(const char *folder, size_t step, char path[PATH_MAX], hd_error *error);

/* Runs the job and saves a record of each hyper-iteration into folder, which is made. It runs in a process of
 * its own, so that its peak memory is its own and its end, whatever it is, is reported: the engine's and
 * device's errors come back as they are; a process that was killed is HD_UNAVAILABLE. HD_DIFFERENT: a value
 * that is not finite; the records of the hyper-iterations before it are there. The calling process must not
 * have used OpenMP or BLIS. */
hd_status hd_run(const hd_job *job, const char *folder, hd_error *error);

/* Whether folder has the records of all the job's hyper-iterations already, whole, and with the provenance
 * that this program on this machine would give them now: then it need not be run again. Like hd_run it does
 * its work in a process of its own. */
bool hd_run_kept(const hd_job *job, const char *folder);

/* The body of hd_run, in the calling process, for one that was made for it (hd_process_start); folder NULL:
 * no records are kept. */
hd_status hd_run_here(const hd_job *job, const char *folder, hd_error *error);

#endif
