#include "report/html/chart.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* A chart's own units: about a CSS pixel each in a column of the page. */
enum { WIDTH = 440, HEIGHT = 250, LEFT = 48, RIGHT = 76, TOP = 20, BOTTOM = 40, STRETCHES = 150 };

/* --- ranges and scales --- */

hd_chart_range hd_chart_range_empty(double x_from, double x_to, bool logarithmic) {
    return (hd_chart_range){{x_from, x_to > x_from ? x_to : x_from + 1}, {NAN, NAN}, logarithmic, false};
}

void hd_chart_range_extend(hd_chart_range *range, const hd_chart_point *points, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (size_t l = 0; l < HD_CHART_LINES; l++) {
            double y = points[i].y[l];
            range->zeros |= range->logarithmic && y == 0;
            if (isfinite(y) && !(range->logarithmic && y <= 0)) hd_range_include(&range->y, y);
        }
}

static hd_scale x_scale(const hd_chart_range *range, double left, double right) {
    return (hd_scale){range->x.low, range->x.high, left, right, false};
}

/* A logarithmic axis in decades; zeros, if any, have the lowest. */
static hd_scale y_scale(const hd_chart_range *range) {
    hd_scale s = {range->y.low, range->y.high, HEIGHT - BOTTOM, TOP, range->logarithmic};
    if (isnan(s.from)) s.from = range->logarithmic ? 1e-8 : 0, s.to = 1;
    if (range->logarithmic) {
        s.from = floor(log10(s.from)) - (range->zeros ? 1 : 0);
        s.to = ceil(log10(s.to));
    }
    if (!(s.to > s.from)) s.from -= 1, s.to += 1;
    return s;
}

/* --- axes --- */

static void x_axis(hd_html *html, hd_scale s, double y, const char *label) {
    enum { MOST = 8 };
    double apart = fmax(1, hd_tick_distance(s.to - s.from, MOST));
    hd_tick ticks[MOST + 1];
    size_t count = 0;
    for (int n = (int)ceil(s.from / apart); n <= (int)floor(s.to / apart) && count <= MOST; n++) {
        ticks[count].at = n * apart;
        snprintf(ticks[count++].label, HD_DATE, "%.0f", n * apart);
    }
    hd_axis_x(html, s, y, 4, "m", ticks, count);
    hd_html_add(html, "<text x=\"%.1f\" y=\"%.1f\" class=\"m soft\">%s</text>\n", (s.low + s.high) / 2,
                y + 32, label);
}

static void decades(const hd_y_axis *axis, bool zeros) {
    int from = (int)axis->scale.from, to = (int)axis->scale.to, apart = (to - from + 6) / 7;
    for (int power = to; power >= from + zeros; power -= apart) {
        hd_y_axis_line(axis, pow(10, power));
        if (abs(power) <= 2)
            hd_html_add(axis->html, "%g</text>", pow(10, power));
        else
            hd_html_add(axis->html, "10<tspan dy=\"-4\" class=\"power\">%d</tspan></text>", power);
    }
    if (zeros) hd_y_axis_tick(axis, 0);
}

static void y_axis(hd_html *html, const hd_chart_range *range) {
    hd_y_axis axis = {html, y_scale(range), LEFT - 6, LEFT, WIDTH - RIGHT, 3};
    if (range->logarithmic)
        decades(&axis, range->zeros);
    else
        hd_y_axis_ticks(&axis, (hd_range){axis.scale.from, axis.scale.to}, 5);
}

/* --- lines --- */

/* One line's pen: it lifts if more than `apart` of x is missing. */
typedef struct hd_pen {
    hd_html *html;
    hd_scale x, y;
    double apart, last_x, last_y; /* x as values, last_y as a place */
} hd_pen;

static void draw(hd_pen *pen, double x, double y) {
    double at = hd_scale_place(pen->y, y);
    bool lifted = !(x - pen->last_x <= pen->apart);
    hd_html_add(pen->html, "%c%.1f %.1f", lifted ? 'M' : 'L', hd_scale_place(pen->x, x), at);
    if (lifted) hd_html_add(pen->html, "h0"); /* its round end shows a point that stands alone */
    pen->last_x = x;
    pen->last_y = at;
}

/* Draws the least and the greatest of a stretch of the line, in their order; gives the index after it. */
static size_t draw_stretch(hd_pen *pen, const hd_chart *chart, size_t line, size_t i, double end) {
    size_t least = SIZE_MAX, most = SIZE_MAX;
    for (; i < chart->count && (chart->points[i].x < end); i++) {
        double y = chart->points[i].y[line];
        if (isnan(y)) continue;
        if (least == SIZE_MAX || y < chart->points[least].y[line]) least = i;
        if (most == SIZE_MAX || y > chart->points[most].y[line]) most = i;
    }
    if (least == SIZE_MAX) return i;
    size_t first = least < most ? least : most, second = least < most ? most : least;
    draw(pen, chart->points[first].x, chart->points[first].y[line]);
    if (second != first) draw(pen, chart->points[second].x, chart->points[second].y[line]);
    return i;
}

/* Draws a line and gives the place of its end, NaN if it has no point. stretch: the x that two points stand
 * for; 0: draws all points. */
static double draw_line(hd_html *html, const hd_chart *chart, size_t line, const hd_chart_range *range,
                        double stretch) {
    hd_pen pen = {.html = html,
                  .x = x_scale(range, LEFT, WIDTH - RIGHT),
                  .y = y_scale(range),
                  .apart = stretch > 0 ? 2 * stretch : 1,
                  .last_x = NAN,
                  .last_y = NAN};
    hd_html_add(html, "<path class=\"line l%zu\" d=\"", line);
    for (size_t i = 0; stretch == 0 && i < chart->count; i++)
        if (!isnan(chart->points[i].y[line])) draw(&pen, chart->points[i].x, chart->points[i].y[line]);
    double end = range->x.low;
    for (size_t i = 0; stretch > 0 && i < chart->count;)
        i = draw_stretch(&pen, chart, line, i, end += stretch);
    hd_html_add(html, "\"/>\n");
    return pen.last_y;
}

static void draw_mark(hd_html *html, const hd_chart *chart, const hd_chart_range *range) {
    hd_scale s = x_scale(range, LEFT, WIDTH - RIGHT);
    if (isnan(chart->mark)) return;
    double from = hd_scale_place(s, chart->mark), to = hd_scale_place(s, chart->mark + 1);
    hd_html_add(html,
                "<rect class=\"mark\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>"
                "<text x=\"%.1f\" y=\"%d\" class=\"%c soft\">%s</text>",
                from, TOP, fmax(to - from, 1.5), HEIGHT - BOTTOM - TOP,
                from < WIDTH / 2.0 ? to + 4 : from - 4, TOP - 6, from < WIDTH / 2.0 ? 's' : 'e',
                chart->mark_name);
}

void hd_chart_lines(hd_html *html, const hd_chart *chart, const hd_chart_range *range) {
    double end[HD_CHART_LINES] = {NAN, NAN, NAN};
    bool thinned = chart->count > 2 * STRETCHES;
    double stretch = thinned ? ceil((range->x.high - range->x.low) / STRETCHES) : 0;
    hd_figure_begin(html, "img", chart->title, chart->description, WIDTH, HEIGHT);
    y_axis(html, range);
    x_axis(html, x_scale(range, LEFT, WIDTH - RIGHT), HEIGHT - BOTTOM, chart->x_label);
    draw_mark(html, chart, range);
    for (size_t l = HD_CHART_LINES; l-- > 0;) /* the first one on top */
        if (chart->line[l]) end[l] = draw_line(html, chart, l, range, stretch);
    hd_line_names(html, WIDTH - RIGHT + 7, HEIGHT - BOTTOM, chart->line, end, HD_CHART_LINES);
    hd_html_add(html, "</svg>");
    if (thinned)
        hd_html_add(html, "<p class=\"note\">Of every %.0f steps, the least and the greatest are drawn.</p>",
                    stretch);
    hd_html_add(html, "</figure>\n");
}

/* --- dots --- */

void hd_chart_dots(hd_html *html, const char *title, const char *description, const char *x_label,
                   const char *const *names, size_t rows, const hd_chart_dot *dots, size_t count,
                   const hd_chart_range *range) {
    enum { NAMES = 108, ROW = 24, EDGE = 14 };
    double bottom = TOP + ROW * (double)rows, most = 1;
    hd_scale s = x_scale(range, NAMES + 10, WIDTH - EDGE);
    for (size_t i = 0; i < count; i++) most = fmax(most, dots[i].count);
    hd_figure_begin(html, "img", title, description, WIDTH, bottom + BOTTOM);
    for (size_t r = 0; r < rows; r++) {
        double y = TOP + ROW * ((double)r + 0.5);
        hd_html_add(
            html, "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" class=\"e\">%s</text>\n",
            NAMES, y, WIDTH - EDGE, NAMES - 6, y + 4, names[r]);
    }
    x_axis(html, s, bottom, x_label);
    for (size_t i = 0; i < count; i++)
        hd_html_add(html,
                    "<circle class=\"d%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"><title>%s: %.0f at %.0f"
                    "</title></circle>\n",
                    dots[i].kind, hd_scale_place(s, dots[i].x), TOP + ROW * ((double)dots[i].row + 0.5),
                    1.5 + 7 * sqrt(log1p(dots[i].count) / log1p(fmax(most, 10))), names[dots[i].row],
                    dots[i].count, dots[i].x);
    hd_html_add(html, "</svg></figure>\n");
}

/* --- heat --- */

/* Values in squares, each the greatest of a block. */
typedef struct hd_squares {
    size_t rows, columns, block_rows, block_columns;
    const double *values;
    size_t value_rows, value_columns;
    double greatest;
} hd_squares;

static double square(const hd_squares *s, size_t row, size_t column) {
    double most = 0;
    size_t r_end = (row + 1) * s->block_rows, c_end = (column + 1) * s->block_columns;
    for (size_t r = row * s->block_rows; r < r_end && r < s->value_rows; r++)
        for (size_t c = column * s->block_columns; c < c_end && c < s->value_columns; c++)
            most = fmax(most, s->values[r * s->value_columns + c]);
    return most;
}

enum { MOST_SQUARES = 96 }; /* in a row or a column */

/* 0: blank; else 1 .. HD_HEAT_LEVELS. */
static int heat_level(const hd_squares *s, size_t row, size_t column) {
    double value = square(s, row, column);
    if (!(value > 0)) return 0;
    return value < s->greatest ? (int)ceil(HD_HEAT_LEVELS * (value / s->greatest)) : HD_HEAT_LEVELS;
}

/* Draws a level's squares as one path, with neighbours in a row as one rectangle. */
static void draw_level(hd_html *html, const hd_squares *s, const int *levels, int level, double side,
                       double high) {
    hd_html_add(html, "<path class=\"h%d\" d=\"", level - 1);
    for (size_t r = 0; r < s->rows; r++)
        for (size_t c = 0, run; c < s->columns; c += run) {
            for (run = 1;
                 c + run < s->columns && levels[r * s->columns + c + run] == levels[r * s->columns + c];)
                run++;
            if (levels[r * s->columns + c] == level)
                hd_html_add(html, "M%.4g %.4gh%.4gv%.4gh-%.4gz", (double)c * side, (double)r * high,
                            (double)run * side, high, (double)run * side);
        }
    hd_html_add(html, "\"/>\n");
}

static void draw_scale(hd_html *html, double greatest, double y) {
    char text[HD_HTML_NUMBER];
    double width = 200.0 / HD_HEAT_LEVELS;
    for (int l = 0; l < HD_HEAT_LEVELS; l++)
        hd_html_add(html, "<path class=\"h%d\" d=\"M%.1f %.1fh%.1fv10h-%.1fz\"/>", l, 20 + l * width, y,
                    width, width);
    hd_html_add(html, "<text x=\"16\" y=\"%.1f\" class=\"e\">0</text><text x=\"226\" y=\"%.1f\">%s</text>",
                y + 9, y + 9, hd_html_number(greatest, 3, text));
}

void hd_chart_heat(hd_html *html, const char *title, const char *description, size_t rows, size_t columns,
                   const double *values) {
    enum { SIDE = 300 };
    int levels[MOST_SQUARES * MOST_SQUARES] = {0};
    hd_squares s = {.values = values, .value_rows = rows, .value_columns = columns};
    s.block_rows = (rows + MOST_SQUARES - 1) / MOST_SQUARES;
    s.block_columns = (columns + MOST_SQUARES - 1) / MOST_SQUARES;
    s.rows = (rows + s.block_rows - 1) / s.block_rows;
    s.columns = (columns + s.block_columns - 1) / s.block_columns;
    for (size_t i = 0; i < rows * columns; i++)
        if (isfinite(values[i])) s.greatest = fmax(s.greatest, values[i]);
    double side = SIDE / (double)s.columns, high = rows == 1 ? 28 : side, bottom = high * (double)s.rows;
    hd_figure_begin(html, "img", title, description, SIDE, bottom + 30);
    hd_html_add(html, "<rect class=\"blank\" width=\"%d\" height=\"%.4g\"/>", SIDE, bottom);
    for (size_t i = 0; i < s.rows * s.columns; i++) levels[i] = heat_level(&s, i / s.columns, i % s.columns);
    for (int l = 1; l <= HD_HEAT_LEVELS; l++) draw_level(html, &s, levels, l, side, high);
    if (s.greatest > 0)
        draw_scale(html, s.greatest, bottom + 14);
    else
        hd_html_add(html, "<text x=\"0\" y=\"%.1f\" class=\"s soft\">no difference</text>", bottom + 22);
    hd_html_add(html, "</svg>");
    if (s.block_rows > 1 || s.block_columns > 1)
        hd_html_add(html, "<p class=\"note\">Each square shows the greatest of %zu by %zu.</p>", s.block_rows,
                    s.block_columns);
    hd_html_add(html, "</figure>\n");
}
