/* hyperdrift merge: joins the histories of many machines, and judges the matrices in them. */
#include "base/json.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "history/sql.h"
#include "matrix/shard_merge.h"
#include "run/loaded_experiment.h"

#include <stdio.h>

typedef struct hd_merging {
    const hd_options *options;
    hd_history into;
    size_t copied, there; /* runs */
    size_t passed, failed, skipped;
    json_t *matrices; /* for --json, else NULL */
    hd_status status;
} hd_merging;

static void complain(hd_merging *merging, const hd_error *error) {
    merging->status = hd_terminal_complain(merging->status, error);
}

/* Reports and counts what could not be merged or judged. */
static void fail(hd_merging *merging, const hd_error *error) {
    complain(merging, error);
    merging->failed++;
}

/* Fails because something asked for is missing from the JSON. */
static void refuse_document(hd_merging *merging, const char *what) {
    hd_error error;
    hd_fail(&error, HD_INVALID, "%s: a string in it is not UTF-8 (or there was no memory for it)", what);
    fail(merging, &error);
}

/* --- joining --- */

/* Notes which runs came, new or not. */
static hd_status note_arrived(const hd_history *into, const hd_history *from, hd_error *error) {
    hd_sql reading = {.history = from, .doing = "its runs could not be read", .error = error};
    hd_sql noting = {.history = into, .doing = "its new runs could not be listed", .error = error};
    sqlite3_stmt *runs = hd_sql_prepare(&reading, "SELECT uid FROM run");
    sqlite3_stmt *note = hd_sql_prepare(&noting, "INSERT OR IGNORE INTO arrived VALUES (?1)");
    while (noting.status == HD_OK && hd_sql_row(&reading, runs))
        hd_sql_first(&noting, note, "t", hd_sql_text(runs, 0));
    sqlite3_finalize(runs);
    sqlite3_finalize(note);
    return reading.status == HD_OK ? noting.status : reading.status;
}

static hd_status take_file(hd_merging *merging, const char *path, hd_error *error) {
    hd_history from;
    size_t copied = 0, there = 0;
    hd_status status = hd_history_open(path, HD_HISTORY_READ, &from, error);
    if (status != HD_OK) return status;
    status = hd_history_merge(&merging->into, &from, &copied, &there, error);
    if (status == HD_OK) status = note_arrived(&merging->into, &from, error);
    hd_history_close(&from);
    merging->copied += copied;
    merging->there += there;
    return status;
}

/* --- judging --- */

static void judge_matrix(hd_merging *merging, const char *name) {
    hd_shard_merge merge;
    hd_error error;
    if (hd_shard_merge_load(&merging->into, name, name ? merging->options->request.shards : 0, &merge,
                            &error) != HD_OK) {
        fail(merging, &error);
    } else {
        merging->passed += merge.passed;
        merging->failed += merge.failed;
        merging->skipped += merge.skipped;
        if (merge.status > merging->status) merging->status = merge.status;
        if (!merging->matrices)
            hd_shard_merge_print(stdout, &merge, merging->options->quiet);
        else if (json_array_append_new(merging->matrices, hd_shard_merge_json(&merge)))
            refuse_document(merging, name ? name : "runs of no matrix");
    }
    hd_shard_merge_free(&merge);
}

/* Judges every matrix of the runs that came, and those of none. */
static void judge_arrived(hd_merging *merging) {
    hd_error error;
    hd_sql sql = {.history = &merging->into, .doing = "its matrices could not be read", .error = &error};
    sqlite3_stmt *names = hd_sql_prepare(
        &sql, "SELECT DISTINCT matrix FROM run WHERE uid IN (SELECT uid FROM arrived) ORDER BY matrix");
    while (hd_sql_next(&sql, &names))
        judge_matrix(merging, sqlite3_column_type(names, 0) == SQLITE_NULL ? NULL : hd_sql_text(names, 0));
    if (sql.status != HD_OK) fail(merging, &error);
}

/* --- the end --- */

static void print_json(hd_merging *merging) {
    json_t *document = /* leaves out a path that is not UTF-8 */
        json_pack("{ssso*sIsIsssIsIsIsO}", "format", "hyperdrift-merge/1", "into",
                  json_string(merging->into.path), "copied", (json_int_t)merging->copied, "there",
                  (json_int_t)merging->there, "verdict", merging->status == HD_OK ? "pass" : "fail", "passed",
                  (json_int_t)merging->passed, "failed", (json_int_t)merging->failed, "skipped",
                  (json_int_t)merging->skipped, "matrices", merging->matrices);
    if (!document) refuse_document(merging, merging->into.path);
    hd_document_print(document, 17);
}

static void print_totals(const hd_merging *merging) {
    printf("%s: %zu new run%s, %zu already there\n", merging->into.path, merging->copied,
           merging->copied == 1 ? "" : "s", merging->there);
    printf("%zu passed, %zu failed, %zu skipped\n", merging->passed, merging->failed, merging->skipped);
}

static void conclude(hd_merging *merging) {
    hd_error error;
    if (!merging->failed && !merging->passed && merging->status <= HD_DIFFERENT) {
        hd_fail(&error, HD_DIFFERENT, "merge: nothing was compared");
        complain(merging, &error);
    }
    if (merging->matrices)
        print_json(merging);
    else
        print_totals(merging);
}

hd_status hd_command_merge(const hd_options *options) {
    hd_merging merging = {.options = options, .matrices = options->json ? json_array() : NULL};
    hd_error error;
    hd_status status = hd_history_open(options->words[0], HD_HISTORY_WRITE, &merging.into, &error);
    if (status == HD_OK) status = hd_history_inspect(&merging.into, &error);
    if (status != HD_OK) {
        hd_history_close(&merging.into);
        json_decref(merging.matrices);
        return hd_terminal_complain(HD_OK, &error);
    }
    hd_sql sql = {.history = &merging.into, .doing = "no room for the new runs", .error = &error};
    hd_sql_run(&sql, "CREATE TEMP TABLE arrived (uid TEXT PRIMARY KEY)");
    if (sql.status != HD_OK) fail(&merging, &error);
    for (size_t i = 1; i < options->word_count; i++)
        if (take_file(&merging, options->words[i], &error) != HD_OK) fail(&merging, &error);
    if (options->request.matrix)
        judge_matrix(&merging, options->request.matrix);
    else
        judge_arrived(&merging);
    conclude(&merging);
    hd_history_close(&merging.into);
    json_decref(merging.matrices);
    return merging.status;
}
