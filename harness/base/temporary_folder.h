/* A temporary folder. */
#ifndef HD_BASE_TEMPORARY_FOLDER_H
#define HD_BASE_TEMPORARY_FOLDER_H

#include "core/error.h"

#include <limits.h>

/* Makes an empty folder under TMPDIR, else /tmp, and writes its path. HD_UNAVAILABLE: it cannot. */
hd_status hd_temporary_folder_make(char path[PATH_MAX], hd_error *error);

/* Removes the folder and everything in it. It takes "". */
void hd_temporary_folder_remove(const char *path);

#endif
