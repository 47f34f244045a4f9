#include "report/html/cost_panel.h"

#include "base/list.h"
#include "statistics/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 86400, MEGABYTE = 1000000 };

static const struct {
    const char *title, *unit;
    hd_cost cost;
    double scale; /* of the values drawn */
} aspects[HD_ASPECTS] = {{"Time (1: its products alone)", "", HD_COST_TIME, 1},
                         {"Memory of the process, MB", " MB", HD_COST_MEMORY, 1.0 / MEGABYTE},
                         {"Largest share of a tolerance, %", " %", HD_COSTS, 100},
                         {"Memory of the device, MB", " MB", HD_COST_DEVICE_MEMORY, 1.0 / MEGABYTE},
                         {"The products alone, s / TFLOP", " s", HD_COST_PRODUCTS, 1}};

/* A point's value in the aspect's unit; NaN: not measured. */
static double value_of(const hd_trend_point *point, hd_aspect aspect) {
    double value = aspect == HD_ASPECT_SHARE ? point->budget : hd_trend_cost(point, aspects[aspect].cost);
    return value * aspects[aspect].scale;
}

static double day_of(const hd_history_page_data *page, const hd_trend_point *point) {
    return page->trend.nights[point->night].moment / DAY;
}

/* Sets the levels: medians from change to change. */
static bool fill_levels(hd_timeline_line *line, const hd_series *series, hd_aspect aspect) {
    size_t changes = series->change_count[aspects[aspect].cost], first = 0;
    double *values = malloc((series->count + 1) * sizeof *values);
    line->levels = calloc(changes + 1, sizeof *line->levels);
    for (size_t c = 0; values && line->levels && c <= changes; c++) {
        size_t end = c < changes ? series->changes[aspects[aspect].cost][c].at : series->count, known = 0;
        for (size_t i = first; i < end; i++)
            if (!isnan(line->points[i].value)) values[known++] = line->points[i].value;
        if (known)
            line->levels[line->level_count++] = (hd_timeline_level){
                line->points[first].day, line->points[end - 1].day, hd_median(values, known)};
        first = end;
    }
    bool filled = values && line->levels;
    free(values);
    return filled;
}

static bool fill_line(hd_timeline_line *line, const hd_history_page_data *page, const hd_series *series,
                      hd_aspect aspect) {
    *line = (hd_timeline_line){.name = hd_mode_name(series->mode), .count = series->count};
    line->points = calloc(series->count + 1, sizeof *line->points);
    if (!line->points) return false;
    for (size_t i = 0; i < series->count; i++) {
        const hd_trend_point *point = &series->points[i];
        bool listed = hd_history_page_lists(page, point->night),
             failed = aspect == HD_ASPECT_SHARE && point->failures;
        line->points[i] = (hd_timeline_point){.day = day_of(page, point),
                                              .value = value_of(point, aspect),
                                              .seconds = aspect == HD_ASPECT_TIME ? point->seconds : NAN,
                                              .run = listed ? (size_t)page->trend.nights[point->night].id : 0,
                                              .matters = failed,
                                              .failed = failed};
    }
    return aspect == HD_ASPECT_SHARE || fill_levels(line, series, aspect);
}

/* Adds a mark; NULL: no memory. */
static hd_timeline_mark *add_mark(hd_cost_panel *panel, size_t line, double day) {
    hd_timeline_mark *mark = hd_list_add(&panel->marks, &panel->timeline.mark_count, sizeof *mark);
    if (mark) *mark = (hd_timeline_mark){.line = line, .day = day};
    return mark;
}

/* Labels a change "1.12 times since 18 Nov", or if that is long before the newest night, "since Nov 2025". */
static void label_level(hd_timeline_mark *mark, const hd_history_page_data *page, const hd_news *news) {
    enum { LONG_AGO = 300 /* days */ };
    const hd_night *nights = page->trend.nights;
    double found = nights[news->night].moment / DAY, last = nights[page->trend.night_count - 1].moment / DAY,
           ratio = hd_history_page_change(page, news)->ratio;
    char since[HD_DATE], then[HD_DATE];
    bool old = last - mark->day > LONG_AGO;
    hd_date_text(mark->day, old, since);
    snprintf(mark->label, sizeof mark->label, "%.3g times since %s", ratio,
             old ? strchr(since, ' ') + 1 : since);
    snprintf(mark->title, sizeof mark->title, "%s: %s, %.3g times since %s, found %s",
             hd_mode_name(page->trend.series[news->series].mode), hd_news_word(news), ratio,
             hd_date_text(mark->day, 1, since), hd_date_text(found, 1, then));
}

static void label_numbers(hd_timeline_mark *mark, const hd_history_page_data *page, const hd_news *news) {
    const hd_number_change *most = hd_news_most(&page->trend, news);
    const char *what = most->beyond ? "other numbers" : "different bits";
    char since[HD_DATE];
    snprintf(mark->label, sizeof mark->label, "%s", what);
    snprintf(mark->title, sizeof mark->title, "%s: %s since %s, %s",
             hd_mode_name(page->trend.series[news->series].mode), what, hd_date_text(mark->day, 1, since),
             most->quantity);
}

static bool mark_news(hd_cost_panel *panel, const hd_history_page_data *page, const hd_news *news,
                      size_t line) {
    bool level = news->kind == HD_NEWS_LEVEL;
    size_t since = level ? hd_history_page_since(page, news) : news->night;
    hd_timeline_mark *mark = add_mark(panel, line, page->trend.nights[since].moment / DAY);
    if (!mark) return false;
    hd_history_page_link(page, news, mark->link);
    if (level) {
        mark->colour = news->bad ? "worse" : "better";
        label_level(mark, page, news);
        panel->timeline.line[line].points[hd_history_page_change(page, news)->at].matters = true;
    } else {
        mark->colour = hd_news_most(&page->trend, news)->beyond ? "worse" : "other";
        label_numbers(mark, page, news);
    }
    return true;
}

/* Marks levels on their cost, numbers on the share of a tolerance. */
static bool mark_series(hd_cost_panel *panel, const hd_history_page_data *page, size_t series,
                        hd_aspect aspect, size_t line) {
    bool marked = true;
    for (size_t i = 0; i < page->news_count && marked; i++) {
        const hd_news *news = &page->news[i];
        bool told = news->kind == HD_NEWS_LEVEL     ? news->cost == aspects[aspect].cost
                    : news->kind == HD_NEWS_NUMBERS ? aspect == HD_ASPECT_SHARE
                                                    : false;
        if (news->series == series && told) marked = mark_news(panel, page, news, line);
    }
    return marked;
}

static int by_day(const void *a, const void *b) {
    const hd_timeline_mark *x = a, *y = b;
    if (x->day != y->day) return x->day < y->day ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

bool hd_cost_panel_fill(hd_cost_panel *panel, const hd_history_page_data *page, const hd_row *row,
                        hd_aspect aspect) {
    size_t used = 0;
    *panel = (hd_cost_panel){.timeline = {.title = aspects[aspect].title,
                                          .unit = aspects[aspect].unit,
                                          .limit = aspect == HD_ASPECT_SHARE ? 100 : NAN}};
    for (size_t m = 0; m < HD_MODES; m++) {
        const hd_series *series = row->modes[m];
        hd_timeline_line *line = &panel->timeline.line[m];
        char value[HD_HTML_NUMBER];
        if (!series) continue;
        size_t number = (size_t)(series - page->trend.series);
        if (!fill_line(line, page, series, aspect)) return false;
        if (!mark_series(panel, page, number, aspect, m)) return false;
        used +=
            (size_t)snprintf(panel->description + used, sizeof panel->description - used, "%s%s: %s%s",
                             used ? "; " : "", line->name,
                             hd_html_number(value_of(&series->points[series->count - 1], aspect), 3, value),
                             aspects[aspect].unit);
    }
    if (panel->timeline.mark_count)
        qsort(panel->marks, panel->timeline.mark_count, sizeof *panel->marks, by_day);
    panel->timeline.marks = panel->marks;
    panel->timeline.description = panel->description;
    return true;
}

void hd_cost_panel_free(hd_cost_panel *panel) {
    for (size_t l = 0; l < HD_TIMELINE_LINES; l++) {
        free(panel->timeline.line[l].points);
        free(panel->timeline.line[l].levels);
    }
    free(panel->marks);
}
