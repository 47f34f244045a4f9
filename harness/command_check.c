/* hyperdrift check: experiments judged by golden/. */
#include "commands.h"
#include "golden.h"
#include "junit.h"
#include "keeping.h"
#include "report.h"
#include "rounds.h"
#include "trace.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct hd_checking {
    const hd_options *options;
    hd_trace trace;
    bool *seen;      /* [trace.count]: a record of 2017 has been judged by ... */
    bool *missed;    /* ... and something did not reproduce it */
    json_t *records; /* for --json, else NULL */
    hd_keeping keeping;
    hd_verdict *verdicts;
    size_t count, capacity;
    hd_skip *skips;
    size_t skip_count, failed_runs;
    hd_status status;
} hd_checking;

static void worsen(hd_checking *checking, hd_status status) {
    if (status > checking->status) checking->status = status;
}

static void complain(hd_checking *checking, const hd_error *error) {
    checking->status = hd_complain(checking->status, error);
}

/* A run, a golden or a trace that could not be judged by or at all: said already. */
static void count_failure(hd_checking *checking, const char *message) {
    hd_error error;
    checking->failed_runs++;
    if (hd_entry_add_failure(checking->keeping.entry, message, &error) != HD_OK) complain(checking, &error);
}

/* A new, empty verdict in the list; NULL, and the check failed, where there is no memory. */
static hd_verdict *new_verdict(hd_checking *checking) {
    if (checking->count == checking->capacity) {
        size_t capacity = 2 * checking->capacity + 16;
        hd_verdict *verdicts = realloc(checking->verdicts, capacity * sizeof *verdicts);
        if (!verdicts) {
            hd_error error;
            hd_fail(&error, HD_UNAVAILABLE, "no memory for a verdict");
            complain(checking, &error);
            return NULL;
        }
        checking->verdicts = verdicts;
        checking->capacity = capacity;
    }
    hd_verdict *verdict = &checking->verdicts[checking->count++];
    *verdict = (hd_verdict){0};
    return verdict;
}

/* --- one record --- */

/* What judged a record: indices into the list of verdicts, or NONE. */
enum { NONE = SIZE_MAX };
typedef struct hd_judged {
    size_t trace; /* of the printed records, the one that used most of a tolerance */
    size_t golden;
    size_t first, last; /* all of them: first .. last - 1 */
} hd_judged;

static void judge_by_trace(hd_checking *checking, const hd_record *record, hd_judged *judged) {
    for (size_t i = 0; i < checking->trace.count; i++) {
        if (!hd_trace_matches(&checking->trace.records[i], record)) continue;
        hd_verdict *verdict = new_verdict(checking);
        if (!verdict) return;
        hd_trace_judge(&checking->trace.records[i], record, verdict);
        checking->seen[i] = true;
        checking->missed[i] |= !hd_verdict_passes(verdict);
        const hd_judgement *worst = hd_verdict_worst(verdict);
        const hd_judgement *so_far =
            judged->trace == NONE ? NULL : hd_verdict_worst(&checking->verdicts[judged->trace]);
        if (!so_far || (worst && worst->budget_used > so_far->budget_used))
            judged->trace = checking->count - 1;
    }
}

static void judge_by_golden(hd_checking *checking, const hd_record *record, hd_judged *judged) {
    char path[PATH_MAX];
    hd_golden golden = {0};
    hd_error error;
    int length = snprintf(path, sizeof path, "%s/golden/%s/step-%zu.json", hd_data_root(), record->experiment,
                          record->step);
    hd_status status = length < (int)sizeof path
                           ? hd_golden_load(path, &golden, &error)
                           : hd_fail(&error, HD_INVALID, "%.200s: too long a path", hd_data_root());
    hd_verdict *verdict = status == HD_OK ? new_verdict(checking) : NULL;
    if (checking->options->no_bits) hd_golden_forget_bits(&golden);
    if (verdict && (status = hd_golden_judge(&golden, record, verdict, &error)) != HD_OK) {
        hd_error cause = error;
        hd_fail(&error, status, "%.200s: %.300s", path, cause.message);
    }
    if (status != HD_OK) {
        if (verdict) checking->count--, hd_verdict_free(verdict);
        complain(checking, &error);
        count_failure(checking, error.message);
    } else if (verdict) {
        judged->golden = checking->count - 1;
    }
    hd_golden_free(&golden);
}

/* Keeps the record with what judged it. */
static void keep(hd_checking *checking, const hd_record *record, const hd_judged *judged) {
    hd_error error;
    hd_status status = hd_entry_add_record(checking->keeping.entry, record, &error);
    for (size_t i = judged->first; status == HD_OK && i < judged->last; i++)
        status = hd_entry_add_verdict(checking->keeping.entry, &checking->verdicts[i], &error);
    if (status != HD_OK) complain(checking, &error);
}

static hd_judged judge(hd_checking *checking, const hd_record *record) {
    hd_judged judged = {NONE, NONE, checking->count, checking->count};
    judge_by_trace(checking, record, &judged);
    judge_by_golden(checking, record, &judged);
    judged.last = checking->count;
    keep(checking, record, &judged);
    return judged;
}

/* A repetition's record is judged by the first one's bits, where the arithmetic promises them. */
static hd_judged judge_again(hd_checking *checking, const hd_record *record, const hd_record *first) {
    hd_judged judged = {NONE, NONE, checking->count, checking->count};
    hd_golden bits = {0};
    hd_error error;
    bool promised = first->hyper && !strcmp(record->arithmetic, "exact");
    hd_verdict *verdict = promised ? new_verdict(checking) : NULL;
    if (verdict && hd_golden_set_exact(&bits, first, &error) == HD_OK) {
        hd_verdict_head(verdict, record, "repetition 1");
        hd_golden_judge_bits(&bits, record, verdict);
    } else if (verdict) {
        complain(checking, &error); /* the verdict, being empty, fails */
    }
    judged.last = checking->count;
    hd_golden_free(&bits);
    keep(checking, record, &judged);
    return judged;
}

/* --- one hyper-iteration --- */

static const hd_verdict *shown_verdict(const hd_checking *checking, const hd_judged *judged) {
    size_t index = judged->trace != NONE ? judged->trace : judged->golden;
    return index == NONE ? NULL : &checking->verdicts[index];
}

static bool in_trace(const hd_checking *checking, const char *experiment) {
    for (size_t i = 0; i < checking->trace.count; i++)
        if (!strcmp(checking->trace.records[i].experiment, experiment)) return true;
    return false;
}

static void print_step(const hd_checking *checking, const hd_record records[2], const hd_judged judged[2]) {
    const hd_verdict *figures[2] = {NULL, NULL};
    const hd_record *any = records[0].hyper ? &records[0] : &records[1];
    printf("%s%s, hyper-iteration %zu, %s (%s)%s\n", hd_report_colour(stdout, "bold"), any->experiment,
           any->step, any->device, any->arithmetic, hd_report_plain(stdout));
    for (size_t m = 0; m < 2; m++)
        if (records[m].hyper) figures[m] = shown_verdict(checking, &judged[m]);
    if (figures[0] || figures[1]) hd_report_figures(stdout, figures[0], figures[1]);
    for (size_t m = 0; m < 2; m++) {
        if (!records[m].hyper) continue;
        if (judged[m].trace == NONE && in_trace(checking, records[m].experiment))
            printf("        %-8s no counterpart in the trace of 2017: judged by the golden alone\n",
                   hd_mode_name(records[m].mode));
        for (size_t i = judged[m].first; i < judged[m].last; i++) {
            hd_report_summary(stdout, &checking->verdicts[i]);
            hd_report_details(stdout, &checking->verdicts[i], checking->options->verbose);
        }
        hd_report_cost(stdout, &records[m]);
    }
    putchar('\n');
}

/* All that --quiet leaves of a hyper-iteration. */
static void print_failures(const hd_checking *checking, const hd_record records[2],
                           const hd_judged judged[2]) {
    for (size_t m = 0; m < 2; m++)
        for (size_t i = judged[m].first; records[m].hyper && i < judged[m].last; i++) {
            const hd_verdict *verdict = &checking->verdicts[i];
            if (hd_verdict_passes(verdict)) continue;
            printf("%s, hyper-iteration %zu, %s\n", verdict->experiment, verdict->step, verdict->device);
            hd_report_summary(stdout, verdict);
            hd_report_details(stdout, verdict, false);
        }
}

static void add_record(hd_checking *checking, const hd_record *record) {
    hd_error error;
    json_t *json;
    if (hd_record_json(record, &json, &error) == HD_OK)
        json_array_append_new(checking->records, json);
    else
        complain(checking, &error);
}

static void judge_repetition(hd_checking *checking, const hd_round *round, size_t step) {
    hd_record records[2], first[2];
    hd_judged judged[2] = {{0}, {0}};
    worsen(checking, hd_round_load(round, step, false, records));
    worsen(checking, hd_round_load(round->first, step, false, first));
    for (size_t m = 0; m < 2; m++)
        if (records[m].hyper) judged[m] = judge_again(checking, &records[m], &first[m]);
    if (!checking->options->json) print_failures(checking, records, judged);
    for (size_t m = 0; m < 2; m++) hd_record_free(&records[m]), hd_record_free(&first[m]);
}

static void judge_round(void *context, const hd_round *round) {
    hd_checking *checking = context;
    for (size_t k = 0; k < round->subject->experiment.hyper_iterations; k++) {
        if (round->first) {
            judge_repetition(checking, round, k);
            continue;
        }
        hd_record records[2];
        hd_judged judged[2] = {{0}, {0}};
        worsen(checking, hd_round_load(round, k, true, records));
        for (size_t m = 0; m < 2; m++) {
            if (!records[m].hyper) continue;
            judged[m] = judge(checking, &records[m]);
            if (checking->records) add_record(checking, &records[m]);
        }
        bool some = records[0].hyper || records[1].hyper;
        if (some && !checking->options->json) {
            if (checking->options->quiet)
                print_failures(checking, records, judged);
            else
                print_step(checking, records, judged);
        }
        hd_record_free(&records[0]);
        hd_record_free(&records[1]);
    }
}

static void note_skip(void *context, const char *what, const char *why) {
    hd_checking *checking = context;
    hd_error error;
    if (hd_entry_add_skip(checking->keeping.entry, what, why, &error) != HD_OK) complain(checking, &error);
    hd_skip *skips = realloc(checking->skips, (checking->skip_count + 1) * sizeof *skips);
    if (!skips) return;
    checking->skips = skips;
    hd_skip *skip = &skips[checking->skip_count++];
    snprintf(skip->what, sizeof skip->what, "%s", what);
    snprintf(skip->why, sizeof skip->why, "%s", why);
}

static void note_failure(void *context, const char *message) {
    count_failure(context, message);
}

/* --- the end --- */

typedef struct hd_totals {
    size_t passed, failed, known;
} hd_totals;

static hd_totals totals(const hd_checking *checking) {
    hd_totals sum = {0, checking->failed_runs, 0};
    for (size_t i = 0; i < checking->count; i++) {
        const hd_verdict *v = &checking->verdicts[i];
        sum.passed += v->count - v->failures;
        sum.failed += v->failures + (v->count == 0) + v->no_memory;
        sum.known += v->known;
    }
    return sum;
}

static void print_totals(const hd_checking *checking, hd_totals sum) {
    size_t of_2017 = 0, reproduced = 0;
    for (size_t i = 0; i < checking->trace.count; i++) {
        of_2017 += checking->seen[i];
        reproduced += checking->seen[i] && !checking->missed[i];
    }
    for (size_t i = 0; i < checking->skip_count; i++)
        printf("skipped: %s: %s\n", checking->skips[i].what, checking->skips[i].why);
    if (of_2017)
        printf("%s%zu of %zu records of 2017 reproduced%s (the trace holds %zu)\n",
               hd_report_colour(stdout, reproduced == of_2017 ? "green" : "red"), reproduced, of_2017,
               hd_report_plain(stdout), checking->trace.count);
    if (sum.known)
        printf("%zu figure%s within a stated allowance (known, see above)\n", sum.known,
               sum.known == 1 ? "" : "s");
    if (checking->options->no_bits) puts("the goldens' bits were left aside (--no-bits)");
    hd_keeping_print(stdout, &checking->keeping);
    printf("%zu passed, %zu failed, %zu skipped\n", sum.passed, sum.failed, checking->skip_count);
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

static void print_json(const hd_checking *checking, hd_totals sum) {
    json_t *quantities = json_array(), *skipped = json_array();
    for (size_t i = 0; i < checking->count; i++) add_quantities(&checking->verdicts[i], quantities);
    for (size_t i = 0; i < checking->skip_count; i++)
        json_array_append_new(skipped, json_pack("{ssss}", "what", checking->skips[i].what, "why",
                                                 checking->skips[i].why));
    json_t *document =
        json_pack("{sssssbsisisOsoso}", "format", "hyperdrift-check/1", "verdict",
                  sum.failed || !sum.passed ? "fail" : "pass", "bits", !checking->options->no_bits, "passed",
                  (int)sum.passed, "failed", (int)sum.failed, "records", checking->records, "quantities",
                  quantities, "skipped", skipped);
    hd_keeping_put(document, &checking->keeping);
    json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    putchar('\n');
    json_decref(document);
}

static void append_to_history(hd_checking *checking, hd_totals sum) {
    hd_error error;
    hd_entry_conclude(checking->keeping.entry, checking->status, sum.passed, sum.failed, sum.known,
                      checking->skip_count);
    if (hd_keeping_end(&checking->keeping, &error) != HD_OK) complain(checking, &error);
    if (checking->keeping.kept.clock_back) worsen(checking, HD_UNAVAILABLE);
}

static void conclude(hd_checking *checking) {
    hd_totals sum = totals(checking);
    hd_error error;
    if (checking->options->junit &&
        hd_junit_write(checking->options->junit, checking->verdicts, checking->count, checking->skips,
                       checking->skip_count, checking->failed_runs, &error) != HD_OK)
        complain(checking, &error);
    if (sum.failed) worsen(checking, HD_DIFFERENT);
    if (!sum.failed && !sum.passed && checking->status == HD_OK) {
        hd_fail(&error, HD_DIFFERENT, "check: nothing was compared");
        complain(checking, &error);
    }
    append_to_history(checking, sum);
    if (checking->options->json)
        print_json(checking, sum);
    else
        print_totals(checking, sum);
}

static void load_trace(hd_checking *checking) {
    char folder[PATH_MAX];
    hd_error error;
    snprintf(folder, sizeof folder, "%s/golden/trace-2017", hd_data_root());
    if (access(folder, F_OK) != 0) return; /* another root may do without the trace */
    if (hd_trace_load(folder, &checking->trace, &error) != HD_OK) {
        complain(checking, &error);
        count_failure(checking, error.message);
    }
    checking->seen = calloc(checking->trace.count + 1, sizeof *checking->seen);
    checking->missed = calloc(checking->trace.count + 1, sizeof *checking->missed);
    if (!checking->seen || !checking->missed) hd_trace_free(&checking->trace);
}

static void run_all(hd_checking *checking) {
    const hd_options *options = checking->options;
    hd_listener listener = {judge_round, note_skip, note_failure, checking};
    hd_error error;
    char **names = NULL;
    size_t count = options->word_count;
    load_trace(checking);
    if (count == 0 && hd_experiment_list(&names, &count, &error) != HD_OK)
        complain(checking, &error);
    else
        worsen(checking, hd_rounds(options, names ? names : options->words, count, &listener));
    conclude(checking);
    free(names);
}

hd_status hd_command_check(const hd_options *options) {
    hd_checking checking = {.options = options, .records = options->json ? json_array() : NULL};
    hd_error error;
    if (hd_keeping_begin(&checking.keeping, options, &error) == HD_OK)
        run_all(&checking);
    else
        complain(&checking, &error);
    for (size_t i = 0; i < checking.count; i++) hd_verdict_free(&checking.verdicts[i]);
    hd_trace_free(&checking.trace);
    json_decref(checking.records);
    free(checking.verdicts);
    free(checking.skips);
    free(checking.seen);
    free(checking.missed);
    hd_keeping_free(&checking.keeping);
    return checking.status;
}
