#include "golden/fault_gate.h"

#include "base/process.h"
#include "base/temporary_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char program_name[] = "hyperdrift-faults";

static hd_status find_program(char path[PATH_MAX], hd_error *error) {
    char self[PATH_MAX] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return hd_fail(error, HD_UNAVAILABLE, "/proc/self/exe cannot be read: %s", strerror(errno));
    int folder = (int)(strrchr(self, '/') - self);
    if (snprintf(path, PATH_MAX, "%.*s/%s", folder, self, program_name) >= PATH_MAX)
        return hd_fail(error, HD_INVALID, "%.200s: too long a path", self);
    if (access(path, X_OK) == 0) return HD_OK;
    return hd_fail(error, HD_INVALID,
                   "bless: cannot try the planted faults: there is no %.300s; `make %s` builds it", path,
                   program_name);
}

hd_status hd_fault_gate_possible(hd_error *error) {
    char path[PATH_MAX];
    return find_program(path, error);
}

/* --- a data root --- */

/* Makes STAGE/NAME a link to TARGET, by its full path. */
static hd_status point(const char *stage, const char *name, const char *target, hd_error *error) {
    char real[PATH_MAX], path[PATH_MAX];
    if (!realpath(target, real)) return hd_fail(error, HD_UNAVAILABLE, "%.300s: %s", target, strerror(errno));
    if (snprintf(path, sizeof path, "%s/%s", stage, name) >= (int)sizeof path)
        return hd_fail(error, HD_INVALID, "%.200s: too long a path", stage);
    if (symlink(real, path) == 0) return HD_OK;
    return hd_fail(error, HD_UNAVAILABLE, "%.300s: cannot be made: %s", path, strerror(errno));
}

/* Links all goldens of the root except the experiment's. */
static hd_status point_to_others(const char *root, const char *experiment, const char *stage,
                                 hd_error *error) {
    char from[PATH_MAX], target[PATH_MAX + NAME_MAX + 2];
    snprintf(from, sizeof from, "%s/golden", root);
    hd_status status = HD_OK;
    DIR *folder = opendir(from);
    if (!folder) return hd_fail(error, HD_UNAVAILABLE, "%.300s: %s", from, strerror(errno));
    for (struct dirent *entry; status == HD_OK && (entry = readdir(folder));) {
        const char *name = entry->d_name;
        if (name[0] == '.' || !strcmp(name, experiment) || !strcmp(name, "CHANGES")) continue;
        snprintf(target, sizeof target, "%s/%s", from, name);
        status = point(stage, name, target, error);
    }
    closedir(folder);
    return status;
}

static hd_status make_stage(const char *root, const char *experiment, const char *folder, const char *scratch,
                            hd_error *error) {
    char fixtures[PATH_MAX], stage[PATH_MAX];
    if (snprintf(fixtures, sizeof fixtures, "%s/fixtures", root) >= (int)sizeof fixtures ||
        snprintf(stage, sizeof stage, "%s/golden", scratch) >= (int)sizeof stage)
        return hd_fail(error, HD_INVALID, "%.200s: too long a path", root);
    hd_status status = point(scratch, "fixtures", fixtures, error);
    if (status == HD_OK && mkdir(stage, 0777) != 0)
        status = hd_fail(error, HD_UNAVAILABLE, "%s: cannot be made: %s", stage, strerror(errno));
    if (status == HD_OK) status = point(stage, experiment, folder, error);
    return status == HD_OK ? point_to_others(root, experiment, stage, error) : status;
}

/* --- the faults --- */

static void enter(const void *root) {
    setenv("HYPERDRIFT_ROOT", root, 1);
    unsetenv("HYPERDRIFT_FAULT");
}

static hd_status plant(const char *experiment, const char *scratch, hd_error *error) {
    char path[PATH_MAX];
    int ended;
    hd_status status = find_program(path, error);
    if (status != HD_OK) return status;
    hd_program faults = {
        .arguments = (const char *const[]){path, "faults", NULL}, .prepare = enter, .context = scratch};
    status = hd_process_program(&faults, &ended, error);
    if (status != HD_OK || ended == 0) return status;
    if (ended == HD_DIFFERENT)
        return hd_fail(error, HD_DIFFERENT,
                       "%s: not blessed: some planted faults would not be seen (see the table above)",
                       experiment);
    return hd_fail(error, HD_UNAVAILABLE, "%s: not blessed: %s ended with status %d", experiment,
                   program_name, ended);
}

hd_status hd_fault_gate(const char *root, const char *experiment, const char *folder, hd_error *error) {
    char scratch[PATH_MAX] = "";
    hd_status status = hd_temporary_folder_make(scratch, error);
    if (status == HD_OK) status = make_stage(root, experiment, folder, scratch, error);
    if (status == HD_OK) status = plant(experiment, scratch, error);
    hd_temporary_folder_remove(scratch);
    return status;
}
