/* HTML being written into memory. What is put in it as %s is escaped, always: names and reasons come from
 * users. */
#ifndef HD_REPORT_HTML_HTML_H
#define HD_REPORT_HTML_HTML_H

#include "core/error.h"

#include <stddef.h>
#include <stdio.h>

typedef struct hd_html {
    FILE *to;
    char *text; /* after hd_html_close: the page, and its size; owned */
    size_t size;
} hd_html;

/* Begins an empty text. HD_UNAVAILABLE: no memory. End with hd_html_close. */
hd_status hd_html_open(hd_html *html, hd_error *error);

/* Appends the format, which is markup, with its arguments; every text (%s) is escaped, see hd_escape_print. */
void hd_html_add(hd_html *html, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A number for people, in text, which is returned: "0.0123", "1.2e-7", "∞", "−∞", and "–" for NaN. */
enum { HD_HTML_NUMBER = 32 };
const char *hd_html_number(double value, int digits, char text[HD_HTML_NUMBER]);

/* A table in a box that scrolls by itself where the page is narrow; rows come between. Its headings are a
 * list that ends with NULL: "" is none, and one that begins with a blank stands to the left, over texts.
 * NULL: no headings. */
void hd_html_table(hd_html *html, const char *caption, const char *const *headings);
void hd_html_table_end(hd_html *html);

/* Table cells: a number so written, and a text that goes to the left. */
void hd_html_cell(hd_html *html, double value, int digits);
void hd_html_text_cell(hd_html *html, const char *text);

/* A bar, full at 1, for a text to follow; longer than full is cut, and NaN has none. */
void hd_html_bar(hd_html *html, double share);

/* A cell with a bar and the share in per cent. */
void hd_html_share_cell(hd_html *html, double share);

/* Ends the writing: html->text is whole, the caller's to free. HD_UNAVAILABLE: no memory; html->text is NULL. */
hd_status hd_html_close(hd_html *html, hd_error *error);

#endif
