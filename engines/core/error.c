#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>

hd_status hd_fail(hd_error *error, hd_status status, const char *format, ...) {
    if (!error) return status;
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}
