/* The report's page: head and style, and a section for each document it is made of.
 *
 * The sections read their document strictly and write as they read. Where it is not as it should be the
 * document fails (hd_document_close says how), and what was written is to be thrown away. */
#ifndef HD_PAGE_H
#define HD_PAGE_H

#include "document.h"
#include "html.h"
#include "record.h"

/* All before the sections, and after them. */
void hd_page_begin(hd_html *html);
void hd_page_end(hd_html *html);

/* What was found, in large, with its kind in small before it: colour is "good", "fair" or "bad". */
void hd_page_verdict(hd_html *html, const char *colour, const char *kind, const char *verdict);

/* A drift's: verdict, sides, places, hypergradients, causes, outcomes, provenance; and by page_growth.c what
 * is drawn: growth, heat, events, pairing. */
void hd_page_drift(hd_html *html, const hd_node *drift);
void hd_page_growth(hd_html *html, const hd_node *drift);
void hd_page_heat(hd_html *html, const hd_node *drift);
void hd_page_events(hd_html *html, const hd_node *drift);
void hd_page_pairing(hd_html *html, const hd_node *drift);

/* A check's: verdict, figures, what it cost. A run's, and one record's: results and what they cost. */
void hd_page_check(hd_html *html, const hd_node *check);
void hd_page_run(hd_html *html, const hd_node *run);
void hd_page_record(hd_html *html, const hd_node *record);

/* Of the records in an array: their time by phases, memory and rates, and what made them. */
void hd_page_costs(hd_html *html, const hd_node *array);

/* Two objects side by side, a row for each key, what differs being marked; or one, objects[1] being NULL. */
void hd_page_facts(hd_html *html, const char *caption, json_t *const objects[2],
                   const char *const headings[2]);

#endif
