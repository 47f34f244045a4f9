/* Merges a matrix that many machines ran, from their runs in a history: which shards are missing, the totals,
 * and whether results that must have the same bits everywhere have them.
 *
 * If a shard ran more than once, its last run counts. The runs that count must be of one matrix: started on
 * the same terms (matrix/shard_terms.h) and divided alike. Runs of no matrix can be merged too: then each
 * host's last run counts. */
#ifndef HD_MATRIX_SHARD_MERGE_H
#define HD_MATRIX_SHARD_MERGE_H

#include "golden/last_blessing.h"
#include "history/history.h"
#include "judge/verdict.h"

#include <stdio.h>

/* A run of the matrix. */
typedef struct hd_shard_run {
    int64_t id;           /* run.id */
    size_t shard, shards; /* 0: of no matrix */
    char host[HD_LABEL * 4], commit[HD_LABEL], started[HD_LABEL / 2];
    hd_status status;
    size_t passed, failed, known, skipped;
    bool counts;   /* no later run replaced it */
    json_t *terms; /* owned; NULL: not known */
} hd_shard_run;

typedef struct hd_shard_merge {
    const char *name;   /* the caller's; NULL: runs of no matrix */
    size_t shards;      /* how many there should be; 0: of no matrix */
    hd_shard_run *runs; /* [run_count], owned, in order of time */
    size_t run_count, missing;
    size_t records;          /* in the exact arithmetic */
    size_t compared;         /* of these, those that another machine, device or shard computed too */
    hd_verdict *differences; /* [difference_count], owned: records with other bits than the first one */
    size_t difference_count;
    json_t *conflicts;         /* owned, array of texts: why the runs are not one matrix */
    json_t *missing_cells;     /* owned, array of texts: the missing shards' cells, if any shard there has its
                                  terms */
    hd_last_blessings goldens; /* those that judged the shards */
    size_t passed, failed, known, skipped; /* missing shards, differences and conflicts count as failed */
    hd_status status; /* the worst of: the runs'; HD_DIFFERENT: a shard is missing, bits differ, or nothing
                         was compared; HD_INVALID: not one matrix */
} hd_shard_merge;

/* Reads the runs of the matrix `name`, which must outlive *merge. shards: how many there should be (runs of
 * another division are left aside); 0: as many as the last run says. The connection must have a temporary
 * table `arrived` (uid TEXT): with name NULL and shards 0 the runs of no matrix with these uids are read.
 * Errors as history.h; HD_INVALID also for a result that cannot be read, and for an impossible shard. End
 * with hd_shard_merge_free, also after a failure. */
hd_status hd_shard_merge_load(const hd_history *history, const char *name, size_t shards,
                              hd_shard_merge *merge, hd_error *error);
void hd_shard_merge_free(hd_shard_merge *merge);

/* Prints the merge; with `quiet` only what is wrong. */
void hd_shard_merge_print(FILE *to, const hd_shard_merge *merge, bool quiet);

/* Gives {"matrix": name or null, "shards", "missing": [..], "runs": [{"run", "shard", "host", "commit",
 * "started", "status", "passed", "failed", "known", "skipped", "counts"}], "records", "compared", "differences":
 * [verdicts], "conflicts": [texts], "missing_cells": [texts], "goldens": as hd_last_blessings_json}.
 * The caller calls json_decref; NULL: no memory. */
json_t *hd_shard_merge_json(const hd_shard_merge *merge);

#endif
