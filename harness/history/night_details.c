#include "history/night_details.h"

#include "base/list.h"
#include "history/sql.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A provenance as it is in the history. */
typedef struct hd_made {
    int64_t id;
    json_t *json; /* owned */
    size_t origin;
} hd_made;

/* What is being read. */
typedef struct hd_telling {
    hd_sql sql;
    const hd_trend *trend;
    hd_night_details *chronicle;
    hd_made *made; /* [made_count], by id; owned */
    size_t made_count;
    const hd_made **last; /* [series_count][night_count + 1] what made each series' newest record so far: by
                             the host's first run, and at the end on any host; owned */
    size_t night;         /* where the rows, in order of time, have come to */
} hd_telling;

static void fail(hd_telling *telling) {
    if (telling->sql.status == HD_OK)
        telling->sql.status = hd_fail(telling->sql.error, HD_UNAVAILABLE, "%.300s: no memory for its nights",
                                      telling->sql.history->path);
}

/* The list with room for element count; where there is no memory it has failed. */
static void *grow(hd_telling *telling, void *list, size_t count, size_t size) {
    void *more = hd_list_room(list, count, size);
    if (!more) fail(telling);
    return more ? more : list;
}

static char *copy(hd_telling *telling, const char *text) {
    char *copied = strdup(text);
    if (!copied) fail(telling);
    return copied;
}

/* The account of the run in the row's first column, rows coming in the order of the trend's nights; NULL: it
 * was kept since the trend was read. */
static hd_night_detail *account_of(hd_telling *telling, sqlite3_stmt *row) {
    int64_t run = sqlite3_column_int64(row, 0);
    for (size_t n = telling->night; n < telling->trend->night_count; n++)
        if (telling->trend->nights[n].id == run) return &telling->chronicle->nights[telling->night = n];
    return NULL;
}

/* --- what made the records --- */

static json_t *facts_of(const json_t *provenance) {
    static const char *const own[] = {"version", "commit", "experiment_sha256", "data_sha256"};
    json_t *facts = json_copy((json_t *)(uintptr_t)provenance);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) json_object_del(facts, own[i]);
    return facts;
}

static size_t origin_of(hd_telling *telling, const json_t *provenance) {
    hd_night_details *chronicle = telling->chronicle;
    json_t *facts = facts_of(provenance);
    char *text = facts ? json_dumps(facts, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    hd_origin *origin = NULL;
    for (size_t i = 0; text && i < chronicle->origin_count && !origin; i++)
        if (!strcmp(chronicle->origins[i].text, text)) origin = &chronicle->origins[i];
    if (origin || !text) {
        if (!text) fail(telling);
        json_decref(facts);
        free(text);
        return origin ? (size_t)(origin - chronicle->origins) : 0;
    }
    chronicle->origins = grow(telling, chronicle->origins, chronicle->origin_count, sizeof *origin);
    if (telling->sql.status != HD_OK) {
        json_decref(facts);
        free(text);
        return 0;
    }
    chronicle->origins[chronicle->origin_count] = (hd_origin){facts, text, SIZE_MAX, 0};
    return chronicle->origin_count++;
}

static void read_provenances(hd_telling *telling) {
    sqlite3_stmt *rows = hd_sql_prepare(&telling->sql, "SELECT id, json FROM provenance ORDER BY id");
    while (hd_sql_row(&telling->sql, rows)) {
        telling->made = grow(telling, telling->made, telling->made_count, sizeof *telling->made);
        if (telling->sql.status != HD_OK) break;
        hd_made *made = &telling->made[telling->made_count++];
        *made = (hd_made){.id = sqlite3_column_int64(rows, 0),
                          .json = json_loads(hd_sql_text(rows, 1), JSON_REJECT_DUPLICATES, NULL)};
        if (json_is_object(made->json))
            made->origin = origin_of(telling, made->json);
        else
            telling->sql.status =
                hd_fail(telling->sql.error, HD_INVALID, "%.300s: provenance %.0f is no JSON object",
                        telling->sql.history->path, (double)made->id);
    }
    sqlite3_finalize(rows);
}

static int by_id(const void *key, const void *made) {
    int64_t a = *(const int64_t *)key, b = ((const hd_made *)made)->id;
    return (a > b) - (a < b);
}

static void add_origin(hd_telling *telling, hd_night_detail *account, size_t index) {
    hd_origin *origin = &telling->chronicle->origins[index];
    if (origin->first == SIZE_MAX) origin->first = telling->night;
    origin->last = telling->night;
    for (size_t i = 0; i < account->origin_count; i++)
        if (account->origins[i] == index) return;
    account->origins = grow(telling, account->origins, account->origin_count, sizeof *account->origins);
    if (telling->sql.status == HD_OK) account->origins[account->origin_count++] = index;
}

/* --- what differs --- */

static char *text_of(const json_t *value) {
    if (!value) return strdup("");
    return json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY);
}

/* Cuts from two longer texts the words that they begin and end with alike. */
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

static void add_difference(hd_telling *telling, hd_night_detail *account, const char *key, const json_t *a,
                           const json_t *b) {
    char *before = text_of(a), *after = text_of(b);
    if (!before || !after) fail(telling);
    if (before && after) cut_alike(before, after);
    bool told = !before || !after;
    for (size_t i = 0; i < account->difference_count && !told; i++) {
        const hd_provenance_difference *difference = &account->differences[i];
        told = !strcmp(difference->key, key) && !strcmp(difference->before, before) &&
               !strcmp(difference->after, after);
    }
    char *named = told ? NULL : copy(telling, key);
    if (named)
        account->differences =
            grow(telling, account->differences, account->difference_count, sizeof *account->differences);
    if (named && telling->sql.status == HD_OK) {
        account->differences[account->difference_count++] = (hd_provenance_difference){named, before, after};
        return;
    }
    free(named);
    free(before);
    free(after);
}

static void compare(hd_telling *telling, hd_night_detail *account, json_t *before, json_t *after) {
    const char *key;
    json_t *value;
    json_object_foreach(after, key, value) {
        const json_t *old = json_object_get(before, key);
        bool hash = !strcmp(key, "experiment_sha256") || !strcmp(key, "data_sha256"); /* the series has it */
        if (!hash && !json_equal(old, value)) add_difference(telling, account, key, old, value);
    }
    json_object_foreach(before, key, value) if (!json_object_get(after, key))
        add_difference(telling, account, key, value, NULL);
}

static size_t series_index(const hd_trend *trend, int64_t id) {
    for (size_t s = 0; s < trend->series_count; s++)
        if (trend->series[s].id == id) return s;
    return SIZE_MAX;
}

/* Each night's origins, and the differences to each series' night before on the host. Many series share what
 * they are made by, and so its differences: a pair that was just compared is not compared again. */
static void read_records(hd_telling *telling) {
    sqlite3_stmt *rows = hd_sql_prepare(
        &telling->sql,
        "SELECT run.id, record.series, record.provenance FROM run JOIN record ON record.run = run.id "
        "GROUP BY run.moment, run.id, record.series, record.provenance "
        "ORDER BY run.moment, run.id, record.series");
    const hd_made *compared[2] = {NULL, NULL};
    const size_t nights = telling->trend->night_count;
    telling->night = 0;
    while (hd_sql_row(&telling->sql, rows)) {
        int64_t id = sqlite3_column_int64(rows, 2);
        hd_night_detail *account = account_of(telling, rows);
        size_t series = series_index(telling->trend, sqlite3_column_int64(rows, 1));
        const hd_made *made = bsearch(&id, telling->made, telling->made_count, sizeof *made, by_id);
        if (!account || series == SIZE_MAX || !made) continue;
        add_origin(telling, account, made->origin);
        const hd_made **last = &telling->last[series * (nights + 1)];
        const hd_made **on_host = &last[telling->trend->nights[telling->night].first];
        const hd_made *before = *on_host ? *on_host : last[nights];
        *on_host = last[nights] = made;
        if (!before || before == made || (before == compared[0] && made == compared[1])) continue;
        compare(telling, account, before->json, made->json);
        compared[0] = before;
        compared[1] = made;
    }
    sqlite3_finalize(rows);
}

/* --- what failed --- */

static void add_text(hd_telling *telling, char ***texts, size_t *count, const char *text) {
    *texts = grow(telling, *texts, *count, sizeof **texts);
    if (telling->sql.status == HD_OK) (*texts)[(*count)++] = copy(telling, text);
}

static void read_failures(hd_telling *telling) {
    sqlite3_stmt *rows =
        hd_sql_prepare(&telling->sql, "SELECT run.id, message FROM run JOIN failure ON failure.run = run.id "
                                      "ORDER BY moment, run.id, failure.rowid");
    telling->night = 0;
    while (hd_sql_row(&telling->sql, rows)) {
        hd_night_detail *account = account_of(telling, rows);
        if (account) add_text(telling, &account->failures, &account->failure_count, hd_sql_text(rows, 1));
    }
    sqlite3_finalize(rows);
}

static void read_skips(hd_telling *telling) {
    sqlite3_stmt *rows =
        hd_sql_prepare(&telling->sql,
                       "SELECT run.id, what || ': ' || why FROM run JOIN skip ON skip.run = run.id "
                       "ORDER BY moment, run.id, skip.rowid");
    telling->night = 0;
    while (hd_sql_row(&telling->sql, rows)) {
        hd_night_detail *account = account_of(telling, rows);
        if (account) add_text(telling, &account->skips, &account->skip_count, hd_sql_text(rows, 1));
    }
    sqlite3_finalize(rows);
}

static void read_failing(hd_telling *telling) {
    sqlite3_stmt *rows = hd_sql_prepare(
        &telling->sql,
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
    for (size_t n = 0; n < telling->trend->night_count; n++) {
        hd_night_detail *account = &telling->chronicle->nights[n];
        if (!telling->trend->nights[n].newest) continue;
        hd_sql_bind(&telling->sql, rows, "iz", telling->trend->nights[n].id,
                    (size_t)HD_NIGHT_DETAILS_FAILING);
        while (hd_sql_row(&telling->sql, rows)) {
            account->failing =
                grow(telling, account->failing, account->failing_count, sizeof *account->failing);
            if (telling->sql.status != HD_OK) break;
            account->failing[account->failing_count++] =
                (hd_failing){.record = copy(telling, hd_sql_text(rows, 0)),
                             .figure = copy(telling, hd_sql_text(rows, 1)),
                             .against = copy(telling, hd_sql_text(rows, 2)),
                             .note = copy(telling, hd_sql_text(rows, 3)),
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
    hd_night_detail *account = &nights[n];
    account->before = HD_NO_NIGHT;
    for (size_t b = n; b-- > 0 && account->before == HD_NO_NIGHT;)
        if (!strcmp(trend->nights[b].host, trend->nights[n].host)) account->before = b;
    if (account->before == HD_NO_NIGHT) return;
    double days = days_between(&trend->nights[account->before], &trend->nights[n]);
    account->missing = days > 1.5 ? (size_t)lround(days) - 1 : 0;
}

size_t hd_night_details_overdue(const hd_trend *trend, size_t night) {
    double days = days_between(&trend->nights[night], &trend->nights[trend->night_count - 1]);
    return days > 0.9 ? (size_t)lround(days) : 0;
}

/* --- the whole --- */

hd_status hd_night_details_load(const hd_history *history, const hd_trend *trend, hd_night_details *chronicle,
                                hd_error *error) {
    hd_telling telling = {.sql = {history, "its nights could not be read", HD_OK, error},
                          .trend = trend,
                          .chronicle = chronicle};
    *chronicle = (hd_night_details){.nights = calloc(trend->night_count + 1, sizeof *chronicle->nights),
                                    .night_count = trend->night_count};
    telling.last = calloc(trend->series_count * (trend->night_count + 1) + 1, sizeof(hd_made *));
    if (chronicle->nights && telling.last) {
        for (size_t n = 0; n < trend->night_count; n++) find_before(trend, chronicle->nights, n);
        read_provenances(&telling);
        read_records(&telling);
        read_failures(&telling);
        read_skips(&telling);
        read_failing(&telling);
    } else
        fail(&telling);
    for (size_t i = 0; i < telling.made_count; i++) json_decref(telling.made[i].json);
    free(telling.made);
    free(telling.last);
    return telling.sql.status;
}

static void free_account(hd_night_detail *account) {
    for (size_t i = 0; i < account->difference_count; i++) {
        free(account->differences[i].key);
        free(account->differences[i].before);
        free(account->differences[i].after);
    }
    for (size_t i = 0; i < account->failing_count; i++) {
        free(account->failing[i].record);
        free(account->failing[i].figure);
        free(account->failing[i].against);
        free(account->failing[i].note);
    }
    for (size_t i = 0; i < account->failure_count; i++) free(account->failures[i]);
    for (size_t i = 0; i < account->skip_count; i++) free(account->skips[i]);
    free(account->origins);
    free(account->differences);
    free(account->failures);
    free(account->skips);
    free(account->failing);
}

void hd_night_details_free(hd_night_details *chronicle) {
    for (size_t n = 0; chronicle->nights && n < chronicle->night_count; n++)
        free_account(&chronicle->nights[n]);
    for (size_t i = 0; i < chronicle->origin_count; i++) {
        json_decref(chronicle->origins[i].facts);
        free(chronicle->origins[i].text);
    }
    free(chronicle->nights);
    free(chronicle->origins);
    *chronicle = (hd_night_details){0};
}
