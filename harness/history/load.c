/* Loads a stored run: the inverse of append.c. */
#include "history/run_entry.h"
#include "history/sql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct hd_loading {
    hd_sql sql;
    int64_t run;
    hd_run_entry *entry;
    int64_t *ids; /* [entry->record_count], ascending: ids of the records in the file */
} hd_loading;

static void fail(hd_loading *l, hd_status status) {
    if (l->sql.status == HD_OK) l->sql.status = status;
}

static void *allocated(hd_loading *l, size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) hd_sql_no_memory(&l->sql);
    return memory;
}

/* Starts a query of the run's rows. */
static sqlite3_stmt *rows_of_run(hd_loading *l, const char *text) {
    return hd_sql_query(&l->sql, text, "i", l->run);
}

static char *text_at(hd_loading *l, sqlite3_stmt *query, int column) {
    const char *text = hd_sql_text(query, column);
    size_t size = strlen(text) + 1;
    char *copy = allocated(l, size, 1);
    if (copy) memcpy(copy, text, size);
    return copy;
}

static time_t time_at(sqlite3_stmt *query, int column) {
    struct tm utc = {.tm_isdst = 0};
    return strptime(hd_sql_text(query, column), "%Y-%m-%dT%H:%M:%SZ", &utc) ? timegm(&utc) : 0;
}

/* --- the run and its records --- */

static void load_run(hd_loading *l) {
    hd_run_entry *e = l->entry;
    sqlite3_stmt *q = rows_of_run(l, "SELECT " HD_RUN_COLUMNS " FROM run WHERE id = ?1");
    if (hd_sql_row(&l->sql, q)) {
        hd_sql_copy(q, 0, e->uid, sizeof e->uid);
        hd_sql_copy(q, 1, e->sha256, sizeof e->sha256);
        e->moment = sqlite3_column_double(q, 2);
        e->started = time_at(q, 3);
        e->kept = time_at(q, 4);
        e->clock_back = sqlite3_column_int(q, 5);
        hd_sql_copy(q, 6, e->host, sizeof e->host);
        hd_sql_copy(q, 7, e->version, sizeof e->version);
        hd_sql_copy(q, 8, e->commit, sizeof e->commit);
        e->arguments = text_at(l, q, 9);
        e->status = (hd_status)sqlite3_column_int(q, 10);
        hd_run_entry_conclude(e, e->status, hd_sql_size(q, 11), hd_sql_size(q, 12), hd_sql_size(q, 13),
                              hd_sql_size(q, 14));
        hd_sql_copy(q, 15, e->matrix, sizeof e->matrix);
        e->shard = hd_sql_size(q, 16);
        e->shards = hd_sql_size(q, 17);
        if (sqlite3_column_type(q, 18) != SQLITE_NULL) e->terms = text_at(l, q, 18);
    } else if (l->sql.status == HD_OK) {
        fail(l, hd_fail(l->sql.error, HD_INVALID, "%s: has no run %lld", l->sql.history->path,
                        (long long)l->run));
    }
    sqlite3_finalize(q);
}

static void load_record(hd_loading *l, sqlite3_stmt *q, hd_kept_record *r) {
    hd_sql_copy(q, 1, r->experiment, sizeof r->experiment);
    hd_sql_copy(q, 2, r->experiment_sha256, sizeof r->experiment_sha256);
    hd_sql_copy(q, 3, r->data_sha256, sizeof r->data_sha256);
    r->mode = strcmp(hd_sql_text(q, 4), hd_mode_name(HD_REVERSE)) ? HD_FORWARD : HD_REVERSE;
    hd_sql_copy(q, 5, r->device, sizeof r->device);
    hd_sql_copy(q, 6, r->machine, sizeof r->machine);
    r->threads = hd_sql_size(q, 7);
    r->step = hd_sql_size(q, 8);
    r->state_bytes = hd_sql_size(q, 9);
    r->result = text_at(l, q, 10);
    r->provenance = text_at(l, q, 11);
    if (l->sql.status == HD_OK)
        fail(l, hd_sha256_block(r->result, strlen(r->result), r->result_sha256, l->sql.error));
    if (l->sql.status == HD_OK)
        fail(l, hd_sha256_block(r->provenance, strlen(r->provenance), r->provenance_sha256, l->sql.error));
}

static void load_records(hd_loading *l) {
    size_t count = 0; /* of the ids */
    sqlite3_stmt *q = rows_of_run(
        l,
        "SELECT record.id, " HD_SERIES_COLUMNS
        ", step, state_bytes, result.json, provenance.json FROM record JOIN series ON series.id = series JOIN result ON result.id = result"
        " JOIN provenance ON provenance.id = provenance WHERE run = ?1 ORDER BY record.id");
    while (hd_sql_next(&l->sql, &q)) {
        int64_t *id = hd_sql_add(&l->sql, &l->ids, &count, sizeof *id);
        hd_kept_record *record =
            hd_sql_add(&l->sql, &l->entry->records, &l->entry->record_count, sizeof *record);
        if (!record) continue;
        *id = sqlite3_column_int64(q, 0);
        load_record(l, q, record);
    }
}

/* Advances *at, an index of records, to the one whose id is the row's first column: rows come in that
 * order. */
static bool find_record(const hd_loading *l, sqlite3_stmt *query, size_t *at) {
    while (*at < l->entry->record_count && l->ids[*at] < sqlite3_column_int64(query, 0)) ++*at;
    return *at < l->entry->record_count && l->ids[*at] == sqlite3_column_int64(query, 0);
}

static void load_timing(hd_loading *l, sqlite3_stmt *q, hd_kept_record *r) {
    hd_repetition *added = hd_sql_add(&l->sql, &r->repetitions, &r->count, sizeof *added);
    if (!added) return;
    *added = (hd_repetition){
        .seconds = {.total = sqlite3_column_double(q, 2),
                    .data = sqlite3_column_double(q, 3),
                    .training = sqlite3_column_double(q, 4),
                    .differentiate = sqlite3_column_double(q, 5),
                    .validation = sqlite3_column_double(q, 6)},
        .operations = sqlite3_column_double(q, 7),
        .launches = hd_sql_size(q, 8),
        .sgemm_rate = sqlite3_column_double(q, 9),
        .peak_bytes = hd_sql_size(q, 10),
        .device_bytes = hd_sql_size(q, 11),
        .data_bytes = hd_sql_size(q, 12),
    };
}

static void load_timings(hd_loading *l) {
    sqlite3_stmt *q = rows_of_run(l, "SELECT record.id, " HD_TIMING_COLUMNS
                                     " FROM record JOIN timing ON timing.record = record.id"
                                     " WHERE run = ?1 ORDER BY record.id, repetition");
    size_t at = 0;
    while (hd_sql_next(&l->sql, &q))
        if (find_record(l, q, &at)) load_timing(l, q, &l->entry->records[at]);
}

/* --- verdicts --- */

static hd_outcome outcome_at(sqlite3_stmt *query, int column) {
    const char *text = hd_sql_text(query, column);
    return !strcmp(text, hd_outcome_name(HD_PASS))    ? HD_PASS
           : !strcmp(text, hd_outcome_name(HD_KNOWN)) ? HD_KNOWN
                                                      : HD_FAIL;
}

static void load_judgement(sqlite3_stmt *q, hd_judgement *j) {
    *j = (hd_judgement){.resolution = NAN, .ulps = NAN};
    hd_sql_copy(q, 0, j->name, sizeof j->name);
    j->measure = strcmp(hd_sql_text(q, 1), hd_measure_name(HD_RELATIVE)) ? HD_ABSOLUTE : HD_RELATIVE;
    j->expected = hd_sql_number(q, 2);
    j->tolerance = hd_sql_number(q, 3);
    hd_sql_copy(q, 4, j->element, sizeof j->element);
    j->value = hd_sql_number(q, 5);
    j->error = fabs(j->value - j->expected);
    j->relative = j->error == 0 ? 0 : j->error / fabs(j->expected);
    j->budget_used = hd_sql_number(q, 6);
    j->outcome = outcome_at(q, 7);
    hd_sql_copy(q, 8, j->note, sizeof j->note);
}

static void load_judgements(hd_loading *l, sqlite3_stmt *q, int64_t id, hd_verdict *verdict) {
    hd_sql_bind(&l->sql, q, "i", id);
    while (hd_sql_row(&l->sql, q)) {
        hd_judgement judgement;
        load_judgement(q, &judgement);
        hd_verdict_append(verdict, &judgement);
    }
    if (verdict->no_memory) hd_sql_no_memory(&l->sql);
}

/* Restores what the judgements do not tell: which was the worst (relative errors are not stored), and whether
 * it failed for lack of memory. */
static void restore(hd_verdict *verdict, sqlite3_stmt *q) {
    const char *worst = hd_sql_text(q, 4);
    verdict->known = hd_sql_size(q, 3);
    for (size_t i = verdict->count; i-- > 0;)
        if (!strcmp(verdict->judgements[i].name, worst) &&
            verdict->judgements[i].budget_used == verdict->judgements[verdict->worst].budget_used)
            verdict->worst = i;
    verdict->no_memory = hd_verdict_passes(verdict) && !sqlite3_column_int(q, 5);
}

static void load_verdicts(hd_loading *l) {
    sqlite3_stmt *q = rows_of_run(
        l, "SELECT record.id, verdict.id, against, known, quantity.name, passes FROM record"
           " JOIN record_verdict ON record_verdict.record = record.id JOIN verdict ON verdict.id = verdict"
           " LEFT JOIN quantity ON quantity.id = worst WHERE run = ?1 ORDER BY record.id, verdict.id");
    sqlite3_stmt *judgements = hd_sql_prepare(&l->sql, HD_JUDGEMENTS_OF_VERDICT);
    size_t at = 0;
    while (hd_sql_next(&l->sql, &q)) {
        if (!find_record(l, q, &at)) continue;
        const hd_kept_record *r = &l->entry->records[at];
        hd_verdict verdict = {.step = r->step, .mode = r->mode};
        snprintf(verdict.experiment, sizeof verdict.experiment, "%s", r->experiment);
        snprintf(verdict.device, sizeof verdict.device, "%s", r->device);
        hd_sql_copy(q, 2, verdict.against, sizeof verdict.against);
        load_judgements(l, judgements, sqlite3_column_int64(q, 1), &verdict);
        restore(&verdict, q);
        l->entry->last = at;
        if (l->sql.status == HD_OK) fail(l, hd_run_entry_add_verdict(l->entry, &verdict, l->sql.error));
        hd_verdict_free(&verdict);
    }
    sqlite3_finalize(judgements);
}

/* --- the rest --- */

static void load_remarks(hd_loading *l) {
    sqlite3_stmt *q = rows_of_run(l, "SELECT what, why FROM skip WHERE run = ?1 ORDER BY rowid");
    while (hd_sql_next(&l->sql, &q))
        fail(l, hd_run_entry_add_skip(l->entry, hd_sql_text(q, 0), hd_sql_text(q, 1), l->sql.error));
    q = rows_of_run(l, "SELECT message FROM failure WHERE run = ?1 ORDER BY rowid");
    while (hd_sql_next(&l->sql, &q))
        fail(l, hd_run_entry_add_failure(l->entry, hd_sql_text(q, 0), l->sql.error));
}

hd_status hd_history_load(const hd_history *history, int64_t run, hd_run_entry **entry, hd_error *error) {
    hd_loading l = {.sql = {.history = history, .doing = "a run could not be read", .error = error},
                    .run = run};
    l.entry = allocated(&l, 1, sizeof *l.entry);
    if (l.entry) load_run(&l);
    if (l.sql.status == HD_OK) load_records(&l);
    if (l.sql.status == HD_OK) load_timings(&l);
    if (l.sql.status == HD_OK) load_verdicts(&l);
    if (l.sql.status == HD_OK) load_remarks(&l);
    free(l.ids);
    if (l.sql.status != HD_OK) hd_run_entry_free(l.entry), l.entry = NULL;
    *entry = l.entry;
    return l.sql.status;
}
