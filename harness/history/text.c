#include "history/text.h"

#include "base/terminal.h"
#include "judge/verdict_text.h"
#include "statistics/statistics.h"

#include <stdlib.h>
#include <string.h>

/* --- the list --- */

sqlite3_stmt *hd_history_runs(hd_sql *sql) {
    return hd_sql_prepare(
        sql,
        "SELECT id AS run, uid, started, kept, clock_back, host, version, commit_id AS \"commit\","
        " (SELECT json_group_array(experiment) FROM (SELECT DISTINCT experiment FROM record"
        "   JOIN series ON series.id = series WHERE run = run.id ORDER BY record.id)) AS experiments,"
        " iif(status = 0, 'pass', 'fail') AS verdict, status, passed, failed, known, skipped,"
        " strftime('%s', kept) - strftime('%s', started) AS seconds, matrix, shard, shards FROM run ORDER BY "
        "moment, id");
}

static void print_names(FILE *to, const char *array) {
    json_t *names = json_loads(array, 0, NULL), *name;
    size_t i;
    if (!json_array_size(names)) fputs("(no records)", to);
    json_array_foreach(names, i, name) fprintf(to, "%s%s", i ? ", " : "", json_string_value(name));
    json_decref(names);
}

size_t hd_history_print_runs(FILE *to, hd_sql *sql) {
    size_t count = 0;
    sqlite3_stmt *q = hd_history_runs(sql);
    while (hd_sql_next(sql, &q)) {
        bool passes = !strcmp(hd_sql_text(q, 9), "pass");
        if (!count++)
            fprintf(to, "%5s  %-20s  %-12s  %-16s  %-7s  %6s  %6s  %6s  %5s  %7s  %7s  %s\n", "run",
                    "started", "host", "commit", "verdict", "status", "passed", "failed", "known", "skipped",
                    "seconds", "experiments");
        fprintf(to, "%5lld  %-20s  %-12s  %-16s  %s%-7s%s  %6lld  %6lld  %6lld  %5lld  %7lld  %7lld  ",
                sqlite3_column_int64(q, 0), hd_sql_text(q, 2), hd_sql_text(q, 5), hd_sql_text(q, 7),
                hd_terminal_colour(to, passes ? "green" : "red"), hd_sql_text(q, 9), hd_terminal_plain(to),
                sqlite3_column_int64(q, 10), sqlite3_column_int64(q, 11), sqlite3_column_int64(q, 12),
                sqlite3_column_int64(q, 13), sqlite3_column_int64(q, 14), sqlite3_column_int64(q, 15));
        print_names(to, hd_sql_text(q, 8));
        if (sqlite3_column_int64(q, 18))
            fprintf(to, "; shard %lld/%lld", sqlite3_column_int64(q, 17), sqlite3_column_int64(q, 18));
        if (hd_sql_text(q, 16)[0]) fprintf(to, " of matrix %s", hd_sql_text(q, 16));
        if (sqlite3_column_int(q, 4)) fputs("; the clock had gone back", to);
        fputc('\n', to);
    }
    return count;
}

/* --- one run --- */

static void print_times(FILE *to, const hd_kept_record *r) {
    double *seconds = calloc(r->count ? r->count : 1, sizeof *seconds);
    size_t peak = 0, device = 0;
    fputs("    time", to);
    for (size_t i = 0; i < r->count; i++) {
        const hd_repetition *one = &r->repetitions[i];
        fprintf(to, "%s %.3f", i ? "," : "", one->seconds.total);
        if (seconds) seconds[i] = one->seconds.total;
        if (one->peak_bytes > peak) peak = one->peak_bytes;
        if (one->launches && one->device_bytes > device) device = one->device_bytes;
    }
    fputs(" s", to);
    if (seconds && r->count > 2) fprintf(to, " (median %.3f)", hd_median(seconds, r->count));
    if (r->count && r->repetitions[0].sgemm_rate > 0)
        fprintf(to, "; products alone at %.0f GFLOP/s", r->repetitions[0].sgemm_rate);
    fprintf(to, "; process at most %.0f MB", (double)peak / 1048576);
    if (device) fprintf(to, ", device %.0f MB", (double)device / 1048576);
    fputc('\n', to);
    free(seconds);
}

/* Whether two records differ only in hyper-iteration or mode. */
static bool beside(const hd_kept_record *a, const hd_kept_record *b) {
    return a->threads == b->threads && !strcmp(a->experiment_sha256, b->experiment_sha256) &&
           !strcmp(a->data_sha256, b->data_sha256) && !strcmp(a->experiment, b->experiment) &&
           !strcmp(a->device, b->device) && !strcmp(a->machine, b->machine);
}

static void print_record(FILE *to, const hd_run_entry *entry, size_t index, bool verbose) {
    const hd_kept_record *r = &entry->records[index];
    if (!index || !beside(r, &entry->records[index - 1]))
        fprintf(to, "\n%s%s on %s%s (%s, %zu thread%s; experiment %.8s, data %.8s)\n",
                hd_terminal_colour(to, "bold"), r->experiment, r->device, hd_terminal_plain(to), r->machine,
                r->threads, r->threads == 1 ? "" : "s", r->experiment_sha256, r->data_sha256);
    fprintf(to, "  hyper-iteration %zu, %s: result %.8s, provenance %.8s\n", r->step, hd_mode_name(r->mode),
            r->result_sha256, r->provenance_sha256);
    for (size_t i = 0; i < entry->verdict_count; i++) {
        if (entry->verdicts[i].record != index) continue;
        hd_verdict_print_summary(to, &entry->verdicts[i].verdict);
        hd_verdict_print_details(to, &entry->verdicts[i].verdict, verbose);
    }
    print_times(to, r);
}

/* Prints each provenance once. */
static void print_provenance(FILE *to, const hd_run_entry *entry) {
    for (size_t i = 0; i < entry->record_count; i++) {
        const char *key, *sha256 = entry->records[i].provenance_sha256;
        json_t *value;
        size_t first = 0;
        while (strcmp(entry->records[first].provenance_sha256, sha256) != 0) first++;
        if (first != i) continue;
        json_t *json = json_loads(entry->records[i].provenance, 0, NULL);
        fprintf(to, "\nprovenance %.8s\n", sha256);
        json_object_foreach(json, key, value) {
            char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
            const char *shown = json_is_string(value) ? json_string_value(value) : text ? text : "";
            if (shown[0]) fprintf(to, "  %-20s %s\n", key, shown);
            free(text);
        }
        json_decref(json);
    }
}

void hd_history_print_run(FILE *to, int64_t run, const hd_run_entry *entry, bool verbose) {
    char started[32], kept[32];
    struct tm utc;
    strftime(started, sizeof started, "%Y-%m-%d %H:%M:%S", gmtime_r(&entry->started, &utc));
    strftime(kept, sizeof kept, "%Y-%m-%d %H:%M:%S", gmtime_r(&entry->kept, &utc));
    fprintf(to, "run %lld, started %s UTC on %s, kept %s\n", (long long)run, started, entry->host, kept);
    fprintf(to, "  hyperdrift %s (%s), uid %s\n  %s\n", entry->version, entry->commit, entry->uid,
            entry->arguments);
    if (entry->shards)
        fprintf(to, "  shard %zu/%zu%s%s\n", entry->shard, entry->shards,
                entry->matrix[0] ? " of matrix " : "", entry->matrix);
    if (entry->clock_back)
        fputs("  the clock had gone back since this machine's previous run was kept\n", to);
    for (size_t i = 0; i < entry->record_count; i++) print_record(to, entry, i, verbose);
    print_provenance(to, entry);
    if (entry->skip_count || entry->failure_count) fputc('\n', to);
    for (size_t i = 0; i < entry->skip_count; i++)
        fprintf(to, "skipped: %s: %s\n", entry->skips[i][0], entry->skips[i][1]);
    for (size_t i = 0; i < entry->failure_count; i++) fprintf(to, "failed: %s\n", entry->failures[i]);
    fprintf(to, "\n%zu passed, %zu failed, %zu known, %zu skipped; exit status %d\n", entry->passed,
            entry->failed, entry->known, entry->skipped, (int)entry->status);
}
