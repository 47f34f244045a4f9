#include "report/html/chart_axis.h"

#include <math.h>
#include <stdbool.h>
#include <time.h>

void hd_figure_begin(hd_html *html, const char *role, const char *title, const char *description,
                     double width, double height) {
    hd_html_add(html,
                "<figure><figcaption>%s</figcaption><svg viewBox=\"0 0 %.0f %.0f\" role=\"%s\">"
                "<title>%s</title><desc>%s</desc>\n",
                title, width, height, role, title, description);
}

double hd_scale_place(hd_scale s, double value) {
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

/* Ticks each so many days, on Mondays where those are weeks; 0: there would be too many. */
static size_t day_ticks(double from, double to, int apart, hd_date_tick *ticks) {
    double offset = apart % WEEK ? 0 : MONDAY, first = ceil((from - offset) / apart) * apart + offset;
    size_t count = first <= to ? (size_t)((to - first) / apart) + 1 : 0;
    if (count > HD_DATE_TICKS) return 0;
    for (size_t i = 0; i < count; i++) {
        ticks[i].day = first + (double)i * apart;
        hd_date_text(ticks[i].day, 0, ticks[i].label);
    }
    return count;
}

/* Ticks each so many months. */
static size_t month_ticks(double from, double to, int apart, hd_date_tick *ticks) {
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
        ticks[count].day = day;
        strftime(ticks[count++].label, HD_DATE, on.tm_mon ? "%b" : "%Y", &on);
    }
}

size_t hd_date_ticks(double from, double to, hd_date_tick ticks[HD_DATE_TICKS]) {
    static const int days[] = {1, 2, WEEK, 2 * WEEK}, months[] = {1, 2, 3, 6, 12, 24, 60, 120, 240, 600};
    size_t count = 0;
    for (size_t i = 0; !count && i < sizeof days / sizeof *days; i++)
        count = day_ticks(from, to, days[i], ticks);
    for (size_t i = 0; !count && i < sizeof months / sizeof *months; i++)
        count = month_ticks(from, to, months[i], ticks);
    return count;
}
