/* Runs work in a child process with its own memory and threads, and reports how it ended. */
#ifndef HD_BASE_PROCESS_H
#define HD_BASE_PROCESS_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A child process that was started; its `what` must outlive it. */
typedef struct hd_process {
    const char *what;
    int child, report; /* its number, and the pipe for its report; 0: none was started */
} hd_process;

/* Starts body(context, error) in a child process; messages call it `what`. We flush what body prints; what it
 * changes in memory is lost. The caller must not have used OpenMP or BLIS. The child ends with its parent.
 * HD_UNAVAILABLE: no process, or interrupted. End with hd_process_wait. */
hd_status hd_process_start(hd_process *process, const char *what,
                           hd_status (*body)(void *context, hd_error *error), void *context, hd_error *error);

/* Waits for the child and returns its status and error. HD_UNAVAILABLE if it ended without a result (killed,
 * out of memory), with how it ended; HD_OK if none was started. */
hd_status hd_process_wait(hd_process *process, hd_error *error);

/* Starts a child and waits for it. */
hd_status hd_process_run(const char *what, hd_status (*body)(void *context, hd_error *error), void *context,
                         hd_error *error);

/* Another program to run. */
typedef struct hd_program {
    const char *const *arguments; /* ends with NULL; the first is looked up in PATH unless it has a '/' */
    void (*prepare)(const void *context); /* called in its process first; NULL: nothing */
    const void *context;
    char *output; /* room for the first size - 1 bytes that it prints, and a zero; */
    size_t size;  /* output NULL: it prints where this program does */
} hd_program;

/* Runs the program without a shell and writes its exit status; it ends with its parent. HD_UNAVAILABLE: it
 * cannot be started, was killed, or an interrupt came. */
hd_status hd_process_program(const hd_program *program, int *status, hd_error *error);

/* From now on an interrupt (SIGINT, SIGTERM, SIGHUP) ends the running child, and this and every later
 * hd_process_run returns HD_UNAVAILABLE ("interrupted"), so that the program can clean up before it ends. */
void hd_process_catch_interrupts(void);

/* Whether an interrupt came. Code that waits for a child without hd_process_wait should then stop waiting. */
bool hd_process_interrupted(void);

#endif
