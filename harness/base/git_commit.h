/* The git tree that the data root lies in: which commit is checked out, and whether it is what is there. */
#ifndef HD_BASE_GIT_COMMIT_H
#define HD_BASE_GIT_COMMIT_H

#include "core/error.h"

#include <stddef.h>

/* Writes the commit that what `program` (its own commit, as it was built) makes of the root's files belongs
 * to: the one checked out in the git tree that holds the root, or, where none does, the program's own.
 * HD_INVALID: a file there is modified or untracked, outside ROOT/golden (the first is named), or the program
 * says "-dirty"; HD_UNAVAILABLE: git does not answer. */
hd_status hd_git_commit_find(const char *root, const char *program, char *commit, size_t size,
                             hd_error *error);

/* HD_INVALID: the root lies in a git tree, and that commit, its tree being clean, has not the file `path`: it
 * is elsewhere, or ignored. */
hd_status hd_git_commit_expect(const char *root, const char *path, hd_error *error);

#endif
