/* Charts as SVG inside HTML, each in a <figure>: they scale with the page and need no script. style.css has
 * the colours: classes l0, l1, ... of lines, d0, d1, ... of dots, h0 .. h15 of heat. */
#ifndef HD_REPORT_HTML_CHART_H
#define HD_REPORT_HTML_CHART_H

#include "report/html/chart_axis.h"

enum { HD_CHART_LINES = 3, HD_HEAT_LEVELS = 16 };

/* An x, and a y for each of a chart's lines; NaN: that line has none. */
typedef struct hd_chart_point {
    double x, y[HD_CHART_LINES];
} hd_chart_point;

/* What charts side by side share. */
typedef struct hd_chart_range {
    hd_range x, y; /* y: all finite values, if logarithmic all positive ones */
    bool logarithmic;
    bool zeros; /* logarithmic, and some y are zero: these get a line of their own at the bottom */
} hd_chart_range;

/* Makes an empty range from x_from to x_to; extends it to hold points[count]. */
hd_chart_range hd_chart_range_empty(double x_from, double x_to, bool logarithmic);
void hd_chart_range_extend(hd_chart_range *range, const hd_chart_point *points, size_t count);

typedef struct hd_chart {
    const char *title, *description; /* description: for those who cannot see it */
    const char *x_label;
    const char *line[HD_CHART_LINES]; /* short names, written at their ends; NULL: no such line */
    const hd_chart_point *points;     /* [count], by ascending x */
    size_t count;
    double mark; /* marks x from here to mark + 1; NaN: none */
    const char *mark_name;
} hd_chart;

/* Draws lines, broken where more than one x is missing. If there are more points than can be seen, draws the
 * least and the greatest of each stretch; the caption says so. An infinite y is at the top. */
void hd_chart_lines(hd_html *html, const hd_chart *chart, const hd_chart_range *range);

/* How often something happened in a row at x. */
typedef struct hd_chart_dot {
    size_t row, kind; /* kind: its colour, below 4 */
    double x, count;
} hd_chart_dot;

/* Draws dots whose area grows with the logarithm of their count. names[rows]. */
void hd_chart_dots(hd_html *html, const char *title, const char *description, const char *x_label,
                   const char *const *names, size_t rows, const hd_chart_dot *dots, size_t count,
                   const hd_chart_range *range);

/* Draws values[rows][columns], none negative, as coloured squares with a scale. 0 and NaN are blank; an
 * infinite one has the last colour. With more than 96 rows or columns a square shows the greatest of several
 * values; the caption says so. */
void hd_chart_heat(hd_html *html, const char *title, const char *description, size_t rows, size_t columns,
                   const double *values);

#endif
