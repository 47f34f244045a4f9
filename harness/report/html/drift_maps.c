/* A drift's maps: how far tensors are apart by layer and step, and weights by units in the last place. */
#include "report/html/chart.h"
#include "report/html/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 64, MOST_COLUMNS = 96, NAME = 96 };

/* The smallest difference that has a colour. */
#define FAINTEST 1e-12

typedef struct hd_drift_map {
    char names[MOST_ROWS][NAME];
    size_t rows, columns;
    double *values; /* [MOST_ROWS][columns] */
} hd_drift_map;

/* The row of a tensor, by name; MOST_ROWS: there is no room. */
static size_t row_of(hd_drift_map *map, const char *name, bool back) {
    char text[NAME];
    snprintf(text, sizeof text, "%.70s%s", name, back ? " (backward sweep)" : "");
    for (size_t r = 0; r < map->rows; r++)
        if (!strcmp(map->names[r], text)) return r;
    if (map->rows == MOST_ROWS) return MOST_ROWS;
    memcpy(map->names[map->rows], text, sizeof text);
    return map->rows++;
}

/* Enters a hyper-iteration's differences, as decades above FAINTEST. */
static void fill(hd_drift_map *map, const hd_node *growth, size_t iteration, size_t steps) {
    for (size_t i = 0; i < hd_node_length(growth); i++) {
        hd_node entry = hd_node_element(growth, i);
        if (hd_node_size(&entry, "iteration") != iteration) continue;
        size_t step = hd_node_size(&entry, "step"),
               row = row_of(map, hd_node_text(&entry, "tensor"), hd_node_flag(&entry, "back"));
        double relative = hd_node_number(&entry, "relative");
        if (row == MOST_ROWS || step > steps || !(relative > FAINTEST)) continue;
        size_t column = step * (map->columns - 1) / (steps ? steps : 1);
        double *value = &map->values[row * map->columns + column];
        *value = fmax(*value, log10(relative / FAINTEST));
    }
}

void hd_page_drift_map(hd_html *html, const hd_node *drift) {
    hd_node growth = hd_node_array(drift, "growth");
    size_t steps = hd_node_size(drift, "steps"), iteration = hd_node_size(drift, "causes_iteration");
    hd_drift_map *map = hd_node_allocate(&growth, 1, sizeof *map);
    if (!map) return;
    map->rows = 0;
    map->columns = steps + 1 < MOST_COLUMNS ? steps + 1 : MOST_COLUMNS;
    map->values = hd_node_allocate(&growth, MOST_ROWS * map->columns, sizeof *map->values);
    for (size_t i = 0; map->values && i < MOST_ROWS * map->columns; i++) map->values[i] = 0;
    if (map->values) fill(map, &growth, iteration, steps);
    if (map->values && map->rows && growth.document->status == HD_OK) {
        hd_html_add(
            html,
            "<h3>Layer by step</h3>\n<p class=\"note\">Hyper-iteration %zu: how far each tensor is apart, in "
            "decades above 10<sup>−12</sup> of its size; steps from left to right. Rows from the top: ",
            iteration);
        for (size_t r = 0; r < map->rows; r++) hd_html_add(html, "%s%s", r ? ", " : "", map->names[r]);
        hd_html_add(html, ".</p>\n<div class=\"charts\">\n");
        hd_chart_heat(html, "Relative difference, logarithmic", "How far each tensor is apart at each step",
                      map->rows, map->columns, map->values);
        hd_html_add(html, "</div>\n");
    }
    free(map->values);
    free(map);
}

void hd_page_drift_ulps(hd_html *html, const hd_node *drift) {
    hd_node iterations = hd_node_array(drift, "iterations");
    size_t worst = hd_node_size(drift, "causes_iteration");
    if (worst >= hd_node_length(&iterations)) return;
    hd_node iteration = hd_node_element(&iterations, worst), ulps = hd_node_array(&iteration, "ulps");
    double all = 0;
    for (size_t b = 0; b < hd_node_length(&ulps); b++) {
        hd_node bin = hd_node_element(&ulps, b);
        all += hd_node_real(&bin, NULL);
    }
    if (!(all > 0)) return;
    hd_html_add(html, "<h3>Weights after training</h3>\n");
    hd_html_table(html,
                  "How many weights differ by how many units in the last place, in the worst hyper-iteration",
                  (const char *const[]){" apart by", "weights", " share", NULL});
    for (size_t b = 0; b < hd_node_length(&ulps); b++) {
        hd_node bin = hd_node_element(&ulps, b);
        double count = hd_node_real(&bin, NULL);
        if (count == 0) continue;
        hd_html_add(html, "<tr><th scope=\"row\">");
        if (b == 0)
            hd_html_add(html, "nothing");
        else
            hd_html_add(html, "%s%.0f ulp", b + 1 == hd_node_length(&ulps) ? "over " : "up to ",
                        ldexp(1, (int)(b + 1 == hd_node_length(&ulps) ? b - 2 : b - 1)));
        hd_html_add(html, "</th>");
        hd_html_cell(html, count, 9);
        hd_html_share_cell(html, count / all);
        hd_html_add(html, "</tr>\n");
    }
    hd_html_table_end(html);
}
