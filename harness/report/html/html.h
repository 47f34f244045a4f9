/* Writes HTML into memory. Every %s is escaped: names and reasons come from users. */
#ifndef HD_REPORT_HTML_HTML_H
#define HD_REPORT_HTML_HTML_H

#include "core/error.h"

#include <stddef.h>
#include <stdio.h>

typedef struct hd_html {
    FILE *to;
    char *text; /* after hd_html_close: the page and its size; the caller frees it */
    size_t size;
} hd_html;

/* Begins an empty text. HD_UNAVAILABLE: no memory. End with hd_html_close. */
hd_status hd_html_open(hd_html *html, hd_error *error);

/* Appends the format, which is markup, with its arguments; escapes every text (hd_escape_print). */
void hd_html_add(hd_html *html, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes a number for people into text and returns it: "0.0123", "1.2e-7", "∞", "−∞", and "–" for NaN. */
enum { HD_HTML_NUMBER = 32 };
const char *hd_html_number(double value, int digits, char text[HD_HTML_NUMBER]);

/* Begins and ends a table, in a box that scrolls on a narrow page; the caller writes the rows. headings: a
 * list that ends with NULL ("": an empty one; one with a leading blank is left-aligned, for texts), or NULL:
 * no headings. */
void hd_html_table(hd_html *html, const char *caption, const char *const *headings);
void hd_html_table_end(hd_html *html);

/* Table cells: a number (hd_html_number), and a left-aligned text. */
void hd_html_cell(hd_html *html, double value, int digits);
void hd_html_text_cell(hd_html *html, const char *text);

/* Writes a bar, full at 1 and above; none for NaN. A text should follow. */
void hd_html_bar(hd_html *html, double share);

/* Writes a cell with a bar and the share in per cent. */
void hd_html_share_cell(hd_html *html, double share);

/* Ends the text: the caller frees html->text. HD_UNAVAILABLE: no memory; html->text is NULL. */
hd_status hd_html_close(hd_html *html, hd_error *error);

#endif
