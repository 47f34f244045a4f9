/* hyperdrift check: runs experiments and judges them by golden/. */
#include "base/json.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "golden/golden_set.h"
#include "golden/last_blessing.h"
#include "judge/trace_2017.h"
#include "judge/verdict_text.h"
#include "matrix/cells.h"
#include "matrix/keep_run.h"
#include "matrix/rounds.h"
#include "matrix/seed_golden.h"
#include "matrix/shard_terms.h"
#include "report/ci/github_annotations.h"
#include "report/ci/junit.h"
#include "report/ci/markdown.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct hd_checking {
    const hd_options *options;
    hd_trace trace;
    bool *seen;   /* [trace.count]: something was judged by this record of 2017 ... */
    bool *missed; /* ... and did not reproduce it */
    hd_findings findings;
    hd_keep_run keep;
    hd_last_blessings blessings; /* of the goldens that judged */
    json_t *terms;               /* a shard's terms, owned; else NULL */
    hd_status status;
} hd_checking;

static void worsen(hd_checking *checking, hd_status status) {
    if (status > checking->status) checking->status = status;
}

static void complain(hd_checking *checking, const hd_error *error) {
    checking->status = hd_terminal_complain(checking->status, error);
}

/* Reports what could not be judged, or judged by, and counts it as a failure. */
static void fail(hd_checking *checking, const char *what, const hd_error *error) {
    complain(checking, error);
    hd_findings_fail(&checking->findings, what, error->message);
}

static void fail_record(hd_checking *checking, const hd_finding *finding, const hd_error *error) {
    const hd_record *record = &finding->record;
    char what[sizeof checking->findings.failures->what];
    snprintf(what, sizeof what, "%s on %s, %s, hyper-iteration %zu", record->experiment, record->device,
             hd_mode_name(record->mode), record->step);
    fail(checking, what, error);
}

/* --- one record --- */

/* Adds a verdict to the record; NULL without memory: then the check has failed. */
static hd_verdict *new_verdict(hd_checking *checking, hd_finding *finding) {
    hd_error error;
    hd_verdict *verdict = hd_finding_judge(finding);
    if (verdict) return verdict;
    hd_fail(&error, HD_UNAVAILABLE, "no memory for a verdict");
    fail_record(checking, finding, &error);
    return NULL;
}

static void judge_by_trace(hd_checking *checking, hd_finding *finding) {
    for (size_t i = 0; i < checking->trace.count; i++) {
        if (!hd_trace_matches(&checking->trace.records[i], &finding->record)) continue;
        hd_verdict *verdict = new_verdict(checking, finding);
        if (!verdict) return;
        hd_trace_judge(&checking->trace.records[i], &finding->record, verdict);
        checking->seen[i] = true;
        checking->missed[i] |= !hd_verdict_passes(verdict);
    }
}

/* Loads the golden of the record's experiment, or what replaces it under another seed; writes its path. */
static hd_status load_golden(const hd_round *round, const hd_record *record, char path[PATH_MAX],
                             hd_golden *golden, hd_error *error) {
    char folder[PATH_MAX];
    hd_status status = hd_golden_set_folder(hd_data_root(), round->loaded->own.name, folder, error);
    if (status == HD_OK) status = hd_run_record(folder, record->step, path, error);
    if (status != HD_OK) return status;
    if (hd_loaded_experiment_reseeded(round->loaded))
        return hd_seed_golden(round, record->mode, record->step, path, golden, error);
    return hd_golden_load(path, golden, error);
}

static void judge_by_golden(hd_checking *checking, const hd_round *round, hd_finding *finding) {
    char path[PATH_MAX];
    hd_golden golden = {0};
    hd_error error;
    const hd_record *record = &finding->record;
    hd_status status = load_golden(round, record, path, &golden, &error);
    hd_verdict *verdict = status == HD_OK ? new_verdict(checking, finding) : NULL;
    if (checking->options->request.no_bits) hd_golden_forget_bits(&golden);
    if (verdict && (status = hd_golden_judge(&golden, record, verdict, &error)) != HD_OK) {
        hd_error cause = error;
        hd_fail(&error, status, "%.200s: %.300s", path, cause.message);
        hd_verdict_free(verdict);
        finding->count--;
    } else if (verdict && hd_loaded_experiment_reseeded(round->loaded)) {
        snprintf(verdict->against, sizeof verdict->against, "reference (seed %u)",
                 round->loaded->experiment.seed);
    }
    if (status == HD_OK)
        status = hd_last_blessings_add(&checking->blessings, round->loaded->own.name, &error);
    if (status != HD_OK) fail_record(checking, finding, &error);
    hd_golden_free(&golden);
}

/* --- one hyper-iteration --- */

/* A judged record: its first by_trace verdicts are by records of the trace. */
typedef struct hd_judged {
    hd_finding finding; /* all zero: the mode gave no record */
    size_t by_trace;
} hd_judged;

static void judge(hd_checking *checking, const hd_round *round, hd_record *record, hd_judged *judged) {
    judged->finding.record = *record;
    *record = (hd_record){0};
    judge_by_trace(checking, &judged->finding);
    judged->by_trace = judged->finding.count;
    judge_by_golden(checking, round, &judged->finding);
}

/* Judges a repetition's record by the first one's bits, if the arithmetic promises them. */
static void judge_again(hd_checking *checking, hd_finding *finding, const hd_record *first) {
    hd_golden bits = {0};
    hd_error error;
    bool promised = first->hyper && !strcmp(finding->record.arithmetic, "exact");
    hd_verdict *verdict = promised ? new_verdict(checking, finding) : NULL;
    if (!verdict) return;
    hd_verdict_head(verdict, &finding->record, "repetition 1");
    if (hd_golden_take_exact(&bits, first, &error) == HD_OK)
        hd_golden_judge_bits(&bits, &finding->record, verdict);
    else
        complain(checking, &error); /* an empty verdict fails */
    hd_golden_free(&bits);
}

/* The verdict to show: of those by the trace the one that used most of a tolerance; NULL: no verdict. */
static const hd_verdict *shown_verdict(const hd_judged *judged) {
    const hd_verdict *verdicts = judged->finding.verdicts, *shown = judged->finding.count ? verdicts : NULL;
    for (size_t i = 1; i < judged->by_trace; i++) {
        const hd_judgement *worst = hd_verdict_worst(&verdicts[i]), *so_far = hd_verdict_worst(shown);
        if (!so_far || (worst && worst->budget_used > so_far->budget_used)) shown = &verdicts[i];
    }
    return shown;
}

static bool in_trace(const hd_checking *checking, const char *experiment) {
    for (size_t i = 0; i < checking->trace.count; i++)
        if (!strcmp(checking->trace.records[i].experiment, experiment)) return true;
    return false;
}

static void print_step(const hd_checking *checking, const hd_loaded_experiment *loaded,
                       const hd_judged judged[2]) {
    const hd_verdict *figures[2] = {shown_verdict(&judged[0]), shown_verdict(&judged[1])};
    const hd_record *any = &judged[judged[0].finding.record.hyper ? 0 : 1].finding.record;
    printf("%s%s, hyper-iteration %zu, %s (%s)%s\n", hd_terminal_colour(stdout, "bold"), any->experiment,
           any->step, any->device, any->arithmetic, hd_terminal_plain(stdout));
    if (figures[0] || figures[1]) hd_verdict_print_figures(stdout, figures[0], figures[1]);
    if (hd_loaded_experiment_reseeded(loaded))
        printf("        seed %u has no golden: judged by the float64 reference in the other mode, with the "
               "tolerances measured under seed %u\n",
               loaded->experiment.seed, loaded->own.seed);
    for (size_t m = 0; m < 2; m++) {
        const hd_finding *finding = &judged[m].finding;
        if (!finding->record.hyper) continue;
        if (!judged[m].by_trace && in_trace(checking, finding->record.experiment))
            printf("        %-8s no counterpart in the trace of 2017: judged by the golden alone\n",
                   hd_mode_name(finding->record.mode));
        for (size_t i = 0; i < finding->count; i++) {
            hd_verdict_print_summary(stdout, &finding->verdicts[i]);
            hd_verdict_print_details(stdout, &finding->verdicts[i], checking->options->verbose);
        }
        hd_record_print_cost(stdout, &finding->record);
    }
    putchar('\n');
}

/* What --quiet prints of a record. */
static void print_failures(const hd_finding *finding) {
    for (size_t i = 0; i < finding->count; i++) {
        const hd_verdict *verdict = &finding->verdicts[i];
        if (hd_verdict_passes(verdict)) continue;
        printf("%s, hyper-iteration %zu, %s\n", verdict->experiment, verdict->step, verdict->device);
        hd_verdict_print_summary(stdout, verdict);
        hd_verdict_print_details(stdout, verdict, false);
    }
}

static void judge_step(hd_checking *checking, const hd_round *round, size_t step) {
    const hd_options *options = checking->options;
    hd_record records[2];
    hd_judged judged[2] = {0};
    worsen(checking, hd_round_load(round, step, true, records));
    for (size_t m = 0; m < 2; m++)
        if (records[m].hyper) judge(checking, round, &records[m], &judged[m]);
    bool some = judged[0].finding.record.hyper || judged[1].finding.record.hyper;
    if (some && !options->json && !options->quiet) print_step(checking, round->loaded, judged);
    for (size_t m = 0; m < 2; m++) {
        hd_finding *finding = &judged[m].finding;
        if (!finding->record.hyper) continue;
        if (!options->json && options->quiet) print_failures(finding);
        finding->repetition = 1;
        hd_findings_add(&checking->findings, finding);
    }
}

static void judge_repetition(hd_checking *checking, const hd_round *round, size_t step) {
    hd_record records[2], first[2];
    worsen(checking, hd_round_load(round, step, false, records));
    worsen(checking, hd_round_load(round->first, step, false, first));
    for (size_t m = 0; m < 2; m++) {
        hd_finding finding = {.record = records[m], .repetition = round->repetition};
        if (finding.record.hyper) {
            judge_again(checking, &finding, &first[m]);
            if (!checking->options->json) print_failures(&finding);
            hd_findings_add(&checking->findings, &finding);
        }
        hd_record_free(&first[m]);
    }
}

static void judge_round(void *context, const hd_round *round) {
    for (size_t k = 0; k < round->loaded->experiment.hyper_iterations; k++)
        if (round->first)
            judge_repetition(context, round, k);
        else
            judge_step(context, round, k);
}

static void note_skip(void *context, const char *what, const char *why) {
    hd_findings_skip(&((hd_checking *)context)->findings, what, why);
}

static void note_failure(void *context, const char *what, const char *why) {
    hd_findings_fail(&((hd_checking *)context)->findings, what, why);
}

/* Called if the goldens are not the blessed ones. */
static void refuse_goldens(void *context, const hd_error *error) {
    fail(context, "goldens", error);
}

/* --- the end --- */

static void print_totals(const hd_checking *checking) {
    const hd_findings *findings = &checking->findings;
    hd_totals sum = hd_findings_totals(findings);
    size_t of_2017 = 0, reproduced = 0;
    if (sum.failed || !checking->options->quiet) hd_last_blessings_print(stdout, &checking->blessings);
    for (size_t i = 0; i < checking->trace.count; i++) {
        of_2017 += checking->seen[i];
        reproduced += checking->seen[i] && !checking->missed[i];
    }
    for (size_t i = 0; i < findings->skip_count; i++)
        printf("skipped: %s: %s\n", findings->skips[i].what, findings->skips[i].why);
    if (of_2017)
        printf("%s%zu of %zu records of 2017 reproduced%s (the trace holds %zu)\n",
               hd_terminal_colour(stdout, reproduced == of_2017 ? "green" : "red"), reproduced, of_2017,
               hd_terminal_plain(stdout), checking->trace.count);
    if (sum.known)
        printf("%zu figure%s within a stated allowance (known, see above)\n", sum.known,
               sum.known == 1 ? "" : "s");
    if (findings->no_bits) puts("the goldens' bits were not compared (--no-bits)");
    hd_keep_run_print(stdout, &checking->keep);
    printf("%zu passed, %zu failed, %zu skipped\n", sum.passed, sum.failed, findings->skip_count);
}

static void add_quantities(const hd_verdict *verdict, json_t *list) {
    static const char *const keys[] = {"experiment", "step", "mode", "device", "against"};
    json_t *json = hd_verdict_json(verdict), *quantity;
    size_t i;
    json_array_foreach(json_object_get(json, "quantities"), i, quantity) {
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            json_object_set(quantity, keys[k], json_object_get(json, keys[k]));
        json_array_append(list, quantity);
    }
    json_decref(json);
}

static void add_record(hd_checking *checking, const hd_record *record, json_t *list) {
    hd_error error;
    json_t *json;
    if (hd_record_json(record, &json, &error) == HD_OK)
        json_array_append_new(list, json);
    else
        complain(checking, &error);
}

static void print_json(hd_checking *checking) {
    const hd_findings *findings = &checking->findings;
    json_t *records = json_array(), *quantities = json_array(), *skipped = json_array();
    for (size_t i = 0; i < findings->record_count; i++) {
        if (findings->records[i].repetition == 1) add_record(checking, &findings->records[i].record, records);
        for (size_t v = 0; v < findings->records[i].count; v++)
            add_quantities(&findings->records[i].verdicts[v], quantities);
    }
    for (size_t i = 0; i < findings->skip_count; i++)
        json_array_append_new(skipped, json_pack("{ssss}", "what", findings->skips[i].what, "why",
                                                 findings->skips[i].why));
    hd_totals sum = hd_findings_totals(findings);
    json_t *document =
        json_pack("{sssssbsisisosososo}", "format", "hyperdrift-check/1", "verdict",
                  hd_findings_pass(findings) ? "pass" : "fail", "bits", !findings->no_bits, "passed",
                  (int)sum.passed, "failed", (int)sum.failed, "records", records, "quantities", quantities,
                  "goldens", hd_last_blessings_json(&checking->blessings), "skipped", skipped);
    hd_keep_run_put(document, &checking->keep);
    hd_document_print(document, 17);
}

static void append_to_history(hd_checking *checking) {
    hd_error error;
    if (checking->terms) {
        json_object_set_new(checking->terms, "goldens", hd_last_blessings_json(&checking->blessings));
        if (hd_run_entry_set_terms(checking->keep.entry, checking->terms, &error) != HD_OK)
            complain(checking, &error);
    }
    if (hd_keep_run_end(&checking->keep, &checking->findings, checking->status, &error) != HD_OK)
        complain(checking, &error);
    if (checking->keep.kept.clock_back) worsen(checking, HD_UNAVAILABLE);
}

/* Appends the job summary, with what is new in the history. */
static void append_summary(hd_checking *checking) {
    hd_error error;
    hd_history history = {0};
    hd_trend trend = {0};
    bool kept = checking->keep.kept.run != 0;
    hd_status status = kept ? hd_history_open(checking->keep.path, HD_HISTORY_READ, &history, &error) : HD_OK;
    if (status == HD_OK && kept) status = hd_trend_load(&history, &trend, &error);
    if (status == HD_OK)
        status = hd_markdown_append(checking->options->markdown, &checking->findings, kept ? &trend : NULL,
                                    &error);
    if (status != HD_OK) complain(checking, &error);
    hd_trend_free(&trend);
    hd_history_close(&history);
}

static void conclude(hd_checking *checking) {
    const hd_options *options = checking->options;
    const hd_findings *findings = &checking->findings;
    hd_last_blessings_find(&checking->blessings, hd_data_root(), refuse_goldens, checking);
    hd_totals sum = hd_findings_totals(findings);
    hd_error error;
    if (options->junit && hd_junit_write(options->junit, findings, &error) != HD_OK)
        complain(checking, &error);
    if (sum.failed) worsen(checking, HD_DIFFERENT);
    if (!sum.failed && !hd_findings_pass(findings) && checking->status == HD_OK) {
        hd_fail(&error, HD_DIFFERENT, "check: nothing was compared");
        complain(checking, &error);
    }
    append_to_history(checking);
    if (options->markdown) append_summary(checking);
    if (options->annotations) hd_annotations_print(options->json ? stderr : stdout, findings);
    if (options->json)
        print_json(checking);
    else
        print_totals(checking);
}

static void load_trace(hd_checking *checking) {
    char folder[PATH_MAX];
    hd_error error;
    snprintf(folder, sizeof folder, "%s/golden/trace-2017", hd_data_root());
    if (access(folder, F_OK) != 0) return; /* another root may have no trace */
    if (hd_trace_load(folder, &checking->trace, &error) != HD_OK) fail(checking, "trace of 2017", &error);
    checking->seen = calloc(checking->trace.count + 1, sizeof *checking->seen);
    checking->missed = calloc(checking->trace.count + 1, sizeof *checking->missed);
    if (!checking->seen || !checking->missed) hd_trace_free(&checking->trace);
}

static hd_status check(const hd_options *options, char *const *words, size_t count) {
    hd_checking checking = {.options = options};
    hd_listener listener = {judge_round, note_skip, note_failure, &checking};
    hd_error error;
    hd_findings_begin(&checking.findings);
    checking.findings.no_bits = options->request.no_bits;
    checking.findings.shard = options->request.shards > 0;
    if (hd_keep_run_begin(&checking.keep, options->history, options->argument_count, options->arguments,
                          &options->request, &error) == HD_OK) {
        if (options->request.matrix) checking.terms = hd_shard_terms_of(&options->request, words, count);
        load_trace(&checking);
        worsen(&checking, hd_rounds(&options->request, words, count, &listener));
        conclude(&checking);
    } else {
        complain(&checking, &error);
    }
    hd_findings_free(&checking.findings);
    hd_trace_free(&checking.trace);
    hd_last_blessings_free(&checking.blessings);
    json_decref(checking.terms);
    free(checking.seen);
    free(checking.missed);
    hd_keep_run_free(&checking.keep);
    return checking.status;
}

hd_status hd_command_check(const hd_options *options) {
    char **names = NULL, *const *words = options->words;
    size_t count = options->word_count;
    hd_error error;
    if (count == 0) {
        if (hd_experiment_list(&names, &count, &error) != HD_OK) return hd_terminal_complain(HD_OK, &error);
        words = names;
    }
    hd_status status = options->list ? hd_cells_list(&options->request, words, count, options->json)
                                     : check(options, words, count);
    free(names);
    return status;
}
