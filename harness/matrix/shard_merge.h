/* A matrix that many machines ran, as their runs lie in a history: which shards there are and which are
 * missing, what they came to together, and whether what should have the same bits everywhere has.
 *
 * Of the runs of one shard (it may have been started twice) the last one counts. Those that count must be of
 * one matrix: started on the same terms (matrix/shard_terms.h), and divided alike. Runs that belong to no
 * matrix can be looked at together likewise: then the last one of each host counts. */
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
    bool counts;   /* no later run took its place */
    json_t *terms; /* owned; NULL: not known */
} hd_shard_run;

typedef struct hd_shard_merge {
    const char *name;   /* the caller's; NULL: runs by themselves */
    size_t shards;      /* how many there should be; 0: of no matrix */
    hd_shard_run *runs; /* [run_count], owned, in order of time */
    size_t run_count, missing;
    size_t records;          /* in the exact arithmetic */
    size_t compared;         /* of them those that another machine or device, or another shard, made too */
    hd_verdict *differences; /* [difference_count], owned: records whose bits are not the first one's */
    size_t difference_count;
    json_t *conflicts;     /* owned, array of texts: why it is not one matrix */
    json_t *missing_cells; /* owned, array of texts: what the missing shards should have run, where a shard
                              that is there tells */
    hd_last_blessings goldens; /* by which the shards judged */
    size_t passed, failed, known,
        skipped;      /* all together; shards that are missing, differences and conflicts count as failed */
    hd_status status; /* the worst: of the runs, HD_DIFFERENT where a shard is missing, bits differ or
                         nothing was compared, HD_INVALID where it is not one matrix */
} hd_shard_merge;

/* Reads the runs of the matrix `name`, which must outlive *merge; shards: how many there should be, runs
 * of another division then being left aside; 0: as many as the last run says. The connection must have a
 * temporary table `arrived` (uid TEXT): with name NULL and shards 0 the runs of no matrix whose uid is in it
 * are read. Errors as history.h's; HD_INVALID for a result that cannot be read, and for a run with a place
 * in its matrix that none can have. End with hd_shard_merge_free,
 * also after a failure. */
hd_status hd_shard_merge_load(const hd_history *history, const char *name, size_t shards,
                              hd_shard_merge *merge, hd_error *error);
void hd_shard_merge_free(hd_shard_merge *merge);

/* What it came to, for people; with `quiet` what is wrong alone. */
void hd_shard_merge_print(FILE *to, const hd_shard_merge *merge, bool quiet);

/* {"matrix": name or null, "shards", "missing": [..], "runs": [{"run", "shard", "host", "commit", "started",
 * "status", "passed", "failed", "known", "skipped", "counts"}], "records", "compared", "differences":
 * [verdicts], "conflicts": [texts], "missing_cells": [texts], "goldens": as hd_last_blessings_json}. The caller's;
 * NULL: no memory. */
json_t *hd_shard_merge_json(const hd_shard_merge *merge);

#endif
