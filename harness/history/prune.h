/* Removes old nights from a history, or one run.
 *
 * A night is a date (UTC) at which runs have their moment. The runs of the newest `keep` nights stay. Of
 * older ones those stay at which a number changed: for each series and hyper-iteration the first run of all,
 * and on each host the last run before a change of the result and the first after it. So the history still
 * knows since which night and commit a number is what it is. Levels of time and memory are found from the
 * nights that are left.
 *
 * Removing one run is for a run that should never have been stored, say one of a clock that was ahead.
 *
 * Results, provenance, verdicts and series that no run uses any more are removed too. */
#ifndef HD_HISTORY_PRUNE_H
#define HD_HISTORY_PRUNE_H

#include "history/history.h"

#include <stdbool.h>

typedef struct hd_pruned {
    size_t runs, of;          /* removed (or to be removed), of so many */
    size_t old_kept;          /* older than those nights, but a number changed there */
    char first[32], last[32]; /* start of the first and the last run removed; "" if none */
    size_t bytes, freed;      /* of the file before, and how much smaller it became */
    bool vacuumed;            /* false: no room on disk for a copy; later nights use the space in the file */
} hd_pruned;

/* Inspects the file, removes the runs in one transaction, then shrinks the file if the disk has room for two
 * copies of it. run: removes only this one; 0: what is older than `keep` nights. dry: only counts.
 * HD_INVALID: no such run, or as history.h; HD_UNAVAILABLE as there. */
hd_status hd_history_prune(hd_history *history, size_t keep, size_t run, bool dry, hd_pruned *pruned,
                           hd_error *error);

#endif
