/* Work in a process of its own: its memory and its threads are its own, and however it ends, the caller hears
 * of it. */
#ifndef HD_PROCESS_H
#define HD_PROCESS_H

#include "error.h"

/* Calls body(context, error) in a child process and gives back its status and error. `what` names it in
 * messages. A child that ends without a result (killed, out of memory) is HD_UNAVAILABLE, with how it ended.
 * What body writes to stdout is flushed; what it changes in memory is lost. The calling process must not have
 * used OpenMP or BLIS. The child ends with its parent. */
hd_status hd_process_run(const char *what, hd_status (*body)(void *context, hd_error *error), void *context,
                         hd_error *error);

/* From now on an interrupt (SIGINT, SIGTERM, SIGHUP) ends the child that runs and makes this and every later
 * hd_process_run HD_UNAVAILABLE ("interrupted"), so that the program can put its things away before it ends.
 */
void hd_process_catch_interrupts(void);

#endif
