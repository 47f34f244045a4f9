#include "report/html/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- figures --- */

/* One quantity of the document, with what decides where it is shown. */
typedef struct hd_table_figure {
    size_t index;
    double used, relative;
    const char *outcome; /* the document's */
} hd_table_figure;

static hd_table_figure get_figure(const hd_node *quantities, size_t i) {
    hd_node node = hd_node_element(quantities, i);
    hd_table_figure figure = {i, hd_node_number(&node, "budget_used"), hd_node_number(&node, "relative"),
                              hd_node_text(&node, "verdict")};
    bool known = !strcmp(figure.outcome, "pass") || !strcmp(figure.outcome, "known") ||
                 !strcmp(figure.outcome, "fail");
    if (!known) hd_node_refuse(&node, "verdict", "is \"%.64s\": not pass, known or fail", figure.outcome);
    if (isnan(figure.used)) figure.used = INFINITY;
    return figure;
}

static int outcome_order(const hd_table_figure *figure) {
    return figure->outcome[0] == 'f' ? 0 : figure->outcome[0] == 'k' ? 1 : 2;
}

/* Failures, then known ones, then the rest; in each those first that used most of their tolerance. */
static int worst_first(const void *a, const void *b) {
    const hd_table_figure *x = a, *y = b;
    if (outcome_order(x) != outcome_order(y)) return outcome_order(x) - outcome_order(y);
    if (x->used != y->used) return x->used > y->used ? -1 : 1;
    if (x->used > 1 && x->relative != y->relative) return x->relative > y->relative ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static void write_optional(hd_html *html, const hd_node *node, const char *key, const char *before) {
    if (json_object_get(node->json, key)) hd_html_add(html, "%s%s", before, hd_node_text(node, key));
}

/* Writes the row's record, as the second line of its heading. */
static void write_record(hd_html *html, const hd_node *node) {
    hd_html_add(html, "<small>%s, hyper-iteration %zu, %s, %s", hd_node_text(node, "experiment"),
                hd_node_size(node, "step"), hd_node_text(node, "mode"), hd_node_text(node, "device"));
}

static void write_figure(hd_html *html, const hd_node *node, const hd_table_figure *figure) {
    hd_html_add(html, "<tr><th scope=\"row\">%s", hd_node_text(node, "name"));
    write_optional(html, node, "element", " ");
    write_record(html, node);
    hd_html_add(html, ", by %s</small></th><td class=\"t %s\">%s</td>", hd_node_text(node, "against"),
                figure->outcome[0] == 'f'   ? "bad"
                : figure->outcome[0] == 'k' ? "fair"
                                            : "good",
                figure->outcome);
    hd_html_share_cell(html, hd_node_number(node, "budget_used"));
    hd_html_cell(html, hd_node_number(node, "value"), 9);
    hd_html_cell(html, hd_node_number(node, "expected"), 9);
    hd_html_cell(html, hd_node_number(node, "error"), 3);
    hd_html_cell(html, hd_node_number(node, "relative"), 3);
    hd_html_cell(html, hd_node_number(node, "ulps"), 3);
    hd_html_cell(html, hd_node_number(node, "tolerance"), 3);
    hd_html_text_cell(html, hd_node_text(node, "measure"));
    hd_html_add(html, "<td class=\"t\">");
    write_optional(html, node, "note", "");
    hd_html_add(html, "</td></tr>\n");
}

static void write_figures(hd_html *html, const char *caption, const hd_node *quantities,
                          const hd_table_figure *figures, size_t count) {
    static const char *const headings[] = {" figure",  "",       " tolerance used", "value",
                                           "expected", "off by", "relative",        "ulp",
                                           "allowed",  "",       " note",           NULL};
    hd_html_table(html, caption, headings);
    for (size_t i = 0; i < count; i++) {
        hd_node node = hd_node_element(quantities, figures[i].index);
        write_figure(html, &node, &figures[i]);
    }
    hd_html_table_end(html);
}

/* --- verdicts: one record's figures, judged by one golden, trace or record --- */

static bool of_one_verdict(const hd_node *quantities, size_t i, size_t j) {
    static const char *const keys[] = {"experiment", "step", "mode", "device", "against"};
    const json_t *a = json_array_get(quantities->json, i), *b = json_array_get(quantities->json, j);
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (!json_equal(json_object_get(a, keys[k]), json_object_get(b, keys[k]))) return false;
    return true;
}

/* figures[count], in the document's order, belong to one verdict. */
static void write_verdict(hd_html *html, const hd_node *quantities, const hd_table_figure *figures,
                          size_t count) {
    size_t worst = 0, failed = 0;
    for (size_t i = 0; i < count; i++) {
        failed += figures[i].outcome[0] == 'f';
        if (worst_first(&figures[i], &figures[worst]) < 0) worst = i;
    }
    hd_node node = hd_node_element(quantities, figures[worst].index);
    hd_html_add(html, "<tr><th scope=\"row\">by %s", hd_node_text(&node, "against"));
    write_record(html, &node);
    hd_html_add(html, "</small></th>");
    hd_html_add(html, "<td class=\"t %s\">%s</td><td>%zu of %zu</td>", failed ? "bad" : "good",
                failed ? "fail" : "pass", count - failed, count);
    hd_html_share_cell(html, figures[worst].used);
    hd_html_text_cell(html, hd_node_text(&node, "name"));
    hd_html_add(html, "</tr>\n");
}

static void write_verdicts(hd_html *html, const hd_node *quantities, const hd_table_figure *figures,
                           size_t count) {
    static const char *const headings[] = {" judged",       "",  "figures", " tolerance used",
                                           " worst figure", NULL};
    hd_html_add(html, "<h3>Verdicts</h3>\n");
    hd_html_table(html,
                  "Each record by each thing it was judged by; the worst figure and the tolerance it used",
                  headings);
    for (size_t i = 0, run; i < count; i += run) {
        for (run = 1; i + run < count && of_one_verdict(quantities, i, i + run);) run++;
        write_verdict(html, quantities, figures + i, run);
    }
    hd_html_table_end(html);
}

static void write_quantities(hd_html *html, const hd_node *check) {
    hd_node quantities = hd_node_array(check, "quantities");
    size_t count = hd_node_length(&quantities), past = 0, known = 0;
    hd_table_figure *figures = hd_node_allocate(&quantities, count, sizeof *figures);
    for (size_t i = 0; figures && i < count; i++) figures[i] = get_figure(&quantities, i);
    for (size_t i = 0; figures && i < count; i++) known += figures[i].outcome[0] == 'k';
    if (known)
        hd_html_add(html, "<p>Known: %zu, past their ordinary tolerance and within a stated allowance.</p>\n",
                    known);
    if (figures && check->document->status == HD_OK && count) {
        write_verdicts(html, &quantities, figures, count);
        qsort(figures, count, sizeof *figures, worst_first);
        while (past < count && figures[past].outcome[0] != 'p') past++;
        hd_html_add(html, "<h3>Figures</h3>\n");
        if (past)
            write_figures(html, "What failed, and what is known, worst first", &quantities, figures, past);
        hd_html_add(html, "<details><summary>%zu figure%s that passed</summary>\n", count - past,
                    count - past == 1 ? "" : "s");
        write_figures(html, "What passed, nearest to its tolerance first", &quantities, figures + past,
                      count - past);
        hd_html_add(html, "</details>\n");
    }
    free(figures);
}

/* --- the section --- */

static void write_skipped(hd_html *html, const hd_node *check) {
    hd_node skipped = hd_node_array(check, "skipped");
    for (size_t i = 0; i < hd_node_length(&skipped); i++) {
        hd_node skip = hd_node_element(&skipped, i);
        hd_html_add(html, "<p>Skipped: <strong>%s</strong>: %s</p>\n", hd_node_text(&skip, "what"),
                    hd_node_text(&skip, "why"));
    }
}

/* When and why the goldens that judged were blessed. */
static void write_goldens(hd_html *html, const hd_node *check) {
    hd_node goldens = hd_node_array(check, "goldens");
    for (size_t i = 0; i < hd_node_length(&goldens); i++) {
        hd_node golden = hd_node_element(&goldens, i);
        hd_html_add(html, "<p>Golden: <strong>%s</strong>: blessed %s at %s: %s",
                    hd_node_text(&golden, "experiment"), hd_node_text(&golden, "date"),
                    hd_node_text(&golden, "commit"), hd_node_text(&golden, "reason"));
        if (hd_node_second(&golden, "log", "kept", "no log of blessings"))
            hd_html_add(html, " (no log of blessings)");
        write_optional(html, &golden, "unplaced", "; not in place: a later blessing of ");
        hd_html_add(html, "</p>\n");
    }
}

void hd_page_check(hd_html *html, const hd_node *check) {
    bool fails = hd_node_second(check, "verdict", "pass", "fail");
    hd_node records = hd_node_array(check, "records"), skipped = hd_node_array(check, "skipped");
    char totals[96];
    snprintf(totals, sizeof totals, "%zu passed, %zu failed, %zu skipped", hd_node_size(check, "passed"),
             hd_node_size(check, "failed"), hd_node_length(&skipped));
    hd_html_add(html, "<h2>check</h2>\n<p class=\"file\">%s</p>\n", check->document->path);
    hd_page_verdict(html, fails ? "bad" : "good", fails ? "verdict: fail" : "verdict: pass", totals);
    if (!hd_node_truth(check, "bits"))
        hd_html_add(html, "<p>The goldens’ bits were not compared: only the tolerances were judged.</p>\n");
    write_goldens(html, check);
    write_skipped(html, check);
    write_quantities(html, check);
    hd_page_costs(html, &records);
}
