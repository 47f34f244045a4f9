#include "history/night_details.h"

#include "history/sql.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A provenance in the history. */
typedef struct hd_record_origin {
    int64_t id;
    json_t *json; /* owned */
    size_t origin;
} hd_record_origin;

typedef struct hd_reading {
    hd_sql sql;
    const hd_trend *trend;
    hd_night_details *details;
    hd_record_origin *made; /* [made_count], by id; owned */
    size_t made_count;
    const hd_record_origin *
        *last;    /* [series_count][night_count + 1], owned: the provenance of each series' newest
                             record so far, by the host's first run, and last for any host */
    size_t night; /* that of the current row; rows are in order of time */
} hd_reading;

static char *copy(hd_reading *reading, const char *text) {
    char *copied = strdup(text);
    if (!copied) hd_sql_no_memory(&reading->sql);
    return copied;
}

/* The details of the row's run (first column; rows are in the order of nights). NULL: it was stored after the
 * trend was read. */
static hd_night_detail *detail_of(hd_reading *reading, sqlite3_stmt *row) {
    int64_t run = sqlite3_column_int64(row, 0);
    for (size_t n = reading->night; n < reading->trend->night_count; n++)
        if (reading->trend->nights[n].id == run) return &reading->details->nights[reading->night = n];
    return NULL;
}

/* --- what made the records --- */

static json_t *facts_of(const json_t *provenance) {
    static const char *const own[] = {"version", "commit", "experiment_sha256", "data_sha256"};
    json_t *facts = json_copy((json_t *)(uintptr_t)provenance);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) json_object_del(facts, own[i]);
    return facts;
}

static size_t origin_of(hd_reading *reading, const json_t *provenance) {
    hd_night_details *details = reading->details;
    json_t *facts = facts_of(provenance);
    char *text = facts ? json_dumps(facts, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    size_t i = 0;
    if (!text) hd_sql_no_memory(&reading->sql);
    while (text && i < details->origin_count && strcmp(details->origins[i].text, text) != 0) i++;
    hd_origin *added = text && i == details->origin_count ? hd_sql_add(&reading->sql, &details->origins,
                                                                       &details->origin_count, sizeof *added)
                                                          : NULL;
    if (added) {
        *added = (hd_origin){facts, text, SIZE_MAX, 0};
        return i;
    }
    json_decref(facts);
    free(text);
    return i;
}

static void read_provenances(hd_reading *reading) {
    sqlite3_stmt *rows = hd_sql_prepare(&reading->sql, "SELECT id, json FROM provenance ORDER BY id");
    while (hd_sql_next(&reading->sql, &rows)) {
        hd_record_origin *made =
            hd_sql_add(&reading->sql, &reading->made, &reading->made_count, sizeof *made);
        if (!made) continue;
        *made = (hd_record_origin){.id = sqlite3_column_int64(rows, 0),
                                   .json = json_loads(hd_sql_text(rows, 1), JSON_REJECT_DUPLICATES, NULL)};
        if (json_is_object(made->json))
            made->origin = origin_of(reading, made->json);
        else
            reading->sql.status =
                hd_fail(reading->sql.error, HD_INVALID, "%.300s: provenance %.0f is not a JSON object",
                        reading->sql.history->path, (double)made->id);
    }
}

static int by_id(const void *key, const void *made) {
    int64_t a = *(const int64_t *)key, b = ((const hd_record_origin *)made)->id;
    return (a > b) - (a < b);
}

static void add_origin(hd_reading *reading, hd_night_detail *detail, size_t index) {
    hd_origin *origin = &reading->details->origins[index];
    if (origin->first == SIZE_MAX) origin->first = reading->night;
    origin->last = reading->night;
    for (size_t i = 0; i < detail->origin_count; i++)
        if (detail->origins[i] == index) return;
    size_t *added = hd_sql_add(&reading->sql, &detail->origins, &detail->origin_count, sizeof *added);
    if (added) *added = index;
}

/* --- what differs --- */

static char *text_of(const json_t *value) {
    if (!value) return strdup("");
    return json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY);
}

/* Cuts the words with which two longer texts both begin or end. */
static void cut_alike(char *a, char *b) {
    enum { LONG = 24 };
    size_t length[2] = {strlen(a), strlen(b)}, front = 0, back = 0;
    if (length[0] < LONG || length[1] < LONG) return;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == ' ') front = i + 1;
    size_t shorter = length[0] < length[1] ? length[0] : length[1];
    for (size_t i = 1; i <= shorter - front && a[length[0] - i] == b[length[1] - i]; i++)
        if (a[length[0] - i] == ' ') back = i;
    a[length[0] - back] = b[length[1] - back] = '\0';
    memmove(a, a + front, length[0] - back - front + 1);
    memmove(b, b + front, length[1] - back - front + 1);
}

static void add_difference(hd_reading *reading, hd_night_detail *detail, const char *key, const json_t *a,
                           const json_t *b) {
    char *before = text_of(a), *after = text_of(b);
    if (!before || !after) hd_sql_no_memory(&reading->sql);
    if (before && after) cut_alike(before, after);
    bool told = !before || !after;
    for (size_t i = 0; i < detail->difference_count && !told; i++) {
        const hd_provenance_difference *other = &detail->differences[i];
        told = !strcmp(other->key, key) && !strcmp(other->before, before) && !strcmp(other->after, after);
    }
    hd_provenance_difference *difference =
        told ? NULL
             : hd_sql_add(&reading->sql, &detail->differences, &detail->difference_count, sizeof *difference);
    if (difference) {
        *difference = (hd_provenance_difference){copy(reading, key), before, after};
        return;
    }
    free(before);
    free(after);
}

static void compare(hd_reading *reading, hd_night_detail *detail, json_t *before, json_t *after) {
    const char *key;
    json_t *value;
    json_object_foreach(after, key, value) {
        const json_t *old = json_object_get(before, key);
        bool hash = !strcmp(key, "experiment_sha256") || !strcmp(key, "data_sha256"); /* part of the series */
        if (!hash && !json_equal(old, value)) add_difference(reading, detail, key, old, value);
    }
    json_object_foreach(before, key, value) if (!json_object_get(after, key))
        add_difference(reading, detail, key, value, NULL);
}

static size_t series_index(const hd_trend *trend, int64_t id) {
    for (size_t s = 0; s < trend->series_count; s++)
        if (trend->series[s].id == id) return s;
    return SIZE_MAX;
}

/* Reads each night's origins, and what differs from each series' night before on the host. Many series share
 * a provenance: a pair that was just compared is not compared again. */
static void read_records(hd_reading *reading) {
    sqlite3_stmt *rows = hd_sql_prepare(
        &reading->sql,
        "SELECT run.id, record.series, record.provenance FROM run JOIN record ON record.run = run.id "
        "GROUP BY run.moment, run.id, record.series, record.provenance "
        "ORDER BY run.moment, run.id, record.series");
    const hd_record_origin *compared[2] = {NULL, NULL};
    const size_t nights = reading->trend->night_count;
    reading->night = 0;
    while (hd_sql_next(&reading->sql, &rows)) {
        int64_t id = sqlite3_column_int64(rows, 2);
        hd_night_detail *detail = detail_of(reading, rows);
        size_t series = series_index(reading->trend, sqlite3_column_int64(rows, 1));
        const hd_record_origin *made = bsearch(&id, reading->made, reading->made_count, sizeof *made, by_id);
        if (!detail || series == SIZE_MAX || !made) continue;
        add_origin(reading, detail, made->origin);
        const hd_record_origin **last = &reading->last[series * (nights + 1)];
        const hd_record_origin **on_host = &last[reading->trend->nights[reading->night].first];
        const hd_record_origin *before = *on_host ? *on_host : last[nights];
        *on_host = last[nights] = made;
        if (!before || before == made || (before == compared[0] && made == compared[1])) continue;
        compare(reading, detail, before->json, made->json);
        compared[0] = before;
        compared[1] = made;
    }
}

/* --- what failed --- */

/* Reads texts of the runs into each night's list. */
static void read_texts(hd_reading *reading, const char *query, bool skips) {
    sqlite3_stmt *rows = hd_sql_prepare(&reading->sql, query);
    reading->night = 0;
    while (hd_sql_next(&reading->sql, &rows)) {
        hd_night_detail *detail = detail_of(reading, rows);
        if (!detail) continue;
        char **added =
            skips ? hd_sql_add(&reading->sql, &detail->skips, &detail->skip_count, sizeof *added)
                  : hd_sql_add(&reading->sql, &detail->failures, &detail->failure_count, sizeof *added);
        if (added) *added = copy(reading, hd_sql_text(rows, 1));
    }
}

static void read_failing(hd_reading *reading) {
    sqlite3_stmt *rows = hd_sql_prepare(
        &reading->sql,
        "SELECT series.experiment || ', hyper-iteration ' || record.step || ', ' || series.mode || ', ' || "
        "series.device, trim(quantity.name || ' ' || judgement.element), verdict.against, judgement.note, "
        "judgement.value, standard.expected, judgement.budget_used "
        "FROM record JOIN series ON series.id = record.series "
        "JOIN record_verdict ON record_verdict.record = record.id "
        "JOIN verdict ON verdict.id = record_verdict.verdict AND verdict.failures > 0 "
        "JOIN judgement ON judgement.verdict = verdict.id AND judgement.outcome = 'fail' "
        "JOIN standard ON standard.id = judgement.standard JOIN quantity ON quantity.id = standard.quantity "
        "WHERE record.run = ?1 ORDER BY quantity.name LIKE 'bits %', judgement.budget_used DESC, record.id, "
        "verdict.id, judgement.place "
        "LIMIT ?2");
    for (size_t n = 0; n < reading->trend->night_count; n++) {
        hd_night_detail *detail = &reading->details->nights[n];
        if (!reading->trend->nights[n].newest) continue;
        hd_sql_bind(&reading->sql, rows, "iz", reading->trend->nights[n].id,
                    (size_t)HD_NIGHT_DETAILS_FAILING);
        while (hd_sql_row(&reading->sql, rows)) {
            hd_failing *failing =
                hd_sql_add(&reading->sql, &detail->failing, &detail->failing_count, sizeof *failing);
            if (!failing) break;
            *failing = (hd_failing){.record = copy(reading, hd_sql_text(rows, 0)),
                                    .figure = copy(reading, hd_sql_text(rows, 1)),
                                    .against = copy(reading, hd_sql_text(rows, 2)),
                                    .note = copy(reading, hd_sql_text(rows, 3)),
                                    .value = hd_sql_number(rows, 4),
                                    .expected = hd_sql_number(rows, 5),
                                    .budget_used = hd_sql_number(rows, 6)};
        }
    }
    sqlite3_finalize(rows);
}

/* --- nights that are missing --- */

enum { DAY = 86400 };

static double days_between(const hd_night *before, const hd_night *after) {
    return (after->moment - before->moment) / DAY;
}

static void find_before(const hd_trend *trend, hd_night_detail *nights, size_t n) {
    hd_night_detail *detail = &nights[n];
    detail->before = HD_NO_NIGHT;
    for (size_t b = n; b-- > 0 && detail->before == HD_NO_NIGHT;)
        if (!strcmp(trend->nights[b].host, trend->nights[n].host)) detail->before = b;
    if (detail->before == HD_NO_NIGHT) return;
    double days = days_between(&trend->nights[detail->before], &trend->nights[n]);
    detail->missing = days > 1.5 ? (size_t)lround(days) - 1 : 0;
}

size_t hd_night_details_overdue(const hd_trend *trend, size_t night) {
    double days = days_between(&trend->nights[night], &trend->nights[trend->night_count - 1]);
    return days > 0.9 ? (size_t)lround(days) : 0;
}

/* --- the whole --- */

hd_status hd_night_details_load(const hd_history *history, const hd_trend *trend, hd_night_details *details,
                                hd_error *error) {
    hd_reading reading = {
        .sql = {history, "its nights could not be read", HD_OK, error}, .trend = trend, .details = details};
    *details = (hd_night_details){.nights = calloc(trend->night_count + 1, sizeof *details->nights),
                                  .night_count = trend->night_count};
    reading.last = calloc(trend->series_count * (trend->night_count + 1) + 1, sizeof(hd_record_origin *));
    if (details->nights && reading.last) {
        for (size_t n = 0; n < trend->night_count; n++) find_before(trend, details->nights, n);
        read_provenances(&reading);
        read_records(&reading);
        read_texts(&reading,
                   "SELECT run.id, message FROM run JOIN failure ON failure.run = run.id "
                   "ORDER BY moment, run.id, failure.rowid",
                   false);
        read_texts(&reading,
                   "SELECT run.id, what || ': ' || why FROM run JOIN skip ON skip.run = run.id "
                   "ORDER BY moment, run.id, skip.rowid",
                   true);
        read_failing(&reading);
    } else
        hd_sql_no_memory(&reading.sql);
    for (size_t i = 0; i < reading.made_count; i++) json_decref(reading.made[i].json);
    free(reading.made);
    free(reading.last);
    return reading.sql.status;
}

static void free_detail(hd_night_detail *detail) {
    for (size_t i = 0; i < detail->difference_count; i++) {
        free(detail->differences[i].key);
        free(detail->differences[i].before);
        free(detail->differences[i].after);
    }
    for (size_t i = 0; i < detail->failing_count; i++) {
        free(detail->failing[i].record);
        free(detail->failing[i].figure);
        free(detail->failing[i].against);
        free(detail->failing[i].note);
    }
    for (size_t i = 0; i < detail->failure_count; i++) free(detail->failures[i]);
    for (size_t i = 0; i < detail->skip_count; i++) free(detail->skips[i]);
    free(detail->origins);
    free(detail->differences);
    free(detail->failures);
    free(detail->skips);
    free(detail->failing);
}

void hd_night_details_free(hd_night_details *details) {
    for (size_t n = 0; details->nights && n < details->night_count; n++) free_detail(&details->nights[n]);
    for (size_t i = 0; i < details->origin_count; i++) {
        json_decref(details->origins[i].facts);
        free(details->origins[i].text);
    }
    free(details->nights);
    free(details->origins);
    *details = (hd_night_details){0};
}
