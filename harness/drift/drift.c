#include "drift/drift.h"

#include "base/list.h"
#include "base/terminal.h"
#include "capture/capture_variant.h"
#include "judge/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct hd_comparison {
    const hd_drift_input *sides;
    const hd_capture_reader *now[2]; /* what is known of the tensor now: the side's frame or its twin's */
    hd_drift *drift;
    hd_error *error;
} hd_comparison;

/* --- shapes --- */

/* A digest with a twin is as good as whole tensors until the two part. */
static bool in_full(const hd_drift_input *side) {
    return side->reader->info.full || side->twin;
}

static hd_status comparable(const hd_drift_input *left, const hd_drift_input *right, hd_error *error) {
    const hd_capture_info *a = &left->reader->info, *b = &right->reader->info;
    char differ[HD_CAPTURE_TEXT];
    bool comparable = !hd_capture_difference(a, b, differ);
    if (comparable && a->float32 != b->float32 && !(in_full(left) && in_full(right))) {
        snprintf(differ, sizeof differ, "digests of float32 and of float64 elements");
        comparable = false;
    }
    if (comparable) return HD_OK;
    return hd_fail(error, HD_INVALID, "%.150s and %.150s: %s: cannot be compared", left->reader->stream.name,
                   right->reader->stream.name, differ);
}

/* --- places --- */

/* The parts of a tensor that elements from .. to lie in, as one: "W_1", or "W_3 to b_0". */
static hd_tensor_part part_around(const hd_tensor_part *parts, size_t count, size_t from, size_t to) {
    size_t p = 0, q = 0;
    while (p + 1 < count && parts[p + 1].from <= from) p++;
    while (q + 1 < count && parts[q + 1].from <= to) q++;
    hd_tensor_part around = parts[p];
    if (p == q) return around;
    snprintf(around.name, sizeof around.name, "%.28s to %.28s", parts[p].name, parts[q].name);
    around.count = parts[q].from + parts[q].count - parts[p].from;
    around.shape = (hd_elements){0, 0};
    return around;
}

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
    /* a digest knows whole blocks: take what holds the first one */
    hd_tensor_difference *d = &site->difference;
    size_t from = d->ranges[0].from, last = from + hd_block_length(a->head.count) - 1;
    site->part = part_around(parts, count, from, last < d->ranges[0].to ? last : d->ranges[0].to);
    size_t kept = 0, end = site->part.from + site->part.count;
    for (size_t r = 0; r < d->range_count && d->ranges[r].from < end; r++) {
        hd_elements range = d->ranges[r];
        d->ranges[kept++] = (hd_elements){range.from - site->part.from,
                                          (range.to < end ? range.to : end - 1) - site->part.from};
    }
    d->range_count = kept;
    d->elements = site->part.count;
}

/* --- a side --- */

/* From here on the twin is another run. */
static void part(hd_comparison *c, size_t s) {
    const hd_drift_input *input = &c->sides[s];
    hd_side_judgement *side = &c->drift->side[s];
    hd_tensor_digest theirs, ours;
    find_site(input->twin, input->reader, &side->parted);
    hd_capture_digest(input->reader, &theirs);
    hd_capture_digest(input->twin, &ours);
    side->parted_norm = theirs.l2 - ours.l2;
    for (size_t b = 0; b < HD_BLOCKS; b++) {
        side->parted_block[b] = theirs.hash[b] != ours.hash[b];
        side->parted_by[b] = theirs.sketch[b] - ours.sketch[b];
    }
    if (input->reader->head.place.tensor == HD_EVALUATION)
        for (size_t i = 0; i < HD_EVALUATED; i++)
            side->parted_result[i] =
                hd_capture_element(input->reader, i) - hd_capture_element(input->twin, i);
}

/* Reads the side's next tensor, and its twin's as long as that has the side's bits. */
static hd_status read_side(hd_comparison *c, size_t s, unsigned tensors, bool back) {
    const hd_drift_input *input = &c->sides[s];
    hd_site *parted = &c->drift->side[s].parted;
    hd_status status = hd_capture_read(input->reader, tensors, back, c->error);
    c->now[s] = input->reader;
    if (status != HD_OK || !input->twin || input->reader->cut) return status;
    status = hd_capture_read(input->twin, tensors, back, c->error);
    if (status != HD_OK || parted->found || input->reader->ended) return status;
    if (hd_tensor_differs(input->twin, input->reader))
        part(c, s);
    else
        c->now[s] = input->twin;
    return HD_OK;
}

static hd_status add_growth(hd_drift *drift, const hd_growth *growth, hd_error *error) {
    hd_growth *added = hd_list_add(&drift->growth, &drift->grown, sizeof *added);
    if (!added) return hd_fail(error, HD_UNAVAILABLE, "no memory for what differs");
    *added = *growth;
    return HD_OK;
}

static hd_iteration_drift *iteration_of(hd_comparison *c) {
    return &c->drift->iteration[c->now[0]->head.place.iteration];
}

/* --- weights --- */

static hd_status keep_heat(hd_comparison *c, size_t which) {
    const hd_capture_info *info = &c->now[0]->info;
    double *heat = calloc(info->dims[0], sizeof *heat);
    if (!heat) return hd_fail(c->error, HD_UNAVAILABLE, "no memory for what differs");
    for (size_t p = 0, i = 0; p < info->dims[0]; p++) {
        for (size_t u = 0; u < info->dims[1]; u++, i++) {
            double by = hd_capture_element(c->now[1], i) - hd_capture_element(c->now[0], i);
            heat[p] += by * by;
        }
        heat[p] = sqrt(heat[p]);
    }
    iteration_of(c)->heat[which] = heat;
    return HD_OK;
}

static void count_ulps(hd_comparison *c) {
    bool float32 = c->now[0]->info.float32 || c->now[1]->info.float32;
    for (size_t i = 0; i < c->now[0]->head.count; i++) {
        double ulps = hd_ulps(hd_capture_element(c->now[0], i), hd_capture_element(c->now[1], i), float32);
        size_t bin = 0;
        while (bin < HD_ULP_BINS - 1 && !(ulps <= (bin ? ldexp(1, (int)bin - 1) : 0))) bin++;
        iteration_of(c)->ulps[bin]++;
    }
}

/* Keeps how the weights differ at both ends of a hyper-iteration. */
static hd_status look_at_weights(hd_comparison *c) {
    const hd_place *place = &c->now[0]->head.place;
    bool start = place->step == 0, end = place->step == c->now[0]->info.steps;
    if (!c->now[0]->head.full || !c->now[1]->head.full || place->tensor != HD_WEIGHTS || place->back)
        return HD_OK;
    if (end) count_ulps(c);
    return start || end ? keep_heat(c, end) : HD_OK;
}

/* --- one place --- */

static void keep_results(hd_comparison *c) {
    const hd_place *place = &c->now[0]->head.place;
    hd_iteration_drift *kept = iteration_of(c);
    if (place->tensor < HD_EVALUATION) return;
    for (size_t s = 0; s < 2; s++) {
        double *to = place->tensor == HD_EVALUATION       ? kept->evaluation[s]
                     : place->tensor == HD_HYPERGRADIENTS ? kept->hypergradient[s]
                                                          : kept->hyperparameter[s];
        memcpy(to, c->now[s]->values, c->now[s]->head.count * sizeof *to);
    }
    kept->reached |= place->tensor == HD_HYPERPARAMETERS;
}

static hd_status compare_place(hd_comparison *c) {
    hd_drift *drift = c->drift;
    const hd_capture_reader *a = c->now[0], *b = c->now[1];
    hd_iteration_drift *iteration = iteration_of(c);
    hd_growth growth = {.place = a->head.place, .elements = a->head.count, .residual = {NAN, NAN}};
    bool whole = a->head.full && b->head.full;
    hd_status status = look_at_weights(c);
    if (status != HD_OK) return status;
    keep_results(c);
    if (a->head.place.tensor == HD_WEIGHTS)
        hd_terminal_show("drift: hyper-iteration %u of %zu, step %u of %zu", a->head.place.iteration + 1u,
                         drift->iterations, a->head.place.step, a->info.steps);
    drift->compared++;
    iteration->compared++;
    drift->full &= whole;
    if (!hd_tensor_differs(a, b)) return HD_OK;
    hd_tensor_difference d;
    hd_tensor_difference_measure(a, b, 0, a->head.count, &d);
    growth.relative = d.relative;
    growth.estimated = d.estimated;
    growth.worst_ulps = d.worst_ulps;
    growth.differing = d.differing;
    drift->differing++;
    if (iteration->differing++ == 0) find_site(a, b, &iteration->first);
    if (whole && !a->head.place.back) status = hd_crossings_add(&drift->events, a, b, c->error);
    return status == HD_OK ? add_growth(drift, &growth, c->error) : status;
}

/* --- the whole --- */

/* Reads a side on to its end, where its hash is checked. */
static hd_status read_on(const hd_drift_input *side, hd_error *error) {
    hd_status status = HD_OK;
    while (status == HD_OK && !side->reader->ended && !side->reader->cut)
        status = hd_capture_read(side->reader, hd_capture_kinds(side->reader->info.mode), true, error);
    return status;
}

hd_status hd_drift_compare(const hd_drift_input sides[2], hd_drift *drift, hd_error *error) {
    hd_comparison c = {.sides = sides, .drift = drift, .error = error};
    const hd_capture_info *a = &sides[0].reader->info, *b = &sides[1].reader->info;
    *drift = (hd_drift){.full = true, .iterations = a->hyper_iterations};
    hd_status status = comparable(&sides[0], &sides[1], error);
    if (status != HD_OK) return status;
    drift->iteration = calloc(drift->iterations, sizeof *drift->iteration);
    if (!drift->iteration) return hd_fail(error, HD_UNAVAILABLE, "no memory for what differs");
    unsigned tensors = a->tensors & b->tensors;
    bool back = a->mode == HD_REVERSE && b->mode == HD_REVERSE;
    for (;;) {
        status = read_side(&c, 0, tensors, back);
        if (status == HD_OK) status = read_side(&c, 1, tensors, back);
        bool ended[2] = {sides[0].reader->ended, sides[1].reader->ended};
        if (status != HD_OK || (ended[0] && ended[1]) || sides[0].reader->cut || sides[1].reader->cut) break;
        if (ended[0] != ended[1] || !hd_place_same(&c.now[0]->head.place, &c.now[1]->head.place) ||
            c.now[0]->head.count != c.now[1]->head.count)
            status = hd_fail(error, HD_INVALID, "%s and %s: captures of different lengths or shapes",
                             sides[0].reader->stream.name, sides[1].reader->stream.name);
        if (status == HD_OK) status = compare_place(&c);
        if (status != HD_OK) break;
    }
    for (size_t s = 0; status == HD_OK && s < 2; s++) status = read_on(&sides[s], error);
    for (size_t s = 0; status == HD_OK && s < 2; s++) {
        drift->attest[s] = sides[s].reader->attest;
        drift->name[s] = sides[s].reader->stream.name;
        drift->cut[s] = sides[s].reader->cut;
        drift->cut_at[s] = sides[s].reader->next;
        drift->info[s] = hd_capture_info_copy(&sides[s].reader->info);
    }
    return status;
}

void hd_drift_free(hd_drift *drift) {
    for (size_t s = 0; s < 2; s++) {
        hd_capture_info_free(&drift->info[s]);
        hd_residuals_free(&drift->side[s].residuals);
    }
    for (size_t k = 0; drift->iteration && k < drift->iterations; k++)
        for (size_t w = 0; w < 2; w++) free(drift->iteration[k].heat[w]);
    free(drift->iteration);
    free(drift->growth);
    hd_crossings_free(&drift->events);
    *drift = (hd_drift){.compared = 0};
}

/* --- what was found --- */

const hd_site *hd_drift_first(const hd_drift *drift) {
    static const hd_site none = {.found = false};
    for (size_t k = 0; k < drift->iterations; k++)
        if (drift->iteration[k].first.found) return &drift->iteration[k].first;
    return &none;
}

const hd_finding *hd_drift_finding(const hd_drift *drift, size_t side, size_t i) {
    const hd_side_judgement *judgement = &drift->side[side];
    const hd_residuals *residuals = &judgement->residuals;
    if (!judgement->judged || i >= residuals->kept) return NULL;
    const hd_finding *finding = &residuals->findings[i];
    bool own = !judgement->parted.found ||
               hd_place_before(&drift->info[side], &finding->place, &judgement->parted.place);
    return own ? finding : NULL;
}

/* Both lists are in the run's order, but a judgement looks at weights and momentum together. */
void hd_drift_enter_residuals(hd_drift *drift) {
    enum { NEAR = 2 };
    for (size_t s = 0; s < 2; s++) {
        const hd_residuals *residuals = &drift->side[s].residuals;
        size_t at = 0;
        for (size_t i = 0; i < drift->grown; i++) {
            hd_growth *growth = &drift->growth[i];
            const hd_site *parted = &drift->side[s].parted;
            if (parted->found && !hd_place_before(&drift->info[s], &growth->place, &parted->place)) break;
            size_t k = at > NEAR ? at - NEAR : 0;
            while (k < residuals->size_count && !hd_place_same(&residuals->sizes[k].place, &growth->place))
                k++;
            if (k == residuals->size_count) continue;
            growth->residual[s] = (double)residuals->sizes[k].furthest;
            at = k;
        }
    }
}
