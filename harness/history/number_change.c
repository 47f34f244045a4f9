/* Finds trend.h's number changes and disagreements. */
#include "history/result_numbers.h"
#include "history/trend.h"

#include <stdlib.h>
#include <string.h>

static const char records_sql[] = HD_PLACES_SQL
    "SELECT rank, step, place, result, record.id "
    "FROM record NOT INDEXED JOIN night USING (run) JOIN kind USING (series) ORDER BY rank, step, place";

/* The current numbers of a series' hyper-iteration on a host. */
typedef struct hd_standing {
    const hd_series *series;
    size_t host, step, since, last; /* nights: first one with these numbers, newest one */
    int64_t result, record;         /* on the newest */
} hd_standing;

typedef struct hd_finder {
    hd_sql *sql;
    hd_result_numbers numbers;
    hd_trend *trend;
    hd_standing *standings; /* [standing_count], owned */
    size_t standing_count;
    size_t first;  /* the first standing of the current series and hyper-iteration */
    int64_t *left; /* [trend->number_change_count], owned: the result before each change */
} hd_finder;

static size_t index_of(const hd_finder *finder, const hd_series *series) {
    return (size_t)(series - finder->trend->series);
}

/* --- two results --- */

static bool are_alike(hd_finder *finder, const hd_record *a, const hd_record *b) {
    hd_number_change change;
    hd_result_numbers_compare(&finder->numbers, a, 0, b, &change);
    return finder->sql->status == HD_OK && !change.changed && !change.weights;
}

/* Whether two results have the same numbers; the rest of their texts may differ. */
static bool same_numbers(hd_finder *finder, int64_t a, int64_t b) {
    hd_record one, other;
    if (a == b) return true;
    hd_result_numbers_read(&finder->numbers, a, &one);
    hd_result_numbers_read(&finder->numbers, b, &other);
    const bool same = finder->sql->status == HD_OK && are_alike(finder, &one, &other);
    hd_record_free(&one);
    hd_record_free(&other);
    return same;
}

/* --- from night to night --- */

/* The result read last: the next change starts from the one that this change led to. */
typedef struct hd_held {
    int64_t result; /* 0: none */
    hd_record numbers;
} hd_held;

static void keep_change(hd_finder *finder, const hd_number_change *change, int64_t left) {
    hd_trend *trend = finder->trend;
    size_t count = trend->number_change_count; /* of `left` too */
    int64_t *result = hd_sql_add(finder->sql, &finder->left, &count, sizeof *result);
    hd_number_change *kept =
        hd_sql_add(finder->sql, &trend->number_changes, &trend->number_change_count, sizeof *kept);
    if (!kept) return;
    *kept = *change;
    *result = left;
}

/* Whether a record's numbers differ from those before; then fills *change. Other parts of the text do not
 * count. */
static bool turns(hd_finder *finder, const hd_standing *before, const hd_standing *now, hd_held *held,
                  hd_number_change *change) {
    if (before->result == now->result) return false;
    *change = (hd_number_change){.series = index_of(finder, now->series),
                                 .step = now->step,
                                 .before = before->last,
                                 .since = now->since};
    hd_record numbers;
    if (held->result != before->result) {
        hd_record_free(&held->numbers);
        hd_result_numbers_read(&finder->numbers, before->result, &held->numbers);
    }
    hd_result_numbers_read(&finder->numbers, now->result, &numbers);
    hd_result_numbers_compare(&finder->numbers, &numbers, now->record, &held->numbers, change);
    hd_record_free(&held->numbers);
    *held = (hd_held){now->result, numbers};
    return finder->sql->status == HD_OK && (change->changed || change->weights);
}

/* Whether another host came to these numbers after this one's last run. */
static bool follows(hd_finder *finder, const hd_standing *own, const hd_standing *now) {
    for (size_t i = finder->first; i < finder->standing_count; i++) {
        const hd_standing *other = &finder->standings[i];
        if (other->since > own->last && same_numbers(finder, other->result, now->result)) return true;
    }
    return false;
}

/* Withdraws changes by a new host since this one's last run: this one still has the old numbers. */
static void withdraw(hd_finder *finder, const hd_standing *own) {
    hd_trend *trend = finder->trend;
    for (size_t k = finder->left ? trend->number_change_count : 0; k-- > 0;) {
        const hd_number_change *change = &trend->number_changes[k];
        if (&trend->series[change->series] != own->series || change->step != own->step) return;
        const bool of_hosts = trend->nights[change->before].first != trend->nights[change->since].first;
        if (!of_hosts || change->since <= own->last || !same_numbers(finder, finder->left[k], own->result))
            continue;
        const size_t after = --trend->number_change_count - k;
        memmove(trend->number_changes + k, trend->number_changes + k + 1,
                after * sizeof *trend->number_changes);
        memmove(finder->left + k, finder->left + k + 1, after * sizeof *finder->left);
    }
}

static void add_standing(hd_finder *finder, const hd_standing *standing) {
    hd_standing *added = hd_sql_add(finder->sql, &finder->standings, &finder->standing_count, sizeof *added);
    if (added) *added = *standing;
}

/* Moves `first` on if a new series or hyper-iteration begins. */
static void enter(hd_finder *finder, const hd_standing *now) {
    const hd_standing *first = finder->standings + finder->first;
    if (finder->first < finder->standing_count && (first->series != now->series || first->step != now->step))
        finder->first = finder->standing_count;
}

/* The standing to compare a record with: the host's own, else the one that ran last; NULL: none. */
static hd_standing *standing_before(const hd_finder *finder, size_t host) {
    hd_standing *newest = NULL;
    for (size_t i = finder->first; i < finder->standing_count; i++) {
        hd_standing *standing = &finder->standings[i];
        if (standing->host == host) return standing;
        if (!newest || standing->last > newest->last) newest = standing;
    }
    return newest;
}

/* Takes the next record, as the standing it would have by itself. */
static void advance(hd_finder *finder, hd_standing now, hd_held *held) {
    enter(finder, &now);
    hd_number_change change;
    hd_standing *before = standing_before(finder, now.host);
    const bool own = before && before->host == now.host,
               turned = before && turns(finder, before, &now, held, &change);
    if (turned && !(own && follows(finder, before, &now))) keep_change(finder, &change, before->result);
    if (own && !turned) {
        withdraw(finder, before);
        now.since = before->since;
    }
    if (own)
        *before = now;
    else
        add_standing(finder, &now);
}

static void follow(hd_finder *finder) {
    sqlite3_stmt *row = hd_sql_prepare(finder->sql, records_sql);
    hd_held held = {0};
    while (hd_sql_next(finder->sql, &row)) {
        const size_t night = hd_sql_size(row, 2);
        const hd_standing now = {
            .series = &finder->trend->series[sqlite3_column_int64(row, 0)],
            .host = finder->trend->nights[night].first,
            .step = hd_sql_size(row, 1),
            .since = night,
            .last = night,
            .result = sqlite3_column_int64(row, 3),
            .record = sqlite3_column_int64(row, 4),
        };
        advance(finder, now, &held);
    }
    hd_record_free(&held.numbers);
}

/* --- from machine to machine --- */

/* Hosts of a series with the same numbers; the members of a group should all agree. */
typedef struct hd_member {
    hd_standing standing; /* of the host that ran last, but `since` of the first that had them */
    size_t hosts;
    size_t alike; /* the first member with the same numbers */
    bool stale;   /* a host has left these numbers since the member's last run */
} hd_member;

/* A device's label without an arithmetic is the exact one. */
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

/* The first member with the last one's numbers; equal results need not be read. */
static size_t first_alike(hd_finder *finder, const hd_member *members, size_t last) {
    const int64_t result = members[last].standing.result;
    for (size_t i = 0; i < last; i++)
        if (members[i].standing.result == result) return members[i].alike;
    size_t i = 0;
    while (i < last && !(members[i].alike == i && same_numbers(finder, members[i].standing.result, result)))
        i++;
    return i;
}

static bool is_stale(hd_finder *finder, const hd_standing *standing) {
    const hd_trend *trend = finder->trend;
    for (size_t k = 0; k < trend->number_change_count; k++) {
        const hd_number_change *change = &trend->number_changes[k];
        const hd_standing changed_one = {.series = &trend->series[change->series], .step = change->step};
        if (change->since > standing->last && in_one_group(&changed_one, standing) &&
            same_numbers(finder, finder->left[k], standing->result))
            return true;
    }
    return false;
}

/* Adds member *count, or joins it to one of its series with the same numbers. */
static void join(hd_member *members, size_t *count) {
    const hd_member *now = &members[*count];
    for (hd_member *member = members; member < now; member++) {
        if (member->standing.series != now->standing.series || member->alike != now->alike ||
            member->stale != now->stale)
            continue;
        const size_t since =
            member->standing.since < now->standing.since ? member->standing.since : now->standing.since;
        if (now->standing.last > member->standing.last) member->standing = now->standing;
        member->standing.since = since;
        member->hosts++;
        return;
    }
    ++*count;
}

/* The member to compare the others with: most hosts have its numbers; of these the earliest. NULL: all are
 * stale. */
static const hd_member *find_standard(const hd_member *members, size_t count) {
    const hd_member *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t alike = 0;
        for (size_t j = 0; j < count; j++)
            if (!members[j].stale && members[j].alike == members[i].alike) alike += members[j].hosts;
        if (members[i].stale || alike < most) continue;
        if (alike == most && best && best->standing.since <= members[i].standing.since) continue;
        best = &members[i];
        most = alike;
    }
    return best;
}

/* A member with the standard's numbers: of the same series if there is one, else the standard. */
static const hd_member *nearest(const hd_member *members, size_t count, const hd_member *member,
                                const hd_member *standard) {
    for (size_t i = 0; i < count; i++)
        if (members[i].standing.series == member->standing.series && members[i].alike == standard->alike &&
            !members[i].stale)
            return &members[i];
    return standard;
}

static void disagree(hd_finder *finder, const hd_standing *a, const hd_standing *b) {
    hd_trend *trend = finder->trend;
    hd_disagreement *one =
        hd_sql_add(finder->sql, &trend->disagreements, &trend->disagreement_count, sizeof *one);
    if (!one) return;
    *one = (hd_disagreement){
        .other = index_of(finder, b->series),
        .last = a->last,
        .change = {.series = index_of(finder, a->series),
                   .step = a->step,
                   .before = b->last,
                   .since = a->since > b->since ? a->since : b->since},
    };
    hd_record now, then;
    hd_result_numbers_read(&finder->numbers, a->result, &now);
    hd_result_numbers_read(&finder->numbers, b->result, &then);
    hd_result_numbers_compare(&finder->numbers, &now, a->record, &then, &one->change);
    hd_record_free(&now);
    hd_record_free(&then);
}

static void compare_group(hd_finder *finder, const hd_standing *standings, size_t count) {
    hd_member *members = calloc(count, sizeof *members);
    size_t member_count = 0;
    if (!members) {
        hd_sql_no_memory(finder->sql);
        return;
    }
    for (size_t i = 0; i < count && finder->sql->status == HD_OK; i++) {
        members[member_count] = (hd_member){.standing = standings[i], .hosts = 1};
        members[member_count].alike = first_alike(finder, members, member_count);
        members[member_count].stale = is_stale(finder, &standings[i]);
        join(members, &member_count);
    }
    const hd_member *standard = find_standard(members, member_count);
    for (size_t i = 0; standard && i < member_count; i++)
        if (!members[i].stale && members[i].alike != standard->alike)
            disagree(finder, &members[i].standing,
                     &nearest(members, member_count, &members[i], standard)->standing);
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

static int by_number(size_t a, size_t b) {
    return (a > b) - (a < b);
}

static int by_series(const hd_number_change *a, const hd_number_change *b) {
    return a->series == b->series ? by_number(a->step, b->step) : by_number(a->series, b->series);
}

static int changes_by_time(const void *x, const void *y) {
    const hd_number_change *a = x, *b = y;
    return a->since == b->since ? by_series(a, b) : by_number(a->since, b->since);
}

static int disagreements_by_series(const void *x, const void *y) {
    const hd_disagreement *a = x, *b = y;
    if (a->change.series != b->change.series) return by_number(a->change.series, b->change.series);
    if (a->other != b->other) return by_number(a->other, b->other);
    return a->last == b->last ? by_number(a->change.step, b->change.step) : by_number(a->last, b->last);
}

void hd_number_changes_find(hd_sql *sql, hd_trend *trend) {
    hd_finder finder = {.sql = sql, .numbers = hd_result_numbers_open(sql), .trend = trend};
    follow(&finder);
    compare_machines(&finder);
    if (trend->number_change_count)
        qsort(trend->number_changes, trend->number_change_count, sizeof *trend->number_changes,
              changes_by_time);
    if (trend->disagreement_count)
        qsort(trend->disagreements, trend->disagreement_count, sizeof *trend->disagreements,
              disagreements_by_series);
    hd_result_numbers_close(&finder.numbers);
    free(finder.standings);
    free(finder.left);
}
