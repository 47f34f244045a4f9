/* The ledger of blessings: golden/CHANGES, to which each one appends an entry before its goldens come into
 * place, so that a golden in place always has one. Nothing in it is ever changed.
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
 * An entry: date and experiment; four lines of who, why and with what; one line a hyper-iteration with the
 * hashes of its golden (its key "sha256"); then each figure that changes (golden/golden_diff.h); and an empty line, by
 * which a whole entry is known from one whose writing was cut off. (For blessings made before the log was
 * kept the day alone is known, and no figures.) Behind the last whole entry only the beginning of one may
 * stand. It is what an ended writer left, unless its goldens are in place: then it was whole, and lost its
 * empty line to an editor.
 *
 * A blessing that was ended between its entry and its goldens' coming into place leaves an entry whose "now"
 * is nowhere; it is told by the goldens, which are still those that it calls "before". */
#ifndef HD_GOLDEN_LEDGER_H
#define HD_GOLDEN_LEDGER_H

#include "golden/golden_set.h"

typedef struct hd_golden_hashes {
    char was[HD_SHA256], is[HD_SHA256]; /* "": new, gone */
} hd_golden_hashes;

typedef struct hd_blessing {
    char date[24]; /* "2026-11-24T06:30:02Z", or the day alone */
    char experiment[HD_LABEL];
    char reason[HD_REASON], commit[HD_LABEL], machine[2 * HD_LABEL], program[2 * HD_LABEL];
    hd_golden_hashes *hashes; /* [steps], owned: of hyper-iteration 0, 1, ... */
    size_t steps;
    const char *lacking; /* the newlines missing at its end; NULL: none */
} hd_blessing;

typedef struct hd_ledger {
    char path[PATH_MAX];
    hd_blessing *blessings; /* [count], owned, in the order they were made; none: no log is kept */
    size_t count;
    bool cut;       /* after the last whole entry stands the beginning of one */
    int descriptor; /* of the file, locked; -1: it is only read */
} hd_ledger;

/* Reads ROOT/golden/CHANGES; where it is not there, there are no blessings. HD_INVALID: not as above, with
 * the line. End with hd_ledger_close, also after a failure. */
hd_status hd_ledger_read(const char *root, hd_ledger *ledger, hd_error *error);

/* Opens it to append, and makes it and its folder where they are not there: waits for whoever else does
 * (saying so on stderr), holds them off until hd_ledger_close, reads it, and mends its end: what a writer
 * that was ended left behind the last whole entry is cut off, and an entry whose goldens are in place gets
 * back the end that it lost. HD_UNAVAILABLE: it cannot be written or locked. HD_INVALID: as hd_ledger_read,
 * or those goldens cannot be read. */
hd_status hd_ledger_open(const char *root, hd_ledger *ledger, hd_error *error);
void hd_ledger_close(hd_ledger *ledger);

/* Appends the entry of a blessing by which an experiment's goldens `is`, as loaded, take the place of `was`,
 * and flushes it to the disk; date, reason, commit and machine are is->steps[0].blessed's. It is then among
 * the blessings. HD_UNAVAILABLE: it cannot be written; the file is as it was. */
hd_status hd_ledger_append(hd_ledger *ledger, const hd_golden_set *was, const hd_golden_set *is,
                           hd_error *error);

/* What the ledger says of an experiment's goldens. */
typedef struct hd_lineage {
    const hd_blessing *blessed;  /* the blessing they are from; NULL: no log is kept */
    const hd_blessing *unplaced; /* the last one after it, whose goldens never came into place; or NULL */
} hd_lineage;

/* Finds it; of an experiment without goldens too. HD_INVALID where a log is kept, and they are not those of
 * the experiment's last blessing that came into place. */
hd_status hd_ledger_lineage(const hd_ledger *ledger, const char *experiment, const hd_golden_set *goldens,
                            hd_lineage *lineage, hd_error *error);

#endif
