/* What all charts have in common (chart.h, timeline.h): the figure around them, from values to places, and
 * where ticks stand. */
#ifndef HD_REPORT_HTML_CHART_AXIS_H
#define HD_REPORT_HTML_CHART_AXIS_H

#include "report/html/html.h"

#include <stdbool.h>

/* Opens <figure> and <svg>, which the chart closes: width x height in the chart's own units, with its title
 * above and, for those who do not see it, a description. role: "img", or "group" where there are links in it. */
void hd_figure_begin(hd_html *html, const char *role, const char *title, const char *description,
                     double width, double height);

/* The values that an axis spans; both NaN: none as yet. */
typedef struct hd_range {
    double low, high;
} hd_range;

/* Makes the range hold a value; NaN changes nothing. */
void hd_range_include(hd_range *range, double value);

/* From values to places: value `from` at `low`, `to` at `high`; of a logarithmic one they are powers of ten. */
typedef struct hd_scale {
    double from, to, low, high;
    bool logarithmic;
} hd_scale;

/* Where a value is; what is beyond the scale is at its end, as zero and less are on a logarithmic one. */
double hd_scale_place(hd_scale s, double value);

/* A tick of an x axis, of a calendar at the beginning of a day, a month or a year. */
enum { HD_DATE = 24 };
typedef struct hd_tick {
    double at;           /* a value; of a calendar a day */
    char label[HD_DATE]; /* "20"; "18 Nov", "Nov", or in January "2027" */
} hd_tick;

/* Draws an x axis at y, with ticks that are so long; class: of their labels. */
void hd_axis_x(hd_html *html, hd_scale x, double y, int length, const char *class, const hd_tick *ticks,
               size_t count);

/* A y axis: lines across a chart from left to right, with labels that end at `label`. */
typedef struct hd_y_axis {
    hd_html *html;
    hd_scale scale;
    int label, left, right, digits; /* digits: of the numbers */
} hd_y_axis;

/* A line at the value, and the <text> that is to be its label, which the caller writes and closes. */
void hd_y_axis_line(const hd_y_axis *axis, double value);

/* A line at the value, with the number. */
void hd_y_axis_tick(const hd_y_axis *axis, double value);

/* Lines at all multiples of 1, 2 or 5 times a power of ten in the range, no more than `most` of them apart. */
void hd_y_axis_ticks(const hd_y_axis *axis, hd_range range, int most);

/* Writes lines' names (NULL: none) at x beside their ends (places; NaN: none), moved apart where they would
 * cover each other, and no lower than the bottom. */
enum { HD_LINE_NAMES = 4 /* at most */ };
void hd_line_names(hd_html *html, int x, int bottom, const char *const *names, const double *ends,
                   size_t count);

/* 1, 2 or 5 times a power of ten, so that no more than `most` of them fit in the length (> 0). */
double hd_tick_distance(double length, int most);

/* --- the calendar: days are counted from 1970-01-01, UTC --- */

/* "18 Nov 2026" into text, which is returned; "18 Nov" where year is 0. */
const char *hd_date_text(double day, int year, char text[HD_DATE]);

/* "18 Nov 2026", "12–18 Nov 2026", "28 Dec 2026 – 3 Jan 2027": of the days from .. to, both included. */
enum { HD_DATES = 2 * HD_DATE + 8 };
const char *hd_dates_text(double from, double to, char text[HD_DATES]);

/* The days, weeks, months or years in [from, to], so far apart that there are at most HD_DATE_TICKS; returns
 * how many. */
enum { HD_DATE_TICKS = 5 };
size_t hd_date_ticks(double from, double to, hd_tick ticks[HD_DATE_TICKS]);

#endif
