/* Timelines: small charts of what varies from night to night, one or two lines each, to be seen in numbers.
 *
 * The x axis is the calendar in columns of one day or more. Of the nights in a column the least and the
 * greatest value are drawn, as a stroke, or as a dot where they are one; over them the levels, as steps. Each
 * column with a value is a link to a night: "#r" and its run's number. The y axis is logarithmic, for what
 * matters is by what factor a cost changes: charts whose ranges span the same factor show the same change as
 * the same height. */
#ifndef HD_REPORT_HTML_TIMELINE_H
#define HD_REPORT_HTML_TIMELINE_H

#include "report/html/chart_axis.h"

enum { HD_TIMELINE_LINES = 2, HD_TIMELINE_COLUMNS = 130, HD_TIMELINE_TEXT = 160 };

/* The x axis: column c holds the days from + c stretch .. from + (c + 1) stretch, the last one excluded. Days
 * are counted from 1970-01-01, UTC. */
typedef struct hd_timeline_days {
    double from;
    size_t columns, stretch;
} hd_timeline_days;

/* The days first .. last in at most `most` columns (and at most HD_TIMELINE_COLUMNS) of 1, 2 or 4 days, or 1,
 * 2, 4, 13 or 52 weeks, or as many years as it takes; the last column ends with the last day. There are 14
 * columns at least, so that a first night is a dot and not all there is. */
hd_timeline_days hd_timeline_days_between(double first, double last, size_t most);

typedef struct hd_timeline_point {
    double day;
    double value;   /* NaN: none. Beyond the axis, infinite included, it is drawn at its end */
    double seconds; /* said beside the value where it stands alone; NaN: none */
    size_t run;     /* what it leads to; 0: nowhere */
    bool matters;   /* its column leads to this night, and can be reached with the keyboard */
    bool failed;    /* marked by a cross */
} hd_timeline_point;

/* A level: its value from the beginning of a column to the end of one. */
typedef struct hd_timeline_level {
    double from, to; /* days */
    double value;
} hd_timeline_level;

typedef struct hd_timeline_line {
    const char *name;          /* written at its end, short */
    hd_timeline_point *points; /* [count], by ascending day; the caller's, as what follows */
    size_t count;
    hd_timeline_level *levels; /* [level_count] */
    size_t level_count;
} hd_timeline_line;

/* A day on which something changed: a vertical line before it, with a label as far as there is room (the
 * newest first), which is a link. Of those of a line and colour in a column the newest is drawn. */
typedef struct hd_timeline_mark {
    size_t line;
    double day;
    const char *colour; /* a class: "better", "other" or "worse" */
    char label[HD_TIMELINE_TEXT], title[HD_TIMELINE_TEXT];
    char link[32]; /* "#c12" */
} hd_timeline_mark;

/* Makes the range of the y axis, whose values are positive, hold a line's levels, and its values as far as they are finite,
 * positive, and no more than a factor of 1.6 beyond the levels: an outlier does not flatten the rest. */
void hd_timeline_extend(hd_range *range, const hd_timeline_line *line);

/* Gives charts that are to be compared one axis where that spans no more than a factor of 2; else axes of
 * their own that span the same factor, 1.25 or more. Those of nothing stay so. */
void hd_timeline_align(hd_range *ranges, size_t count);

typedef struct hd_timeline {
    const char *title, *description; /* the description is for those who do not see it */
    const char *unit;                /* follows the numbers: " MB" */
    hd_timeline_line line[HD_TIMELINE_LINES];
    const hd_timeline_mark *marks; /* [mark_count], by ascending day */
    size_t mark_count;
    double limit; /* a value with a line across; NaN: none */
} hd_timeline;

void hd_timeline_draw(hd_html *html, const hd_timeline *timeline, const hd_timeline_days *days,
                      const hd_range *range);

#endif
