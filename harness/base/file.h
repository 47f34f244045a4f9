/* Files: we write them whole or not at all, and read them to their very end. */
#ifndef HD_BASE_FILE_H
#define HD_BASE_FILE_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A file being written. The bytes go to a hidden temporary file beside the final path, and commit renames it
 * at once: a reader sees the old file or the new one, never a part.
 *
 *     hd_output output;
 *     hd_status status = hd_output_open(&output, path, error);
 *     if (status != HD_OK) return status;
 *     hd_output_write(&output, data, size);
 *     return hd_output_commit(&output, error);
 *
 * The program must ignore SIGXFSZ, as main does; otherwise a file size limit ends it here. */
typedef struct hd_output {
    char *path, *temporary;
    int descriptor;
    int failure; /* errno of the first write that failed, or 0 */
} hd_output;

/* Opens *output for path (copied); commit or abandon it once. HD_UNAVAILABLE: no such directory, not
 * writable, no memory, or path is something other than a file that renaming would remove (/dev/null, a pipe);
 * then there is nothing to commit or abandon. */
hd_status hd_output_open(hd_output *output, const char *path, hd_error *error);

/* Appends size bytes. After a failure (a full disk), which commit reports, it does nothing. */
void hd_output_write(hd_output *output, const void *data, size_t size);

/* Returns a stream that writes to the output; fclose it before the commit. NULL: no memory. */
FILE *hd_output_stream(hd_output *output);

/* Flushes to the disk and renames to the final path, replacing what is there. HD_UNAVAILABLE if that or an
 * earlier write failed: then the temporary file is removed and the final path unchanged. */
hd_status hd_output_commit(hd_output *output, hd_error *error);

/* Removes the temporary file: for a caller that cannot finish. */
void hd_output_abandon(hd_output *output);

/* Writes the whole file path: open, write, commit. Errors as there. */
hd_status hd_file_write(const char *path, const void *data, size_t size, hd_error *error);

/* Appends to the file path, or makes it. HD_UNAVAILABLE: not writable, disk full; then the file has its old
 * length (or the message says that it could not be cut). */
hd_status hd_file_append(const char *path, const void *data, size_t size, hd_error *error);

/* Reads the whole text file path into *text, *size bytes and a terminating zero, which the caller frees with
 * free(). HD_INVALID: missing, unreadable, larger than limit bytes, or not text (a zero byte in it);
 * HD_UNAVAILABLE: no memory. On failure *text is NULL. */
hd_status hd_file_read_text(const char *path, size_t limit, char **text, size_t *size, hd_error *error);

/* Whether both names are names of one file, which exists. */
bool hd_file_same(const char *one, const char *other);

/* Makes the directory path and all missing ones above it. HD_UNAVAILABLE: not permitted, or something other
 * than a directory is in the way. */
hd_status hd_directory_make(const char *path, hd_error *error);

/* Flushes to the disk what was made, renamed or removed in directory path. HD_UNAVAILABLE: the disk fails. */
hd_status hd_directory_sync(const char *path, hd_error *error);

/* A binary file that we read in order: gzip if its name ends in ".gz", otherwise plain bytes. */
typedef struct hd_input hd_input;

/* Opens path (copied). The caller ends *input with hd_input_close. HD_INVALID: missing, unreadable, or not a
 * regular file; HD_UNAVAILABLE: no memory. */
hd_status hd_input_open(const char *path, hd_input **input, hd_error *error);

/* Reads exactly size bytes of content into data. HD_INVALID: the content is shorter, or the gzip data is
 * truncated or corrupt. */
hd_status hd_input_read(hd_input *input, void *data, size_t size, hd_error *error);

/* Whether a read failed because the content ended too early. */
bool hd_input_ended(const hd_input *input);

/* Checks that nothing follows what was read, and for gzip length and CRC. HD_INVALID if not. Trust what was
 * read only after HD_OK. */
hd_status hd_input_expect_end(hd_input *input, hd_error *error);

/* The most bytes of content that the file can hold (gzip packs at most about 1032 to 1). Compare it with a
 * size that the content claims before you allocate that. */
uint64_t hd_input_capacity(const hd_input *input);

/* Closes and frees; takes NULL too. */
void hd_input_close(hd_input *input);

#endif
