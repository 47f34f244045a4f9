/* The program as a user meets it: runs in a process of its own; its output and exit status are kept.
 *
 *     hyperdrift("run", "blobs-deep", "--json");
 *     cr_assert_eq(program.status, 0, "%s", program.err);
 *
 * It inherits the test's environment. A test may use setenv, because each is a process of its own. */
#ifndef HD_TEST_PROGRAM_H
#define HD_TEST_PROGRAM_H

#include "build_info.h"
#include "test/folder.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Limits of a program: seconds of CPU time for each of its processes, and seconds of the clock in which none
 * uses any. A busy machine changes neither. */
enum { PROGRAM_CPU_SECONDS = 240, PROGRAM_STILL_SECONDS = 120, PROGRAM_OUT_OF_TIME = -1 };

static struct {
    /* For the next runs: */
    rlim_t memory, file_size; /* limits in bytes; 0: none */
    const char *output;       /* a file for standard output; NULL: `out` below */
    /* Of the last run: */
    int status; /* exit status; 128 + n for signal n; PROGRAM_OUT_OF_TIME: no progress */
    char out[1 << 20], err[1 << 16];
} program;

#define hyperdrift(...) program_run((const char *const[]){HD_PROGRAM, __VA_ARGS__, NULL})

/* The path of name in the test's folder, in one of four buffers. */
static inline const char *path_of(const char *name) {
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* Skips the test. A skipped test is not finished, so this removes its folder. */
static inline void skip(const char *reason) {
    folder_remove();
    cr_skip_test("%s", reason);
}

/* Skips a test that takes long; make check-all runs it. */
static inline void slow(void) {
    if (!getenv("HYPERDRIFT_SLOW")) skip("slow: make check-all runs it, or HYPERDRIFT_SLOW=1");
}

static inline void program_become(const char *const *arguments, int out, int err) {
    setpgid(0, 0);
    int in = open("/dev/null", O_RDONLY);
    if (program.output) out = open(program.output, O_WRONLY);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    struct rlimit file_size = {program.file_size, program.file_size},
                  memory = {program.memory, program.memory},
                  time = {PROGRAM_CPU_SECONDS, PROGRAM_CPU_SECONDS + 5};
    setrlimit(RLIMIT_CPU, &time);
    if (program.file_size) setrlimit(RLIMIT_FSIZE, &file_size);
    if (program.memory) setrlimit(RLIMIT_AS, &memory);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

/* Reads what is available into text[size]; false at the end. */
static inline bool program_read(int from, char *text, size_t *used, size_t size) {
    ssize_t got = read(from, text + *used, size - 1 - *used);
    cr_assert(got < (ssize_t)(size - 1 - *used), "the program printed too much for this test");
    if (got > 0) *used += (size_t)got;
    return got > 0;
}

/* The CPU time, in ticks, that a group's processes have used. */
static inline unsigned long program_ticks(pid_t group) {
    char command[256];
    unsigned long ticks = 0;
    snprintf(command, sizeof command,
             "cat /proc/[0-9]*/stat 2>/dev/null | awk '{ sub(/.*\\) /, \"\") } "
             "$3 == %d { n += $12 + $13 + $14 + $15 } END { print n + 0 }'",
             (int)group);
    FILE *sum = popen(command, "r");
    cr_assert(sum && fscanf(sum, "%lu", &ticks) == 1);
    pclose(sum);
    return ticks;
}

/* Collects both streams to their ends; false if the program makes no progress. */
static inline bool program_collect(pid_t group, int out, int err) {
    struct pollfd ends[] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
    size_t used[2] = {0, 0};
    unsigned long ticks = 0;
    int still = 0; /* seconds */
    memset(program.out, 0, sizeof program.out);
    memset(program.err, 0, sizeof program.err);
    while (ends[0].fd >= 0 || ends[1].fd >= 0) {
        if (poll(ends, 2, 1000) <= 0) {
            unsigned long now = ++still % 10 == 0 ? program_ticks(group) : ticks;
            if (now != ticks) still = 0;
            if (still >= PROGRAM_STILL_SECONDS) return false;
            ticks = now;
            continue;
        }
        still = 0;
        if (ends[0].revents && !program_read(out, program.out, &used[0], sizeof program.out)) ends[0].fd = -1;
        if (ends[1].revents && !program_read(err, program.err, &used[1], sizeof program.err)) ends[1].fd = -1;
    }
    return true;
}

/* Runs arguments[0] with the arguments, a list that ends with NULL. */
static inline void program_run(const char *const *arguments) {
    int out[2], err[2], how = 0;
    cr_assert(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0);
    fflush(NULL);
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) program_become(arguments, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    bool in_time = program_collect(child, out[0], err[0]);
    if (!in_time) kill(-child, SIGKILL);
    close(out[0]);
    close(err[0]);
    waitpid(child, &how, 0);
    program.status = !in_time           ? PROGRAM_OUT_OF_TIME
                     : WIFSIGNALED(how) ? 128 + WTERMSIG(how)
                                        : WEXITSTATUS(how);
}

/* Expects this exit status, and `part` in one line on stderr. */
#define program_expect_failure(expected, part)                                                               \
    do {                                                                                                     \
        const char *end_of_line = strchr(program.err, '\n');                                                 \
        cr_expect_eq(program.status, expected, "%d and not %d: %s", program.status, expected, program.err);  \
        cr_expect(strstr(program.err, part), "no '%s' in: %s", part, program.err);                           \
        cr_expect(end_of_line &&end_of_line[1] == '\0', "not one line: %s", program.err);                    \
    } while (0)

/* Parses standard output as JSON; the caller calls json_decref. */
static inline json_t *program_json(void) {
    json_error_t error;
    json_t *json = json_loads(program.out, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(json, "not JSON: %s: %.200s", error.text, program.out);
    return json;
}

/* The value at a path of keys and indices, "records.0.weights.sha256"; NULL: none. */
static inline json_t *program_value(json_t *json, const char *path) {
    char part[64];
    while (json && *path) {
        size_t length = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)length, path);
        json =
            json_is_array(json) ? json_array_get(json, strtoul(part, NULL, 10)) : json_object_get(json, part);
        path += length + (path[length] == '.');
    }
    return json;
}

/* Copies fixtures/ (without the large data) and the small goldens into the test's folder, the program's new
 * root. */
static inline void program_own_root(void) {
    char command[512], root[64];
    snprintf(root, sizeof root, "%s/root", folder);
    snprintf(
        command, sizeof command,
        "mkdir -p %s/fixtures %s/golden && cp fixtures/*.ini %s/fixtures && cp -R golden/blobs-* %s/golden",
        root, root, root, root);
    cr_assert_eq(system(command), 0);
    setenv("HYPERDRIFT_ROOT", root, 1);
}

#endif
