#include "golden/replace_folder.h"

#include "base/file.h"
#include "base/temporary_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char mark[] = ".new";

typedef struct hd_places {
    char all[PATH_MAX];                                         /* ROOT/golden */
    char kept[PATH_MAX];                                        /* ROOT/golden/NAME */
    char hidden[PATH_MAX + HD_LABEL + 8], trial[PATH_MAX + 16]; /* beside it */
} hd_places;

static hd_status find_places(const char *root, const char *experiment, hd_places *places, hd_error *error) {
    hd_status status = hd_golden_set_folder(root, experiment, places->kept, error);
    if (status != HD_OK) return status;
    snprintf(places->all, sizeof places->all, "%.*s", (int)(strrchr(places->kept, '/') - places->kept),
             places->kept);
    snprintf(places->hidden, sizeof places->hidden, "%s/.%s%s", places->all, experiment, mark);
    snprintf(places->trial, sizeof places->trial, "%s/.trial%s", places->all, mark);
    return HD_OK;
}

/* --- before --- */

static bool is_hidden(const char *name) {
    size_t length = strlen(name), end = strlen(mark);
    return name[0] == '.' && length > end && !strcmp(name + length - end, mark);
}

/* Whether it is "step-K.json" or "step-K.weights.npy.gz". */
static bool is_goldens(const char *name) {
    int end = 0;
    size_t step;
    return sscanf(name, "step-%zu%n", &step, &end) == 1 && end > 0 &&
           (!strcmp(name + end, ".json") || !strcmp(name + end, ".weights.npy.gz"));
}

/* Removes what earlier runs left behind. */
static hd_status clean(const hd_places *places, hd_error *error) {
    char path[PATH_MAX + NAME_MAX + 2];
    DIR *folder = opendir(places->all);
    if (!folder) return hd_fail(error, HD_UNAVAILABLE, "%s: %s", places->all, strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!is_hidden(entry->d_name)) continue;
        snprintf(path, sizeof path, "%s/%s", places->all, entry->d_name);
        hd_temporary_folder_remove(path);
    }
    closedir(folder);
    return HD_OK;
}

static hd_status expect_goldens_alone(const hd_places *places, hd_error *error) {
    hd_status status = HD_OK;
    DIR *folder = opendir(places->kept);
    if (!folder) return HD_OK; /* no goldens yet */
    for (struct dirent *entry; status == HD_OK && (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !is_goldens(entry->d_name))
            status = hd_fail(error, HD_INVALID, "%s: %s is not a golden's file; the folder was left as it is",
                             places->kept, entry->d_name);
    closedir(folder);
    return status;
}

static hd_status make(const char *path, hd_error *error) {
    if (mkdir(path, 0777) == 0) return HD_OK;
    return hd_fail(error, HD_UNAVAILABLE, "%s: cannot be made: %s", path, strerror(errno));
}

static hd_status exchange(const char *one, const char *other, hd_error *error) {
    if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) == 0) return HD_OK;
    const char *cause = errno == EINVAL || errno == ENOSYS
                            ? "its file system cannot exchange two folders atomically"
                            : strerror(errno);
    return hd_fail(error, HD_UNAVAILABLE, "%s: cannot replace another: %s", one, cause);
}

/* Tries an exchange, before the ledger says that there will be one. */
static hd_status try_exchange(const hd_places *places, hd_error *error) {
    hd_status status = make(places->trial, error);
    if (status == HD_OK) status = exchange(places->trial, places->hidden, error);
    rmdir(places->trial);
    return status;
}

/* --- the goldens --- */

/* Reads back what it wrote: the ledger describes that. */
static hd_status write_hidden(const hd_places *places, const hd_golden_set *goldens, hd_golden_set *written,
                              hd_error *error) {
    hd_status status = hd_golden_set_save(goldens, places->hidden, error);
    if (status == HD_OK) status = hd_golden_set_load(places->hidden, written, error);
    if (status == HD_OK) status = hd_directory_sync(places->all, error);
    return status;
}

static hd_status put_in_place(const hd_places *places, hd_error *error) {
    struct stat is;
    if (lstat(places->kept, &is) == 0) return exchange(places->hidden, places->kept, error);
    if (rename(places->hidden, places->kept) == 0) return HD_OK;
    return hd_fail(error, HD_UNAVAILABLE, "%s: cannot be made: %s", places->kept, strerror(errno));
}

/* Removes the old goldens only when the new ones are on the disk in their place. */
static hd_status settle(const hd_places *places, hd_error *error) {
    hd_error cause;
    if (hd_directory_sync(places->all, &cause) != HD_OK)
        return hd_fail(
            error, HD_UNAVAILABLE,
            "%s: the new goldens are in place, but perhaps not on the disk yet; the previous ones are kept "
            "in %s: %s",
            places->kept, places->hidden, cause.message);
    hd_temporary_folder_remove(places->hidden);
    return HD_OK;
}

hd_status hd_replace_folder(hd_ledger *ledger, const char *root, const hd_golden_set *was,
                            const hd_golden_set *goldens, hd_replacement_judge *judge, hd_error *error) {
    const char *experiment = goldens->steps[0].reference.experiment;
    hd_places places;
    hd_golden_set written = {0};
    hd_status status = find_places(root, experiment, &places, error);
    if (status == HD_OK) status = clean(&places, error);
    if (status == HD_OK) status = expect_goldens_alone(&places, error);
    if (status != HD_OK) return status;
    status = make(places.hidden, error);
    if (status == HD_OK) status = try_exchange(&places, error);
    if (status == HD_OK) status = write_hidden(&places, goldens, &written, error);
    if (status == HD_OK) status = judge(root, experiment, places.hidden, error);
    if (status == HD_OK) status = hd_ledger_append(ledger, was, &written, error);
    if (status == HD_OK) status = put_in_place(&places, error);
    if (status == HD_OK)
        status = settle(&places, error);
    else
        hd_temporary_folder_remove(places.hidden);
    hd_golden_set_free(&written);
    return status;
}
