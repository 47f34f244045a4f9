#include "matrix/seed_golden.h"

#include <string.h>

/* Replaces the golden's record by the reference's. */
static hd_status take_reference(const char *folder, size_t step, hd_golden *golden, hd_error *error) {
    char path[PATH_MAX];
    hd_record record;
    hd_status status = hd_run_record(folder, step, path, error);
    if (status == HD_OK) status = hd_record_load(path, true, &record, error);
    if (status != HD_OK) return status;
    status = hd_golden_take_reference(golden, &record, error);
    hd_record_free(&record);
    return status;
}

hd_status hd_seed_golden(const hd_round *round, hd_mode mode, size_t step, const char *path,
                         hd_golden *golden, hd_error *error) {
    const hd_experiment *own = &round->loaded->own;
    *golden = (hd_golden){0};
    if (!round->reference[mode])
        return hd_fail(error, HD_INVALID, "%s: no reference by which to judge seed %u", own->name,
                       round->loaded->experiment.seed);
    hd_status status = hd_golden_load(path, golden, error);
    if (status != HD_OK) return status;
    hd_golden_forget_bits(golden);
    if (strcmp(golden->reference.experiment_sha256, own->sha256) != 0)
        status =
            hd_fail(error, HD_INVALID, "%.300s: the tolerances were measured on another experiment", path);
    if (status == HD_OK) status = take_reference(round->reference[mode], step, golden, error);
    if (status != HD_OK) hd_golden_free(golden);
    return status;
}
