/* Timelines: small charts of what varies from night to night, with one or two lines; a page has many.
 *
 * The x axis is the calendar, in columns of one day or more. Each column shows a stroke from the least to the
 * greatest value of its nights (a dot if they are equal), and over it the levels as horizontal lines. Each
 * column with a value is a link to a night: "#r" and its run's number. The y axis is logarithmic, because
 * what matters is by what factor a cost changes: if charts span the same factor, the same change has the same
 * height. */
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

/* Puts the days first .. last in at most `most` (and HD_TIMELINE_COLUMNS) columns of 1, 2 or 4 days, 1, 2, 4,
 * 13 or 52 weeks, or 2, 4, ... times 52 weeks; the last column ends with the last day. There are at least 14
 * columns, so that a first night is only a dot. */
hd_timeline_days hd_timeline_days_between(double first, double last, size_t most);

typedef struct hd_timeline_point {
    double day;
    double value;   /* NaN: none. If beyond the axis, or infinite, drawn at its end */
    double seconds; /* shown beside the value if the column has no other; NaN: none */
    size_t run;     /* the run that it links to; 0: none */
    bool matters;   /* its column links to this night and can be reached with the keyboard */
    bool failed;    /* marked by a cross */
} hd_timeline_point;

/* A level, drawn from the beginning of a column to the end of one. */
typedef struct hd_timeline_level {
    double from, to; /* days */
    double value;
} hd_timeline_level;

typedef struct hd_timeline_line {
    const char *name;          /* short, written at its end */
    hd_timeline_point *points; /* [count], by ascending day; the caller's, as the levels */
    size_t count;
    hd_timeline_level *levels; /* [level_count] */
    size_t level_count;
} hd_timeline_line;

/* A day on which something changed: a vertical line before it, with a label if there is room (the newest
 * first), as a link. In a column only the newest mark of a line and colour is drawn. */
typedef struct hd_timeline_mark {
    size_t line;
    double day;
    const char *colour; /* a class: "better", "other" or "worse" */
    char label[HD_TIMELINE_TEXT], title[HD_TIMELINE_TEXT];
    char link[32]; /* "#c12" */
} hd_timeline_mark;

/* Extends the range of the y axis (positive values) to hold a line's levels and its values, but only those
 * that are finite, positive and within a factor of 1.6 of the levels: an outlier must not flatten the
 * rest. */
void hd_timeline_extend(hd_range *range, const hd_timeline_line *line);

/* Gives charts to be compared one axis if it spans no more than a factor of 2; else each its own, all
 * spanning the same factor, at least 1.25. Empty ranges stay empty. */
void hd_timeline_align(hd_range *ranges, size_t count);

typedef struct hd_timeline {
    const char *title, *description; /* description: for those who cannot see it */
    const char *unit;                /* follows the numbers: " MB" */
    hd_timeline_line line[HD_TIMELINE_LINES];
    const hd_timeline_mark *marks; /* [mark_count], by ascending day */
    size_t mark_count;
    double limit; /* a line across at this value; NaN: none */
} hd_timeline;

void hd_timeline_draw(hd_html *html, const hd_timeline *timeline, const hd_timeline_days *days,
                      const hd_range *range);

#endif
