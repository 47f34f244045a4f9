/* Trends: numbers that changed from one night to the next. */
#include "history/test/trend_sample.h"

static nights_plan *shifting; /* what keep_shift does to hyper-iteration 1 of series 0 from night 3 on */

static void shift_later(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    if (night >= 3 && series == 0 && record->step == 1) shifting(night, series, record, verdict);
}

/* The only change then. */
static const hd_number_change *keep_shift(nights_plan *plan) {
    shifting = plan;
    keep(5, 2, shift_later);
    load();
    cr_assert_eq(trend.number_change_count, 1);
    const hd_number_change *shift = &trend.number_changes[0];
    cr_expect_eq(trend.series[shift->series].mode, HD_FORWARD);
    cr_expect_eq(shift->step, 1);
    cr_expect_eq(shift->before, 2);
    cr_expect_eq(shift->since, 3);
    cr_expect_eq(trend.disagreement_count, 0);
    return shift;
}

Test(trend, finds_a_bit_that_changed_and_its_share_of_the_tolerance) {
    const hd_number_change *shift = keep_shift(move_a_gradient);
    cr_expect_eq(shift->changed, 1);
    cr_expect_eq(shift->of, 8);
    cr_expect_str_eq(shift->quantity, "hypergradient eta");
    cr_expect_eq((float)shift->new_value, next_after(shift->old_value));
    double moved = (shift->new_value - shift->old_value) / fabs(shift->old_value);
    cr_expect_float_eq(shift->tolerances, moved / 1e-5, 1e-9);
    cr_expect_not(shift->beyond);
    cr_expect_not(shift->weights);
    end();
}

static void move_a_value(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)verdict;
    record->hyper[1].value = (double)next_after(record->hyper[1].value);
}

Test(trend, says_where_no_tolerance_is_known) {
    const hd_number_change *shift = keep_shift(move_a_value);
    cr_expect_eq(shift->changed, 1);
    cr_expect_str_eq(shift->quantity, "hyperparameter eta");
    cr_expect(isnan(shift->tolerances));
    cr_expect_not(shift->beyond);
    end();
}

static void move_beyond(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)verdict;
    move_a_value(night, series, record, verdict); /* without a tolerance: it comes last */
    record->test.correct--;
    record->hyper[0].hypergradient = (double)((float)record->hyper[0].hypergradient * (1 + 0x1p-12f));
}

Test(trend, finds_the_figure_that_moved_most_and_whether_it_is_beyond) {
    const hd_number_change *shift = keep_shift(move_beyond);
    cr_expect_eq(shift->changed, 3);
    cr_expect_str_eq(shift->quantity, "hypergradient rho_l1_0");
    cr_expect_float_eq(shift->tolerances, 0x1p-12 / 1e-5, 0.01);
    cr_expect(shift->beyond);
    end();
}

static void move_the_sign_of_zero(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)verdict;
    record->hyper[0].value = -0.0;
}

Test(trend, takes_minus_zero_for_another_number_than_zero) {
    const hd_number_change *shift = keep_shift(move_the_sign_of_zero);
    cr_expect_eq(shift->changed, 1);
    cr_expect_str_eq(shift->quantity, "hyperparameter rho_l1_0");
    cr_expect(signbit(shift->new_value) && !signbit(shift->old_value));
    end();
}

static void move_the_weights(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)verdict;
    memset(record->weights.sha256, 'c', HD_SHA256 - 1);
}

Test(trend, finds_weights_that_changed_alone) {
    const hd_number_change *shift = keep_shift(move_the_weights);
    cr_expect_eq(shift->changed, 0);
    cr_expect(shift->weights);
    cr_expect_str_eq(shift->quantity, "weights");
    cr_expect(isnan(shift->old_value) && isnan(shift->new_value) && isnan(shift->tolerances));
    cr_expect_not(shift->beyond);
    end();
}

static void lose_a_figure(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)verdict;
    record->hypers = 1;
}

Test(trend, finds_a_figure_that_went) {
    const hd_number_change *shift = keep_shift(lose_a_figure);
    cr_expect_eq(shift->changed, 1);
    cr_expect_str_eq(shift->quantity, "hypergradient eta");
    cr_expect(isnan(shift->old_value) && isnan(shift->new_value));
    cr_expect(isinf(shift->tolerances));
    cr_expect(shift->beyond);
    end();
}

static void shift_there_and_back(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    if (night == 3) move_a_gradient(night, series, record, verdict);
}

Test(trend, finds_each_turn_in_order_of_time) {
    keep(6, 2, shift_there_and_back);
    load();
    cr_assert_eq(trend.number_change_count, 2 * 2 * NIGHTS_STEPS);
    for (size_t k = 0; k < trend.number_change_count; k++) {
        const hd_number_change *shift = &trend.number_changes[k];
        const size_t of_a_night = k % (2 * NIGHTS_STEPS);
        cr_expect_eq(shift->since, k < 2 * NIGHTS_STEPS ? 3 : 4);
        cr_expect_eq(shift->before, shift->since - 1);
        cr_expect_eq(shift->series, of_a_night / NIGHTS_STEPS);
        cr_expect_eq(shift->step, of_a_night % NIGHTS_STEPS);
        cr_expect(!shift->beyond && shift->changed == 1);
    }
    end();
}

Test(trend, compares_with_the_night_before_that_a_series_has) {
    keep(4, 2, NULL);
    nights_add(&history, "alpha", 4, 2, 1, shift_there_and_back); /* without series 1 */
    nights_add(&history, "alpha", 6, 1, 2, move_a_gradient);
    load();
    cr_assert_eq(trend.number_change_count, 2 * NIGHTS_STEPS);
    for (size_t k = 0; k < trend.number_change_count; k++) {
        cr_expect_eq(trend.number_changes[k].since, 6);
        cr_expect_eq(trend.number_changes[k].before, trend.number_changes[k].series ? 3 : 5);
    }
    end();
}

static void change_no_number(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)series, (void)verdict;
    if (night >= 3) strcpy(record->weights.file, "elsewhere.npy.gz");
}

Test(trend, takes_another_text_of_the_same_numbers_for_no_shift) {
    keep(5, 1, change_no_number);
    load();
    cr_expect_eq(trend.number_change_count, 0);
    end();
}

Test(trend, refuses_a_result_that_is_none) {
    keep(5, 1, shift_there_and_back);
    sqlite3_exec(history.database, "UPDATE result SET json = replace(json, 'eta', 'rho_l1_0') WHERE id = 4",
                 NULL, NULL, NULL);
    cr_expect_eq(hd_trend_load(&history, &trend, &error), HD_INVALID);
    cr_expect(strstr(error.message, ": result 4: hyperparameters[1].name: \"rho_l1_0\" is given twice"), "%s",
              error.message);
    end();
}

Test(trend, refuses_a_place_in_time_that_no_calendar_has) {
    static const char *const moments[] = {"9e999", "-9e999", "1e300", "-1", "253402300800"};
    keep(2, 1, NULL);
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        char text[80];
        snprintf(text, sizeof text, "UPDATE run SET moment = %s WHERE id = 2", moments[i]);
        cr_assert_eq(sqlite3_exec(history.database, text, NULL, NULL, NULL), SQLITE_OK);
        cr_expect_eq(hd_trend_load(&history, &trend, &error), HD_INVALID, "%s", moments[i]);
        cr_expect(strstr(error.message, ": run 2: its time, "), "%s", error.message);
        hd_trend_free(&trend);
    }
    end();
}

Test(trend, refuses_a_place_in_time_that_is_no_number) {
    keep(2, 1, NULL);
    cr_assert_eq(sqlite3_exec(history.database,
                              "PRAGMA writable_schema = ON;"
                              "UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '') WHERE name = 'run';"
                              "PRAGMA writable_schema = RESET; UPDATE run SET moment = 'once' WHERE id = 1",
                              NULL, NULL, NULL),
                 SQLITE_OK);
    cr_expect_eq(hd_trend_load(&history, &trend, &error), HD_INVALID);
    cr_expect(strstr(error.message, ": run 1: its time, once, is not a time"), "%s", error.message);
    hd_trend_free(&trend);
    end();
}
