#include "judge/verdict.h"

#include "base/json.h"
#include "base/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hd_verdict_head(hd_verdict *verdict, const hd_record *record, const char *against) {
    bool usual = strcmp(record->arithmetic, "exact") == 0 || strcmp(record->arithmetic, "float64") == 0 ||
                 strcmp(record->arithmetic, "long double") == 0;
    snprintf(verdict->experiment, sizeof verdict->experiment, "%s", record->experiment);
    verdict->step = record->step;
    verdict->mode = record->mode;
    snprintf(verdict->device, sizeof verdict->device, "%s%s%s", record->device, usual ? "" : "-",
             usual ? "" : record->arithmetic);
    snprintf(verdict->against, sizeof verdict->against, "%s", against);
}

void hd_verdict_free(hd_verdict *verdict) {
    free(verdict->judgements);
    *verdict = (hd_verdict){0};
}

bool hd_verdict_passes(const hd_verdict *verdict) {
    return verdict->count > 0 && verdict->failures == 0 && !verdict->no_memory;
}

const hd_judgement *hd_verdict_worst(const hd_verdict *verdict) {
    return verdict->count ? &verdict->judgements[verdict->worst] : NULL;
}

const char *hd_outcome_name(hd_outcome outcome) {
    static const char *const names[] = {[HD_PASS] = "pass", [HD_FAIL] = "fail", [HD_KNOWN] = "known"};
    return names[outcome];
}

const char *hd_measure_name(hd_measure measure) {
    return measure == HD_RELATIVE ? "relative" : "absolute";
}

/* ---- JSON ---- */

static json_t *judgement_json(const hd_judgement *judgement, hd_builder *builder) {
    json_t *object = json_object();
    hd_build_text(builder, object, "name", judgement->name);
    if (judgement->element[0]) hd_build_text(builder, object, "element", judgement->element);
    hd_build_number(builder, object, "value", judgement->value);
    hd_build_number(builder, object, "expected", judgement->expected);
    hd_build_text(builder, object, "measure", hd_measure_name(judgement->measure));
    hd_build_number(builder, object, "tolerance", judgement->tolerance);
    hd_build_number(builder, object, "error", judgement->error);
    hd_build_number(builder, object, "relative", judgement->relative);
    hd_build_number(builder, object, "ulps", judgement->ulps);
    hd_build_number(builder, object, "budget_used", judgement->budget_used);
    hd_build_text(builder, object, "verdict", hd_outcome_name(judgement->outcome));
    if (judgement->note[0]) hd_build_text(builder, object, "note", judgement->note);
    return object;
}

json_t *hd_verdict_json(const hd_verdict *verdict) {
    hd_builder builder = {0};
    json_t *root = json_object();
    hd_build_text(&builder, root, "verdict", hd_verdict_passes(verdict) ? "pass" : "fail");
    hd_build_text(&builder, root, "experiment", verdict->experiment);
    hd_build_size(&builder, root, "step", verdict->step);
    hd_build_text(&builder, root, "mode", hd_mode_name(verdict->mode));
    hd_build_text(&builder, root, "device", verdict->device);
    hd_build_text(&builder, root, "against", verdict->against);
    hd_build_size(&builder, root, "failures", verdict->failures);
    hd_build_size(&builder, root, "known", verdict->known);
    json_t *quantities = hd_build(&builder, root, "quantities", json_array());
    for (size_t i = 0; i < verdict->count; i++)
        hd_build_element(&builder, quantities, judgement_json(&verdict->judgements[i], &builder));
    if (builder.status == HD_OK) return root;
    json_decref(root);
    return NULL;
}

bool hd_judgement_worse(const hd_judgement *a, const hd_judgement *b) {
    if (a->budget_used != b->budget_used) return a->budget_used > b->budget_used;
    return a->budget_used > 1 && a->relative > b->relative;
}

void hd_verdict_append(hd_verdict *verdict, const hd_judgement *judgement) {
    hd_judgement *added = hd_list_add(&verdict->judgements, &verdict->count, sizeof *added);
    verdict->no_memory |= !added;
    if (!added) return;
    *added = *judgement;
    if (hd_judgement_worse(added, &verdict->judgements[verdict->worst])) verdict->worst = verdict->count - 1;
    verdict->failures += judgement->outcome == HD_FAIL;
}
