/* What all charts have in common (chart.h, timeline.h): the figure around them, from values to places, and
 * where ticks stand. */
#ifndef HD_REPORT_HTML_CHART_AXIS_H
#define HD_REPORT_HTML_CHART_AXIS_H

#include "report/html/html.h"

/* Opens <figure> and <svg>, which the chart closes: width x height in the chart's own units, with its title
 * above and, for those who do not see it, a description. role: "img", or "group" where there are links in it.
 */
void hd_figure_begin(hd_html *html, const char *role, const char *title, const char *description,
                     double width, double height);

/* From values to places: value `from` at `low`, `to` at `high`. */
typedef struct hd_scale {
    double from, to, low, high;
} hd_scale;

/* Where a value is; what is beyond the scale is at its end. */
double hd_scale_place(hd_scale s, double value);

/* 1, 2 or 5 times a power of ten, so that no more than `most` of them fit in the length (> 0). */
double hd_tick_distance(double length, int most);

/* --- the calendar: days are counted from 1970-01-01, UTC --- */

enum { HD_DATE = 24 };

/* "18 Nov 2026" into text, which is returned; "18 Nov" where year is 0. */
const char *hd_date_text(double day, int year, char text[HD_DATE]);

/* "18 Nov 2026", "12–18 Nov 2026", "28 Dec 2026 – 3 Jan 2027": of the days from .. to, both included. */
enum { HD_DATES = 2 * HD_DATE + 8 };
const char *hd_dates_text(double from, double to, char text[HD_DATES]);

/* A tick of a calendar: at the beginning of a day, a month or a year. */
typedef struct hd_date_tick {
    double day;
    char label[HD_DATE]; /* "18 Nov", "Nov", or in January "2027" */
} hd_date_tick;

/* The days, weeks, months or years in [from, to], so far apart that there are at most HD_DATE_TICKS; returns
 * how many. */
enum { HD_DATE_TICKS = 5 };
size_t hd_date_ticks(double from, double to, hd_date_tick ticks[HD_DATE_TICKS]);

#endif
