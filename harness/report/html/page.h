/* The report's page: head and style, and a section for each document it is made of.
 *
 * The sections read their document strictly and write as they read. Where it is not as it should be the
 * document fails (hd_document_close says how), and what was written is to be thrown away. */
#ifndef HD_REPORT_HTML_PAGE_H
#define HD_REPORT_HTML_PAGE_H

#include "base/json.h"
#include "report/html/history_page_data.h"
#include "report/html/html.h"
#include "run/record.h"

/* All before the sections, and after them. */
void hd_page_begin(hd_html *html);
void hd_page_end(hd_html *html);

/* What was found, in large, with its kind in small before it: colour is "good", "fair" or "bad". */
void hd_page_verdict(hd_html *html, const char *colour, const char *kind, const char *verdict);

/* A drift's: verdict, sides, places, hypergradients, causes, outcomes, provenance; and by report/html/growth.c what
 * is drawn: growth, heat, events, pairing. */
void hd_page_drift(hd_html *html, const hd_node *drift);
void hd_page_growth(hd_html *html, const hd_node *drift);
void hd_page_heat(hd_html *html, const hd_node *drift);
void hd_page_crossings(hd_html *html, const hd_node *drift);
void hd_page_pairing(hd_html *html, const hd_node *drift);

/* A check's: verdict, figures, what it cost. A run's, and one record's: results and what they cost. */
void hd_page_check(hd_html *html, const hd_node *check);
void hd_page_run(hd_html *html, const hd_node *run);
void hd_page_record(hd_html *html, const hd_node *record);

/* A history's: the newest night of each host and what it brought; by report/html/news.c machines that disagree,
 * changes of level and numbers that changed; by report/html/series.c time, memory and shares of tolerances over the
 * nights, an experiment after the other; and by report/html/nights.c a list of the nights and of what made their
 * records. There can be one on a page, for what is in it is led to (report/html/history_page_data.h). HD_UNAVAILABLE: no memory. */
hd_status hd_page_history(hd_html *html, const hd_history_page_data *page, hd_error *error);
void hd_page_all_news(hd_html *html, const hd_history_page_data *page);
hd_status hd_page_series(hd_html *html, const hd_history_page_data *page, hd_error *error);
void hd_page_nights(hd_html *html, const hd_history_page_data *page);

/* What a night brought that was not there before, in a line, led to by links; false if there is nothing. */
bool hd_page_news(hd_html *html, const hd_history_page_data *page, size_t night);

/* A series by name: "blobs-deep forward on cpu", with the first digits of its hashes where another one has
 * the same name. */
void hd_page_series_name(hd_html *html, const hd_series *series);

/* How far a number moved: "beyond tolerance", "within tolerance", "no tolerance known". */
const char *hd_page_extent(const hd_number_change *change);

/* A night's date, which leads to it if it is listed. */
void hd_page_night_link(hd_html *html, const hd_history_page_data *page, size_t night);

/* Of the records in an array: their time by phases, memory and rates, and what made them. */
void hd_page_costs(hd_html *html, const hd_node *array);

/* Two objects side by side, a row for each key, what differs being marked; or one, objects[1] being NULL. */
void hd_page_facts(hd_html *html, const char *caption, json_t *const objects[2],
                   const char *const headings[2]);

#endif
