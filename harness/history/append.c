/* Appends a run to a history: each row is inserted, or found if a night before has it already. */
#include "history/checksum.h"
#include "history/run_entry.h"
#include "history/sql.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    FIND_SERIES,
    INSERT_SERIES,
    FIND_RESULT,
    INSERT_RESULT,
    FIND_PROVENANCE,
    INSERT_PROVENANCE,
    FIND_QUANTITY,
    INSERT_QUANTITY,
    FIND_STANDARD,
    INSERT_STANDARD,
    FIND_VERDICT,
    INSERT_VERDICT,
    INSERT_JUDGEMENT,
    INSERT_RECORD,
    INSERT_TIMING,
    INSERT_RECORD_VERDICT,
    INSERT_SKIP,
    INSERT_FAILURE,
    QUERIES
};

/* A FIND and its INSERT take the same values in the same places. */
static const char *const texts[QUERIES] = {
    [FIND_SERIES] =
        "SELECT id FROM series WHERE experiment = ?1 AND experiment_sha256 = ?2 AND data_sha256 = ?3"
        " AND mode = ?4 AND device = ?5 AND machine = ?6 AND threads = ?7",
    [INSERT_SERIES] =
        "INSERT INTO series (" HD_SERIES_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
    [FIND_RESULT] = "SELECT id FROM result WHERE sha256 = ?1 AND ?2 IS NOT NULL",
    [INSERT_RESULT] = "INSERT INTO result (sha256, json) VALUES (?1, ?2) RETURNING id",
    [FIND_PROVENANCE] = "SELECT id FROM provenance WHERE sha256 = ?1 AND ?2 IS NOT NULL",
    [INSERT_PROVENANCE] = "INSERT INTO provenance (sha256, json) VALUES (?1, ?2) RETURNING id",
    [FIND_QUANTITY] = "SELECT id FROM quantity WHERE name = ?1",
    [INSERT_QUANTITY] = "INSERT INTO quantity (name) VALUES (?1) RETURNING id",
    [FIND_STANDARD] =
        "SELECT id FROM standard WHERE quantity = ?1 AND measure = ?2 AND expected = ?3 AND tolerance = ?4",
    [INSERT_STANDARD] =
        "INSERT INTO standard (quantity, measure, expected, tolerance) VALUES (?1, ?2, ?3, ?4) RETURNING id",
    [FIND_VERDICT] = "SELECT id FROM verdict WHERE sha256 = ?1",
    [INSERT_VERDICT] =
        "INSERT INTO verdict (sha256, against, passes, figures, failures, known, worst, worst_budget)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, 0), ?8) RETURNING id",
    [INSERT_JUDGEMENT] =
        "INSERT INTO judgement (verdict, place, standard, element, value, budget_used, outcome, note)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [INSERT_RECORD] = "INSERT INTO record (run, series, step, result, provenance, state_bytes)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
    [INSERT_TIMING] = "INSERT INTO timing (record, " HD_TIMING_COLUMNS ")"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [INSERT_RECORD_VERDICT] = "INSERT OR IGNORE INTO record_verdict (record, verdict) VALUES (?1, ?2)",
    [INSERT_SKIP] = "INSERT INTO skip (run, what, why) VALUES (?1, ?2, ?3)",
    [INSERT_FAILURE] = "INSERT INTO failure (run, message) VALUES (?1, ?2)",
};

typedef struct hd_appending {
    hd_sql sql;
    sqlite3_stmt *query[QUERIES];
} hd_appending;

/* --- the run --- */

static void write_time(time_t time, char text[32]) {
    struct tm utc;
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&time, &utc));
}

/* The run's moment, and whether the clock has gone back since the host's run before. */
static double place_in_time(hd_sql *sql, const hd_run_entry *entry, const char *now, bool *clock_back) {
    double moment = (double)entry->started;
    sqlite3_stmt *before =
        hd_sql_query(sql,
                     "SELECT moment, kept FROM run WHERE host = ?1 ORDER BY moment DESC, id DESC LIMIT 1",
                     "t", entry->host);
    *clock_back = false;
    if (hd_sql_row(sql, before)) {
        moment = fmax(moment, sqlite3_column_double(before, 0) + 1e-3);
        *clock_back = strcmp(now, hd_sql_text(before, 1)) < 0;
    }
    sqlite3_finalize(before);
    return moment;
}

static void insert_run(hd_sql *sql, const hd_run_entry *entry, hd_kept *kept) {
    char started[32], now[32];
    double moment = entry->moment;
    write_time(entry->started, started);
    write_time(entry->kept ? entry->kept : time(NULL), now);
    kept->clock_back = entry->clock_back;
    if (!entry->sha256[0]) moment = place_in_time(sql, entry, now, &kept->clock_back);
    hd_status status = kept->clock_back ? HD_UNAVAILABLE : entry->status; /* the worst status */
    kept->run = hd_sql_whole(
        sql,
        "INSERT INTO run (" HD_RUN_COLUMNS
        ") VALUES (?1, '', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, nullif(?16, 0),"
        " nullif(?17, 0), ?18) RETURNING id",
        "tnttzttttzzzzztzzt", entry->uid, moment, started, now, (size_t)kept->clock_back, entry->host,
        entry->version, entry->commit, entry->arguments, (size_t)status, entry->passed, entry->failed,
        entry->known, entry->skipped, entry->matrix[0] ? entry->matrix : NULL, entry->shard, entry->shards,
        entry->terms);
}

/* Stores the run's checksum. A run that was loaded from a history must have the one it had there. */
static void set_checksum(hd_sql *sql, int64_t run, const hd_run_entry *entry) {
    char sha256[HD_SHA256];
    hd_checksum_run(sql, run, sha256);
    if (sql->status == HD_OK && entry->sha256[0] && strcmp(sha256, entry->sha256) != 0)
        sql->status =
            hd_fail(sql->error, HD_INVALID, "run %s is not what was kept: its checksum differs", entry->uid);
    hd_sql_whole(sql, "UPDATE run SET sha256 = ?1 WHERE id = ?2", "ti", sha256, run);
}

/* --- verdicts --- */

static int64_t intern_quantity(hd_appending *a, const char *name) {
    return hd_sql_intern(&a->sql, a->query[FIND_QUANTITY], a->query[INSERT_QUANTITY], "t", name);
}

static void insert_judgement(hd_appending *a, int64_t verdict, size_t place, const hd_judgement *j) {
    int64_t quantity = intern_quantity(a, j->name);
    int64_t standard = hd_sql_intern(&a->sql, a->query[FIND_STANDARD], a->query[INSERT_STANDARD], "itnn",
                                     quantity, hd_measure_name(j->measure), j->expected + 0.0,
                                     j->tolerance + 0.0); /* -0 is stored as 0 */
    hd_sql_first(&a->sql, a->query[INSERT_JUDGEMENT], "izitnntt", verdict, place, standard, j->element,
                 j->value, j->budget_used, hd_outcome_name(j->outcome), j->note);
}

static int64_t intern_verdict(hd_appending *a, const hd_kept_verdict *kept) {
    const hd_verdict *verdict = &kept->verdict;
    const hd_judgement *worst = hd_verdict_worst(verdict);
    int64_t id = hd_sql_first(&a->sql, a->query[FIND_VERDICT], "t", kept->sha256);
    if (id) return id;
    int64_t quantity = worst ? intern_quantity(a, worst->name) : 0;
    id = hd_sql_first(&a->sql, a->query[INSERT_VERDICT], "ttzzzzin", kept->sha256, verdict->against,
                      (size_t)hd_verdict_passes(verdict), verdict->count, verdict->failures, verdict->known,
                      quantity, worst ? worst->budget_used : NAN);
    for (size_t i = 0; i < verdict->count; i++) insert_judgement(a, id, i, &verdict->judgements[i]);
    return id;
}

/* --- records --- */

static void insert_timing(hd_appending *a, int64_t record, size_t repetition, const hd_repetition *r) {
    hd_sql_first(&a->sql, a->query[INSERT_TIMING], "iznnnnnnznzzz", record, repetition, r->seconds.total,
                 r->seconds.data, r->seconds.training, r->seconds.differentiate, r->seconds.validation,
                 r->operations, r->launches, r->sgemm_rate, r->peak_bytes, r->device_bytes, r->data_bytes);
}

static void insert_record(hd_appending *a, int64_t run, const hd_run_entry *entry, size_t index) {
    const hd_kept_record *r = &entry->records[index];
    int64_t series = hd_sql_intern(&a->sql, a->query[FIND_SERIES], a->query[INSERT_SERIES], "ttttttz",
                                   r->experiment, r->experiment_sha256, r->data_sha256, hd_mode_name(r->mode),
                                   r->device, r->machine, r->threads);
    int64_t result = hd_sql_intern(&a->sql, a->query[FIND_RESULT], a->query[INSERT_RESULT], "tt",
                                   r->result_sha256, r->result);
    int64_t provenance = hd_sql_intern(&a->sql, a->query[FIND_PROVENANCE], a->query[INSERT_PROVENANCE], "tt",
                                       r->provenance_sha256, r->provenance);
    int64_t record = hd_sql_first(&a->sql, a->query[INSERT_RECORD], "iiziiz", run, series, r->step, result,
                                  provenance, r->state_bytes);
    for (size_t i = 0; i < r->count; i++) insert_timing(a, record, i + 1, &r->repetitions[i]);
    for (size_t i = 0; i < entry->verdict_count; i++)
        if (entry->verdicts[i].record == index)
            hd_sql_first(&a->sql, a->query[INSERT_RECORD_VERDICT], "ii", record,
                         intern_verdict(a, &entry->verdicts[i]));
}

static void insert_all(hd_appending *a, const hd_run_entry *entry, hd_kept *kept) {
    for (size_t i = 0; i < QUERIES; i++) a->query[i] = hd_sql_prepare(&a->sql, texts[i]);
    insert_run(&a->sql, entry, kept);
    for (size_t i = 0; i < entry->record_count; i++) insert_record(a, kept->run, entry, i);
    for (size_t i = 0; i < entry->skip_count; i++)
        hd_sql_first(&a->sql, a->query[INSERT_SKIP], "itt", kept->run, entry->skips[i][0],
                     entry->skips[i][1]);
    for (size_t i = 0; i < entry->failure_count; i++)
        hd_sql_first(&a->sql, a->query[INSERT_FAILURE], "it", kept->run, entry->failures[i]);
    set_checksum(&a->sql, kept->run, entry);
    for (size_t i = 0; i < QUERIES; i++) sqlite3_finalize(a->query[i]);
}

hd_status hd_history_append(hd_history *history, const hd_run_entry *entry, hd_kept *kept, hd_error *error) {
    hd_appending a = {.sql = {.history = history, .doing = "the run could not be kept", .error = error}};
    bool alone = sqlite3_get_autocommit(history->database);
    *kept = (hd_kept){0};
    if (entry->incomplete)
        return hd_fail(error, HD_UNAVAILABLE, "%s: the run was not kept: there was not enough memory for it",
                       history->path);
    if (alone) hd_sql_begin(&a.sql);
    insert_all(&a, entry, kept);
    if (alone) hd_sql_end(&a.sql);
    if (a.sql.status != HD_OK) *kept = (hd_kept){0};
    return a.sql.status;
}

/* --- another experiment under the same name --- */

static void say_renamed(sqlite3_stmt *query, void (*say)(void *context, const char *line), void *context) {
    char line[256];
    bool data = !strcmp(hd_sql_text(query, 1), hd_sql_text(query, 3)); /* the experiment is the same */
    snprintf(line, sizeof line, "%s %s than on the nights before (hash %.8s, was %.8s)",
             hd_sql_text(query, 0), data ? "has different data" : "is a different experiment",
             hd_sql_text(query, data ? 2 : 1), hd_sql_text(query, data ? 4 : 3));
    say(context, line);
}

hd_status hd_history_renamed(const hd_history *history, int64_t run,
                             void (*say)(void *context, const char *line), void *context, hd_error *error) {
    hd_sql sql = {.history = history,
                  .doing = "could not be searched for experiments of the same name",
                  .error = error};
    /* the experiments whose names earlier runs used, but only for others; each with the last of these */
    sqlite3_stmt *query = hd_sql_query(
        &sql,
        "WITH now AS (SELECT moment, id FROM run WHERE id = ?1),"
        " mine AS (SELECT DISTINCT experiment AS name, experiment_sha256 AS e, data_sha256 AS d"
        "  FROM record JOIN series ON series.id = series WHERE run = ?1),"
        " before AS (SELECT DISTINCT name, e, d, series.id, experiment_sha256, data_sha256,"
        "   (SELECT max(run.moment) FROM record JOIN run ON run.id = run, now WHERE series = series.id"
        "    AND (run.moment, run.id) < (now.moment, now.id)) AS last"
        "  FROM mine JOIN series ON experiment = name),"
        " known AS (SELECT * FROM before WHERE last IS NOT NULL)"
        " SELECT name, e, d, experiment_sha256, data_sha256, max(last) FROM known WHERE name NOT IN"
        "  (SELECT name FROM known WHERE e = experiment_sha256 AND d = data_sha256)"
        " GROUP BY name, e, d ORDER BY name",
        "i", run);
    while (hd_sql_next(&sql, &query)) say_renamed(query, say, context);
    return sql.status;
}
