/* Files: written whole or not at all, read to their very end. */
#ifndef HD_BASE_FILE_H
#define HD_BASE_FILE_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A file being written: the bytes go to a hidden temporary file beside the final path, which commit puts in
 * its place in one step. A reader sees the old file or the new one, never a part.
 *
 *     hd_output output;
 *     hd_status status = hd_output_open(&output, path, error);
 *     if (status != HD_OK) return status;
 *     hd_output_write(&output, data, size);
 *     return hd_output_commit(&output, error);
 *
 * The program must ignore SIGXFSZ, as main does: else a file size limit ends it here. */
typedef struct hd_output {
    char *path, *temporary;
    int descriptor;
    int failure; /* errno of the first write that failed, or 0 */
} hd_output;

/* Opens *output for path (copied). HD_UNAVAILABLE: no such directory, not writable, no memory, or something
 * is there that is no file and would be gone (/dev/null, a pipe); there is then nothing to commit or abandon.
 * Every output that was opened must be committed or abandoned, once. */
hd_status hd_output_open(hd_output *output, const char *path, hd_error *error);

/* Appends size bytes. A failure (a full disk) is kept for commit to report; later writes then do nothing. */
void hd_output_write(hd_output *output, const void *data, size_t size);

/* A stream whose text goes to the output; fclose it before the commit. NULL: no memory. */
FILE *hd_output_stream(hd_output *output);

/* Flushes to the disk and renames to the final path, replacing what is there. HD_UNAVAILABLE when that or any
 * write before it failed: the temporary file is then gone, and no part of it at the final path. */
hd_status hd_output_commit(hd_output *output, hd_error *error);

/* Removes the temporary file: for a caller that cannot finish. */
void hd_output_abandon(hd_output *output);

/* Writes the whole file path: open, write, commit. Errors as there. */
hd_status hd_file_write(const char *path, const void *data, size_t size, hd_error *error);

/* Appends to the file path, which is made where there is none. HD_UNAVAILABLE: not writable, disk full; then
 * it is as long as it was (or the message says that it could not be cut). */
hd_status hd_file_append(const char *path, const void *data, size_t size, hd_error *error);

/* Reads the whole text file path into *text, of *size bytes and a terminating zero; the caller frees *text
 * with free(). HD_INVALID: missing, unreadable, larger than limit bytes, or not text (a zero byte in it);
 * HD_UNAVAILABLE: no memory. On failure *text is NULL. */
hd_status hd_file_read_text(const char *path, size_t limit, char **text, size_t *size, hd_error *error);

/* Whether both names lead to one file, which is there. */
bool hd_file_same(const char *one, const char *other);

/* Makes the directory path and those above it that are missing; those that exist are fine. HD_UNAVAILABLE:
 * not permitted, or something that is not a directory is in the way. */
hd_status hd_directory_make(const char *path, hd_error *error);

/* Makes durable what was made, renamed or removed in the directory path. HD_UNAVAILABLE: the disk fails. */
hd_status hd_directory_sync(const char *path, hd_error *error);

/* A binary file being read in order. A name that ends in ".gz" says gzip, any other plain bytes. */
typedef struct hd_input hd_input;

/* Opens path (copied). *input is the caller's, to end with hd_input_close. HD_INVALID: missing, unreadable,
 * or not a regular file; HD_UNAVAILABLE: no memory. */
hd_status hd_input_open(const char *path, hd_input **input, hd_error *error);

/* Reads exactly size bytes of content into data. HD_INVALID: the content ends before, or the gzip data is
 * truncated or corrupt. */
hd_status hd_input_read(hd_input *input, void *data, size_t size, hd_error *error);

/* Checks that all content was read and nothing follows it, and for gzip that length and CRC are right.
 * HD_INVALID if not: what was read is to be trusted only after this gave HD_OK. */
hd_status hd_input_expect_end(hd_input *input, hd_error *error);

/* The most bytes of content that the file can possibly hold (gzip packs at most about 1032 to 1): what to
 * hold a size against that the content itself claims, before allocating it. */
uint64_t hd_input_capacity(const hd_input *input);

/* Closes and frees; takes NULL too. */
void hd_input_close(hd_input *input);

#endif
