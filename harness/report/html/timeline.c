#include "report/html/timeline.h"

#include <math.h>
#include <string.h>

/* A chart's own units: about a CSS pixel each with three charts side by side. */
enum { WIDTH = 330, HEIGHT = 138, LEFT = 38, RIGHT = 50, TOP = 34, BOTTOM = 20, LABEL = 13 };

/* --- the x axis --- */

hd_timeline_days hd_timeline_days_between(double first, double last, size_t most) {
    static const size_t stretches[] = {1, 2, 4, 7, 14, 28, 91, 364};
    enum { LEAST = 14 };
    size_t length = (size_t)(floor(last) - floor(first)) + 1, stretch = 1;
    if (most > HD_TIMELINE_COLUMNS) most = HD_TIMELINE_COLUMNS;
    if (most < LEAST) most = LEAST;
    for (size_t i = 0; i < sizeof stretches / sizeof *stretches && length > stretch * most; i++)
        stretch = stretches[i];
    while (length > stretch * most) stretch *= 2;
    size_t columns = (length + stretch - 1) / stretch;
    if (columns < LEAST) columns = LEAST;
    return (hd_timeline_days){floor(last) + 1 - (double)(columns * stretch), columns, stretch};
}

static size_t column_of(const hd_timeline_days *days, double day) {
    double column = floor((day - days->from) / (double)days->stretch);
    return (size_t)fmin(fmax(column, 0), (double)days->columns - 1);
}

static double column_day(const hd_timeline_days *days, double column) {
    return days->from + column * (double)days->stretch;
}

static hd_scale x_scale(const hd_timeline_days *days) {
    return (hd_scale){0, (double)days->columns, LEFT, WIDTH - RIGHT, false};
}

/* --- the y axis --- */

void hd_timeline_extend(hd_range *range, const hd_timeline_line *line) {
    static const double beyond = 1.6;
    hd_range levels = {NAN, NAN};
    for (size_t i = 0; i < line->level_count; i++) hd_range_include(&levels, line->levels[i].value);
    hd_range_include(range, levels.low);
    hd_range_include(range, levels.high);
    for (size_t i = 0; i < line->count; i++) {
        double value = line->points[i].value;
        bool outlier = value > levels.high * beyond || value < levels.low / beyond;
        if (isfinite(value) && value > 0 && !outlier) hd_range_include(range, value);
    }
}

void hd_timeline_align(hd_range *ranges, size_t count) {
    static const double least = 1.25, most = 2, edge = 1.02;
    hd_range all = {NAN, NAN};
    double widest = 1;
    for (size_t i = 0; i < count; i++) {
        hd_range_include(&all, ranges[i].low);
        hd_range_include(&all, ranges[i].high);
        widest = fmax(widest, ranges[i].high / ranges[i].low);
    }
    bool together = all.high / all.low <= most;
    double factor = fmax(least, edge * edge * (together ? all.high / all.low : widest));
    for (size_t i = 0; i < count; i++) {
        const hd_range *held = together ? &all : &ranges[i];
        double middle = sqrt(held->low * held->high);
        if (!isnan(ranges[i].low)) ranges[i] = (hd_range){middle / sqrt(factor), middle * sqrt(factor)};
    }
}

static hd_scale y_scale(const hd_range *range) {
    return (hd_scale){log10(range->low), log10(range->high), HEIGHT - BOTTOM, TOP, true};
}

/* --- what a column shows --- */

typedef struct hd_column {
    double least, most; /* NaN: no value */
    size_t count;
    double seconds; /* of the last value */
    size_t run;
    bool matters, failed;
} hd_column;

static void gather(const hd_timeline_line *line, const hd_timeline_days *days, hd_column *columns) {
    for (size_t c = 0; c < days->columns; c++) columns[c] = (hd_column){.least = NAN, .most = NAN};
    for (size_t i = 0; i < line->count; i++) {
        const hd_timeline_point *point = &line->points[i];
        hd_column *column = &columns[column_of(days, point->day)];
        if (isnan(point->value)) continue;
        column->least = fmin(column->least, point->value);
        column->most = fmax(column->most, point->value);
        column->count++;
        column->seconds = point->seconds;
        if (point->run && (point->matters || !column->matters)) column->run = point->run;
        column->matters |= point->matters;
        column->failed |= point->failed;
    }
}

/* --- drawing --- */

static void draw_days(hd_html *html, const hd_timeline_days *days) {
    hd_tick ticks[HD_DATE_TICKS];
    double first = column_day(days, 0), end = column_day(days, (double)days->columns);
    size_t count = hd_date_ticks(first, end - 1, ticks);
    double half = days->stretch == 1 ? 0.5 : 0; /* a day's own column */
    for (size_t i = 0; i < count; i++) ticks[i].at = (ticks[i].at - first) / (double)days->stretch + half;
    hd_axis_x(html, x_scale(days), HEIGHT - BOTTOM, 3, "m soft", ticks, count);
}

/* Draws round numbers: over less than a factor of two at equal distances; else those about equally far apart
 * on a logarithmic axis, and over decades powers of ten. */
static void draw_values(hd_html *html, const hd_range *range) {
    static const double digits[] = {1, 1.5, 2, 3, 5, 7};
    hd_y_axis axis = {html, y_scale(range), LEFT - 4, LEFT, WIDTH - RIGHT, 4};
    double factor = range->high / range->low;
    if (factor < 2) hd_y_axis_ticks(&axis, *range, 4);
    for (int power = (int)floor(axis.scale.from); factor >= 2 && power <= axis.scale.to; power++)
        for (size_t i = 0; i < (factor > 12 ? 1 : sizeof digits / sizeof *digits); i++) {
            double value = digits[i] * pow(10, power);
            if (value >= range->low * (1 - 1e-9) && value <= range->high * (1 + 1e-9))
                hd_y_axis_tick(&axis, value);
        }
}

/* Draws the columns, least to greatest, as one path, and crosses where something failed as another. */
static void draw_columns(hd_html *html, size_t line, const hd_timeline_days *days, const hd_column *columns,
                         hd_scale y) {
    hd_scale x = x_scale(days);
    bool failed = false;
    hd_html_add(html, "<path class=\"dots l%zu\" stroke-width=\"%.1f\" d=\"", line,
                fmin(4, fmax(1.5, 0.8 * (x.high - x.low) / (double)days->columns)));
    for (size_t c = 0; c < days->columns; c++) {
        failed |= columns[c].failed;
        if (isnan(columns[c].least)) continue;
        double low = hd_scale_place(y, columns[c].least), high = hd_scale_place(y, columns[c].most);
        hd_html_add(html, "M%.1f %.1fv%.3g", hd_scale_place(x, (double)c + 0.5), low, high - low);
    }
    hd_html_add(html, "\"/>\n");
    if (!failed) return;
    hd_html_add(html, "<path class=\"cross\" d=\"");
    for (size_t c = 0; c < days->columns; c++)
        if (columns[c].failed)
            hd_html_add(html, "M%.1f %.1fl6 6m-6 0l6-6", hd_scale_place(x, (double)c + 0.5) - 3,
                        hd_scale_place(y, columns[c].most) - 3);
    hd_html_add(html, "\"/>\n");
}

static void draw_levels(hd_html *html, size_t number, const hd_timeline_line *line,
                        const hd_timeline_days *days, hd_scale y) {
    hd_scale x = x_scale(days);
    if (!line->level_count) return;
    hd_html_add(html, "<path class=\"line l%zu\" d=\"", number);
    for (size_t i = 0; i < line->level_count; i++) {
        const hd_timeline_level *level = &line->levels[i];
        hd_html_add(html, "M%.1f %.1fH%.1f", hd_scale_place(x, (double)column_of(days, level->from)),
                    hd_scale_place(y, level->value),
                    hd_scale_place(x, (double)column_of(days, level->to) + 1));
    }
    hd_html_add(html, "\"/>\n");
}

/* The value at which a line ends: its last level, else its last value; NaN: none. */
static double end_of(const hd_timeline_line *line) {
    if (line->level_count) return line->levels[line->level_count - 1].value;
    for (size_t i = line->count; i-- > 0;)
        if (!isnan(line->points[i].value)) return line->points[i].value;
    return NAN;
}

static void draw_names(hd_html *html, const hd_timeline *timeline, hd_scale y) {
    const char *names[HD_TIMELINE_LINES];
    double places[HD_TIMELINE_LINES];
    for (size_t l = 0; l < HD_TIMELINE_LINES; l++) {
        double end = end_of(&timeline->line[l]);
        names[l] = timeline->line[l].name;
        places[l] = isnan(end) ? NAN : hd_scale_place(y, end);
    }
    hd_line_names(html, WIDTH - RIGHT + 4, HEIGHT - BOTTOM, names, places, HD_TIMELINE_LINES);
}

/* Finds a row with room for a label of this width beside `at`; in each row the labels so far begin at
 * free_until. Tries the line's own row first; HD_TIMELINE_LINES: none. *right: the label is right of `at`. */
static size_t find_row(const double free_until[HD_TIMELINE_LINES], size_t line, double at, double width,
                       bool *right) {
    for (size_t i = 0; i < HD_TIMELINE_LINES; i++) {
        size_t row = (line + i) % HD_TIMELINE_LINES;
        *right = at + width < free_until[row];
        if (*right || (at < free_until[row] && at - width > 0)) return row;
    }
    return HD_TIMELINE_LINES;
}

/* Whether a newer mark of its line and colour in its column would cover this one. */
static bool is_covered(const hd_timeline *timeline, const hd_timeline_days *days, size_t mark) {
    const hd_timeline_mark *marks = timeline->marks;
    size_t column = column_of(days, marks[mark].day);
    for (size_t i = mark + 1; i < timeline->mark_count && column_of(days, marks[i].day) == column; i++)
        if (marks[i].line == marks[mark].line && !strcmp(marks[i].colour, marks[mark].colour)) return true;
    return false;
}

/* Draws the marks, the newest first, with their labels in rows above so that none covers another. */
static void draw_marks(hd_html *html, const hd_timeline *timeline, const hd_timeline_days *days) {
    static const double letter = 6.3; /* average width, of a wide typeface */
    hd_scale x = x_scale(days);
    double free_until[HD_TIMELINE_LINES];
    for (size_t l = 0; l < HD_TIMELINE_LINES; l++) free_until[l] = WIDTH;
    for (size_t i = timeline->mark_count; i-- > 0;) {
        const hd_timeline_mark *mark = &timeline->marks[i];
        bool right;
        if (is_covered(timeline, days, i)) continue;
        double at = hd_scale_place(x, (double)column_of(days, mark->day)),
               width = letter * (double)strlen(mark->label);
        size_t row = find_row(free_until, mark->line, at, width, &right);
        bool room = row < HD_TIMELINE_LINES;
        double base = LABEL * (double)(row + 1) - 2;
        hd_html_add(html, "<a href=\"%s\"><title>%s</title><path class=\"cut %s\" d=\"M%.1f %.1fV%d\"/>",
                    mark->link, mark->title, mark->colour, at, room ? base - 9 : TOP - 4.0, HEIGHT - BOTTOM);
        if (room) {
            hd_html_add(html, "<text x=\"%.1f\" y=\"%.1f\" class=\"%c %s\">%s</text>",
                        right ? at + 4 : at - 4, base, right ? 's' : 'e', mark->colour, mark->label);
            free_until[row] = right ? at : at - width;
        }
        hd_html_add(html, "</a>\n");
    }
}

static void write_amounts(hd_html *html, const char *name, const hd_column *column, const char *unit) {
    char text[HD_HTML_NUMBER];
    if (isnan(column->least)) return;
    hd_html_add(html, ", %s %s", name, hd_html_number(column->least, 3, text));
    if (column->most > column->least) hd_html_add(html, "–%s", hd_html_number(column->most, 3, text));
    hd_html_add(html, "%s", unit);
    if (column->count == 1 && !isnan(column->seconds))
        hd_html_add(html, " (%s s)", hd_html_number(column->seconds, 3, text));
    if (column->failed) hd_html_add(html, " failed");
}

/* Puts a link over each column with a value; its title shows the values. */
static void draw_links(hd_html *html, const hd_timeline *timeline, const hd_timeline_days *days,
                       hd_column columns[][HD_TIMELINE_COLUMNS]) {
    hd_scale x = x_scale(days);
    hd_html_add(html, "<g class=\"nights\" stroke-width=\"%.1f\">\n",
                (x.high - x.low) / (double)days->columns);
    for (size_t c = 0; c < days->columns; c++) {
        const hd_column *leads = NULL; /* the first line's, unless only the second one's matters */
        for (size_t l = 0; l < HD_TIMELINE_LINES; l++)
            if (columns[l][c].run && (!leads || (columns[l][c].matters && !leads->matters)))
                leads = &columns[l][c];
        if (!leads) continue;
        char text[HD_DATES];
        double first = column_day(days, (double)c), end = column_day(days, (double)c + 1);
        hd_html_add(html, leads->matters ? "<a href=\"#r%zu\">" : "<a href=\"#r%zu\" tabindex=\"-1\">",
                    leads->run);
        hd_html_add(html, "<title>%s", hd_dates_text(first, end - 1, text));
        for (size_t l = 0; l < HD_TIMELINE_LINES; l++)
            write_amounts(html, timeline->line[l].name, &columns[l][c], timeline->unit);
        hd_html_add(html, "</title><path d=\"M%.1f %dV%d\"/></a>\n", hd_scale_place(x, (double)c + 0.5), TOP,
                    HEIGHT - BOTTOM);
    }
    hd_html_add(html, "</g>\n");
}

void hd_timeline_draw(hd_html *html, const hd_timeline *timeline, const hd_timeline_days *days,
                      const hd_range *range) {
    hd_column columns[HD_TIMELINE_LINES][HD_TIMELINE_COLUMNS];
    hd_scale y = y_scale(range);
    hd_figure_begin(html, "group", timeline->title, timeline->description, WIDTH, HEIGHT);
    draw_days(html, days);
    if (isnan(range->low))
        hd_html_add(html, "<text x=\"%d\" y=\"%d\" class=\"soft\">not measured</text>", LEFT + 8,
                    HEIGHT / 2 + 12);
    else {
        draw_values(html, range);
        if (timeline->limit >= range->low && timeline->limit <= range->high)
            hd_html_add(html, "<path class=\"limit\" d=\"M%d %.1fH%d\"/>", LEFT,
                        hd_scale_place(y, timeline->limit), WIDTH - RIGHT);
        for (size_t l = 0; l < HD_TIMELINE_LINES; l++) {
            gather(&timeline->line[l], days, columns[l]);
            if (timeline->line[l].name) draw_columns(html, l, days, columns[l], y);
        }
        for (size_t l = 0; l < HD_TIMELINE_LINES; l++) draw_levels(html, l, &timeline->line[l], days, y);
        draw_links(html, timeline, days, columns);
        draw_marks(html, timeline, days);
        draw_names(html, timeline, y);
    }
    hd_html_add(html, "</svg></figure>\n");
}
