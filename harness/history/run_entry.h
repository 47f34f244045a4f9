/* A run to be stored in a history. It is gathered while the run goes, and appended at its end. Every
 * hd_run_entry_... function also takes NULL (nothing is to be stored), and then does nothing.
 *
 * The texts of results and provenance are JSON in one form (compact, keys sorted, 17 digits), found again by
 * their SHA-256. */
#ifndef HD_HISTORY_RUN_ENTRY_H
#define HD_HISTORY_RUN_ENTRY_H

#include "history/history.h"
#include "judge/verdict.h"
#include "run/record.h"

#include <time.h>

enum { HD_RUN_UID = 33, HD_MACHINE = 256 };

/* What one repetition of a record cost. */
typedef struct hd_repetition {
    hd_timing seconds;
    double operations, sgemm_rate;
    size_t launches, peak_bytes, device_bytes, data_bytes;
} hd_repetition;

/* A record, as far as it is stored. */
typedef struct hd_kept_record {
    char experiment[HD_LABEL], experiment_sha256[HD_SHA256], data_sha256[HD_SHA256];
    hd_mode mode;
    char device[2 * HD_LABEL]; /* as hd_verdict_head writes it */
    char machine[HD_MACHINE];  /* HYPERDRIFT_MACHINE, else the GPU's name, else the processor's */
    size_t threads, step, state_bytes;
    char *result, *provenance; /* owned */
    char result_sha256[HD_SHA256], provenance_sha256[HD_SHA256];
    hd_repetition *repetitions; /* [count], owned */
    size_t count;
} hd_kept_record;

typedef struct hd_kept_verdict {
    size_t record; /* index of the record that it judges */
    hd_verdict verdict;
    char sha256[HD_SHA256];
} hd_kept_verdict;

typedef struct hd_run_entry {
    char uid[HD_RUN_UID];
    time_t started, kept; /* kept: when it was appended; 0: not yet */
    char host[HD_MACHINE], version[HD_LABEL], commit[HD_LABEL];
    char *arguments;               /* owned, a JSON array */
    char matrix[HD_LABEL];         /* "": the run is by itself */
    size_t shard, shards;          /* shard I of N; 0: by itself */
    char *terms;                   /* owned, JSON as in matrix/shard_terms.h; NULL: by itself, or not known */
    hd_kept_record *records;       /* [record_count], owned */
    hd_kept_verdict *verdicts;     /* [verdict_count], owned */
    char *(*skips)[2], **failures; /* [skip_count] what and why, [failure_count], owned */
    size_t record_count, verdict_count, skip_count, failure_count;
    size_t last;     /* the record added last */
    bool incomplete; /* something could not be added: the run cannot be appended */
    hd_status status;
    size_t passed, failed, known, skipped;
    /* Of a run loaded from a history, else zero (hd_history_append finds them): */
    double moment;
    bool clock_back;
    char sha256[HD_SHA256];
} hd_run_entry;

/* How hd_history_append stored a run. */
typedef struct hd_kept {
    int64_t run;
    bool clock_back; /* the clock had gone back since the host's last run was stored: this run is placed right
                        after that one, and its exit status raised to HD_UNAVAILABLE */
} hd_kept;

/* Makes an empty one, started now on this host. arguments: the command line. NULL: no memory, or no random
 * numbers. End with hd_run_entry_free. */
hd_run_entry *hd_run_entry_new(int count, char *const *arguments);
void hd_run_entry_free(hd_run_entry *entry);

/* Checks HYPERDRIFT_MACHINE. HD_INVALID: it is not one line of UTF-8 text, or too long. */
hd_status hd_run_entry_check_machine(hd_error *error);

/* Marks the run as shard `shard` of `shards` of the matrix of that name. HD_INVALID: the name is not one line
 * of UTF-8 text, or too long. */
hd_status hd_run_entry_set_shard(hd_run_entry *entry, const char *matrix, size_t shard, size_t shards,
                                 hd_error *error);

/* Copies the terms of a shard (matrix/shard_terms.h). HD_UNAVAILABLE: no memory. */
hd_status hd_run_entry_set_terms(hd_run_entry *entry, const json_t *terms, hd_error *error);

/* Adds a copy of a record. If its series and hyper-iteration are there already, it is one more repetition,
 * and only its time and memory are stored. Errors as hd_record_json. */
hd_status hd_run_entry_add_record(hd_run_entry *entry, const hd_record *record, hd_error *error);

/* Adds a copy of a verdict on the record added last. HD_UNAVAILABLE: no memory. */
hd_status hd_run_entry_add_verdict(hd_run_entry *entry, const hd_verdict *verdict, hd_error *error);

/* Adds what was skipped and why; a run that gave no record or could not be judged. HD_UNAVAILABLE: no
 * memory. */
hd_status hd_run_entry_add_skip(hd_run_entry *entry, const char *what, const char *why, hd_error *error);
hd_status hd_run_entry_add_failure(hd_run_entry *entry, const char *message, hd_error *error);

/* Sets the exit status and the totals. */
void hd_run_entry_conclude(hd_run_entry *entry, hd_status status, size_t passed, size_t failed, size_t known,
                           size_t skipped);

/* Appends the run in one transaction, or as a part of the open one. After HD_OK and the end of the
 * transaction it is on the disk. Errors as history.h; also HD_UNAVAILABLE: the entry is incomplete;
 * HD_INVALID: a run loaded from a history has another checksum now. */
hd_status hd_history_append(hd_history *history, const hd_run_entry *entry, hd_kept *kept, hd_error *error);

/* Loads run `run`; the caller frees *entry with hd_run_entry_free (NULL after a failure). HD_INVALID: no such
 * run. In its judgements resolution and ulps are NaN, and relative is of |expected|. */
hd_status hd_history_load(const hd_history *history, int64_t run, hd_run_entry **entry, hd_error *error);

/* Calls `say` for each experiment of the run whose name other experiments (by hash or data) had on the nights
 * before, and this one never: "NAME is a different experiment than on the nights before (hash 1234abcd, was
 * 5678ef01)". An experiment that ran before under this name too, beside another seed, is not reported. */
hd_status hd_history_renamed(const hd_history *history, int64_t run,
                             void (*say)(void *context, const char *line), void *context, hd_error *error);

#endif
