/* For `check --history FILE`: tries the file before anything runs, so that nobody computes for nothing, and
 * appends what the run found at the end. */
#ifndef HD_MATRIX_KEEP_RUN_H
#define HD_MATRIX_KEEP_RUN_H

#include "history/run_entry.h"
#include "judge/findings.h"
#include "run/request.h"

typedef struct hd_keep_run {
    const char *path;    /* NULL: no --history */
    hd_run_entry *entry; /* owned; NULL: nothing is gathered */
    hd_kept kept;        /* kept.run is 0 until the run is stored */
    json_t *notes;       /* owned: array of lines for people to read */
} hd_keep_run;

/* Opens (or makes), inspects and closes the file, and begins an entry. If path is NULL, zeroes *keep, and the
 * other functions do nothing. Errors as history.h. End with hd_keep_run_free. */
hd_status hd_keep_run_begin(hd_keep_run *keep, const char *path, int count, char *const *arguments,
                            const hd_request *request, hd_error *error);

/* Appends what was found, with the exit status so far, and notes what is unusual. Errors as
 * hd_history_append; also HD_UNAVAILABLE: the run was interrupted, and is not stored. */
hd_status hd_keep_run_end(hd_keep_run *keep, const hd_findings *findings, hd_status status, hd_error *error);

/* Prints the notes, a line each, and "kept as run 12 in FILE"; nothing if it was not stored. */
void hd_keep_run_print(FILE *to, const hd_keep_run *keep);

/* Adds "run" (null: not stored) and "notes" to a JSON document; nothing without --history. */
void hd_keep_run_put(json_t *document, const hd_keep_run *keep);

void hd_keep_run_free(hd_keep_run *keep);

#endif
