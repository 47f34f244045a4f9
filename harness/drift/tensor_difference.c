#include "drift/tensor_difference.h"

#include "judge/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Compares bits, so that -0 is not +0, but all NaN are the same. */
static bool same(double x, double y) {
    return (x == y && !signbit(x) == !signbit(y)) || (isnan(x) && isnan(y));
}

static bool differ_elements(const hd_capture_reader *a, const hd_capture_reader *b) {
    size_t count = a->head.count, size = a->head.float32 ? sizeof(float) : sizeof(double);
    if (a->head.float32 == b->head.float32 && !memcmp(a->values, b->values, count * size)) return false;
    for (size_t i = 0; i < count; i++)
        if (!same(hd_capture_element(a, i), hd_capture_element(b, i))) return true;
    return false;
}

bool hd_tensor_differs(const hd_capture_reader *a, const hd_capture_reader *b) {
    if (a->head.full && b->head.full) return differ_elements(a, b);
    hd_tensor_digest x, y;
    hd_capture_digest(a, &x);
    hd_capture_digest(b, &y);
    return memcmp(x.hash, y.hash, sizeof x.hash) != 0;
}

/* --- ranges --- */

/* Joins neighbours at most twice the last gap apart, until there is room for one more range. */
static void make_room(hd_tensor_difference *d) {
    while (d->range_count == HD_RANGES) {
        size_t kept = 0;
        d->gap = d->gap ? 2 * d->gap : 1;
        for (size_t r = 1; r < d->range_count; r++) {
            if (d->ranges[r].from - d->ranges[kept].to - 1 <= d->gap)
                d->ranges[kept].to = d->ranges[r].to;
            else
                d->ranges[++kept] = d->ranges[r];
        }
        d->range_count = kept + 1;
    }
}

static void add_range(hd_tensor_difference *d, size_t from, size_t to) {
    hd_elements *last = d->range_count ? &d->ranges[d->range_count - 1] : NULL;
    if (last && from - last->to - 1 <= d->gap) {
        last->to = to;
        return;
    }
    make_room(d);
    last = d->range_count ? &d->ranges[d->range_count - 1] : NULL;
    if (last && from - last->to - 1 <= d->gap)
        last->to = to;
    else
        d->ranges[d->range_count++] = (hd_elements){from, to};
}

/* --- elements --- */

static void compare_elements(const hd_capture_reader *a, const hd_capture_reader *b, size_t from,
                             size_t count, hd_tensor_difference *d) {
    bool float32 = a->info.float32 || b->info.float32;
    double squares = 0, norm = 0;
    d->worst_ulps = 0;
    for (size_t i = 0; i < count; i++) {
        double x = hd_capture_element(a, from + i), y = hd_capture_element(b, from + i);
        norm += x * x;
        if (same(x, y)) continue;
        double ulps = hd_ulps(x, y, float32);
        squares += (y - x) * (y - x);
        if (d->differing++ == 0 || ulps > d->worst_ulps)
            d->worst_ulps = ulps, d->worst = i, d->worst_a = x, d->worst_b = y;
        add_range(d, i, i);
    }
    d->differs = d->differing > 0;
    d->relative = d->differs ? sqrt(squares) / sqrt(norm) : 0;
}

/* --- digests --- */

static void compare_digests(const hd_capture_reader *a, const hd_capture_reader *b, size_t count,
                            hd_tensor_difference *d) {
    hd_tensor_digest x, y;
    size_t length = hd_block_length(count);
    double squares = 0, norm = 0;
    hd_capture_digest(a, &x);
    hd_capture_digest(b, &y);
    for (size_t k = 0; k * length < count; k++) {
        size_t last = (k + 1) * length < count ? (k + 1) * length - 1 : count - 1;
        if (x.hash[k] != y.hash[k]) add_range(d, k * length, last);
    }
    for (size_t i = 0; i < HD_SAMPLES && i < count; i++) {
        squares += (y.sample[i] - x.sample[i]) * (y.sample[i] - x.sample[i]);
        norm += x.sample[i] * x.sample[i];
    }
    d->differs = d->range_count > 0;
    d->differing = d->differs ? SIZE_MAX : 0;
    double norms = fabs(y.l2 - x.l2) / x.l2; /* the difference is at least that */
    d->relative = !d->differs ? 0 : squares > 0 ? sqrt(squares) / sqrt(norm) : norms > 0 ? norms : NAN;
    d->sampled = d->differs;
    d->worst_ulps = d->worst_a = d->worst_b = d->differs ? NAN : 0;
}

void hd_tensor_difference_measure(const hd_capture_reader *a, const hd_capture_reader *b, size_t from,
                                  size_t count, hd_tensor_difference *difference) {
    *difference = (hd_tensor_difference){.elements = count};
    if (a->head.full && b->head.full)
        compare_elements(a, b, from, count, difference);
    else
        compare_digests(a, b, count, difference);
}

/* --- parts --- */

/* A tensor's phase, and its name, before that of a weight matrix or bias. */
static const struct {
    const char *phase, *name;
} words[HD_CAPTURED] = {[HD_WEIGHTS] = {"step", ""},
                        [HD_MOMENTUM_BUFFER] = {"step", "momentum "},
                        [HD_BATCH] = {"batch", "batch"},
                        [HD_ACTIVATION] = {"activations", "activations"},
                        [HD_DELTA] = {"error", "delta"},
                        [HD_ERROR] = {"error", "errors"},
                        [HD_GRADIENT] = {"gradient", "gradient "},
                        [HD_TANGENT] = {"tangent", "tangent "},
                        [HD_TANGENT_MOMENTUM] = {"tangent", "tangent (momentum) "},
                        [HD_ADJOINT] = {"adjoint", "adjoint "},
                        [HD_ADJOINT_MOMENTUM] = {"adjoint", "adjoint (momentum) "},
                        [HD_VALIDATION_GRADIENT] = {"validation", "validation gradient "},
                        [HD_EVALUATION] = {"validation", "evaluation"},
                        [HD_HYPERGRADIENTS] = {"hyper-update", "hypergradients"},
                        [HD_HYPERPARAMETERS] = {"hyper-update", "hyperparameters"}};

static const char *phase_of(const hd_capture_info *info, const hd_place *place) {
    bool state = place->tensor == HD_WEIGHTS || place->tensor == HD_MOMENTUM_BUFFER;
    bool examples = place->tensor >= HD_ACTIVATION && place->tensor <= HD_ERROR;
    if (state && place->step == 0) return "initial weights";
    return examples && place->step == info->steps ? "validation" : words[place->tensor].phase;
}

/* The part of a part's name before W_l or b_l. */
static void prefix_of(const hd_capture_info *info, const hd_place *place, char prefix[HD_LABEL]) {
    bool tangent = place->tensor == HD_TANGENT || place->tensor == HD_TANGENT_MOMENTUM;
    char hyper[HD_NAME] = "";
    if (tangent && place->index < info->hypers) hd_hyperparameter_name(info->hyper[place->index], hyper);
    snprintf(prefix, HD_LABEL, "%s%s%s", words[place->tensor].name, hyper, hyper[0] ? " " : "");
}

static size_t weight_parts(const hd_capture_info *info, const hd_place *place,
                           hd_tensor_part parts[HD_PARTS]) {
    size_t at = 0, layers = info->layers;
    char prefix[HD_LABEL];
    prefix_of(info, place, prefix);
    for (size_t p = 0; p < 2 * layers; p++) {
        bool bias = p >= layers;
        size_t l = bias ? p - layers : p, rows = bias ? 1 : info->dims[l];
        parts[p] = (hd_tensor_part){.from = at,
                                    .count = rows * info->dims[l + 1],
                                    .phase = phase_of(info, place),
                                    .shape = {bias ? 0 : rows, bias ? 0 : info->dims[l + 1]}};
        snprintf(parts[p].name, sizeof parts[p].name, "%.40s%c_%zu", prefix, bias ? 'b' : 'W', l);
        at += parts[p].count;
    }
    return 2 * layers;
}

size_t hd_place_parts(const hd_capture_info *info, const hd_place *place, size_t count,
                      hd_tensor_part parts[HD_PARTS]) {
    if (place->tensor < HD_BATCH || (place->tensor >= HD_GRADIENT && place->tensor < HD_EVALUATION))
        return weight_parts(info, place, parts);
    size_t columns = place->tensor == HD_BATCH                                     ? info->dims[0]
                     : place->tensor == HD_ACTIVATION || place->tensor == HD_DELTA ? info->dims[place->index]
                                                                                   : 0;
    parts[0] = (hd_tensor_part){
        .count = count, .phase = phase_of(info, place), .shape = {columns ? count / columns : 0, columns}};
    char *name = parts[0].name;
    if (place->tensor == HD_ACTIVATION && place->index == info->layers)
        snprintf(name, HD_LABEL, "logits");
    else if (place->tensor == HD_ACTIVATION || place->tensor == HD_DELTA)
        snprintf(name, HD_LABEL, "%s %u", words[place->tensor].name, place->index);
    else
        snprintf(name, HD_LABEL, "%s", words[place->tensor].name);
    return 1;
}

hd_tensor_part hd_place_whole(const hd_capture_info *info, const hd_place *place, size_t count) {
    hd_tensor_part parts[HD_PARTS], whole;
    bool weights = hd_place_parts(info, place, count, parts) > 1;
    whole = parts[0];
    if (!weights) return whole;
    whole.count = count;
    whole.shape = (hd_elements){0, 0};
    size_t prefix = strlen(whole.name) - strlen("W_0"); /* "gradient W_0" -> "gradient", "W_0" -> "weights" */
    if (prefix > 0)
        whole.name[prefix - 1] = '\0';
    else
        snprintf(whole.name, sizeof whole.name, "weights");
    return whole;
}
