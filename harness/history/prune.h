/* Forgetting old nights of a history, or one run of it.
 *
 * A night is a date (UTC) on which runs have their place in time. The runs of the newest `keep` nights stay,
 * and of older ones those at which a number changed: for each series and hyper-iteration the first run of
 * all, and the last one before and the first one with another result on a host. So it stays known since which
 * night and commit a number is what it is. Levels of time and memory are told from the nights that are left.
 *
 * One run, whichever it is, goes where it should never have been kept: by a clock that was ahead, say.
 *
 * Results, provenance, verdicts and series that no run has any more go too. */
#ifndef HD_HISTORY_PRUNE_H
#define HD_HISTORY_PRUNE_H

#include "history/history.h"

#include <stdbool.h>

typedef struct hd_pruned {
    size_t runs, of;          /* removed (or to be), and how many there were */
    size_t old_kept;          /* older than the nights that stay, kept for what changed there */
    char first[32], last[32]; /* when the first and the last run removed were started; "" */
    size_t bytes, freed;      /* of the file before, and by how much it became smaller */
    bool vacuumed; /* else the room in the file is used again by later nights: the disk has none for a copy */
} hd_pruned;

/* Removes them in one transaction, of a file that inspection finds no damage in, then makes the file smaller
 * where the disk has room for two copies of it. run: that one alone, 0: what is older than `keep` nights.
 * dry: only counts what it would remove. HD_INVALID: no such run, and as HD_UNAVAILABLE, history.h's. */
hd_status hd_history_prune(hd_history *history, size_t keep, size_t run, bool dry, hd_pruned *pruned,
                           hd_error *error);

#endif
