/* Synthetic histories: nights of records with noise, and with the changes of a test's plan. They go through
 * history/run_entry.h like any run.
 *
 *     hd_history history = nights_open(path);
 *     nights_add(&history, "alpha", 0, 30, 4, my_plan);   nights 0 .. 29 of 4 series on host alpha
 *     hd_history_close(&history);
 *
 * Series s: experiment "synthetic-<s / 4>", forward for even s, else reverse; s / 2 even: on cpu, else on
 * cuda, with the same bits. Each night has three hyper-iterations for each series, with one repetition, and
 * 2 % of noise in the time. */
#ifndef HD_TEST_NIGHTS_H
#define HD_TEST_NIGHTS_H

#include "history/run_entry.h"
#include "judge/compare.h"
#include "test/record_sample.h"

#include <math.h>
#include <stdint.h>

enum { NIGHTS_STEPS = 3, NIGHTS_DAY = 86400 };

static const time_t nights_first = 1764554400; /* 2025-12-01T02:00:00Z */

/* Called for each record before it is added: may change record and verdict. */
typedef void nights_plan(size_t night, size_t series, hd_record *record, hd_verdict *verdict);

/* A standard normal number, the same for the same arguments. */
static inline double nights_noise(size_t night, size_t series, size_t step) {
    uint64_t state = 0x9e3779b97f4a7c15u * (night * 4099 + series * 31 + step + 1);
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        sum += (double)(state >> 11) / 9007199254740992.0;
    }
    return sum;
}

/* Makes or opens the history at path. Nothing is flushed to disk, so a crash may break it. */
static inline hd_history nights_open(const char *path) {
    hd_history history;
    hd_error error;
    cr_assert_eq(hd_history_open(path, HD_HISTORY_WRITE, &history, &error), HD_OK, "%s", error.message);
    sqlite3_exec(history.database, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY", NULL, NULL,
                 NULL);
    return history;
}

static inline void nights_fill(size_t night, size_t series, size_t step, hd_record *record) {
    bool cuda = series / 2 % 2;
    size_t computation = series / 4 * 2 + series % 2; /* cpu and cuda have the same numbers */
    double seconds = 0.1 * (double)(1 + series) * (1 + 0.02 * nights_noise(night, series, step));
    snprintf(record->experiment, sizeof record->experiment, "synthetic-%zu", series / 4);
    snprintf(record->device, sizeof record->device, "%s", cuda ? "cuda" : "cpu");
    snprintf(record->experiment_sha256, HD_SHA256, "%064zx", series / 4 + 1);
    record->mode = series % 2 ? HD_REVERSE : HD_FORWARD;
    record->step = step;
    record->hyper[0].value = 0;
    record->hyper[0].hypergradient = (double)11.980854f;
    record->hyper[1].value = (double)(0.01f + 0.001f * (float)step);
    record->hyper[1].hypergradient = (double)(-39.794144f - 10 * (float)computation - (float)step);
    record->operations = 0.1 * (double)(1 + series) * 120e9;
    record->sgemm_rate = 150;
    record->seconds = (hd_timing){.total = seconds,
                                  .data = 0.01 * seconds,
                                  .training = 0.5 * seconds,
                                  .differentiate = 0.4 * seconds,
                                  .validation = 0.09 * seconds};
    record->peak_bytes = (100 + 10 * series) << 20;
    record->launches = cuda ? 1000 * (series + 1) : 0;
    record->device_bytes = (50 + 5 * series) << 20;
    record->data_bytes = record->device_bytes / 2;
    json_object_set_new(record->provenance, "cpu", json_string("AMD EPYC"));
    json_object_set_new(record->provenance, "threads", json_integer(cuda ? 1 : 2));
    json_object_set_new(record->provenance, "commit", json_sprintf("c%06zu", night / 7));
    if (cuda)
        json_object_set_new(record->provenance, "gpu", json_string("NVIDIA H100"));
    else
        json_object_del(record->provenance, "gpu");
}

static inline void nights_judge(const hd_record *record, hd_verdict *verdict) {
    hd_verdict_head(verdict, record, "golden");
    hd_compare_count(verdict, "test_accuracy", record->test, record->test, 2);
    hd_compare_number(verdict, "validation_error", record->validation_error, (double)2.06643f, HD_RELATIVE,
                      1e-5, true);
    for (size_t j = 0; j < record->hypers; j++) {
        char name[HD_QUANTITY];
        double value = record->hyper[j].hypergradient;
        snprintf(name, sizeof name, "hypergradient %s", record->hyper[j].name);
        hd_compare_number(verdict, name, value, value * (1 + 3e-6), HD_RELATIVE, 1e-5, true);
    }
}

static inline void nights_add_record(hd_run_entry *entry, size_t night, size_t series, size_t step,
                                     hd_record *record, nights_plan *plan) {
    hd_error error;
    hd_verdict verdict = {0};
    hd_record clean = *record; /* a plan changes this record only; its hyperparameters are filled anew */
    nights_fill(night, series, step, &clean);
    nights_judge(&clean, &verdict);
    if (plan) plan(night, series, &clean, &verdict);
    cr_assert_eq(hd_run_entry_add_record(entry, &clean, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_run_entry_add_verdict(entry, &verdict, &error), HD_OK, "%s", error.message);
    entry->passed += verdict.count - verdict.failures;
    entry->failed += verdict.failures;
    entry->known += verdict.known;
    hd_verdict_free(&verdict);
}

/* Makes the entry of one night; the caller frees it. */
static inline hd_run_entry *nights_entry(const char *host, size_t night, size_t series, nights_plan *plan) {
    char *arguments[] = {(char[]){"hyperdrift"}, (char[]){"check"}};
    hd_run_entry *entry = hd_run_entry_new(2, arguments);
    cr_assert_not_null(entry);
    hd_record record = sample_record();
    entry->started = nights_first + (time_t)night * NIGHTS_DAY;
    entry->kept = entry->started + 600;
    snprintf(entry->host, sizeof entry->host, "%s", host);
    snprintf(entry->commit, sizeof entry->commit, "c%06zu", night / 7);
    for (size_t s = 0; s < series; s++)
        for (size_t k = 0; k < NIGHTS_STEPS; k++) nights_add_record(entry, night, s, k, &record, plan);
    entry->status = entry->failed ? HD_DIFFERENT : HD_OK;
    hd_record_free(&record);
    return entry;
}

/* Adds `count` nights from night `first` on. */
static inline void nights_add(hd_history *history, const char *host, size_t first, size_t count,
                              size_t series, nights_plan *plan) {
    for (size_t night = first; night < first + count; night++) {
        hd_error error;
        hd_kept kept;
        hd_run_entry *entry = nights_entry(host, night, series, plan);
        cr_assert_eq(hd_history_append(history, entry, &kept, &error), HD_OK, "%s", error.message);
        hd_run_entry_free(entry);
    }
}

#endif
