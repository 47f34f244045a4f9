#include "drift/report.h"

#include "capture/capture_variant.h"

#include <math.h>

static json_t *number(double value) {
    if (isnan(value)) return json_null();
    return isinf(value) ? json_string(value > 0 ? "inf" : "-inf") : json_real(value);
}

static json_t *count(size_t value) {
    return value == SIZE_MAX ? json_null() : json_integer((json_int_t)value);
}

static void put(json_t *object, const char *key, json_t *value) {
    json_object_set_new(object, key, value);
}

static json_t *place_json(const hd_capture_info *info, const hd_place *place) {
    hd_tensor_part part = hd_place_whole(info, place, 1);
    json_t *json =
        json_pack("{sisiss}", "iteration", place->iteration, "step", place->step, "phase", part.phase);
    put(json, "tensor", json_string(part.name));
    if (place->back) put(json, "back", json_true());
    if (place->first) put(json, "first_row", json_integer(place->first));
    return json;
}

static json_t *site_json(const hd_site *site) {
    const hd_tensor_difference *d = &site->difference;
    if (!site->found) return json_null();
    json_t *ranges = json_array();
    for (size_t r = 0; r < d->range_count; r++)
        json_array_append_new(ranges,
                              json_pack("[II]", (json_int_t)d->ranges[r].from, (json_int_t)d->ranges[r].to));
    json_t *json = json_pack("{sisissss}", "iteration", site->place.iteration, "step", site->place.step,
                             "phase", site->part.phase, "tensor", site->part.name);
    if (site->place.back) put(json, "back", json_true());
    put(json, "elements", ranges);
    put(json, "gap", count(d->gap));
    hd_elements pixels;
    if (hd_site_pixels(site, &pixels))
        put(json, "pixels", json_pack("[II]", (json_int_t)pixels.from, (json_int_t)pixels.to));
    put(json, "of", count(d->elements));
    put(json, "differing", count(d->differing));
    put(json, "relative", number(d->relative));
    if (d->estimated) put(json, "estimated", json_true());
    put(json, "worst_ulps", number(d->worst_ulps));
    if (!isnan(d->worst_ulps)) {
        put(json, "worst",
            json_pack("{sIsoso}", "element", (json_int_t)d->worst, "a", number(d->worst_a), "b",
                      number(d->worst_b)));
        if (site->part.shape.to)
            put(json, "worst_at",
                json_pack("[II]", (json_int_t)(site->place.first + d->worst / site->part.shape.to),
                          (json_int_t)(d->worst % site->part.shape.to)));
    }
    return json;
}

static json_t *growth_json(const hd_drift *drift) {
    json_t *list = json_array();
    for (size_t i = 0; i < drift->grown; i++) {
        const hd_growth *g = &drift->growth[i];
        json_t *json = place_json(&drift->info[0], &g->place);
        put(json, "relative", number(g->relative));
        put(json, "residual", json_pack("{soso}", "a", number(g->residual[0]), "b", number(g->residual[1])));
        put(json, "worst_ulps", number(g->worst_ulps));
        put(json, "differing", count(g->differing));
        put(json, "of", count(g->elements));
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *by_name(const hd_capture_info *info, const double *values) {
    json_t *json = json_object();
    char name[HD_NAME];
    for (size_t j = 0; j < info->hypers; j++)
        put(json, hd_hyperparameter_name(info->hyper[j], name), number(values[j]));
    return json;
}

static json_t *share_of_event(const hd_drift *drift, const hd_diagnosis *diagnosis, size_t event) {
    for (size_t i = 0; i < diagnosis->kinks.alone_count; i++)
        if (diagnosis->kinks.alone[i].event == event)
            return by_name(&drift->info[0], diagnosis->kinks.alone[i].share);
    return json_null();
}

static json_t *events_json(const hd_drift *drift, const hd_diagnosis *diagnosis) {
    if (!drift->full) return json_null();
    json_t *list = json_array();
    for (size_t i = 0; i < drift->events.kept; i++) {
        const hd_crossing *e = &drift->events.of[i];
        json_t *json = json_pack("{ss si si si si si so so}", "kind", hd_crossing_name(e->kind), "iteration",
                                 e->iteration, "step", e->step, "layer", e->layer, "row", e->row, "unit",
                                 e->unit, "a", number(e->a), "b", number(e->b));
        put(json, "share", share_of_event(drift, diagnosis, i));
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *event_tallies_json(const hd_drift *drift) {
    if (!drift->full) return json_null();
    json_t *list = json_array();
    for (size_t i = 0; i < drift->events.tallied; i++) {
        const hd_tally *t = &drift->events.tallies[i];
        json_array_append_new(list, json_pack("{ss si si si sI}", "kind", hd_crossing_name(t->kind),
                                              "iteration", t->iteration, "step", t->step, "layer", t->layer,
                                              "count", (json_int_t)t->count));
    }
    return list;
}

static json_t *event_counts_json(const hd_drift *drift) {
    json_t *json = json_object();
    if (!drift->full) {
        json_decref(json);
        return json_null();
    }
    for (size_t k = 0; k < HD_CROSSING_KINDS; k++)
        put(json, hd_crossing_name((hd_crossing_kind)k), count(drift->events.counts[k]));
    return json;
}

static json_t *cause_json(const hd_capture_info *info, const hd_cause *cause) {
    double share[HD_MAX_HYPERS];
    for (size_t j = 0; j < info->hypers; j++) share[j] = hd_cause_share(cause, j);
    json_t *json = json_pack("{ss}", "component", cause->component);
    put(json, "share", by_name(info, share));
    put(json, "into_a", by_name(info, cause->into_a));
    put(json, "out_of_b", by_name(info, cause->out_of_b));
    return json;
}

static json_t *causes_json(const hd_drift *drift, const hd_diagnosis *diagnosis) {
    json_t *list = json_array();
    for (size_t c = 0; c < diagnosis->causes.count; c++)
        json_array_append_new(list, cause_json(&drift->info[0], &diagnosis->causes.of[c]));
    if (diagnosis->kinks.measured)
        json_array_append_new(list, cause_json(&drift->info[0], &diagnosis->kinks.together));
    return list;
}

static json_t *outcomes_json(const hd_drift *drift) {
    json_t *list = json_array();
    for (size_t k = 0; k < drift->iterations; k++) {
        const hd_iteration_drift *o = &drift->iteration[k];
        json_t *json = json_pack("{si}", "iteration", (int)k), *sides[2];
        for (size_t s = 0; s < 2; s++) {
            sides[s] = json_object();
            put(sides[s], "hypergradients", by_name(&drift->info[0], o->hypergradient[s]));
            put(sides[s], "hyperparameters", by_name(&drift->info[0], o->hyperparameter[s]));
            put(sides[s], "validation_error", number(o->evaluation[s][0]));
            put(sides[s], "correct",
                json_pack("{sisisi}", "test", (int)o->evaluation[s][1], "validation",
                          (int)o->evaluation[s][2], "training", (int)o->evaluation[s][3]));
        }
        put(json, "a", sides[0]);
        put(json, "b", sides[1]);
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *attest_json(const hd_capture_info *info, const hd_attest *attest) {
    if (!attest->compared) return json_null();
    json_t *json = json_pack("{sIsI}", "compared", (json_int_t)attest->compared, "differing",
                             (json_int_t)attest->differing);
    put(json, "first", attest->differing ? place_json(info, &attest->first) : json_null());
    return json;
}

static json_t *course_json(const hd_pairing *pairing, size_t iteration, size_t hyper) {
    const hd_pairing_iteration *of = &pairing->of[iteration];
    const hd_pairing_course *course = &of->course[hyper];
    json_t *json = json_object(), *values = json_array();
    for (size_t t = 0; t <= pairing->steps; t++)
        json_array_append_new(values, number(of->values[t * pairing->hypers + hyper]));
    put(json, "first_jump", count(course->first_jump));
    put(json, "every_step", json_boolean(course->every_step));
    put(json, "trend", number(course->trend));
    put(json, "worst", number(course->worst));
    put(json, "worst_step", count(course->worst_step));
    put(json, "values", values);
    return json;
}

static json_t *pairing_json(const hd_capture_info *info, const hd_pairing *pairing) {
    char name[HD_NAME];
    if (!pairing->of) return json_null();
    json_t *json = json_object(), *iterations = json_array();
    for (size_t i = 0; i < pairing->iterations; i++) {
        json_t *iteration = json_object(), *hypers = json_object(), *kinked = json_array();
        for (size_t j = 0; j < pairing->hypers; j++)
            put(hypers, hd_hyperparameter_name(info->hyper[j], name), course_json(pairing, i, j));
        for (size_t t = 0; t < pairing->steps; t++)
            if (pairing->of[i].kinked[t]) json_array_append_new(kinked, count(t));
        put(iteration, "iteration", count(i));
        put(iteration, "hyperparameters", hypers);
        put(iteration, "not_judged", kinked);
        json_array_append_new(iterations, iteration);
    }
    put(json, "iterations", iterations);
    put(json, "jumps", json_boolean(hd_pairing_jumps(pairing)));
    return json;
}

/* The heat as a picture: a square if it can be (28 x 28 for 784 inputs), else one row. */
static json_t *heat_json(const hd_drift *drift, size_t iteration) {
    const hd_iteration_drift *it = &drift->iteration[iteration];
    size_t inputs = drift->info[0].dims[0], side = (size_t)(sqrt((double)inputs) + 0.5);
    bool square = side * side == inputs;
    if (!it->heat[0] || !it->heat[1]) return json_null();
    json_t *json =
        json_pack("{sIsIsI}", "iteration", (json_int_t)iteration, "rows", (json_int_t)(square ? side : 1),
                  "columns", (json_int_t)(square ? side : inputs));
    static const char *const keys[2] = {"start", "end"};
    for (size_t w = 0; w < 2; w++) {
        json_t *values = json_array();
        for (size_t i = 0; i < inputs; i++) json_array_append_new(values, number(it->heat[w][i]));
        put(json, keys[w], values);
    }
    return json;
}

/* --- verdicts and findings --- */

static json_t *finding_json(const hd_drift *drift, const hd_finding_group *group) {
    static const char *const kinds[] = {"none", "not finite", "element", "together", "leaning"};
    const hd_finding *f = group->first;
    const hd_rounding_test *t = &f->test;
    char text[HD_FINDING_TEXT];
    json_t *json = json_pack("{sssisissss}", "side", group->side ? "b" : "a", "iteration", f->place.iteration,
                             "step", f->place.step, "phase", f->part.phase, "tensor", f->part.name);
    if (f->place.back) put(json, "back", json_true());
    put(json, "kind", json_string(kinds[t->excess]));
    put(json, "text", json_string(hd_finding_text(f, &drift->info[group->side], text)));
    put(json, "places", count(group->count));
    put(json, "last_step", json_integer(group->last.step));
    put(json, "of", count(t->count));
    put(json, "beyond", count(t->beyond));
    if (t->excess == HD_ELEMENT_TOO_FAR || t->excess == HD_NOT_FINITE_THERE) {
        put(json, "elements", json_pack("[[II]]", (json_int_t)t->first, (json_int_t)t->last));
        put(json, "worst",
            json_pack("{sIsoso}", "element", (json_int_t)t->worst, "is", number(t->is), "expected",
                      number(t->expected)));
    }
    put(json, "times", number(t->excess == HD_LEANING ? f->leaning_deviations : t->furthest));
    put(json, "relative", number(t->relative));
    put(json, "log10_odds", number(f->odds));
    return json;
}

static json_t *findings_json(const hd_drift *drift, const hd_diagnosis *diagnosis) {
    json_t *list = json_array();
    for (size_t g = 0; g < diagnosis->group_count; g++)
        json_array_append_new(list, finding_json(drift, &diagnosis->groups[g]));
    return list;
}

static json_t *iterations_json(const hd_drift *drift, const hd_diagnosis *diagnosis) {
    json_t *list = json_array();
    char name[HD_NAME];
    for (size_t k = 0; k < diagnosis->iteration_count; k++) {
        const hd_iteration_verdict *v = &diagnosis->iterations[k];
        const hd_iteration_drift *it = &drift->iteration[k];
        json_t *json = json_pack("{sIsssoss}", "iteration", (json_int_t)k, "verdict",
                                 hd_drift_verdict_name(v->verdict), "apart", number(v->apart), "worst",
                                 hd_hyperparameter_name(drift->info[0].hyper[v->worst], name));
        put(json, "inherited", number(v->inherited));
        put(json, "compared", count(it->compared));
        put(json, "differing", count(it->differing));
        put(json, "flips", drift->full ? count(v->flips) : json_null());
        put(json, "findings",
            json_pack("{sIsI}", "a", (json_int_t)v->findings[0], "b", (json_int_t)v->findings[1]));
        put(json, "first", site_json(&it->first));
        json_t *ulps = json_array();
        for (size_t b = 0; b < HD_ULP_BINS; b++) json_array_append_new(ulps, count(it->ulps[b]));
        put(json, "ulps", ulps);
        put(json, "reach",
            diagnosis->reach ? by_name(&drift->info[0], diagnosis->reach + k * HD_REACHES) : json_null());
        json_array_append_new(list, json);
    }
    return list;
}

/* The first tensor, of either side, that is not what its equation gives, or a digest's that rounding does not explain. */
static json_t *beyond_json(const hd_drift *drift, const hd_diagnosis *diagnosis) {
    if (diagnosis->group_count) return finding_json(drift, &diagnosis->groups[0]);
    for (size_t s = 0; s < 2; s++) {
        if (!hd_parted_too_far(drift, s)) continue;
        json_t *json = site_json(&drift->side[s].parted);
        put(json, "side", json_string(s ? "b" : "a"));
        return json;
    }
    return json_null();
}

static json_t *judged_json(const hd_drift *drift, size_t s) {
    const hd_side_judgement *side = &drift->side[s];
    json_t *json = json_pack("{sbsf}", "judged", side->judged, "elements", side->residuals.elements);
    put(json, "parted", side->parted.found ? site_json(&side->parted) : json_null());
    put(json, "why_not", json_string(side->why_not));
    return json;
}

static json_t *repeats_json(const hd_repeats *repeats) {
    return json_pack("{sIsIss}", "runs", (json_int_t)repeats->count, "differing",
                     (json_int_t)repeats->differing, "first", repeats->first);
}

static json_t *growth_rate_json(const hd_growth_rate *rate) {
    if (!rate->steps) return json_null();
    json_t *json = json_pack("{sfsfsfsf}", "rate", rate->rate, "low", rate->low, "high", rate->high, "factor",
                             rate->factor);
    put(json, "steps", count(rate->steps));
    put(json, "chaotic", json_boolean(hd_growth_rate_is_chaotic(rate)));
    return json;
}

static json_t *cut_json(const hd_drift *drift, size_t s) {
    return drift->cut[s]
               ? json_pack("{sisi}", "iteration", drift->cut_at[s].iteration, "step", drift->cut_at[s].step)
               : json_null();
}

static json_t *side_json(const hd_capture_info *info) {
    json_t *json = json_pack("{ssssssss}", "variant", info->variant, "mode", hd_mode_name(info->mode),
                             "device", info->device, "arithmetic", info->arithmetic);
    put(json, "experiment_sha256", json_string(info->experiment_sha256));
    put(json, "data_sha256", json_string(info->data_sha256));
    put(json, "keeps", json_string(info->full ? "full" : "digest"));
    put(json, "provenance", json_incref(info->provenance));
    return json;
}

json_t *hd_drift_json(const hd_drift *drift, const hd_diagnosis *diagnosis) {
    char finding[HD_VERDICT_TEXT], conditions[HD_CAPTURE_TEXT];
    const hd_capture_info *info = &drift->info[0];
    json_t *json = json_pack("{ssssss}", "format", "hyperdrift-drift/2", "verdict",
                             hd_drift_verdict_text(diagnosis, finding), "evidence", diagnosis->evidence);
    char nearer = hd_nearer_reference(diagnosis);
    put(json, "experiment", json_string(info->experiment));
    json_t *dims = json_array();
    for (size_t l = 0; l <= info->layers; l++) json_array_append_new(dims, count(info->dims[l]));
    put(json, "dims", dims);
    put(json, "steps", count(info->steps));
    put(json, "a", side_json(&drift->info[0]));
    put(json, "b", side_json(&drift->info[1]));
    hd_capture_conditions(&drift->info[0], &drift->info[1], conditions);
    put(json, "conditions", json_string(conditions));
    put(json, "cut", json_pack("{soso}", "a", cut_json(drift, 0), "b", cut_json(drift, 1)));
    put(json, "compared", count(drift->compared));
    put(json, "differing", count(drift->differing));
    put(json, "advice", json_string(diagnosis->advice));
    put(json, "first", site_json(hd_drift_first(drift)));
    put(json, "beyond", beyond_json(drift, diagnosis));
    put(json, "findings", findings_json(drift, diagnosis));
    put(json, "iterations", iterations_json(drift, diagnosis));
    put(json, "judged", json_pack("{soso}", "a", judged_json(drift, 0), "b", judged_json(drift, 1)));
    put(json, "repeats",
        json_pack("{soso}", "a", repeats_json(&diagnosis->repeats[0]), "b",
                  repeats_json(&diagnosis->repeats[1])));
    put(json, "growth_rate", growth_rate_json(&diagnosis->growth_rate));
    put(json, "growth", growth_json(drift));
    put(json, "events", events_json(drift, diagnosis));
    put(json, "event_counts", event_counts_json(drift));
    put(json, "event_tallies", event_tallies_json(drift));
    put(json, "pairing", pairing_json(info, &diagnosis->pairing));
    put(json, "causes", causes_json(drift, diagnosis));
    put(json, "causes_iteration", count(diagnosis->iteration));
    put(json, "nearer_reference",
        nearer == '?'   ? json_null()
        : nearer == '=' ? json_string("equal")
                        : json_stringn(&nearer, 1));
    put(json, "reference_error",
        json_pack("{soso}", "a", number(diagnosis->reference_error[0]), "b",
                  number(diagnosis->reference_error[1])));
    put(json, "outcomes", outcomes_json(drift));
    put(json, "attest",
        json_pack("{soso}", "a", attest_json(info, &drift->attest[0]), "b",
                  attest_json(info, &drift->attest[1])));
    put(json, "heat", heat_json(drift, diagnosis->iteration));
    return json;
}
