#include "report/html/chart_axis.h"
#include "report/html/page.h"

enum { DAY = 86400, ITEMS = 4, ORIGINS = 200 };

/* --- what a night brought --- */

/* Separates the items of a line: writes nothing before the first one. */
static void separate(hd_html *html, bool *begun) {
    hd_html_add(html, "%s", *begun ? "; " : "");
    *begun = true;
}

static void write_item(hd_html *html, const hd_history_page_data *page, const hd_news *news) {
    const hd_number_change *most = news->kind == HD_NEWS_LEVEL ? NULL : hd_news_most(&page->trend, news);
    char link[HD_HISTORY_PAGE_LINK];
    hd_html_add(html, "<a href=\"%s\" class=\"%s\">%s</a>: ", hd_history_page_link(page, news, link),
                !news->bad              ? "better"
                : most && !most->beyond ? "other"
                                        : "worse",
                hd_news_word(news));
    hd_page_series_name(html, &page->trend.series[news->series]);
    if (most)
        hd_html_add(html, ", %s", hd_page_extent(most));
    else
        hd_html_add(html, ", %.3g times", hd_history_page_change(page, news)->ratio);
}

static void write_news(hd_html *html, const hd_history_page_data *page, size_t night, bool *begun) {
    size_t count;
    const hd_news *news = hd_history_page_news(page, night, &count);
    for (size_t i = 0; i < count && i < ITEMS; i++) {
        separate(html, begun);
        write_item(html, page, &news[i]);
    }
    if (count <= ITEMS) return;
    separate(html, begun);
    hd_html_add(html, "%zu more change%s", count - ITEMS, count - ITEMS == 1 ? "" : "s");
}

static void write_differences(hd_html *html, const hd_night_detail *detail, bool *begun) {
    for (size_t i = 0; i < detail->difference_count && i < ITEMS; i++) {
        const hd_provenance_difference *d = &detail->differences[i];
        separate(html, begun);
        hd_html_add(html, "%s %.60s → %.60s", d->key, d->before[0] ? d->before : "–",
                    d->after[0] ? d->after : "–");
    }
    if (detail->difference_count <= ITEMS) return;
    separate(html, begun);
    hd_html_add(html, "%zu more difference%s", detail->difference_count - ITEMS,
                detail->difference_count - ITEMS == 1 ? "" : "s");
}

bool hd_page_news(hd_html *html, const hd_history_page_data *page, size_t night) {
    const hd_night_detail *detail = &page->details.nights[night];
    bool begun = false;
    if (detail->before == HD_NO_NIGHT) {
        separate(html, &begun);
        hd_html_add(html, "the host’s first");
    }
    if (page->trend.nights[night].clock_back) {
        separate(html, &begun);
        hd_html_add(html, "<b class=\"worse\">its clock went back</b>");
    }
    if (detail->missing) {
        separate(html, &begun);
        hd_html_add(html, "%zu night%s missing before it", detail->missing, detail->missing == 1 ? "" : "s");
    }
    for (size_t i = 0; i < detail->failure_count && i < ITEMS; i++) {
        separate(html, &begun);
        hd_html_add(html, "no record: %.160s", detail->failures[i]);
    }
    write_news(html, page, night, &begun);
    write_differences(html, detail, &begun);
    return begun;
}

/* --- the list --- */

static void write_verdict(hd_html *html, const hd_night *night) {
    static const char *const kinds[] = {"", "", "bad input, ", "the machine cannot, "};
    hd_html_add(html, "<td class=\"t %s\">", night->status == HD_OK ? "good" : "bad");
    if (night->status >= HD_INVALID && night->status <= HD_UNAVAILABLE)
        hd_html_add(html, "%s", kinds[night->status]);
    if (night->failed) hd_html_add(html, "%zu failed, ", night->failed);
    hd_html_add(html, "%zu passed</td>", night->passed);
}

static void write_night(hd_html *html, const hd_history_page_data *page, size_t n) {
    const hd_night *night = &page->trend.nights[n];
    const hd_night_detail *detail = &page->details.nights[n];
    char text[HD_DATE];
    hd_html_add(html, "<tr id=\"r%.0f\"><th scope=\"row\">%s, %.5s</th><td>%.0f</td>", (double)night->id,
                hd_date_text(night->moment / DAY, 1, text), night->started + 11, (double)night->id);
    hd_html_text_cell(html, night->host);
    write_verdict(html, night);
    hd_html_text_cell(html, night->commit);
    hd_html_add(html, "<td class=\"long\">");
    hd_page_news(html, page, n);
    hd_html_add(html, "</td><td class=\"t\">");
    for (size_t i = 0; i < detail->origin_count; i++)
        if (detail->origins[i] + ORIGINS >= page->details.origin_count)
            hd_html_add(html, "<a href=\"#p%zu\">%zu</a> ", detail->origins[i] + 1, detail->origins[i] + 1);
    hd_html_add(html, "</td></tr>\n");
}

static void write_origin(hd_html *html, const hd_history_page_data *page, size_t index) {
    const hd_origin *origin = &page->details.origins[index];
    char text[HD_DATES], caption[HD_DATES + 64];
    if (origin->first > origin->last) return; /* no record has it */
    hd_dates_text(page->trend.nights[origin->first].moment / DAY,
                  page->trend.nights[origin->last].moment / DAY, text);
    snprintf(caption, sizeof caption, "%zu: %s", index + 1, text);
    hd_html_add(html, "<div id=\"p%zu\">\n", index + 1);
    hd_page_facts(html, caption, (json_t *const[]){origin->facts, NULL}, (const char *const[]){"", ""});
    hd_html_add(html, "</div>\n");
}

void hd_page_nights(hd_html *html, const hd_history_page_data *page) {
    static const char *const headings[] = {" night",  "run",
                                           " host",   " verdict",
                                           " commit", " what changed since the host’s previous night",
                                           " by",     NULL};
    size_t count = page->trend.night_count, listed = 0;
    for (size_t n = 0; n < count; n++) listed += hd_history_page_lists(page, n);
    hd_html_add(html, "<h3 id=\"nights\">Nights</h3>\n");
    if (listed < count)
        hd_html_add(html,
                    "<p class=\"note\">Of %zu runs listed are the newest %d, and of those before the ones on "
                    "which a verdict, a level or a number changed.</p>\n",
                    count, HD_HISTORY_PAGE_NIGHTS);
    hd_html_table(html, "Every run, the newest first; times are UTC. What made its records follows below",
                  headings);
    for (size_t n = count; n-- > 0;)
        if (hd_history_page_lists(page, n)) write_night(html, page, n);
    hd_html_table_end(html);
    hd_html_add(html,
                "<h3>What made them</h3>\n<p>Each distinct provenance, without version and commit, which are "
                "with the nights.</p>\n");
    for (size_t i = page->details.origin_count; i-- > 0;)
        if (i + ORIGINS >= page->details.origin_count) write_origin(html, page, i);
}
