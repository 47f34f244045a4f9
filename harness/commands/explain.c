/* hyperdrift explain trace-2017: what made the records of 2017 differ, found by running variants. */
#include "drift/explain.h"
#include "base/suggestion.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "drift/near_kinks.h"
#include "experiment/experiment.h"
#include "run/loaded_experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The components offered: every one that could differ between two devices of 2017 and this program can swap.
 */
static const char *const offered[] = {"fill=tf-gpu-2017", "powf=titan-x-2017"};
enum { OFFERED = sizeof offered / sizeof *offered, LARGEST_SET = 16 };

typedef struct hd_explaining {
    const hd_options *options;
    hd_trace trace;
    hd_explainer explainer;
    hd_explanation *of; /* [trace.count] */
    json_t *document;   /* for --json, else NULL */
} hd_explaining;

static void put(json_t *object, const char *key, json_t *value) {
    if (object)
        json_object_set_new(object, key, value);
    else
        json_decref(value);
}

static void say(const hd_explaining *x, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const hd_explaining *x, const char *format, ...) {
    va_list arguments;
    if (x->document) return;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}

/* --- which component made which record --- */

/* The record printed by the execution taken for the plain one, of the same hyper-iteration and mode. */
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

/* Of the printed difference to the counterpart, what is left with the words found: its worst share over the
 * hypergradients. NaN: it has no counterpart, or nothing was found. */
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

static hd_status explain_record(hd_explaining *x, size_t i, json_t *list, hd_error *error) {
    hd_explanation *e = &x->of[i];
    const hd_trace_record *printed = &x->trace.records[i];
    hd_status status = hd_explain(&x->explainer, printed, offered, OFFERED, e, error);
    if (status != HD_OK) return status;
    say(x, "  %2zu  %-29s %4zu  %-8s%11.3g", i, printed->heading, printed->step, hd_mode_name(printed->mode),
        e->before);
    json_t *json =
        json_pack("{sisssisssf}", "record", (int)i, "heading", printed->heading, "step", (int)printed->step,
                  "mode", hd_mode_name(printed->mode), "as_it_stands", e->before);
    json_t *words = json_array();
    for (size_t w = 0; status == HD_OK && w < e->count; w++) {
        double left;
        status = share_left(x, e, w + 1, &left, error);
        say(x, "   %s: %.3g", e->word[w], e->distance[w]);
        if (!isnan(left)) say(x, " (%.2g%% left)", 100 * left);
        json_array_append_new(words, json_pack("{sssfso}", "word", e->word[w], "distance", e->distance[w],
                                               "left", isnan(left) ? json_null() : json_real(left)));
    }
    double last = e->count ? e->distance[e->count - 1] : e->before;
    say(x, "%s\n", !(last <= 1) ? "   not explained" : e->count ? "" : "   as it stands");
    put(json, "words", words);
    put(json, "explained", json_boolean(last <= 1));
    json_array_append_new(list, json);
    return status;
}

/* --- where the words act --- */

/* Runs a single training step with and without one of a record's words, those before it being there, and says
 * where the two part. */
static hd_status locate(hd_explaining *x, const hd_explanation *e, size_t word, json_t *list,
                        hd_error *error) {
    static hd_variant with, without;
    const char *words[HD_EXPLAIN_WORDS + 1];
    hd_drift drift = {.compared = 0};
    words[0] = "training.steps=1";
    words_of(e, word + 1, words + 1);
    hd_status status = hd_variant_make(x->explainer.experiment, words, word + 2, &with, error);
    if (status == HD_OK) status = hd_variant_make(x->explainer.experiment, words, word + 1, &without, error);
    unsigned kinds = 1u << HD_WEIGHTS | 1u << HD_HYPERPARAMETERS;
    if (status == HD_OK) status = hd_lockstep(&without, &with, kinds, false, &drift, error);
    if (status == HD_OK && drift.first.found) {
        const hd_site *site = &drift.first;
        const hd_elements *range = &site->divergence.ranges[0];
        say(x, "  %-18s parts in hyper-iteration %u, %s: %s, elements %zu..%zu", e->word[word],
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

/* The hyperparameter of a quantity "hypergradient NAME"; SIZE_MAX: it is none. */
static size_t hyper_of(const hd_trace_record *printed, const char *quantity) {
    static const char before[] = "hypergradient ";
    for (size_t j = 0; !strncmp(quantity, before, sizeof before - 1) && j < printed->hypers; j++)
        if (!strcmp(printed->hyper[j].name, quantity + sizeof before - 1)) return j;
    return SIZE_MAX;
}

typedef struct hd_sets {
    const hd_near_kinks *reach;
    size_t order[HD_MOST_NEAR], count; /* decisions by worth, the largest first */
    size_t hyper, hypers;
    double gap, allowed; /* in the hypergradient in question */
    size_t found, smallest, best_set;
    double nearest;
} hd_sets;

/* What a set changes in the other hypergradients, relatively, at most. */
static double side_effect(const hd_sets *s, size_t set) {
    double worst = 0;
    for (size_t j = 0; j < s->hypers; j++) {
        double sum = 0;
        for (size_t i = 0; i < s->count; i++)
            if (set >> i & 1) sum += s->reach->of[s->order[i]].worth[j];
        if (j != s->hyper) worst = fmax(worst, fabs(sum / s->reach->hypergradient[j]));
    }
    return worst;
}

/* Every set of the decisions worth most whose sum fills the gap and leaves the other figures in agreement. */
static void search_sets(hd_sets *s, double agreement) {
    s->nearest = INFINITY;
    for (size_t set = 1; set < (size_t)1 << s->count; set++) {
        double sum = 0;
        for (size_t i = 0; i < s->count; i++)
            if (set >> i & 1) sum += s->reach->of[s->order[i]].worth[s->hyper];
        double off = fabs(sum - s->gap);
        if (!(off <= s->allowed) || !(side_effect(s, set) <= agreement)) continue;
        s->found++;
        size_t size = (size_t)__builtin_popcountll(set);
        if (s->smallest == 0 || size < s->smallest || (size == s->smallest && off < s->nearest))
            s->smallest = size, s->best_set = set, s->nearest = off;
    }
}

static double all_together(const hd_sets *s) {
    double sum = 0;
    for (size_t i = 0; i < s->reach->count; i++) sum += s->reach->of[i].worth[s->hyper];
    return sum;
}

static void order_by_worth(hd_sets *s) {
    for (size_t i = 0; i < s->reach->count; i++) {
        size_t at = i;
        double worth = fabs(s->reach->of[i].worth[s->hyper]);
        for (; at > 0 && fabs(s->reach->of[s->order[at - 1]].worth[s->hyper]) < worth; at--)
            s->order[at] = s->order[at - 1];
        s->order[at] = i;
    }
    s->count = s->reach->count < LARGEST_SET ? s->reach->count : LARGEST_SET;
}

static json_t *decision_json(const hd_near_kink *near, double worth) {
    return json_pack("{sssisisisisisfsfsf}", "kind", hd_crossing_name(near->event.kind), "step",
                     (int)near->event.step, "layer", (int)near->event.layer, "row", (int)near->event.row,
                     "unit", (int)near->event.unit, "seen", (int)near->seen, "a", near->event.a, "b",
                     near->event.b, "worth", worth);
}

static void print_decisions(const hd_explaining *x, const hd_sets *s, json_t *list) {
    say(x, "  %-6s %5s %6s %8s %6s %6s %12s %12s %14s\n", "kind", "step", "layer", "row", "unit", "seen",
        "as it stands", "otherwise", "worth");
    for (size_t i = 0; i < s->reach->count; i++) {
        const hd_near_kink *near = &s->reach->of[s->order[i]];
        double worth = near->worth[s->hyper];
        if (i < LARGEST_SET)
            say(x, "  %-6s %5u %6u %8u %6u %3zu/%zu %12.3g %12.3g %+14.3g\n",
                hd_crossing_name(near->event.kind), near->event.step, near->event.layer, near->event.row,
                near->event.unit, near->seen, s->reach->replicas, near->event.a, near->event.b, worth);
        json_array_append_new(list, decision_json(near, worth));
    }
    if (s->reach->count > LARGEST_SET) say(x, "  (%zu more, worth less)\n", s->reach->count - LARGEST_SET);
}

/* How far apart, relatively, the record's other hypergradients are from ours: what counts as agreement. */
static double other_figures(const hd_trace_record *printed, const hd_near_kinks *reach, size_t hyper) {
    double worst = 0;
    for (size_t j = 0; j < printed->hypers; j++)
        if (j != hyper)
            worst = fmax(worst, fabs(printed->hyper[j].hypergradient / reach->hypergradient[j] - 1));
    return worst;
}

static hd_status weigh_decisions(hd_explaining *x, const hd_explanation *e, json_t *list, hd_error *error) {
    static hd_variant variant;
    const hd_trace_record *printed = e->printed;
    size_t hyper = hyper_of(printed, e->quantity);
    char iterations[64];
    hd_near_kinks reach = {.count = 0};
    if (hyper == SIZE_MAX) return HD_OK;
    snprintf(iterations, sizeof iterations, "experiment.hyper-iterations=%zu", printed->step + 1);
    const char *words[] = {iterations};
    hd_status status = hd_variant_make(x->explainer.experiment, words, 1, &variant, error);
    if (status != HD_OK) return status;
    hd_hyperparameter h = variant.experiment.hyper[hyper];
    say(x,
        "\nRecord %zu: %s, printed %.8g, %+.3g from what no component explains.\nDecisions at kinks that "
        "random rounding turns in %zu replica%s, and what each is worth in it:\n",
        printed->record, e->quantity, printed->hyper[hyper].hypergradient, e->gap, x->options->replicas,
        x->options->replicas == 1 ? "" : "s");
    status = hd_near_kinks_measure(&variant, printed->step, h.kind == HD_RHO_L1 ? h.layer : SIZE_MAX,
                                   x->options->replicas, &reach, error);
    if (status == HD_OK) {
        double agreement = fmax(other_figures(printed, &reach, hyper), 1e-6);
        hd_sets sets = {.reach = &reach,
                        .hyper = hyper,
                        .hypers = printed->hypers,
                        .gap = printed->hyper[hyper].hypergradient - reach.hypergradient[hyper],
                        .allowed = agreement * fabs(reach.hypergradient[hyper])};
        order_by_worth(&sets);
        search_sets(&sets, 2e-5);
        json_t *decisions = json_array();
        print_decisions(x, &sets, decisions);
        say(x,
            "The gap is %+.3g; the record's other hypergradients agree within %.2g, so %.2g of it may "
            "remain.\n",
            sets.gap, agreement, sets.allowed);
        if (sets.found)
            say(x,
                "Sets of these decisions that fill it: %zu, the smallest of %zu (off by %.2g): possible, not "
                "proved.\n",
                sets.found, sets.smallest, sets.nearest);
        else
            say(x,
                "No set of the %zu decisions worth most fills it, and all %zu together move it by %+.2g.\n",
                sets.count, reach.count, all_together(&sets));
        json_t *set = json_array();
        for (size_t i = 0; i < sets.count; i++)
            if (sets.best_set >> i & 1) json_array_append_new(set, json_integer((json_int_t)i));
        json_array_append_new(list,
                              json_pack("{sisssfsfsososiso}", "record", (int)printed->record, "quantity",
                                        e->quantity, "gap", sets.gap, "allowed", sets.allowed, "decisions",
                                        decisions, "replicas", json_integer((json_int_t)reach.replicas),
                                        "sets", (int)sets.found, "smallest", set));
    }
    hd_near_kinks_free(&reach);
    return status;
}

/* --- the whole --- */

static hd_status explain(hd_explaining *x, hd_error *error) {
    json_t *records = json_array(), *places = json_array(), *open = json_array();
    hd_status status = HD_OK;
    say(x,
        "The worst figure of each record, as a share of its tolerance: as %s stands, and with the words that "
        "bring "
        "it\nnearest, one by one (in brackets what is left of the printed difference to the CPU's "
        "record).\n\n",
        x->explainer.experiment);
    say(x, "  %2s  %-29s %4s  %-8s%11s\n", "", "execution", "step", "mode", "as is");
    for (size_t i = 0; status == HD_OK && i < x->trace.count; i++)
        status = explain_record(x, i, records, error);
    say(x, "\nWhere each word acts:\n");
    if (status == HD_OK) status = locate_words(x, places, error);
    for (size_t i = 0; status == HD_OK && i < x->trace.count; i++) {
        const hd_explanation *e = &x->of[i];
        if (!((e->count ? e->distance[e->count - 1] : e->before) <= 1))
            status = weigh_decisions(x, e, open, error);
    }
    put(x->document, "records", records);
    put(x->document, "places", places);
    put(x->document, "open", open);
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
    hd_explaining x = {.options = options, .document = options->json ? json_object() : NULL};
    hd_error error;
    hd_status status = load(options->words[0], &x.trace, &error);
    if (status == HD_OK) {
        x.explainer.experiment = x.trace.records[0].experiment;
        x.of = calloc(x.trace.count, sizeof *x.of);
        status = x.of ? explain(&x, &error)
                      : hd_fail(&error, HD_UNAVAILABLE, "no memory to explain %s", options->words[0]);
    }
    if (status == HD_OK && x.document) {
        json_dumpf(x.document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
        putchar('\n');
    }
    json_decref(x.document);
    hd_explainer_free(&x.explainer);
    hd_trace_free(&x.trace);
    free(x.of);
    return status == HD_OK ? HD_OK : hd_terminal_complain(HD_OK, &error);
}
