#include "arithmetic/random.h"
#include "statistics/level_change.h"
#include "statistics/mann_whitney.h"
#include "statistics/statistics.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NIGHTS = 200, MOST = 16 };

/* The changes that were found. */
typedef struct found {
    hd_level_change changes[MOST];
    size_t count;
} found;

static found find(const double *value, size_t count) {
    found f = {0};
    hd_level_change *changes;
    cr_assert_eq(hd_level_changes_find(value, count, &changes, &f.count, NULL), HD_OK);
    cr_assert_leq(f.count, MOST);
    cr_expect_eq(changes == NULL, f.count == 0);
    if (f.count) memcpy(f.changes, changes, f.count * sizeof *changes);
    free(changes);
    return f;
}

/* Nights from .. to - 1 at a level, with relative noise. */
static void fill(double *value, size_t from, size_t to, double level, double noise, uint32_t seed) {
    hd_mt19937 generator;
    hd_mt19937_seed(&generator, seed);
    for (size_t i = from; i < to; i++) value[i] = level * exp(noise * hd_normal(&generator));
}

static void expect_same(const found *a, const found *b) {
    cr_assert_eq(a->count, b->count);
    cr_expect_eq(memcmp(a->changes, b->changes, a->count * sizeof *a->changes), 0);
}

Test(change, a_constant_cost_never_changes) {
    double value[NIGHTS];
    fill(value, 0, NIGHTS, 22577489, 0, 1);
    cr_expect_eq(find(value, NIGHTS).count, 0);
}

Test(change, a_step_of_a_constant_cost_is_found_after_five_nights) {
    for (size_t at = 25; at <= 100; at += 25)
        for (int down = 0; down < 2; down++) {
            double value[NIGHTS], factor = down ? 1 / 1.03125 : 1.03125;
            fill(value, 0, at, 1024, 0, 1);
            fill(value, at, NIGHTS, 1024 * factor, 0, 1);
            found f = find(value, NIGHTS);
            cr_assert_eq(f.count, 1, "%zu changes at %zu", f.count, at);
            hd_level_change c = f.changes[0];
            size_t reference = at < HD_MANN_WHITNEY_M ? at : HD_MANN_WHITNEY_M;
            cr_expect(c.at == at && c.found == at + 4 && c.nights == 5, "%zu found %zu", c.at, c.found);
            cr_expect(c.before == 1024 && c.after == 1024 * factor);
            cr_expect(c.ratio == factor && c.low == factor && c.high == factor);
            cr_expect_eq(c.p, 2 * hd_mann_whitney_tail(5, reference, 0));
        }
}

Test(change, a_step_while_the_level_is_learned_is_found_by_more_nights) {
    double value[NIGHTS];
    fill(value, 0, 12, 100, 0.02, 1);
    fill(value, 12, NIGHTS, 110, 0.02, 2);
    found f = find(value, NIGHTS);
    cr_assert_eq(f.count, 1);
    cr_expect(f.changes[0].at == 12 && f.changes[0].found < 32 && f.changes[0].nights >= 10);
}

Test(change, a_step_in_noise_is_found_placed_and_measured) {
    size_t covered = 0;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        double value[NIGHTS], size = seed % 2 ? 1.1 : 0.9;
        fill(value, 0, 90, 7, 0.02, seed);
        fill(value, 90, NIGHTS, 7 * size, 0.02, 1000 + seed);
        found f = find(value, NIGHTS);
        cr_assert_eq(f.count, 1);
        hd_level_change c = f.changes[0];
        cr_expect(c.at >= 89 && c.at <= 91 && c.found >= 92 && c.found <= 95, "%zu found %zu", c.at, c.found);
        cr_expect(c.p <= 1.5e-5 && c.low < c.ratio && c.ratio < c.high);
        cr_expect(fabs(c.before / 7 - 1) < 0.01 && fabs(c.after / (7 * size) - 1) < 0.03);
        covered += c.low <= size && size <= c.high;
    }
    cr_expect_geq(covered, 35);
}

Test(change, what_does_not_matter_is_no_change) {
    double value[NIGHTS];
    fill(value, 0, 100, 100, 0, 1);
    fill(value, 100, NIGHTS, 101.9, 0, 1);
    cr_expect_eq(find(value, NIGHTS).count, 0);
    fill(value, 100, NIGHTS, 102, 0, 1);
    cr_expect_eq(find(value, NIGHTS).count, 1);
}

Test(change, an_increase_is_not_placed_at_a_decrease) {
    double value[NIGHTS];
    fill(value, 0, 60, 100, 0, 1);
    fill(value, 60, 100, 98.2, 0, 1); /* too small to matter, but a better split than the next */
    fill(value, 100, 105, 102.5, 0, 1);
    found f = find(value, 105);
    cr_assert_eq(f.count, 1);
    cr_expect(f.changes[0].at == 100 && f.changes[0].ratio > 1, "%zu", f.changes[0].at);
}

Test(change, small_steps_add_up_to_a_change) {
    double value[NIGHTS];
    for (size_t i = 0, step = 0; i < NIGHTS; i++, step = i / 40) value[i] = 1000 + 8 * (double)step;
    found f = find(value, NIGHTS); /* the third step, on night 120, makes it 2.4 % */
    cr_assert_eq(f.count, 1);
    cr_expect(f.changes[0].found == 122 && f.changes[0].before == 1000);
}

Test(change, one_or_two_outliers_are_none) {
    const double factors[] = {0.01, 0.5, 1.5, 100};
    double value[NIGHTS];
    for (size_t i = 0; i < 4; i++)
        for (size_t many = 1; many <= 2; many++)
            for (size_t at = 0; at + many <= 150; at += 7)
                for (uint32_t seed = 0; seed < 3; seed++) {
                    fill(value, 0, 150, 100, seed ? 0.02 : 0, seed);
                    for (size_t j = 0; j < many; j++) value[at + j] *= factors[i];
                    cr_expect_eq(find(value, 150).count, 0, "%zu of factor %g at %zu", many, factors[i], at);
                }
}

Test(change, what_is_reverted_after_a_week_is_found_twice) {
    for (uint32_t seed = 1; seed <= 20; seed++)
        for (int noisy = 0; noisy < 2; noisy++) {
            double value[NIGHTS], noise = noisy ? 0.02 : 0;
            fill(value, 0, NIGHTS, 100, noise, seed);
            for (size_t i = 80; i < 87; i++) value[i] *= 1.2;
            found f = find(value, NIGHTS);
            cr_assert_eq(f.count, 2);
            cr_expect(f.changes[0].at == 80 && f.changes[0].found <= 84);
            cr_expect(f.changes[1].at == 87 && f.changes[1].found <= 93, "found %zu", f.changes[1].found);
        }
}

Test(change, a_slow_drift_adds_up) {
    for (uint32_t seed = 1; seed <= 20; seed++) {
        double value[2 * NIGHTS];
        fill(value, 0, 2 * NIGHTS, 100, 0.02, seed);
        for (size_t i = 0; i < 2 * NIGHTS; i++) value[i] *= pow(1.0005, (double)i);
        found f = find(value, 2 * NIGHTS);
        cr_assert_geq(f.count, 1, "seed %u", seed);
        cr_expect(f.changes[0].found < 150 && f.changes[0].ratio > 1, "night %zu", f.changes[0].found);
    }
}

Test(change, nights_without_a_value_are_left_out) {
    const double none[] = {NAN, 0, -3, INFINITY, -INFINITY, -0.0};
    double value[NIGHTS], gaps[3 * NIGHTS];
    size_t night[NIGHTS], nights = 0;
    fill(value, 0, 60, 100, 0.02, 3);
    fill(value, 60, 110, 120, 0.02, 4);
    fill(value, 110, NIGHTS, 90, 0.02, 5);
    for (size_t i = 0; i < NIGHTS; i++) {
        for (size_t j = 0; j < (i * 7) % 3; j++) gaps[nights++] = none[(i + j) % 6];
        night[i] = nights;
        gaps[nights++] = value[i];
    }
    found f = find(value, NIGHTS), g = find(gaps, nights);
    cr_assert_eq(f.count, 2);
    for (size_t i = 0; i < f.count; i++) {
        f.changes[i].at = night[f.changes[i].at];
        f.changes[i].found = night[f.changes[i].found];
    }
    expect_same(&f, &g);
}

Test(change, what_was_found_stays_as_it_was_found) {
    double value[NIGHTS];
    fill(value, 0, 50, 100, 0.03, 6);
    fill(value, 50, 58, 130, 0.03, 7);
    fill(value, 58, 120, 95, 0.03, 8);
    fill(value, 120, NIGHTS, 101, 0.03, 9);
    found all = find(value, NIGHTS);
    cr_assert_geq(all.count, 3);
    for (size_t n = 0; n <= NIGHTS; n++) {
        found first = find(value, n), expected = all;
        while (expected.count && expected.changes[expected.count - 1].found >= n) expected.count--;
        expect_same(&first, &expected);
    }
}

Test(change, the_unit_of_a_cost_changes_nothing) {
    double value[NIGHTS], scaled[NIGHTS];
    fill(value, 0, 100, 1, 0.05, 10);
    fill(value, 100, NIGHTS, 1.3, 0.05, 11);
    for (size_t i = 0; i < NIGHTS; i++) scaled[i] = 0x1p30 * value[i];
    found f = find(value, NIGHTS), g = find(scaled, NIGHTS);
    cr_assert_geq(f.count, 1);
    for (size_t i = 0; i < f.count; i++) f.changes[i].before *= 0x1p30, f.changes[i].after *= 0x1p30;
    expect_same(&f, &g);
}

Test(change, empty_and_short_histories_have_no_changes) {
    const double one = 5, none[3] = {NAN, 0, NAN};
    cr_expect_eq(find(NULL, 0).count, 0);
    cr_expect_eq(find(&one, 1).count, 0);
    cr_expect_eq(find(none, 3).count, 0);
}

/* How many nights are still missing after the first n. */
static size_t learning(const double *value, size_t n) {
    found f = find(value, n);
    return hd_level_change_learning(value, n, f.changes, f.count);
}

Test(change, a_level_is_learned_in_30_nights_or_in_10_after_another) {
    double value[NIGHTS];
    fill(value, 0, 60, 100, 0, 1);
    fill(value, 60, NIGHTS, 150, 0, 1);
    value[3] = NAN;
    cr_expect_eq(learning(value, 0), 30);
    cr_expect_eq(learning(value, 12), 19);
    cr_expect_eq(learning(value, 30), 1);
    cr_expect_eq(learning(value, 31), 0);
    cr_expect_eq(learning(value, 64), 0);
    cr_expect_eq(learning(value, 65), 5); /* found: five nights of the new level are known */
    cr_expect_eq(learning(value, 70), 0);
}

Test(change, five_nights_find_a_step_just_when_nothing_is_left_to_learn) {
    for (size_t nights = 20; nights <= 30; nights++) {
        double constant[NIGHTS], step[NIGHTS];
        fill(constant, 0, nights + 5, 100, 0, 1);
        fill(step, 0, nights, 100, 0, 1);
        fill(step, nights, nights + 5, 200, 0, 1);
        cr_expect_eq(find(step, nights + 5).count, learning(constant, nights + 5) == 0, "%zu nights", nights);
    }
}
