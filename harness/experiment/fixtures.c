#include "base/suggestion.h"
#include "build_info.h"
#include "experiment/experiment.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char suffix[] = ".ini";

static bool has_suffix(const char *name) {
    const size_t length = strlen(name), end = strlen(suffix);
    return length > end && strcmp(name + length - end, suffix) == 0;
}

const char *hd_data_root(void) {
    const char *root = getenv("HYPERDRIFT_ROOT");
    if (root && *root) return root;
    struct stat fixtures, golden; /* both: other folders have fixtures too */
    bool here = stat("fixtures", &fixtures) == 0 && S_ISDIR(fixtures.st_mode) &&
                stat("golden", &golden) == 0 && S_ISDIR(golden.st_mode);
    return here ? "." : HD_DATA_ROOT;
}

/* Fails, and lists the names of all experiments, as many as fit. */
static hd_status fail_unknown(const char *word, hd_error *error) {
    hd_suggestion known = {.word = word};
    char **names;
    size_t count;
    const hd_status status = hd_experiment_list(&names, &count, error);
    if (status != HD_OK) return status;
    for (size_t i = 0; i < count; i++) hd_suggestion_add(&known, names[i]);
    free(names);
    return hd_fail(error, HD_INVALID, "no experiment '%.60s'; allowed: a path, or one of %s", word,
                   hd_suggestion_text(&known));
}

hd_status hd_experiment_find(const char *word, char path[PATH_MAX], hd_error *error) {
    const bool is_path = strchr(word, '/') || has_suffix(word);
    const int length = is_path ? snprintf(path, PATH_MAX, "%s", word)
                               : snprintf(path, PATH_MAX, "%s/fixtures/%s%s", hd_data_root(), word, suffix);
    if (length < 0 || length >= PATH_MAX)
        return hd_fail(error, HD_INVALID, "%.200s...: path too long; allowed: up to %d bytes", word,
                       PATH_MAX - 1);
    struct stat file;
    if (stat(path, &file) == 0) return HD_OK;
    if (!is_path && errno == ENOENT) return fail_unknown(word, error);
    return hd_fail(error, HD_INVALID, "%.300s: %s", path, strerror(errno));
}

static int is_experiment(const struct dirent *entry) {
    return has_suffix(entry->d_name);
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Packs the names into one block: the pointers, then the text. */
static char **pack(struct dirent *const *entries, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) size += strlen(entries[i]->d_name) - strlen(suffix) + 1;
    char **names = malloc(count * sizeof *names + size + 1);
    if (!names) return NULL;
    char *text = (char *)(names + count);
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(entries[i]->d_name) - strlen(suffix);
        names[i] = memcpy(text, entries[i]->d_name, length);
        text[length] = '\0';
        text += length + 1;
    }
    return names;
}

hd_status hd_experiment_list(char ***names, size_t *count, hd_error *error) {
    *names = NULL;
    *count = 0;
    char folder[PATH_MAX];
    if (snprintf(folder, sizeof folder, "%s/fixtures", hd_data_root()) >= (int)sizeof folder)
        return hd_fail(error, HD_INVALID, "HYPERDRIFT_ROOT: path too long; allowed: up to %d bytes",
                       PATH_MAX - 1);
    struct dirent **entries;
    const int found = scandir(folder, &entries, is_experiment, NULL);
    if (found < 0)
        return hd_fail(error, errno == ENOMEM ? HD_UNAVAILABLE : HD_INVALID,
                       "%.300s: cannot list the experiments: %s", folder, strerror(errno));
    *count = (size_t)found;
    *names = pack(entries, *count);
    for (size_t i = 0; i < *count; i++) free(entries[i]);
    free(entries);
    if (*names) qsort(*names, *count, sizeof **names, by_bytes);
    return *names ? HD_OK
                  : hd_fail(error, HD_UNAVAILABLE, "%.300s: no memory to list the experiments", folder);
}
