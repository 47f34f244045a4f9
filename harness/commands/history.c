/* hyperdrift history: what check --history has stored. */
#include "base/file.h"
#include "base/json.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "history/export.h"
#include "history/prune.h"
#include "history/text.h"
#include "run/loaded_experiment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- list, show, verify --- */

static hd_status list(const hd_options *options, hd_history *history, hd_error *error) {
    hd_sql sql = {.history = history, .doing = "could not be listed", .error = error};
    if (!options->json) {
        size_t count = hd_history_print_runs(stdout, &sql);
        if (!count && sql.status == HD_OK) printf("%s: has no runs\n", history->path);
        return sql.status;
    }
    sqlite3_stmt *query = hd_history_runs(&sql);
    json_t *runs = hd_sql_array(&sql, query), *run;
    size_t i;
    json_array_foreach(runs, i, run) json_object_set_new(
        run, "experiments", json_loads(json_string_value(json_object_get(run, "experiments")), 0, NULL));
    sqlite3_finalize(query);
    hd_document_print(json_pack("{ssso}", "format", "hyperdrift-history-list/1", "runs", runs), 17);
    return sql.status;
}

static hd_status show(const hd_options *options, hd_history *history, hd_error *error) {
    char *end;
    const char *word = options->words[1];
    hd_run_entry *entry;
    errno = 0;
    int64_t run = strtoll(word, &end, 10);
    if (errno || *end || word[0] < '1' || word[0] > '9')
        return hd_fail(error, HD_INVALID, "history show: %s: is not the number of a run", word);
    if (options->json) return hd_export_json(history, run, stdout, error);
    hd_status status = hd_history_load(history, run, &entry, error);
    if (status == HD_OK) hd_history_print_run(stdout, run, entry, options->verbose);
    hd_run_entry_free(entry);
    return status;
}

static hd_status verify(const hd_options *options, hd_history *history, hd_error *error) {
    (void)options;
    hd_sql sql = {.history = history, .doing = "could not be verified", .error = error};
    sql.status = hd_history_verify(history, error);
    int64_t runs = hd_sql_whole(&sql, "SELECT count(*) FROM run", "");
    if (sql.status == HD_OK)
        printf("%s: %lld run%s, all intact\n", history->path, (long long)runs, runs == 1 ? "" : "s");
    return sql.status;
}

/* --- export --- */

static hd_status write_export(const hd_options *options, hd_history *history, FILE *to, hd_error *error) {
    if (!to) return hd_fail(error, HD_UNAVAILABLE, "no memory to write an export");
    return options->csv ? hd_export_csv(history, to, error) : hd_export_json(history, 0, to, error);
}

static hd_status export(const hd_options *options, hd_history *history, hd_error *error) {
    hd_output output;
    if (!options->request.out) return write_export(options, history, stdout, error);
    if (hd_file_same(options->request.out, history->path))
        return hd_fail(error, HD_INVALID, "%s: is the history itself", options->request.out);
    hd_status status = hd_output_open(&output, options->request.out, error);
    if (status != HD_OK) return status;
    FILE *to = hd_output_stream(&output);
    status = write_export(options, history, to, error);
    if (to) fclose(to);
    if (status == HD_OK) return hd_output_commit(&output, error);
    hd_output_abandon(&output);
    return status;
}

/* --- prune, recover --- */

static void print_pruned(const hd_options *options, const hd_pruned *pruned) {
    printf("%s %zu of %zu run%s", options->dry_run ? "would forget" : "forgot", pruned->runs, pruned->of,
           pruned->of == 1 ? "" : "s");
    if (pruned->runs) printf(", started from %s to %s", pruned->first, pruned->last);
    if (options->run)
        putchar('\n');
    else
        printf("; older, but kept because a number changed there: %zu\n", pruned->old_kept);
    if (options->dry_run || !pruned->runs) return;
    if (pruned->vacuumed)
        printf("the file is %zu bytes smaller, of %zu\n", pruned->freed, pruned->bytes);
    else
        puts("the file keeps its size: the disk has no room for a copy; later nights reuse the freed space");
}

static hd_status prune(const hd_options *options, hd_history *history, hd_error *error) {
    hd_pruned pruned;
    hd_status status =
        hd_history_prune(history, options->keep_nights, options->run, options->dry_run, &pruned, error);
    if (status == HD_OK) print_pruned(options, &pruned);
    return status;
}

static hd_status recover(const hd_options *options, hd_history *history, hd_error *error) {
    hd_history into;
    size_t saved, found;
    if (access(options->request.out, F_OK) == 0)
        return hd_fail(error, HD_INVALID, "%s: already exists", options->request.out);
    hd_status status = hd_history_open(options->request.out, HD_HISTORY_WRITE, &into, error);
    if (status == HD_OK) status = hd_history_recover(history, &into, &saved, &found, error);
    hd_history_close(&into);
    if (status != HD_OK) {
        unlink(options->request.out); /* so that the user can try again */
        return status;
    }
    printf("%zu of %zu run%s saved in %s\n", saved, found, found == 1 ? "" : "s", options->request.out);
    if (saved == found && found) return HD_OK;
    return hd_fail(
        error, HD_INVALID,
        "%s: %zu run%s cannot be read whole and are lost; to print the single records that can be read: "
        "hyperdrift history export %s --csv",
        history->path, found - saved, found - saved == 1 ? "" : "s", history->path);
}

/* --- the command --- */

static const struct {
    hd_history_access access;
    hd_status (*run)(const hd_options *options, hd_history *history, hd_error *error);
} parts[HD_COMMANDS] = {
    [HD_COMMAND_HISTORY_CHANGES] = {HD_HISTORY_READ, hd_history_changes},
    [HD_COMMAND_HISTORY_LIST] = {HD_HISTORY_READ, list},
    [HD_COMMAND_HISTORY_SHOW] = {HD_HISTORY_READ, show},
    [HD_COMMAND_HISTORY_VERIFY] = {HD_HISTORY_READ, verify},
    [HD_COMMAND_HISTORY_EXPORT] = {HD_HISTORY_READ, export},
    [HD_COMMAND_HISTORY_PRUNE] = {HD_HISTORY_CHANGE, prune},
    [HD_COMMAND_HISTORY_RECOVER] = {HD_HISTORY_RECOVER, recover},
};

static hd_status run_part(const hd_options *options, hd_error *error) {
    hd_history history;
    const hd_command part = options->command;
    hd_status status = hd_history_open(options->words[0], parts[part].access, &history, error);
    if (status == HD_INVALID && part == HD_COMMAND_HISTORY_RECOVER) {
        hd_error cause = *error;
        hd_fail(error, status, "%.*s: nothing can be recovered from it", (int)strcspn(cause.message, ";"),
                cause.message);
    }
    if (status == HD_OK) status = parts[part].run(options, &history, error);
    hd_history_close(&history);
    return status;
}

hd_status hd_command_history(const hd_options *options) {
    hd_error error;
    hd_status status = run_part(options, &error);
    return status == HD_OK ? HD_OK : hd_terminal_complain(HD_OK, &error);
}
