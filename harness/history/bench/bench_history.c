/* bench-history [FOLDER] measures what a history costs: appending a night, and reading two years. With a
 * folder it leaves the history there as two-years.sqlite.
 *
 * The timed night is as large as the main job: 22 records with 1548 figures. The two years have 50 series
 * with three hyper-iterations, and something to find: a series that becomes 10 % slower on night 400, one
 * that becomes larger on night 600, a hypergradient whose last bits change on night 500, and a night whose
 * figures fail. */
#include "base/temporary_folder.h"
#include "core/clock.h"
#include "history/run_entry.h"
#include "judge/compare.h"
#include "statistics/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    NIGHTS = 730,
    SERIES = 50,
    STEPS = 3,
    FIGURES = 30,
    TIMES = 20,
    DAY = 86400,
    SLOWER = 400,
    OTHER_BITS = 500,
    LARGER = 600,
    BAD = 666
};

static hd_error error;

static void expect(hd_status status) {
    if (status == HD_OK) return;
    fprintf(stderr, "bench-history: %s\n", error.message);
    exit((int)status);
}

/* --- nights --- */

/* A record of a 64-32-10 network; all its weights are equal. */
static hd_record blank_record(void) {
    static const size_t dims[] = {64, 32, 10};
    hd_record record;
    expect(hd_record_init(&record, 0, 2, dims, 4, &error));
    for (size_t j = 0; j < record.hypers; j++)
        hd_hyperparameter_name((hd_hyperparameter){HD_RHO_L1, j}, record.hyper[j].name);
    double *values = calloc(record.weights.count, sizeof *values);
    if (!values) expect(hd_fail(&error, HD_UNAVAILABLE, "no memory"));
    snprintf(record.arithmetic, sizeof record.arithmetic, "exact");
    record.float32 = true;
    record.test = record.validation = record.training = (hd_accuracy){90, 100};
    expect(hd_record_set_weights(&record, values, &error));
    free(values);
    return record;
}

/* A nearly normal random number. */
static double noise(void) {
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += drand48();
    return sum;
}

static void fill(hd_record *record, size_t night, size_t series, size_t step) {
    size_t experiment = series / 4;
    bool cuda = series / 2 % 2;
    double seconds = 0.1 * (double)(1 + series) * (1 + 0.02 * noise());
    if (series == 7 && night >= SLOWER) seconds *= 1.1;
    snprintf(record->experiment, sizeof record->experiment, "synthetic-%zu", experiment);
    snprintf(record->device, sizeof record->device, "%s", cuda ? "cuda" : "cpu");
    snprintf(record->experiment_sha256, HD_SHA256, "%064zx", experiment + 1);
    snprintf(record->data_sha256, HD_SHA256, "%064x", 12345);
    record->mode = series % 2 ? HD_REVERSE : HD_FORWARD;
    record->step = step;
    for (size_t j = 0; j < record->hypers; j++) {
        float gradient = 0.1f * (float)(1 + j + 10 * step + 100 * experiment + 1000 * (series % 2));
        if (experiment == 2 && night >= OTHER_BITS && j == 1) gradient = nextafterf(gradient, 1e9f);
        record->hyper[j].hypergradient = (double)gradient;
    }
    record->seconds =
        (hd_timing){.total = seconds, .training = 0.6 * seconds, .differentiate = 0.4 * seconds};
    record->operations = 12e9 * (double)(1 + series);
    record->sgemm_rate = 150;
    record->peak_bytes = (size_t)((100 + (double)series) * 1e6 * (1 + 0.001 * noise()) *
                                  (series == 12 && night >= LARGER ? 1.2 : 1));
    json_object_set_new(record->provenance, "cpu", json_string("AMD EPYC"));
    json_object_set_new(record->provenance, "threads", json_integer(2));
    json_object_set_new(record->provenance, "commit", json_sprintf("c%06zu", night / 7));
    if (cuda)
        json_object_set_new(record->provenance, "gpu", json_string("NVIDIA H100"));
    else
        json_object_del(record->provenance, "gpu");
}

static void judge(hd_verdict *verdict, const hd_record *record, size_t night, size_t figures) {
    hd_verdict_head(verdict, record, "golden");
    for (size_t f = 0; f < figures; f++) {
        char name[HD_QUANTITY];
        double value = record->hyper[f % record->hypers].hypergradient;
        double off = 1e-7 * (double)(1 + f) * (night == BAD && f == 3 ? 1e3 : 1);
        snprintf(name, sizeof name, "hypergradient %s, figure %zu", record->hyper[f % record->hypers].name,
                 f);
        hd_compare_number(verdict, name, value, value * (1 + off), HD_RELATIVE, 1e-5, true);
    }
}

static hd_run_entry *night_of(hd_record *record, size_t night, size_t series, size_t steps, size_t figures,
                              size_t more) {
    char *arguments[] = {(char[]){"hyperdrift"}, (char[]){"check"}};
    hd_run_entry *entry = hd_run_entry_new(2, arguments);
    if (!entry) expect(hd_fail(&error, HD_UNAVAILABLE, "no memory"));
    entry->started = 1764554400 + (time_t)night * DAY; /* 2025-12-01T02:00:00Z */
    entry->kept = entry->started + 600;
    for (size_t i = 0; i < series * steps; i++) {
        hd_verdict verdict = {0};
        fill(record, night, i / steps, i % steps);
        judge(&verdict, record, night, figures + (i < more));
        expect(hd_run_entry_add_record(entry, record, &error));
        expect(hd_run_entry_add_verdict(entry, &verdict, &error));
        entry->passed += verdict.count - verdict.failures;
        entry->failed += verdict.failures;
        hd_verdict_free(&verdict);
    }
    entry->status = entry->failed ? HD_DIFFERENT : HD_OK;
    return entry;
}

/* --- what is measured --- */

static double megabytes(const char *path) {
    struct stat is;
    return stat(path, &is) == 0 ? (double)is.st_size / 1e6 : NAN;
}

static void append(hd_history *history, const hd_run_entry *entry) {
    hd_kept kept;
    expect(hd_history_append(history, entry, &kept, &error));
}

/* Appends nights of the main job's size one by one, as check does: opens the file for each. */
static void time_appends(const char *what, const char *path, hd_record *record, size_t night) {
    double gathered[TIMES], opened[TIMES], appended[TIMES];
    for (size_t i = 0; i < TIMES; i++) {
        hd_history history;
        double start = hd_clock();
        hd_run_entry *entry = night_of(record, night + i, 22, 1, 70, 8);
        gathered[i] = hd_clock() - start;
        start = hd_clock();
        expect(hd_history_open(path, HD_HISTORY_WRITE, &history, &error));
        opened[i] = hd_clock() - start;
        start = hd_clock();
        append(&history, entry);
        hd_history_close(&history);
        appended[i] = hd_clock() - start;
        hd_run_entry_free(entry);
        if (i == 0)
            printf("%-28s %8.1f ms %8.1f ms %8.1f ms\n", what, 1e3 * appended[i], 1e3 * opened[i],
                   1e3 * gathered[i]);
    }
    printf("%-28s %8.1f ms %8.1f ms %8.1f ms   medians of %d, %.1f MB\n", "",
           1e3 * hd_median(appended, TIMES), 1e3 * hd_median(opened, TIMES), 1e3 * hd_median(gathered, TIMES),
           TIMES, megabytes(path));
}

static void write_two_years(const char *path, hd_record *record) {
    hd_history history;
    expect(hd_history_open(path, HD_HISTORY_WRITE, &history, &error));
    /* nobody waits for it to be safe */
    sqlite3_exec(history.database, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY", NULL, NULL,
                 NULL);
    for (size_t night = 0; night < NIGHTS; night++) {
        hd_run_entry *entry = night_of(record, night, SERIES, STEPS, FIGURES, 0);
        append(&history, entry);
        hd_run_entry_free(entry);
    }
    hd_history_close(&history);
}

static void time_reading(const char *path) {
    static const struct {
        const char *name;
        hd_status (*read)(const hd_history *history, hd_error *error);
    } ways[] = {{"inspected, as before a check", hd_history_inspect},
                {"verified, every hash", hd_history_verify}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        hd_history history;
        double start = hd_clock();
        expect(hd_history_open(path, HD_HISTORY_READ, &history, &error));
        expect(ways[i].read(&history, &error));
        hd_history_close(&history);
        printf("%-28s %8.0f ms\n", ways[i].name, 1e3 * (hd_clock() - start));
    }
}

int main(int argc, char **argv) {
    char folder[PATH_MAX], empty[PATH_MAX + 32], full[PATH_MAX + 32], scratch[PATH_MAX] = "";
    hd_record record = blank_record();
    expect(hd_temporary_folder_make(scratch, &error));
    snprintf(folder, sizeof folder, "%s", argc > 1 ? argv[1] : scratch);
    snprintf(empty, sizeof empty, "%s/empty.sqlite", scratch);
    snprintf(full, sizeof full, "%s/two-years.sqlite", folder);
    printf("a night of 22 records, 1548 figures, in %s\n", folder);
    printf("%-28s %11s %11s %11s\n", "", "appended", "opened", "gathered");
    time_appends("into an empty history: first", empty, &record, 0);
    write_two_years(full, &record);
    time_appends("after 2 years x 50 series", full, &record, NIGHTS);
    time_reading(full);
    hd_record_free(&record);
    hd_temporary_folder_remove(scratch);
    return 0;
}
