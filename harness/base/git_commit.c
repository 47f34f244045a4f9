#include "base/git_commit.h"

#include "base/process.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Writes to *there whether the root or a folder above it is a git tree, and to top which. */
static hd_status look_for_tree(const char *root, char top[PATH_MAX], bool *there, hd_error *error) {
    char mark[PATH_MAX + 8];
    *there = false;
    if (!realpath(root, top)) return hd_fail(error, HD_INVALID, "%.200s: %s", root, strerror(errno));
    for (char *slash = top + strlen(top); slash && !*there; slash = strrchr(top, '/')) {
        *slash = '\0';
        snprintf(mark, sizeof mark, "%s/.git", top);
        *there = access(mark, F_OK) == 0;
    }
    return HD_OK;
}

/* Inside a git hook these variables would name another tree. */
static void forget_other_trees(const void *context) {
    static const char *const names[] = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"};
    (void)context;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unsetenv(names[i]);
}

static hd_status ask_git(const char *const *arguments, char *output, size_t size, hd_error *error) {
    hd_program git = {.arguments = arguments, .prepare = forget_other_trees, .size = size};
    git.output = output;
    int ended = 0;
    hd_status status = hd_process_program(&git, &ended, error);
    if (status == HD_OK && ended != 0)
        status = hd_fail(error, HD_UNAVAILABLE, "git %s in %.200s: ended with status %d", arguments[4],
                         arguments[2], ended);
    return status;
}

static hd_status expect_clean(const char *root, hd_error *error) {
    char found[PATH_MAX + 8]; /* "XY PATH", PATH from the tree's top, zero-terminated */
    hd_status status =
        ask_git((const char *const[]){"git", "-C", root, "--no-optional-locks", "status", "--porcelain", "-z",
                                      "--untracked-files=all", "--", ":/", ":(exclude)golden", NULL},
                found, sizeof found, error);
    if (status != HD_OK || !found[0]) return status;
    return hd_fail(error, HD_INVALID,
                   "bless: refused in a dirty tree: %.200s is %s (commit it or stash it first)", found + 3,
                   found[0] == '?' ? "untracked" : "modified");
}

hd_status hd_git_commit_find(const char *root, const char *program, char *commit, size_t size,
                             hd_error *error) {
    char top[PATH_MAX];
    bool there;
    hd_status status = look_for_tree(root, top, &there, error);
    if (status == HD_OK && there) status = expect_clean(root, error);
    if (status != HD_OK) return status;
    if (strstr(program, "-dirty"))
        return hd_fail(
            error, HD_INVALID,
            "bless: refused: this program is %s, built from a dirty tree: build it from a clean one",
            program);
    if (!there) {
        snprintf(commit, size, "%s", program);
        return HD_OK;
    }
    status =
        ask_git((const char *const[]){"git", "-C", root, "--no-optional-locks", "describe", "--always", NULL},
                commit, size, error);
    commit[strcspn(commit, "\n")] = '\0';
    return status;
}

hd_status hd_git_commit_expect(const char *root, const char *path, hd_error *error) {
    char top[PATH_MAX], real[PATH_MAX], found[PATH_MAX] = "";
    bool there;
    hd_status status = look_for_tree(root, top, &there, error);
    if (status != HD_OK || !there) return status;
    if (!realpath(path, real)) return hd_fail(error, HD_INVALID, "%.300s: %s", path, strerror(errno));
    const size_t length = strlen(top);
    if (!strncmp(real, top, length) && real[length] == '/')
        status = ask_git((const char *const[]){"git", "-C", root, "--literal-pathspecs", "ls-files", "-z",
                                               "--", real, NULL},
                         found, sizeof found, error);
    if (status != HD_OK || found[0]) return status;
    return hd_fail(error, HD_INVALID,
                   "bless: refused: %.300s is not in the goldens' git tree, so no commit contains it", path);
}
