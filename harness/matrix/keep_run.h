/* What `check --history FILE` does with its history: the file is tried before anything runs, so that nobody
 * computes for nothing; at the end what the run found is appended as an entry. */
#ifndef HD_MATRIX_KEEP_RUN_H
#define HD_MATRIX_KEEP_RUN_H

#include "history/run_entry.h"
#include "judge/findings.h"
#include "run/request.h"

typedef struct hd_keep_run {
    const char *path;    /* NULL: without --history */
    hd_run_entry *entry; /* owned; NULL: nothing is gathered */
    hd_kept kept;        /* kept.run is 0 where it was not kept */
    json_t *notes;       /* owned: array of lines that people should read */
} hd_keep_run;

/* Opens, inspects and closes `path`, making it where it is missing, and begins an entry. Without
 * --history *keep is zeroed, and the others do nothing. Errors as history.h's. End with hd_keep_run_free. */
hd_status hd_keep_run_begin(hd_keep_run *keep, const char *path, int count, char *const *arguments,
                            const hd_request *request, hd_error *error);

/* Appends all that was found, with the exit status so far, and notes what is unusual of it. HD_UNAVAILABLE
 * also for a run that was interrupted: it is not kept. */
hd_status hd_keep_run_end(hd_keep_run *keep, const hd_findings *findings, hd_status status, hd_error *error);

/* "kept as run 12 in FILE" and the notes, a line each; nothing where it was not kept. */
void hd_keep_run_print(FILE *to, const hd_keep_run *keep);

/* Adds "run" (null: not kept) and "notes" to a JSON document. Without --history nothing. */
void hd_keep_run_put(json_t *document, const hd_keep_run *keep);

void hd_keep_run_free(hd_keep_run *keep);

#endif
