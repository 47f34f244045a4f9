/* Work in a process of its own: its memory and its threads are its own, and however it ends, the caller hears
 * of it. */
#ifndef HD_BASE_PROCESS_H
#define HD_BASE_PROCESS_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A child process that was started; its `what` must outlive it. */
typedef struct hd_process {
    const char *what;
    int child, report; /* its number and the pipe it reports through; 0: none was started */
} hd_process;

/* Starts body(context, error) in a child process. `what` names it in messages. What body writes to stdout is
 * flushed; what it changes in memory is lost. HD_UNAVAILABLE: no process, or interrupted. The calling process
 * must not have used OpenMP or BLIS. The child ends with its parent. End with hd_process_wait. */
hd_status hd_process_start(hd_process *process, const char *what,
                           hd_status (*body)(void *context, hd_error *error), void *context, hd_error *error);

/* Waits for its end and gives back its status and error. A child that ends without a result (killed, out of
 * memory) is HD_UNAVAILABLE, with how it ended. HD_OK for one that was never started. */
hd_status hd_process_wait(hd_process *process, hd_error *error);

/* Starts and waits. */
hd_status hd_process_run(const char *what, hd_status (*body)(void *context, hd_error *error), void *context,
                         hd_error *error);

/* Another program. */
typedef struct hd_program {
    const char *const *arguments; /* ending with NULL; the first is looked for in PATH unless it has a '/' */
    void (*prepare)(const void *context); /* called in its process before it starts; NULL: nothing */
    const void *context;
    char *output; /* room for the first size - 1 bytes that it prints, with a zero after them; */
    size_t size;  /* NULL: it prints where this program does */
} hd_program;

/* Runs it, without a shell, and writes its exit status. HD_UNAVAILABLE: it cannot be started, was killed, or
 * an interrupt came. It ends with its parent. */
hd_status hd_process_program(const hd_program *program, int *status, hd_error *error);

/* From now on an interrupt (SIGINT, SIGTERM, SIGHUP) ends the child that runs and makes this and every later
 * hd_process_run HD_UNAVAILABLE ("interrupted"), so that the program can put its things away before it ends. */
void hd_process_catch_interrupts(void);

/* Whether one came: what waits for a child by other means than hd_process_wait is then to stop waiting. */
bool hd_process_interrupted(void);

#endif
