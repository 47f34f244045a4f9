/* What `check --history FILE` does with its history: the file is tried before anything runs, so that nobody
 * computes for nothing; at the end what the run found is appended as an entry. */
#ifndef HD_MATRIX_KEEP_RUN_H
#define HD_MATRIX_KEEP_RUN_H

#include "history/run_entry.h"
#include "judge/findings.h"
#include "commands/options.h"

typedef struct hd_keeping {
    const char *path; /* NULL: without --history */
    hd_entry *entry;  /* owned; NULL: nothing is gathered */
    hd_kept kept;     /* kept.run is 0 where it was not kept */
    json_t *notes;    /* owned: array of lines that people should read */
} hd_keeping;

/* Opens, inspects and closes options->history, making it where it is missing, and begins an entry. Without
 * --history *keeping is zeroed, and the others do nothing. Errors as history.h's. End with hd_keeping_free.
 */
hd_status hd_keeping_begin(hd_keeping *keeping, const hd_options *options, hd_error *error);

/* Appends all that was found, with the exit status so far, and notes what is unusual of it. HD_UNAVAILABLE
 * also for a run that was interrupted: it is not kept. */
hd_status hd_keeping_end(hd_keeping *keeping, const hd_findings *findings, hd_status status, hd_error *error);

/* "kept as run 12 in FILE" and the notes, a line each; nothing where it was not kept. */
void hd_keeping_print(FILE *to, const hd_keeping *keeping);

/* Adds "run" (null: not kept) and "notes" to a JSON document. Without --history nothing. */
void hd_keeping_put(json_t *document, const hd_keeping *keeping);

void hd_keeping_free(hd_keeping *keeping);

#endif
