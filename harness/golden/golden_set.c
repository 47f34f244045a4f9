#include "golden/golden_set.h"

#include "run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

hd_status hd_golden_set_make(hd_golden_set *goldens, size_t count, hd_error *error) {
    *goldens = (hd_golden_set){calloc(count ? count : 1, sizeof *goldens->steps), count};
    if (goldens->steps) return HD_OK;
    goldens->count = 0;
    return hd_fail(error, HD_UNAVAILABLE, "no memory for %zu goldens", count);
}

void hd_golden_set_free(hd_golden_set *goldens) {
    for (size_t k = 0; k < goldens->count; k++) hd_golden_free(&goldens->steps[k]);
    free(goldens->steps);
    *goldens = (hd_golden_set){0};
}

hd_status hd_golden_set_folder(const char *root, const char *experiment, char folder[PATH_MAX],
                               hd_error *error) {
    int length = snprintf(folder, PATH_MAX, "%s/golden/%s", root, experiment);
    return length < PATH_MAX ? HD_OK : hd_fail(error, HD_INVALID, "%.200s: too long a path", root);
}

hd_status hd_golden_set_save(const hd_golden_set *goldens, const char *folder, hd_error *error) {
    hd_status status = HD_OK;
    for (size_t k = 0; status == HD_OK && k < goldens->count; k++)
        status = hd_golden_save(&goldens->steps[k], folder, error);
    return status;
}

static hd_status load_step(const char *folder, size_t step, hd_golden *golden, hd_error *error) {
    char path[PATH_MAX];
    hd_status status = hd_run_record(folder, step, path, error);
    if (status == HD_OK) status = hd_golden_load(path, golden, error);
    if (status == HD_OK && golden->reference.step != step)
        status = hd_fail(error, HD_INVALID, "%s: is the golden of hyper-iteration %zu", path,
                         golden->reference.step);
    return status;
}

hd_status hd_golden_set_load(const char *folder, hd_golden_set *goldens, hd_error *error) {
    char path[PATH_MAX];
    size_t count = 0;
    hd_status status;
    *goldens = (hd_golden_set){0};
    while ((status = hd_run_record(folder, count, path, error)) == HD_OK && access(path, F_OK) == 0) count++;
    if (status == HD_OK) status = hd_golden_set_make(goldens, count, error);
    for (size_t k = 0; status == HD_OK && k < count; k++)
        status = load_step(folder, k, &goldens->steps[k], error);
    if (status != HD_OK) hd_golden_set_free(goldens);
    return status;
}
