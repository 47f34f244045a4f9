#include "report/html/page.h"

#include <math.h>
#include <string.h>

/* --- verdict --- */

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* Writes the finding in words. */
static void write_verdict(hd_html *html, const hd_node *drift) {
    static const struct {
        const char *finding, *colour, *words;
    } findings[] = {
        {"identical", "good", "Identical, to the last bit"},
        {"rounding", "good", "Rounding, and nothing else"},
        {"kink", "fair", "Rounding that crossed a kink"},
        {"not judged", "fair", "Not judged"},
        {"component", "fair", "Caused by one component: "},
        {"unexplained", "bad", "Unexplained: a bug is likely"},
        {"beyond rounding", "bad", "Beyond rounding: a bug"},
    };
    const char *verdict = hd_node_text(drift, "verdict");
    hd_node cut = hd_node_object(drift, "cut");
    char words[256] = "", kind[64];
    for (size_t i = 0; i < sizeof findings / sizeof *findings; i++) {
        if (!begins(verdict, findings[i].finding)) continue;
        const char *component = begins(verdict, "component ") ? verdict + strlen("component ") : "";
        snprintf(words, sizeof words, "%s%s", findings[i].words, component);
        snprintf(kind, sizeof kind, "verdict: %s", findings[i].finding);
        bool whole = !hd_node_known(&cut, "a") && !hd_node_known(&cut, "b");
        if (!whole) snprintf(words + strlen(words), sizeof words - strlen(words), ", up to a cut");
        hd_page_verdict(html, whole || strcmp(findings[i].colour, "good") != 0 ? findings[i].colour : "fair",
                        kind, words);
        return;
    }
    hd_node_refuse(drift, "verdict", "is \"%.64s\", which is not known", verdict);
}

static void write_nearer(hd_html *html, const hd_node *drift) {
    hd_node errors = hd_node_object(drift, "reference_error");
    double a = hd_node_number(&errors, "a"), b = hd_node_number(&errors, "b");
    char text[2][HD_HTML_NUMBER];
    if (!hd_node_known(drift, "nearer_reference")) return;
    const char *nearer = hd_node_text(drift, "nearer_reference");
    hd_html_add(html,
                "<p>Against the float64 reference the worst hypergradient of a is off by %s, of b by %s, "
                "relatively: ",
                hd_html_number(a, 2, text[0]), hd_html_number(b, 2, text[1]));
    if (strcmp(nearer, "equal") == 0)
        hd_html_add(html, "equally near.</p>\n");
    else
        hd_html_add(html, "<strong>%s</strong> is nearer.</p>\n", nearer);
}

static void write_heading(hd_html *html, const hd_node *drift) {
    hd_node dims = hd_node_array(drift, "dims");
    hd_html_add(html, "<h2>drift of %s</h2>\n<p class=\"file\">%s; network ",
                hd_node_text(drift, "experiment"), drift->document->path);
    for (size_t l = 0; l < hd_node_length(&dims); l++) {
        hd_node width = hd_node_element(&dims, l);
        hd_html_add(html, "%s%zu", l ? "–" : "", hd_node_size(&width, NULL));
    }
    hd_html_add(html, ", %zu step%s</p>\n", hd_node_size(drift, "steps"),
                hd_node_size(drift, "steps") == 1 ? "" : "s");
    write_verdict(html, drift);
    hd_html_add(html, "<p>%s</p>\n<p>%zu of %zu tensors compared differ.</p>\n",
                hd_node_text(drift, "evidence"), hd_node_size(drift, "differing"),
                hd_node_size(drift, "compared"));
    if (hd_node_text(drift, "advice")[0])
        hd_html_add(html, "<p><code>%s</code></p>\n", hd_node_text(drift, "advice"));
    write_nearer(html, drift);
    hd_page_drift_judged(html, drift);
}

/* --- the two sides --- */

enum { HASH_SHOWN = 16 }; /* digits of a hash: enough to see whether two are the same */

static json_t *side_facts(const hd_node *drift, const char *side) {
    static const char *const keys[] = {"variant", "mode", "device", "arithmetic", "keeps"};
    static const char *const hashes[][2] = {{"experiment", "experiment_sha256"}, {"data", "data_sha256"}};
    char hash[HD_SHA256];
    hd_node node = hd_node_object(drift, side);
    json_t *facts = json_object();
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        json_object_set_new(facts, keys[k], json_string(hd_node_text(&node, keys[k])));
    for (size_t k = 0; k < sizeof hashes / sizeof *hashes; k++) {
        hd_node_sha256(&node, hashes[k][1], hash);
        json_object_set_new(facts, hashes[k][0], json_sprintf("%.*s…", HASH_SHOWN, hash));
    }
    return facts;
}

static const char *const sides[2] = {" a", " b"};

static void write_sides(hd_html *html, const hd_node *drift) {
    json_t *facts[2] = {side_facts(drift, "a"), side_facts(drift, "b")};
    hd_html_add(html, "<h3>The two sides</h3>\n");
    hd_page_facts(html, "What was run; what differs is marked ≠", facts, sides);
    json_decref(facts[0]);
    json_decref(facts[1]);
}

static void write_provenance(hd_html *html, const hd_node *drift) {
    hd_node a = hd_node_object(drift, "a"), b = hd_node_object(drift, "b");
    json_t *made[2] = {hd_node_object(&a, "provenance").json, hd_node_object(&b, "provenance").json};
    hd_html_add(html, "<details><summary>Provenance: program, machine and device of both sides</summary>\n");
    hd_page_facts(html, "What made each side; what differs is marked ≠", made, sides);
    hd_html_add(html, "</details>\n");
}

/* --- where --- */

enum { RANGES_SHOWN = 6 };

/* An array of two numbers: from and to, or row and column. */
static void get_two(const hd_node *array, size_t two[2]) {
    if (hd_node_length(array) != 2) hd_node_refuse(array, NULL, "is not an array of two numbers");
    for (size_t i = 0; i < 2; i++) {
        hd_node number = hd_node_element(array, i);
        two[i] = hd_node_size(&number, NULL);
    }
}

static void write_elements(hd_html *html, const hd_node *site) {
    hd_node ranges = hd_node_array(site, "elements");
    size_t count = hd_node_length(&ranges);
    if (count == 0) return;
    hd_html_add(html, "<dt>elements</dt><dd>");
    for (size_t r = 0; r < count; r++) {
        hd_node range = hd_node_element(&ranges, r);
        size_t ends[2];
        get_two(&range, ends);
        if (r >= RANGES_SHOWN) continue;
        hd_html_add(html, "%s%zu", r ? ", " : "", ends[0]);
        if (ends[1] != ends[0]) hd_html_add(html, "–%zu", ends[1]);
    }
    if (count > RANGES_SHOWN) hd_html_add(html, " and %zu more", count - RANGES_SHOWN);
    hd_html_add(html, "</dd>");
}

static void write_worst(hd_html *html, const hd_node *site) {
    char text[2][HD_HTML_NUMBER];
    double ulps = hd_node_number(site, "worst_ulps");
    if (isnan(ulps)) return;
    hd_node worst = hd_node_object(site, "worst");
    hd_html_add(html, "<dt>at most</dt><dd>%s ulp, at ", hd_html_number(ulps, 4, text[0]));
    if (json_object_get(site->json, "worst_at")) {
        hd_node at = hd_node_array(site, "worst_at");
        size_t row_column[2];
        get_two(&at, row_column);
        hd_html_add(html, "row %zu, column %zu", row_column[0], row_column[1]);
    } else {
        hd_html_add(html, "element %zu", hd_node_size(&worst, "element"));
    }
    hd_html_add(html, "</dd><dt>there</dt><dd>a %s, b %s</dd>",
                hd_html_number(hd_node_number(&worst, "a"), 9, text[0]),
                hd_html_number(hd_node_number(&worst, "b"), 9, text[1]));
}

static void write_site(hd_html *html, const hd_node *drift, const char *key, const char *title) {
    char text[HD_HTML_NUMBER];
    hd_html_add(html, "<div><h4>%s</h4>", title);
    if (!hd_node_known(drift, key)) {
        hd_html_add(html, "<p class=\"soft\">none</p></div>\n");
        return;
    }
    hd_node site = hd_node_object(drift, key);
    hd_html_add(html, "<dl><dt>tensor</dt><dd><strong>%s</strong></dd><dt>phase</dt><dd>%s%s</dd>",
                hd_node_text(&site, "tensor"), hd_node_text(&site, "phase"),
                hd_node_flag(&site, "back") ? " (backward sweep)" : "");
    hd_html_add(html, "<dt>step</dt><dd>%zu of hyper-iteration %zu</dd>", hd_node_size(&site, "step"),
                hd_node_size(&site, "iteration"));
    write_elements(html, &site);
    if (hd_node_known(&site, "differing"))
        hd_html_add(html, "<dt>differing</dt><dd>%zu of %zu</dd>", hd_node_size(&site, "differing"),
                    hd_node_size(&site, "of"));
    hd_html_add(html, "<dt>relative</dt><dd>%s%s</dd>",
                hd_html_number(hd_node_number(&site, "relative"), 3, text),
                hd_node_flag(&site, "estimated") ? " (estimated)" : "");
    write_worst(html, &site);
    hd_html_add(html, "</dl></div>\n");
}

static void write_places(hd_html *html, const hd_node *drift) {
    hd_html_add(html, "<h3>Where</h3>\n<div class=\"cards\">\n");
    write_site(html, drift, "first", "The first difference");
    hd_html_add(html, "</div>\n");
}

/* --- hypergradients and their causes --- */

static hd_node side_of(const hd_node *outcome, const char *side, const char *figures) {
    hd_node node = hd_node_object(outcome, side);
    return hd_node_object(&node, figures);
}

static void write_share(hd_html *html, const hd_node *causes, size_t c, const char *of, const char *name) {
    hd_node cause = hd_node_element(causes, c), shares = hd_node_object(&cause, of);
    hd_html_share_cell(html, hd_node_number(&shares, name));
}

static void write_cause_headings(hd_html *html, const hd_node *causes) {
    for (size_t c = 0; c < hd_node_length(causes); c++) {
        hd_node cause = hd_node_element(causes, c);
        hd_html_add(html, "<th scope=\"col\" class=\"t\">share of %s</th>",
                    hd_node_text(&cause, "component"));
    }
}

/* A hyper-iteration's hypergradients; of the worst also each component's share of the difference. */
static void write_table(hd_html *html, const hd_node *drift, size_t iteration, bool worst) {
    hd_node outcomes = hd_node_array(drift, "outcomes"), outcome = hd_node_element(&outcomes, iteration);
    hd_node causes = hd_node_array(drift, "causes");
    hd_node a = side_of(&outcome, "a", "hypergradients"), b = side_of(&outcome, "b", "hypergradients");
    size_t components = worst ? hd_node_length(&causes) : 0;
    char caption[128];
    const char *name;
    json_t *value;
    snprintf(caption, sizeof caption, "Hyper-iteration %zu%s", iteration,
             components ? "; share: how much of the difference goes with a component" : "");
    hd_html_table(html, caption, NULL);
    hd_html_add(html, "<thead><tr><td></td><th scope=\"col\">a</th><th scope=\"col\">b</th><th "
                      "scope=\"col\">relative</th>");
    if (worst) write_cause_headings(html, &causes);
    hd_html_add(html, "</tr></thead>\n");
    json_object_foreach(a.json, name, value) {
        double in_a = hd_node_number(&a, name), in_b = hd_node_number(&b, name);
        hd_html_add(html, "<tr><th scope=\"row\">%s</th>", name);
        hd_html_cell(html, in_a, 9);
        hd_html_cell(html, in_b, 9);
        hd_html_cell(html, in_a == in_b ? 0 : fabs(in_b - in_a) / fabs(in_a), 2);
        for (size_t c = 0; c < components; c++) write_share(html, &causes, c, "share", name);
        hd_html_add(html, "</tr>\n");
    }
    hd_html_table_end(html);
}

/* The worst hyper-iteration's table, and the others folded. */
static void write_hypergradients(hd_html *html, const hd_node *drift) {
    hd_node outcomes = hd_node_array(drift, "outcomes");
    size_t count = hd_node_length(&outcomes), worst = hd_node_size(drift, "causes_iteration");
    if (worst >= count) {
        hd_node_refuse(drift, "causes_iteration", "is %zu, of %zu outcomes", worst, count);
        return;
    }
    hd_html_add(html, "<h3>Hypergradients</h3>\n");
    write_table(html, drift, worst, true);
    for (size_t k = 0; k < count; k++) {
        if (k == worst) continue;
        hd_html_add(html, "<details><summary>Hyper-iteration %zu</summary>\n", k);
        write_table(html, drift, k, false);
        hd_html_add(html, "</details>\n");
    }
}

/* Both ways of swapping a word; the shares above are their mean. */
static void write_causes(hd_html *html, const hd_node *drift) {
    hd_node causes = hd_node_array(drift, "causes");
    const char *name;
    json_t *value;
    if (hd_node_length(&causes) == 0) return;
    hd_html_add(html, "<details><summary>Causes, swapped one at a time</summary>\n");
    hd_html_table(
        html, "Share of the difference that b's setting brings into a, and that a's setting takes out of b",
        (const char *const[]){" component", " hypergradient", " into a", " out of b", NULL});
    for (size_t c = 0; c < hd_node_length(&causes); c++) {
        hd_node cause = hd_node_element(&causes, c), into_a = hd_node_object(&cause, "into_a");
        json_object_foreach(into_a.json, name, value) {
            hd_html_add(html, "<tr><th scope=\"row\">%s</th>", hd_node_text(&cause, "component"));
            hd_html_text_cell(html, name);
            write_share(html, &causes, c, "into_a", name);
            write_share(html, &causes, c, "out_of_b", name);
            hd_html_add(html, "</tr>\n");
        }
    }
    hd_html_table_end(html);
    hd_html_add(html, "</details>\n");
}

/* --- outcomes --- */

static void write_pair(hd_html *html, const char *name, double a, double b) {
    char text[HD_HTML_NUMBER];
    hd_html_add(html, "<td class=\"t\">%s</td><td>%s</td>", name, hd_html_number(a, 9, text));
    hd_html_add(html, a == b ? "<td>%s</td>" : "<td class=\"differs\">%s ≠</td>", hd_html_number(b, 9, text));
}

static void write_outcomes(hd_html *html, const hd_node *drift) {
    static const char *const counts[] = {"test", "validation", "training"};
    hd_node outcomes = hd_node_array(drift, "outcomes");
    hd_html_add(html, "<h3>Results of the runs</h3>\n");
    hd_html_table(html, "Validation error, and examples classified correctly",
                  (const char *const[]){" hyper-iteration", "", "a", "b", NULL});
    for (size_t k = 0; k < hd_node_length(&outcomes); k++) {
        hd_node outcome = hd_node_element(&outcomes, k), a = hd_node_object(&outcome, "a"),
                b = hd_node_object(&outcome, "b");
        hd_node correct_a = hd_node_object(&a, "correct"), correct_b = hd_node_object(&b, "correct");
        hd_html_add(html, "<tr><th scope=\"row\">%zu</th>", hd_node_size(&outcome, "iteration"));
        write_pair(html, "validation error", hd_node_number(&a, "validation_error"),
                   hd_node_number(&b, "validation_error"));
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            hd_html_add(html, "</tr>\n<tr><td></td>");
            write_pair(html, counts[i], hd_node_real(&correct_a, counts[i]),
                       hd_node_real(&correct_b, counts[i]));
        }
        hd_html_add(html, "</tr>\n");
    }
    hd_html_table_end(html);
}

static void write_attest(hd_html *html, const hd_node *drift, const char *side) {
    hd_node attest = hd_node_object(drift, "attest");
    if (!hd_node_known(&attest, side)) return;
    hd_node found = hd_node_object(&attest, side);
    size_t differing = hd_node_size(&found, "differing"), compared = hd_node_size(&found, "compared");
    hd_html_add(html, "<p>%s’s backward sweep computed %zu tensors again: ", side, compared);
    if (differing == 0) {
        hd_html_add(html, "all have the bits of the forward sweep.</p>\n");
        return;
    }
    hd_node first = hd_node_object(&found, "first");
    hd_html_add(
        html,
        "<strong class=\"differs\">%zu do not have the bits of the forward sweep</strong>, first %s of step %zu, "
        "hyper-iteration %zu.</p>\n",
        differing, hd_node_text(&first, "tensor"), hd_node_size(&first, "step"),
        hd_node_size(&first, "iteration"));
}

void hd_page_drift(hd_html *html, const hd_node *drift) {
    write_heading(html, drift);
    hd_page_drift_findings(html, drift);
    hd_page_drift_iterations(html, drift);
    write_sides(html, drift);
    if (hd_node_size(drift, "differing")) {
        write_places(html, drift);
        write_hypergradients(html, drift);
        write_causes(html, drift);
        hd_page_growth(html, drift);
        hd_page_drift_map(html, drift);
        hd_page_drift_ulps(html, drift);
        hd_page_heat(html, drift);
        hd_page_crossings(html, drift);
    }
    hd_page_pairing(html, drift);
    write_outcomes(html, drift);
    write_attest(html, drift, "a");
    write_attest(html, drift, "b");
    write_provenance(html, drift);
}
