/* An entry: a run to be kept in a history. It is gathered while the run goes, and appended at its end. Every
 * hd_run_entry_... function takes NULL for a run that is not to be kept, and then does nothing.
 *
 * The texts of results and provenance are JSON in one form (compact, keys sorted, 17 digits), by whose
 * SHA-256 they are found again. */
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

/* A record, or what is kept of it. */
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
    size_t record; /* index: what it is on */
    hd_verdict verdict;
    char sha256[HD_SHA256];
} hd_kept_verdict;

typedef struct hd_run_entry {
    char uid[HD_RUN_UID];
    time_t started, kept; /* kept 0: when it is appended */
    char host[HD_MACHINE], version[HD_LABEL], commit[HD_LABEL];
    char *arguments;           /* owned, a JSON array */
    char matrix[HD_LABEL];     /* "": a run by itself */
    size_t shard, shards;      /* of the matrix */
    char *terms;               /* owned, JSON as matrix/shard_terms.h has it; NULL: by itself, or not known */
    hd_kept_record *records;   /* [record_count], owned */
    hd_kept_verdict *verdicts; /* [verdict_count], owned */
    char *(*skips)[2], **failures; /* [skip_count] what and why, [failure_count], owned */
    size_t record_count, verdict_count, skip_count, failure_count;
    size_t last;     /* index of the record added last */
    bool incomplete; /* something could not be added: it will not be appended */
    hd_status status;
    size_t passed, failed, known, skipped;
    /* Of a run that was kept before, else zero, and found by hd_history_append: */
    double moment;
    bool clock_back;
    char sha256[HD_SHA256];
} hd_run_entry;

/* What became of an entry. */
typedef struct hd_kept {
    int64_t run;
    bool clock_back; /* the clock had gone back since the host's run before was kept: this one has its place
                        right after that one, and its exit status was raised to HD_UNAVAILABLE */
} hd_kept;

/* An empty one, started now on this host. arguments: the command line. NULL: no memory, or no random numbers.
 * End with hd_run_entry_free. */
hd_run_entry *hd_run_entry_new(int count, char *const *arguments);
void hd_run_entry_free(hd_run_entry *entry);

/* HD_INVALID: HYPERDRIFT_MACHINE is set to what is not one line of UTF-8 text, or too long. */
hd_status hd_run_entry_check_machine(hd_error *error);

/* Says that the run is shard `shard` of `shards` of the matrix of that name. HD_INVALID: the name is not one
 * line of UTF-8 text, or too long. */
hd_status hd_run_entry_set_shard(hd_run_entry *entry, const char *matrix, size_t shard, size_t shards,
                                 hd_error *error);

/* Keeps the terms of a shard (matrix/shard_terms.h), copied. HD_UNAVAILABLE: no memory. */
hd_status hd_run_entry_set_terms(hd_run_entry *entry, const json_t *terms, hd_error *error);

/* Adds a record, copied, as its first repetition. Where its series and hyper-iteration are there already it
 * is one more repetition, whose time and memory alone are kept. Errors as hd_record_json's. */
hd_status hd_run_entry_add_record(hd_run_entry *entry, const hd_record *record, hd_error *error);

/* Adds a verdict, copied, on the record added last. HD_UNAVAILABLE: no memory. */
hd_status hd_run_entry_add_verdict(hd_run_entry *entry, const hd_verdict *verdict, hd_error *error);

/* What was skipped and why; a run that gave no record, or could not be judged. HD_UNAVAILABLE: no memory. */
hd_status hd_run_entry_add_skip(hd_run_entry *entry, const char *what, const char *why, hd_error *error);
hd_status hd_run_entry_add_failure(hd_run_entry *entry, const char *message, hd_error *error);

/* The exit status, and the totals. */
void hd_run_entry_conclude(hd_run_entry *entry, hd_status status, size_t passed, size_t failed, size_t known,
                           size_t skipped);

/* Appends the run in one transaction, or as a part of the one that is open. Once this has returned HD_OK, and
 * the transaction is done, it is on the disk. Errors as history.h's; HD_UNAVAILABLE for an entry that is
 * incomplete, HD_INVALID for a run that was kept before and has another checksum now. */
hd_status hd_history_append(hd_history *history, const hd_run_entry *entry, hd_kept *kept, hd_error *error);

/* Reads a run that is kept. *entry is the caller's to free; NULL after a failure. HD_INVALID: there is none
 * of that id. Of its judgements resolution and ulps are not known (NaN), and relative is of |expected| in
 * each. */
hd_status hd_history_load(const hd_history *history, int64_t run, hd_run_entry **entry, hd_error *error);

/* Says of each experiment of the run whose name was another's on the nights before, by hash or data, and
 * never its own: "NAME is a different experiment than on the nights before (hash 1234abcd, was 5678ef01)". One
 * that runs beside what was there before, under another seed, is no other. */
hd_status hd_history_renamed(const hd_history *history, int64_t run,
                             void (*say)(void *context, const char *line), void *context, hd_error *error);

#endif
