/* The rules by which a pairing's changes are judged, on made-up changes. */
#include "drift/pairing_judge.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { STEPS = 40, HYPERS = 3 };

static double changes[STEPS][HYPERS];
static hd_pairing_floor floors[STEPS][HYPERS];
static bool kinked[STEPS];
static hd_pairing_course course[HYPERS];

/* Changes of either sign, of up to a tenth of their floors, which are of very different sizes. */
static void start(void) {
    static const double sizes[HYPERS] = {1, 1e-6, 1e-30};
    memset(kinked, 0, sizeof kinked);
    for (size_t t = 0; t < STEPS; t++)
        for (size_t j = 0; j < HYPERS; j++) {
            floors[t][j] = (hd_pairing_floor){.noise = sizes[j]};
            changes[t][j] = 0.1 * sizes[j] * sin((double)(7 * t + j));
        }
}

static void judge(void) {
    hd_pairing_judge(changes[0], floors[0], kinked, STEPS, HYPERS, course);
}

TestSuite(pairing_judge, .init = start);

Test(pairing_judge, sees_nothing_in_noise) {
    judge();
    for (size_t j = 0; j < HYPERS; j++) {
        cr_expect(!hd_pairing_course_wrong(&course[j]), "%zu", j);
        cr_expect(course[j].worst > 0.09 && course[j].worst <= 0.1, "%g", course[j].worst);
        cr_expect_eq(course[j].first_jump, SIZE_MAX);
    }
}

/* A jump of the second hyperparameter is far below the first one's noise. */
Test(pairing_judge, judges_each_hyperparameter_by_its_own_noise) {
    changes[17][1] = -2e-6;
    judge();
    cr_expect_eq(course[1].first_jump, 17);
    cr_expect(!course[1].every_step);
    cr_expect(!hd_pairing_course_wrong(&course[0]) && !hd_pairing_course_wrong(&course[2]));
}

Test(pairing_judge, names_the_first_jump_and_the_largest) {
    changes[5][0] = 1.5;
    changes[20][0] = -30;
    judge();
    cr_expect_eq(course[0].first_jump, 5);
    cr_expect_eq(course[0].worst_step, 20);
    cr_expect_float_eq(course[0].worst, 30, 1e-12);
    cr_expect(!course[0].every_step, "two jumps are not every step");
}

Test(pairing_judge, sees_jumps_at_every_step) {
    for (size_t t = 0; t < STEPS; t++) changes[t][2] = t % 2 ? 4e-30 : -4e-30;
    judge();
    cr_expect_eq(course[2].first_jump, 0);
    cr_expect(course[2].every_step);
}

/* No step is above its floor, but all have the same sign. */
Test(pairing_judge, sees_a_small_error_of_every_step_by_its_trend) {
    for (size_t t = 0; t < STEPS; t++) changes[t][1] += 0.15e-6;
    judge();
    cr_expect_eq(course[1].first_jump, SIZE_MAX);
    cr_expect(course[1].trend > 1, "%g", course[1].trend);
    cr_expect(course[1].every_step && hd_pairing_course_wrong(&course[1]));
    cr_expect(!hd_pairing_course_wrong(&course[0]) && !hd_pairing_course_wrong(&course[2]));
}

/* Some steps of such an error are above the floor. */
Test(pairing_judge, sees_an_error_of_every_step_that_jumps_at_some) {
    for (size_t t = 0; t < STEPS; t++) changes[t][1] += t % 4 ? 0.5e-6 : 1.5e-6;
    judge();
    cr_expect_eq(course[1].first_jump, 0);
    cr_expect(course[1].every_step, "%g", course[1].trend);
}

/* A few steps can be of one sign by chance. */
Test(pairing_judge, sees_no_trend_in_a_short_training) {
    for (size_t t = 0; t < 3; t++) changes[t][0] = 0.5;
    hd_pairing_judge(changes[0], floors[0], NULL, 3, HYPERS, course);
    cr_expect(!hd_pairing_course_wrong(&course[0]));
}

/* What different hyperparameters change may have the same sign at every step. */
Test(pairing_judge, does_not_take_what_is_allowed_for_a_trend) {
    for (size_t t = 0; t < STEPS; t++) floors[t][1].allowed = 5e-6, changes[t][1] += 4e-6;
    judge();
    cr_expect(!hd_pairing_course_wrong(&course[1]), "%g, %g", course[1].worst, course[1].trend);
}

Test(pairing_judge, does_not_judge_a_step_where_the_runs_took_other_sides_of_a_kink) {
    kinked[9] = true;
    changes[9][0] = 1e6;
    judge();
    cr_expect(!hd_pairing_course_wrong(&course[0]));
    changes[10][0] = 2;
    judge();
    cr_expect_eq(course[0].first_jump, 10);
}

Test(pairing_judge, takes_a_value_that_is_not_finite_for_a_jump) {
    changes[3][0] = NAN;
    changes[4][1] = INFINITY;
    changes[30][0] = 5;
    judge();
    cr_expect_eq(course[0].first_jump, 3);
    cr_expect_eq(course[0].worst_step, 3);
    cr_expect_eq(course[1].first_jump, 4);
    floors[6][2].noise = NAN;
    judge();
    cr_expect_eq(course[2].first_jump, 6);
}

Test(pairing_judge, does_not_jump_where_all_is_zero) {
    memset(changes, 0, sizeof changes);
    memset(floors, 0, sizeof floors);
    judge();
    for (size_t j = 0; j < HYPERS; j++) cr_expect(!hd_pairing_course_wrong(&course[j]));
}

Test(pairing_judge, allows_for_underflow) {
    hd_pairing_terms terms = {.terms = 1e-60, .sizes = 1, .unit = 0x1p-24, .float32 = true};
    hd_pairing_floor f = hd_pairing_floor_of(&terms);
    cr_expect(f.allowed >= 0x1p-149, "%g", f.allowed);
    cr_expect(f.noise < 1e-66, "%g", f.noise);
    terms.unit = 0x1p-53, terms.float32 = false;
    cr_expect(hd_pairing_floor_of(&terms).allowed < 1e-300);
}
