/* Histories for people: the list of runs, and one run with all that it gave. */
#ifndef HD_HISTORY_TEXT_H
#define HD_HISTORY_TEXT_H

#include "history/run_entry.h"
#include "history/sql.h"

#include <stdio.h>

/* What a list tells of a run, each row a run in order of time: columns run, uid, started, kept, clock_back,
 * host, version, commit, experiments (a JSON array), verdict ("pass" or "fail"), status, passed,
 * failed, known, skipped, seconds (from start to keeping), matrix, shard, shards. */
sqlite3_stmt *hd_history_runs(hd_sql *sql);

/* Those as a table; gives how many there were. */
size_t hd_history_print_runs(FILE *to, hd_sql *sql);

/* Run `run` as it was kept, verbose: every judgement, not only what failed or is known. */
void hd_history_print_run(FILE *to, int64_t run, const hd_run_entry *entry, bool verbose);

#endif
