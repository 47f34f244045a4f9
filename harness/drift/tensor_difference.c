#include "drift/tensor_difference.h"

#include "judge/compare.h"

#include <math.h>
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

/* The root of squares / norm; infinite where an element is not finite. */
static double relative_size(double squares, double norm) {
    if (!isfinite(squares) || !isfinite(norm)) return INFINITY;
    return squares > 0 ? sqrt(squares) / sqrt(norm) : 0;
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
    d->relative = d->differs ? relative_size(squares, norm) : 0;
}

/* --- digests --- */

static void compare_digests(const hd_capture_reader *a, const hd_capture_reader *b, size_t count,
                            hd_tensor_difference *d) {
    hd_tensor_digest x, y;
    size_t length = hd_block_length(count);
    double squares = 0;
    hd_capture_digest(a, &x);
    hd_capture_digest(b, &y);
    for (size_t k = 0; k * length < count; k++) {
        size_t last = (k + 1) * length < count ? (k + 1) * length - 1 : count - 1;
        if (x.hash[k] != y.hash[k]) add_range(d, k * length, last);
        squares += (y.sketch[k] - x.sketch[k]) * (y.sketch[k] - x.sketch[k]);
    }
    d->differs = d->range_count > 0;
    d->differing = d->differs ? SIZE_MAX : 0;
    d->relative = d->differs ? fmax(relative_size(squares, x.l2 * x.l2), HD_LEAST_TOLD) : 0;
    d->estimated = d->differs;
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
