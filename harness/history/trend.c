#include "history/trend.h"

#include "base/list.h"
#include "history/sql.h"
#include "statistics/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char runs_sql[] = HD_PLACES_SQL
    "SELECT id, moment, started, host, version, commit_id, status, passed, failed, known, skipped, "
    "clock_back FROM run JOIN night ON run.id = night.run ORDER BY place";
static const char series_sql[] = HD_PLACES_SQL
    "SELECT id, " HD_SERIES_COLUMNS " FROM series JOIN kind ON series.id = kind.series ORDER BY rank";
static const char costs_sql[] =
    HD_PLACES_SQL "SELECT rank, place, seconds, operations, sgemm_rate, peak_bytes, "
                  "iif(launches > 0, device_bytes, 0) "
                  "FROM record NOT INDEXED JOIN night USING (run) JOIN kind USING (series) "
                  "LEFT JOIN timing ON timing.record = record.id ORDER BY rank, place";
static const char verdicts_sql[] =
    HD_PLACES_SQL "SELECT rank, place, failures, known, worst_budget, quantity.name "
                  "FROM record NOT INDEXED JOIN night USING (run) JOIN kind USING (series) "
                  "JOIN record_verdict ON record_verdict.record = record.id "
                  "JOIN verdict ON verdict.id = record_verdict.verdict "
                  "LEFT JOIN quantity ON quantity.id = verdict.worst ORDER BY rank, place";

double hd_trend_cost(const hd_trend_point *point, hd_cost cost) {
    const double values[HD_COSTS] = {[HD_COST_TIME] = point->time,
                                     [HD_COST_PRODUCTS] = point->products,
                                     [HD_COST_MEMORY] = point->memory,
                                     [HD_COST_DEVICE_MEMORY] = point->device_memory};
    return values[cost] > 0 ? values[cost] : NAN;
}

const char *hd_cost_name(hd_cost cost) {
    static const char *const names[HD_COSTS] = {"time", "products", "memory", "device memory"};
    return names[cost];
}

/* --- runs --- */

static void take_night(sqlite3_stmt *row, hd_night *night) {
    *night = (hd_night){.id = sqlite3_column_int64(row, 0), .moment = sqlite3_column_double(row, 1)};
    hd_sql_copy(row, 2, night->started, sizeof night->started);
    hd_sql_copy(row, 3, night->host, sizeof night->host);
    hd_sql_copy(row, 4, night->version, sizeof night->version);
    hd_sql_copy(row, 5, night->commit, sizeof night->commit);
    night->status = sqlite3_column_int(row, 6);
    night->passed = hd_sql_size(row, 7);
    night->failed = hd_sql_size(row, 8);
    night->known = hd_sql_size(row, 9);
    night->skipped = hd_sql_size(row, 10);
    night->clock_back = sqlite3_column_int(row, 11);
}

static size_t first_of_host(const hd_trend *trend, const hd_night *night) {
    const hd_night *first = trend->nights;
    while (strcmp(first->host, night->host) != 0) first++;
    return (size_t)(first - trend->nights);
}

static void place_night(const hd_trend *trend, hd_night *night) {
    const hd_night *newest = trend->nights + trend->night_count - 1, *last = newest;
    while (last->first != night->first) last--;
    night->newest = last->moment - night->moment < HD_TREND_NIGHT;
    night->current = night->newest && newest->moment - last->moment < HD_TREND_GONE;
}

/* Days are counted and drawn from moments: they must lie in the years 1970 to 9999. A damaged file may have a
 * text there, which SQLite orders after all numbers. */
static void expect_moment(hd_sql *sql, sqlite3_stmt *row) {
    static const double end = 253402300800;
    bool is_number = sqlite3_column_type(row, 1) == SQLITE_FLOAT;
    double moment = sqlite3_column_double(row, 1);
    if (!is_number || !(moment >= 0 && moment < end))
        sql->status =
            hd_fail(sql->error, HD_INVALID, "%s: run %lld: its time, %.40s, is not a time",
                    sql->history->path, (long long)sqlite3_column_int64(row, 0), hd_sql_text(row, 1));
}

static void load_nights(hd_sql *sql, hd_trend *trend) {
    sqlite3_stmt *row = hd_sql_prepare(sql, runs_sql);
    while (hd_sql_next(sql, &row)) {
        expect_moment(sql, row);
        hd_night *night = hd_sql_add(sql, &trend->nights, &trend->night_count, sizeof *night);
        if (night) take_night(row, night);
    }
    for (size_t n = 0; n < trend->night_count; n++)
        trend->nights[n].first = first_of_host(trend, &trend->nights[n]);
    for (size_t n = 0; n < trend->night_count; n++) place_night(trend, &trend->nights[n]);
}

/* --- series --- */

static void take_series(sqlite3_stmt *row, hd_series *series) {
    char mode[16];
    *series = (hd_series){.id = sqlite3_column_int64(row, 0), .threads = hd_sql_size(row, 7)};
    hd_sql_copy(row, 1, series->experiment, sizeof series->experiment);
    hd_sql_copy(row, 2, series->experiment_sha256, sizeof series->experiment_sha256);
    hd_sql_copy(row, 3, series->data_sha256, sizeof series->data_sha256);
    hd_sql_copy(row, 4, mode, sizeof mode);
    hd_sql_copy(row, 5, series->device, sizeof series->device);
    hd_sql_copy(row, 6, series->machine, sizeof series->machine);
    series->mode = strcmp(mode, hd_mode_name(HD_REVERSE)) ? HD_FORWARD : HD_REVERSE;
}

static void load_series(hd_sql *sql, hd_trend *trend) {
    sqlite3_stmt *row = hd_sql_prepare(sql, series_sql);
    while (hd_sql_next(sql, &row)) {
        hd_series *series = hd_sql_add(sql, &trend->series, &trend->series_count, sizeof *series);
        if (series) take_series(row, series);
    }
}

/* --- points --- */

typedef struct hd_values {
    double *x; /* [n], owned */
    size_t n;
} hd_values;

static bool add(hd_values *sample, double value) {
    double *x = hd_list_add(&sample->x, &sample->n, sizeof *x);
    if (x) *x = value;
    return x;
}

/* Gives the sample's median (NaN if empty) and empties it. */
static double drain(hd_values *sample) {
    double median = sample->n ? hd_median(sample->x, sample->n) : NAN;
    sample->n = 0;
    return median;
}

/* The series whose rows are being read, and the values of its last point. */
typedef struct hd_gathering {
    hd_series *series; /* NULL: none yet */
    hd_values time, products, seconds;
} hd_gathering;

/* Sets the last point's medians, after all its rows. */
static void settle(hd_gathering *now) {
    if (!now->series) return;
    hd_trend_point *point = &now->series->points[now->series->count - 1];
    point->time = drain(&now->time);
    point->products = drain(&now->products);
    point->seconds = drain(&now->seconds);
}

/* The series' point of a night, a new one if its rows begin here; NULL: no memory. */
static hd_trend_point *point_of(hd_gathering *now, hd_series *series, size_t night) {
    if (series == now->series && series->points[series->count - 1].night == night)
        return &series->points[series->count - 1];
    settle(now);
    hd_trend_point *point = hd_list_add(&series->points, &series->count, sizeof *point);
    if (!point) return NULL;
    now->series = series;
    *point = (hd_trend_point){.night = night, .budget = NAN, .worst = ""};
    return point;
}

/* Takes one repetition's costs; a record without any has a row without values. False: no memory. */
static bool take_costs(hd_gathering *now, sqlite3_stmt *row, hd_trend_point *point) {
    if (sqlite3_column_type(row, 2) == SQLITE_NULL) return true;
    const double took = sqlite3_column_double(row, 2), operations = sqlite3_column_double(row, 3),
                 rate = 1e9 * sqlite3_column_double(row, 4);
    point->memory = fmax(point->memory, sqlite3_column_double(row, 5));
    point->device_memory = fmax(point->device_memory, sqlite3_column_double(row, 6));
    if (!add(&now->seconds, took)) return false;
    if (rate > 0 && !add(&now->products, 1e12 / rate)) return false;
    return !(operations > 0 && rate > 0) || add(&now->time, took / (operations / rate));
}

static void load_costs(hd_sql *sql, hd_trend *trend) {
    hd_gathering now = {0};
    sqlite3_stmt *row = hd_sql_prepare(sql, costs_sql);
    while (hd_sql_next(sql, &row)) {
        hd_trend_point *point = point_of(&now, &trend->series[hd_sql_size(row, 0)], hd_sql_size(row, 1));
        if (!point || !take_costs(&now, row, point)) hd_sql_no_memory(sql);
    }
    settle(&now);
    free(now.time.x);
    free(now.products.x);
    free(now.seconds.x);
}

/* The trend's own copy of a quantity's name, one for all points. NULL: no memory. */
static const char *quantity_of(hd_trend *trend, const char *name) {
    for (size_t q = 0; q < trend->quantity_count; q++)
        if (!strcmp(trend->quantities[q], name)) return trend->quantities[q];
    char *copied = strdup(name), **quantity = NULL;
    if (copied) quantity = hd_list_add(&trend->quantities, &trend->quantity_count, sizeof *quantity);
    if (quantity) return *quantity = copied;
    free(copied);
    return NULL;
}

/* False: no memory. */
static bool take_verdict(hd_trend *trend, sqlite3_stmt *row, hd_trend_point *point) {
    double budget = hd_sql_number(row, 4);
    if (isnan(budget)) budget = INFINITY;
    point->failures += hd_sql_size(row, 2);
    point->known += hd_sql_size(row, 3);
    if (budget <= point->budget) return true;
    const char *worst = quantity_of(trend, hd_sql_text(row, 5));
    point->budget = budget;
    if (worst) point->worst = worst;
    return worst;
}

static void load_verdicts(hd_sql *sql, hd_trend *trend) {
    hd_series *series = NULL;
    size_t i = 0; /* of the series' points */
    sqlite3_stmt *row = hd_sql_prepare(sql, verdicts_sql);
    while (hd_sql_next(sql, &row)) {
        if (series != &trend->series[hd_sql_size(row, 0)])
            i = 0, series = &trend->series[hd_sql_size(row, 0)];
        while (i + 1 < series->count && series->points[i].night < hd_sql_size(row, 1)) i++;
        if (!take_verdict(trend, row, &series->points[i])) hd_sql_no_memory(sql);
    }
}

/* --- changes of level --- */

static bool is_renamed(const hd_trend *trend, const hd_series *series) {
    for (const hd_series *other = trend->series; other < trend->series + trend->series_count; other++)
        if (!strcmp(other->experiment, series->experiment) &&
            (strcmp(other->experiment_sha256, series->experiment_sha256) != 0 ||
             strcmp(other->data_sha256, series->data_sha256) != 0))
            return true;
    return false;
}

static hd_status find_changes(hd_series *series, hd_cost cost, double *value, hd_error *error) {
    size_t measured = 0;
    for (size_t i = 0; i < series->count; i++) {
        value[i] = hd_trend_cost(&series->points[i], cost);
        measured += value[i] > 0;
    }
    hd_status status = hd_level_changes_find(value, series->count, &series->changes[cost],
                                             &series->change_count[cost], error);
    if (status == HD_OK && measured)
        series->learning[cost] =
            hd_level_change_learning(value, series->count, series->changes[cost], series->change_count[cost]);
    return status;
}

static void conclude(hd_sql *sql, hd_trend *trend) {
    double *value = malloc((trend->night_count + 1) * sizeof *value);
    if (!value) hd_sql_no_memory(sql);
    for (size_t s = 0; s < trend->series_count; s++) {
        trend->series[s].renamed = is_renamed(trend, &trend->series[s]);
        for (hd_cost cost = 0; cost < HD_COSTS && sql->status == HD_OK; cost++)
            sql->status = find_changes(&trend->series[s], cost, value, sql->error);
    }
    free(value);
}

hd_status hd_trend_load(const hd_history *history, hd_trend *trend, hd_error *error) {
    *trend = (hd_trend){0};
    hd_sql sql = {.history = history, .doing = "its trends cannot be read", .error = error};
    hd_sql_run(&sql, "BEGIN"); /* a snapshot: a run appended meanwhile is in all of it or in none */
    load_nights(&sql, trend);
    load_series(&sql, trend);
    if (trend->series) {
        load_costs(&sql, trend);
        load_verdicts(&sql, trend);
        conclude(&sql, trend);
        hd_number_changes_find(&sql, trend);
    }
    return hd_sql_end(&sql);
}

void hd_trend_free(hd_trend *trend) {
    for (size_t s = 0; s < trend->series_count; s++) {
        free(trend->series[s].points);
        for (hd_cost cost = 0; cost < HD_COSTS; cost++) free(trend->series[s].changes[cost]);
    }
    for (size_t q = 0; q < trend->quantity_count; q++) free(trend->quantities[q]);
    free(trend->nights);
    free(trend->series);
    free(trend->number_changes);
    free(trend->disagreements);
    free(trend->quantities);
    *trend = (hd_trend){0};
}

bool hd_trend_is_new(const hd_trend *trend, size_t series, size_t night) {
    const hd_series *of = &trend->series[series];
    size_t last = of->count - 1; /* of the host's points */
    while (trend->nights[of->points[last].night].first != trend->nights[night].first) last--;
    return of->points[last].night == night && trend->nights[night].current;
}
