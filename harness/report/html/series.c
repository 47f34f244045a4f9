/* Writes the experiments of a history, each with a table and a row of charts for each device and machine. */
#include "report/html/chart_axis.h"
#include "report/html/cost_panel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* COLUMNS: at most so many columns of nights are links, in all charts together. This keeps a page of two
 * years and fifty series well under 1.5 MB. */
enum { DAY = 86400, MEGABYTE = 1000000, COLUMNS = 8000 };

static const hd_series *any_of(const hd_row *row) {
    return row->modes[HD_FORWARD] ? row->modes[HD_FORWARD] : row->modes[HD_REVERSE];
}

static bool same_experiment(const hd_series *a, const hd_series *b) {
    return !strcmp(a->experiment, b->experiment) && !strcmp(a->experiment_sha256, b->experiment_sha256) &&
           !strcmp(a->data_sha256, b->data_sha256);
}

static bool same_row(const hd_series *a, const hd_series *b) {
    return same_experiment(a, b) && !strcmp(a->device, b->device) && !strcmp(a->machine, b->machine) &&
           a->threads == b->threads;
}

static const hd_trend_point *newest(const hd_series *series) {
    return &series->points[series->count - 1];
}

/* --- an experiment: the table that compares its series --- */

static void write_amount(hd_html *html, double value, double most, double scale, const char *unit) {
    char text[HD_HTML_NUMBER];
    hd_html_bar(html, value / most);
    hd_html_add(html, "%s%s", hd_html_number(value * scale, 3, text), isnan(value) ? "" : unit);
}

/* Writes the largest share of a tolerance, and its figure. */
static void write_share(hd_html *html, const hd_trend_point *point) {
    char text[HD_HTML_NUMBER];
    hd_html_add(html, "<td class=\"t%s\">", point->failures ? " bad" : "");
    hd_html_bar(html, point->budget);
    hd_html_add(html, "%s%s<small>%s</small></td>", hd_html_number(100 * point->budget, 3, text),
                isfinite(point->budget) ? " %" : "", point->worst);
}

static double day_of(const hd_history_page_data *page, const hd_trend_point *point) {
    return page->trend.nights[point->night].moment / DAY;
}

/* Writes since when the level of time is what it is, or how many nights are lacking to tell. */
static void write_level(hd_html *html, const hd_history_page_data *page, const hd_series *series) {
    size_t changes = series->change_count[HD_COST_TIME], lacking = series->learning[HD_COST_TIME], nights = 0;
    size_t first = changes ? series->changes[HD_COST_TIME][changes - 1].at : 0;
    char date[HD_DATE];
    for (size_t i = first; i < series->count; i++)
        nights += isnan(hd_trend_cost(&series->points[i], HD_COST_TIME)) ? 0 : 1;
    hd_html_add(html, "<td class=\"t\">since %s",
                hd_date_text(day_of(page, &series->points[first]), 1, date));
    if (lacking) hd_html_add(html, "<small>learning: %zu of %zu nights</small>", nights, nights + lacking);
    if (!page->trend.nights[newest(series)->night].newest)
        hd_html_add(html, "<small><b class=\"worse\">not run since %s</b></small>",
                    hd_date_text(day_of(page, newest(series)), 1, date));
    hd_html_add(html, "</td>");
}

static void write_series(hd_html *html, const hd_history_page_data *page, const hd_series *series,
                         const hd_trend_point *most) {
    const hd_trend_point *point = newest(series);
    char text[HD_HTML_NUMBER];
    hd_html_add(html, "<tr><th scope=\"row\">%s, %s<small>%s, %zu thread%s</small></th>",
                hd_mode_name(series->mode), series->device, series->machine, series->threads,
                series->threads == 1 ? "" : "s");
    hd_html_add(html, "<td class=\"t\">");
    write_amount(html, point->seconds, most->seconds, 1, " s");
    hd_html_add(html, "<small>%s times its products</small></td><td class=\"t\">",
                hd_html_number(hd_trend_cost(point, HD_COST_TIME), 3, text));
    write_amount(html, hd_trend_cost(point, HD_COST_MEMORY), most->memory, 1.0 / MEGABYTE, " MB");
    hd_html_add(html, "</td><td class=\"t\">");
    write_amount(html, hd_trend_cost(point, HD_COST_DEVICE_MEMORY), most->device_memory, 1.0 / MEGABYTE,
                 " MB");
    hd_html_add(html, "</td>");
    write_share(html, point);
    write_level(html, page, series);
    hd_html_add(html, "</tr>\n");
}

static void write_comparison(hd_html *html, const hd_history_page_data *page, const hd_row *rows,
                             size_t count) {
    static const char *const headings[] = {" series",       " time",          " process", " device",
                                           " of tolerance", " level of time", NULL};
    hd_trend_point most = {0};
    for (size_t i = 0; i < count * HD_MODES; i++) {
        const hd_series *series = rows[i / HD_MODES].modes[i % HD_MODES];
        if (!series) continue;
        most.seconds = fmax(most.seconds, newest(series)->seconds);
        most.memory = fmax(most.memory, newest(series)->memory);
        most.device_memory = fmax(most.device_memory, newest(series)->device_memory);
    }
    hd_html_add(html, "<div class=\"compared\">\n");
    hd_html_table(html, "The newest night of each series; the longest and largest fill their bars", headings);
    for (size_t i = 0; i < count * HD_MODES; i++)
        if (rows[i / HD_MODES].modes[i % HD_MODES])
            write_series(html, page, rows[i / HD_MODES].modes[i % HD_MODES], &most);
    hd_html_table_end(html);
    hd_html_add(html, "</div>\n");
}

/* --- an experiment: its charts --- */

/* An experiment's panels and axes, [aspect][row]. */
typedef struct hd_sheet {
    hd_cost_panel *panels[HD_ASPECTS]; /* owned */
    hd_range *ranges[HD_ASPECTS];      /* owned */
} hd_sheet;

static bool fill_sheet(hd_sheet *sheet, const hd_history_page_data *page, const hd_row *rows, size_t count) {
    for (hd_aspect v = 0; v < HD_ASPECTS; v++) {
        sheet->panels[v] = calloc(count, sizeof *sheet->panels[v]);
        sheet->ranges[v] = calloc(count, sizeof *sheet->ranges[v]);
        if (!sheet->panels[v] || !sheet->ranges[v]) return false;
        for (size_t r = 0; r < count; r++) {
            hd_range *range = &sheet->ranges[v][r];
            *range = (hd_range){NAN, NAN};
            if (!hd_cost_panel_fill(&sheet->panels[v][r], page, &rows[r], v)) return false;
            for (size_t m = 0; m < HD_MODES; m++)
                hd_timeline_extend(range, &sheet->panels[v][r].timeline.line[m]);
        }
        if (v != HD_ASPECT_SHARE) hd_timeline_align(sheet->ranges[v], count);
    }
    for (size_t r = 0; r < count; r++) sheet->ranges[HD_ASPECT_SHARE][r] = (hd_range){0.1, 1000};
    return true;
}

static void free_sheet(hd_sheet *sheet, size_t count) {
    for (hd_aspect v = 0; v < HD_ASPECTS; v++) {
        for (size_t r = 0; sheet->panels[v] && r < count; r++) hd_cost_panel_free(&sheet->panels[v][r]);
        free(sheet->panels[v]);
        free(sheet->ranges[v]);
    }
}

static void draw(hd_html *html, const hd_sheet *sheet, size_t r, hd_aspect aspect,
                 const hd_timeline_days *days) {
    hd_timeline_draw(html, &sheet->panels[aspect][r].timeline, days, &sheet->ranges[aspect][r]);
}

/* Whether the device has its own memory: then that is drawn, and the process's is folded away. */
static bool has_memory(const hd_row *row) {
    return strncmp(any_of(row)->device, "cuda", 4) == 0;
}

/* Draws what is folded away unless something is marked in it. */
static void draw_folded(hd_html *html, const hd_sheet *sheet, const hd_row *row, size_t r,
                        const hd_timeline_days *days) {
    const bool memory = has_memory(row);
    const size_t marks = sheet->panels[HD_ASPECT_PRODUCTS][r].timeline.mark_count +
                         (memory ? sheet->panels[HD_ASPECT_MEMORY][r].timeline.mark_count : 0);
    hd_html_add(html, marks ? "<details open=\"open\">" : "<details>");
    hd_html_add(html, "<summary>%s</summary><div class=\"charts small\">\n",
                memory ? "The products alone, memory of the process" : "The products alone");
    draw(html, sheet, r, HD_ASPECT_PRODUCTS, days);
    if (memory) draw(html, sheet, r, HD_ASPECT_MEMORY, days);
    hd_html_add(html, "</div></details>\n");
}

static void draw_row(hd_html *html, const hd_sheet *sheet, const hd_row *row, size_t r,
                     const hd_timeline_days *days) {
    const hd_series *series = any_of(row);
    hd_html_add(html, "<h4>%s <small>%s, %zu thread%s</small></h4>\n<div class=\"charts small\">\n",
                series->device, series->machine, series->threads, series->threads == 1 ? "" : "s");
    draw(html, sheet, r, HD_ASPECT_TIME, days);
    draw(html, sheet, r, has_memory(row) ? HD_ASPECT_DEVICE : HD_ASPECT_MEMORY, days);
    draw(html, sheet, r, HD_ASPECT_SHARE, days);
    hd_html_add(html, "</div>\n");
    draw_folded(html, sheet, row, r, days);
}

static hd_status write_experiment(hd_html *html, const hd_history_page_data *page, const hd_row *rows,
                                  size_t count, const hd_timeline_days *days, hd_error *error) {
    hd_sheet sheet = {{NULL}, {NULL}};
    const hd_series *series = any_of(&rows[0]);
    bool filled = fill_sheet(&sheet, page, rows, count);
    if (filled) {
        hd_html_add(html, "<h3 id=\"s%.0f\">%s", (double)series->id, series->experiment);
        if (series->renamed)
            hd_html_add(html, " <small>%.8s, data %.8s</small>", series->experiment_sha256,
                        series->data_sha256);
        hd_html_add(html, "</h3>\n");
        write_comparison(html, page, rows, count);
        for (size_t r = 0; r < count; r++) draw_row(html, &sheet, &rows[r], r, days);
    }
    free_sheet(&sheet, count);
    return filled ? HD_OK
                  : hd_fail(error, HD_UNAVAILABLE, "no memory for the charts of %s", series->experiment);
}

/* --- all experiments --- */

/* CPU before GPU, and forward before reverse, within an experiment. */
static int by_row(const void *a, const void *b) {
    const hd_series *x = *(const hd_series *const *)a, *y = *(const hd_series *const *)b;
    int order = strcmp(x->experiment, y->experiment);
    if (!order) order = strcmp(x->experiment_sha256, y->experiment_sha256);
    if (!order) order = strcmp(x->data_sha256, y->data_sha256);
    if (!order) order = strcmp(x->device, y->device);
    if (!order) order = strcmp(x->machine, y->machine);
    if (!order) order = (x->threads > y->threads) - (x->threads < y->threads);
    return order ? order : (x->mode > y->mode) - (x->mode < y->mode);
}

/* Fills rows[series_count] from the trend and gives their number; sorted[series_count] is scratch. */
static size_t find_rows(const hd_trend *trend, const hd_series **sorted, hd_row *rows) {
    size_t count = 0;
    for (size_t s = 0; s < trend->series_count; s++) sorted[s] = &trend->series[s];
    qsort(sorted, trend->series_count, sizeof *sorted, by_row);
    for (size_t s = 0; s < trend->series_count; s++) {
        if (!s || !same_row(sorted[s - 1], sorted[s])) rows[count++] = (hd_row){{NULL}};
        rows[count - 1].modes[sorted[s]->mode] = sorted[s];
    }
    return count;
}

static hd_timeline_days choose_days(const hd_trend *trend, const hd_row *rows, size_t count) {
    size_t charts = 0;
    for (size_t r = 0; r < count; r++) charts += has_memory(&rows[r]) ? HD_ASPECTS : HD_ASPECTS - 1;
    return hd_timeline_days_between(trend->nights[0].moment / DAY,
                                    trend->nights[trend->night_count - 1].moment / DAY, COLUMNS / charts);
}

static void write_introduction(hd_html *html, const hd_trend *trend, const hd_timeline_days *days) {
    size_t learning = 0;
    for (size_t s = 0; s < trend->series_count; s++) learning += trend->series[s].learning[HD_COST_TIME] > 0;
    hd_html_add(html, "<h3 id=\"series\">Time, memory and tolerances, night by night</h3>\n"
                      "<p class=\"legend\"><span><i class=\"key l0\"></i>forward</span><span><i class=\"key "
                      "l1\"></i>reverse</span><span><b class=\"worse\">|</b> slower or larger from here on, "
                      "or other numbers</span><span><b class=\"better\">|</b> faster or "
                      "smaller</span><span><b class=\"other\">|</b> different bits</span><span><b "
                      "class=\"worse\">×</b> failed</span></p>\n"
                      "<p>Time is in units of what the run’s own matrix products take alone, measured in the "
                      "same run, so that a slow night of the machine cancels; what they take by themselves "
                      "is folded away below, unless it changed. Dots are nights, lines the level (median) "
                      "from one change to the next. Within an experiment the charts of a kind have one axis; "
                      "where their levels are more than a factor of two apart each has its own, spanning the "
                      "same factor, so that the same change in per cent is the same height. What is beyond "
                      "an axis is drawn at its end.</p>\n");
    if (days->stretch > 1)
        hd_html_add(
            html,
            "<p class=\"note\">Each column stands for %zu days: a stroke from the least to the greatest of "
            "its nights. It leads to the night in it that failed or changed a level, else to its last.</p>\n",
            days->stretch);
    if (learning)
        hd_html_add(
            html,
            "<p class=\"note\">Still learning: %zu of %zu series, with too few nights for a change of "
            "level to be told from chance.</p>\n",
            learning, trend->series_count);
}

hd_status hd_page_series(hd_html *html, const hd_history_page_data *page, hd_error *error) {
    const hd_trend *trend = &page->trend;
    if (!trend->series_count) return HD_OK;
    hd_row *rows = calloc(trend->series_count, sizeof *rows);
    const hd_series **sorted = calloc(trend->series_count, sizeof(hd_series *));
    hd_status status = HD_OK;
    if (!rows || !sorted)
        status = hd_fail(error, HD_UNAVAILABLE, "no memory for %zu series", trend->series_count);
    size_t count = status == HD_OK ? find_rows(trend, sorted, rows) : 0;
    hd_timeline_days days = {0};
    if (count) days = choose_days(trend, rows, count);
    if (count) write_introduction(html, trend, &days);
    for (size_t r = 0, run; r < count && status == HD_OK; r += run) {
        for (run = 1; r + run < count && same_experiment(any_of(&rows[r]), any_of(&rows[r + run]));) run++;
        status = write_experiment(html, page, &rows[r], run, &days, error);
    }
    free(rows);
    free(sorted);
    return status;
}
