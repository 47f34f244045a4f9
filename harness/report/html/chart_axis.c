#include "report/html/chart_axis.h"

#include <math.h>
#include <time.h>

void hd_figure_begin(hd_html *html, const char *role, const char *title, const char *description,
                     double width, double height) {
    hd_html_add(html,
                "<figure><figcaption>%s</figcaption><svg viewBox=\"0 0 %.0f %.0f\" role=\"%s\">"
                "<title>%s</title><desc>%s</desc>\n",
                title, width, height, role, title, description);
}

void hd_range_include(hd_range *range, double value) {
    range->low = fmin(range->low, value);
    range->high = fmax(range->high, value);
}

double hd_scale_place(hd_scale s, double value) {
    if (s.logarithmic) value = value > 0 ? log10(value) : -INFINITY;
    double share = (value - s.from) / (s.to - s.from);
    return s.low + fmin(fmax(share, 0), 1) * (s.high - s.low);
}

double hd_tick_distance(double length, int most) {
    double power = pow(10, floor(log10(length / most)));
    for (int i = 0; i < 4; i++) {
        static const double steps[] = {1, 2, 5, 10};
        if (length / (power * steps[i]) <= most) return power * steps[i];
    }
    return power * 10;
}

void hd_axis_x(hd_html *html, hd_scale x, double y, int length, const char *class, const hd_tick *ticks,
               size_t count) {
    hd_html_add(html, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f", x.low, y, x.high);
    for (size_t i = 0; i < count; i++)
        hd_html_add(html, "M%.1f %.1fv%d", hd_scale_place(x, ticks[i].at), y, length);
    hd_html_add(html, "\"/>");
    for (size_t i = 0; i < count; i++)
        hd_html_add(html, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>",
                    hd_scale_place(x, ticks[i].at), y + length + 12, class, ticks[i].label);
    hd_html_add(html, "\n");
}

void hd_y_axis_line(const hd_y_axis *axis, double value) {
    double y = hd_scale_place(axis->scale, value);
    hd_html_add(axis->html, "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" class=\"e\">",
                axis->left, y, axis->right, axis->label, y + 4);
}

void hd_y_axis_tick(const hd_y_axis *axis, double value) {
    char text[HD_HTML_NUMBER];
    hd_y_axis_line(axis, value);
    hd_html_add(axis->html, "%s</text>", hd_html_number(value, axis->digits, text));
}

void hd_y_axis_ticks(const hd_y_axis *axis, hd_range range, int most) {
    double apart = hd_tick_distance(range.high - range.low, most);
    for (int n = (int)ceil(range.low / apart); n * apart <= range.high; n++) hd_y_axis_tick(axis, n * apart);
}

void hd_line_names(hd_html *html, int x, int bottom, const char *const *names, const double *ends,
                   size_t count) {
    enum { APART = 13 };
    size_t order[HD_LINE_NAMES], named = 0;
    for (size_t l = 0; l < count; l++) {
        if (!names[l] || isnan(ends[l])) continue;
        size_t at = named++;
        for (; at > 0 && ends[order[at - 1]] > ends[l]; at--) order[at] = order[at - 1];
        order[at] = l;
    }
    double last = -INFINITY;
    for (size_t i = 0; i < named; i++) {
        double room = bottom + 4 - APART * (double)(named - 1 - i);
        last = fmin(fmax(ends[order[i]] + 4, last + APART), room);
        hd_html_add(html, "<text x=\"%d\" y=\"%.1f\" class=\"n%zu\">%s</text>", x, last, order[i],
                    names[order[i]]);
    }
    hd_html_add(html, "\n");
}

/* --- the calendar --- */

enum { DAY = 86400, WEEK = 7, MONDAY = 4 /* 1970-01-05 */ };

static struct tm date(double day) {
    time_t seconds = (time_t)(floor(day) * DAY);
    struct tm date = {0};
    gmtime_r(&seconds, &date);
    return date;
}

const char *hd_date_text(double day, int year, char text[HD_DATE]) {
    struct tm on = date(day);
    strftime(text, HD_DATE, year ? "%-d %b %Y" : "%-d %b", &on);
    return text;
}

const char *hd_dates_text(double from, double to, char text[HD_DATES]) {
    struct tm first = date(from), last = date(to);
    char a[HD_DATE], b[HD_DATE];
    bool month = first.tm_year == last.tm_year && first.tm_mon == last.tm_mon;
    if (floor(from) >= floor(to))
        snprintf(text, HD_DATES, "%s", hd_date_text(to, 1, a));
    else if (month)
        snprintf(text, HD_DATES, "%d–%s", first.tm_mday, hd_date_text(to, 1, b));
    else
        snprintf(text, HD_DATES, "%s – %s", hd_date_text(from, first.tm_year != last.tm_year, a),
                 hd_date_text(to, 1, b));
    return text;
}

/* Ticks every `apart` days, on Mondays if these are weeks; 0: too many. */
static size_t day_ticks(double from, double to, int apart, hd_tick *ticks) {
    double offset = apart % WEEK ? 0 : MONDAY, first = ceil((from - offset) / apart) * apart + offset;
    size_t count = first <= to ? (size_t)((to - first) / apart) + 1 : 0;
    if (count > HD_DATE_TICKS) return 0;
    for (size_t i = 0; i < count; i++) {
        ticks[i].at = first + (double)i * apart;
        hd_date_text(ticks[i].at, 0, ticks[i].label);
    }
    return count;
}

/* Ticks every `apart` months; 0: too many. */
static size_t month_ticks(double from, double to, int apart, hd_tick *ticks) {
    size_t count = 0;
    struct tm on = date(from);
    on.tm_mday = 1;
    on.tm_mon -= on.tm_mon % apart;
    on.tm_hour = on.tm_min = on.tm_sec = 0;
    for (;; on.tm_mon += apart) {
        double day = (double)timegm(&on) / DAY; /* which also brings month 12 to the next January */
        if (day > to) return count;
        if (day < from) continue;
        if (count == HD_DATE_TICKS) return 0;
        ticks[count].at = day;
        strftime(ticks[count++].label, HD_DATE, on.tm_mon ? "%b" : "%Y", &on);
    }
}

size_t hd_date_ticks(double from, double to, hd_tick ticks[HD_DATE_TICKS]) {
    static const int days[] = {1, 2, WEEK, 2 * WEEK}, months[] = {1, 2, 3, 6, 12, 24, 60, 120, 240, 600};
    size_t count = 0;
    for (size_t i = 0; !count && i < sizeof days / sizeof *days; i++)
        count = day_ticks(from, to, days[i], ticks);
    for (size_t i = 0; !count && i < sizeof months / sizeof *months; i++)
        count = month_ticks(from, to, months[i], ticks);
    return count;
}
