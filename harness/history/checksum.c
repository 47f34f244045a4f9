#include "history/checksum.h"

#include "base/sha256.h"
#include "history/history.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- values --- */

static void add_text(hd_sha256 *digest, const char *text) {
    hd_sha256_add(digest, "t", 1);
    hd_sha256_add(digest, text, strlen(text) + 1);
}

static void add_whole(hd_sha256 *digest, int64_t value) {
    char text[32];
    hd_sha256_add(digest, text, (size_t)snprintf(text, sizeof text, "i%lld;", (long long)value));
}

static void add_number(hd_sha256 *digest, double value) {
    uint64_t bits;
    unsigned char bytes[1 + sizeof bits] = {'r'};
    if (!isfinite(value)) {
        add_text(digest, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return;
    }
    memcpy(&bits, &value, sizeof bits);
    for (size_t i = 0; i < sizeof bits; i++) bytes[1 + i] = (unsigned char)(bits >> 8 * i);
    hd_sha256_add(digest, bytes, sizeof bytes);
}

/* Adds all columns of the remaining rows. */
static void add_rows(hd_sql *sql, sqlite3_stmt *query, hd_sha256 *digest) {
    while (hd_sql_next(sql, &query))
        for (int c = 0; c < sqlite3_column_count(query); c++) switch (sqlite3_column_type(query, c)) {
            case SQLITE_INTEGER:
                add_whole(digest, sqlite3_column_int64(query, c));
                break;
            case SQLITE_FLOAT:
                add_number(digest, sqlite3_column_double(query, c));
                break;
            case SQLITE_TEXT:
                add_text(digest, hd_sql_text(query, c));
            }
}

/* Hashes the rows of one query after another, each with ?1 = id. */
static void checksum_rows(hd_sql *sql, const char *const *queries, size_t count, int64_t id,
                          char hex[HD_SHA256]) {
    hd_sha256 digest = hd_sha256_begin();
    hex[0] = '\0';
    for (size_t i = 0; i < count; i++) add_rows(sql, hd_sql_query(sql, queries[i], "i", id), &digest);
    hd_status status = hd_sha256_end(&digest, hex, sql->status == HD_OK ? sql->error : NULL);
    if (sql->status == HD_OK) sql->status = status;
}

/* --- verdicts --- */

hd_status hd_checksum_verdict(const hd_verdict *verdict, char hex[HD_SHA256], hd_error *error) {
    hd_sha256 digest = hd_sha256_begin();
    const hd_judgement *worst = hd_verdict_worst(verdict);
    add_text(&digest, verdict->against);
    add_whole(&digest, hd_verdict_passes(verdict));
    add_whole(&digest, (int64_t)verdict->count);
    add_whole(&digest, (int64_t)verdict->failures);
    add_whole(&digest, (int64_t)verdict->known);
    if (worst) add_text(&digest, worst->name);
    add_number(&digest, worst ? worst->budget_used : NAN);
    for (size_t i = 0; i < verdict->count; i++) {
        const hd_judgement *j = &verdict->judgements[i];
        add_text(&digest, j->name);
        add_text(&digest, hd_measure_name(j->measure));
        add_number(&digest, j->expected + 0.0); /* -0 is stored as 0 */
        add_number(&digest, j->tolerance + 0.0);
        add_text(&digest, j->element);
        add_number(&digest, j->value);
        add_number(&digest, j->budget_used);
        add_text(&digest, hd_outcome_name(j->outcome));
        add_text(&digest, j->note);
    }
    return hd_sha256_end(&digest, hex, error);
}

void hd_checksum_kept_verdict(hd_sql *sql, int64_t id, char hex[HD_SHA256]) {
    static const char *const queries[] = {
        "SELECT against, passes, figures, failures, known, quantity.name, worst_budget FROM verdict"
        " LEFT JOIN quantity ON quantity.id = worst WHERE verdict.id = ?1",
        HD_JUDGEMENTS_OF_VERDICT};
    checksum_rows(sql, queries, sizeof queries / sizeof *queries, id, hex);
}

/* --- runs --- */

#define SERIES     " " HD_SERIES_COLUMNS ", step" /* what identifies a record in its run */
#define OF_RECORDS " FROM record JOIN series ON series.id = record.series"

void hd_checksum_run(hd_sql *sql, int64_t run, char hex[HD_SHA256]) {
    static const char *const queries[] = {
        "SELECT uid, moment, started, kept, clock_back, host, version, commit_id, arguments, status, passed, "
        "failed,"
        " known, skipped, matrix, shard, shards, terms FROM run WHERE id = ?1",
        "SELECT" SERIES ", result.sha256, provenance.sha256, state_bytes" OF_RECORDS
        " JOIN result ON result.id = result JOIN provenance ON provenance.id = provenance"
        " WHERE run = ?1 ORDER BY" SERIES,
        "SELECT" SERIES ", " HD_TIMING_COLUMNS OF_RECORDS
        " JOIN timing ON timing.record = record.id WHERE run = ?1 ORDER BY" SERIES ", repetition",
        "SELECT" SERIES ", verdict.sha256" OF_RECORDS
        " JOIN record_verdict ON record_verdict.record = record.id"
        " JOIN verdict ON verdict.id = verdict WHERE run = ?1 ORDER BY" SERIES ", verdict.sha256",
        "SELECT what, why FROM skip WHERE run = ?1 ORDER BY what, why",
        "SELECT message FROM failure WHERE run = ?1 ORDER BY message"};
    checksum_rows(sql, queries, sizeof queries / sizeof *queries, run, hex);
}

/* --- all of a file --- */

static void expect_checksum(hd_sql *sql, const char *what, sqlite3_stmt *row, const char *found) {
    if (sql->status != HD_OK || !strcmp(hd_sql_text(row, 1), found)) return;
    sql->status = hd_fail(sql->error, HD_INVALID, "%s: %s %lld is not what was kept: its checksum differs",
                          sql->history->path, what, (long long)sqlite3_column_int64(row, 0));
}

/* The checksum of a text is over the text itself. */
static void verify_texts(hd_sql *sql, const char *what, const char *rows) {
    sqlite3_stmt *row = hd_sql_prepare(sql, rows);
    while (hd_sql_next(sql, &row)) {
        char found[HD_SHA256];
        const char *text = hd_sql_text(row, 2);
        sql->status = hd_sha256_block(text, strlen(text), found, sql->error);
        expect_checksum(sql, what, row, found);
    }
}

static void verify_rows(hd_sql *sql, const char *what, const char *rows,
                        void (*set_checksum)(hd_sql *sql, int64_t id, char hex[HD_SHA256])) {
    sqlite3_stmt *row = hd_sql_prepare(sql, rows);
    while (hd_sql_next(sql, &row)) {
        char found[HD_SHA256];
        set_checksum(sql, sqlite3_column_int64(row, 0), found);
        expect_checksum(sql, what, row, found);
    }
}

hd_status hd_history_verify(const hd_history *history, hd_error *error) {
    hd_sql sql = {.history = history, .doing = "could not be verified", .error = error};
    sql.status = hd_history_inspect(history, error);
    verify_texts(&sql, "result", "SELECT id, sha256, json FROM result");
    verify_texts(&sql, "provenance", "SELECT id, sha256, json FROM provenance");
    verify_rows(&sql, "verdict", "SELECT id, sha256 FROM verdict", hd_checksum_kept_verdict);
    verify_rows(&sql, "run", "SELECT id, sha256 FROM run", hd_checksum_run);
    return sql.status;
}
