#include "judge/trace_2017.h"
#include "report/html/page.h"
#include "run/record_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A document's records. */
typedef struct hd_records {
    hd_record *of; /* [count], owned */
    size_t count;
} hd_records;

static hd_records get_records(const hd_node *array) {
    size_t count = hd_node_length(array);
    hd_records records = {.of = hd_node_allocate(array, count, sizeof *records.of)};
    for (; records.of && records.count < count; records.count++) {
        hd_node element = hd_node_element(array, records.count);
        hd_record_get(&records.of[records.count], &element);
    }
    return records;
}

static void free_records(hd_records *records) {
    for (size_t i = 0; i < records->count; i++) hd_record_free(&records->of[i]);
    free(records->of);
}

/* Writes which record a row is about, in two lines. */
static void write_row_heading(hd_html *html, const hd_record *r) {
    hd_html_add(html, "<tr><th scope=\"row\">%s, %s, %s<small>%s, hyper-iteration %zu</small></th>",
                hd_mode_name(r->mode), r->device, r->arithmetic, r->experiment, r->step);
}

/* Writes three digits, or all before the point. */
static void write_amount(hd_html *html, double value) {
    hd_html_cell(html, fabs(value) >= 100 ? round(value) : value, fabs(value) >= 100 ? 12 : 3);
}

/* --- time --- */

enum { PHASES = 5 };
static const char *const phase_names[PHASES] = {"data", "training", "derivatives", "validation", "other"};

static void get_phases(const hd_record *record, double seconds[PHASES]) {
    const hd_timing *s = &record->seconds;
    double known = s->data + s->training + s->differentiate + s->validation;
    const double all[PHASES] = {s->data, s->training, s->differentiate, s->validation,
                                fmax(0, s->total - known)};
    memcpy(seconds, all, sizeof all);
}

static void write_time(hd_html *html, const hd_record *record, double longest) {
    double seconds[PHASES];
    get_phases(record, seconds);
    write_row_heading(html, record);
    hd_html_add(html, "<td class=\"t\"><span class=\"stack\">");
    for (size_t p = 0; p < PHASES; p++)
        hd_html_add(html, "<i class=\"p%zu\" style=\"width:%.1f%%\"></i>", p,
                    longest > 0 ? 100 * seconds[p] / longest : 0);
    hd_html_add(html, "</span></td>");
    write_amount(html, 1e3 * record->seconds.total);
    for (size_t p = 0; p < PHASES; p++) write_amount(html, 1e3 * seconds[p]);
    hd_html_add(html, "</tr>\n");
}

static void write_times(hd_html *html, const hd_records *records) {
    static const char *const headings[] = {" record",     "",           "total", "data", "training",
                                           "derivatives", "validation", "other", NULL};
    double longest = 0;
    for (size_t i = 0; i < records->count; i++) longest = fmax(longest, records->of[i].seconds.total);
    hd_html_add(html, "<h3>Time</h3>\n<p class=\"legend\">");
    for (size_t p = 0; p < PHASES; p++)
        hd_html_add(html, "<span><i class=\"swatch p%zu\"></i>%s</span>", p, phase_names[p]);
    hd_html_add(html, "</p>\n");
    hd_html_table(html,
                  "Milliseconds of wall clock by phase (derivatives: tangents, or the backward sweep); the "
                  "longest run fills its bar",
                  headings);
    for (size_t i = 0; i < records->count; i++) write_time(html, &records->of[i], longest);
    hd_html_table_end(html);
}

/* --- rates and memory --- */

static void write_cost(hd_html *html, const hd_record *r) {
    double rate = r->seconds.total > 0 ? r->operations / r->seconds.total * 1e-9 : NAN;
    double alone = r->sgemm_rate > 0 ? r->sgemm_rate : NAN;
    write_row_heading(html, r);
    write_amount(html, rate);
    write_amount(html, alone);
    hd_html_share_cell(html, rate / alone);
    write_amount(html, r->operations / alone * 1e-6);
    hd_html_cell(html, r->launches ? (double)r->launches : NAN, 6);
    write_amount(html, (double)r->state_bytes * HD_TRACE_MB);
    write_amount(html, (double)r->peak_bytes * HD_TRACE_MB);
    write_amount(html, (double)r->device_bytes * HD_TRACE_MB);
    hd_html_add(html, "</tr>\n");
}

static void write_costs(hd_html *html, const hd_records *records) {
    static const char *const headings[] = {" record",  "GFLOP/s", "alone",   " reached", "floor",
                                           "launches", "states",  "process", "device",   NULL};
    hd_html_add(html, "<h3>Rates and memory</h3>\n");
    hd_html_table(html,
                  "GFLOP/s of the run and of its matrix products alone; the floor is what the products alone "
                  "would take at that "
                  "rate (ms); memory in MB: the states by formula, the process at most, the device",
                  headings);
    for (size_t i = 0; i < records->count; i++) write_cost(html, &records->of[i]);
    hd_html_table_end(html);
}

/* --- results --- */

static bool same_step(const hd_record *a, const hd_record *b) {
    return strcmp(a->experiment, b->experiment) == 0 && a->step == b->step;
}

/* Figure i of a record: first those of every record, then its hypergradients. */
enum { FIGURES = 4 };

static const char *figure_name(const hd_record *record, size_t i, char text[HD_NAME + 16]) {
    static const char *const names[FIGURES] = {"validation error", "test accuracy", "validation accuracy",
                                               "training accuracy"};
    if (i < FIGURES) return names[i];
    snprintf(text, HD_NAME + 16, "hypergradient %s", record->hyper[i - FIGURES].name);
    return text;
}

static hd_accuracy accuracy(const hd_record *record, size_t i) {
    return i == 1 ? record->test : i == 2 ? record->validation : record->training;
}

/* NaN: the record has no hyperparameter of that name. */
static double figure(const hd_record *record, const hd_record *named, size_t i) {
    if (i == 0) return record->validation_error;
    if (i < FIGURES) return (double)accuracy(record, i).correct / (double)accuracy(record, i).total;
    for (size_t j = 0; j < record->hypers; j++)
        if (strcmp(record->hyper[j].name, named->hyper[i - FIGURES].name) == 0)
            return record->hyper[j].hypergradient;
    return NAN;
}

static void write_figure(hd_html *html, const hd_record *records, size_t count, size_t i) {
    char name[HD_NAME + 16];
    double least = INFINITY, most = -INFINITY;
    hd_html_add(html, "<tr><th scope=\"row\">%s</th>", figure_name(records, i, name));
    for (size_t r = 0; r < count; r++) {
        double value = figure(&records[r], records, i);
        hd_accuracy of = accuracy(&records[r], i);
        if (i > 0 && i < FIGURES)
            hd_html_add(html, "<td>%zu of %zu</td>", of.correct, of.total);
        else
            hd_html_cell(html, value, records[r].float32 ? 9 : 15);
        least = fmin(least, value);
        most = fmax(most, value);
    }
    double size = fmax(fabs(least), fabs(most));
    if (count > 1) hd_html_cell(html, size > 0 ? (most - least) / size : 0, 2);
    hd_html_add(html, "</tr>\n");
}

/* Writes the records of one hyper-iteration side by side. */
static void write_step(hd_html *html, const hd_record *records, size_t count) {
    char caption[HD_LABEL + 64];
    snprintf(caption, sizeof caption, "%s, hyper-iteration %zu", records->experiment, records->step);
    hd_html_table(html, caption, NULL);
    hd_html_add(html, "<thead><tr><td></td>");
    for (size_t r = 0; r < count; r++)
        hd_html_add(html, "<th scope=\"col\">%s<br/>%s, %s</th>", hd_mode_name(records[r].mode),
                    records[r].device, records[r].arithmetic);
    if (count > 1) hd_html_add(html, "<th scope=\"col\">apart,<br/>relatively</th>");
    hd_html_add(html, "</tr></thead>\n");
    for (size_t i = 0; i < FIGURES + records->hypers; i++) write_figure(html, records, count, i);
    hd_html_table_end(html);
}

/* Brings together the records of a hyper-iteration: they follow each other only within a device. */
static int by_step(const void *a, const void *b) {
    const hd_record *x = a, *y = b;
    int order = strcmp(x->experiment, y->experiment);
    return order ? order : (x->step > y->step) - (x->step < y->step);
}

static void write_results(hd_html *html, hd_records *records) {
    hd_html_add(html, "<h3>Results</h3>\n");
    if (records->count) qsort(records->of, records->count, sizeof *records->of, by_step);
    for (size_t i = 0, run; i < records->count; i += run) {
        for (run = 1; i + run < records->count && same_step(&records->of[i], &records->of[i + run]);) run++;
        write_step(html, &records->of[i], run);
    }
}

/* --- sections --- */

static void write_costs_and_provenance(hd_html *html, const hd_records *records) {
    if (records->count == 0) return;
    write_times(html, records);
    write_costs(html, records);
    hd_html_add(html, "<details><summary>Provenance: program, machine and device</summary>\n");
    hd_page_facts(html, "What made the first of these records",
                  (json_t *const[]){records->of[0].provenance, NULL}, (const char *const[]){"", ""});
    hd_html_add(html, "</details>\n");
}

void hd_page_costs(hd_html *html, const hd_node *array) {
    hd_records records = get_records(array);
    if (array->document->status == HD_OK) write_costs_and_provenance(html, &records);
    free_records(&records);
}

/* Writes results and costs of the records in the array. */
static void write_section(hd_html *html, const hd_node *array) {
    hd_records records = get_records(array);
    if (array->document->status == HD_OK) {
        hd_html_add(html,
                    "<h2>run%s%s</h2>\n<p class=\"file\">%s</p>\n<p>Records: %zu. They are shown as they "
                    "are, not judged.</p>\n",
                    records.count ? " of " : "", records.count ? records.of[0].experiment : "",
                    array->document->path, records.count);
        write_results(html, &records);
        write_costs_and_provenance(html, &records);
    }
    free_records(&records);
}

void hd_page_run(hd_html *html, const hd_node *run) {
    hd_node records = hd_node_array(run, "records");
    write_section(html, &records);
}

void hd_page_record(hd_html *html, const hd_node *record) {
    hd_node array = {.document = record->document, .json = json_array()};
    json_array_append(array.json, record->json);
    write_section(html, &array);
    json_decref(array.json);
}
