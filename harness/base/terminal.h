/* What people see on a terminal: colours, and what went wrong. */
#ifndef HD_BASE_TERMINAL_H
#define HD_BASE_TERMINAL_H

#include "core/error.h"

#include <stdio.h>

/* What switches a stream to a colour ("green", "red", "yellow", "bold"), and back to plain text. Both are ""
 * where the stream is no terminal, or NO_COLOR is set. */
const char *hd_terminal_colour(FILE *to, const char *colour);
const char *hd_terminal_plain(FILE *to);

/* Prints an error on stderr, "hyperdrift: MESSAGE", and returns the worse of two statuses: 3 before 2 before 1
 * before 0. */
hd_status hd_terminal_complain(hd_status so_far, const hd_error *error);

#endif
