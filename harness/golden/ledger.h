/* The ledger of blessings: golden/CHANGES. Each blessing appends an entry before its goldens are put in
 * place, so that goldens in place always have one. Nothing in it ever changes.
 *
 *     2026-11-24T06:30:02Z blobs-deep
 *         reason: The batches' order is drawn by another generator
 *         commit: 528f1c0
 *         machine: AMD EPYC
 *         program: 0.1.0 (528f1c0)
 *         golden 0: <SHA-256 before, or "new"> -> <SHA-256 now, or "gone">
 *         golden 1: ...
 *         0 reference hypergradient eta: -2.8469385741460851 -> -2.8471912035129446
 *         0 tolerance hypergradient eta: ...
 *
 * An entry: date and experiment; four lines of who, why and with what; for each hyper-iteration a line with
 * its golden's hash (key "sha256"); each figure that changes (golden/golden_diff.h); and an empty line, which
 * shows that the entry is whole. (Of blessings older than the log only the day is known, and no figures.)
 * After the last whole entry only the beginning of one may follow. A writer that was killed left it, unless
 * its goldens are in place: then an editor removed its empty line.
 *
 * A blessing that was killed after its entry and before its goldens were in place leaves an entry whose "now"
 * is nowhere; the goldens are then still those that it calls "before". */
#ifndef HD_GOLDEN_LEDGER_H
#define HD_GOLDEN_LEDGER_H

#include "golden/golden_set.h"

typedef struct hd_golden_hashes {
    char was[HD_SHA256], is[HD_SHA256]; /* "": new, gone */
} hd_golden_hashes;

typedef struct hd_blessing {
    char date[24]; /* "2026-11-24T06:30:02Z", or only the day */
    char experiment[HD_LABEL];
    char reason[HD_REASON], commit[HD_LABEL], machine[2 * HD_LABEL], program[2 * HD_LABEL];
    hd_golden_hashes *hashes; /* [steps], owned: hyper-iteration 0, 1, ... */
    size_t steps;
    const char *lacking; /* the newlines missing at its end; NULL: none */
} hd_blessing;

typedef struct hd_ledger {
    char path[PATH_MAX];
    hd_blessing *blessings; /* [count], owned, oldest first; none: no log is kept */
    size_t count;
    bool cut;       /* the beginning of an entry follows the last whole one */
    int descriptor; /* the locked file; -1: it is only read */
} hd_ledger;

/* Reads ROOT/golden/CHANGES; without the file there are no blessings. HD_INVALID: not as above, with the
 * line. End with hd_ledger_close, also after a failure. */
hd_status hd_ledger_read(const char *root, hd_ledger *ledger, hd_error *error);

/* Opens the ledger to append, and makes it and its folder if missing. It waits while another process has it
 * open (and says so on stderr), locks it until hd_ledger_close, reads it, and mends its end: removes what a
 * killed writer left after the last whole entry, but completes an entry whose goldens are in place.
 * HD_UNAVAILABLE: it cannot be written or locked. HD_INVALID: it, or those goldens, cannot be read. */
hd_status hd_ledger_open(const char *root, hd_ledger *ledger, hd_error *error);
void hd_ledger_close(hd_ledger *ledger);

/* Appends and flushes to the disk the entry of a blessing that replaces an experiment's goldens `was` by
 * `is`, as loaded; date, reason, commit and machine are is->steps[0].blessed's. The ledger then lists it.
 * HD_UNAVAILABLE: it cannot be written; the file is unchanged. */
hd_status hd_ledger_append(hd_ledger *ledger, const hd_golden_set *was, const hd_golden_set *is,
                           hd_error *error);

/* What the ledger tells of an experiment's goldens. */
typedef struct hd_lineage {
    const hd_blessing *blessed;  /* their blessing; NULL: no log is kept */
    const hd_blessing *unplaced; /* the last later one, whose goldens were never put in place; or NULL */
} hd_lineage;

/* Finds it, also for an experiment without goldens. HD_INVALID if there is a log, and the goldens are not
 * those of the experiment's last blessing that was put in place. */
hd_status hd_ledger_lineage(const hd_ledger *ledger, const char *experiment, const hd_golden_set *goldens,
                            hd_lineage *lineage, hd_error *error);

#endif
