#include "drift/explain.h"

#include "base/list.h"
#include "run/variant_results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* We take a word if it brings the worst figure at least twice as near. */
#define NEARER 0.5

struct hd_attempt {
    char text[512];   /* hd_variant_text */
    hd_status status; /* HD_INVALID: these words exclude each other */
    hd_variant_results results;
};

/* --- runs --- */

/* Finds the attempt with these words, or runs it. Its status is HD_INVALID if they exclude each other. */
static hd_status attempt(hd_explainer *x, const char *const *words, size_t count, struct hd_attempt **found,
                         hd_error *error) {
    static hd_variant variant; /* large */
    struct hd_attempt made = {.status = hd_variant_make(x->experiment, words, count, &variant, error)};
    if (made.status != HD_OK && made.status != HD_INVALID) return made.status;
    hd_variant_text(&variant, made.text, sizeof made.text);
    for (size_t i = 0; i < x->count; i++)
        if (!strcmp(x->attempts[i].text, made.text)) {
            *found = &x->attempts[i];
            return HD_OK;
        }
    *found = hd_list_add(&x->attempts, &x->count, sizeof **found);
    if (!*found) return hd_fail(error, HD_UNAVAILABLE, "no memory for an attempt");
    **found = made;
    return made.status == HD_OK ? hd_variant_results_compute(&variant, NULL, 0, &(*found)->results, error)
                                : HD_OK;
}

void hd_explainer_free(hd_explainer *explainer) {
    for (size_t i = 0; i < explainer->count; i++) hd_variant_results_free(&explainer->attempts[i].results);
    free(explainer->attempts);
    *explainer = (hd_explainer){.experiment = NULL};
}

/* --- distances --- */

static bool is_count(const char *quantity) {
    return strstr(quantity, "accuracy") != NULL;
}

/* The worst figure's share of its tolerance, without the printed record's allowances. */
static double distance(const hd_trace_record *printed, const hd_record *record, hd_judgement *worst) {
    hd_trace_record bare = *printed;
    hd_verdict verdict = {0};
    double most = 0;
    bare.allowances = 0;
    hd_trace_judge(&bare, record, &verdict);
    for (size_t i = 0; i < verdict.count; i++) {
        const hd_judgement *j = &verdict.judgements[i];
        if (is_count(j->name) || j->budget_used <= most) continue;
        most = j->budget_used;
        *worst = *j;
    }
    hd_verdict_free(&verdict);
    return most;
}

/* The words with the mode's before them. */
static size_t with_mode(const hd_trace_record *printed, const char *const *words, size_t count,
                        const char *out[HD_EXPLAIN_WORDS + 2]) {
    out[0] = printed->mode == HD_FORWARD ? "mode=forward" : "mode=reverse";
    for (size_t i = 0; i < count; i++) out[i + 1] = words[i];
    return count + 1;
}

hd_status hd_explainer_record(hd_explainer *explainer, const hd_trace_record *printed,
                              const char *const *words, size_t count, const hd_record **record,
                              hd_error *error) {
    const char *all[HD_EXPLAIN_WORDS + 2];
    struct hd_attempt *found = NULL;
    hd_status status = attempt(explainer, all, with_mode(printed, words, count, all), &found, error);
    *record = status == HD_OK && printed->step < found->results.count ? &found->results.records[printed->step]
                                                                      : NULL;
    return status;
}

/* --- the search --- */

/* Words of one key exclude each other. */
static bool same_key(const char *a, const char *b) {
    size_t length = strcspn(a, "=");
    return !strncmp(a, b, length) && b[length] == '=';
}

static bool is_used(const hd_explanation *e, const char *word) {
    for (size_t i = 0; i < e->count; i++)
        if (same_key(e->word[i], word)) return true;
    return false;
}

static hd_status try_word(hd_explainer *x, const hd_explanation *e, const char *word, double *result,
                          hd_judgement *worst, hd_error *error) {
    const char *words[HD_EXPLAIN_WORDS];
    const hd_record *record;
    for (size_t i = 0; i < e->count; i++) words[i] = e->word[i];
    words[e->count] = word;
    hd_status status = hd_explainer_record(x, e->printed, words, e->count + (word != NULL), &record, error);
    *result = status == HD_OK && record ? distance(e->printed, record, worst) : INFINITY;
    return status;
}

hd_status hd_explain(hd_explainer *explainer, const hd_trace_record *printed, const char *const *offered,
                     size_t count, hd_explanation *explanation, hd_error *error) {
    char race[HD_LABEL];
    hd_judgement worst = {.name = ""};
    double now;
    *explanation = (hd_explanation){.printed = printed};
    snprintf(race, sizeof race, "fill-race=%zu", printed->step);
    hd_status status = try_word(explainer, explanation, NULL, &now, &worst, error);
    explanation->before = now;
    while (status == HD_OK && !(now <= 1) && explanation->count < HD_EXPLAIN_WORDS) {
        const char *best = NULL;
        double nearest = now * NEARER;
        for (size_t i = 0; status == HD_OK && i <= count; i++) {
            const char *word = i < count ? offered[i] : race;
            hd_judgement left = {.name = ""};
            double with;
            if (is_used(explanation, word)) continue;
            status = try_word(explainer, explanation, word, &with, &left, error);
            if (with < nearest) nearest = with, best = word, worst = left;
        }
        if (!best) break;
        snprintf(explanation->word[explanation->count], sizeof explanation->word[explanation->count], "%s",
                 best);
        explanation->distance[explanation->count++] = now = nearest;
    }
    snprintf(explanation->quantity, sizeof explanation->quantity, "%s", worst.name);
    explanation->gap = worst.expected - worst.value;
    return status;
}
