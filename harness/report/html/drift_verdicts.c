/* What a drift found: tensors that are not what their equations give, and each hyper-iteration's verdict. */
#include "report/html/chart.h"
#include "report/html/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- findings --- */

static void write_odds(hd_html *html, const hd_node *finding) {
    double odds = hd_node_number(finding, "log10_odds");
    if (isfinite(odds))
        hd_html_add(html, "<dt>odds of rounding</dt><dd>1 in 10<sup>%.0f</sup> or less</dd>", -odds);
}

static void write_finding(hd_html *html, const hd_node *finding) {
    size_t places = hd_node_size(finding, "places");
    hd_html_add(html, "<div><h4>In %s: %s</h4>\n<dl>\n<dt>step</dt><dd>%zu of hyper-iteration %zu, %s%s</dd>",
                hd_node_text(finding, "side"), hd_node_text(finding, "tensor"), hd_node_size(finding, "step"),
                hd_node_size(finding, "iteration"), hd_node_text(finding, "phase"),
                hd_node_flag(finding, "back") ? " (backward sweep)" : "");
    hd_html_add(html, "<dt>what</dt><dd>%s</dd>", hd_node_text(finding, "text"));
    if (places > 1)
        hd_html_add(html, "<dt>more</dt><dd>%zu of this kind, up to step %zu</dd>", places - 1,
                    hd_node_size(finding, "last_step"));
    write_odds(html, finding);
    hd_html_add(html, "</dl></div>\n");
}

/* Whether a side is a digest that parts from its run here. */
static bool has_parted(const hd_node *drift) {
    hd_node judged = hd_node_object(drift, "judged"), a = hd_node_object(&judged, "a"),
            b = hd_node_object(&judged, "b");
    return hd_node_known(&a, "parted") || hd_node_known(&b, "parted");
}

void hd_page_drift_findings(hd_html *html, const hd_node *drift) {
    enum { SHOWN = 6 };
    hd_node findings = hd_node_array(drift, "findings");
    size_t count = hd_node_length(&findings);
    bool known = hd_node_known(drift, "beyond");
    if (known ? count == 0 && !has_parted(drift) : count > 0)
        hd_node_refuse(drift, "beyond", "does not go with %zu findings", count);
    if (count == 0) return; /* where a digest parts is told with its side */
    hd_html_add(html, "<h3>What is not what its equation gives</h3>\n<div class=\"cards\">\n");
    for (size_t i = 0; i < count; i++) {
        hd_node finding = hd_node_element(&findings, i);
        if (i == SHOWN)
            hd_html_add(html, "</div>\n<details><summary>%zu more</summary><div class=\"cards\">\n",
                        count - i);
        write_finding(html, &finding);
    }
    hd_html_add(html, count > SHOWN ? "</div></details>\n" : "</div>\n");
}

/* --- who was judged --- */

static void write_side(hd_html *html, const hd_node *drift, const char *side) {
    hd_node judged = hd_node_object(drift, "judged"), of_side = hd_node_object(&judged, side);
    hd_node repeats = hd_node_object(drift, "repeats"), runs = hd_node_object(&repeats, side);
    char text[HD_HTML_NUMBER];
    if (hd_node_flag(&of_side, "judged"))
        hd_html_add(html, "<p>%s: %s elements were checked by their equations.", side,
                    hd_html_number(hd_node_number(&of_side, "elements"), 3, text));
    else
        hd_html_add(html, "<p><strong>%s was not judged</strong>: %s.", side,
                    hd_node_text(&of_side, "why_not"));
    if (hd_node_known(&of_side, "parted")) {
        hd_node parted = hd_node_object(&of_side, "parted");
        hd_html_add(html, " Its digest parts from a run here in %s at step %zu of hyper-iteration %zu.",
                    hd_node_text(&parted, "tensor"), hd_node_size(&parted, "step"),
                    hd_node_size(&parted, "iteration"));
    }
    if (hd_node_size(&runs, "differing"))
        hd_html_add(html,
                    " <strong class=\"differs\">Unwatched, %zu of %zu runs gave other results</strong>: %s.",
                    hd_node_size(&runs, "differing"), hd_node_size(&runs, "runs"),
                    hd_node_text(&runs, "first"));
    else if (hd_node_size(&runs, "runs"))
        hd_html_add(html, " Run again unwatched, it gave the same results.");
    hd_html_add(html, "</p>\n");
}

/* Captures that end early, and runs that were made otherwise. */
static void write_conditions(hd_html *html, const hd_node *drift) {
    hd_node cut = hd_node_object(drift, "cut");
    const char *conditions = hd_node_text(drift, "conditions");
    bool short_of[2] = {hd_node_known(&cut, "a"), hd_node_known(&cut, "b")};
    for (size_t s = 0; s < 2; s++)
        if (short_of[s])
            hd_html_add(html,
                        "<p><strong class=\"differs\">The capture %s is cut short</strong>: what comes after "
                        "the cut was neither compared nor judged.</p>\n",
                        s ? "b" : "a");
    if (conditions[0]) hd_html_add(html, "<p>Made under other conditions: %s.</p>\n", conditions);
}

static void write_amplification(hd_html *html, const hd_node *drift) {
    char text[4][HD_HTML_NUMBER];
    if (!hd_node_known(drift, "growth_rate")) return;
    hd_node rate = hd_node_object(drift, "growth_rate");
    hd_html_add(html, "<p>The weights’ difference grows %s times a step (95 %%: %s to %s).%s</p>\n",
                hd_html_number(hd_node_number(&rate, "rate"), 3, text[0]),
                hd_html_number(hd_node_number(&rate, "low"), 3, text[1]),
                hd_html_number(hd_node_number(&rate, "high"), 3, text[2]),
                hd_node_flag(&rate, "chaotic") ? " Training itself amplifies rounding." : "");
}

void hd_page_drift_judged(hd_html *html, const hd_node *drift) {
    write_side(html, drift, "a");
    write_side(html, drift, "b");
    write_conditions(html, drift);
    write_amplification(html, drift);
}

/* --- hyper-iterations --- */

static void write_row(hd_html *html, const hd_node *iteration, bool worst) {
    hd_node findings = hd_node_object(iteration, "findings");
    hd_html_add(html, "<tr><th scope=\"row\">%zu%s</th>", hd_node_size(iteration, "iteration"),
                worst ? " (worst)" : "");
    hd_html_text_cell(html, hd_node_text(iteration, "verdict"));
    hd_html_cell(html, hd_node_number(iteration, "apart"), 2);
    hd_html_text_cell(html, hd_node_text(iteration, "worst"));
    hd_html_cell(html, hd_node_number(iteration, "inherited"), 2);
    hd_html_cell(html, hd_node_known(iteration, "flips") ? hd_node_real(iteration, "flips") : NAN, 6);
    hd_html_cell(html, hd_node_real(&findings, "a"), 6);
    hd_html_cell(html, hd_node_real(&findings, "b"), 6);
    hd_html_add(html, "</tr>\n");
}

/* The hypergradients' difference over the hyper-iterations. */
static void draw_apart(hd_html *html, const hd_node *iterations, size_t count) {
    hd_chart_point *points = hd_node_allocate(iterations, count, sizeof *points);
    hd_chart_range range = hd_chart_range_empty(0, (double)(count - 1), true);
    for (size_t k = 0; points && k < count; k++) {
        hd_node iteration = hd_node_element(iterations, k);
        points[k] = (hd_chart_point){
            (double)k, {hd_node_number(&iteration, "apart"), hd_node_number(&iteration, "inherited"), NAN}};
    }
    if (points && iterations->document->status == HD_OK) {
        hd_chart_range_extend(&range, points, count);
        hd_html_add(html, "<div class=\"charts\">\n");
        hd_chart_lines(html,
                       &(hd_chart){.title = "Over the hyper-iterations",
                                   .description = "How far hypergradients end apart, and how far apart the "
                                                  "hyperparameters are at the start",
                                   .x_label = "hyper-iteration",
                                   .line = {"apart", "inherited"},
                                   .points = points,
                                   .count = count,
                                   .mark = NAN},
                       &range);
        hd_html_add(html, "</div>\n");
    }
    free(points);
}

void hd_page_drift_iterations(hd_html *html, const hd_node *drift) {
    hd_node iterations = hd_node_array(drift, "iterations");
    size_t count = hd_node_length(&iterations), worst = hd_node_size(drift, "causes_iteration");
    hd_html_add(html, "<h3>Hyper-iterations</h3>\n");
    hd_html_table(
        html,
        "How far each hyper-iteration’s hypergradients end apart, relatively; what it inherits through its "
        "hyperparameters; decisions that flipped; and tensors that are not what their equations give",
        (const char *const[]){"", " verdict", "apart", " worst", "inherited", "flips", "in a", "in b", NULL});
    for (size_t k = 0; k < count; k++) {
        hd_node iteration = hd_node_element(&iterations, k);
        write_row(html, &iteration, k == worst);
    }
    hd_html_table_end(html);
    if (count > 1) draw_apart(html, &iterations, count);
}
