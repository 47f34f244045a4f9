/* Charts as SVG inside HTML, each in a <figure> of its own: they scale with the page and need no script.
 * Colours come from style.css: classes l0, l1, ... of lines, d0, d1, ... of dots, h0 .. h15
 * of heat. */
#ifndef HD_REPORT_HTML_CHART_H
#define HD_REPORT_HTML_CHART_H

#include "report/html/chart_axis.h"

enum { HD_CHART_LINES = 3, HD_HEAT_LEVELS = 16 };

/* A point of a chart's lines: the same x, a y each; NaN where a line has none. */
typedef struct hd_chart_point {
    double x, y[HD_CHART_LINES];
} hd_chart_point;

/* What charts that stand side by side have in common. */
typedef struct hd_chart_range {
    hd_range x, y; /* y: of all that is finite and, if logarithmic, positive */
    bool logarithmic;
    bool zeros; /* logarithmic, and some are zero: they are drawn on a line of their own below */
} hd_chart_range;

/* An empty range from x_from to x_to, and what makes it hold points[count]. */
hd_chart_range hd_chart_range_empty(double x_from, double x_to, bool logarithmic);
void hd_chart_range_extend(hd_chart_range *range, const hd_chart_point *points, size_t count);

typedef struct hd_chart {
    const char *title, *description; /* the description is for those who do not see it */
    const char *x_label;
    const char *line[HD_CHART_LINES]; /* their names, short, written at their ends; NULL: no such line */
    const hd_chart_point *points;     /* [count], by ascending x */
    size_t count;
    double mark; /* an x to be marked, from there to mark + 1; NaN: none */
    const char *mark_name;
} hd_chart;

/* Lines, broken where more than one step of x is missing. Of more points than can be seen the least and the
 * greatest of each stretch are drawn, which the caption then says. An infinite y is drawn at the top. */
void hd_chart_lines(hd_html *html, const hd_chart *chart, const hd_chart_range *range);

/* How often something happened in a row at an x. */
typedef struct hd_chart_dot {
    size_t row, kind; /* kind: its colour, below 4 */
    double x, count;
} hd_chart_dot;

/* Dots whose area goes with the logarithm of their count. names[rows]. */
void hd_chart_dots(hd_html *html, const char *title, const char *description, const char *x_label,
                   const char *const *names, size_t rows, const hd_chart_dot *dots, size_t count,
                   const hd_chart_range *range);

/* values[rows][columns], none negative, as coloured squares with a scale; 0 and NaN are left blank, what is
 * infinite has the last colour. Of more than 96 rows or columns squares of several values show the greatest,
 * which the caption then says. */
void hd_chart_heat(hd_html *html, const char *title, const char *description, size_t rows, size_t columns,
                   const double *values);

#endif
