#include "matrix/keep_run.h"

#include "base/process.h"

hd_status hd_keep_run_begin(hd_keep_run *keep, const char *path, int count, char *const *arguments,
                            const hd_request *request, hd_error *error) {
    *keep = (hd_keep_run){.path = path};
    if (!keep->path) return HD_OK;
    hd_history history;
    hd_status status = hd_run_entry_check_machine(error);
    if (status == HD_OK) status = hd_history_open(keep->path, HD_HISTORY_WRITE, &history, error);
    if (status != HD_OK) return status;
    status = hd_history_inspect(&history, error);
    hd_history_close(&history);
    if (status != HD_OK) return status;
    keep->entry = hd_run_entry_new(count, arguments);
    keep->notes = json_array();
    if (!keep->entry || !keep->notes)
        return hd_fail(error, HD_UNAVAILABLE, "%s: no memory for a run's entry", keep->path);
    if (!request->matrix) return HD_OK;
    return hd_run_entry_set_shard(keep->entry, request->matrix, request->shard, request->shards, error);
}

static void note(void *context, const char *line) {
    json_array_append_new(context, json_string(line));
}

static hd_status fill(hd_run_entry *entry, const hd_findings *findings, hd_error *error) {
    hd_status status = HD_OK;
    for (size_t i = 0; status == HD_OK && i < findings->record_count; i++) {
        const hd_finding *finding = &findings->records[i];
        status = hd_run_entry_add_record(entry, &finding->record, error);
        for (size_t v = 0; status == HD_OK && v < finding->count; v++)
            status = hd_run_entry_add_verdict(entry, &finding->verdicts[v], error);
    }
    for (size_t i = 0; status == HD_OK && i < findings->skip_count; i++)
        status = hd_run_entry_add_skip(entry, findings->skips[i].what, findings->skips[i].why, error);
    for (size_t i = 0; status == HD_OK && i < findings->failure_count; i++)
        status = hd_run_entry_add_failure(entry, findings->failures[i].why, error);
    return status;
}

static hd_status append(hd_keep_run *keep, hd_error *error) {
    hd_history history;
    hd_status status = hd_history_open(keep->path, HD_HISTORY_WRITE, &history, error);
    if (status != HD_OK) return status;
    status = hd_history_append(&history, keep->entry, &keep->kept, error);
    if (status == HD_OK) status = hd_history_renamed(&history, keep->kept.run, note, keep->notes, error);
    if (keep->kept.clock_back)
        note(keep->notes,
             "the clock has gone back since this machine's previous run was kept: this run is ordered "
             "after it");
    hd_history_close(&history);
    return status;
}

hd_status hd_keep_run_end(hd_keep_run *keep, const hd_findings *findings, hd_status status, hd_error *error) {
    if (!keep->entry) return HD_OK;
    if (hd_process_interrupted())
        return hd_fail(error, HD_UNAVAILABLE, "%s: the run was not kept: it was interrupted", keep->path);
    hd_totals sum = hd_findings_totals(findings);
    hd_status filled = fill(keep->entry, findings, error);
    if (filled != HD_OK) return filled;
    hd_run_entry_conclude(keep->entry, status, sum.passed, sum.failed, sum.known, findings->skip_count);
    return append(keep, error);
}

void hd_keep_run_print(FILE *to, const hd_keep_run *keep) {
    if (!keep->kept.run) return;
    for (size_t i = 0; i < json_array_size(keep->notes); i++)
        fprintf(to, "%s\n", json_string_value(json_array_get(keep->notes, i)));
    fprintf(to, "kept as run %lld in %s\n", (long long)keep->kept.run, keep->path);
}

void hd_keep_run_put(json_t *document, const hd_keep_run *keep) {
    if (!keep->path) return;
    json_object_set_new(document, "run", keep->kept.run ? json_integer(keep->kept.run) : json_null());
    json_object_set(document, "notes", keep->notes);
}

void hd_keep_run_free(hd_keep_run *keep) {
    hd_run_entry_free(keep->entry);
    json_decref(keep->notes);
    *keep = (hd_keep_run){0};
}
