/* The git tree that a data root lies in. */
#include "base/git_commit.h"
#include "test/folder.h"

#include <sys/stat.h>
#include <unistd.h>

static char commit[64];
static hd_error error;

static void git(const char *commands) {
    char line[1024];
    snprintf(
        line, sizeof line,
        "cd %s && export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b "
        "GIT_CONFIG_GLOBAL=/dev/null && (%s) >/dev/null 2>&1",
        folder, commands);
    cr_assert_eq(system(line), 0, "%s", commands);
}

/* A tree with a data root in a folder, and another file. */
static void make_tree(void) {
    folder_make();
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    if (system("git --version >/dev/null 2>&1") != 0) {
        folder_remove();
        cr_skip_test("git is not installed");
    }
    git("git init && mkdir -p root/golden root/fixtures && echo 1 >root/fixtures/a.ini && echo 1 >source.c "
        "&& "
        "echo 1 >root/golden/g && git add -A && git commit -m first");
}

TestSuite(tree, .init = make_tree, .fini = folder_remove);

static hd_status ask(const char *program) {
    char *root = folder_path("root");
    hd_status status = hd_git_commit_find(root, program, commit, sizeof commit, &error);
    free(root);
    return status;
}

static void expect_refusal(hd_status expected, const char *part) {
    cr_expect_eq(ask("528f1c0"), expected, "%s", part);
    cr_expect_not_null(strstr(error.message, part), "no '%s' in: %s", part, error.message);
}

Test(tree, has_the_commit_that_is_checked_out) {
    cr_assert_eq(ask("528f1c0"), HD_OK, "%s", error.message);
    cr_expect(strlen(commit) >= 7 && strspn(commit, "0123456789abcdef") == strlen(commit), "%s", commit);
    cr_expect_str_neq(commit, "528f1c0");
    char line[256];
    snprintf(line, sizeof line, "test $(git rev-parse --short HEAD) = %s", commit);
    git(line);
}

Test(tree, is_dirty_with_a_file_modified_untracked_staged_or_gone) {
    git("echo 2 >source.c");
    expect_refusal(HD_INVALID, "dirty tree: source.c is modified");
    git("git checkout source.c && echo 1 >'root/a name'");
    expect_refusal(HD_INVALID, "root/a name is untracked");
    git("rm 'root/a name' && echo 2 >root/fixtures/a.ini && git add -A");
    expect_refusal(HD_INVALID, "root/fixtures/a.ini is modified");
    git("git reset --hard && rm source.c");
    expect_refusal(HD_INVALID, "source.c is modified");
    git("git checkout source.c && mkdir golden && echo 1 >golden/elsewhere");
    expect_refusal(HD_INVALID, "golden/elsewhere is untracked");
}

Test(tree, may_have_goldens_that_are_not_committed_yet) {
    git("echo 2 >root/golden/g && mkdir root/golden/new && echo 1 >root/golden/new/step-0.json");
    cr_expect_eq(ask("528f1c0"), HD_OK, "%s", error.message);
}

Test(tree, does_not_mind_what_git_ignores_or_whose_hook_it_runs_in) {
    git("echo /build/ >.gitignore && git add -A && git commit -m second && mkdir build && echo 1 >build/x");
    setenv("GIT_DIR", "/nowhere", 1);
    cr_expect_eq(ask("528f1c0"), HD_OK, "%s", error.message);
}

static hd_status ask_for(const char *name) {
    char *root = folder_path("root"), *path = folder_path(name);
    hd_status status = hd_git_commit_expect(root, path, &error);
    free(root);
    free(path);
    return status;
}

Test(tree, has_not_a_file_that_is_ignored_or_elsewhere) {
    git("echo ignored >.gitignore && echo 1 >'root/fixtures/*.ini' && git add -A && git commit -m second "
        "&& echo 1 >root/fixtures/ignored && ln -s /etc/passwd root/fixtures/link && git add -A");
    cr_expect_eq(ask_for("root/fixtures/a.ini"), HD_OK, "%s", error.message);
    cr_expect_eq(ask_for("root/fixtures/*.ini"), HD_OK, "%s", error.message);
    cr_expect_eq(ask_for("source.c"), HD_OK, "%s", error.message);
    static const char *const others[] = {"root/fixtures/ignored", "root/fixtures/link",
                                         "root/fixtures/../.."};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cr_expect_eq(ask_for(others[i]), HD_INVALID, "%s", others[i]);
        cr_expect_not_null(strstr(error.message, "no commit contains it"), "%s", error.message);
    }
    git("rm -rf .git");
    cr_expect_eq(ask_for("root/fixtures/ignored"), HD_OK, "where there is no tree");
}

Test(tree, refuses_a_program_from_a_dirty_one) {
    cr_expect_eq(ask("528f1c0-dirty"), HD_INVALID);
    cr_expect_not_null(strstr(error.message, "528f1c0-dirty, built from a dirty tree"), "%s", error.message);
    git("rm -rf .git");
    cr_expect_eq(ask("528f1c0-dirty"), HD_INVALID, "wherever it is used");
}

Test(tree, without_one_the_commit_is_the_programs) {
    git("rm -rf .git && echo 2 >source.c");
    cr_assert_eq(ask("528f1c0"), HD_OK, "%s", error.message);
    cr_expect_str_eq(commit, "528f1c0");
}

Test(tree, that_git_cannot_tell_of_is_no_clean_one) {
    git("rm .git/HEAD");
    expect_refusal(HD_UNAVAILABLE, "git status");
    setenv("PATH", "/nowhere", 1);
    expect_refusal(HD_UNAVAILABLE, "git: cannot be started");
    cr_expect_eq(hd_git_commit_find("/nowhere/at/all", "528f1c0", commit, sizeof commit, &error), HD_INVALID);
}
