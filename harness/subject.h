/* What run, check, bless and bench have in common: an experiment with its data, run in the modes and on the
 * devices asked for. */
#ifndef HD_SUBJECT_H
#define HD_SUBJECT_H

#include "options.h"
#include "record.h"
#include "run.h"

typedef struct hd_subject {
    hd_experiment experiment;
    hd_dataset dataset;
} hd_subject;

/* Finds and loads the experiment that the user calls `word`, with the --set overrides, and its data. Errors
 * as hd_experiment_find's, hd_experiment_load's and hd_problem_data's. End with hd_subject_close. */
hd_status hd_subject_open(const char *word, const hd_options *options, hd_subject *subject, hd_error *error);
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
