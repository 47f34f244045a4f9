#include "history/export.h"
#include "history/sql.h"

#include <stdlib.h>
#include <string.h>

/* --- fields --- */

/* Quotes a text with a comma, a quote or a line end. */
static void put_text(FILE *to, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, to);
        return;
    }
    putc('"', to);
    for (; *text; text++) {
        if (*text == '"') putc('"', to);
        putc(*text, to);
    }
    putc('"', to);
}

static void put_column(FILE *to, sqlite3_stmt *row, int column) {
    if (sqlite3_column_type(row, column) == SQLITE_FLOAT)
        fprintf(to, "%.17g", sqlite3_column_double(row, column));
    else
        put_text(to, hd_sql_text(row, column));
}

static void put_json(FILE *to, const json_t *value) {
    if (json_is_real(value))
        fprintf(to, "%.17g", json_real_value(value));
    else if (json_is_integer(value))
        fprintf(to, "%lld", (long long)json_integer_value(value));
    else if (json_is_string(value))
        put_text(to, json_string_value(value));
}

/* --- results: their fields are written once for all records that have them --- */

typedef struct hd_results {
    char **tail; /* [count], owned: the fields of result `id`; NULL: no such result */
    size_t count;
    json_t *names; /* the hyperparameters' names as keys, in order of appearance */
} hd_results;

static const struct {
    const char *name, *key, *part;
} fields[] = {
    {"test_correct", "test_accuracy", "correct"},
    {"test_total", "test_accuracy", "total"},
    {"validation_correct", "validation_accuracy", "correct"},
    {"validation_total", "validation_accuracy", "total"},
    {"training_correct", "training_accuracy", "correct"},
    {"training_total", "training_accuracy", "total"},
    {"validation_error", "validation_error", NULL},
    {"weights_l2", "weights", "l2"},
    {"weights_sha256", "weights", "sha256"},
};

static const json_t *hyper_named(const json_t *hypers, const char *name) {
    size_t i;
    const json_t *hyper;
    json_array_foreach(hypers, i, hyper) {
        const char *is = json_string_value(json_object_get(hyper, "name"));
        if (is && !strcmp(is, name)) return hyper;
    }
    return NULL;
}

static void put_result(FILE *to, const json_t *result, json_t *names) {
    const char *name;
    json_t *none;
    const json_t *hypers = json_object_get(result, "hyperparameters");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const json_t *value = json_object_get(result, fields[i].key);
        putc(',', to);
        put_json(to, fields[i].part ? json_object_get(value, fields[i].part) : value);
    }
    json_object_foreach(names, name, none) {
        const json_t *hyper = hyper_named(hypers, name);
        putc(',', to);
        put_json(to, json_object_get(hyper, "value"));
        putc(',', to);
        put_json(to, json_object_get(hyper, "hypergradient"));
    }
}

static json_t *result_at(hd_sql *sql, sqlite3_stmt *row) {
    json_t *result = json_loads(hd_sql_text(row, 1), 0, NULL);
    if (!result && sql->status == HD_OK)
        sql->status =
            hd_fail(sql->error, HD_INVALID, "%s: result %lld is not JSON (or there was no memory for it)",
                    sql->history->path, (long long)sqlite3_column_int64(row, 0));
    return result;
}

static void name_hypers(hd_sql *sql, sqlite3_stmt *row, json_t *names) {
    size_t i;
    json_t *hyper;
    while (hd_sql_row(sql, row)) {
        json_t *result = result_at(sql, row);
        json_array_foreach(json_object_get(result, "hyperparameters"), i, hyper) {
            const char *name = json_string_value(json_object_get(hyper, "name"));
            if (name && !json_object_get(names, name)) json_object_set_new(names, name, json_null());
        }
        json_decref(result);
    }
}

/* A corrupt or foreign file may have any id. */
static bool has_place(const hd_results *results, int64_t id) {
    return id >= 0 && (uint64_t)id < results->count;
}

static void write_tail(hd_sql *sql, sqlite3_stmt *row, hd_results *results) {
    int64_t id = sqlite3_column_int64(row, 0);
    if (!has_place(results, id)) {
        sql->status = hd_fail(sql->error, HD_INVALID, "%s: result %lld has a number that no result can have",
                              sql->history->path, (long long)id);
        return;
    }
    json_t *result = result_at(sql, row);
    char **tail = &results->tail[id];
    size_t size;
    FILE *to = result ? open_memstream(tail, &size) : NULL;
    if (to) {
        put_result(to, result, results->names);
        fclose(to);
    } else if (sql->status == HD_OK) {
        sql->status =
            hd_fail(sql->error, HD_UNAVAILABLE, "%s: no memory for its results", sql->history->path);
    }
    json_decref(result);
}

static void load_results(hd_sql *sql, hd_results *results) {
    sqlite3_stmt *row = hd_sql_prepare(sql, "SELECT id, json FROM result ORDER BY id");
    results->names = json_object();
    results->count = (size_t)hd_sql_whole(sql, "SELECT max(id) FROM result", "") + 1;
    results->tail = calloc(results->count, sizeof *results->tail);
    if (!results->tail && sql->status == HD_OK)
        sql->status =
            hd_fail(sql->error, HD_UNAVAILABLE, "%s: no memory for its results", sql->history->path);
    name_hypers(sql, row, results->names);
    while (hd_sql_row(sql, row)) write_tail(sql, row, results);
    sqlite3_finalize(row);
}

static const char *tail_of(const hd_results *results, int64_t id) {
    return has_place(results, id) && results->tail[id] ? results->tail[id] : "";
}

static void free_results(hd_results *results) {
    for (size_t i = 0; results->tail && i < results->count; i++) free(results->tail[i]);
    free(results->tail);
    json_decref(results->names);
}

/* --- rows --- */

static void put_heading(FILE *to, sqlite3_stmt *row, int columns, json_t *names) {
    const char *name;
    json_t *none;
    for (int c = 0; c < columns; c++) fprintf(to, "%s%s", c ? "," : "", sqlite3_column_name(row, c));
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) fprintf(to, ",%s", fields[i].name);
    json_object_foreach(names, name, none) fprintf(to, ",hyperparameter %s,hypergradient %s", name, name);
    fputs("\r\n", to);
}

/* SQLite orders the texts 'inf' and 'nan' of worst_budget after all numbers. */
static const char rows[] =
    "WITH judged AS (SELECT record, sum(figures) AS figures, sum(failures) AS failures, sum(known) AS known,"
    "  quantity.name AS worst, max(worst_budget) AS worst_budget FROM record_verdict JOIN verdict ON "
    "verdict.id = verdict"
    "  LEFT JOIN quantity ON quantity.id = worst GROUP BY record)"
    " SELECT run.id AS run, uid, started, kept, moment, clock_back, host, version, commit_id AS \"commit\", "
    "matrix, shard,"
    "  shards, status, " HD_SERIES_COLUMNS ", step, state_bytes,"
    "  result.sha256 AS result_sha256, provenance.sha256 AS provenance_sha256, figures, failures, "
    "judged.known, worst,"
    "  worst_budget, " HD_TIMING_COLUMNS ", result.id"
    " FROM run JOIN record ON record.run = run.id JOIN series ON series.id = series JOIN result ON result.id "
    "= result"
    "  JOIN provenance ON provenance.id = provenance JOIN timing ON timing.record = record.id"
    "  LEFT JOIN judged ON judged.record = record.id"
    " ORDER BY moment, run.id, record.id, repetition";

hd_status hd_export_csv(const hd_history *history, FILE *to, hd_error *error) {
    hd_sql sql = {.history = history, .doing = "could not be exported", .error = error};
    hd_results results = {.count = 0};
    hd_sql_run(&sql, "BEGIN"); /* a snapshot of all of it */
    load_results(&sql, &results);
    sqlite3_stmt *row = hd_sql_prepare(&sql, rows);
    int columns = sqlite3_column_count(row) - 1; /* the last, result.id, is not printed */
    put_heading(to, row, columns, results.names);
    while (hd_sql_next(&sql, &row)) {
        for (int c = 0; c < columns; c++) {
            if (c) putc(',', to);
            put_column(to, row, c);
        }
        fprintf(to, "%s\r\n", tail_of(&results, sqlite3_column_int64(row, columns)));
    }
    free_results(&results);
    return hd_sql_end(&sql);
}
