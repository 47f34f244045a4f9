/* What people see on a terminal: colours and errors. */
#ifndef HD_BASE_TERMINAL_H
#define HD_BASE_TERMINAL_H

#include "core/error.h"

#include <stdio.h>

/* The text that switches a stream to a colour ("green", "red", "yellow", "bold"), and back to plain text.
 * Both are "" if the stream is no terminal or NO_COLOR is set. */
const char *hd_terminal_colour(FILE *to, const char *colour);
const char *hd_terminal_plain(FILE *to);

/* Prints "hyperdrift: MESSAGE" on stderr and returns the worse of both statuses (3, 2, 1, 0). */
hd_status hd_terminal_complain(hd_status so_far, const hd_error *error);

/* Shows on stderr, if that is a terminal, what a long command is doing, in place of what was shown before; "" clears
 * the line. */
void hd_terminal_show(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
