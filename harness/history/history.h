/* A history: every run of `check --history FILE`, night after night, in one SQLite file.
 *
 * Each run has records. A record has a result (JSON text, stored once for all nights on which it is the same:
 * where a number changed, the record has another result than the night before), its provenance, the times and
 * memory of all repetitions, and its verdicts with every judgement. Each record belongs to a series, so that
 * like is compared with like: experiment and data by hash, mode, device, class of machine, threads.
 * history/schema.h has the tables; the view `figure` is for your own queries. history/run_entry.h appends and
 * loads runs.
 *
 * The journal is a rollback journal with synchronous = EXTRA (as FULL, and the journal's removal is flushed
 * to disk too): this also works on network folders, where write-ahead logs do not. A run is appended in one
 * transaction: if the program is killed at any moment, the file is whole, and the run is in it or not.
 *
 * Errors: HD_INVALID: no history, one of a newer schema (the message has both versions), or a corrupt file
 * (the message says how to recover what can be read). HD_UNAVAILABLE: locked for longer than
 * HD_HISTORY_PATIENCE, read-only, disk full, no memory, or the program was interrupted. A failed call leaves
 * the file as it was. */
#ifndef HD_HISTORY_HISTORY_H
#define HD_HISTORY_HISTORY_H

#include "history/sql.h"

typedef enum hd_history_access {
    HD_HISTORY_READ,
    HD_HISTORY_WRITE,
    HD_HISTORY_CHANGE, /* as WRITE, but the file must exist */
    HD_HISTORY_RECOVER /* as READ, but the file may be corrupt: what can be read of it is read */
} hd_history_access;

/* Opens path, which must outlive *history. End with hd_history_close; after a failure *history is closed.
 *
 * For writing: makes a missing file, brings an older schema up to date in one transaction, and tries whether
 * the file can be written.
 *
 * For reading: never changes the file (but SQLite undoes a write that a crash cut short). Reads an older
 * schema as the newest one, from a copy in memory. A missing file is HD_INVALID; an empty one has no runs. */
hd_status hd_history_open(const char *path, hd_history_access access, hd_history *history, hd_error *error);

/* Opens an empty history in a temporary file without a name, which is gone when it is closed; path is for
 * messages. */
hd_status hd_history_scratch(const char *path, hd_history *history, hd_error *error);

/* Closes and zeroes it; its queries must have been finalized. A zeroed one is allowed. */
void hd_history_close(hd_history *history);

/* Reads the whole file and looks for damage: HD_INVALID names the first. */
hd_status hd_history_inspect(const hd_history *history, hd_error *error);

/* As hd_history_inspect; also compares every run, result, provenance and verdict with its checksum. */
hd_status hd_history_verify(const hd_history *history, hd_error *error);

/* Copies the runs that `from` has and `into` lacks, by uid, in one transaction; counts those copied and those
 * that were there. HD_INVALID: a run in `from` is not whole (then nothing is copied). Merging a file into
 * itself, or twice, changes nothing; a run that was pruned from `into` comes back. */
hd_status hd_history_merge(hd_history *into, const hd_history *from, size_t *copied, size_t *there,
                           hd_error *error);

/* Copies every whole run of `from`, a corrupt file: *saved of the *found runs that are seen in it.
 * HD_UNAVAILABLE: `into` cannot take them. */
hd_status hd_history_recover(const hd_history *from, hd_history *into, size_t *saved, size_t *found,
                             hd_error *error);

#endif
