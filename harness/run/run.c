#include "run/run.h"

#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "devices.h"
#include "hyperopt.h"
#include "run/provenance.h"
#include "run/record.h"

#include <stdio.h>
#include <string.h>

hd_status hd_run_folder(const hd_job *job, const char *out, char folder[PATH_MAX], hd_error *error) {
    const char *arithmetic = job->experiment->arithmetic;
    int length = snprintf(folder, PATH_MAX, "%s/%s/%s%s%s/%s", out, job->experiment->name, job->device,
                          arithmetic ? "-" : "", arithmetic ? arithmetic : "", hd_mode_name(job->mode));
    return length < PATH_MAX ? HD_OK : hd_fail(error, HD_INVALID, "%s: too long a path", out);
}

hd_status hd_run_device(const hd_experiment *experiment, const char *name, const hd_device_options *options,
                        hd_device **device, hd_error *error) {
    hd_device_options in_its_arithmetic = *options;
    in_its_arithmetic.arithmetic = experiment->arithmetic;
    return hd_device_open(name, &in_its_arithmetic, device, error);
}

hd_status hd_run_record(const char *folder, size_t step, char path[PATH_MAX], hd_error *error) {
    int length = snprintf(path, PATH_MAX, "%s/step-%zu.json", folder, step);
    return length < PATH_MAX ? HD_OK : hd_fail(error, HD_INVALID, "%s: too long a path", folder);
}

/* --- one hyper-iteration to its record --- */

static hd_status fill_record(const hd_job *job, hd_setup *setup, const hd_device *device,
                             const hd_result *result, const double *value, double rate, hd_record *record,
                             hd_error *error) {
    const hd_experiment *e = job->experiment;
    snprintf(record->experiment, sizeof record->experiment, "%s", e->name);
    snprintf(record->device, sizeof record->device, "%s", device->name);
    snprintf(record->arithmetic, sizeof record->arithmetic, "%s", device->arithmetic);
    memcpy(record->experiment_sha256, e->sha256, sizeof record->experiment_sha256);
    memcpy(record->data_sha256, job->dataset->sha256, sizeof record->data_sha256);
    record->mode = job->mode;
    record->float32 = device->element == sizeof(float);
    record->test = result->test;
    record->validation = result->validation;
    record->training = result->training;
    record->validation_error = result->validation_error;
    for (size_t j = 0; j < e->hypers; j++) {
        hd_hyperparameter_name(e->hyper[j], record->hyper[j].name);
        record->hyper[j].value = value[j];
        record->hyper[j].hypergradient = result->hypergradients[j];
    }
    record->state_bytes = result->state_bytes;
    record->device_bytes = result->device_bytes;
    record->data_bytes = result->data_bytes;
    record->seconds = result->seconds;
    record->operations = result->operations;
    record->launches = result->launches;
    record->sgemm_rate = rate;
    hd_status status = hd_record_set_weights(record, hd_setup_trained(setup, result->weights), error);
    if (status == HD_OK) status = hd_provenance_describe(device, record->provenance, error);
    record->peak_bytes = hd_provenance_peak_bytes();
    return status;
}

static hd_status save(const hd_job *job, hd_setup *setup, const hd_device *device, const hd_result *result,
                      const double *value, double rate, size_t step, const char *folder, hd_error *error) {
    hd_record record;
    const hd_experiment *e = job->experiment;
    hd_status status = hd_record_init(&record, step, e->layers, e->dims, e->hypers, error);
    if (status != HD_OK) return status;
    status = fill_record(job, setup, device, result, value, rate, &record, error);
    if (status == HD_OK) status = hd_record_save(&record, folder, error);
    hd_record_free(&record);
    return status;
}

static void tell(const hd_job *job, size_t step) {
    if (!job->progress) return;
    fprintf(stderr, "\r\033[K%s %s %s: hyper-iteration %zu of %zu", job->experiment->name, job->device,
            hd_mode_name(job->mode), step + 1, job->experiment->hyper_iterations);
}

/* Adds experiment, mode and hyper-iteration to an engine's error. */
static hd_status in_context(const hd_job *job, size_t step, hd_status status, hd_error *error) {
    char cause[sizeof error->message];
    memcpy(cause, error->message, sizeof cause);
    return hd_fail(error, status, "%s %s, hyper-iteration %zu: %.400s", job->experiment->name,
                   hd_mode_name(job->mode), step, cause);
}

static hd_status iterate(const hd_job *job, hd_setup *setup, hd_device *device, hd_engine *engine,
                         hd_hyperopt *hyperopt, const char *folder, hd_error *error) {
    const hd_experiment *e = job->experiment;
    const hd_watch *watch = job->watch;
    double value[HD_MAX_HYPERS], rate = 0, best = 0;
    for (size_t j = 0; j < e->hypers; j++) value[j] = (double)e->value[j];
    hd_status status = HD_OK;
    for (size_t k = 0; status == HD_OK && k < e->hyper_iterations; k++) {
        tell(job, k);
        if (folder) status = hd_device_product_rate(device, &rate, error);
        if (status != HD_OK) return status;
        if (rate > best) best = rate; /* the machine may be busy for a while */
        hd_point point = {.hyper = value, .training_batch = k % e->steps};
        hd_setup_start(setup, k, &point);
        hd_result result;
        if (job->kink_count) hd_kinks_iteration(device, k);
        if (watch) watch->begin(watch->observer.context, device, k);
        status = hd_engine_run(engine, &point, watch ? &watch->observer : NULL, &result, error);
        if (status != HD_OK) return in_context(job, k, status, error);
        hd_hyperopt_step(hyperopt, result.hypergradients, value);
        if (watch && !watch->end(watch->observer.context, k, &result, value))
            status = hd_fail(error, HD_INVALID, "stopped by the observer");
        if (status == HD_OK && folder)
            status = save(job, setup, device, &result, value, best, k, folder, error);
    }
    if (status == HD_OK && watch) status = watch->done(watch->observer.context, error);
    return status;
}

hd_status hd_run_here(const hd_job *job, const char *folder, hd_error *error) {
    const hd_experiment *e = job->experiment;
    hd_setup setup = {0};
    hd_hyperopt hyperopt = {0};
    hd_device *device = NULL;
    hd_engine *engine = NULL;
    hd_status status = folder ? hd_directory_make(folder, error) : HD_OK;
    if (status == HD_OK) status = hd_run_device(e, job->device, &job->options, &device, error);
    if (status == HD_OK) status = hd_setup_create(&setup, e, job->dataset, job->permutation, error);
    if (status == HD_OK && job->kink_count)
        status = hd_kinks_lay(device, &setup.problem, job->kinks, job->kink_count, error);
    if (status == HD_OK) status = hd_engine_create(device, &setup.problem, job->mode, &engine, error);
    if (status == HD_OK && !hd_hyperopt_create(&hyperopt, e->hypers, e->rate, e->nonnegative))
        status = hd_fail(error, HD_UNAVAILABLE, "%s: no memory for the hyper-optimizer", e->name);
    hyperopt.titan_x = e->titan_x;
    if (status == HD_OK) status = iterate(job, &setup, device, engine, &hyperopt, folder, error);
    hd_hyperopt_release(&hyperopt);
    hd_engine_destroy(engine);
    hd_setup_free(&setup);
    hd_device_close(device);
    return status;
}

typedef struct hd_running {
    const hd_job *job;
    const char *folder;
} hd_running;

/* HD_OK if the record of hyper-iteration `step` exists with this provenance. */
static hd_status find_record(const hd_running *running, size_t step, const json_t *provenance,
                             hd_error *error) {
    char path[PATH_MAX];
    hd_record record;
    hd_status status = hd_run_record(running->folder, step, path, error);
    if (status == HD_OK) status = hd_record_load(path, true, &record, error);
    if (status != HD_OK) return status;
    bool same =
        record.step == step && record.mode == running->job->mode && json_equal(record.provenance, provenance);
    hd_record_free(&record);
    return same ? HD_OK
                : hd_fail(error, HD_DIFFERENT, "%s: made by another program, machine or setting", path);
}

static hd_status find_records(void *context, hd_error *error) {
    const hd_running *running = context;
    const hd_job *job = running->job;
    hd_device *device = NULL;
    hd_builder builder = {HD_OK, error};
    json_t *provenance = json_object();
    hd_status status = hd_run_device(job->experiment, job->device, &job->options, &device, error);
    if (status == HD_OK) status = hd_provenance_describe(device, provenance, error);
    hd_build_text(&builder, provenance, "experiment_sha256", job->experiment->sha256);
    hd_build_text(&builder, provenance, "data_sha256", job->dataset->sha256);
    for (size_t k = 0; status == HD_OK && k < job->experiment->hyper_iterations; k++)
        status = find_record(running, k, provenance, error);
    json_decref(provenance);
    hd_device_close(device);
    return status;
}

bool hd_run_kept(const hd_job *job, const char *folder) {
    hd_error error;
    hd_running running = {job, folder};
    return hd_process_run(folder, find_records, &running, &error) == HD_OK;
}

static hd_status run_here(void *context, hd_error *error) {
    const hd_running *running = context;
    return hd_run_here(running->job, running->folder, error);
}

hd_status hd_run(const hd_job *job, const char *folder, hd_error *error) {
    char what[2 * HD_LABEL];
    hd_running running = {job, folder};
    snprintf(what, sizeof what, "%s %s on %s", job->experiment->name, hd_mode_name(job->mode), job->device);
    hd_status status = hd_process_run(what, run_here, &running, error);
    if (job->progress) fputs("\r\033[K", stderr);
    return status;
}
