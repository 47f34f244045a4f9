#include "subject.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

hd_status hd_subject_open(const char *word, const hd_options *options, hd_subject *subject, hd_error *error) {
    char path[PATH_MAX];
    *subject = (hd_subject){0};
    hd_status status = hd_experiment_find(word, path, error);
    if (status == HD_OK)
        status = hd_experiment_load(path, options->sets, options->set_count, &subject->experiment, error);
    if (status == HD_OK) status = hd_problem_data(&subject->experiment, &subject->dataset, error);
    return status;
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
    return status == HD_OK ? hd_run(&job, folder, error) : status;
}

/* BLIS and OpenMP must not have started in a process that forks: the device is tried in one that ends. */
hd_status hd_subject_device(const char *device, const hd_options *options, hd_error *error) {
    int ends[2], how = 0;
    hd_error report = {HD_UNAVAILABLE, ""};
    if (pipe(ends)) return hd_fail(error, HD_UNAVAILABLE, "no pipe for a process");
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        hd_device *opened;
        report.status = hd_device_open(device, &options->device, &opened, &report);
        hd_device_close(opened);
        _exit(write(ends[1], &report, sizeof report) == (ssize_t)sizeof report ? 0 : 1);
    }
    close(ends[1]);
    ssize_t got = child < 0 ? 0 : read(ends[0], &report, sizeof report);
    close(ends[0]);
    if (child > 0) waitpid(child, &how, 0);
    if (got != (ssize_t)sizeof report)
        return hd_fail(error, HD_UNAVAILABLE, "device %s: could not be tried", device);
    if (report.status != HD_OK) *error = report;
    return report.status;
}

hd_status hd_complain(hd_status so_far, const hd_error *error) {
    fprintf(stderr, "hyperdrift: %s\n", error->message);
    return error->status > so_far ? error->status : so_far;
}
