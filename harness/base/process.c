#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void note_interrupt(int number) {
    interrupted = number;
}

static void handle_interrupts(void (*handler)(int)) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = handler}; /* no SA_RESTART: an interrupt ends a read */
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
}

void hd_process_catch_interrupts(void) {
    handle_interrupts(note_interrupt);
}

bool hd_process_interrupted(void) {
    return interrupted != 0;
}

/* Forks, with a pipe between the two if one is asked for; in the child *child is 0. */
static hd_status split(const char *what, bool piped, int ends[2], pid_t *child, hd_error *error) {
    ends[0] = ends[1] = -1;
    if (interrupted) return hd_fail(error, HD_UNAVAILABLE, "%s: interrupted", what);
    if (piped && pipe2(ends, O_CLOEXEC))
        return hd_fail(error, HD_UNAVAILABLE, "%s: cannot make a pipe for a process: %s", what,
                       strerror(errno));
    fflush(NULL); /* or the child would write what is buffered once more, or before us */
    *child = fork();
    if (*child == 0) return HD_OK;
    int no_process = errno;
    if (piped) close(ends[1]);
    if (*child > 0) return HD_OK;
    if (piped) close(ends[0]);
    return hd_fail(error, HD_UNAVAILABLE, "%s: cannot start a process: %s", what, strerror(no_process));
}

static void report_and_exit(hd_status (*body)(void *context, hd_error *error), void *context, int to) {
    hd_error error = {HD_OK, ""};
    handle_interrupts(SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* without a parent, nobody waits for us */
    error.status = body(context, &error);
    fflush(stdout);
    ssize_t written = write(to, &error, sizeof error); /* smaller than a pipe's buffer, so written whole or
                                                          not at all */
    _exit(written == (ssize_t)sizeof error ? 0 : 1);
}

static hd_status read_report(int from, hd_error *report) {
    size_t got = 0;
    while (got < sizeof *report) {
        ssize_t part = read(from, (char *)report + got, sizeof *report - got);
        if (part < 0 && errno == EINTR && !interrupted) continue;
        if (part <= 0) return HD_UNAVAILABLE;
        got += (size_t)part;
    }
    return HD_OK;
}

static hd_status ended(const char *what, int how, hd_error *error) {
    int number = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
    return hd_fail(error, HD_UNAVAILABLE, "%s: its process ended without a result (%s%s)", what,
                   number ? strsignal(number) : "no signal", number == SIGKILL ? ": out of memory?" : "");
}

hd_status hd_process_start(hd_process *process, const char *what,
                           hd_status (*body)(void *context, hd_error *error), void *context,
                           hd_error *error) {
    int ends[2];
    pid_t child;
    *process = (hd_process){.what = what};
    hd_status status = split(what, true, ends, &child, error);
    if (status != HD_OK) return status;
    if (child == 0) {
        close(ends[0]);
        report_and_exit(body, context, ends[1]);
    }
    process->child = child;
    process->report = ends[0];
    return HD_OK;
}

/* How the child ended. */
static int reap(hd_process *process) {
    int how = 0;
    close(process->report);
    while (waitpid(process->child, &how, 0) < 0 && errno == EINTR) {
    }
    *process = (hd_process){.what = process->what};
    return how;
}

hd_status hd_process_wait(hd_process *process, hd_error *error) {
    if (!process->child) return HD_OK;
    hd_error report;
    hd_status status = read_report(process->report, &report);
    if (interrupted) kill(process->child, SIGTERM);
    int how = reap(process);
    if (interrupted)
        return hd_fail(error, HD_UNAVAILABLE, "%s: interrupted (%s)", process->what, strsignal(interrupted));
    if (status != HD_OK) return ended(process->what, how, error);
    if (report.status != HD_OK && error) *error = report;
    return report.status;
}

hd_status hd_process_run(const char *what, hd_status (*body)(void *context, hd_error *error), void *context,
                         hd_error *error) {
    hd_process process;
    hd_status status = hd_process_start(&process, what, body, context, error);
    return status == HD_OK ? hd_process_wait(&process, error) : status;
}

/* --- another program --- */

enum { NOT_STARTED = 127 }; /* exit status, as a shell's */

static void become(const hd_program *program, int to) {
    handle_interrupts(SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (program->prepare) program->prepare(program->context);
    if (program->output) dup2(to, STDOUT_FILENO);
    execvp(program->arguments[0], (char *const *)(uintptr_t)program->arguments);
    _exit(NOT_STARTED);
}

/* Reads to the end and drops what does not fit. */
static void read_output(int from, char *output, size_t size) {
    char dropped[4096];
    size_t got = 0;
    for (;;) {
        bool room = got < size - 1;
        ssize_t part = room ? read(from, output + got, size - 1 - got) : read(from, dropped, sizeof dropped);
        if (part < 0 && errno == EINTR && !interrupted) continue;
        if (part <= 0) break;
        if (room) got += (size_t)part;
    }
    output[got] = '\0';
}

static int reap_program(pid_t child) {
    int how = 0;
    if (interrupted) kill(child, SIGTERM);
    while (waitpid(child, &how, 0) < 0 && errno == EINTR)
        if (interrupted) kill(child, SIGTERM);
    return how;
}

hd_status hd_process_program(const hd_program *program, int *status, hd_error *error) {
    const char *what = program->arguments[0];
    int ends[2];
    pid_t child;
    hd_status started = split(what, program->output, ends, &child, error);
    if (started != HD_OK) return started;
    if (child == 0) become(program, ends[1]);
    if (program->output) {
        read_output(ends[0], program->output, program->size);
        close(ends[0]);
    }
    int how = reap_program(child);
    if (interrupted)
        return hd_fail(error, HD_UNAVAILABLE, "%s: interrupted (%s)", what, strsignal(interrupted));
    if (!WIFEXITED(how)) return ended(what, how, error);
    *status = WEXITSTATUS(how);
    if (*status == NOT_STARTED) return hd_fail(error, HD_UNAVAILABLE, "%s: cannot be started", what);
    return HD_OK;
}
