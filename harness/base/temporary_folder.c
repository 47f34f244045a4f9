#include "base/temporary_folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hd_status hd_temporary_folder_make(char path[PATH_MAX], hd_error *error) {
    const char *parent = getenv("TMPDIR");
    if (!parent || !parent[0]) parent = "/tmp";
    int length = snprintf(path, PATH_MAX, "%s/hyperdrift-XXXXXX", parent);
    if (length < PATH_MAX && mkdtemp(path)) return HD_OK;
    path[0] = '\0';
    return hd_fail(error, HD_UNAVAILABLE, "%.200s: cannot make a folder for temporary files: %s", parent,
                   strerror(errno));
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status, (void)type, (void)place;
    return remove(path);
}

void hd_temporary_folder_remove(const char *path) {
    if (path[0]) nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
