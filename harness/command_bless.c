/* hyperdrift bless: new results become golden. */
#include "build_info.h"
#include "commands.h"
#include "file.h"
#include "machine.h"
#include "measure.h"
#include "report.h"
#include "scratch.h"
#include "subject.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Forward and reverse on the reference must agree so far, relatively, in every hypergradient. */
#define ORACLES_AGREE 1e-10

typedef struct hd_blessing {
    const hd_options *options;
    const hd_subject *subject;
    char scratch[PATH_MAX];
} hd_blessing;

/* Runs one mode into a folder of its own under the scratch. */
static hd_status run_mode(const hd_blessing *b, const char *device, hd_mode mode, uint32_t disguise,
                          char folder[PATH_MAX], hd_error *error) {
    int length = snprintf(folder, PATH_MAX, "%s/%s-%s-%u", b->scratch, device, hd_mode_name(mode), disguise);
    if (length >= PATH_MAX) return hd_fail(error, HD_INVALID, "%s: too long a path", b->scratch);
    hd_job job = {.experiment = &b->subject->experiment,
                  .dataset = &b->subject->dataset,
                  .mode = mode,
                  .device = device,
                  .options = b->options->device,
                  .disguise = disguise,
                  .progress = !b->options->quiet && isatty(STDERR_FILENO)};
    return hd_run(&job, folder, error);
}

static hd_status load(const hd_blessing *b, const char *device, hd_mode mode, size_t disguise, size_t step,
                      hd_record *record, hd_error *error) {
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s-%s-%zu/step-%zu.json", b->scratch, device,
                          hd_mode_name(mode), disguise, step);
    if (length >= PATH_MAX) return hd_fail(error, HD_INVALID, "%s: too long a path", b->scratch);
    return hd_record_load(path, true, record, error);
}

static hd_status run_everything(const hd_blessing *b, hd_error *error) {
    char folder[PATH_MAX];
    hd_status status = HD_OK;
    for (int m = 0; status == HD_OK && m < 2; m++)
        status = run_mode(b, "reference", (hd_mode)m, 0, folder, error);
    for (uint32_t seed = 0; seed <= b->options->replicas; seed++)
        for (int m = 0; status == HD_OK && m < 2; m++)
            status = run_mode(b, "cpu", (hd_mode)m, seed, folder, error);
    return status;
}

static hd_status oracles_agree(const hd_record *forward, const hd_record *reverse, hd_error *error) {
    for (size_t j = 0; j < forward->hypers; j++) {
        double f = forward->hyper[j].hypergradient, r = reverse->hyper[j].hypergradient;
        if (!(fabs(f - r) <= ORACLES_AGREE * fabs(r)))
            return hd_fail(error, HD_DIFFERENT,
                           "%s, hyper-iteration %zu: on the reference forward gives %s %.17g and reverse "
                           "%.17g: not blessed",
                           forward->experiment, forward->step, forward->hyper[j].name, f, r);
    }
    return HD_OK;
}

/* Takes the errors of all float32 runs of a hyper-iteration, and the exact arithmetic's bits. */
static hd_status measure_step(const hd_blessing *b, size_t step, hd_golden *golden, hd_error *error) {
    hd_measurement measurement = {0};
    hd_status status = HD_OK;
    for (size_t seed = 0; seed <= b->options->replicas; seed++)
        for (int m = 0; status == HD_OK && m < 2; m++) {
            hd_record record;
            status = load(b, "cpu", (hd_mode)m, seed, step, &record, error);
            if (status == HD_OK && seed == 0) status = hd_golden_set_exact(golden, &record, error);
            if (status == HD_OK)
                status = hd_measurement_add(&measurement, &record, &golden->reference, error);
            hd_record_free(&record);
        }
    if (status == HD_OK) status = hd_measurement_conclude(&measurement, b->options->replicas, golden, error);
    hd_measurement_free(&measurement);
    return status;
}

static void sign(const hd_options *options, hd_golden *golden) {
    time_t now = time(NULL);
    struct tm utc;
    snprintf(golden->blessed.reason, sizeof golden->blessed.reason, "%s", options->reason);
    snprintf(golden->blessed.commit, sizeof golden->blessed.commit, "%s", HD_COMMIT);
    strftime(golden->blessed.date, sizeof golden->blessed.date, "%Y-%m-%d", gmtime_r(&now, &utc));
    hd_machine_cpu(golden->blessed.machine, sizeof golden->blessed.machine);
}

/* What becomes of the golden that is there, if one is. */
static void print_change(const char *path, const hd_golden *golden) {
    static const double none = 0;
    hd_golden old;
    hd_error error;
    hd_verdict change = {0};
    if (access(path, F_OK) != 0) {
        printf("%s: new\n", path);
        return;
    }
    if (hd_golden_load(path, &old, &error) != HD_OK) {
        printf("%s: replaces one that cannot be read (%s)\n", path, error.message);
        return;
    }
    hd_compare_records(&change, &golden->reference, &old.reference, hd_tolerance_everywhere(&none));
    printf("%s: %zu of %zu figures of the reference change (expected: as they were)\n", path, change.failures,
           change.count);
    hd_report_details(stdout, &change, false);
    hd_verdict_free(&change);
    hd_golden_free(&old);
}

static void print_tolerances(const hd_golden *golden) {
    for (size_t i = 0; i < golden->tolerance_count; i++) {
        const hd_tolerance *t = &golden->tolerances[i];
        printf("    %-34s worst of %zu: %.3g, rms %.3g; allowed %.3g\n", t->quantity, t->samples, t->worst,
               t->rms, t->tolerance);
    }
}

static hd_status bless_step(const hd_blessing *b, const char *folder, size_t step, hd_error *error) {
    hd_record forward = {0}, reverse = {0};
    hd_golden golden = {0};
    char path[PATH_MAX];
    hd_status status = load(b, "reference", HD_FORWARD, 0, step, &forward, error);
    if (status == HD_OK) status = load(b, "reference", HD_REVERSE, 0, step, &reverse, error);
    if (status == HD_OK) status = oracles_agree(&forward, &reverse, error);
    if (status == HD_OK) status = hd_golden_set_reference(&golden, &reverse, error);
    if (status == HD_OK) status = measure_step(b, step, &golden, error);
    if (status == HD_OK) status = hd_run_record(folder, step, path, error);
    if (status == HD_OK) {
        sign(b->options, &golden);
        print_change(path, &golden);
        if (!b->options->quiet) print_tolerances(&golden);
        status = hd_golden_save(&golden, folder, error);
    }
    hd_golden_free(&golden);
    hd_record_free(&forward);
    hd_record_free(&reverse);
    return status;
}

static hd_status bless(const hd_options *options, const char *word, hd_error *error) {
    hd_subject subject;
    hd_blessing b = {.options = options, .subject = &subject};
    char folder[PATH_MAX];
    hd_status status = hd_subject_open(word, options, &subject, error);
    if (status == HD_OK) status = hd_scratch_create(b.scratch, error);
    if (status == HD_OK) status = run_everything(&b, error);
    if (status == HD_OK) {
        int length = snprintf(folder, sizeof folder, "%s/golden/%s", hd_data_root(), subject.experiment.name);
        if (length >= PATH_MAX) status = hd_fail(error, HD_INVALID, "%s: too long a path", hd_data_root());
    }
    if (status == HD_OK) status = hd_directory_make(folder, error);
    for (size_t k = 0; status == HD_OK && k < subject.experiment.hyper_iterations; k++)
        status = bless_step(&b, folder, k, error);
    hd_scratch_remove(b.scratch);
    hd_subject_close(&subject);
    return status;
}

hd_status hd_command_bless(const hd_options *options) {
    hd_status worst = HD_OK;
    hd_error error;
    const char *ci = getenv("CI");
    if (ci && ci[0]) {
        hd_fail(&error, HD_INVALID, "bless: refused where CI is set: a golden needs a person and a reason");
        return hd_complain(HD_OK, &error);
    }
    if (options->set_count) {
        hd_fail(&error, HD_INVALID,
                "bless: --set is refused: a golden belongs to an experiment as its file has it");
        return hd_complain(HD_OK, &error);
    }
    for (size_t i = 0; i < options->word_count; i++)
        if (bless(options, options->words[i], &error) != HD_OK) worst = hd_complain(worst, &error);
    return worst;
}
