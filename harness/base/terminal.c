#include "base/terminal.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool coloured(FILE *to) {
    const char *no = getenv("NO_COLOR");
    return (!no || !no[0]) && isatty(fileno(to));
}

const char *hd_terminal_colour(FILE *to, const char *colour) {
    static const char *const known[][2] = {
        {"green", "\033[32m"}, {"red", "\033[31m"}, {"yellow", "\033[33m"}, {"bold", "\033[1m"}};
    for (size_t i = 0; coloured(to) && i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i][0], colour)) return known[i][1];
    return "";
}

const char *hd_terminal_plain(FILE *to) {
    return coloured(to) ? "\033[0m" : "";
}

hd_status hd_terminal_complain(hd_status so_far, const hd_error *error) {
    fflush(stdout); /* so that in a log of both the error follows what led to it */
    fprintf(stderr, "hyperdrift: %s\n", error->message);
    return error->status > so_far ? error->status : so_far;
}

void hd_terminal_show(const char *format, ...) {
    va_list values;
    if (!isatty(STDERR_FILENO)) return;
    va_start(values, format);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, format, values);
    va_end(values);
}
