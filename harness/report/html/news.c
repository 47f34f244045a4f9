/* Writes the news of a history, in a table for each kind: machines that disagree, levels, numbers. */
#include "report/html/chart_axis.h"
#include "report/html/page.h"

#include <math.h>

enum { DAY = 86400, MEGABYTE = 1000000 };

void hd_page_series_name(hd_html *html, const hd_series *series) {
    hd_html_add(html, "%s", series->experiment);
    if (series->renamed)
        hd_html_add(html, " (%.8s, data %.8s)", series->experiment_sha256, series->data_sha256);
    hd_html_add(html, " %s on %s", hd_mode_name(series->mode), series->device);
}

void hd_page_night_link(hd_html *html, const hd_history_page_data *page, size_t n) {
    const hd_night *night = &page->trend.nights[n];
    char date[HD_DATE];
    hd_date_text(night->moment / DAY, 1, date);
    if (hd_history_page_lists(page, n))
        hd_html_add(html, "<a href=\"#r%.0f\">%s</a>", (double)night->id, date);
    else
        hd_html_add(html, "%s", date);
}

/* Writes a night, with its commit and host below. */
static void write_night_cell(hd_html *html, const hd_history_page_data *page, size_t n) {
    hd_html_add(html, "<td class=\"t\">");
    hd_page_night_link(html, page, n);
    hd_html_add(html, "<small>%s, %s</small></td>", page->trend.nights[n].commit, page->trend.nights[n].host);
}

/* --- levels --- */

static void write_level(hd_html *html, const hd_history_page_data *page, const hd_news *news) {
    const hd_level_change *change = hd_history_page_change(page, news);
    const hd_series *series = &page->trend.series[news->series];
    static const struct {
        const char *name;
        double size;
    } units[HD_COSTS] = {[HD_COST_TIME] = {"÷ products", 1},
                         [HD_COST_PRODUCTS] = {"s / TFLOP", 1},
                         [HD_COST_MEMORY] = {"MB", MEGABYTE},
                         [HD_COST_DEVICE_MEMORY] = {"MB", MEGABYTE}};
    char low[HD_HTML_NUMBER], high[HD_HTML_NUMBER];
    hd_page_series_name(html, series);
    hd_html_add(html, "<small>%s, %zu thread%s</small></th><td class=\"t %s\">%s</td>", series->machine,
                series->threads, series->threads == 1 ? "" : "s", news->bad ? "bad" : "good",
                hd_news_word(news));
    hd_html_add(html, "<td class=\"t\">%.3g times<small>95 %%: %s to %s</small></td>", change->ratio,
                hd_html_number(change->low, 3, low), hd_html_number(change->high, 3, high));
    hd_html_cell(html, change->before / units[news->cost].size, 4);
    hd_html_cell(html, change->after / units[news->cost].size, 4);
    hd_html_text_cell(html, units[news->cost].name);
    write_night_cell(html, page, hd_history_page_since(page, news));
    hd_html_add(html, "<td class=\"t\">");
    hd_page_night_link(html, page, news->night);
    hd_html_add(html, "<small>p %s</small></td>", hd_html_number(change->p, 2, low));
}

/* --- numbers --- */

const char *hd_page_extent(const hd_number_change *change) {
    if (change->beyond) return "beyond tolerance";
    return isnan(change->tolerances) ? "no tolerance known" : "within tolerance";
}

/* Writes "hyper-iterations 0, 1, 2; AMD EPYC" below the series' name. */
static void write_steps(hd_html *html, const hd_history_page_data *page, const hd_news *news) {
    hd_html_add(html, "<small>hyper-iteration%s", news->count == 1 ? "" : "s");
    for (size_t i = 0; i < news->count; i++)
        hd_html_add(html, i ? ", %zu" : " %zu", hd_news_number_change(&page->trend, news, i)->step);
    hd_html_add(html, "; %s", page->trend.series[news->series].machine);
}

static void write_change(hd_html *html, const hd_number_change *change) {
    char text[HD_HTML_NUMBER];
    hd_html_add(html, "</small></th><td class=\"t\">%s<small>", change->quantity);
    if (change->changed) hd_html_add(html, "bits of %zu of %zu", change->changed, change->of);
    hd_html_add(html, "%s</small></td>",
                !change->weights  ? ""
                : change->changed ? ", weights"
                                  : "weights alone");
    hd_html_cell(html, change->old_value, 9);
    hd_html_cell(html, change->new_value, 9);
    hd_html_add(html, "<td class=\"t %s\">%s", change->beyond ? "bad" : "fair", hd_page_extent(change));
    if (!isnan(change->tolerances))
        hd_html_add(html, "<small>%s of it</small>", hd_html_number(change->tolerances, 3, text));
    hd_html_add(html, "</td>");
}

static void write_numbers(hd_html *html, const hd_history_page_data *page, const hd_news *news) {
    const hd_number_change *most = hd_news_most(&page->trend, news);
    hd_page_series_name(html, &page->trend.series[news->series]);
    write_steps(html, page, news);
    write_change(html, most);
    write_night_cell(html, page, most->since);
    hd_html_add(html, "<td class=\"t\">");
    hd_page_night_link(html, page, most->before);
    hd_html_add(html, "<small>%s</small></td>", page->trend.nights[most->before].commit);
}

static void write_disagreement(hd_html *html, const hd_history_page_data *page, const hd_news *news) {
    const hd_number_change *most = hd_news_most(&page->trend, news);
    const hd_disagreement *one = &page->trend.disagreements[news->first];
    const hd_series *series = &page->trend.series[news->series], *other = &page->trend.series[one->other];
    const hd_night *nights = page->trend.nights;
    hd_page_series_name(html, series);
    write_steps(html, page, news);
    if (other == series)
        hd_html_add(html, "<br/>on %s not as on %s", nights[one->last].host, nights[one->change.before].host);
    else
        hd_html_add(html, "<br/>not as on %s; %s", other->device, other->machine);
    write_change(html, most);
    write_night_cell(html, page, most->since);
}

/* --- the tables --- */

typedef struct hd_table {
    hd_news_kind kind;
    const char *title, *caption, *none; /* none: the text for an empty table; NULL: no section then */
    const char *headings[9];
    void (*write)(hd_html *html, const hd_history_page_data *page, const hd_news *news);
} hd_table;

static const hd_table tables[] = {
    {HD_NEWS_DISAGREEMENT,
     "Machines that disagree",
     "Records in the exact arithmetic that should have the same bits on every machine, but do not",
     NULL,
     {" record", " figure", "there", "here", " apart by", " both since", NULL},
     write_disagreement},
    {HD_NEWS_LEVEL,
     "Slower, faster, larger, smaller",
     "Changes of level that are too large for chance, latest first",
     "No change of level has been found in any series’ time, products or memory.",
     {" series", " became", " by", "from", "to", "", " since", " found", NULL},
     write_level},
    {HD_NEWS_NUMBERS,
     "Numbers that changed",
     "Records that changed, with the figure that moved most; newest first",
     "None: every record has the bits that its series had on earlier nights.",
     {" record", " figure", "was", "is", " moved by", " since", " last with the old value", NULL},
     write_numbers},
};

static void write_table(hd_html *html, const hd_history_page_data *page, const hd_table *table) {
    size_t count = 0, listed = 0;
    for (size_t i = 0; i < page->news_count; i++) {
        count += page->news[i].kind == table->kind;
        listed += page->news[i].kind == table->kind && i < HD_HISTORY_PAGE_NEWS;
    }
    if (!count && !table->none) return;
    hd_html_add(html, "<h3>%s</h3>\n", table->title);
    if (!count) hd_html_add(html, "<p>%s</p>\n", table->none);
    if (listed < count) hd_html_add(html, "<p class=\"note\">The newest %zu of %zu.</p>\n", listed, count);
    if (listed) hd_html_table(html, table->caption, table->headings);
    for (size_t i = 0; i < page->news_count && i < HD_HISTORY_PAGE_NEWS; i++) {
        if (page->news[i].kind != table->kind) continue;
        hd_html_add(html, "<tr id=\"n%zu\"><th scope=\"row\">", i + 1);
        table->write(html, page, &page->news[i]);
        hd_html_add(html, "</tr>\n");
    }
    if (listed) hd_html_table_end(html);
}

void hd_page_all_news(hd_html *html, const hd_history_page_data *page) {
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) write_table(html, page, &tables[t]);
}
