#include "run/loaded_experiment.h"

#include "base/process.h"

#include <stdio.h>
#include <unistd.h>

hd_status hd_subject_experiment(const char *word, const hd_options *options, hd_experiment *experiment,
                                hd_error *error) {
    char path[PATH_MAX];
    hd_status status = hd_experiment_find(word, path, error);
    if (status != HD_OK) return status;
    return hd_experiment_load(path, options->sets, options->set_count, experiment, error);
}

static hd_status open_under(const char *word, const hd_options *options, const uint32_t *seed,
                            hd_subject *subject, hd_error *error) {
    *subject = (hd_subject){0};
    hd_status status = hd_subject_experiment(word, options, &subject->own, error);
    subject->experiment = subject->own;
    if (status == HD_OK && seed && *seed != subject->own.seed)
        status = hd_experiment_reseed(&subject->experiment, *seed, error);
    return status == HD_OK ? hd_problem_data(&subject->experiment, &subject->dataset, error) : status;
}

hd_status hd_subject_open(const char *word, const hd_options *options, hd_subject *subject, hd_error *error) {
    return open_under(word, options, NULL, subject, error);
}

hd_status hd_subject_open_seed(const char *word, const hd_options *options, uint32_t seed,
                               hd_subject *subject, hd_error *error) {
    return open_under(word, options, &seed, subject, error);
}

bool hd_subject_seeded(const hd_subject *subject) {
    return subject->experiment.seed != subject->own.seed;
}

void hd_subject_close(hd_subject *subject) {
    hd_dataset_free(&subject->dataset);
}

hd_status hd_subject_run(const hd_subject *subject, const hd_options *options, const char *device,
                         hd_mode mode, const char *out, char folder[PATH_MAX], hd_error *error) {
    hd_job job = {.experiment = &subject->experiment,
                  .dataset = &subject->dataset,
                  .mode = mode,
                  .device = device,
                  .options = options->device,
                  .progress = !options->quiet && isatty(STDERR_FILENO)};
    hd_status status = hd_run_folder(&job, out, folder, error);
    if (status != HD_OK || (options->resume && hd_run_kept(&job, folder))) return status;
    return hd_run(&job, folder, error);
}

typedef struct hd_trial {
    const hd_experiment *experiment;
    const char *device;
    const hd_options *options;
} hd_trial;

static hd_status try_device(void *context, hd_error *error) {
    const hd_trial *trial = context;
    hd_device *device;
    hd_status status =
        hd_run_device(trial->experiment, trial->device, &trial->options->device, &device, error);
    hd_device_close(device);
    return status;
}

hd_status hd_subject_device(const hd_subject *subject, const hd_options *options, const char *device,
                            hd_error *error) {
    hd_trial trial = {&subject->experiment, device, options};
    return hd_process_run(device, try_device, &trial, error);
}

hd_status hd_complain(hd_status so_far, const hd_error *error) {
    fflush(stdout); /* where both go to one log the error stands after what led to it */
    fprintf(stderr, "hyperdrift: %s\n", error->message);
    return error->status > so_far ? error->status : so_far;
}
