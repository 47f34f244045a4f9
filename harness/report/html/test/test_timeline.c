#include "report/html/chart_axis.h"
#include "report/html/timeline.h"
#include "test/markup.h"

#include <math.h>
#include <stdlib.h>

static hd_html html;

static void begin(void) {
    hd_error error;
    cr_assert_eq(hd_html_open(&html, &error), HD_OK);
}

static void release(void) {
    free(html.text);
}

TestSuite(calendar);
TestSuite(timeline, .init = begin, .fini = release);

static void finish(void) {
    hd_error error;
    cr_assert_eq(hd_html_close(&html, &error), HD_OK);
    markup_expect_well_formed(html.text);
    markup_expect_not(html.text, "nan");
    markup_expect_not(html.text, "inf");
}

/* --- the calendar: 2026-11-18 is day 20775 --- */

enum { NOV_18 = 20775 };

Test(calendar, names_days_and_spans_of_days) {
    char text[HD_DATES];
    cr_expect_str_eq(hd_date_text(NOV_18 + 0.1, 1, text), "18 Nov 2026");
    cr_expect_str_eq(hd_date_text(NOV_18 + 0.9, 0, text), "18 Nov");
    cr_expect_str_eq(hd_dates_text(NOV_18, NOV_18 + 0.5, text), "18 Nov 2026");
    cr_expect_str_eq(hd_dates_text(NOV_18, NOV_18 + 6, text), "18–24 Nov 2026");
    cr_expect_str_eq(hd_dates_text(NOV_18, NOV_18 + 13, text), "18 Nov – 1 Dec 2026");
    cr_expect_str_eq(hd_dates_text(NOV_18, NOV_18 + 44, text), "18 Nov 2026 – 1 Jan 2027");
    cr_expect_str_eq(hd_date_text(0, 1, text), "1 Jan 1970");
}

Test(calendar, has_ticks_on_days_mondays_months_and_years) {
    hd_tick ticks[HD_DATE_TICKS];
    cr_assert_eq(hd_date_ticks(NOV_18, NOV_18, ticks), 1);
    cr_expect_str_eq(ticks[0].label, "18 Nov");
    cr_assert_eq(hd_date_ticks(NOV_18 - 29, NOV_18, ticks), 4);
    for (size_t i = 0; i < 4; i++) cr_expect_eq(fmod(ticks[i].at, 7), 4, "%s is a Monday", ticks[i].label);
    cr_assert_eq(hd_date_ticks(NOV_18 - 120, NOV_18, ticks), 4);
    cr_expect_str_eq(ticks[3].label, "Nov");
    cr_assert_eq(hd_date_ticks(NOV_18 - 729, NOV_18, ticks), 4);
    cr_expect_str_eq(ticks[0].label, "2025");
    cr_expect_str_eq(ticks[1].label, "Jul");
    cr_expect_str_eq(ticks[2].label, "2026");
    for (int length = 1; length < 40000; length += 1 + length / 3) {
        size_t count = hd_date_ticks(NOV_18 - length, NOV_18, ticks);
        cr_expect(count >= 1 && count <= HD_DATE_TICKS, "%zu ticks in %d days", count, length);
        for (size_t i = 0; i < count; i++)
            cr_expect(ticks[i].at >= NOV_18 - length && ticks[i].at <= NOV_18 &&
                          (i == 0 || ticks[i].at > ticks[i - 1].at),
                      "tick %zu of %d days", i, length);
    }
}

/* --- columns --- */

Test(timeline, has_columns_that_end_with_the_last_day_and_hold_the_first) {
    for (int length = 1; length < 50000; length += 1 + length / 5)
        for (size_t most = 1; most < 200; most += 13) {
            double first = NOV_18 - length + 1;
            hd_timeline_days days = hd_timeline_days_between(first + 0.3, NOV_18 + 0.1, most);
            double end = days.from + (double)(days.columns * days.stretch);
            cr_expect_eq(end, NOV_18 + 1);
            cr_expect_leq(days.from, first);
            cr_expect_leq(days.columns, HD_TIMELINE_COLUMNS);
            cr_expect(days.columns <= most || days.columns == 14, "%zu of %zu", days.columns, most);
            cr_expect_geq(days.columns, 14);
        }
    cr_expect_eq(hd_timeline_days_between(NOV_18 - 729, NOV_18, 130).stretch, 7);
    cr_expect_eq(hd_timeline_days_between(NOV_18 - 29, NOV_18, 130).stretch, 1);
}

/* --- the axis --- */

static hd_timeline_line line_of(hd_timeline_point *points, size_t count) {
    return (hd_timeline_line){.name = "forward", .points = points, .count = count};
}

Test(timeline, keeps_an_outlier_from_flattening_the_rest) {
    hd_timeline_point points[] = {{.day = 0, .value = 1},  {.day = 1, .value = 1.1},
                                  {.day = 2, .value = 30}, {.day = 3, .value = NAN},
                                  {.day = 4, .value = 0},  {.day = 5, .value = INFINITY}};
    hd_timeline_level level = {0, 5, 1.05};
    hd_range range = {NAN, NAN};
    hd_timeline_line line = line_of(points, 6);
    hd_timeline_extend(&range, &line);
    cr_expect_eq(range.high, 30, "without levels all that is finite and positive is held");
    line.levels = &level;
    line.level_count = 1;
    range = (hd_range){NAN, NAN};
    hd_timeline_extend(&range, &line);
    cr_expect_eq(range.low, 1);
    cr_expect_eq(range.high, 1.1);
}

Test(timeline, has_one_axis_for_levels_that_are_near_and_equal_steps_for_others) {
    hd_range near[] = {{1, 1.1}, {1.5, 1.6}, {NAN, NAN}}, far[] = {{1, 1.1}, {10, 15}, {3, 3}};
    hd_timeline_align(near, 3);
    cr_expect(near[0].low == near[1].low && near[0].high == near[1].high);
    cr_expect(near[0].low < 1 && near[0].high > 1.6 && near[0].high / near[0].low < 1.8);
    cr_expect(isnan(near[2].low) && isnan(near[2].high));
    hd_timeline_align(far, 3);
    static const double least[] = {1, 10, 3}, most[] = {1.1, 15, 3};
    for (size_t i = 0; i < 3; i++) {
        cr_expect_float_eq(far[i].high / far[i].low, 1.5 * 1.02 * 1.02, 1e-12);
        cr_expect(far[i].low < least[i] && far[i].high > most[i]);
    }
    hd_range same[] = {{2, 2}};
    hd_timeline_align(same, 1);
    cr_expect_float_eq(same[0].high / same[0].low, 1.25, 1e-12);
}

/* --- the drawing --- */

static void draw(hd_timeline_point *points, size_t count, double last, double low, double high) {
    hd_timeline timeline = {.title = "a <title>", .description = "d & e", .unit = " MB", .limit = NAN};
    timeline.line[0] = line_of(points, count);
    hd_timeline_days days = hd_timeline_days_between(0, last, 130);
    hd_timeline_draw(&html, &timeline, &days, &(hd_range){low, high});
    finish();
}

Test(timeline, leads_from_each_night_to_its_run_and_says_what_was) {
    hd_timeline_point points[] = {{.day = 0.1, .value = 1, .seconds = 2.5, .run = 7},
                                  {.day = 1.1, .value = 1.5, .seconds = NAN, .run = 8, .matters = true},
                                  {.day = 2.1, .value = NAN, .seconds = NAN, .run = 9},
                                  {.day = 13.1, .value = 1.25, .seconds = NAN}};
    draw(points, 4, 13.1, 0.9, 2);
    markup_expect_has(html.text,
                      "<a href=\"#r7\" tabindex=\"-1\"><title>1 Jan 1970, forward 1 MB (2.5 s)</title>");
    markup_expect_has(html.text, "<a href=\"#r8\"><title>2 Jan 1970, forward 1.5 MB</title>");
    markup_expect_not(html.text, "#r9");
    cr_expect_eq(markup_count(html.text, "<a "), 2, "a night that is not listed is no link");
    markup_expect_has(html.text, "a &lt;title&gt;");
    markup_expect_has(html.text, "<desc>d &amp; e</desc>");
    markup_expect_has(html.text, ">forward</text>");
}

/* 400 nights in columns of four days: each shows the least and the greatest, and one links to the night that
 * failed. */
Test(timeline, shows_least_and_greatest_of_a_column_and_leads_to_the_night_that_matters) {
    static hd_timeline_point points[400];
    for (size_t i = 0; i < 400; i++)
        points[i] = (hd_timeline_point){.day = (double)i,
                                        .value = i == 201 ? 1.9 : 1 + 0.01 * (double)(i % 4),
                                        .seconds = NAN,
                                        .run = i + 1,
                                        .matters = i == 201,
                                        .failed = i == 201};
    draw(points, 400, 399, 0.9, 2);
    cr_expect_eq(markup_count(html.text, "<a "), 100);
    markup_expect_has(html.text,
                      "<a href=\"#r4\" tabindex=\"-1\"><title>1–4 Jan 1970, forward 1–1.03 MB</title>");
    markup_expect_has(html.text, "<a href=\"#r202\"><title>20–23 Jul 1970, forward 1–1.9 MB failed</title>");
    cr_expect_eq(markup_count(html.text, "class=\"cross\""), 1);
}

static double first_y(const char *class) {
    double x, y;
    const char *at = strstr(html.text, class);
    cr_assert_not_null(at, "%s", html.text);
    at = strstr(at, "d=\"M");
    cr_assert_eq(sscanf(at, "d=\"M%lf %lf", &x, &y), 2);
    return y;
}

Test(timeline, draws_what_is_infinite_at_the_top_and_zero_at_the_bottom) {
    hd_timeline_point top[] = {{.day = 0, .value = INFINITY, .seconds = NAN, .run = 1}};
    draw(top, 1, 0, 0.1, 1000);
    cr_expect_eq(first_y("class=\"dots"), 34);
    markup_expect_has(html.text, "forward ∞ MB");
    release();
    begin();
    hd_timeline_point bottom[] = {{.day = 0, .value = 0, .seconds = NAN, .run = 1}};
    draw(bottom, 1, 0, 0.1, 1000);
    cr_expect_eq(first_y("class=\"dots"), 118);
}

Test(timeline, says_where_nothing_was_measured) {
    hd_timeline_point none[] = {{.day = 0, .value = NAN, .seconds = NAN, .run = 1}};
    draw(none, 1, 0, NAN, NAN);
    markup_expect_has(html.text, "not measured");
    cr_expect_eq(markup_count(html.text, "<a "), 0);
}

Test(timeline, marks_a_change_and_drops_labels_that_would_cover_a_newer_one) {
    hd_timeline_point points[60];
    hd_timeline_level levels[] = {{0, 29, 1}, {30, 59, 1.5}};
    hd_timeline_mark marks[] = {
        {0, 28, "better", "0.9 times since 29 Jan", "before", "#c1"},
        {0, 30, "worse", "1.5 times since 31 Jan", "the <newer>", "#c2"},
        {1, 30, "worse", "of the other line", "other", "#c3"},
    };
    for (size_t i = 0; i < 60; i++)
        points[i] =
            (hd_timeline_point){.day = (double)i, .value = i < 30 ? 1 : 1.5, .seconds = NAN, .run = i + 1};
    hd_timeline timeline = {
        .title = "", .description = "", .unit = "", .marks = marks, .mark_count = 3, .limit = 1.2};
    timeline.line[0] = line_of(points, 60);
    timeline.line[0].levels = levels;
    timeline.line[0].level_count = 2;
    hd_timeline_days days = hd_timeline_days_between(0, 59, 130);
    hd_timeline_draw(&html, &timeline, &days, &(hd_range){0.9, 1.6});
    finish();
    cr_expect_eq(markup_count(html.text, "class=\"cut worse\""), 2);
    cr_expect_eq(markup_count(html.text, "class=\"cut better\""), 1);
    markup_expect_has(html.text, "<a href=\"#c2\"><title>the &lt;newer&gt;</title>");
    markup_expect_has(html.text, ">1.5 times since 31 Jan</text>");
    markup_expect_has(html.text, ">of the other line</text>");
    cr_expect_eq(markup_count(html.text, "class=\"limit\""), 1);
    double x, y, end, next;
    const char *line = strstr(html.text, "class=\"line l0\" d=\"");
    cr_assert(line && sscanf(line, "class=\"line l0\" d=\"M%lf %lfH%lfM%lf", &x, &y, &end, &next) == 4);
    cr_expect_float_eq(end, next, 0.11, "the levels meet");
}

/* 364 nights in columns of four days, with a change on each. */
Test(timeline, marks_a_column_once_for_each_line_and_colour) {
    static hd_timeline_mark marks[364];
    for (size_t i = 0; i < 364; i++)
        marks[i] = (hd_timeline_mark){.day = (double)i, .colour = i % 4 ? "worse" : "other", .link = "#r1"};
    hd_timeline_point point[] = {{.day = 363, .value = 1, .seconds = NAN, .run = 1}};
    hd_timeline timeline = {
        .title = "", .description = "", .unit = "", .marks = marks, .mark_count = 364, .limit = NAN};
    timeline.line[0] = line_of(point, 1);
    hd_timeline_days days = hd_timeline_days_between(0, 363, 130);
    hd_timeline_draw(&html, &timeline, &days, &(hd_range){0.9, 1.6});
    finish();
    cr_expect_eq(days.columns, 91);
    cr_expect_eq(markup_count(html.text, "class=\"cut worse\""), 91);
    cr_expect_eq(markup_count(html.text, "class=\"cut other\""), 91);
}
