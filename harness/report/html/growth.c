#include "drift/kink_crossing.h"
#include "drift/report.h"
#include "report/html/chart.h"
#include "report/html/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- growth --- */

enum { PANELS = 4 };

static const struct {
    const char *tensor, *title, *description;
} panels[PANELS] = {
    {"weights", "Weights", "How far b's weights are from a's, over the steps"},
    {"gradient", "Gradient of the training error", "How far the gradients are apart, over the steps"},
    {"tangent", "Tangents, the worst of them",
     "How far the tangents of the worst hyperparameter are apart, over the steps"},
    {"adjoint", "Adjoint (computed from right to left)", "How far the adjoints are apart, over the steps"},
};

/* The panel a tensor belongs to, or PANELS: "tangent eta" to that of tangents, their momentum to none. */
static size_t panel_of(const char *tensor) {
    for (size_t p = 0; p < PANELS; p++) {
        size_t length = strlen(panels[p].tensor);
        if (strncmp(tensor, panels[p].tensor, length) != 0) continue;
        if (!tensor[length] || (tensor[length] == ' ' && tensor[length + 1] != '(')) return p;
    }
    return PANELS;
}

typedef struct hd_curve {
    hd_chart_point *points; /* [count], owned */
    size_t count;
} hd_curve;

static int by_step(const void *a, const void *b) {
    const hd_chart_point *x = a, *y = b;
    if (x->x != y->x) return x->x < y->x ? -1 : 1;
    return (x->y[0] < y->y[0]) - (x->y[0] > y->y[0]); /* the greatest first */
}

/* A hyper-iteration's points of a panel, by step; of several at one step (tangents) the worst. */
static hd_curve get_curve(const hd_node *growth, size_t iteration, size_t panel, double steps) {
    size_t length = hd_node_length(growth), found = 0, count = 0;
    hd_curve curve = {.points = hd_node_allocate(growth, length, sizeof *curve.points)};
    for (size_t i = 0; curve.points && i < length; i++) {
        hd_node entry = hd_node_element(growth, i);
        if (panel_of(hd_node_text(&entry, "tensor")) != panel ||
            hd_node_size(&entry, "iteration") != iteration)
            continue;
        hd_node residual = hd_node_object(&entry, "residual");
        double step = (double)hd_node_size(&entry, "step");
        if (step > steps) hd_node_refuse(&entry, "step", "is %.0f of %.0f", step, steps);
        curve.points[found++] =
            (hd_chart_point){step,
                             {hd_node_number(&entry, "relative"), hd_node_number(&residual, "a"),
                              hd_node_number(&residual, "b")}};
    }
    if (found) qsort(curve.points, found, sizeof *curve.points, by_step);
    for (size_t i = 0; i < found; i++)
        if (i == 0 || curve.points[i].x != curve.points[i - 1].x) curve.points[count++] = curve.points[i];
    curve.count = count;
    return curve;
}

static void write_numbers(hd_html *html, const hd_curve curves[PANELS]) {
    static const char *const headings[] = {" tensor", "step", "apart", "a off", "b off", NULL};
    hd_html_add(html, "<details><summary>The numbers, of selected steps</summary>\n");
    hd_html_table(
        html,
        "|b − a| / |a|; and how far a and b are off from their own equations, as a share of what rounding can do",
        headings);
    for (size_t p = 0; p < PANELS; p++)
        for (size_t i = 0; i < curves[p].count; i++) {
            const hd_chart_point *point = &curves[p].points[i];
            if (!hd_drift_selects((size_t)point->x) && i + 1 < curves[p].count) continue;
            hd_html_add(html, "<tr><th scope=\"row\">%s</th><td>%.0f</td>", panels[p].tensor, point->x);
            for (size_t l = 0; l < HD_CHART_LINES; l++) hd_html_cell(html, point->y[l], 2);
            hd_html_add(html, "</tr>\n");
        }
    hd_html_table_end(html);
    hd_html_add(html, "</details>\n");
}

/* Draws the curves of one hyper-iteration side by side, with the same axes; false if there are none. */
static bool write_curves(hd_html *html, const hd_node *growth, size_t iteration, double steps) {
    hd_curve curves[PANELS];
    hd_chart_range range = hd_chart_range_empty(0, steps, true);
    size_t points = 0;
    for (size_t p = 0; p < PANELS; p++) {
        curves[p] = get_curve(growth, iteration, p, steps);
        hd_chart_range_extend(&range, curves[p].points, curves[p].count);
        points += curves[p].count;
    }
    if (points) hd_html_add(html, "<div class=\"charts\">\n");
    for (size_t p = 0; p < PANELS; p++)
        if (curves[p].count && growth->document->status == HD_OK)
            hd_chart_lines(html,
                           &(hd_chart){.title = panels[p].title,
                                       .description = panels[p].description,
                                       .x_label = "step",
                                       .line = {"apart", "a off", "b off"},
                                       .points = curves[p].points,
                                       .count = curves[p].count,
                                       .mark = NAN},
                           &range);
    if (points) hd_html_add(html, "</div>\n");
    if (points) write_numbers(html, curves);
    for (size_t p = 0; p < PANELS; p++) free(curves[p].points);
    return points > 0;
}

void hd_page_growth(hd_html *html, const hd_node *drift) {
    hd_node growth = hd_node_array(drift, "growth"), outcomes = hd_node_array(drift, "outcomes");
    size_t shown = hd_node_size(drift, "causes_iteration");
    double steps = (double)hd_node_size(drift, "steps");
    hd_html_add(
        html,
        "<h3>How the difference grows</h3>\n"
        "<p class=\"legend\"><span><i class=\"key l0\"></i>apart: |b − a| / |a|</span><span><i class=\"key "
        "l1\"></i>a off: how far a is from its own equation there, as a share of what rounding can do; 1 is the "
        "limit</span><span><i class=\"key l2\"></i>b off: the same of b</span></p>\n"
        "<p class=\"note\">Hyper-iteration %zu. Where a line is broken or missing, nothing differs, or it was "
        "not measured.</p>\n",
        shown);
    if (!write_curves(html, &growth, shown, steps))
        hd_html_add(html, "<p>No weights, gradients, tangents or adjoints differ.</p>\n");
    for (size_t k = 0; k < hd_node_length(&outcomes); k++) {
        if (k == shown) continue;
        hd_html_add(html, "<details><summary>Hyper-iteration %zu</summary>\n", k);
        if (!write_curves(html, &growth, k, steps)) hd_html_add(html, "<p>None of these differ in it.</p>\n");
        hd_html_add(html, "</details>\n");
    }
}

/* --- heat --- */

static void write_heat(hd_html *html, const hd_node *heat, const char *key, const char *title) {
    hd_node array = hd_node_array(heat, key);
    size_t rows = hd_node_size(heat, "rows"), columns = hd_node_size(heat, "columns"),
           count = hd_node_length(&array);
    double *values = hd_node_allocate(&array, count, sizeof *values);
    if (values && (count == 0 || columns == 0 || count % columns || count / columns != rows))
        hd_node_refuse(&array, NULL, "has %zu numbers, not %zu rows of %zu", count, rows, columns);
    for (size_t i = 0; values && i < count; i++) {
        hd_node element = hd_node_element(&array, i);
        values[i] = hd_node_number(&element, NULL);
        if (values[i] < 0) hd_node_refuse(&element, NULL, "is less than zero");
    }
    if (heat->document->status == HD_OK)
        hd_chart_heat(html, title, "For each input, how far its weights in b are from those in a", rows,
                      columns, values);
    free(values);
}

void hd_page_heat(hd_html *html, const hd_node *drift) {
    if (!hd_node_known(drift, "heat")) return;
    hd_node heat = hd_node_object(drift, "heat");
    hd_html_add(html,
                "<h3>Where the weights of the first layer differ</h3>\n<p class=\"note\">For each input "
                "(pixel), the norm "
                "of b − a over its row of W_0, in hyper-iteration %zu. Each picture has its own scale.</p>\n"
                "<div class=\"charts heat\">\n",
                hd_node_size(&heat, "iteration"));
    write_heat(html, &heat, "start", "At the start");
    write_heat(html, &heat, "end", "After training");
    hd_html_add(html, "</div>\n");
}

/* --- events --- */

enum { EVENTS_SHOWN = 12 };

static hd_crossing_kind kind_of(const hd_node *event) {
    const char *name = hd_node_text(event, "kind");
    for (size_t k = 0; k < HD_CROSSING_KINDS; k++)
        if (strcmp(name, hd_crossing_name((hd_crossing_kind)k)) == 0) return (hd_crossing_kind)k;
    hd_node_refuse(event, "kind", "is \"%.64s\", which is not known", name);
    return HD_CROSSING_RELU;
}

/* The rows of the chart: one for each kind and layer. */
typedef struct hd_rows {
    char names[HD_CROSSING_KINDS * (HD_MAX_LAYERS + 1)][32];
    const char *shown[HD_CROSSING_KINDS * (HD_MAX_LAYERS + 1)];
    size_t number[HD_CROSSING_KINDS][HD_MAX_LAYERS + 1], count; /* number: 1 .. count, or 0 */
} hd_rows;

static void count_rows(hd_rows *rows) {
    for (size_t k = 0; k < HD_CROSSING_KINDS; k++)
        for (size_t l = 0; l <= HD_MAX_LAYERS; l++) {
            if (!rows->number[k][l]) continue;
            rows->number[k][l] = rows->count + 1;
            snprintf(rows->names[rows->count], sizeof rows->names[0], "%s, layer %zu",
                     hd_crossing_name((hd_crossing_kind)k), l);
            rows->shown[rows->count] = rows->names[rows->count];
            rows->count++;
        }
}

static size_t layer_of(const hd_node *event) {
    size_t layer = hd_node_size(event, "layer");
    if (layer > HD_MAX_LAYERS) hd_node_refuse(event, "layer", "is more than %d", HD_MAX_LAYERS);
    return layer > HD_MAX_LAYERS ? 0 : layer;
}

/* Draws the events of one hyper-iteration. */
static void write_timeline(hd_html *html, const hd_node *tallies, size_t iteration, double steps) {
    size_t length = hd_node_length(tallies), count = 0;
    hd_chart_dot *dots = hd_node_allocate(tallies, length, sizeof *dots);
    hd_rows rows = {.count = 0};
    hd_chart_range range = hd_chart_range_empty(0, steps, false);
    char title[64];
    for (size_t i = 0; dots && i < length; i++) {
        hd_node tally = hd_node_element(tallies, i);
        size_t kind = kind_of(&tally), layer = layer_of(&tally);
        if (hd_node_size(&tally, "iteration") != iteration) continue;
        rows.number[kind][layer] = 1;
        dots[count++] = (hd_chart_dot){.row = kind * (HD_MAX_LAYERS + 1) + layer,
                                       .kind = kind,
                                       .x = (double)hd_node_size(&tally, "step"),
                                       .count = (double)hd_node_size(&tally, "count")};
    }
    count_rows(&rows);
    for (size_t i = 0; i < count; i++)
        dots[i].row = rows.number[dots[i].row / (HD_MAX_LAYERS + 1)][dots[i].row % (HD_MAX_LAYERS + 1)] - 1;
    snprintf(title, sizeof title, "Hyper-iteration %zu", iteration);
    if (count)
        hd_chart_dots(html, title, "At which steps and in which layers decisions went different ways", "step",
                      rows.shown, rows.count, dots, count, &range);
    free(dots);
}

/* Writes the largest share of a hyperparameter's difference that the event alone causes. */
static void write_event_share(hd_html *html, const hd_node *event) {
    const char *name, *most_name = NULL;
    json_t *value;
    double most = 0;
    hd_node shares = hd_node_object(event, "share");
    json_object_foreach(shares.json, name, value) {
        double share = hd_node_number(&shares, name);
        if (most_name ? fabs(share) > fabs(most) : !isnan(share)) most = share, most_name = name;
    }
    if (most_name) hd_html_add(html, "%.3g %% of %s", 100 * most, most_name);
}

static void write_event(hd_html *html, const hd_node *event) {
    bool sign = kind_of(event) == HD_CROSSING_SIGN;
    hd_html_add(html, "<tr><td>%zu</td><td>%zu</td>", hd_node_size(event, "iteration"),
                hd_node_size(event, "step"));
    hd_html_text_cell(html, hd_node_text(event, "kind"));
    hd_html_add(html, "<td>%zu</td><td class=\"t\">%s %zu</td><td>%zu</td>", hd_node_size(event, "layer"),
                sign ? "row" : "example", hd_node_size(event, "row"), hd_node_size(event, "unit"));
    hd_html_cell(html, hd_node_number(event, "a"), 3);
    hd_html_cell(html, hd_node_number(event, "b"), 3);
    hd_html_add(html, "<td class=\"t\">");
    if (hd_node_known(event, "share")) write_event_share(html, event);
    hd_html_add(html, "</td></tr>\n");
}

static void write_first_events(hd_html *html, const hd_node *drift, double total) {
    static const char *const headings[] = {
        "hyper-iteration", "step", " kind", "layer", " at", "unit", "a", "b", " alone", NULL};
    hd_node events = hd_node_array(drift, "events");
    size_t length = hd_node_length(&events), shown = length < EVENTS_SHOWN ? length : EVENTS_SHOWN;
    char caption[128];
    snprintf(caption, sizeof caption,
             "The first %zu of %.0f; alone: the most of a difference that one carries, where it was measured",
             shown, total);
    hd_html_table(html, caption, headings);
    for (size_t i = 0; i < shown; i++) {
        hd_node event = hd_node_element(&events, i);
        write_event(html, &event);
    }
    hd_html_table_end(html);
}

void hd_page_crossings(hd_html *html, const hd_node *drift) {
    double total = 0, steps = (double)hd_node_size(drift, "steps");
    hd_html_add(html, "<h3>Decisions that went different ways</h3>\n");
    if (!hd_node_known(drift, "events")) {
        hd_html_add(html, "<p>Not known: a side kept digests, not whole tensors.</p>\n");
        return;
    }
    hd_node counts = hd_node_object(drift, "event_counts"), tallies = hd_node_array(drift, "event_tallies");
    hd_node outcomes = hd_node_array(drift, "outcomes");
    for (size_t k = 0; k < HD_CROSSING_KINDS; k++)
        total += hd_node_real(&counts, hd_crossing_name((hd_crossing_kind)k));
    hd_html_add(html, total > 0 ? "<p>" : "<p>None.");
    for (size_t k = 0; total > 0 && k < HD_CROSSING_KINDS; k++)
        hd_html_add(html, "%s%zu %s", k ? ", " : "",
                    hd_node_size(&counts, hd_crossing_name((hd_crossing_kind)k)),
                    hd_crossing_name((hd_crossing_kind)k));
    hd_html_add(html, "</p>\n");
    if (total == 0) return;
    hd_html_add(
        html,
        "<p class=\"note\">A hidden unit on in one run and off in the other (relu), a penalised weight of "
        "another sign (sign), an error cut off in one only (clip), another class (argmax). The area of a dot "
        "goes with the logarithm of their number. At the last step the examples are the validation set.</p>\n"
        "<div class=\"charts\">\n");
    for (size_t k = 0; k < hd_node_length(&outcomes); k++) write_timeline(html, &tallies, k, steps);
    hd_html_add(html, "</div>\n");
    write_first_events(html, drift, total);
}

/* --- pairing --- */

/* A hyperparameter's P_t - P_T over the greatest |P|. hypers: a hyper-iteration's. */
static hd_curve get_pairing(const hd_node *hypers, const char *name) {
    hd_node course = hd_node_object(hypers, name), array = hd_node_array(&course, "values");
    hd_curve curve = {.count = hd_node_length(&array)};
    double most = 0;
    curve.points = hd_node_allocate(&array, curve.count, sizeof *curve.points);
    if (!curve.points) return (hd_curve){.count = 0};
    for (size_t t = 0; t < curve.count; t++) {
        hd_node element = hd_node_element(&array, t);
        curve.points[t] = (hd_chart_point){(double)t, {hd_node_number(&element, NULL), NAN, NAN}};
        most = fmax(most, fabs(curve.points[t].y[0]));
    }
    double last = curve.count ? curve.points[curve.count - 1].y[0] : 0;
    for (size_t t = 0; t < curve.count; t++)
        curve.points[t].y[0] = most > 0 ? (curve.points[t].y[0] - last) / most : 0;
    return curve;
}

/* Where the largest change is, in units of what rounding explains. */
typedef struct hd_largest {
    hd_node hypers; /* of its hyper-iteration */
    size_t iteration, step;
    const char *name;
    double change;
} hd_largest;

static hd_largest find_largest(const hd_node *pairing) {
    hd_node iterations = hd_node_array(pairing, "iterations");
    hd_largest largest = {.change = -1, .name = ""};
    const char *name;
    json_t *value;
    for (size_t i = 0; i < hd_node_length(&iterations); i++) {
        hd_node entry = hd_node_element(&iterations, i), hypers = hd_node_object(&entry, "hyperparameters");
        size_t iteration = hd_node_size(&entry, "iteration");
        json_object_foreach(hypers.json, name, value) {
            hd_node course = hd_node_object(&hypers, name);
            double change = hd_node_number(&course, "worst");
            if (change <= largest.change || isnan(largest.change)) continue;
            largest = (hd_largest){hypers, iteration, hd_node_size(&course, "worst_step"), name, change};
        }
    }
    return largest;
}

static void write_pairing_text(hd_html *html, const hd_node *pairing, const hd_largest *largest) {
    char text[HD_HTML_NUMBER];
    hd_html_add(html, "<h3>Tangents paired with adjoints</h3>\n"
                      "<p>P<sub>t</sub> = p<sub>t</sub> · Z<sub>t</sub> + the sum of p<sub>s+1</sub> · "
                      "B<sub>s</sub> over s ≥ t should be the same for every t; it ");
    if (hd_node_truth(pairing, "jumps"))
        hd_html_add(html, "<strong>jumps</strong>.");
    else
        hd_html_add(html, "is, up to rounding.");
    hd_html_add(html,
                " The largest change is %s of what rounding explains, of %s from t = %zu to %zu of "
                "hyper-iteration %zu.</p>\n",
                hd_html_number(largest->change, 2, text), largest->name, largest->step, largest->step + 1,
                largest->iteration);
}

static void write_pairing(hd_html *html, const hd_node *pairing, const hd_largest *largest, const char *name,
                          const hd_chart_range *range) {
    bool marked = !strcmp(name, largest->name);
    hd_curve curve = get_pairing(&largest->hypers, name);
    hd_chart_lines(html,
                   &(hd_chart){.title = name,
                               .description =
                                   "The pairing minus its last value, divided by its greatest size",
                               .x_label = "t",
                               .line = {"P(t) − P(T)"},
                               .points = curve.points,
                               .count = curve.count,
                               .mark = marked ? (double)largest->step : NAN,
                               .mark_name = hd_node_truth(pairing, "jumps") ? "jump" : "largest change"},
                   range);
    free(curve.points);
}

void hd_page_pairing(hd_html *html, const hd_node *drift) {
    const char *name;
    json_t *value;
    if (!hd_node_known(drift, "pairing")) return;
    hd_node pairing = hd_node_object(drift, "pairing");
    hd_largest largest = find_largest(&pairing);
    if (!*largest.name) return;
    hd_chart_range range = hd_chart_range_empty(0, (double)hd_node_size(drift, "steps"), false);
    json_object_foreach(largest.hypers.json, name, value) {
        hd_curve curve = get_pairing(&largest.hypers, name);
        hd_chart_range_extend(&range, curve.points, curve.count);
        free(curve.points);
    }
    write_pairing_text(html, &pairing, &largest);
    hd_html_add(
        html, "<p class=\"note\">Drawn: P<sub>t</sub> − P<sub>T</sub> over the greatest |P|, the same scale "
              "for all.</p>\n<div class=\"charts\">\n");
    write_pairing(html, &pairing, &largest, largest.name, &range);
    hd_html_add(html,
                "</div>\n<details><summary>The other hyperparameters</summary>\n<div class=\"charts\">\n");
    json_object_foreach(largest.hypers.json, name, value) if (strcmp(name, largest.name) != 0)
        write_pairing(html, &pairing, &largest, name, &range);
    hd_html_add(html, "</div></details>\n");
}
