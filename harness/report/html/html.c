#include "report/html/html.h"

#include "base/escape.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

hd_status hd_html_open(hd_html *html, hd_error *error) {
    *html = (hd_html){.text = NULL};
    html->to = open_memstream(&html->text, &html->size);
    return html->to ? HD_OK : hd_fail(error, HD_UNAVAILABLE, "no memory for a page");
}

hd_status hd_html_close(hd_html *html, hd_error *error) {
    bool failed = ferror(html->to) != 0;
    failed |= fclose(html->to) != 0;
    if (!failed) return HD_OK;
    free(html->text);
    html->text = NULL;
    return hd_fail(error, HD_UNAVAILABLE, "no memory for a page");
}

void hd_html_add(hd_html *html, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    hd_escape_print(html->to, hd_escape_markup, format, arguments);
    va_end(arguments);
}

const char *hd_html_number(double value, int digits, char text[HD_HTML_NUMBER]) {
    if (isfinite(value))
        snprintf(text, HD_HTML_NUMBER, "%.*g", digits, value);
    else
        snprintf(text, HD_HTML_NUMBER, "%s", isnan(value) ? "–" : value > 0 ? "∞" : "−∞");
    char *exponent = strchr(text, 'e'); /* "e-07" -> "e-7", "e+07" -> "e7" */
    if (!exponent) return text;
    char *digit = exponent + 2 + strspn(exponent + 2, "0"), *to = exponent + 1 + (exponent[1] == '-');
    memmove(to, digit, strlen(digit) + 1);
    return text;
}

static void write_heading(hd_html *html, const char *heading) {
    if (!heading[0])
        hd_html_add(html, "<td></td>");
    else if (heading[0] == ' ')
        hd_html_add(html, "<th scope=\"col\" class=\"t\">%s</th>", heading + 1);
    else
        hd_html_add(html, "<th scope=\"col\">%s</th>", heading);
}

void hd_html_table(hd_html *html, const char *caption, const char *const *headings) {
    hd_html_add(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">\n<table><caption><span>%s"
        "</span></caption>\n",
        caption, caption);
    if (headings) hd_html_add(html, "<thead><tr>");
    for (size_t i = 0; headings && headings[i]; i++) write_heading(html, headings[i]);
    if (headings) hd_html_add(html, "</tr></thead>\n");
}

void hd_html_table_end(hd_html *html) {
    hd_html_add(html, "</table></div>\n");
}

void hd_html_cell(hd_html *html, double value, int digits) {
    char text[HD_HTML_NUMBER];
    hd_html_add(html, "<td>%s</td>", hd_html_number(value, digits, text));
}

void hd_html_text_cell(hd_html *html, const char *text) {
    hd_html_add(html, "<td class=\"t\">%s</td>", text);
}

void hd_html_bar(hd_html *html, double share) {
    if (!isnan(share))
        hd_html_add(html, "<span class=\"bar\"><i style=\"width:%.1f%%\"></i></span> ",
                    100 * fmin(fmax(share, 0), 1));
}

void hd_html_share_cell(hd_html *html, double share) {
    char text[HD_HTML_NUMBER];
    hd_html_add(html, "<td class=\"t\">");
    hd_html_bar(html, share);
    if (isfinite(share))
        hd_html_add(html, "%.3g %%</td>", 100 * share);
    else
        hd_html_add(html, "%s</td>", hd_html_number(share, 1, text));
}
