/* Prints histories: the list of runs, and one run with all its records. */
#ifndef HD_HISTORY_TEXT_H
#define HD_HISTORY_TEXT_H

#include "history/run_entry.h"
#include "history/sql.h"

#include <stdio.h>

/* Queries the runs, in order of time; the caller finalizes it. Columns: run, uid, started, kept, clock_back,
 * host, version, commit, experiments (a JSON array), verdict ("pass" or "fail"), status, passed, failed,
 * known, skipped, seconds (from `started` to `kept`), matrix, shard, shards. */
sqlite3_stmt *hd_history_runs(hd_sql *sql);

/* Prints them as a table; gives their number. */
size_t hd_history_print_runs(FILE *to, hd_sql *sql);

/* Prints run `run`; verbose: every judgement, not only what failed or is known. */
void hd_history_print_run(FILE *to, int64_t run, const hd_run_entry *entry, bool verbose);

#endif
