/* The report's page: head, style, and a section for each document.
 *
 * The sections read their document strictly and write as they read. If the document is not as it should be,
 * it fails (hd_document_close says how), and what was written must be thrown away. */
#ifndef HD_REPORT_HTML_PAGE_H
#define HD_REPORT_HTML_PAGE_H

#include "base/json.h"
#include "report/html/history_page_data.h"
#include "report/html/html.h"
#include "run/record.h"

/* What comes before the sections, and after them. */
void hd_page_begin(hd_html *html);
void hd_page_end(hd_html *html);

/* Writes a verdict in large letters, its kind in small ones before it; colour: "good", "fair" or "bad". */
void hd_page_verdict(hd_html *html, const char *colour, const char *kind, const char *verdict);

/* A drift's section: verdict, sides, places, hypergradients, causes, outcomes, provenance; from drift_verdicts.c
 * findings, who was judged and how, hyper-iterations; from growth.c its drawings: growth, heat, events, pairing; from
 * drift_maps.c the map of layers and steps, and the weights by units in the last place. */
void hd_page_drift(hd_html *html, const hd_node *drift);
void hd_page_drift_findings(hd_html *html, const hd_node *drift);
void hd_page_drift_judged(hd_html *html, const hd_node *drift);
void hd_page_drift_iterations(hd_html *html, const hd_node *drift);
void hd_page_drift_map(hd_html *html, const hd_node *drift);
void hd_page_drift_ulps(hd_html *html, const hd_node *drift);
void hd_page_growth(hd_html *html, const hd_node *drift);
void hd_page_heat(hd_html *html, const hd_node *drift);
void hd_page_crossings(hd_html *html, const hd_node *drift);
void hd_page_pairing(hd_html *html, const hd_node *drift);

/* Sections of a check (verdict, figures, costs), a run and a single record (results and costs). */
void hd_page_check(hd_html *html, const hd_node *check);
void hd_page_run(hd_html *html, const hd_node *run);
void hd_page_record(hd_html *html, const hd_node *record);

/* A history's section, once on a page (it has link targets, history_page_data.h): each host's newest night
 * and what it brought; from news.c machines that disagree, levels and numbers that changed; from series.c
 * time, memory and shares of tolerances over the nights, for each experiment; from nights.c the nights and
 * what made their records. HD_UNAVAILABLE: no memory. */
hd_status hd_page_history(hd_html *html, const hd_history_page_data *page, hd_error *error);
void hd_page_all_news(hd_html *html, const hd_history_page_data *page);
hd_status hd_page_series(hd_html *html, const hd_history_page_data *page, hd_error *error);
void hd_page_nights(hd_html *html, const hd_history_page_data *page);

/* Writes a line on what is new on a night, with links; false if nothing is. */
bool hd_page_news(hd_html *html, const hd_history_page_data *page, size_t night);

/* Writes a series' name: "blobs-deep forward on cpu", with its hashes if another has the same. */
void hd_page_series_name(hd_html *html, const hd_series *series);

/* Gives "beyond tolerance", "within tolerance" or "no tolerance known". */
const char *hd_page_extent(const hd_number_change *change);

/* Writes a night's date, as a link to it if it is listed. */
void hd_page_night_link(hd_html *html, const hd_history_page_data *page, size_t night);

/* Writes time by phases, memory, rates and provenance of an array of records. */
void hd_page_costs(hd_html *html, const hd_node *array);

/* Writes two objects side by side, a row for each key, marking what differs; or one (objects[1] NULL). */
void hd_page_facts(hd_html *html, const char *caption, json_t *const objects[2],
                   const char *const headings[2]);

#endif
