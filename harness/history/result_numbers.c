#include "history/result_numbers.h"

#include "judge/compare.h"
#include "run/record_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

hd_result_numbers hd_result_numbers_open(hd_sql *sql) {
    return (hd_result_numbers){
        .sql = sql,
        .result = hd_sql_prepare(sql, "SELECT json FROM result WHERE id = ?"),
        .standards =
            hd_sql_prepare(sql, "SELECT quantity.name, tolerance FROM record_verdict "
                                "JOIN verdict ON verdict.id = record_verdict.verdict AND against = 'golden' "
                                "JOIN judgement ON judgement.verdict = verdict.id "
                                "JOIN standard ON standard.id = judgement.standard "
                                "JOIN quantity ON quantity.id = standard.quantity WHERE record = ?"),
    };
}

void hd_result_numbers_close(hd_result_numbers *numbers) {
    sqlite3_finalize(numbers->result);
    sqlite3_finalize(numbers->standards);
}

/* --- one result --- */

static hd_status parse(const char *text, const char *name, hd_record *record, hd_error *error) {
    hd_document document = {
        .path = name, .root = json_loads(text, JSON_REJECT_DUPLICATES, NULL), .error = error};
    hd_node root = {.document = &document, .json = document.root};
    if (!json_is_object(root.json)) hd_node_refuse(&root, NULL, "is not a JSON object");
    record->float32 = hd_node_second(&root, "precision", "float64", "float32");
    hd_dims_get(record, &root);
    hd_results_get(record, &root);
    return hd_document_close(&document);
}

void hd_result_numbers_read(hd_result_numbers *numbers, int64_t result, hd_record *record) {
    hd_sql *sql = numbers->sql;
    *record = (hd_record){0};
    char name[400];
    snprintf(name, sizeof name, "%.300s: result %lld", sql->history->path, (long long)result);
    hd_sql_bind(sql, numbers->result, "i", result);
    if (hd_sql_row(sql, numbers->result)) {
        sql->status = parse(hd_sql_text(numbers->result, 0), name, record, sql->error);
        sqlite3_reset(numbers->result);
    } else if (sql->status == HD_OK) {
        sql->status = hd_fail(sql->error, HD_INVALID, "%s: is missing", name);
    }
}

/* --- its tolerances --- */

typedef struct hd_allowed {
    char quantity[HD_QUANTITY];
    double tolerance;
} hd_allowed;

typedef struct hd_standards {
    hd_allowed *of; /* [count], owned */
    size_t count;
} hd_standards;

static void read_standards(hd_result_numbers *numbers, int64_t record, hd_standards *standards) {
    sqlite3_stmt *row = numbers->standards;
    hd_sql_bind(numbers->sql, row, "i", record);
    while (hd_sql_row(numbers->sql, row)) {
        hd_allowed *allowed = hd_sql_add(numbers->sql, &standards->of, &standards->count, sizeof *allowed);
        if (!allowed) return;
        hd_sql_copy(row, 0, allowed->quantity, sizeof allowed->quantity);
        allowed->tolerance = hd_sql_number(row, 1);
    }
}

static double tolerance_of(const void *context, const char *quantity) {
    const hd_standards *standards = context;
    for (size_t i = 0; i < standards->count; i++)
        if (!strcmp(standards->of[i].quantity, quantity)) return standards->of[i].tolerance;
    return NAN;
}

/* --- two results --- */

/* Whether the figure's bits changed; one that came or went has none. */
static bool moved(const hd_judgement *figure) {
    return isnan(figure->value) || memcmp(&figure->value, &figure->expected, sizeof figure->value) != 0;
}

/* Figures with a tolerance come first; one that came or went has tolerance zero. */
static bool moved_more(const hd_judgement *a, const hd_judgement *b) {
    if (isnan(a->tolerance) != isnan(b->tolerance)) return isnan(b->tolerance);
    return isnan(a->tolerance) ? a->relative > b->relative : hd_judgement_worse(a, b);
}

void hd_result_numbers_compare(hd_result_numbers *numbers, const hd_record *now, int64_t record,
                               const hd_record *then, hd_number_change *change) {
    hd_standards standards = {0};
    hd_verdict verdict = {0};
    const hd_judgement *most = NULL;
    read_standards(numbers, record, &standards);
    if (numbers->sql->status == HD_OK)
        hd_compare_figures(&verdict, now, then, (hd_tolerances){tolerance_of, &standards});
    if (verdict.no_memory) hd_sql_no_memory(numbers->sql);
    change->changed = 0;
    change->of = verdict.count;
    change->weights = strcmp(now->weights.sha256, then->weights.sha256) != 0;
    for (size_t i = 0; i < verdict.count; i++) {
        const hd_judgement *figure = &verdict.judgements[i];
        if (!moved(figure)) continue;
        change->changed++;
        if (!most || moved_more(figure, most)) most = figure;
    }
    snprintf(change->quantity, sizeof change->quantity, "%s", most ? most->name : "weights");
    change->old_value = most ? most->expected : NAN;
    change->new_value = most ? most->value : NAN;
    change->tolerances = most && !isnan(most->tolerance) ? most->budget_used : NAN;
    change->beyond = change->tolerances > 1;
    hd_verdict_free(&verdict);
    free(standards.of);
}
