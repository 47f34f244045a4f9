#include "history/run_entry.h"

#include "base/json.h"
#include "base/list.h"
#include "base/sha256.h"
#include "build_info.h"
#include "history/checksum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Remembers that something is missing. */
static hd_status added(hd_run_entry *entry, hd_status status) {
    entry->incomplete |= status != HD_OK;
    return status;
}

static hd_status no_memory(hd_error *error) {
    return hd_fail(error, HD_UNAVAILABLE, "no memory for a run's entry in the history");
}

/* Copies a text as UTF-8: file names, and messages with them, may be other bytes. */
static char *text_copy(const char *text) {
    char *copy = strdup(text);
    json_t *valid = json_string(text);
    for (char *c = copy; !valid && c && *c; c++)
        if ((unsigned char)*c >= 0x80) *c = '?';
    json_decref(valid);
    return copy;
}

/* --- begin and end --- */

static void name_run(char uid[HD_RUN_UID]) {
    unsigned char bytes[HD_RUN_UID / 2];
    uid[0] = '\0';
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) return;
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(uid + 2 * i, 3, "%02x", bytes[i]);
}

static char *arguments_json(int count, char *const *arguments) {
    json_t *array = json_array();
    for (int i = 0; i < count; i++) {
        char *text = text_copy(arguments[i]);
        json_array_append_new(array, text ? json_string(text) : NULL);
        free(text);
    }
    char *json = json_array_size(array) == (size_t)count ? json_dumps(array, JSON_COMPACT) : NULL;
    json_decref(array);
    return json;
}

hd_run_entry *hd_run_entry_new(int count, char *const *arguments) {
    hd_run_entry *entry = calloc(1, sizeof *entry);
    if (!entry) return NULL;
    name_run(entry->uid);
    entry->started = time(NULL);
    if (gethostname(entry->host, sizeof entry->host - 1) != 0)
        snprintf(entry->host, sizeof entry->host, "unknown");
    snprintf(entry->version, sizeof entry->version, "%s", HD_VERSION);
    snprintf(entry->commit, sizeof entry->commit, "%s", HD_COMMIT);
    entry->arguments = arguments_json(count, arguments);
    if (entry->uid[0] && entry->arguments) return entry;
    hd_run_entry_free(entry);
    return NULL;
}

void hd_run_entry_free(hd_run_entry *entry) {
    if (!entry) return;
    for (size_t i = 0; i < entry->record_count; i++) {
        free(entry->records[i].result);
        free(entry->records[i].provenance);
        free(entry->records[i].repetitions);
    }
    for (size_t i = 0; i < entry->verdict_count; i++) hd_verdict_free(&entry->verdicts[i].verdict);
    for (size_t i = 0; i < entry->skip_count; i++) free(entry->skips[i][0]), free(entry->skips[i][1]);
    for (size_t i = 0; i < entry->failure_count; i++) free(entry->failures[i]);
    free(entry->records);
    free(entry->verdicts);
    free(entry->skips);
    free(entry->failures);
    free(entry->arguments);
    free(entry->terms);
    free(entry);
}

/* Such a name tells runs apart, and is printed and exported: it must be complete, and text. */
static hd_status check_name(const char *what, const char *name, size_t size, hd_error *error) {
    if (!hd_text_is_line(name))
        return hd_fail(error, HD_INVALID, "%s: its name is not one line of UTF-8 text", what);
    if (strlen(name) < size) return HD_OK;
    return hd_fail(error, HD_INVALID, "%s %.80s...: a name of more than %zu bytes", what, name, size - 1);
}

hd_status hd_run_entry_check_machine(hd_error *error) {
    const char *named = getenv("HYPERDRIFT_MACHINE");
    return named ? check_name("HYPERDRIFT_MACHINE", named, HD_MACHINE, error) : HD_OK;
}

hd_status hd_run_entry_set_shard(hd_run_entry *entry, const char *matrix, size_t shard, size_t shards,
                                 hd_error *error) {
    if (!entry) return HD_OK;
    hd_status status = check_name("matrix", matrix, sizeof entry->matrix, error);
    if (status != HD_OK) return status;
    snprintf(entry->matrix, sizeof entry->matrix, "%s", matrix);
    entry->shard = shard;
    entry->shards = shards;
    return HD_OK;
}

hd_status hd_run_entry_set_terms(hd_run_entry *entry, const json_t *terms, hd_error *error) {
    if (!entry) return HD_OK;
    free(entry->terms);
    entry->terms = json_dumps(terms, JSON_COMPACT | JSON_SORT_KEYS);
    return entry->terms ? HD_OK : no_memory(error);
}

void hd_run_entry_conclude(hd_run_entry *entry, hd_status status, size_t passed, size_t failed, size_t known,
                           size_t skipped) {
    if (!entry) return;
    entry->status = status;
    entry->passed = passed;
    entry->failed = failed;
    entry->known = known;
    entry->skipped = skipped;
}

/* --- records --- */

/* Writes json in the one form, with its hash. */
static hd_status put_text(const json_t *json, char **text, char sha256[HD_SHA256], hd_error *error) {
    *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    return *text ? hd_sha256_block(*text, strlen(*text), sha256, error) : no_memory(error);
}

/* Splits the record's JSON in two: what it computed, and where it came from. */
static hd_status put_texts(hd_kept_record *kept, const hd_record *record, hd_error *error) {
    json_t *json;
    hd_status status = hd_record_json(record, &json, error);
    if (status != HD_OK) return status;
    status = put_text(json_object_get(json, "provenance"), &kept->provenance, kept->provenance_sha256, error);
    json_object_del(json, "provenance");
    json_object_del(json, "memory");
    json_object_del(json, "time");
    if (status == HD_OK) status = put_text(json, &kept->result, kept->result_sha256, error);
    json_decref(json);
    return status;
}

static const char *machine_of(const hd_record *record) {
    const char *named = getenv("HYPERDRIFT_MACHINE");
    if (named && named[0]) return named;
    const char *gpu = json_string_value(json_object_get(record->provenance, "gpu"));
    const char *cpu = json_string_value(json_object_get(record->provenance, "cpu"));
    return gpu ? gpu : cpu ? cpu : "unknown";
}

static void put_series(hd_kept_record *kept, const hd_record *record) {
    hd_verdict heading;
    hd_verdict_head(&heading, record, "");
    snprintf(kept->experiment, sizeof kept->experiment, "%s", record->experiment);
    snprintf(kept->device, sizeof kept->device, "%s", heading.device);
    snprintf(kept->machine, sizeof kept->machine, "%s", machine_of(record));
    memcpy(kept->experiment_sha256, record->experiment_sha256, HD_SHA256);
    memcpy(kept->data_sha256, record->data_sha256, HD_SHA256);
    kept->mode = record->mode;
    kept->step = record->step;
    kept->state_bytes = record->state_bytes;
    kept->threads = (size_t)json_integer_value(json_object_get(record->provenance, "threads"));
}

static bool same_series_and_step(const hd_kept_record *a, const hd_kept_record *b) {
    return a->step == b->step && a->mode == b->mode && a->threads == b->threads &&
           !strcmp(a->experiment, b->experiment) && !strcmp(a->experiment_sha256, b->experiment_sha256) &&
           !strcmp(a->data_sha256, b->data_sha256) && !strcmp(a->device, b->device) &&
           !strcmp(a->machine, b->machine);
}

static hd_status add_repetition(hd_kept_record *kept, const hd_record *record, hd_error *error) {
    hd_repetition *repetition = hd_list_add(&kept->repetitions, &kept->count, sizeof *repetition);
    if (!repetition) return no_memory(error);
    *repetition = (hd_repetition){
        .seconds = record->seconds,
        .operations = record->operations,
        .sgemm_rate = record->sgemm_rate,
        .launches = record->launches,
        .peak_bytes = record->peak_bytes,
        .device_bytes = record->device_bytes,
        .data_bytes = record->data_bytes,
    };
    return HD_OK;
}

static hd_status new_record(hd_run_entry *entry, const hd_kept_record *heading, const hd_record *record,
                            hd_error *error) {
    hd_kept_record *kept = hd_list_add(&entry->records, &entry->record_count, sizeof *kept);
    if (!kept) return no_memory(error);
    *kept = *heading;
    return put_texts(kept, record, error);
}

static hd_status add_record(hd_run_entry *entry, const hd_record *record, hd_error *error) {
    hd_kept_record heading = {.count = 0};
    hd_status status = HD_OK;
    put_series(&heading, record);
    entry->last = 0;
    while (entry->last < entry->record_count && !same_series_and_step(&entry->records[entry->last], &heading))
        entry->last++;
    if (entry->last == entry->record_count) status = new_record(entry, &heading, record, error);
    return status == HD_OK ? add_repetition(&entry->records[entry->last], record, error) : status;
}

hd_status hd_run_entry_add_record(hd_run_entry *entry, const hd_record *record, hd_error *error) {
    return entry ? added(entry, add_record(entry, record, error)) : HD_OK;
}

/* --- verdicts, skips and failures --- */

static hd_status add_verdict(hd_run_entry *entry, const hd_verdict *verdict, hd_error *error) {
    size_t size = verdict->count * sizeof *verdict->judgements;
    hd_kept_verdict *kept = hd_list_add(&entry->verdicts, &entry->verdict_count, sizeof *kept);
    if (!kept) return no_memory(error);
    *kept = (hd_kept_verdict){.record = entry->last, .verdict = *verdict};
    kept->verdict.judgements = malloc(size ? size : 1);
    if (!kept->verdict.judgements) return no_memory(error);
    if (size) memcpy(kept->verdict.judgements, verdict->judgements, size);
    return hd_checksum_verdict(verdict, kept->sha256, error);
}

hd_status hd_run_entry_add_verdict(hd_run_entry *entry, const hd_verdict *verdict, hd_error *error) {
    return entry ? added(entry, add_verdict(entry, verdict, error)) : HD_OK;
}

hd_status hd_run_entry_add_skip(hd_run_entry *entry, const char *what, const char *why, hd_error *error) {
    if (!entry) return HD_OK;
    char **skip = hd_list_add(&entry->skips, &entry->skip_count, sizeof *entry->skips);
    if (!skip) return added(entry, no_memory(error));
    skip[0] = text_copy(what);
    skip[1] = text_copy(why);
    return added(entry, skip[0] && skip[1] ? HD_OK : no_memory(error));
}

hd_status hd_run_entry_add_failure(hd_run_entry *entry, const char *message, hd_error *error) {
    if (!entry) return HD_OK;
    char **failure = hd_list_add(&entry->failures, &entry->failure_count, sizeof *failure);
    if (failure) *failure = text_copy(message);
    return added(entry, failure && *failure ? HD_OK : no_memory(error));
}
