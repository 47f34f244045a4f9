#include "history/news.h"

#include "base/list.h"
#include "statistics/mann_whitney.h"
#include "statistics/statistics.h"

#include <math.h>
#include <stdlib.h>

/* --- gathering --- */

typedef struct hd_list {
    hd_news *news;
    size_t count;
    bool no_memory;
} hd_list;

static void append(hd_list *list, hd_news news) {
    hd_news *added = hd_list_add(&list->news, &list->count, sizeof *added);
    list->no_memory |= !added;
    if (added) *added = news;
}

static void gather_levels(const hd_trend *trend, size_t s, hd_cost cost, hd_list *list) {
    const hd_series *series = &trend->series[s];
    for (size_t i = 0; i < series->change_count[cost]; i++) {
        const hd_level_change *change = &series->changes[cost][i];
        const size_t night = series->points[change->found].night;
        append(list, (hd_news){.kind = HD_NEWS_LEVEL,
                               .series = s,
                               .night = night,
                               .cost = cost,
                               .first = i,
                               .count = 1,
                               .fresh = hd_trend_is_new(trend, s, night),
                               .bad = change->after > change->before});
    }
}

static void gather_number_changes(const hd_trend *trend, hd_list *list) {
    for (size_t first = 0, end; first < trend->number_change_count; first = end) {
        const hd_number_change *change = &trend->number_changes[first];
        for (end = first + 1; end < trend->number_change_count; end++)
            if (trend->number_changes[end].series != change->series ||
                trend->number_changes[end].since != change->since)
                break;
        append(list, (hd_news){.kind = HD_NEWS_NUMBERS,
                               .series = change->series,
                               .night = change->since,
                               .first = first,
                               .count = end - first,
                               .fresh = hd_trend_is_new(trend, change->series, change->since),
                               .bad = true});
    }
}

/* A machine that is gone is news once, on the night on which its bits differ. */
static bool is_fresh(const hd_trend *trend, const hd_disagreement *one) {
    const hd_night *nights = trend->nights;
    return nights[one->change.since].current ||
           (nights[one->last].current && nights[one->change.before].current);
}

static bool of_one(const hd_disagreement *a, const hd_disagreement *b) {
    return a->other == b->other && a->change.series == b->change.series && a->last == b->last &&
           a->change.since == b->change.since;
}

static void gather_disagreements(const hd_trend *trend, hd_list *list) {
    for (size_t first = 0, end; first < trend->disagreement_count; first = end) {
        const hd_disagreement *one = &trend->disagreements[first];
        for (end = first + 1; end < trend->disagreement_count; end++)
            if (!of_one(one, &trend->disagreements[end])) break;
        append(list, (hd_news){.kind = HD_NEWS_DISAGREEMENT,
                               .series = one->change.series,
                               .night = one->change.since,
                               .first = first,
                               .count = end - first,
                               .fresh = is_fresh(trend, one),
                               .bad = true});
    }
}

static int newest_first(const void *x, const void *y) {
    const hd_news *a = x, *b = y;
    if (a->night != b->night) return a->night > b->night ? -1 : 1;
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    if (a->series != b->series) return a->series < b->series ? -1 : 1;
    if (a->cost != b->cost) return a->cost < b->cost ? -1 : 1;
    return (a->first > b->first) - (a->first < b->first);
}

hd_status hd_news_gather(const hd_trend *trend, hd_news **news, size_t *count, hd_error *error) {
    hd_list list = {0};
    gather_disagreements(trend, &list);
    gather_number_changes(trend, &list);
    for (size_t s = 0; s < trend->series_count; s++)
        for (hd_cost cost = 0; cost < HD_COSTS; cost++) gather_levels(trend, s, cost, &list);
    if (list.no_memory) {
        free(list.news);
        list = (hd_list){.no_memory = true};
    }
    if (list.count) qsort(list.news, list.count, sizeof *list.news, newest_first);
    *news = list.news;
    *count = list.count;
    return list.no_memory ? hd_fail(error, HD_UNAVAILABLE, "no memory for what changed over the nights")
                          : HD_OK;
}

/* --- sentences --- */

const char *hd_news_word(const hd_news *news) {
    static const char *const levels[HD_COSTS][2] = {
        [HD_COST_TIME] = {"faster", "slower"},
        [HD_COST_PRODUCTS] = {"products faster", "products slower"},
        [HD_COST_MEMORY] = {"smaller", "larger"},
        [HD_COST_DEVICE_MEMORY] = {"smaller on the device", "larger on the device"},
    };
    if (news->kind == HD_NEWS_DISAGREEMENT) return "disagreement";
    return news->kind == HD_NEWS_NUMBERS ? "numbers" : levels[news->cost][news->bad];
}

void hd_news_say_series(FILE *to, const hd_series *series) {
    fprintf(to, "%s %s on %s (%s, %zu thread%s", series->experiment, hd_mode_name(series->mode),
            series->device, series->machine, series->threads, series->threads == 1 ? "" : "s");
    if (series->renamed)
        fprintf(to, "; experiment %.8s, data %.8s", series->experiment_sha256, series->data_sha256);
    fputc(')', to);
}

static void say_run(FILE *to, const hd_night *night) {
    fprintf(to, "%.10s (run %lld on %s, commit %s)", night->started, (long long)night->id, night->host,
            night->commit);
}

/* The median over points first .. end - 1, at most a level's first nights with a time. */
static double median_seconds(const hd_series *series, size_t first, size_t end) {
    double seconds[HD_MANN_WHITNEY_M];
    size_t count = 0;
    for (size_t i = first; i < end && count < HD_MANN_WHITNEY_M; i++)
        if (series->points[i].time > 0) seconds[count++] = series->points[i].seconds;
    return count ? hd_median(seconds, count) : NAN;
}

double hd_news_seconds_before(const hd_trend *trend, const hd_news *news) {
    const hd_series *series = &trend->series[news->series];
    const hd_level_change *change = &series->changes[news->cost][news->first];
    return median_seconds(series, news->first ? change[-1].at : 0, change->at);
}

double hd_news_seconds_after(const hd_trend *trend, const hd_news *news) {
    const hd_series *series = &trend->series[news->series];
    const hd_level_change *change = &series->changes[news->cost][news->first];
    return median_seconds(series, change->at, change->found + 1);
}

static void say_level(FILE *to, const hd_trend *trend, const hd_news *news) {
    const hd_series *series = &trend->series[news->series];
    const hd_level_change *change = &series->changes[news->cost][news->first];
    hd_news_say_series(to, series);
    fprintf(to, ": %.3g times", change->ratio);
    if (change->low > 0 && isfinite(change->high)) fprintf(to, " (%.3g to %.3g)", change->low, change->high);
    if (news->cost == HD_COST_TIME)
        fprintf(to, " as measured by its products, %.4g s instead of %.4g by the clock,",
                hd_news_seconds_after(trend, news), hd_news_seconds_before(trend, news));
    else if (news->cost == HD_COST_PRODUCTS)
        fprintf(to, " as long, %.4g GFLOP/s instead of %.4g,", 1000 / change->after, 1000 / change->before);
    else
        fprintf(to, ", %.4g MB instead of %.4g,", change->after / 1e6, change->before / 1e6);
    fputs(" since ", to);
    say_run(to, &trend->nights[series->points[change->at].night]);
    fprintf(to, ", found %.10s, %zu nights later, p %.1g", trend->nights[news->night].started,
            change->found - change->at, change->p);
}

const hd_number_change *hd_news_number_change(const hd_trend *trend, const hd_news *news, size_t i) {
    return news->kind == HD_NEWS_NUMBERS ? &trend->number_changes[news->first + i]
                                         : &trend->disagreements[news->first + i].change;
}

const hd_number_change *hd_news_most(const hd_trend *trend, const hd_news *news) {
    const hd_number_change *most = hd_news_number_change(trend, news, 0);
    for (size_t i = 1; i < news->count; i++) {
        const hd_number_change *change = hd_news_number_change(trend, news, i);
        const bool known = !isnan(change->tolerances), more = change->tolerances > most->tolerances;
        if (more || (known && isnan(most->tolerances))) most = change;
    }
    return most;
}

static void say_steps(FILE *to, const hd_trend *trend, const hd_news *news) {
    fprintf(to, ", hyper-iteration%s", news->count == 1 ? "" : "s");
    for (size_t i = 0; i < news->count; i++)
        fprintf(to, "%s %zu", i ? "," : "", hd_news_number_change(trend, news, i)->step);
}

/* "2 of 12 figures and the weights; most hypergradient eta: 0.5 instead of 0.25, 0.31 of its tolerance" */
static void say_most(FILE *to, const hd_number_change *change) {
    if (!change->changed) {
        fputs("the weights alone", to);
        return;
    }
    fprintf(to, "%zu of %zu figures%s; most %s: ", change->changed, change->of,
            change->weights ? " and the weights" : "", change->quantity);
    if (isnan(change->new_value))
        fputs("on one side alone", to);
    else
        fprintf(to, "%.9g instead of %.9g", change->new_value, change->old_value);
    if (isnan(change->tolerances))
        fputs(", no tolerance known", to);
    else if (isfinite(change->tolerances))
        fprintf(to, ", %.3g of its tolerance", change->tolerances);
    if (change->beyond) fputs(": BEYOND", to);
}

static void say_numbers(FILE *to, const hd_trend *trend, const hd_news *news) {
    const hd_number_change *most = hd_news_most(trend, news);
    hd_news_say_series(to, &trend->series[news->series]);
    say_steps(to, trend, news);
    fputs(": ", to);
    say_most(to, most);
    fputs("; since ", to);
    say_run(to, &trend->nights[most->since]);
    fputs(", not as on ", to);
    say_run(to, &trend->nights[most->before]);
}

static void say_disagreement(FILE *to, const hd_trend *trend, const hd_news *news) {
    const hd_number_change *most = hd_news_most(trend, news);
    const hd_disagreement *one = &trend->disagreements[news->first];
    const hd_series *series = &trend->series[news->series], *other = &trend->series[one->other];
    const hd_night *here = &trend->nights[one->last], *there = &trend->nights[one->change.before];
    hd_news_say_series(to, series);
    if (other == series) fprintf(to, " of host %s", here->host);
    say_steps(to, trend, news);
    fputs(" does not have the bits of ", to);
    if (other == series)
        fprintf(to, "host %s", there->host);
    else
        hd_news_say_series(to, other);
    fputs(": ", to);
    say_most(to, most);
    fputs("; since ", to);
    say_run(to, &trend->nights[most->since]);
    fputs("; last on ", to);
    say_run(to, here);
    fputs(" and ", to);
    say_run(to, there);
}

void hd_news_say(FILE *to, const hd_trend *trend, const hd_news *news) {
    static void (*const say[])(FILE *, const hd_trend *, const hd_news *) = {
        [HD_NEWS_DISAGREEMENT] = say_disagreement,
        [HD_NEWS_NUMBERS] = say_numbers,
        [HD_NEWS_LEVEL] = say_level,
    };
    say[news->kind](to, trend, news);
}
