#include "run/variant_results.h"

#include "base/temporary_folder.h"

#include <stdlib.h>

static hd_status load(const char *folder, size_t count, hd_variant_results *trial, hd_error *error) {
    char path[PATH_MAX];
    hd_status status = HD_OK;
    trial->records = calloc(count, sizeof *trial->records);
    if (!trial->records) return hd_fail(error, HD_UNAVAILABLE, "no memory for a trial's records");
    while (status == HD_OK && trial->count < count) {
        status = hd_run_record(folder, trial->count, path, error);
        if (status == HD_OK) status = hd_record_load(path, false, &trial->records[trial->count], error);
        if (status == HD_OK) trial->count++;
    }
    return status;
}

hd_status hd_variant_results_compute(const hd_variant *variant, const hd_kink *kinks, size_t kink_count,
                                     hd_variant_results *trial, hd_error *error) {
    char folder[PATH_MAX] = "";
    hd_dataset dataset = {0};
    *trial = (hd_variant_results){.count = 0};
    hd_status status = hd_temporary_folder_make(folder, error);
    if (status == HD_OK) status = hd_problem_data(&variant->experiment, &dataset, error);
    hd_job job = hd_variant_job(variant, &dataset);
    job.kinks = kinks;
    job.kink_count = kink_count;
    if (status == HD_OK) status = hd_run(&job, folder, error);
    if (status == HD_OK) status = load(folder, variant->experiment.hyper_iterations, trial, error);
    hd_dataset_free(&dataset);
    hd_temporary_folder_remove(folder);
    return status;
}

void hd_variant_results_free(hd_variant_results *trial) {
    for (size_t k = 0; k < trial->count; k++) hd_record_free(&trial->records[k]);
    free(trial->records);
    *trial = (hd_variant_results){.count = 0};
}

hd_status hd_variant_hypergradients(const hd_variant *variant, const hd_kink *kinks, size_t kink_count,
                                    size_t iteration, double *hypergradients, hd_error *error) {
    hd_variant_results trial;
    hd_status status = hd_variant_results_compute(variant, kinks, kink_count, &trial, error);
    for (size_t j = 0; status == HD_OK && j < variant->experiment.hypers; j++)
        hypergradients[j] = trial.records[iteration].hyper[j].hypergradient;
    hd_variant_results_free(&trial);
    return status;
}
