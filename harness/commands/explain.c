/* hyperdrift explain trace-2017: finds what made the records of 2017 differ, by running variants. */
#include "drift/explain.h"
#include "base/json.h"
#include "base/suggestion.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "drift/lockstep.h"
#include "run/loaded_experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The components to try: all that could differ between two devices of 2017 and that this program can swap. */
static const char *const offered[] = {"fill=tf-gpu-2017", "powf=titan-x-2017"};
enum { OFFERED = sizeof offered / sizeof *offered };

typedef struct hd_explaining {
    hd_trace trace;
    hd_explainer explainer;
    hd_explanation *of; /* [trace.count] */
    bool json;          /* prints JSON, not text */
} hd_explaining;

static void say(const hd_explaining *x, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const hd_explaining *x, const char *format, ...) {
    va_list arguments;
    if (x->json) return;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}

/* --- which component made which record --- */

/* The printed record of the same hyper-iteration and mode from the first execution, which we take for the
 * plain one. */
static const hd_trace_record *counterpart(const hd_explaining *x, const hd_trace_record *printed) {
    for (size_t i = 0; i < x->trace.count; i++) {
        const hd_trace_record *r = &x->trace.records[i];
        if (r->step == printed->step && r->mode == printed->mode &&
            !strcmp(r->experiment, x->trace.records[0].experiment))
            return r;
    }
    return NULL;
}

static size_t words_of(const hd_explanation *e, size_t count, const char *words[HD_EXPLAIN_WORDS]) {
    for (size_t i = 0; i < count; i++) words[i] = e->word[i];
    return count;
}

/* The share of the printed difference to the counterpart that is left with the first `words` words: the worst
 * of the hypergradients. NaN: no counterpart, or no words. */
static hd_status share_left(hd_explaining *x, const hd_explanation *e, size_t words, double *left,
                            hd_error *error) {
    const hd_trace_record *other = counterpart(x, e->printed);
    const hd_record *record;
    const char *found[HD_EXPLAIN_WORDS];
    *left = NAN;
    if (!other || other == e->printed || words == 0) return HD_OK;
    hd_status status =
        hd_explainer_record(&x->explainer, e->printed, found, words_of(e, words, found), &record, error);
    if (status != HD_OK) return status;
    *left = 0;
    for (size_t j = 0; j < record->hypers; j++) {
        double whole = e->printed->hyper[j].hypergradient - other->hyper[j].hypergradient;
        double rest = e->printed->hyper[j].hypergradient - record->hyper[j].hypergradient;
        *left = fmax(*left, fabs(rest / whole));
    }
    return HD_OK;
}

static double distance_left(const hd_explanation *e) {
    return e->count ? e->distance[e->count - 1] : e->before;
}

static hd_status explain_record(hd_explaining *x, size_t i, json_t *list, hd_error *error) {
    hd_explanation *e = &x->of[i];
    const hd_trace_record *printed = &x->trace.records[i];
    hd_status status = hd_explain(&x->explainer, printed, offered, OFFERED, e, error);
    if (status != HD_OK) return status;
    say(x, "  %2zu  %-29s %15zu  %-8s%11.3g", i, printed->heading, printed->step, hd_mode_name(printed->mode),
        e->before);
    json_t *words = json_array();
    for (size_t w = 0; status == HD_OK && w < e->count; w++) {
        double left;
        status = share_left(x, e, w + 1, &left, error);
        say(x, "   %s: %.3g", e->word[w], e->distance[w]);
        if (!isnan(left)) say(x, " (%.2g%% left)", 100 * left);
        json_array_append_new(words, json_pack("{sssfso}", "word", e->word[w], "distance", e->distance[w],
                                               "left", isnan(left) ? json_null() : json_real(left)));
    }
    bool explained = distance_left(e) <= 1;
    say(x, "%s\n", !explained ? "   not explained" : e->count ? "" : "   as it stands");
    json_array_append_new(list, json_pack("{sisssisssfsosb}", "record", (int)i, "heading", printed->heading,
                                          "step", (int)printed->step, "mode", hd_mode_name(printed->mode),
                                          "as_it_stands", e->before, "words", words, "explained", explained));
    return status;
}

/* --- where the words act --- */

/* Runs a single training step with and without one of a record's words (the words before it stay), and
 * reports where the two part. */
static hd_status locate(hd_explaining *x, const hd_explanation *e, size_t word, json_t *list,
                        hd_error *error) {
    static hd_variant with, without;
    const char *words[HD_EXPLAIN_WORDS + 1] = {"training.steps=1"};
    const hd_drift_side sides[2] = {{.variant = &without}, {.variant = &with}};
    hd_drift drift = {.compared = 0};
    words_of(e, word + 1, words + 1);
    hd_status status = hd_variant_make(x->explainer.experiment, words, word + 2, &with, error);
    if (status == HD_OK) status = hd_variant_make(x->explainer.experiment, words, word + 1, &without, error);
    unsigned kinds = 1u << HD_WEIGHTS | 1u << HD_HYPERPARAMETERS;
    if (status == HD_OK) status = hd_lockstep(sides, kinds, false, &drift, error);
    const hd_site *site = status == HD_OK ? hd_drift_first(&drift) : NULL;
    if (site && site->found) {
        const hd_elements *range = &site->difference.ranges[0];
        say(x, "  %-18s first differs in hyper-iteration %u, %s: %s, elements %zu..%zu", e->word[word],
            site->place.iteration, site->part.phase, site->part.name, range->from, range->to);
        if (!strcmp(site->part.phase, "initial weights"))
            say(x, " (groups %zu..%zu of four)", range->from / 4, range->to / 4);
        say(x, "\n");
        json_array_append_new(list, json_pack("{sssisisssss[[ii]]}", "word", e->word[word], "iteration",
                                              (int)site->place.iteration, "step", (int)site->place.step,
                                              "phase", site->part.phase, "tensor", site->part.name,
                                              "elements", (int)range->from, (int)range->to));
    }
    hd_drift_free(&drift);
    return status;
}

static hd_status locate_words(hd_explaining *x, json_t *list, hd_error *error) {
    const char *located[HD_EXPLAIN_WORDS * 4];
    size_t count = 0;
    hd_status status = HD_OK;
    for (size_t i = 0; i < x->trace.count; i++)
        for (size_t w = 0; status == HD_OK && w < x->of[i].count; w++) {
            bool known = count == sizeof located / sizeof *located;
            for (size_t k = 0; k < count && !known; k++) known = !strcmp(located[k], x->of[i].word[w]);
            if (known) continue;
            located[count++] = x->of[i].word[w];
            status = locate(x, &x->of[i], w, list, error);
        }
    return status;
}

/* --- what no component explains --- */

static void tell_unexplained(hd_explaining *x, json_t *list) {
    for (size_t i = 0; i < x->trace.count; i++) {
        const hd_explanation *e = &x->of[i];
        if (distance_left(e) <= 1) continue;
        if (!json_array_size(list)) say(x, "\nWhat no setting explains:\n");
        say(x, "  record %zu, %s: printed minus computed is %+.3g\n", e->printed->record, e->quantity,
            e->gap);
        json_array_append_new(list, json_pack("{sisssf}", "record", (int)e->printed->record, "quantity",
                                              e->quantity, "gap", e->gap));
    }
}

/* --- the command --- */

static hd_status explain(hd_explaining *x, hd_error *error) {
    json_t *records = json_array(), *places = json_array(), *open = json_array();
    hd_status status = HD_OK;
    say(x,
        "The worst figure of each record, as a share of its tolerance: with %s as it\n"
        "stands, then with the settings that bring it nearest, added one by one (in brackets:\n"
        "what is left of the printed difference to the CPU's record).\n\n",
        x->explainer.experiment);
    say(x, "  %2s  %-29s %15s  %-8s%11s\n", "", "execution", "hyper-iteration", "mode", "as is");
    for (size_t i = 0; status == HD_OK && i < x->trace.count; i++)
        status = explain_record(x, i, records, error);
    say(x, "\nWhere each setting acts:\n");
    if (status == HD_OK) status = locate_words(x, places, error);
    if (status == HD_OK) tell_unexplained(x, open);
    json_t *document = json_pack("{sososo}", "records", records, "places", places, "open", open);
    if (status == HD_OK && x->json)
        hd_document_print(document, 17);
    else
        json_decref(document);
    return status;
}

static hd_status load(const char *name, hd_trace *trace, hd_error *error) {
    char folder[PATH_MAX];
    hd_suggestion known = {.word = name};
    hd_suggestion_add(&known, "trace-2017");
    snprintf(folder, sizeof folder, "%s/golden/%s", hd_data_root(), name);
    if (access(folder, F_OK) == 0) return hd_trace_load(folder, trace, error);
    return hd_fail(error, HD_INVALID, "%.300s: no such folder; allowed: %s", folder,
                   hd_suggestion_text(&known));
}

hd_status hd_command_explain(const hd_options *options) {
    hd_explaining x = {.json = options->json};
    hd_error error;
    hd_status status = load(options->words[0], &x.trace, &error);
    if (status == HD_OK) {
        x.explainer.experiment = x.trace.records[0].experiment;
        x.of = calloc(x.trace.count, sizeof *x.of);
        status = x.of ? explain(&x, &error)
                      : hd_fail(&error, HD_UNAVAILABLE, "no memory to explain %s", options->words[0]);
    }
    hd_explainer_free(&x.explainer);
    hd_trace_free(&x.trace);
    free(x.of);
    return status == HD_OK ? HD_OK : hd_terminal_complain(HD_OK, &error);
}
