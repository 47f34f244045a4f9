/* SQL over a history. The first failure is kept and later calls do nothing, so that a transaction is a plain
 * list of its statements, with one check at the end. */
#ifndef HD_HISTORY_SQL_H
#define HD_HISTORY_SQL_H

#include "core/error.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HD_HISTORY_PATIENCE = 10 /* seconds that a lock of another process is waited for */ };

/* A history that is open. A process that forks must not have one. */
typedef struct hd_history {
    const char *path; /* the caller's, for messages */
    sqlite3 *database;
} hd_history;

/* Turns what SQLite last complained of into an error: "PATH: what was being done: cause". */
hd_status hd_history_fail(const hd_history *history, hd_error *error, const char *doing);

/* HD_INVALID: the file is corrupt, of that cause, and how what is left of it can be saved. */
hd_status hd_history_corrupt(const hd_history *history, hd_error *error, const char *doing,
                             const char *cause);

/* What more than one query reads or writes, in this order. */
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
    const char *doing; /* for messages: "a run could not be kept" */
    hd_status status;  /* of the first failure */
    hd_error *error;
} hd_sql;

/* Fails for want of memory: HD_UNAVAILABLE. */
void hd_sql_no_memory(hd_sql *sql);

/* hd_list_add's element, or NULL: after a failure, or there is no memory, which is one. */
void *hd_sql_add(hd_sql *sql, void *array, size_t *count, size_t size);

/* Runs statements that take no values and give no rows. */
void hd_sql_run(hd_sql *sql, const char *statements);

/* Begins a transaction that writes, waiting for others up to HD_HISTORY_PATIENCE. */
void hd_sql_begin(hd_sql *sql);

/* Commits it, or rolls it back where anything failed, and gives the status. */
hd_status hd_sql_end(hd_sql *sql);

/* Makes one statement ready. The caller ends it with sqlite3_finalize; NULL after a failure. */
sqlite3_stmt *hd_sql_prepare(hd_sql *sql, const char *text);

/* Starts a query from the beginning with values for its ?1, ?2, ..., one letter in `types` for each:
 *   i int64_t   z size_t   n double (a NaN or infinity as text)   t const char * (NULL: NULL)
 * Texts must live until the next bind or the query's end. */
void hd_sql_bind(hd_sql *sql, sqlite3_stmt *query, const char *types, ...);

/* The next row: false at the end, or after a failure; an interrupt (process.h) is one. */
bool hd_sql_row(hd_sql *sql, sqlite3_stmt *query);

/* hd_sql_prepare and hd_sql_bind. */
sqlite3_stmt *hd_sql_query(hd_sql *sql, const char *text, const char *types, ...);

/* hd_sql_row of a query that is run once: at its end, or after a failure, *query is finalized and NULL. */
bool hd_sql_next(hd_sql *sql, sqlite3_stmt **query);

/* Binds, runs, and gives the first column of the first row, a whole number; 0 if there is no row, or after a
 * failure. */
int64_t hd_sql_first(hd_sql *sql, sqlite3_stmt *query, const char *types, ...);

/* The id that `find` gives for the values, or else that `insert ... RETURNING id` gives for the same; 0 after
 * a failure. */
int64_t hd_sql_intern(hd_sql *sql, sqlite3_stmt *find, sqlite3_stmt *insert, const char *types, ...);

/* hd_sql_first of a statement that is run once. */
int64_t hd_sql_whole(hd_sql *sql, const char *text, const char *types, ...);

/* A column of the row at hand: a number that may be kept as 'nan', 'inf', '-inf'; a size; a text, "" for NULL,
 * which lives until the next row, and a copy of it. */
double hd_sql_number(sqlite3_stmt *query, int column);
size_t hd_sql_size(sqlite3_stmt *query, int column);
const char *hd_sql_text(sqlite3_stmt *query, int column);
void hd_sql_copy(sqlite3_stmt *query, int column, char *text, size_t size);

/* The row at hand as an object, its keys the columns' names; the caller's to json_decref, NULL: a text in it
 * is not UTF-8, or no memory. */
json_t *hd_sql_object(sqlite3_stmt *query);

/* All rows that are left, as an array of objects; the caller's. */
json_t *hd_sql_array(hd_sql *sql, sqlite3_stmt *query);

#endif
