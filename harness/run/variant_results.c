#include "run/variant_results.h"

#include "base/temporary_folder.h"

#include <stdlib.h>

static hd_status load(const char *folder, size_t count, hd_variant_results *results, hd_error *error) {
    char path[PATH_MAX];
    hd_status status = HD_OK;
    results->records = calloc(count, sizeof *results->records);
    if (!results->records) return hd_fail(error, HD_UNAVAILABLE, "no memory for a variant's records");
    while (status == HD_OK && results->count < count) {
        status = hd_run_record(folder, results->count, path, error);
        if (status == HD_OK) status = hd_record_load(path, false, &results->records[results->count], error);
        if (status == HD_OK) results->count++;
    }
    return status;
}

hd_status hd_variant_results_compute(const hd_variant *variant, const hd_kink *kinks, size_t kink_count,
                                     hd_variant_results *results, hd_error *error) {
    char folder[PATH_MAX] = "";
    hd_dataset dataset = {0};
    *results = (hd_variant_results){.count = 0};
    hd_status status = hd_temporary_folder_make(folder, error);
    if (status == HD_OK) status = hd_problem_data(&variant->experiment, &dataset, error);
    hd_job job = hd_variant_job(variant, &dataset);
    job.kinks = kinks;
    job.kink_count = kink_count;
    if (status == HD_OK) status = hd_run(&job, folder, error);
    if (status == HD_OK) status = load(folder, variant->experiment.hyper_iterations, results, error);
    hd_dataset_free(&dataset);
    hd_temporary_folder_remove(folder);
    return status;
}

void hd_variant_results_free(hd_variant_results *results) {
    for (size_t k = 0; k < results->count; k++) hd_record_free(&results->records[k]);
    free(results->records);
    *results = (hd_variant_results){.count = 0};
}

hd_status hd_variant_hypergradients(const hd_variant *variant, const hd_kink *kinks, size_t kink_count,
                                    size_t iteration, double *hypergradients, hd_error *error) {
    hd_variant_results results;
    hd_status status = hd_variant_results_compute(variant, kinks, kink_count, &results, error);
    for (size_t j = 0; status == HD_OK && j < variant->experiment.hypers; j++)
        hypergradients[j] = results.records[iteration].hyper[j].hypergradient;
    hd_variant_results_free(&results);
    return status;
}
