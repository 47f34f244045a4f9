/* hyperdrift history changes: what changed over the nights. */
#include "base/json.h"
#include "commands/commands.h"
#include "history/news.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct hd_telling {
    const hd_options *options;
    const hd_trend *trend;
    const hd_news *news; /* [count] */
    size_t count;
    size_t since; /* the first night to report */
} hd_telling;

static bool is_told(const hd_telling *telling, const hd_news *news) {
    return telling->options->last ? news->fresh : news->night >= telling->since;
}

/* --- text --- */

static bool is_learning(const hd_series *series) {
    for (hd_cost cost = 0; cost < HD_COSTS; cost++)
        if (series->learning[cost]) return true;
    return false;
}

static void print_learning(const hd_series *series) {
    fputs("learning: ", stdout);
    hd_news_say_series(stdout, series);
    fputs(": nights still needed before a change can be detected", stdout);
    for (hd_cost cost = 0, costs = 0; cost < HD_COSTS; cost++)
        if (series->learning[cost])
            printf("%s %s %zu", costs++ ? "," : ":", hd_cost_name(cost), series->learning[cost]);
    putchar('\n');
}

static hd_status print_all(const hd_telling *telling) {
    const hd_trend *trend = telling->trend;
    for (size_t i = 0; i < telling->count; i++) {
        if (!is_told(telling, &telling->news[i])) continue;
        printf("%s%s: ", telling->news[i].fresh ? "new: " : "", hd_news_word(&telling->news[i]));
        hd_news_say(stdout, trend, &telling->news[i]);
        putchar('\n');
    }
    bool all = !telling->options->last && !telling->options->quiet;
    for (size_t s = 0; all && s < trend->series_count; s++)
        if (is_learning(&trend->series[s])) print_learning(&trend->series[s]);
    printf("%zu run%s, %zu series\n", trend->night_count, trend->night_count == 1 ? "" : "s",
           trend->series_count);
    return HD_OK;
}

/* --- JSON --- */

static void put_series(hd_builder *builder, json_t *object, const hd_series *series) {
    hd_build_text(builder, object, "experiment", series->experiment);
    hd_build_text(builder, object, "experiment_sha256", series->experiment_sha256);
    hd_build_text(builder, object, "data_sha256", series->data_sha256);
    hd_build_text(builder, object, "mode", hd_mode_name(series->mode));
    hd_build_text(builder, object, "device", series->device);
    hd_build_text(builder, object, "machine", series->machine);
    hd_build_size(builder, object, "threads", series->threads);
}

static void put_night(hd_builder *builder, json_t *object, const char *key, const hd_night *night) {
    json_t *run = hd_build(builder, object, key, json_object());
    hd_build_size(builder, run, "run", (size_t)night->id);
    hd_build_text(builder, run, "started", night->started);
    hd_build_text(builder, run, "host", night->host);
    hd_build_text(builder, run, "commit", night->commit);
}

static void put_level(hd_builder *builder, json_t *object, const hd_trend *trend, const hd_news *news) {
    const hd_series *series = &trend->series[news->series];
    const hd_level_change *change = &series->changes[news->cost][news->first];
    hd_build_text(builder, object, "cost", hd_cost_name(news->cost));
    hd_build_number(builder, object, "ratio", change->ratio);
    hd_build_number(builder, object, "low", change->low);
    hd_build_number(builder, object, "high", change->high);
    hd_build_number(builder, object, "before", change->before);
    hd_build_number(builder, object, "after", change->after);
    if (news->cost == HD_COST_TIME) {
        hd_build_number(builder, object, "seconds_before", hd_news_seconds_before(trend, news));
        hd_build_number(builder, object, "seconds_after", hd_news_seconds_after(trend, news));
    }
    hd_build_number(builder, object, "p", change->p);
    hd_build_size(builder, object, "by_nights", change->nights);
    put_night(builder, object, "since", &trend->nights[series->points[change->at].night]);
    put_night(builder, object, "found", &trend->nights[news->night]);
}

static void put_numbers(hd_builder *builder, json_t *object, const hd_trend *trend, const hd_news *news) {
    const hd_number_change *most = hd_news_most(trend, news);
    if (news->kind == HD_NEWS_DISAGREEMENT) {
        put_night(builder, object, "last", &trend->nights[trend->disagreements[news->first].last]);
        put_series(builder, hd_build(builder, object, "other", json_object()),
                   &trend->series[trend->disagreements[news->first].other]);
    }
    json_t *steps = hd_build(builder, object, "steps", json_array());
    for (size_t i = 0; i < news->count; i++)
        hd_build_element(builder, steps,
                         json_integer((json_int_t)hd_news_number_change(trend, news, i)->step));
    hd_build_size(builder, object, "changed", most->changed);
    hd_build_size(builder, object, "of", most->of);
    hd_build(builder, object, "weights", json_boolean(most->weights));
    hd_build_text(builder, object, "quantity", most->quantity);
    hd_build_number(builder, object, "old", most->old_value);
    hd_build_number(builder, object, "new", most->new_value);
    hd_build_number(builder, object, "tolerances", most->tolerances);
    hd_build(builder, object, "beyond", json_boolean(most->beyond));
    put_night(builder, object, "before", &trend->nights[most->before]);
    put_night(builder, object, "since", &trend->nights[most->since]);
}

static void put_news(hd_builder *builder, json_t *list, const hd_trend *trend, const hd_news *news) {
    json_t *object = hd_build_element(builder, list, json_object());
    hd_build_text(builder, object, "kind", hd_news_word(news));
    hd_build(builder, object, "is_new", json_boolean(news->fresh));
    hd_build(builder, object, "bad", json_boolean(news->bad));
    put_series(builder, object, &trend->series[news->series]);
    if (news->kind == HD_NEWS_LEVEL)
        put_level(builder, object, trend, news);
    else
        put_numbers(builder, object, trend, news);
}

static void put_learning(hd_builder *builder, json_t *list, const hd_series *series) {
    json_t *object = hd_build_element(builder, list, json_object());
    put_series(builder, object, series);
    json_t *lacking = hd_build(builder, object, "nights_lacking", json_object());
    for (hd_cost cost = 0; cost < HD_COSTS; cost++)
        if (series->learning[cost])
            hd_build_size(builder, lacking, hd_cost_name(cost), series->learning[cost]);
}

static hd_status print_json(const hd_telling *telling, size_t bad, hd_error *error) {
    const hd_trend *trend = telling->trend;
    hd_builder builder = {.error = error};
    json_t *root = json_object();
    hd_build_text(&builder, root, "format", "hyperdrift-changes/1");
    hd_build_text(&builder, root, "verdict", bad ? "fail" : "pass");
    hd_build_size(&builder, root, "runs", trend->night_count);
    hd_build_size(&builder, root, "series", trend->series_count);
    json_t *changes = hd_build(&builder, root, "changes", json_array());
    json_t *learning = hd_build(&builder, root, "learning", json_array());
    for (size_t i = 0; i < telling->count; i++)
        if (is_told(telling, &telling->news[i])) put_news(&builder, changes, trend, &telling->news[i]);
    for (size_t s = 0; s < trend->series_count; s++)
        if (is_learning(&trend->series[s])) put_learning(&builder, learning, &trend->series[s]);
    if (builder.status == HD_OK)
        hd_document_print(root, 17);
    else
        json_decref(root);
    return builder.status;
}

/* --- the command --- */

/* Finds the first night to report: the run of --since, or 0. */
static hd_status find_since(const hd_options *options, const hd_trend *trend, size_t *since,
                            hd_error *error) {
    *since = 0;
    if (!options->since) return HD_OK;
    while (*since < trend->night_count && trend->nights[*since].id != (int64_t)options->since) ++*since;
    if (*since < trend->night_count) return HD_OK;
    return hd_fail(error, HD_INVALID, "%.300s: has no run %zu", options->words[0], options->since);
}

hd_status hd_history_changes(const hd_options *options, hd_history *history, hd_error *error) {
    hd_trend trend;
    hd_news *news = NULL;
    size_t count = 0, since = 0, bad = 0;
    hd_status status = hd_trend_load(history, &trend, error);
    if (status == HD_OK) status = find_since(options, &trend, &since, error);
    if (status == HD_OK) status = hd_news_gather(&trend, &news, &count, error);
    const hd_telling telling = {options, &trend, news, count, since};
    for (size_t i = 0; i < count; i++) bad += news[i].fresh && news[i].bad;
    if (status == HD_OK) status = options->json ? print_json(&telling, bad, error) : print_all(&telling);
    if (status == HD_OK && bad)
        status = hd_fail(error, HD_DIFFERENT, "%.300s: %zu change%s to look at on the newest night",
                         history->path, bad, bad == 1 ? "" : "s");
    free(news);
    hd_trend_free(&trend);
    return status;
}
