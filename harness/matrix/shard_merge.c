#include "matrix/shard_merge.h"

#include "golden/golden.h"
#include "history/result_numbers.h"
#include "judge/verdict_text.h"
#include "matrix/shard_terms.h"

#include <stdlib.h>
#include <string.h>

#define RUNS "run WHERE (?1 IS NULL AND matrix IS NULL AND uid IN (SELECT uid FROM arrived)) OR matrix = ?1"

/* ---- the runs ---- */

static void read_run(sqlite3_stmt *row, hd_shard_run *run) {
    *run = (hd_shard_run){.id = sqlite3_column_int64(row, 0),
                          .shard = hd_sql_size(row, 1),
                          .shards = hd_sql_size(row, 2),
                          .status = (hd_status)sqlite3_column_int64(row, 6),
                          .passed = hd_sql_size(row, 7),
                          .failed = hd_sql_size(row, 8),
                          .known = hd_sql_size(row, 9),
                          .skipped = hd_sql_size(row, 10)};
    hd_sql_copy(row, 3, run->host, sizeof run->host);
    hd_sql_copy(row, 4, run->commit, sizeof run->commit);
    hd_sql_copy(row, 5, run->started, sizeof run->started);
    run->terms = json_loads(hd_sql_text(row, 11), 0, NULL);
}

/* We count shards up to their number: it must be one that `check` accepts. */
static void expect_place(hd_sql *sql, const hd_shard_run *run) {
    if (run->shards <= HD_MAX_SHARDS && run->shard <= run->shards && !run->shard == !run->shards) return;
    sql->status =
        hd_fail(sql->error, HD_INVALID, "%s: run %lld: claims to be shard %lld of %lld", sql->history->path,
                (long long)run->id, (long long)run->shard, (long long)run->shards);
}

/* Orders runs of the same moment by shard, not by the order in which they were merged. */
static void load_runs(hd_sql *sql, hd_shard_merge *merge) {
    sqlite3_stmt *rows =
        hd_sql_query(sql,
                     "SELECT id, shard, shards, host, commit_id, started, status, passed, failed, "
                     "known, skipped, terms FROM " RUNS " ORDER BY moment, shard, id",
                     "t", merge->name);
    while (hd_sql_next(sql, &rows)) {
        hd_shard_run *run = hd_sql_add(sql, &merge->runs, &merge->run_count, sizeof *run);
        if (!run) continue;
        read_run(rows, run);
        expect_place(sql, run);
    }
}

static bool same_place(const hd_shard_run *a, const hd_shard_run *b) {
    return a->shard == b->shard && (a->shard || !strcmp(a->host, b->host));
}

/* Runs are in order of time: a later run of a shard replaces earlier ones. A shard of another division does
 * not count. */
static void count_runs(hd_shard_merge *merge) {
    size_t there = 0;
    if (!merge->shards && merge->run_count) merge->shards = merge->runs[merge->run_count - 1].shards;
    for (size_t i = 0; i < merge->run_count; i++) {
        hd_shard_run *run = &merge->runs[i];
        run->counts = run->shards == merge->shards;
        for (size_t later = i + 1; run->counts && later < merge->run_count; later++)
            run->counts = merge->runs[later].shards != merge->shards || !same_place(run, &merge->runs[later]);
        there += run->counts;
    }
    if (merge->shards) merge->missing = merge->shards - there;
}

/* The run `id` if its records are compared, else NULL. Of a matrix all runs are, even replaced ones; but a
 * machine's earlier runs of no matrix need not agree with its last one. */
static const hd_shard_run *compared_run(const hd_shard_merge *merge, int64_t id) {
    for (size_t i = 0; i < merge->run_count; i++) {
        const hd_shard_run *run = &merge->runs[i];
        if (run->id == id) return run->counts || merge->name ? run : NULL;
    }
    return NULL;
}

/* ---- the bits ---- */

/* A record in the exact arithmetic, and the run that made it. */
typedef struct hd_made {
    hd_record record;
    int64_t result;
    const hd_shard_run *run;
} hd_made;

/* Judges a record by the bits of the first of its kind; true if they are the same. */
static bool same_bits(hd_sql *sql, const hd_made *first, const hd_made *made, hd_verdict *verdict) {
    hd_golden bits = {0};
    char by[sizeof verdict->against];
    if (made->result == first->result || sql->status != HD_OK) return true;
    sql->status = hd_golden_take_exact(&bits, &first->record, sql->error);
    if (sql->status != HD_OK) return true;
    snprintf(by, sizeof by, "%s on %.80s (run %lld), while this one is on %.80s (run %lld)",
             first->record.device, first->run->host, (long long)first->run->id, made->run->host,
             (long long)made->run->id);
    hd_verdict_head(verdict, &made->record, by);
    hd_golden_judge_bits(&bits, &made->record, verdict);
    hd_golden_free(&bits);
    return hd_verdict_passes(verdict);
}

static void compare(hd_sql *sql, const hd_made *first, const hd_made *made, hd_shard_merge *merge) {
    hd_verdict verdict = {0}, *difference = NULL;
    merge->compared++;
    if (!same_bits(sql, first, made, &verdict))
        difference = hd_sql_add(sql, &merge->differences, &merge->difference_count, sizeof *difference);
    if (difference)
        *difference = verdict;
    else
        hd_verdict_free(&verdict);
}

static void free_made(hd_made *made) {
    hd_record_free(&made->record);
    *made = (hd_made){.run = NULL};
}

static void read_made(hd_result_numbers *numbers, sqlite3_stmt *row, hd_made *made) {
    hd_record *record = &made->record;
    hd_result_numbers_read(numbers, made->result, record);
    hd_sql_copy(row, 2, record->experiment, sizeof record->experiment);
    hd_sql_copy(row, 3, record->device, sizeof record->device);
    strcpy(record->arithmetic, "exact");
    record->mode = strcmp(hd_sql_text(row, 4), hd_mode_name(HD_FORWARD)) == 0 ? HD_FORWARD : HD_REVERSE;
    record->step = hd_sql_size(row, 5);
}

/* Takes a row: its record becomes the first of its kind, or is compared with the first. */
static void take_record(hd_result_numbers *numbers, sqlite3_stmt *row, const hd_shard_run *run,
                        hd_made *first, hd_shard_merge *merge) {
    hd_made made = {.result = sqlite3_column_int64(row, 1), .run = run};
    merge->records++;
    if (!first->run || made.result != first->result) read_made(numbers, row, &made);
    if (!first->run) {
        *first = made;
        return;
    }
    compare(numbers->sql, first, &made, merge);
    hd_record_free(&made.record);
}

/* Compares records of one kind (experiment, data, mode, hyper-iteration); the query puts them together. */
static void compare_bits(hd_sql *sql, hd_shard_merge *merge) {
    char kind[2 * HD_SHA256 + HD_LABEL] = "";
    hd_made first = {.run = NULL};
    hd_result_numbers numbers = hd_result_numbers_open(sql);
    sqlite3_stmt *rows =
        hd_sql_query(sql,
                     "SELECT record.run, result.id, experiment, device, mode, step,"
                     " experiment_sha256 || ' ' || data_sha256 || ' ' || mode || ' ' || step AS kind"
                     " FROM record JOIN run ON run.id = record.run JOIN series ON series.id = record.series"
                     " JOIN result ON result.id = record.result"
                     " WHERE record.run IN (SELECT id FROM " RUNS
                     ") AND result.json ->> 'arithmetic' = 'exact'"
                     " ORDER BY kind, moment, shard, record.run, record.id",
                     "t", merge->name);
    while (hd_sql_next(sql, &rows)) {
        const hd_shard_run *run = compared_run(merge, sqlite3_column_int64(rows, 0));
        if (strcmp(kind, hd_sql_text(rows, 6)) != 0) free_made(&first);
        hd_sql_copy(rows, 6, kind, sizeof kind);
        if (run) take_record(&numbers, rows, run, &first, merge);
    }
    free_made(&first);
    hd_result_numbers_close(&numbers);
}

/* ---- the terms ---- */

enum { WHO = 512 };

static void write_who(const hd_shard_run *run, char who[WHO]) {
    snprintf(who, WHO, "shard %zu/%zu (run %lld on %s)", run->shard, run->shards, (long long)run->id,
             run->host);
}

/* The first shard that counts and has terms, to compare the others with; NULL: none. */
static const hd_shard_run *find_standard(const hd_shard_merge *merge) {
    for (size_t i = 0; i < merge->run_count; i++)
        if (merge->runs[i].counts && merge->runs[i].terms) return &merge->runs[i];
    return NULL;
}

static bool is_there(const hd_shard_merge *merge, size_t shard) {
    for (size_t i = 0; i < merge->run_count; i++)
        if (merge->runs[i].counts && merge->runs[i].shard == shard) return true;
    return false;
}

static void list_missing(hd_sql *sql, hd_shard_merge *merge) {
    const hd_shard_run *standard = find_standard(merge);
    if (!standard || !merge->missing || sql->status != HD_OK) return;
    bool *missing = calloc(merge->shards, sizeof *missing);
    if (!missing) {
        hd_sql_no_memory(sql);
        return;
    }
    for (size_t shard = 1; shard <= merge->shards; shard++) missing[shard - 1] = !is_there(merge, shard);
    hd_shard_terms_cells(standard->terms, missing, merge->shards, merge->missing_cells);
    free(missing);
}

static void hold_to(const hd_shard_run *standard, const hd_shard_run *run, json_t *conflicts) {
    char one[WHO], other[WHO];
    write_who(standard, one);
    write_who(run, other);
    if (run->terms)
        hd_shard_terms_compare(standard->terms, one, run->terms, other, conflicts);
    else
        json_array_append_new(conflicts,
                              json_sprintf("%s does not say with which arguments it was started", other));
}

/* said: the number of shards was not asked for, but is that of the last run. */
static void compare_terms(hd_sql *sql, hd_shard_merge *merge, bool said) {
    const hd_shard_run *standard = merge->name ? find_standard(merge) : NULL;
    for (size_t i = 0; i < merge->run_count && sql->status == HD_OK; i++) {
        const hd_shard_run *run = &merge->runs[i];
        char who[WHO];
        write_who(run, who);
        if (said && run->shards != merge->shards)
            json_array_append_new(merge->conflicts,
                                  json_sprintf("%s: others have %zu shards", who, merge->shards));
        if (!standard || !run->counts) continue;
        if (run != standard) hold_to(standard, run, merge->conflicts);
        sql->status =
            hd_last_blessings_take(&merge->goldens, json_object_get(run->terms, "goldens"), sql->error);
    }
}

/* ---- all together ---- */

static void sum_up(hd_shard_merge *merge) {
    for (size_t i = 0; i < merge->run_count; i++) {
        const hd_shard_run *run = &merge->runs[i];
        if (!run->counts) continue;
        merge->passed += run->passed;
        merge->failed += run->failed;
        merge->known += run->known;
        merge->skipped += run->skipped;
        if (run->status > merge->status) merge->status = run->status;
    }
    const size_t conflicts = json_array_size(merge->conflicts);
    merge->failed += merge->missing + merge->difference_count + conflicts;
    if ((merge->failed || !merge->passed) && merge->status == HD_OK) merge->status = HD_DIFFERENT;
    if (conflicts && merge->status < HD_INVALID) merge->status = HD_INVALID;
}

hd_status hd_shard_merge_load(const hd_history *history, const char *name, size_t shards,
                              hd_shard_merge *merge, hd_error *error) {
    hd_sql sql = {.history = history, .doing = "its runs could not be put together", .error = error};
    *merge = (hd_shard_merge){
        .name = name, .shards = shards, .conflicts = json_array(), .missing_cells = json_array()};
    load_runs(&sql, merge);
    if (sql.status != HD_OK) return sql.status;
    count_runs(merge);
    compare_terms(&sql, merge, name && !shards);
    list_missing(&sql, merge);
    compare_bits(&sql, merge);
    sum_up(merge);
    return sql.status;
}

void hd_shard_merge_free(hd_shard_merge *merge) {
    for (size_t i = 0; i < merge->difference_count; i++) hd_verdict_free(&merge->differences[i]);
    for (size_t i = 0; i < merge->run_count; i++) json_decref(merge->runs[i].terms);
    free(merge->differences);
    free(merge->runs);
    json_decref(merge->conflicts);
    json_decref(merge->missing_cells);
    hd_last_blessings_free(&merge->goldens);
    *merge = (hd_shard_merge){0};
}

/* ---- printing ---- */

static void print_one(FILE *to, const hd_shard_run *run, size_t shards) {
    if (run->shard) fprintf(to, "  shard %zu/%zu  ", run->shard, run->shards);
    fprintf(to, "  run %lld  %s  %s  %s: ", (long long)run->id, run->started, run->host, run->commit);
    if (run->counts)
        fprintf(to, "%zu passed, %zu failed, %zu skipped, status %d\n", run->passed, run->failed,
                run->skipped, (int)run->status);
    else
        fprintf(to, "does not count: %s\n",
                run->shards == shards ? "a later run took its place"
                                      : "the matrix has another number of shards");
}

static void print_bits(FILE *to, const hd_shard_merge *merge) {
    fprintf(to, "  %zu record%s in the exact arithmetic, %zu of them also made elsewhere: ", merge->records,
            merge->records == 1 ? "" : "s", merge->compared);
    if (merge->difference_count)
        fprintf(to, "%zu with different bits\n", merge->difference_count);
    else
        fprintf(to, "%s\n", merge->compared ? "the same bits" : "nothing to compare");
}

void hd_shard_merge_print(FILE *to, const hd_shard_merge *merge, bool quiet) {
    size_t there = merge->shards - merge->missing;
    if (!quiet && merge->name)
        fprintf(to, "matrix %s: %zu of %zu shard%s\n", merge->name, there, merge->shards,
                merge->shards == 1 ? "" : "s");
    if (!quiet && !merge->name) fputs("runs of no matrix, the last one of each host:\n", to);
    for (size_t i = 0; !quiet && i < merge->run_count; i++) print_one(to, &merge->runs[i], merge->shards);
    for (size_t shard = 1; shard <= merge->shards; shard++)
        if (!is_there(merge, shard))
            fprintf(to, "shard %zu/%zu of matrix %s is missing\n", shard, merge->shards, merge->name);
    for (size_t i = 0; i < json_array_size(merge->missing_cells); i++)
        fprintf(to, "  not run: %s\n", json_string_value(json_array_get(merge->missing_cells, i)));
    for (size_t i = 0; i < json_array_size(merge->conflicts); i++)
        fprintf(to, "matrix %s is inconsistent: %s\n", merge->name,
                json_string_value(json_array_get(merge->conflicts, i)));
    if (merge->failed || !quiet) hd_last_blessings_print(to, &merge->goldens);
    if (!quiet) print_bits(to, merge);
    if (!merge->passed && !merge->failed) fputs("nothing was compared\n", to);
    for (size_t i = 0; i < merge->difference_count; i++) {
        const hd_verdict *difference = &merge->differences[i];
        fprintf(to, "%s, hyper-iteration %zu, %s\n", difference->experiment, difference->step,
                difference->device);
        hd_verdict_print_summary(to, difference);
        hd_verdict_print_details(to, difference, false);
    }
}

static json_t *part_json(const hd_shard_run *run) {
    json_t *json = json_pack("{sIsssssssisisisisisb}", "run", (json_int_t)run->id, "host", run->host,
                             "commit", run->commit, "started", run->started, "status", (int)run->status,
                             "passed", (int)run->passed, "failed", (int)run->failed, "known", (int)run->known,
                             "skipped", (int)run->skipped, "counts", run->counts);
    if (run->shard) json_object_set_new(json, "shard", json_integer((json_int_t)run->shard));
    return json;
}

json_t *hd_shard_merge_json(const hd_shard_merge *merge) {
    json_t *missing = json_array(), *runs = json_array(), *differences = json_array();
    for (size_t shard = 1; shard <= merge->shards; shard++)
        if (!is_there(merge, shard)) json_array_append_new(missing, json_integer((json_int_t)shard));
    for (size_t i = 0; i < merge->run_count; i++) json_array_append_new(runs, part_json(&merge->runs[i]));
    for (size_t i = 0; i < merge->difference_count; i++)
        json_array_append_new(differences, hd_verdict_json(&merge->differences[i]));
    return json_pack("{ss?sIsososIsIsosOsOso}", "matrix", merge->name, "shards", (json_int_t)merge->shards,
                     "missing", missing, "runs", runs, "records", (json_int_t)merge->records, "compared",
                     (json_int_t)merge->compared, "differences", differences, "conflicts", merge->conflicts,
                     "missing_cells", merge->missing_cells, "goldens",
                     hd_last_blessings_json(&merge->goldens));
}
