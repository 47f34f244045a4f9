/* A folder for what nobody asked to keep. */
#ifndef HD_BASE_TEMPORARY_FOLDER_H
#define HD_BASE_TEMPORARY_FOLDER_H

#include "core/error.h"

#include <limits.h>

/* Makes an empty folder under TMPDIR, else /tmp. HD_UNAVAILABLE where that cannot be. */
hd_status hd_temporary_folder_make(char path[PATH_MAX], hd_error *error);

/* Removes the folder and everything in it; "" is allowed. */
void hd_temporary_folder_remove(const char *path);

#endif
