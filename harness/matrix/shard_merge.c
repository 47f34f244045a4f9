#include "matrix/shard_merge.h"

#include "base/list.h"
#include "golden/golden.h"
#include "history/result_numbers.h"
#include "judge/verdict_text.h"
#include "matrix/shard_terms.h"

#include <stdlib.h>
#include <string.h>

#define RUNS "run WHERE (?1 IS NULL AND matrix IS NULL AND uid IN (SELECT uid FROM arrived)) OR matrix = ?1"

/* ---- the runs ---- */

/* Room for one more element at a list's end; NULL: there is no memory, or a failure before. */
static void *one_more(hd_sql *sql, void *list, size_t count, size_t size) {
    void *more = sql->status == HD_OK ? hd_list_room(list, count, size) : NULL;
    if (!more && sql->status == HD_OK) hd_sql_no_memory(sql);
    return more;
}

static void read_part(sqlite3_stmt *row, hd_shard_run *part) {
    *part = (hd_shard_run){.run = sqlite3_column_int64(row, 0),
                           .shard = (size_t)sqlite3_column_int64(row, 1),
                           .shards = (size_t)sqlite3_column_int64(row, 2),
                           .status = (hd_status)sqlite3_column_int64(row, 6),
                           .passed = (size_t)sqlite3_column_int64(row, 7),
                           .failed = (size_t)sqlite3_column_int64(row, 8),
                           .known = (size_t)sqlite3_column_int64(row, 9),
                           .skipped = (size_t)sqlite3_column_int64(row, 10)};
    snprintf(part->host, sizeof part->host, "%s", hd_sql_text(row, 3));
    snprintf(part->commit, sizeof part->commit, "%s", hd_sql_text(row, 4));
    snprintf(part->started, sizeof part->started, "%s", hd_sql_text(row, 5));
    part->terms = json_loads(hd_sql_text(row, 11), 0, NULL);
}

/* Shards are counted up to their number: it must be one that check takes. */
static void expect_place(hd_sql *sql, const hd_shard_run *part) {
    if (part->shards <= HD_MAX_SHARDS && part->shard <= part->shards && !part->shard == !part->shards) return;
    sql->status =
        hd_fail(sql->error, HD_INVALID, "%s: run %lld: says of itself that it is shard %lld of %lld",
                sql->history->path, (long long)part->run, (long long)part->shard, (long long)part->shards);
}

/* Of two at the same moment the shard tells which is first, not the order in which they were merged. */
static void load_parts(hd_sql *sql, hd_shard_merge *assembly) {
    sqlite3_stmt *rows =
        hd_sql_prepare(sql, "SELECT id, shard, shards, host, commit_id, started, status, passed, failed, "
                            "known, skipped, terms FROM " RUNS " ORDER BY moment, shard, id");
    hd_sql_bind(sql, rows, "t", assembly->name);
    while (hd_sql_row(sql, rows)) {
        hd_shard_run *parts = one_more(sql, assembly->parts, assembly->part_count, sizeof *parts);
        if (!parts) break;
        assembly->parts = parts;
        read_part(rows, &parts[assembly->part_count]);
        expect_place(sql, &parts[assembly->part_count++]);
    }
    sqlite3_finalize(rows);
}

static bool same_place(const hd_shard_run *a, const hd_shard_run *b) {
    return a->shard == b->shard && (a->shard || !strcmp(a->host, b->host));
}

/* They are in order of time: a later one takes the place of those before it. A shard of another division has
 * no place. */
static void count_parts(hd_shard_merge *assembly) {
    size_t there = 0;
    if (!assembly->shards && assembly->part_count)
        assembly->shards = assembly->parts[assembly->part_count - 1].shards;
    for (size_t i = 0; i < assembly->part_count; i++) {
        hd_shard_run *part = &assembly->parts[i];
        part->counts = part->shards == assembly->shards;
        for (size_t later = i + 1; part->counts && later < assembly->part_count; later++)
            part->counts = assembly->parts[later].shards != assembly->shards ||
                           !same_place(part, &assembly->parts[later]);
        there += part->counts;
    }
    if (assembly->shards) assembly->missing = assembly->shards - there;
}

/* The run whose records are compared, or NULL: of a matrix every one, even where a later run took its place;
 * but what a machine gave on the nights before need not be what it gives now. */
static const hd_shard_run *compared_part(const hd_shard_merge *assembly, int64_t run) {
    for (size_t i = 0; i < assembly->part_count; i++) {
        const hd_shard_run *part = &assembly->parts[i];
        if (part->run == run) return part->counts || assembly->name ? part : NULL;
    }
    return NULL;
}

/* ---- the bits ---- */

/* A record of those that must have the same bits, and who made it. */
typedef struct hd_made {
    hd_record record;
    int64_t result;
    const hd_shard_run *part;
} hd_made;

/* Judges a record by the bits of the first of its kind; true where they are the same. */
static bool same_bits(hd_sql *sql, const hd_made *first, const hd_made *made, hd_verdict *verdict) {
    hd_golden bits = {0};
    char by[sizeof verdict->against];
    if (made->result == first->result || sql->status != HD_OK) return true;
    sql->status = hd_golden_take_exact(&bits, &first->record, sql->error);
    if (sql->status != HD_OK) return true;
    snprintf(by, sizeof by, "%s on %.80s (run %lld), itself on %.80s (run %lld)", first->record.device,
             first->part->host, (long long)first->part->run, made->part->host, (long long)made->part->run);
    hd_verdict_head(verdict, &made->record, by);
    hd_golden_judge_bits(&bits, &made->record, verdict);
    hd_golden_free(&bits);
    return hd_verdict_passes(verdict);
}

static void compare(hd_sql *sql, const hd_made *first, const hd_made *made, hd_shard_merge *assembly) {
    hd_verdict verdict = {0}, *differences = NULL;
    assembly->compared++;
    if (!same_bits(sql, first, made, &verdict))
        differences = one_more(sql, assembly->differences, assembly->difference_count, sizeof *differences);
    if (differences) {
        assembly->differences = differences;
        differences[assembly->difference_count++] = verdict;
    } else {
        hd_verdict_free(&verdict);
    }
}

static void free_made(hd_made *made) {
    hd_record_free(&made->record);
    *made = (hd_made){.part = NULL};
}

static void read_made(hd_result_numbers *numbers, sqlite3_stmt *row, hd_made *made) {
    hd_record *record = &made->record;
    hd_result_numbers_read(numbers, made->result, record);
    snprintf(record->experiment, sizeof record->experiment, "%s", hd_sql_text(row, 2));
    snprintf(record->device, sizeof record->device, "%s", hd_sql_text(row, 3));
    strcpy(record->arithmetic, "exact");
    record->mode = strcmp(hd_sql_text(row, 4), hd_mode_name(HD_FORWARD)) == 0 ? HD_FORWARD : HD_REVERSE;
    record->step = (size_t)sqlite3_column_int64(row, 5);
}

/* A row: a record of the exact arithmetic becomes the first of its kind, or is compared with it. */
static void take_record(hd_result_numbers *numbers, sqlite3_stmt *row, const hd_shard_run *part,
                        hd_made *first, hd_shard_merge *assembly) {
    hd_made made = {.result = sqlite3_column_int64(row, 1), .part = part};
    assembly->records++;
    if (!first->part || made.result != first->result) read_made(numbers, row, &made);
    if (!first->part) {
        *first = made;
        return;
    }
    compare(numbers->sql, first, &made, assembly);
    hd_record_free(&made.record);
}

/* The rows come with all records of one kind (experiment, data, mode, hyper-iteration) after each other. */
static void compare_bits(hd_sql *sql, hd_shard_merge *assembly) {
    char kind[2 * HD_SHA256 + HD_LABEL] = "";
    hd_made first = {.part = NULL};
    hd_result_numbers numbers = hd_result_numbers_open(sql);
    sqlite3_stmt *rows = hd_sql_prepare(
        sql, "SELECT record.run, result.id, experiment, device, mode, step,"
             " experiment_sha256 || ' ' || data_sha256 || ' ' || mode || ' ' || step AS kind"
             " FROM record JOIN run ON run.id = record.run JOIN series ON series.id = record.series"
             " JOIN result ON result.id = record.result"
             " WHERE record.run IN (SELECT id FROM " RUNS ") AND result.json ->> 'arithmetic' = 'exact'"
             " ORDER BY kind, moment, shard, record.run, record.id");
    hd_sql_bind(sql, rows, "t", assembly->name);
    while (hd_sql_row(sql, rows)) {
        const hd_shard_run *part = compared_part(assembly, sqlite3_column_int64(rows, 0));
        if (strcmp(kind, hd_sql_text(rows, 6)) != 0) free_made(&first);
        snprintf(kind, sizeof kind, "%s", hd_sql_text(rows, 6));
        if (part) take_record(&numbers, rows, part, &first, assembly);
    }
    free_made(&first);
    sqlite3_finalize(rows);
    hd_result_numbers_close(&numbers);
}

/* ---- the terms ---- */

enum { WHO = 512 };

static void write_who(const hd_shard_run *part, char who[WHO]) {
    snprintf(who, WHO, "shard %zu/%zu (run %lld on %s)", part->shard, part->shards, (long long)part->run,
             part->host);
}

/* The first shard that tells its terms: the others are held to them; NULL: none does. */
static const hd_shard_run *find_standard(const hd_shard_merge *assembly) {
    for (size_t i = 0; i < assembly->part_count; i++)
        if (assembly->parts[i].counts && assembly->parts[i].terms) return &assembly->parts[i];
    return NULL;
}

static bool is_there(const hd_shard_merge *assembly, size_t shard) {
    for (size_t i = 0; i < assembly->part_count; i++)
        if (assembly->parts[i].counts && assembly->parts[i].shard == shard) return true;
    return false;
}

static void list_missing(hd_sql *sql, hd_shard_merge *assembly) {
    const hd_shard_run *standard = find_standard(assembly);
    if (!standard || !assembly->missing || sql->status != HD_OK) return;
    bool *missing = calloc(assembly->shards, sizeof *missing);
    if (!missing) {
        hd_sql_no_memory(sql);
        return;
    }
    for (size_t shard = 1; shard <= assembly->shards; shard++)
        missing[shard - 1] = !is_there(assembly, shard);
    hd_shard_terms_cells(standard->terms, missing, assembly->shards, assembly->missing_cells);
    free(missing);
}

static void hold_to(const hd_shard_run *standard, const hd_shard_run *part, json_t *conflicts) {
    char one[WHO], other[WHO];
    write_who(standard, one);
    write_who(part, other);
    if (part->terms)
        hd_shard_terms_compare(standard->terms, one, part->terms, other, conflicts);
    else
        json_array_append_new(conflicts, json_sprintf("%s does not tell what it was started with", other));
}

/* `said`: how the matrix is divided was not asked for, but is what its last run says. */
static void compare_terms(hd_sql *sql, hd_shard_merge *assembly, bool said) {
    const hd_shard_run *standard = assembly->name ? find_standard(assembly) : NULL;
    for (size_t i = 0; i < assembly->part_count && sql->status == HD_OK; i++) {
        const hd_shard_run *part = &assembly->parts[i];
        char who[WHO];
        write_who(part, who);
        if (said && part->shards != assembly->shards)
            json_array_append_new(assembly->conflicts,
                                  json_sprintf("%s: others are of %zu shards", who, assembly->shards));
        if (!standard || !part->counts) continue;
        if (part != standard) hold_to(standard, part, assembly->conflicts);
        sql->status =
            hd_last_blessings_take(&assembly->goldens, json_object_get(part->terms, "goldens"), sql->error);
    }
}

/* ---- all together ---- */

static void sum_up(hd_shard_merge *assembly) {
    for (size_t i = 0; i < assembly->part_count; i++) {
        const hd_shard_run *part = &assembly->parts[i];
        if (!part->counts) continue;
        assembly->passed += part->passed;
        assembly->failed += part->failed;
        assembly->known += part->known;
        assembly->skipped += part->skipped;
        if (part->status > assembly->status) assembly->status = part->status;
    }
    const size_t conflicts = json_array_size(assembly->conflicts);
    assembly->failed += assembly->missing + assembly->difference_count + conflicts;
    if ((assembly->failed || !assembly->passed) && assembly->status == HD_OK) assembly->status = HD_DIFFERENT;
    if (conflicts && assembly->status < HD_INVALID) assembly->status = HD_INVALID;
}

hd_status hd_shard_merge_load(const hd_history *history, const char *name, size_t shards,
                              hd_shard_merge *assembly, hd_error *error) {
    hd_sql sql = {.history = history, .doing = "its runs could not be put together", .error = error};
    *assembly = (hd_shard_merge){
        .name = name, .shards = shards, .conflicts = json_array(), .missing_cells = json_array()};
    load_parts(&sql, assembly);
    if (sql.status != HD_OK) return sql.status;
    count_parts(assembly);
    compare_terms(&sql, assembly, name && !shards);
    list_missing(&sql, assembly);
    compare_bits(&sql, assembly);
    sum_up(assembly);
    return sql.status;
}

void hd_shard_merge_free(hd_shard_merge *assembly) {
    for (size_t i = 0; i < assembly->difference_count; i++) hd_verdict_free(&assembly->differences[i]);
    for (size_t i = 0; i < assembly->part_count; i++) json_decref(assembly->parts[i].terms);
    free(assembly->differences);
    free(assembly->parts);
    json_decref(assembly->conflicts);
    json_decref(assembly->missing_cells);
    hd_last_blessings_free(&assembly->goldens);
    *assembly = (hd_shard_merge){0};
}

/* ---- said ---- */

static void print_part(FILE *to, const hd_shard_run *part, size_t shards) {
    if (part->shard) fprintf(to, "  shard %zu/%zu  ", part->shard, part->shards);
    fprintf(to, "  run %lld  %s  %s  %s: ", (long long)part->run, part->started, part->host, part->commit);
    if (part->counts)
        fprintf(to, "%zu passed, %zu failed, %zu skipped, status %d\n", part->passed, part->failed,
                part->skipped, (int)part->status);
    else
        fprintf(to, "does not count: %s\n",
                part->shards == shards ? "a later run took its place" : "the matrix is divided otherwise");
}

static void print_bits(FILE *to, const hd_shard_merge *assembly) {
    fprintf(to,
            "  %zu record%s in the exact arithmetic, %zu of them made again elsewhere: ", assembly->records,
            assembly->records == 1 ? "" : "s", assembly->compared);
    if (assembly->difference_count)
        fprintf(to, "%zu with other bits\n", assembly->difference_count);
    else
        fprintf(to, "%s\n", assembly->compared ? "the same bits" : "nothing to compare");
}

void hd_shard_merge_print(FILE *to, const hd_shard_merge *assembly, bool quiet) {
    size_t there = assembly->shards - assembly->missing;
    if (!quiet && assembly->name)
        fprintf(to, "matrix %s: %zu of %zu shard%s\n", assembly->name, there, assembly->shards,
                assembly->shards == 1 ? "" : "s");
    if (!quiet && !assembly->name) fputs("runs of no matrix, the last one of each host:\n", to);
    for (size_t i = 0; !quiet && i < assembly->part_count; i++)
        print_part(to, &assembly->parts[i], assembly->shards);
    for (size_t shard = 1; shard <= assembly->shards; shard++)
        if (!is_there(assembly, shard))
            fprintf(to, "shard %zu/%zu of matrix %s is missing\n", shard, assembly->shards, assembly->name);
    for (size_t i = 0; i < json_array_size(assembly->missing_cells); i++)
        fprintf(to, "  not run: %s\n", json_string_value(json_array_get(assembly->missing_cells, i)));
    for (size_t i = 0; i < json_array_size(assembly->conflicts); i++)
        fprintf(to, "matrix %s is not one: %s\n", assembly->name,
                json_string_value(json_array_get(assembly->conflicts, i)));
    if (assembly->failed || !quiet) hd_last_blessings_print(to, &assembly->goldens);
    if (!quiet) print_bits(to, assembly);
    if (!assembly->passed && !assembly->failed) fputs("nothing was compared\n", to);
    for (size_t i = 0; i < assembly->difference_count; i++) {
        const hd_verdict *difference = &assembly->differences[i];
        fprintf(to, "%s, hyper-iteration %zu, %s\n", difference->experiment, difference->step,
                difference->device);
        hd_verdict_print_summary(to, difference);
        hd_verdict_print_details(to, difference, false);
    }
}

static json_t *part_json(const hd_shard_run *part) {
    json_t *json = json_pack("{sIsssssssisisisisisb}", "run", (json_int_t)part->run, "host", part->host,
                             "commit", part->commit, "started", part->started, "status", (int)part->status,
                             "passed", (int)part->passed, "failed", (int)part->failed, "known",
                             (int)part->known, "skipped", (int)part->skipped, "counts", part->counts);
    if (part->shard) json_object_set_new(json, "shard", json_integer((json_int_t)part->shard));
    return json;
}

json_t *hd_shard_merge_json(const hd_shard_merge *assembly) {
    json_t *missing = json_array(), *runs = json_array(), *differences = json_array();
    for (size_t shard = 1; shard <= assembly->shards; shard++)
        if (!is_there(assembly, shard)) json_array_append_new(missing, json_integer((json_int_t)shard));
    for (size_t i = 0; i < assembly->part_count; i++)
        json_array_append_new(runs, part_json(&assembly->parts[i]));
    for (size_t i = 0; i < assembly->difference_count; i++)
        json_array_append_new(differences, hd_verdict_json(&assembly->differences[i]));
    return json_pack("{ss?sIsososIsIsosOsOso}", "matrix", assembly->name, "shards",
                     (json_int_t)assembly->shards, "missing", missing, "runs", runs, "records",
                     (json_int_t)assembly->records, "compared", (json_int_t)assembly->compared, "differences",
                     differences, "conflicts", assembly->conflicts, "missing_cells", assembly->missing_cells,
                     "goldens", hd_last_blessings_json(&assembly->goldens));
}
