/* hyperdrift bless: new results become golden. */
#include "build_info.h"
#include "calibration.h"
#include "commands.h"
#include "file.h"
#include "machine.h"
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

/* --- tolerances only tighten --- */

/* The golden's tolerance of that quantity; Inf where it has none. */
static double tolerance_of(const hd_golden *golden, const char *quantity) {
    for (size_t i = 0; i < golden->tolerance_count; i++)
        if (!strcmp(golden->tolerances[i].quantity, quantity)) return golden->tolerances[i].tolerance;
    return INFINITY;
}

static size_t print_loosened(const hd_golden *golden, const hd_golden *old) {
    size_t loosened = 0;
    for (size_t i = 0; i < golden->tolerance_count; i++) {
        const hd_tolerance *t = &golden->tolerances[i];
        double before = tolerance_of(old, t->quantity);
        if (t->tolerance <= before) continue;
        loosened++;
        printf("    looser: %-34s %.3g, was %.3g\n", t->quantity, t->tolerance, before);
    }
    return loosened;
}

/* How many tolerances of the golden at path would be loosened; they are printed. */
static size_t loosened_at(const char *path, const hd_golden *golden) {
    hd_golden old;
    hd_error error;
    if (access(path, F_OK) != 0 || hd_golden_load(path, &old, &error) != HD_OK) return 0;
    size_t loosened = print_loosened(golden, &old);
    hd_golden_free(&old);
    return loosened;
}

/* --- blessing --- */

/* Every hyper-iteration's golden; what it does to the one that is there is printed. */
static hd_status make_goldens(const hd_calibration *calibration, const hd_options *options,
                              const char *folder, hd_golden *goldens, hd_error *error) {
    size_t loosened = 0;
    for (size_t k = 0; k < calibration->subject->experiment.hyper_iterations; k++) {
        char path[PATH_MAX];
        hd_status status = hd_calibration_golden(calibration, k, &goldens[k], error);
        if (status == HD_OK) status = hd_run_record(folder, k, path, error);
        if (status != HD_OK) return status;
        sign(options, &goldens[k]);
        print_change(path, &goldens[k]);
        if (!options->quiet) hd_report_tolerances(stdout, &goldens[k]);
        loosened += loosened_at(path, &goldens[k]);
    }
    if (loosened == 0 || options->loosen) return HD_OK;
    return hd_fail(
        error, HD_DIFFERENT,
        "%s: %zu tolerances would be looser than they are: refused, nothing is written (--loosen accepts "
        "it, and --reason is kept in the golden)",
        calibration->subject->experiment.name, loosened);
}

static hd_status bless(const hd_options *options, const char *word, hd_error *error) {
    hd_subject subject;
    hd_calibration calibration = {0};
    hd_golden *goldens = NULL;
    char folder[PATH_MAX];
    hd_status status = hd_subject_open(word, options, &subject, error);
    size_t count = subject.experiment.hyper_iterations;
    if (status == HD_OK) status = hd_calibration_run(&calibration, options, &subject, error);
    if (status == HD_OK) {
        int length = snprintf(folder, sizeof folder, "%s/golden/%s", hd_data_root(), subject.experiment.name);
        if (length >= PATH_MAX) status = hd_fail(error, HD_INVALID, "%s: too long a path", hd_data_root());
    }
    if (status == HD_OK && !(goldens = calloc(count, sizeof *goldens)))
        status = hd_fail(error, HD_UNAVAILABLE, "%s: no memory for its goldens", subject.experiment.name);
    if (status == HD_OK) status = make_goldens(&calibration, options, folder, goldens, error);
    if (status == HD_OK) status = hd_directory_make(folder, error);
    for (size_t k = 0; status == HD_OK && k < count; k++) status = hd_golden_save(&goldens[k], folder, error);
    for (size_t k = 0; goldens && k < count; k++) hd_golden_free(&goldens[k]);
    free(goldens);
    hd_calibration_end(&calibration);
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
    if (worst == HD_OK) puts("planted faults have not been tried against it: `make bless` tries them first");
    return worst;
}
