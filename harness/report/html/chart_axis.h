/* What all charts (chart.h, timeline.h) share: the figure, from values to places, and axes. */
#ifndef HD_REPORT_HTML_CHART_AXIS_H
#define HD_REPORT_HTML_CHART_AXIS_H

#include "report/html/html.h"

#include <stdbool.h>

/* Opens <figure> and <svg>, which the chart closes: width x height in the chart's units, with a title above
 * and a description for those who cannot see it. role: "img", or "group" if there are links in it. */
void hd_figure_begin(hd_html *html, const char *role, const char *title, const char *description,
                     double width, double height);

/* The values that an axis spans; both NaN: none yet. */
typedef struct hd_range {
    double low, high;
} hd_range;

/* Extends the range to hold a value; NaN changes nothing. */
void hd_range_include(hd_range *range, double value);

/* From values to places: `from` is at `low`, `to` at `high`; if logarithmic, these two are powers of ten. */
typedef struct hd_scale {
    double from, to, low, high;
    bool logarithmic;
} hd_scale;

/* The place of a value; one beyond the scale is at its end, as are zero and less on a logarithmic one. */
double hd_scale_place(hd_scale s, double value);

/* A tick of an x axis; on a calendar it is the beginning of a day, a month or a year. */
enum { HD_DATE = 24 };
typedef struct hd_tick {
    double at;           /* a value; on a calendar a day */
    char label[HD_DATE]; /* "20"; "18 Nov", "Nov"; January: "2027" */
} hd_tick;

/* Draws an x axis at y, with ticks of this length; class: of their labels. */
void hd_axis_x(hd_html *html, hd_scale x, double y, int length, const char *class, const hd_tick *ticks,
               size_t count);

/* A y axis: horizontal lines from left to right, with labels that end at `label`. */
typedef struct hd_y_axis {
    hd_html *html;
    hd_scale scale;
    int label, left, right, digits; /* digits of the numbers */
} hd_y_axis;

/* Draws a line at the value and opens the <text> of its label, which the caller writes and closes. */
void hd_y_axis_line(const hd_y_axis *axis, double value);

/* Draws a line at the value, labelled with the number. */
void hd_y_axis_tick(const hd_y_axis *axis, double value);

/* Draws lines at all multiples in the range of hd_tick_distance(its length, most). */
void hd_y_axis_ticks(const hd_y_axis *axis, hd_range range, int most);

/* Writes lines' names (NULL: none) at x beside their ends (places; NaN: none), moved apart so that none
 * covers another, and none below the bottom. */
enum { HD_LINE_NAMES = 4 /* at most */ };
void hd_line_names(hd_html *html, int x, int bottom, const char *const *names, const double *ends,
                   size_t count);

/* Gives 1, 2 or 5 times a power of ten, of which at most `most` fit in the length (> 0). */
double hd_tick_distance(double length, int most);

/* --- the calendar: days are counted from 1970-01-01, UTC --- */

/* Writes "18 Nov 2026" into text and returns it; "18 Nov" if year is 0. */
const char *hd_date_text(double day, int year, char text[HD_DATE]);

/* Writes the days from .. to, both included: "18 Nov 2026", "12–18 Nov 2026", "28 Dec 2026 – 3 Jan 2027". */
enum { HD_DATES = 2 * HD_DATE + 8 };
const char *hd_dates_text(double from, double to, char text[HD_DATES]);

/* Makes ticks at days, weeks, months or years in [from, to], at most HD_DATE_TICKS; returns how many. */
enum { HD_DATE_TICKS = 5 };
size_t hd_date_ticks(double from, double to, hd_tick ticks[HD_DATE_TICKS]);

#endif
