#include "report/html/chart_axis.h"
#include "report/html/page.h"

#include <string.h>

enum { DAY = 86400 };

/* --- today --- */

static bool news_are_bad(const hd_history_page_data *page, size_t night) {
    size_t count;
    const hd_news *news = hd_history_page_news(page, night, &count);
    for (size_t i = 0; i < count; i++)
        if (news[i].bad) return true;
    return false;
}

/* "good"; "fair": all figures pass, but something changed; or "bad". */
static const char *colour_of(const hd_history_page_data *page, size_t n) {
    if (page->trend.nights[n].status != HD_OK) return "bad";
    return news_are_bad(page, n) ? "fair" : "good";
}

static const char *verdict_of(const hd_history_page_data *page, size_t n) {
    switch (page->trend.nights[n].status) {
    case HD_OK:
        return news_are_bad(page, n) ? "pass, but not as before" : "pass";
    case HD_INVALID:
        return "fail: bad input";
    case HD_UNAVAILABLE:
        return "fail: the machine cannot";
    default:
        return "fail";
    }
}

static void write_verdict(hd_html *html, const hd_history_page_data *page, size_t n) {
    const hd_night *night = &page->trend.nights[n];
    char date[HD_DATE], kind[512], totals[128];
    snprintf(kind, sizeof kind, "%s, %s, %.5s UTC, commit %s: %s", night->host,
             hd_date_text(night->moment / DAY, 1, date), night->started + 11, night->commit,
             verdict_of(page, n));
    int used = snprintf(totals, sizeof totals, "%zu passed, %zu failed", night->passed, night->failed);
    if (night->known)
        used += snprintf(totals + used, sizeof totals - (size_t)used, ", %zu known", night->known);
    if (night->skipped)
        snprintf(totals + used, sizeof totals - (size_t)used, ", %zu skipped", night->skipped);
    hd_page_verdict(html, colour_of(page, n), kind, totals);
}

/* Writes since when the host's runs have failed, if for more than this one. */
static void write_since(hd_html *html, const hd_history_page_data *page, size_t n) {
    size_t first = n, runs = 1;
    if (page->trend.nights[n].status == HD_OK) return;
    for (size_t b = page->details.nights[n].before; b != HD_NO_NIGHT && page->trend.nights[b].status != HD_OK;
         b = page->details.nights[b].before)
        first = b, runs++;
    if (runs == 1) return;
    hd_html_add(html, "<p>Has failed since ");
    hd_page_night_link(html, page, first);
    hd_html_add(html, ", %zu runs.</p>\n", runs);
}

static void write_failing(hd_html *html, const hd_night_detail *detail, size_t failed) {
    static const char *const headings[] = {" figure", " tolerance used", "value", "expected", " note", NULL};
    if (!detail->failing_count) return;
    hd_html_table(
        html, detail->failing_count < failed ? "What failed: the worst of it" : "What failed, worst first",
        headings);
    for (size_t i = 0; i < detail->failing_count; i++) {
        const hd_failing *f = &detail->failing[i];
        hd_html_add(html, "<tr><th scope=\"row\">%s<small>%s, by %s</small></th>", f->figure, f->record,
                    f->against);
        hd_html_share_cell(html, f->budget_used);
        hd_html_cell(html, f->value, 9);
        hd_html_cell(html, f->expected, 9);
        hd_html_add(html, "<td class=\"long\">%s</td></tr>\n", f->note);
    }
    hd_html_table_end(html);
}

static void write_host(hd_html *html, const hd_history_page_data *page, size_t n) {
    const hd_night_detail *detail = &page->details.nights[n];
    size_t overdue = hd_night_details_overdue(&page->trend, n);
    hd_html_add(html, "<div class=\"%s\">\n", detail->failing_count ? "wide" : "narrow");
    write_verdict(html, page, n);
    if (overdue)
        hd_html_add(
            html, "<p class=\"worse\"><strong>No run of this host since: %zu night%s missing.</strong></p>\n",
            overdue, overdue == 1 ? "" : "s");
    hd_html_add(html, "<p><a href=\"#r%.0f\">Run %.0f</a>: ", (double)page->trend.nights[n].id,
                (double)page->trend.nights[n].id);
    if (!hd_page_news(html, page, n)) hd_html_add(html, "nothing is new");
    hd_html_add(html, ".</p>\n");
    write_since(html, page, n);
    for (size_t i = 0; i < detail->skip_count; i++)
        hd_html_add(html, "<p class=\"note\">Skipped: %s</p>\n", detail->skips[i]);
    write_failing(html, detail, page->trend.nights[n].failed);
    hd_html_add(html, "</div>\n");
}

static bool is_disagreement(const hd_news *news) {
    return news->kind == HD_NEWS_DISAGREEMENT && news->fresh;
}

/* Counts the series on which machines disagree. One may have several news: hyper-iterations that differ since
 * different nights, and different hosts. */
static size_t count_disagreeing(const hd_history_page_data *page) {
    size_t series = 0;
    for (size_t i = 0; i < page->news_count; i++) {
        bool first = is_disagreement(&page->news[i]);
        for (size_t j = 0; first && j < i; j++)
            first = !is_disagreement(&page->news[j]) || page->news[j].series != page->news[i].series;
        series += first;
    }
    return series;
}

/* Writes the runs of each host's newest night, the worst first. */
static void write_today(hd_html *html, const hd_history_page_data *page) {
    static const char *const colours[] = {"bad", "fair", "good"};
    size_t disagreeing = count_disagreeing(page);
    hd_html_add(html, "<h3>The newest night</h3>\n");
    if (disagreeing)
        hd_html_add(html,
                    "<p class=\"worse\"><strong>Machines disagree on %zu series, see below.</strong></p>\n",
                    disagreeing);
    hd_html_add(html, "<div class=\"today\">\n");
    for (size_t c = 0; c < sizeof colours / sizeof *colours; c++)
        for (size_t n = page->trend.night_count; n-- > 0;)
            if (page->trend.nights[n].newest && !strcmp(colour_of(page, n), colours[c]))
                write_host(html, page, n);
    hd_html_add(html, "</div>\n");
}

/* --- the section --- */

static void write_summary(hd_html *html, const hd_history_page_data *page) {
    const hd_trend *trend = &page->trend;
    size_t hosts = 0;
    char dates[HD_DATES];
    for (size_t n = 0; n < trend->night_count; n++) hosts += page->details.nights[n].before == HD_NO_NIGHT;
    hd_dates_text(trend->nights[0].moment / DAY, trend->nights[trend->night_count - 1].moment / DAY, dates);
    hd_html_add(html, "<p>%zu run%s of %zu host%s, %s; %zu series.</p>\n", trend->night_count,
                trend->night_count == 1 ? "" : "s", hosts, hosts == 1 ? "" : "s", dates, trend->series_count);
}

hd_status hd_page_history(hd_html *html, const hd_history_page_data *page, hd_error *error) {
    hd_html_add(html, "<h2>history</h2>\n<p class=\"file\">%s</p>\n", page->path);
    if (!page->trend.night_count) {
        hd_html_add(html, "<p>No run has been kept in it yet.</p>\n");
        return HD_OK;
    }
    write_summary(html, page);
    write_today(html, page);
    hd_page_all_news(html, page);
    hd_status status = hd_page_series(html, page, error);
    hd_page_nights(html, page);
    return status;
}
