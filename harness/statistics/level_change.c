#include "statistics/level_change.h"

#include "statistics/mann_whitney.h"
#include "statistics/statistics.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* SOON nights can be tested against a reference of LEARNED nights, or of YOUNG nights and older levels'
 * noise. We place a change within the newest SPAN nights, APART from their ends. */
enum {
    WINDOWS = 3,
    SOON = 5,
    LEARNED = 25,
    YOUNG = 5,
    APART = 3,
    SPAN = HD_MANN_WHITNEY_K + HD_MANN_WHITNEY_M
};

/* Compares so many of the last nights at this level; below is hd_mann_whitney_critical's. */
typedef struct window {
    size_t nights;
    double level;
    size_t below[HD_MANN_WHITNEY_M + 1];
} window;

/* The nights with a value, in order. */
typedef struct series {
    double *value;    /* [count], owned */
    double *residual; /* [count], owned: value over its level's median, for nights before start */
    size_t *night;    /* [count], owned: its index among all nights */
    size_t count;
    size_t start; /* of the newest level */
    window windows[WINDOWS];
} series;

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static bool is_cost(double value) {
    return value > 0 && isfinite(value);
}

/* The median of x[n], n <= SPAN, which it leaves as it is. */
static double median(const double *x, size_t n) {
    double sorted[SPAN];
    memcpy(sorted, x, n * sizeof *x);
    return hd_median(sorted, n);
}

/* U: the pairs of x[k] and r[m] in which x is not larger (sign 1) or not smaller (-1). From `enough` on it
 * may stop counting. */
static size_t against(const double *x, size_t k, const double *r, size_t m, double sign, size_t enough) {
    size_t u = 0;
    for (size_t i = k; i-- > 0 && u < enough;)
        for (size_t j = 0; j < m; j++) u += !(sign * x[i] > sign * r[j]);
    return u;
}

/* Writes into r, and counts, what we compare the window's nights (the last of n) with: the level's first
 * nights, or older levels' noise while these are too few for a test. */
static size_t reference(const series *s, size_t n, const window *w, double sign,
                        double r[HD_MANN_WHITNEY_M]) {
    const double *level = s->value + s->start;
    size_t before = n - s->start - w->nights, m = least(before, HD_MANN_WHITNEY_M),
           lent = least(s->start, HD_MANN_WHITNEY_M);
    if (before < YOUNG || w->below[m]) {
        memcpy(r, level, m * sizeof *r);
        return m;
    }
    double edge = level[0];
    for (size_t i = 1; i < before; i++) edge = sign > 0 ? fmax(edge, level[i]) : fmin(edge, level[i]);
    for (size_t j = 0; j < lent; j++) r[j] = edge * s->residual[s->start - lent + j];
    return lent;
}

/* The p value of an increase (sign 1) or a decrease (-1) in the window's nights, the last of n; 1 if it is
 * not significant or does not matter. */
static double significance(const series *s, size_t n, const window *w, double sign) {
    double r[HD_MANN_WHITNEY_M];
    size_t k = w->nights, age = n - s->start;
    if (age <= k) return 1;
    const double *recent = s->value + n - k;
    size_t m = reference(s, n, w, sign, r);
    size_t u = against(recent, k, r, m, sign, w->below[m]);
    if (u >= w->below[m]) return 1;
    double before = median(s->value + s->start, least(age - k, HD_MANN_WHITNEY_M)), after = median(recent, k);
    bool matters = sign > 0 ? after >= before * (1 + HD_LEVEL_CHANGE_LEAST)
                            : before >= after * (1 + HD_LEVEL_CHANGE_LEAST);
    return matters ? 2 * hd_mann_whitney_tail(k, m, u) : 1;
}

/* Writes the median of x[n] and returns the sum of |x_i - median|. */
static double spread(const double *x, size_t n, double *middle) {
    double sum = 0;
    *middle = median(x, n);
    for (size_t i = 0; i < n; i++) sum += fabs(x[i] - *middle);
    return sum;
}

/* The new level's first night: there two medians, the second larger (sign 1) or smaller (-1), fit best. */
static size_t parting(const series *s, size_t n, double sign) {
    size_t first = s->start + SPAN < n ? n - SPAN : s->start, place = n - APART;
    double least_sum = INFINITY, before, after;
    for (size_t at = first + APART; at + APART <= n; at++) {
        double sum = spread(s->value + first, at - first, &before) + spread(s->value + at, n - at, &after);
        if (sign * after > sign * before && sum < least_sum) least_sum = sum, place = at;
    }
    return place;
}

/* Measures a change at place `at` from n nights. */
static void measure(const series *s, size_t n, size_t at, hd_level_change *change) {
    double ratio[HD_MANN_WHITNEY_K * HD_MANN_WHITNEY_M];
    size_t below[HD_MANN_WHITNEY_M + 1], k = least(n - at, HD_MANN_WHITNEY_K),
                                         m = least(at - s->start, HD_MANN_WHITNEY_M), pairs = 0;
    const double *x = s->value + n - k, *r = s->value + s->start;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < m; j++) ratio[pairs++] = x[i] / r[j];
    change->ratio = hd_median(ratio, pairs);
    hd_mann_whitney_critical(k, (1 - HD_LEVEL_CHANGE_CONFIDENCE) / 2, below);
    change->before = median(r, m);
    change->after = median(x, k);
    change->low = below[m] ? ratio[below[m] - 1] : 0;
    change->high = below[m] ? ratio[pairs - below[m]] : INFINITY;
}

/* Ends the level before night `at`, and keeps its noise for the levels after it. */
static void begin_level(series *s, size_t at) {
    size_t m = least(at - s->start, HD_MANN_WHITNEY_M);
    double middle = median(s->value + at - m, m);
    for (size_t i = at - m; i < at; i++) s->residual[i] = s->value[i] / middle;
    s->start = at;
}

/* Whether there is a change after the n-th night. */
static bool find(series *s, size_t n, hd_level_change *change) {
    for (const window *w = s->windows; w < s->windows + WINDOWS; w++)
        for (int down = 0; down < 2; down++) {
            double sign = down ? -1 : 1, p = significance(s, n, w, sign);
            if (p >= 1) continue;
            size_t at = parting(s, n, sign);
            *change =
                (hd_level_change){.at = s->night[at], .found = s->night[n - 1], .nights = w->nights, .p = p};
            measure(s, n, at, change);
            begin_level(s, at);
            return true;
        }
    return false;
}

hd_status hd_level_changes_find(const double *value, size_t count, hd_level_change **changes,
                                size_t *change_count, hd_error *error) {
    series s = {.windows = {{.nights = SOON, .level = 1.42e-5},
                            {.nights = 10, .level = 1.8e-6},
                            {.nights = 20, .level = 4e-6}}};
    hd_status status = HD_OK;
    *changes = NULL;
    *change_count = 0;
    s.value = malloc(count * sizeof *s.value + 1);
    s.residual = malloc(count * sizeof *s.residual + 1);
    s.night = malloc(count * sizeof *s.night + 1);
    /* every level that ended has at least APART nights */
    hd_level_change *found = malloc((count / APART + 1) * sizeof *found);
    if (!s.value || !s.residual || !s.night || !found) {
        status = hd_fail(error, HD_UNAVAILABLE, "no memory for a series of %zu nights", count);
        goto out;
    }
    for (window *w = s.windows; w < s.windows + WINDOWS; w++)
        hd_mann_whitney_critical(w->nights, w->level / 2, w->below);
    for (size_t night = 0; night < count; night++) {
        if (!is_cost(value[night])) continue;
        s.value[s.count] = value[night];
        s.night[s.count++] = night;
        *change_count += find(&s, s.count, &found[*change_count]);
    }
    if (*change_count) *changes = found, found = NULL;
out:
    free(found);
    free(s.night);
    free(s.residual);
    free(s.value);
    return status;
}

size_t hd_level_change_learning(const double *value, size_t count, const hd_level_change *changes,
                                size_t change_count) {
    size_t start = change_count ? changes[change_count - 1].at : 0, before = 0, age = 0;
    for (size_t night = 0; night < start; night++) before += is_cost(value[night]);
    for (size_t night = start; night < count; night++) age += is_cost(value[night]);
    size_t needed = SOON + (before >= LEARNED ? YOUNG : LEARNED);
    return needed - least(age, needed);
}
