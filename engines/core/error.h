/* Errors are values: every function that can fail returns an hd_status. When it is not HD_OK, the function
 * has written one line into its hd_error: the file, key or tensor concerned, and the cause. */
#ifndef HD_CORE_ERROR_H
#define HD_CORE_ERROR_H

/* The values are the program's exit statuses. */
typedef enum hd_status {
    HD_OK = 0,
    HD_DIFFERENT = 1,   /* a difference, or a NaN or Inf in a result */
    HD_INVALID = 2,     /* wrong usage or bad input, a broken golden included */
    HD_UNAVAILABLE = 3, /* this machine cannot: no such device, no memory, disk full, folder not writable */
} hd_status;

typedef struct hd_error {
    hd_status status;
    char message[512];
} hd_error;

/* Writes status and the formatted message (one line, no newline, cut at the buffer's end) into *error and
 * returns status, so that callers can say `return hd_fail(error, HD_INVALID, "%s: ...", path)`. If error is
 * NULL, it only returns status. */
hd_status hd_fail(hd_error *error, hd_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
