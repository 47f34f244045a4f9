/* A history: every run of `check --history FILE`, night after night, in one SQLite file.
 *
 * Each run has its records; a record its result (a JSON text kept once for all nights on which it is the
 * same, so that a number that changed is a record with another result than the night before), its provenance,
 * the times and memory of all repetitions, and the verdicts on it with every judgement. Records belong to a
 * series: like is compared with like (experiment and data by hash, mode, device, class of machine, threads).
 * The tables are in history/schema.h; the view `figure` is for people with a query of their own. Runs are
 * made by history/run_entry.h, and read by sql.h.
 *
 * Written with a rollback journal and synchronous = EXTRA (FULL, and the journal's removal is flushed to disk
 * too), so that it also works on network folders, where write-ahead logs do not; a run is appended in one
 * transaction: killed at any moment the file is whole, and the run is in it or not.
 *
 * Errors: HD_INVALID: no history, one of a newer schema (the message has both versions), a corrupt file (the
 * message says how to save what can be saved); HD_UNAVAILABLE: locked for longer than HD_HISTORY_PATIENCE,
 * read-only, disk full, no memory, or the program was interrupted. A failed call leaves the file as it was. */
#ifndef HD_HISTORY_HISTORY_H
#define HD_HISTORY_HISTORY_H

#include "history/sql.h"

typedef enum hd_history_access {
    HD_HISTORY_READ,
    HD_HISTORY_WRITE,
    HD_HISTORY_CHANGE, /* as WRITE, but of a file that is there */
    HD_HISTORY_RECOVER /* as READ, but of a file that is corrupt: what can be read is not refused for the rest */
} hd_history_access;

/* Opens path, which must outlive *history.
 *
 * For writing: a file that is missing is made, an older schema brought up to date in one transaction, and it
 * is tried whether the file can be written.
 *
 * For reading: the file is never changed (but a write that was cut short by a crash is undone, as every
 * reader of an SQLite file does). An older schema is read as the newest one, from a copy in memory. A missing
 * file is HD_INVALID; an empty one has no runs.
 *
 * End with hd_history_close; after a failure *history is closed. */
hd_status hd_history_open(const char *path, hd_history_access access, hd_history *history, hd_error *error);

/* An empty one in a temporary file without a name, which is gone when it is closed; path is for messages. */
hd_status hd_history_scratch(const char *path, hd_history *history, hd_error *error);

/* Closes and zeroes it; queries on it must have been finalized. A zeroed one is allowed. */
void hd_history_close(hd_history *history);

/* Reads the whole file for damage: HD_INVALID names the first that is found. */
hd_status hd_history_inspect(const hd_history *history, hd_error *error);

/* As hd_history_inspect, and holds every run, result, provenance and verdict against its hash (history/checksum.h). */
hd_status hd_history_verify(const hd_history *history, hd_error *error);

/* Copies the runs that `from` has and `into` has not, known by their uid, in one transaction; those that are
 * there already are counted. HD_INVALID for a run in `from` that is not whole (nothing is copied then).
 * Merging a file into itself, or twice, changes nothing; a run that was pruned from `into` comes back. */
hd_status hd_history_merge(hd_history *into, const hd_history *from, size_t *copied, size_t *there,
                           hd_error *error);

/* Copies every run of `from`, a corrupt file, that is whole: *saved of *found that are seen there at all.
 * HD_UNAVAILABLE: `into` cannot take them. */
hd_status hd_history_recover(const hd_history *from, hd_history *into, size_t *saved, size_t *found,
                             hd_error *error);

#endif
