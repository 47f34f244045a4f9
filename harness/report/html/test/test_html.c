#include "report/html/chart.h"
#include "report/html/html.h"
#include "test/markup.h"

#include <math.h>
#include <stdlib.h>

static hd_html html;

static void begin(void) {
    hd_error error;
    cr_assert_eq(hd_html_open(&html, &error), HD_OK);
}

static void finish(void) {
    hd_error error;
    cr_assert_eq(hd_html_close(&html, &error), HD_OK);
    markup_expect_well_formed(html.text);
}

static void release(void) {
    free(html.text);
}

TestSuite(html, .init = begin, .fini = release);
TestSuite(chart, .init = begin, .fini = release);

Test(html, escapes_every_text) {
    hd_html_add(&html, "<p title=\"%s\">%s</p>", "\"'&", "<script>alert(\"x\")</script> & 'y'\n\001\177é");
    finish();
    cr_expect_str_eq(html.text,
                     "<p title=\"&quot;&#39;&amp;\">&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; "
                     "&#39;y&#39;   é</p>");
}

Test(html, cuts_a_text_between_characters) {
    hd_html_add(&html, "%.3s|%.4s|%.3s|%.0s|%.9s", "a<bc", "aéé", "a→", "x", "a<");
    finish();
    cr_expect_str_eq(html.text, "a&lt;b|aé|a||a&lt;");
}

Test(html, puts_numbers_as_printf_does) {
    hd_html_add(&html, "%d|%u|%zu|%5.2f|%.3g|%e|%c|%%|%04d|", -3, 4U, (size_t)5, 1.256, 1e-9, 2.0, 'x', 7);
    finish();
    cr_expect_str_eq(html.text, "-3|4|5| 1.26|1e-09|2.000000e+00|x|%|0007|");
}

Test(html, writes_numbers_for_people) {
    static const struct {
        double value;
        int digits;
        const char *text;
    } of[] = {{0, 3, "0"},         {1.1e-7, 2, "1.1e-7"}, {-2.5e-12, 2, "-2.5e-12"}, {3e20, 3, "3e20"},
              {NAN, 3, "–"},       {INFINITY, 3, "∞"},    {-INFINITY, 3, "−∞"},      {12345, 3, "1.23e4"},
              {0.125, 9, "0.125"}, {1e100, 1, "1e100"}};
    char text[HD_HTML_NUMBER];
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        cr_expect_str_eq(hd_html_number(of[i].value, of[i].digits, text), of[i].text, "%s", text);
    finish();
}

Test(html, draws_no_bar_longer_than_full_and_none_where_nothing_is_known) {
    hd_html_add(&html, "<table><tr>");
    hd_html_share_cell(&html, 3.7);
    hd_html_share_cell(&html, INFINITY);
    hd_html_share_cell(&html, -0.5);
    hd_html_share_cell(&html, NAN);
    hd_html_add(&html, "</tr></table>");
    finish();
    cr_expect_eq(markup_count(html.text, "width:100.0%"), 2);
    cr_expect_eq(markup_count(html.text, "width:0.0%"), 1);
    cr_expect_eq(markup_count(html.text, "class=\"bar\""), 3);
    markup_expect_has(html.text, "370 %");
    markup_expect_has(html.text, "-50 %");
    markup_expect_has(html.text, "<td class=\"t\">–</td>");
}

/* --- charts --- */

static void draw(const hd_chart_point *points, size_t count, double x_to, bool logarithmic) {
    hd_chart_range range = hd_chart_range_empty(0, x_to, logarithmic);
    hd_chart_range_extend(&range, points, count);
    hd_chart chart = {.title = "a <title>",
                      .description = "what is & what was",
                      .x_label = "step",
                      .line = {"total"},
                      .points = points,
                      .count = count,
                      .mark = NAN};
    hd_chart_lines(&html, &chart, &range);
    finish();
}

/* The path of line 0. */
static const char *path_of_line(void) {
    const char *start = strstr(html.text, "class=\"line l0\" d=\"");
    cr_assert_not_null(start, "%s", html.text);
    return start + strlen("class=\"line l0\" d=\"");
}

static size_t count_in_path(char c) {
    const char *path = path_of_line();
    size_t count = 0;
    for (; *path != '"'; path++) count += *path == c;
    return count;
}

Test(chart, lifts_the_pen_where_steps_are_missing) {
    const hd_chart_point points[] = {{0, {1}}, {1, {2}}, {2, {NAN}}, {5, {3}}, {6, {4}}, {9, {5}}};
    draw(points, 6, 10, false);
    cr_expect_eq(count_in_path('M'), 3);
    cr_expect_eq(count_in_path('L'), 2);
    markup_expect_has(html.text, "a &lt;title&gt;");
    markup_expect_has(html.text, "<desc>what is &amp; what was</desc>");
}

Test(chart, has_a_line_of_its_own_for_zeros_of_a_logarithm) {
    const hd_chart_point some[] = {{0, {0}}, {1, {1e-6}}, {2, {1e-4}}};
    draw(some, 3, 2, true);
    markup_expect_has(html.text, ">0</text>");
    markup_expect_has(html.text, "<tspan dy=\"-4\" class=\"power\">-6</tspan>");
    double x, zero, least;
    cr_assert_eq(sscanf(path_of_line(), "M%lf %lfh0L%lf %lf", &x, &zero, &x, &least), 4, "%.60s",
                 path_of_line());
    cr_expect_gt(zero, least, "zero below the least number");
}

Test(chart, draws_what_is_infinite_at_the_top) {
    const hd_chart_point points[] = {{0, {1e-3}}, {1, {INFINITY}}, {2, {1e-2}}};
    draw(points, 3, 2, true);
    double x, first, top, last;
    cr_assert_eq(sscanf(path_of_line(), "M%lf %lfh0L%lf %lfL%lf %lf", &x, &first, &x, &top, &x, &last), 6);
    cr_expect(top <= last && last < first);
    markup_expect_not(html.text, "inf");
}

Test(chart, draws_none_of_what_is_not_known) {
    const hd_chart_point points[] = {{0, {NAN}}, {1, {NAN}}};
    draw(points, 2, 2, true);
    cr_expect_eq(*path_of_line(), '"');
    markup_expect_not(html.text, "nan");
}

/* 5000 points, one of them an outlier. */
Test(chart, keeps_the_extremes_of_what_it_thins_and_says_so) {
    static hd_chart_point points[5000];
    for (size_t i = 0; i < 5000; i++)
        points[i] = (hd_chart_point){(double)i, {i == 3333 ? 100 : 1 + (double)(i % 7) * 0.01, NAN, NAN}};
    draw(points, 5000, 5000, true);
    cr_expect_leq(count_in_path('L') + count_in_path('M'), 300);
    cr_expect_eq(count_in_path('M'), 1, "one unbroken line");
    markup_expect_has(html.text, "Of every 34 steps, the least and the greatest are drawn.");
    double x, y, least = INFINITY;
    for (const char *at = path_of_line(); *at != '"'; at++)
        if ((*at == 'L' || *at == 'M') && sscanf(at + 1, "%lf %lf", &x, &y) == 2) least = fmin(least, y);
    cr_expect_lt(least, 40, "the highest point is drawn");
}

Test(chart, marks_a_jump) {
    const hd_chart_point points[] = {{0, {1}}, {1, {1}}, {2, {0}}};
    hd_chart_range range = hd_chart_range_empty(0, 2, false);
    hd_chart_range_extend(&range, points, 3);
    hd_chart_lines(&html,
                   &(hd_chart){.title = "eta",
                               .description = "",
                               .x_label = "t",
                               .line = {"P"},
                               .points = points,
                               .count = 3,
                               .mark = 1,
                               .mark_name = "jump"},
                   &range);
    finish();
    cr_expect_eq(markup_count(html.text, "class=\"mark\""), 1);
    markup_expect_has(html.text, ">jump</text>");
}

Test(chart, leaves_zeros_blank_in_a_picture) {
    const double values[] = {0, 0.5, 1, 0};
    hd_chart_heat(&html, "heat", "", 2, 2, values);
    finish();
    markup_expect_has(html.text, "<path class=\"h7\" d=\"M150 0h150v150h-150z\"/>");
    markup_expect_has(html.text, "<path class=\"h15\" d=\"M0 150h150v150h-150z\"/>");
    cr_expect_eq(markup_count(html.text, "v150"), 2);
    markup_expect_has(html.text, ">1</text>");
}

Test(chart, shows_the_greatest_of_more_values_than_squares) {
    static double values[200 * 200];
    values[199 * 200 + 199] = 2;
    hd_chart_heat(&html, "heat", "", 200, 200, values);
    finish();
    markup_expect_has(html.text, "Each square shows the greatest of 3 by 3.");
    markup_expect_has(html.text, "<path class=\"h15\" d=\"M295.5 295.5h4.478v4.478h-4.478z\"/>");
}

Test(chart, says_where_a_picture_has_no_difference) {
    const double values[4] = {0};
    hd_chart_heat(&html, "heat", "", 1, 4, values);
    finish();
    markup_expect_has(html.text, "no difference");
}
