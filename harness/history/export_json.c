#include "history/export.h"
#include "history/schema.h"
#include "history/sql.h"

typedef struct hd_exporting {
    hd_sql sql;
    int64_t run; /* 0: all */
    FILE *to;
} hd_exporting;

static void put(hd_exporting *x, const json_t *json, size_t flags) {
    if (json_dumpf(json, x->to, JSON_COMPACT | JSON_REAL_PRECISION(17) | flags) && !ferror(x->to) &&
        x->sql.status == HD_OK)
        x->sql.status = hd_fail(x->sql.error, HD_INVALID,
                                "%s: %s: a string in it is not UTF-8 (or there was no memory for it)",
                                x->sql.history->path, x->sql.doing);
}

/* Writes member i of an object; takes the value. */
static void put_member(hd_exporting *x, size_t i, const char *key, json_t *value) {
    json_t *member = json_object();
    json_object_set_new(member, key, value);
    fputs(i ? ",\n" : "\n", x->to);
    put(x, json_object_size(member) ? member : NULL, JSON_EMBED);
    json_decref(member);
}

/* --- runs --- */

/* Sets the key to an array of the query's rows for an id. */
static void set_rows(hd_exporting *x, json_t *object, const char *key, sqlite3_stmt *query, int64_t id) {
    hd_sql_bind(&x->sql, query, "i", id);
    json_object_set_new(object, key, hd_sql_array(&x->sql, query));
}

/* The same for a query of one column: an array of its values. */
static void set_values(hd_exporting *x, json_t *object, const char *key, sqlite3_stmt *query, int64_t id) {
    json_t *array = json_array();
    hd_sql_bind(&x->sql, query, "i", id);
    while (hd_sql_row(&x->sql, query)) json_array_append_new(array, json_string(hd_sql_text(query, 0)));
    json_object_set_new(object, key, array);
}

static int64_t taken(json_t *object, const char *key) {
    int64_t id = json_integer_value(json_object_get(object, key));
    json_object_del(object, key);
    return id;
}

enum { RECORDS, TIMINGS, VERDICTS, SKIPS, FAILURES, QUERIES };
static const char *const texts[QUERIES] = {
    [RECORDS] = "SELECT record.id, " HD_SERIES_COLUMNS
                ", step, result.sha256 AS result, provenance.sha256 AS provenance, state_bytes FROM record"
                " JOIN series ON series.id = series JOIN result ON result.id = result"
                " JOIN provenance ON provenance.id = provenance WHERE run = ?1 ORDER BY record.id",
    [TIMINGS] = "SELECT " HD_TIMING_COLUMNS " FROM timing WHERE record = ?1 ORDER BY repetition",
    [VERDICTS] = ("SELECT sha256 FROM record_verdict JOIN verdict ON verdict.id = verdict WHERE record = ?1"
                  " ORDER BY verdict.id"),
    [SKIPS] = "SELECT what, why FROM skip WHERE run = ?1 ORDER BY rowid",
    [FAILURES] = "SELECT message FROM failure WHERE run = ?1 ORDER BY rowid",
};

/* Replaces a text that is JSON by its value. */
static void set_parsed(json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    if (text) json_object_set_new(object, key, json_loads(text, 0, NULL));
}

static json_t *run_json(hd_exporting *x, sqlite3_stmt *run, sqlite3_stmt *const *query) {
    json_t *object = hd_sql_object(run), *record;
    int64_t id = json_integer_value(json_object_get(object, "run"));
    size_t i;
    set_parsed(object, "arguments");
    set_parsed(object, "terms");
    set_rows(x, object, "records", query[RECORDS], id);
    json_array_foreach(json_object_get(object, "records"), i, record) {
        int64_t of = taken(record, "id");
        set_rows(x, record, "timings", query[TIMINGS], of);
        set_values(x, record, "verdicts", query[VERDICTS], of);
    }
    set_rows(x, object, "skips", query[SKIPS], id);
    set_rows(x, object, "failures", query[FAILURES], id);
    return object;
}

static void put_runs(hd_exporting *x) {
    sqlite3_stmt *query[QUERIES],
        *run = hd_sql_query(&x->sql,
                            "SELECT id AS run, uid, sha256, started, kept, moment, clock_back, "
                            "host, version, commit_id AS \"commit\","
                            " arguments, status, passed, failed, known, "
                            "skipped, matrix, shard, shards, terms FROM run"
                            " WHERE ?1 IN (0, id) ORDER BY moment, id",
                            "i", x->run);
    for (size_t i = 0; i < QUERIES; i++) query[i] = hd_sql_prepare(&x->sql, texts[i]);
    fputs("\"runs\":[", x->to);
    for (size_t i = 0; hd_sql_next(&x->sql, &run); i++) {
        json_t *object = run_json(x, run, query);
        fputs(i ? ",\n" : "\n", x->to);
        put(x, object, 0);
        json_decref(object);
    }
    fputs("]", x->to);
    for (size_t i = 0; i < QUERIES; i++) sqlite3_finalize(query[i]);
}

/* --- what they share --- */

/* Writes {SHA-256: text, ...}; the texts are JSON, unless the file is corrupt. */
static void put_texts(hd_exporting *x, const char *key, const char *rows) {
    sqlite3_stmt *row = hd_sql_query(&x->sql, rows, "i", x->run);
    fprintf(x->to, ",\n\"%s\":{", key);
    for (size_t i = 0; hd_sql_next(&x->sql, &row); i++) {
        json_t *text = json_loads(hd_sql_text(row, 1), 0, NULL);
        if (text)
            put_member(x, i, hd_sql_text(row, 0), text);
        else
            x->sql.status = hd_fail(x->sql.error, HD_INVALID,
                                    "%s: %s: %s %.64s is not JSON (or there was no memory for it)",
                                    x->sql.history->path, x->sql.doing, key, hd_sql_text(row, 0));
    }
    fputs("}", x->to);
}

static void put_verdicts(hd_exporting *x) {
    sqlite3_stmt *verdict = hd_sql_query(
        &x->sql,
        "SELECT verdict.id, sha256, against, passes, figures, failures, known, quantity.name AS worst,"
        " worst_budget FROM verdict LEFT JOIN quantity ON quantity.id = worst WHERE ?1 = 0 OR verdict.id IN"
        " (SELECT verdict FROM record_verdict JOIN record ON record.id = record WHERE run = ?1)"
        " ORDER BY verdict.id",
        "i", x->run);
    sqlite3_stmt *quantities = hd_sql_prepare(&x->sql, HD_JUDGEMENTS_OF_VERDICT);
    fputs(",\n\"verdicts\":{", x->to);
    for (size_t i = 0; hd_sql_next(&x->sql, &verdict); i++) {
        json_t *object = hd_sql_object(verdict);
        set_rows(x, object, "quantities", quantities, taken(object, "id"));
        json_object_del(object, "sha256");
        put_member(x, i, hd_sql_text(verdict, 1), object);
    }
    fputs("}", x->to);
    sqlite3_finalize(quantities);
}

static void expect_run(hd_exporting *x) {
    if (hd_sql_whole(&x->sql, "SELECT id FROM run WHERE id = ?1", "i", x->run) != x->run &&
        x->sql.status == HD_OK)
        x->sql.status =
            hd_fail(x->sql.error, HD_INVALID, "%s: has no run %lld", x->sql.history->path, (long long)x->run);
}

hd_status hd_export_json(const hd_history *history, int64_t run, FILE *to, hd_error *error) {
    hd_exporting x = {{.history = history, .doing = "could not be exported", .error = error}, run, to};
    hd_sql_run(&x.sql, "BEGIN"); /* a snapshot of all of it */
    if (run) expect_run(&x);
    if (x.sql.status != HD_OK) return hd_sql_end(&x.sql);
    fprintf(to, "{\"format\":\"hyperdrift-history/1\",\"schema\":%d,\n", HD_HISTORY_NEWEST);
    put_runs(&x);
    put_texts(
        &x, "results",
        "SELECT sha256, json FROM result WHERE ?1 = 0 OR id IN (SELECT result FROM record WHERE run = ?1)"
        " ORDER BY id");
    put_texts(&x, "provenance",
              "SELECT sha256, json FROM provenance WHERE ?1 = 0 OR id IN (SELECT provenance FROM record"
              " WHERE run = ?1) ORDER BY id");
    put_verdicts(&x);
    fputs("}\n", to);
    return hd_sql_end(&x.sql);
}
