/* hyperdrift bless: makes new goldens. */
#include "base/git_commit.h"
#include "base/json.h"
#include "base/terminal.h"
#include "build_info.h"
#include "commands/commands.h"
#include "golden/calibration.h"
#include "golden/fault_gate.h"
#include "golden/golden_diff.h"
#include "golden/oracles.h"
#include "golden/replace_folder.h"
#include "golden/tolerance_text.h"
#include "judge/verdict_text.h"
#include "run/provenance.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- who may bless --- */

/* The reason becomes a line of the log and part of the goldens. */
static hd_status check_reason(const char *reason, hd_error *error) {
    if (strlen(reason) >= HD_REASON)
        return hd_fail(error, HD_INVALID, "bless: the reason is longer than %d bytes", HD_REASON - 1);
    if (hd_text_is_line(reason)) return HD_OK;
    return hd_fail(error, HD_INVALID, "bless: the reason is not one line of UTF-8 text");
}

/* Refuses CI, which sets one of these variables: most set CI; TF_BUILD is Azure Pipelines', BUILD_NUMBER and
 * BUILD_ID are Jenkins', which sets JENKINS_URL only if it was told its URL. */
static hd_status expect_person(hd_error *error) {
    static const char *const variables[] = {
        "CI", "JENKINS_URL", "BUILD_NUMBER", "BUILD_ID", "TF_BUILD", "TEAMCITY_VERSION", "CODEBUILD_BUILD_ID",
    };
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);
        if (value && value[0])
            return hd_fail(error, HD_INVALID,
                           "bless: refused: %s is set, as in CI; only a person may bless, with a reason",
                           variables[i]);
    }
    return HD_OK;
}

/* Refuses what can be refused before anything is computed. */
static hd_status check_permission(const hd_options *options, char commit[HD_LABEL], hd_error *error) {
    hd_status status = expect_person(error);
    if (status == HD_OK) status = check_reason(options->reason, error);
    if (status == HD_OK) status = hd_git_commit_find(hd_data_root(), HD_COMMIT, commit, HD_LABEL, error);
    return status == HD_OK ? hd_fault_gate_possible(error) : status;
}

static void sign(const hd_options *options, const char *commit, hd_golden_set *goldens) {
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    for (size_t k = 0; k < goldens->count; k++) {
        hd_golden *golden = &goldens->steps[k];
        snprintf(golden->blessed.reason, sizeof golden->blessed.reason, "%s", options->reason);
        snprintf(golden->blessed.commit, sizeof golden->blessed.commit, "%s", commit);
        strftime(golden->blessed.date, sizeof golden->blessed.date, "%Y-%m-%dT%H:%M:%SZ", &utc);
        hd_provenance_cpu(golden->blessed.machine, sizeof golden->blessed.machine);
    }
}

/* --- the oracles --- */

static void print_kink(void *context, size_t step, const hd_hyper *reverse, double difference) {
    (void)context;
    printf("    hyper-iteration %zu, hypergradient %s: its finite difference crosses a kink "
           "(%.9g there, reverse %.9g)\n",
           step, reverse->name, difference, reverse->hypergradient);
}

/* Asks the finite differences; forward and reverse were compared when the goldens were made. */
static hd_status ask_oracles(const hd_options *options, const hd_calibration *calibration, hd_error *error) {
    hd_differences differences;
    hd_status status = hd_oracles_differences(calibration->loaded, &options->request, &calibration->goldens,
                                              &differences, print_kink, NULL, error);
    if (status == HD_OK)
        printf("%s: forward, reverse and finite differences agree in %zu hypergradients (the differences use "
               "at most %.2g%% of their allowance); those of %zu cross a kink\n",
               calibration->loaded->experiment.name, differences.agree, 100 * differences.worst,
               differences.kinked);
    return status;
}

/* --- what changes --- */

static void print_change(const char *experiment, const hd_golden *was, const hd_golden *is) {
    static const double none = 0;
    hd_verdict change = {0};
    if (!was) {
        printf("golden/%s/step-%zu.json: new\n", experiment, is->reference.step);
        return;
    }
    hd_compare_records(&change, &is->reference, &was->reference, hd_tolerance_everywhere(&none));
    printf("golden/%s/step-%zu.json: %zu of %zu figures of the reference change (expected: none)\n",
           experiment, is->reference.step, change.failures, change.count);
    hd_verdict_print_details(stdout, &change, false);
    hd_verdict_free(&change);
}

/* Prints the tolerances that change; gives how many are looser (allowed only with --loosen). */
static size_t print_tolerances(const hd_golden *was, const hd_golden *is) {
    size_t loosened = 0;
    for (size_t i = 0; was && i < is->tolerance_count; i++) {
        const hd_tolerance *t = &is->tolerances[i];
        double before = hd_golden_tolerance(was, t->quantity);
        bool looser = t->tolerance > before;
        loosened += looser;
        if (looser || t->tolerance < before)
            printf("    %s: %-34s %.3g, was %.3g\n", looser ? "looser" : "tighter", t->quantity, t->tolerance,
                   before);
    }
    return loosened;
}

/* Prints what changes, and counts it. */
static hd_status tell_changes(const hd_options *options, const char *experiment, const hd_golden_set *was,
                              const hd_golden_set *is, size_t *changes, hd_error *error) {
    size_t loosened = 0;
    *changes = 0;
    for (size_t k = 0; k < is->count || k < was->count; k++) {
        const hd_golden *before = k < was->count ? &was->steps[k] : NULL;
        const hd_golden *now = k < is->count ? &is->steps[k] : NULL;
        *changes += hd_golden_diff_write(NULL, before, now);
        if (!now) {
            printf("golden/%s/step-%zu.json: gone\n", experiment, k);
            continue;
        }
        print_change(experiment, before, now);
        loosened += print_tolerances(before, now);
        if (!options->quiet) hd_tolerances_print(stdout, now);
    }
    if (loosened == 0 || options->loosen) return HD_OK;
    return hd_fail(
        error, HD_DIFFERENT,
        "%s: %zu tolerance%s would be looser: refused, nothing was written (--loosen accepts this, and "
        "--reason is kept in the golden)",
        experiment, loosened, loosened == 1 ? "" : "s");
}

/* --- blessing --- */

/* Reports a blessing in the log that was never put in place, or goldens that no blessing made. True if the
 * goldens are the last blessing's. */
static bool tell_lineage(const hd_ledger *ledger, const char *experiment, const hd_golden_set *was) {
    hd_lineage lineage;
    hd_error error;
    if (hd_ledger_lineage(ledger, experiment, was, &lineage, &error) != HD_OK) {
        printf("%s\n", error.message);
        return false;
    }
    if (lineage.unplaced)
        printf("%s: the blessing of %s of %s was never put in place\n", ledger->path, experiment,
               lineage.unplaced->date);
    return true;
}

/* Replaces the goldens if anything changes and nothing forbids it. */
static hd_status replace(const hd_options *options, hd_ledger *ledger, const char *experiment,
                         const hd_golden_set *goldens, hd_error *error) {
    char folder[PATH_MAX];
    hd_golden_set was = {0};
    size_t changes = 0;
    hd_status status = hd_golden_set_folder(hd_data_root(), experiment, folder, error);
    if (status == HD_OK) status = hd_golden_set_load(folder, &was, error);
    bool stands = status == HD_OK && tell_lineage(ledger, experiment, &was);
    if (status == HD_OK) status = tell_changes(options, experiment, &was, goldens, &changes, error);
    if (status == HD_OK && changes == 0 && stands) {
        printf("%s: nothing changes; nothing was written\n", experiment);
    } else if (status == HD_OK) {
        status = hd_replace_folder(ledger, hd_data_root(), &was, goldens, hd_fault_gate, error);
        if (status == HD_OK)
            printf("%s: %s %s: %s (%zu figure%s)\n", ledger->path, goldens->steps[0].blessed.date, experiment,
                   goldens->steps[0].blessed.reason, changes, changes == 1 ? " changes" : "s change");
    }
    hd_golden_set_free(&was);
    return status;
}

/* The commit must be enough to make the goldens again. */
static hd_status expect_committed(const char *word, hd_error *error) {
    char path[PATH_MAX];
    hd_status status = hd_experiment_find(word, path, error);
    return status == HD_OK ? hd_git_commit_expect(hd_data_root(), path, error) : status;
}

static hd_status bless(const hd_options *options, const char *word, const char *commit, hd_error *error) {
    hd_loaded_experiment loaded = {0};
    hd_calibration calibration = {0};
    hd_ledger ledger = {.descriptor = -1};
    hd_status status = expect_committed(word, error);
    if (status == HD_OK) status = hd_loaded_experiment_open(word, &options->request, NULL, &loaded, error);
    if (status == HD_OK)
        status = hd_calibration_run(&calibration, options->replicas, &options->request, &loaded, error);
    if (status == HD_OK) status = ask_oracles(options, &calibration, error);
    if (status == HD_OK) sign(options, commit, &calibration.goldens);
    if (status == HD_OK) status = hd_ledger_open(hd_data_root(), &ledger, error);
    if (status == HD_OK)
        status = replace(options, &ledger, loaded.experiment.name, &calibration.goldens, error);
    hd_ledger_close(&ledger);
    hd_calibration_end(&calibration);
    hd_loaded_experiment_close(&loaded);
    return status;
}

hd_status hd_command_bless(const hd_options *options) {
    char commit[HD_LABEL];
    hd_error error;
    if (check_permission(options, commit, &error) != HD_OK) return hd_terminal_complain(HD_OK, &error);
    hd_status worst = HD_OK;
    for (size_t i = 0; i < options->word_count; i++)
        if (bless(options, options->words[i], commit, &error) != HD_OK)
            worst = hd_terminal_complain(worst, &error);
    return worst;
}
