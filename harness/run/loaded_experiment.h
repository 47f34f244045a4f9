/* What run, check, bless and bench have in common: an experiment with its data, run in the modes and on the
 * devices asked for. */
#ifndef HD_RUN_LOADED_EXPERIMENT_H
#define HD_RUN_LOADED_EXPERIMENT_H

#include "commands/options.h"
#include "run/record.h"
#include "run/run.h"

typedef struct hd_subject {
    hd_experiment experiment;
    hd_experiment own; /* the same with its own seed, whose golden there is */
    hd_dataset dataset;
} hd_subject;

/* Finds and loads the experiment that the user calls `word`, with the --set overrides. Errors as
 * hd_experiment_find's and hd_experiment_load's. */
hd_status hd_subject_experiment(const char *word, const hd_options *options, hd_experiment *experiment,
                                hd_error *error);

/* As that, with its data. Errors also as hd_problem_data's. End with hd_subject_close. */
hd_status hd_subject_open(const char *word, const hd_options *options, hd_subject *subject, hd_error *error);

/* The same under a seed; under another than its own the experiment is hd_experiment_reseed's. Errors also as
 * there. */
hd_status hd_subject_open_seed(const char *word, const hd_options *options, uint32_t seed,
                               hd_subject *subject, hd_error *error);
bool hd_subject_seeded(const hd_subject *subject); /* whether it is another than its own */
void hd_subject_close(hd_subject *subject);

/* Runs it in one mode on a device, its records going to a folder under `out`, whose path is written; under
 * --resume not again where hd_run_kept finds them there. Errors as hd_run's. */
hd_status hd_subject_run(const hd_subject *subject, const hd_options *options, const char *device,
                         hd_mode mode, const char *out, char folder[PATH_MAX], hd_error *error);

/* HD_OK if the device can be used here in the experiment's arithmetic, else hd_device_open's error. It is
 * tried in a process of its own. */
hd_status hd_subject_device(const hd_subject *subject, const hd_options *options, const char *device,
                            hd_error *error);

/* Says an error on stderr, "hyperdrift: MESSAGE", and returns the worse of two statuses: 3 before 2 before 1
 * before 0. */
hd_status hd_complain(hd_status so_far, const hd_error *error);

#endif
