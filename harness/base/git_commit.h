/* The git tree that holds the data root: which commit is checked out, and whether files differ from it. */
#ifndef HD_BASE_GIT_COMMIT_H
#define HD_BASE_GIT_COMMIT_H

#include "core/error.h"

#include <stddef.h>

/* Writes the commit behind the results of `program` (the commit it was built from) on the root's files: the
 * one checked out in the git tree that holds the root, or without a tree the program's own. HD_INVALID: a
 * file outside ROOT/golden is modified or untracked (the message names the first), or program ends in
 * "-dirty"; HD_UNAVAILABLE: git does not answer. */
hd_status hd_git_commit_find(const char *root, const char *program, char *commit, size_t size,
                             hd_error *error);

/* HD_INVALID if the root lies in a git tree whose commit does not have the clean file `path`: it lies
 * elsewhere, or git ignores it. */
hd_status hd_git_commit_expect(const char *root, const char *path, hd_error *error);

#endif
