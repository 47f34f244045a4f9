#include "report/html/page.h"

#include "style.h"

#include <stdlib.h>

void hd_page_begin(hd_html *html) {
    hd_html_add(html, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                      "'unsafe-inline'\"/>\n"
                      "<title>hyperdrift report</title>\n<style>\n");
    fputs(hd_page_style, html->to);
    hd_html_add(html, "</style>\n</head>\n<body>\n<h1>hyperdrift report</h1>\n");
}

void hd_page_end(hd_html *html) {
    hd_html_add(html, "</body>\n</html>\n");
}

void hd_page_verdict(hd_html *html, const char *colour, const char *kind, const char *verdict) {
    hd_html_add(html, "<p class=\"verdict %s\"><small>%s</small>%s</p>\n", colour, kind, verdict);
}

/* --- facts --- */

static void write_fact(hd_html *html, const json_t *value, bool differs) {
    hd_html_add(html, "<td class=\"long%s\">", differs ? " differs" : "");
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    hd_html_add(html, "%s%s</td>", text ? text : value ? json_string_value(value) : "–", differs ? " ≠" : "");
    free(text);
}

static void write_fact_row(hd_html *html, const char *key, const json_t *a, const json_t *b, bool two) {
    hd_html_add(html, "<tr><th scope=\"row\">%s</th>", key);
    write_fact(html, a, two && !json_equal(a, b));
    if (two) write_fact(html, b, !json_equal(a, b));
    hd_html_add(html, "</tr>\n");
}

void hd_page_facts(hd_html *html, const char *caption, json_t *const objects[2],
                   const char *const headings[2]) {
    json_t *a = objects[0], *b = objects[1], *value;
    const char *key;
    hd_html_table(html, caption, b ? (const char *const[]){"", headings[0], headings[1], NULL} : NULL);
    json_object_foreach(a, key, value) write_fact_row(html, key, value, json_object_get(b, key), b);
    json_object_foreach(b, key, value) if (!json_object_get(a, key))
        write_fact_row(html, key, NULL, value, true);
    hd_html_table_end(html);
}
