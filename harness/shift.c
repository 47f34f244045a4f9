#include "shift.h"

#include "list.h"
#include "numbers.h"

#include <stdlib.h>
#include <string.h>

static const char records_sql[] = HD_PLACES_SQL
    "SELECT rank, step, place, result, record.id "
    "FROM record NOT INDEXED JOIN night USING (run) JOIN kind USING (series) ORDER BY rank, step, place";

/* What a hyper-iteration of a series has now. */
typedef struct hd_standing {
    const hd_series *series;
    size_t step, since, last; /* nights: since when it has these numbers, and its newest one */
    int64_t result, record;   /* on that one */
} hd_standing;

typedef struct hd_finder {
    hd_sql *sql;
    hd_numbers numbers;
    hd_trend *trend;
    hd_standing *standings; /* [standing_count], owned */
    size_t standing_count;
    int64_t *left; /* [trend->shift_count], owned: the result that each shift left */
} hd_finder;

static size_t index_of(const hd_finder *finder, const hd_series *series) {
    return (size_t)(series - finder->trend->series);
}

/* --- from night to night --- */

/* The result read last: what one shift led to is what the next comes from. */
typedef struct hd_held {
    int64_t result; /* 0: none */
    hd_record numbers;
} hd_held;

static void keep_shift(hd_finder *finder, const hd_shift *shift, int64_t left) {
    hd_trend *trend = finder->trend;
    hd_shift *shifts = hd_list_room(trend->shifts, trend->shift_count, sizeof *shifts);
    if (shifts) trend->shifts = shifts;
    int64_t *results = hd_list_room(finder->left, trend->shift_count, sizeof *results);
    if (results) finder->left = results;
    if (!shifts || !results) {
        hd_sql_no_memory(finder->sql);
        return;
    }
    shifts[trend->shift_count] = *shift;
    results[trend->shift_count++] = left;
}

/* The standing is followed by another result: a shift, unless only what is no number changed. */
static void turn(hd_finder *finder, hd_standing *standing, const hd_standing *now, hd_held *held) {
    hd_shift shift = {.series = index_of(finder, now->series),
                      .step = now->step,
                      .before = standing->last,
                      .since = now->since};
    hd_record numbers;
    if (held->result != standing->result) {
        hd_record_free(&held->numbers);
        hd_numbers_read(&finder->numbers, standing->result, &held->numbers);
    }
    hd_numbers_read(&finder->numbers, now->result, &numbers);
    hd_numbers_compare(&finder->numbers, &numbers, now->record, &held->numbers, &shift);
    if (finder->sql->status == HD_OK && (shift.changed || shift.weights)) {
        keep_shift(finder, &shift, standing->result);
        standing->since = now->since;
    }
    hd_record_free(&held->numbers);
    *held = (hd_held){now->result, numbers};
}

/* A record, the standing it would have by itself, after those before it. */
static void advance(hd_finder *finder, const hd_standing *now, hd_held *held) {
    hd_standing *last = finder->standing_count ? &finder->standings[finder->standing_count - 1] : NULL;
    if (last && last->series == now->series && last->step == now->step) {
        if (last->result != now->result) turn(finder, last, now, held);
        last->last = now->last;
        last->result = now->result;
        last->record = now->record;
        return;
    }
    hd_standing *standings = hd_list_room(finder->standings, finder->standing_count, sizeof *standings);
    if (!standings) {
        hd_sql_no_memory(finder->sql);
        return;
    }
    finder->standings = standings;
    standings[finder->standing_count++] = *now;
}

static void follow(hd_finder *finder) {
    sqlite3_stmt *row = hd_sql_prepare(finder->sql, records_sql);
    hd_held held = {0};
    while (hd_sql_row(finder->sql, row)) {
        const size_t night = (size_t)sqlite3_column_int64(row, 2);
        const hd_standing now = {
            .series = &finder->trend->series[sqlite3_column_int64(row, 0)],
            .step = (size_t)sqlite3_column_int64(row, 1),
            .since = night,
            .last = night,
            .result = sqlite3_column_int64(row, 3),
            .record = sqlite3_column_int64(row, 4),
        };
        advance(finder, &now, &held);
    }
    sqlite3_finalize(row);
    hd_record_free(&held.numbers);
}

/* --- from machine to machine --- */

/* One of those that should have the same bits. */
typedef struct hd_member {
    const hd_standing *standing;
    hd_record numbers;
    size_t alike; /* the first member with the same numbers */
    bool stale;   /* another has left these numbers since it last ran */
} hd_member;

/* A label that names no arithmetic is of the device's usual one. */
static bool is_exact(const hd_series *series) {
    return !strcmp(series->device, "cpu") || !strcmp(series->device, "cuda");
}

static int by_computation(const hd_series *a, const hd_series *b) {
    const int experiment = strcmp(a->experiment_sha256, b->experiment_sha256),
              data = strcmp(a->data_sha256, b->data_sha256);
    return experiment ? experiment : data ? data : (int)a->mode - (int)b->mode;
}

static int by_group(const void *x, const void *y) {
    const hd_standing *a = x, *b = y;
    const int computation = by_computation(a->series, b->series);
    if (computation) return computation;
    if (a->step != b->step) return a->step < b->step ? -1 : 1;
    return (a->series > b->series) - (a->series < b->series);
}

static bool in_one_group(const hd_standing *a, const hd_standing *b) {
    return a->step == b->step && by_computation(a->series, b->series) == 0;
}

static bool are_alike(hd_finder *finder, const hd_record *a, const hd_record *b) {
    hd_shift shift;
    hd_numbers_compare(&finder->numbers, a, 0, b, &shift);
    return finder->sql->status == HD_OK && !shift.changed && !shift.weights;
}

static void classify(hd_finder *finder, hd_member *members, size_t count) {
    for (size_t i = 0; i < count; i++) {
        hd_numbers_read(&finder->numbers, members[i].standing->result, &members[i].numbers);
        members[i].alike = 0;
        while (members[i].alike < i &&
               !are_alike(finder, &members[i].numbers, &members[members[i].alike].numbers))
            members[i].alike++;
    }
}

static bool is_stale(hd_finder *finder, const hd_member *member) {
    const hd_trend *trend = finder->trend;
    bool stale = false;
    for (size_t k = 0; k < trend->shift_count && !stale; k++) {
        const hd_shift *shift = &trend->shifts[k];
        const hd_standing shifted = {.series = &trend->series[shift->series], .step = shift->step};
        if (shift->since <= member->standing->last || !in_one_group(&shifted, member->standing)) continue;
        hd_record left;
        hd_numbers_read(&finder->numbers, finder->left[k], &left);
        stale = are_alike(finder, &left, &member->numbers);
        hd_record_free(&left);
    }
    return stale;
}

/* The member that the others are held to: its numbers are those of most, and it has had them for longest;
 * NULL: all are stale. */
static const hd_member *find_standard(const hd_member *members, size_t count) {
    const hd_member *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t alike = 0;
        for (size_t j = 0; j < count; j++) alike += !members[j].stale && members[j].alike == members[i].alike;
        if (members[i].stale || alike < most) continue;
        if (alike == most && best && best->standing->since <= members[i].standing->since) continue;
        best = &members[i];
        most = alike;
    }
    return best;
}

static void disagree(hd_finder *finder, const hd_member *member, const hd_member *standard) {
    hd_trend *trend = finder->trend;
    const hd_standing *a = member->standing, *b = standard->standing;
    hd_disagreement *all = hd_list_room(trend->disagreements, trend->disagreement_count, sizeof *all);
    if (!all) {
        hd_sql_no_memory(finder->sql);
        return;
    }
    trend->disagreements = all;
    hd_disagreement *one = &all[trend->disagreement_count++];
    *one = (hd_disagreement){
        .other = index_of(finder, b->series),
        .shift = {.series = index_of(finder, a->series),
                  .step = a->step,
                  .before = b->last,
                  .since = a->since > b->since ? a->since : b->since},
    };
    hd_numbers_compare(&finder->numbers, &member->numbers, a->record, &standard->numbers, &one->shift);
}

static void compare_group(hd_finder *finder, const hd_standing *standings, size_t count) {
    hd_member *members = calloc(count, sizeof *members);
    if (!members) {
        hd_sql_no_memory(finder->sql);
        return;
    }
    for (size_t i = 0; i < count; i++) members[i].standing = &standings[i];
    classify(finder, members, count);
    bool all_alike = true;
    for (size_t i = 0; i < count; i++) all_alike &= members[i].alike == 0;
    if (!all_alike) {
        for (size_t i = 0; i < count; i++) members[i].stale = is_stale(finder, &members[i]);
        const hd_member *standard = find_standard(members, count);
        for (size_t i = 0; standard && i < count; i++)
            if (!members[i].stale && members[i].alike != standard->alike)
                disagree(finder, &members[i], standard);
    }
    for (size_t i = 0; i < count; i++) hd_record_free(&members[i].numbers);
    free(members);
}

static void compare_machines(hd_finder *finder) {
    hd_standing *standings = finder->standings;
    size_t exact = 0;
    for (size_t i = 0; i < finder->standing_count; i++)
        if (is_exact(standings[i].series)) standings[exact++] = standings[i];
    if (exact) qsort(standings, exact, sizeof *standings, by_group);
    for (size_t first = 0, end; first < exact && finder->sql->status == HD_OK; first = end) {
        bool same = true;
        for (end = first + 1; end < exact && in_one_group(&standings[first], &standings[end]); end++)
            same &= standings[end].result == standings[first].result;
        if (!same) compare_group(finder, &standings[first], end - first);
    }
}

/* --- both --- */

static int by_series(const hd_shift *a, const hd_shift *b) {
    if (a->series != b->series) return a->series < b->series ? -1 : 1;
    return (a->step > b->step) - (a->step < b->step);
}

static int shifts_by_time(const void *x, const void *y) {
    const hd_shift *a = x, *b = y;
    if (a->since != b->since) return a->since < b->since ? -1 : 1;
    return by_series(a, b);
}

static int disagreements_by_series(const void *x, const void *y) {
    const hd_disagreement *a = x, *b = y;
    return by_series(&a->shift, &b->shift);
}

void hd_shifts_find(hd_sql *sql, hd_trend *trend) {
    hd_finder finder = {.sql = sql, .numbers = hd_numbers_open(sql), .trend = trend};
    follow(&finder);
    compare_machines(&finder);
    if (trend->shift_count) qsort(trend->shifts, trend->shift_count, sizeof *trend->shifts, shifts_by_time);
    if (trend->disagreement_count)
        qsort(trend->disagreements, trend->disagreement_count, sizeof *trend->disagreements,
              disagreements_by_series);
    hd_numbers_close(&finder.numbers);
    free(finder.standings);
    free(finder.left);
}
