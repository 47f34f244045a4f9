/* SQL on a history. hd_sql keeps the first failure, and later calls then do nothing: a transaction is a plain
 * list of statements, with one check at the end. */
#ifndef HD_HISTORY_SQL_H
#define HD_HISTORY_SQL_H

#include "core/error.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HD_HISTORY_PATIENCE = 10 /* seconds to wait for another process's lock */ };

/* An open history. A process that forks must not have one. */
typedef struct hd_history {
    const char *path; /* the caller's, for messages */
    sqlite3 *database;
} hd_history;

/* Fails with SQLite's last complaint, "PATH: what was being done: cause", and the cause's status. */
hd_status hd_history_fail(const hd_history *history, hd_error *error, const char *doing);

/* Fails with HD_INVALID: the file is corrupt, why, and how to recover what can be read of it. */
hd_status hd_history_corrupt(const hd_history *history, hd_error *error, const char *doing,
                             const char *cause);

/* Columns that more than one query reads or writes, in this order. */
#define HD_RUN_COLUMNS                                                                                       \
    "uid, sha256, moment, started, kept, clock_back, host, version, commit_id, arguments, status, passed, "  \
    "failed, known, skipped, matrix, shard, shards, terms"
#define HD_SERIES_COLUMNS "experiment, experiment_sha256, data_sha256, mode, device, machine, threads"
#define HD_TIMING_COLUMNS                                                                                    \
    "repetition, seconds, data, training, differentiate, validation, operations, launches, sgemm_rate, "     \
    "peak_bytes, device_bytes, device_data_bytes"
#define HD_JUDGEMENTS_OF_VERDICT                                                                             \
    "SELECT name, measure, expected, tolerance, element, value, budget_used, outcome, note FROM judgement"   \
    " JOIN standard ON standard.id = standard JOIN quantity ON quantity.id = quantity"                       \
    " WHERE verdict = ?1 ORDER BY place"

typedef struct hd_sql {
    const hd_history *history;
    const char *doing; /* for messages: "the run could not be kept" */
    hd_status status;  /* of the first failure */
    hd_error *error;
} hd_sql;

/* Fails with HD_UNAVAILABLE: no memory. */
void hd_sql_no_memory(hd_sql *sql);

/* As hd_list_add. NULL after a failure; no memory is one. */
void *hd_sql_add(hd_sql *sql, void *array, size_t *count, size_t size);

/* Runs statements without values and without rows. */
void hd_sql_run(hd_sql *sql, const char *statements);

/* Begins a transaction that writes; waits up to HD_HISTORY_PATIENCE for others. */
void hd_sql_begin(hd_sql *sql);

/* Commits it, or rolls it back after a failure. Gives the status. */
hd_status hd_sql_end(hd_sql *sql);

/* Prepares a statement; the caller ends it with sqlite3_finalize. NULL after a failure. */
sqlite3_stmt *hd_sql_prepare(hd_sql *sql, const char *text);

/* Starts a query from the beginning with values for its ?1, ?2, ..., one letter in `types` for each:
 *   i int64_t   z size_t   n double (NaN and infinities as text)   t const char * (NULL: NULL)
 * Texts must live until the next bind or the query's end. */
void hd_sql_bind(hd_sql *sql, sqlite3_stmt *query, const char *types, ...);

/* Steps to the next row. False at the end or after a failure; an interrupt (base/process.h) is a failure. */
bool hd_sql_row(hd_sql *sql, sqlite3_stmt *query);

/* Prepares a query and binds its values. */
sqlite3_stmt *hd_sql_query(hd_sql *sql, const char *text, const char *types, ...);

/* Steps a query that runs once to its next row. At its end, or after a failure, *query is finalized and NULL. */
bool hd_sql_next(hd_sql *sql, sqlite3_stmt **query);

/* Binds the values and gives the first row's first column, a whole number; 0 if no row, or after a failure. */
int64_t hd_sql_first(hd_sql *sql, sqlite3_stmt *query, const char *types, ...);

/* Gives the id that `find` finds for the values, else the one that `insert ... RETURNING id` gives for them;
 * 0 after a failure. */
int64_t hd_sql_intern(hd_sql *sql, sqlite3_stmt *find, sqlite3_stmt *insert, const char *types, ...);

/* hd_sql_first of a statement that is run once. */
int64_t hd_sql_whole(hd_sql *sql, const char *text, const char *types, ...);

/* A column of the current row: a number (also 'nan', 'inf', '-inf'); a size; a text, "" for NULL, which lives
 * until the next row; a copy of that text. */
double hd_sql_number(sqlite3_stmt *query, int column);
size_t hd_sql_size(sqlite3_stmt *query, int column);
const char *hd_sql_text(sqlite3_stmt *query, int column);
void hd_sql_copy(sqlite3_stmt *query, int column, char *text, size_t size);

/* The current row as an object with the columns' names as keys; the caller calls json_decref. NULL: a text in
 * it is not UTF-8, or no memory. */
json_t *hd_sql_object(sqlite3_stmt *query);

/* The remaining rows as an array of objects; the caller calls json_decref. */
json_t *hd_sql_array(hd_sql *sql, sqlite3_stmt *query);

#endif
