#include "run/loaded_experiment.h"

#include "base/process.h"

hd_status hd_request_experiment(const char *word, const hd_request *request, hd_experiment *experiment,
                                hd_error *error) {
    char path[PATH_MAX];
    hd_status status = hd_experiment_find(word, path, error);
    if (status != HD_OK) return status;
    return hd_experiment_load(path, request->sets, request->set_count, experiment, error);
}

hd_status hd_loaded_experiment_open(const char *word, const hd_request *request, const uint32_t *seed,
                                    hd_loaded_experiment *loaded, hd_error *error) {
    *loaded = (hd_loaded_experiment){0};
    hd_status status = hd_request_experiment(word, request, &loaded->own, error);
    loaded->experiment = loaded->own;
    if (status == HD_OK && seed && *seed != loaded->own.seed)
        status = hd_experiment_reseed(&loaded->experiment, *seed, error);
    return status == HD_OK ? hd_problem_data(&loaded->experiment, &loaded->dataset, error) : status;
}

bool hd_loaded_experiment_reseeded(const hd_loaded_experiment *loaded) {
    return loaded->experiment.seed != loaded->own.seed;
}

void hd_loaded_experiment_close(hd_loaded_experiment *loaded) {
    hd_dataset_free(&loaded->dataset);
}

hd_status hd_loaded_experiment_run(const hd_loaded_experiment *loaded, const hd_request *request,
                                   const char *device, hd_mode mode, const char *out, char folder[PATH_MAX],
                                   hd_error *error) {
    hd_job job = {.experiment = &loaded->experiment,
                  .dataset = &loaded->dataset,
                  .mode = mode,
                  .device = device,
                  .options = request->device,
                  .progress = request->progress};
    hd_status status = hd_run_folder(&job, out, folder, error);
    if (status != HD_OK || (request->resume && hd_run_kept(&job, folder))) return status;
    return hd_run(&job, folder, error);
}

typedef struct hd_device_trial {
    const hd_experiment *experiment;
    const char *device;
    const hd_request *request;
} hd_device_trial;

static hd_status try_device(void *context, hd_error *error) {
    const hd_device_trial *trial = context;
    hd_device *device;
    hd_status status =
        hd_run_device(trial->experiment, trial->device, &trial->request->device, &device, error);
    hd_device_close(device);
    return status;
}

hd_status hd_loaded_experiment_device(const hd_loaded_experiment *loaded, const hd_request *request,
                                      const char *device, hd_error *error) {
    hd_device_trial trial = {&loaded->experiment, device, request};
    return hd_process_run(device, try_device, &trial, error);
}
