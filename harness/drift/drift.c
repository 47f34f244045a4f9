#include "drift/drift.h"

#include "base/list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct hd_comparison {
    hd_capture_reader *a, *b;
    const hd_follower *followers;
    hd_drift *drift;
    hd_error *error;
} hd_comparison;

/* --- shapes --- */

static hd_status comparable(const hd_capture_reader *left, const hd_capture_reader *right, hd_error *error) {
    const hd_capture_info *a = &left->info, *b = &right->info;
    const char *differ = NULL;
    if (strcmp(a->experiment, b->experiment) != 0)
        differ = "different experiments";
    else if (a->layers != b->layers || memcmp(a->dims, b->dims, (a->layers + 1) * sizeof *a->dims) != 0)
        differ = "networks of different shapes";
    else if (a->steps != b->steps || a->hyper_iterations != b->hyper_iterations)
        differ = "runs of different lengths";
    else if (a->batch != b->batch || a->training != b->training || a->validation != b->validation ||
             a->test != b->test)
        differ = "batches or partitions of different sizes";
    else if (a->hypers != b->hypers || memcmp(a->hyper, b->hyper, a->hypers * sizeof *a->hyper) != 0)
        differ = "different hyperparameters";
    else if (a->float32 != b->float32 && !(a->full && b->full))
        differ = "digests of float32 and of float64 elements";
    if (!differ) return HD_OK;
    return hd_fail(error, HD_INVALID, "%s and %s: %s: cannot be compared", left->stream.name,
                   right->stream.name, differ);
}

bool hd_same_site(const hd_site *a, const hd_site *b) {
    return a->found && b->found && hd_place_same(&a->place, &b->place) && a->part.from == b->part.from;
}

/* --- followers --- */

/* Reads the follower's tensor of the same place, sends it a's if that guides it, and writes what the step
 * added; NaN without a follower. */
static hd_status follow(hd_comparison *c, const hd_follower *follower, unsigned tensors, bool back,
                        double *added) {
    hd_capture_reader *a = c->a;
    const hd_frame_head *head = &a->head;
    *added = NAN;
    if (!follower->reader) return HD_OK;
    hd_status status = hd_capture_read(follower->reader, tensors, back, c->error);
    if (status != HD_OK) return status;
    if (!hd_place_same(&follower->reader->head.place, &head->place))
        return hd_fail(c->error, HD_INVALID, "%s: its tensors come in another order",
                       follower->reader->stream.name);
    hd_tensor_difference d = {.relative = 0};
    if (hd_tensor_differs(a, follower->reader))
        hd_tensor_difference_measure(a, follower->reader, 0, head->count, &d);
    *added = d.relative;
    if (!(follower->leads >> head->place.tensor & 1)) return HD_OK;
    size_t bytes = head->count * (head->float32 ? sizeof(float) : sizeof(double));
    if (follower->lead.write(follower->lead.context, head, sizeof *head) &&
        follower->lead.write(follower->lead.context, a->values, bytes))
        return HD_OK;
    return hd_fail(c->error, HD_UNAVAILABLE, "%s: could not be given a's states",
                   follower->reader->stream.name);
}

/* --- one place --- */

/* Finds the first part of the tensor that differs. */
static void find_site(const hd_capture_reader *a, const hd_capture_reader *b, hd_site *site) {
    hd_tensor_part parts[HD_PARTS];
    bool full = a->head.full && b->head.full;
    size_t count = hd_place_parts(&a->info, &a->head.place, a->head.count, parts);
    site->found = true;
    site->place = a->head.place;
    for (size_t p = 0; full && p < count; p++) {
        site->part = parts[p];
        hd_tensor_difference_measure(a, b, parts[p].from, parts[p].count, &site->difference);
        if (site->difference.differs) return;
    }
    hd_tensor_difference_measure(a, b, 0, a->head.count, &site->difference);
    if (full) return;
    /* a digest knows whole blocks: take the part that holds the first one, if one does */
    hd_tensor_difference *d = &site->difference;
    site->part = hd_place_whole(&a->info, &a->head.place, a->head.count);
    for (size_t p = 0; p < count; p++)
        if (d->ranges[0].from >= parts[p].from && d->ranges[0].to < parts[p].from + parts[p].count)
            site->part = parts[p];
    size_t kept = 0, end = site->part.from + site->part.count;
    for (size_t r = 0; r < d->range_count && d->ranges[r].from < end; r++) {
        hd_elements range = d->ranges[r];
        d->ranges[kept++] = (hd_elements){range.from - site->part.from,
                                          (range.to < end ? range.to : end - 1) - site->part.from};
    }
    d->range_count = kept;
    d->elements = site->part.count;
}

static hd_status add_growth(hd_drift *drift, const hd_growth *growth, hd_error *error) {
    hd_growth *added = hd_list_add(&drift->growth, &drift->grown, sizeof *added);
    if (!added) return hd_fail(error, HD_UNAVAILABLE, "no memory for what differs");
    *added = *growth;
    return HD_OK;
}

/* Batches and initial states are given; everything else is computed. */
static bool is_given(const hd_place *place) {
    bool state = place->tensor == HD_WEIGHTS || place->tensor == HD_MOMENTUM_BUFFER ||
                 place->tensor == HD_TANGENT || place->tensor == HD_TANGENT_MOMENTUM;
    return place->tensor == HD_BATCH || (state && place->step == 0);
}

/* Whether the step adds more than rounding does. Random rounding may by chance move nothing in a small
 * tensor, but it could always round one computed element once. */
static bool beyond_rounding(const hd_growth *growth) {
    double by_b = growth->added[HD_FOLLOW_B], by_rounding = growth->added[HD_FOLLOW_ROUNDING];
    double least = is_given(&growth->place) ? 0 : 0x1p-24 / sqrt((double)growth->elements);
    return by_b > 0 && !isnan(by_rounding) && !(by_b <= HD_BEYOND_ROUNDING * fmax(by_rounding, least));
}

static hd_status keep_heat(hd_comparison *c, size_t which) {
    const hd_capture_info *info = &c->a->info;
    double *heat = calloc(info->dims[0], sizeof *heat);
    if (!heat) return hd_fail(c->error, HD_UNAVAILABLE, "no memory for what differs");
    for (size_t p = 0, i = 0; p < info->dims[0]; p++) {
        for (size_t u = 0; u < info->dims[1]; u++, i++) {
            double by = hd_capture_element(c->b, i) - hd_capture_element(c->a, i);
            heat[p] += by * by;
        }
        heat[p] = sqrt(heat[p]);
    }
    free(c->drift->heat[which]);
    c->drift->heat[which] = heat;
    c->drift->heat_iteration = c->a->head.place.iteration;
    return HD_OK;
}

/* Keeps W_0's difference at both ends of the first hyper-iteration in which anything differs. */
static hd_status look_at_weights(hd_comparison *c) {
    const hd_place *place = &c->a->head.place;
    hd_drift *drift = c->drift;
    if (!drift->full || place->tensor != HD_WEIGHTS || place->back) return HD_OK;
    bool start = place->step == 0, end = place->step == c->a->info.steps;
    bool settled = drift->first.found && drift->first.place.iteration < place->iteration;
    return (start || end) && !settled ? keep_heat(c, end) : HD_OK;
}

static void keep_results(hd_comparison *c) {
    const hd_place *place = &c->a->head.place;
    const hd_capture_reader *sides[2] = {c->a, c->b};
    if (place->iteration >= c->drift->iterations || place->tensor < HD_EVALUATION) return;
    hd_ending *ending = &c->drift->ending[place->iteration];
    for (size_t s = 0; s < 2; s++) {
        double *to = place->tensor == HD_EVALUATION       ? ending->evaluation[s]
                     : place->tensor == HD_HYPERGRADIENTS ? ending->hypergradient[s]
                                                          : ending->hyperparameter[s];
        memcpy(to, sides[s]->values, sides[s]->head.count * sizeof *to);
    }
    if (place->tensor == HD_HYPERGRADIENTS) ending->differs = hd_tensor_differs(c->a, c->b);
}

static hd_status compare_place(hd_comparison *c, unsigned tensors, bool back) {
    hd_drift *drift = c->drift;
    hd_growth growth = {.place = c->a->head.place, .relative = 0, .elements = c->a->head.count};
    hd_status status = HD_OK;
    for (size_t f = 0; status == HD_OK && f < HD_FOLLOWERS; f++) {
        growth.added[f] = NAN;
        if (c->followers) status = follow(c, &c->followers[f], tensors, back, &growth.added[f]);
    }
    if (status == HD_OK) status = look_at_weights(c);
    if (status != HD_OK) return status;
    keep_results(c);
    drift->compared++;
    bool differs = hd_tensor_differs(c->a, c->b), beyond = beyond_rounding(&growth);
    if (beyond && !drift->beyond.found && c->a->head.place.tensor != HD_EVALUATION) /* counts do not round */
        find_site(c->a, c->followers[HD_FOLLOW_B].reader, &drift->beyond);
    if (!differs) return HD_OK;
    hd_tensor_difference d;
    hd_tensor_difference_measure(c->a, c->b, 0, c->a->head.count, &d);
    growth.relative = d.relative;
    growth.worst_ulps = d.worst_ulps;
    growth.differing = d.differing;
    if (drift->differing++ == 0) find_site(c->a, c->b, &drift->first);
    if (drift->full && !c->a->head.place.back)
        status = hd_crossings_add(&drift->events, c->a, c->b, c->error);
    return status == HD_OK ? add_growth(drift, &growth, c->error) : status;
}

/* --- the whole --- */

hd_status hd_drift_compare(hd_capture_reader *a, hd_capture_reader *b, const hd_follower *followers,
                           hd_drift *drift, hd_error *error) {
    hd_comparison c = {a, b, followers, drift, error};
    *drift = (hd_drift){.full = a->info.full && b->info.full, .iterations = a->info.hyper_iterations};
    hd_status status = comparable(a, b, error);
    if (status != HD_OK) return status;
    for (size_t f = 0; followers && f < HD_FOLLOWERS; f++) drift->followed[f] = followers[f].reader != NULL;
    drift->ending = calloc(drift->iterations, sizeof *drift->ending);
    if (!drift->ending) return hd_fail(error, HD_UNAVAILABLE, "no memory for what differs");
    unsigned tensors = a->info.tensors & b->info.tensors;
    bool back = a->info.mode == HD_REVERSE && b->info.mode == HD_REVERSE;
    for (;;) {
        status = hd_capture_read(a, tensors, back, error);
        if (status == HD_OK) status = hd_capture_read(b, tensors, back, error);
        if (status != HD_OK || (a->ended && b->ended)) break;
        if (a->ended != b->ended || !hd_place_same(&a->head.place, &b->head.place) ||
            a->head.count != b->head.count)
            status = hd_fail(error, HD_INVALID, "%s and %s: captures of different lengths or shapes",
                             a->stream.name, b->stream.name);
        if (status == HD_OK) status = compare_place(&c, tensors, back);
        if (status != HD_OK) break;
    }
    for (size_t f = 0; status == HD_OK && followers && f < HD_FOLLOWERS; f++)
        if (followers[f].reader) status = hd_capture_read(followers[f].reader, tensors, back, error);
    const hd_capture_reader *sides[2] = {a, b};
    for (size_t s = 0; status == HD_OK && s < 2; s++) {
        drift->attest[s] = sides[s]->attest;
        drift->info[s] = sides[s]->info;
        json_incref(drift->info[s].provenance);
    }
    return status;
}

void hd_drift_free(hd_drift *drift) {
    for (size_t s = 0; s < 2; s++) hd_capture_info_free(&drift->info[s]);
    free(drift->growth);
    free(drift->ending);
    free(drift->heat[0]);
    free(drift->heat[1]);
    hd_crossings_free(&drift->events);
    *drift = (hd_drift){.compared = 0};
}
