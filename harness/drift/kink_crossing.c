#include "drift/kink_crossing.h"

#include "arithmetic/arithmetic.h"
#include "base/list.h"

#include <math.h>
#include <stdlib.h>

static const char *const names[HD_CROSSING_KINDS] = {"relu", "sign", "clip", "argmax"};

const char *hd_crossing_name(hd_crossing_kind kind) {
    return names[kind];
}

typedef struct hd_pair {
    hd_crossings *crossings;
    const hd_capture_reader *a, *b;
    bool no_memory;
} hd_pair;

/* The tally of that kind and layer at the place, a new one if there is none; NULL: no memory. */
static hd_tally *tally_of(hd_crossings *crossings, const hd_place *place, hd_crossing_kind kind,
                          size_t layer) {
    for (size_t i = crossings->tallied; i-- > 0;) {
        hd_tally *tally = &crossings->tallies[i];
        if (tally->iteration != place->iteration || tally->step != place->step) break;
        if (tally->kind == kind && tally->layer == layer) return tally;
    }
    hd_tally *tally = hd_list_add(&crossings->tallies, &crossings->tallied, sizeof *tally);
    if (tally) *tally = (hd_tally){kind, place->iteration, place->step, (uint32_t)layer, 0};
    return tally;
}

static void add(hd_pair *pair, hd_crossing_kind kind, size_t layer, size_t row, size_t unit, double a,
                double b) {
    hd_crossings *crossings = pair->crossings;
    const hd_place *place = &pair->a->head.place;
    hd_tally *tally = tally_of(crossings, place, kind, layer);
    if (!crossings->of) crossings->of = malloc(HD_MAX_CROSSINGS * sizeof *crossings->of);
    if (!tally || !crossings->of) {
        pair->no_memory = true;
        return;
    }
    crossings->counts[kind]++;
    tally->count++;
    if (crossings->kept == HD_MAX_CROSSINGS) return;
    crossings->of[crossings->kept++] = (hd_crossing){.kind = kind,
                                                     .iteration = place->iteration,
                                                     .step = place->step,
                                                     .layer = (uint32_t)layer,
                                                     .row = (uint32_t)(place->first + row),
                                                     .unit = (uint32_t)unit,
                                                     .a = a,
                                                     .b = b};
}

static int side(double x) {
    return (x > 0) - (x < 0);
}

static void compare_masks(hd_pair *pair, size_t layer, size_t units) {
    for (size_t i = 0; i < pair->a->head.count; i++) {
        double x = hd_capture_element(pair->a, i), y = hd_capture_element(pair->b, i);
        if ((x > 0) != (y > 0)) add(pair, HD_CROSSING_RELU, layer, i / units, i % units, x, y);
    }
}

static size_t greatest(const hd_capture_reader *reader, size_t from, size_t classes) {
    size_t best = 0;
    for (size_t c = 1; c < classes; c++)
        if (hd_capture_element(reader, from + c) > hd_capture_element(reader, from + best)) best = c;
    return best;
}

static void compare_classes(hd_pair *pair, size_t layer, size_t classes) {
    for (size_t row = 0; row * classes < pair->a->head.count; row++) {
        size_t x = greatest(pair->a, row * classes, classes), y = greatest(pair->b, row * classes, classes);
        if (x != y)
            add(pair, HD_CROSSING_ARGMAX, layer, row, y, hd_capture_element(pair->a, row * classes + x),
                hd_capture_element(pair->b, row * classes + y));
    }
}

/* Whether the error is -log of a clipped probability: 1 the low bound's, -1 the high bound's, 0 neither. */
static int clipped(double error) {
    double low = -log((double)HD_CLIP_LOW), high = -log((double)HD_CLIP_HIGH);
    return error >= low * (1 - 1e-7) ? 1 : error <= high * (1 + 1e-7) ? -1 : 0;
}

static void compare_errors(hd_pair *pair) {
    for (size_t i = 0; i < pair->a->head.count; i++) {
        double x = hd_capture_element(pair->a, i), y = hd_capture_element(pair->b, i);
        if (clipped(x) != clipped(y)) add(pair, HD_CROSSING_CLIP, pair->a->info.layers, i, 0, x, y);
    }
}

static bool penalised(const hd_capture_info *info, size_t layer) {
    for (size_t j = 0; j < info->hypers; j++)
        if (info->hyper[j].kind == HD_RHO_L1 && info->hyper[j].layer == layer) return true;
    return false;
}

static void compare_signs(hd_pair *pair) {
    const hd_capture_info *info = &pair->a->info;
    size_t at = 0;
    for (size_t l = 0; l < info->layers; l++) {
        size_t columns = info->dims[l + 1], count = info->dims[l] * columns;
        for (size_t i = 0; penalised(info, l) && i < count; i++) {
            double x = hd_capture_element(pair->a, at + i), y = hd_capture_element(pair->b, at + i);
            if (side(x) != side(y)) add(pair, HD_CROSSING_SIGN, l, i / columns, i % columns, x, y);
        }
        at += count;
    }
}

hd_status hd_crossings_add(hd_crossings *crossings, const hd_capture_reader *a, const hd_capture_reader *b,
                           hd_error *error) {
    hd_pair pair = {crossings, a, b, false};
    const hd_place *place = &a->head.place;
    bool hidden = place->index < a->info.layers;
    if (place->tensor == HD_ACTIVATION && hidden)
        compare_masks(&pair, place->index, a->info.dims[place->index]);
    if (place->tensor == HD_ACTIVATION && !hidden)
        compare_classes(&pair, place->index, a->info.dims[place->index]);
    if (place->tensor == HD_ERROR) compare_errors(&pair);
    if (place->tensor == HD_WEIGHTS) compare_signs(&pair);
    return pair.no_memory ? hd_fail(error, HD_UNAVAILABLE, "no memory for events") : HD_OK;
}

size_t hd_crossings_total(const hd_crossings *crossings) {
    size_t total = 0;
    for (size_t k = 0; k < HD_CROSSING_KINDS; k++) total += crossings->counts[k];
    return total;
}

size_t hd_crossings_kinks(const hd_crossings *crossings, size_t iteration, bool to_b, hd_kink *kinks,
                          size_t *which) {
    size_t count = 0;
    for (size_t i = 0; i < crossings->kept; i++) {
        const hd_crossing *e = &crossings->of[i];
        double value = to_b ? e->b : e->a;
        bool relu = e->kind == HD_CROSSING_RELU;
        if (e->iteration > iteration || (!relu && e->kind != HD_CROSSING_SIGN)) continue;
        which[count] = i;
        kinks[count++] = (hd_kink){.kind = relu ? HD_KINK_RELU : HD_KINK_SIGN,
                                   .iteration = e->iteration,
                                   .step = e->step,
                                   .layer = e->layer,
                                   .row = e->row,
                                   .unit = e->unit,
                                   .side = relu ? value > 0 : side(value)};
    }
    return count;
}

void hd_crossings_free(hd_crossings *crossings) {
    free(crossings->of);
    free(crossings->tallies);
    *crossings = (hd_crossings){.of = NULL};
}
