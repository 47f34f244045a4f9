/* Trends: what is read of synthetic histories, and what is found in them. */
#include "history/trend.h"
#include "test/nights.h"

TestSuite(trend, .init = folder_make, .fini = folder_remove);

static hd_error error;
static hd_history history;
static hd_trend trend;

/* Host alpha's nights 0 .. count - 1. */
static void keep(size_t count, size_t series, nights_plan *plan) {
    history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, count, series, plan);
}

/* Nights first .. first + count - 1 of another host, with a machine of its own. */
static void keep_on(const char *host, size_t first, size_t count, size_t series, nights_plan *plan) {
    setenv("HYPERDRIFT_MACHINE", host, 1);
    nights_add(&history, host, first, count, series, plan);
    unsetenv("HYPERDRIFT_MACHINE");
}

static void load(void) {
    cr_assert_eq(hd_trend_load(&history, &trend, &error), HD_OK, "%s", error.message);
}

static void end(void) {
    hd_trend_free(&trend);
    hd_history_close(&history);
}

/* The series of a machine's label and mode, the first there is. */
static const hd_series *series_on(const char *machine, hd_mode mode) {
    size_t s = 0;
    while (s < trend.series_count &&
           (strcmp(trend.series[s].machine, machine) != 0 || trend.series[s].mode != mode))
        s++;
    cr_assert_lt(s, trend.series_count, "no series on %s", machine);
    return &trend.series[s];
}

static float next_after(double value) {
    return nextafterf((float)value, HUGE_VALF);
}

/* --- what is read --- */

Test(trend, of_an_empty_history_has_nothing) {
    keep(0, 0, NULL);
    cr_assert_eq(hd_trend_load(&history, &trend, &error), HD_OK, "%s", error.message);
    cr_expect_eq(trend.night_count, 0);
    cr_expect_eq(trend.series_count, 0);
    cr_expect_eq(trend.number_change_count, 0);
    cr_expect_eq(trend.disagreement_count, 0);
    end();
}

Test(trend, of_one_night_has_points_and_no_changes) {
    keep(1, 4, NULL);
    load();
    cr_assert_eq(trend.night_count, 1);
    const hd_night night = trend.nights[0];
    cr_expect_str_eq(night.started, "2025-12-01T02:00:00Z");
    cr_expect_str_eq(night.host, "alpha");
    cr_expect_str_eq(night.commit, "c000000");
    cr_expect(night.newest);
    cr_assert_eq(trend.series_count, 4);
    cr_expect_eq(trend.number_change_count + trend.disagreement_count, 0);
    const hd_series series = trend.series[0];
    cr_expect_str_eq(series.experiment, "synthetic-0");
    cr_expect_str_eq(series.device, "cpu");
    cr_expect_str_eq(series.machine, "AMD EPYC");
    cr_expect_eq(series.mode, HD_FORWARD);
    cr_expect_eq(series.threads, 2);
    cr_expect_not(series.renamed);
    cr_assert_eq(series.count, 1);
    const hd_trend_point *point = &series.points[0];
    cr_expect_eq(point->memory, 100 << 20);
    cr_expect_eq(point->device_memory, 0, "the host's is the process's");
    cr_expect_float_eq(point->budget, 0.3, 0.01);
    cr_expect_str_eq(point->worst, "hypergradient rho_l1_0");
    cr_expect_eq(series.change_count[HD_COST_TIME], 0);
    cr_expect_eq(series.learning[HD_COST_TIME], 29);
    cr_expect_eq(series.learning[HD_COST_PRODUCTS], 29);
    cr_expect_eq(series.learning[HD_COST_DEVICE_MEMORY], 0, "it is never measured");
    cr_expect(isnan(hd_trend_cost(point, HD_COST_DEVICE_MEMORY)));
    end();
}

/* Repetitions of one record, each with its time and rate. */
static void keep_repetitions(const double *seconds, const double *rates, size_t count) {
    hd_record record = sample_record();
    hd_kept kept;
    history = nights_open(sample_path("h"));
    hd_run_entry *entry = nights_entry("alpha", 0, 0, NULL);
    for (size_t i = 0; i < count; i++) {
        nights_fill(0, 0, 0, &record);
        record.operations = 1e9;
        record.seconds.total = seconds[i];
        record.sgemm_rate = rates[i];
        record.peak_bytes = 1000 * (i + 1);
        cr_assert_eq(hd_run_entry_add_record(entry, &record, &error), HD_OK);
    }
    cr_assert_eq(hd_history_append(&history, entry, &kept, &error), HD_OK, "%s", error.message);
    hd_run_entry_free(entry);
    hd_record_free(&record);
}

Test(trend, takes_medians_of_times_by_their_own_rates_and_the_most_memory) {
    keep_repetitions((const double[]){1, 2, 9}, (const double[]){4, 2, 1}, 3);
    load();
    cr_expect_eq(trend.series[0].points[0].time, 4, "of 4, 4 and 9");
    cr_expect_eq(trend.series[0].points[0].products, 500, "of 250, 500 and 1000");
    cr_expect_eq(hd_trend_cost(&trend.series[0].points[0], HD_COST_PRODUCTS), 500);
    cr_expect_eq(trend.series[0].points[0].seconds, 2);
    cr_expect_eq(trend.series[0].points[0].memory, 3000);
    cr_expect(isnan(trend.series[0].points[0].budget), "nothing judged it");
    cr_expect_str_empty(trend.series[0].points[0].worst);
    end();
}

Test(trend, leaves_times_without_a_rate_to_the_seconds) {
    keep_repetitions((const double[]){1, 2}, (const double[]){0, 0}, 2);
    load();
    cr_expect(isnan(trend.series[0].points[0].time));
    cr_expect(isnan(trend.series[0].points[0].products));
    cr_expect_eq(trend.series[0].points[0].seconds, 1.5);
    cr_expect_eq(trend.series[0].learning[HD_COST_TIME], 0);
    cr_expect_eq(trend.series[0].learning[HD_COST_PRODUCTS], 0);
    end();
}

static void spoil_a_figure(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)series;
    if (night != 1 || record->step != 2) return;
    hd_compare_number(verdict, "validation_error", NAN, 1, HD_ABSOLUTE, 1, true);
    verdict->judgements[0].outcome = HD_KNOWN;
    verdict->known++;
}

Test(trend, has_an_infinite_share_for_nan_and_counts_failures) {
    keep(3, 1, spoil_a_figure);
    load();
    const hd_trend_point *points = trend.series[0].points;
    cr_expect(isinf(points[1].budget));
    cr_expect_str_eq(points[1].worst, "validation_error");
    cr_expect_eq(points[1].failures, 1);
    cr_expect_eq(points[1].known, 1);
    cr_expect(isfinite(points[2].budget));
    cr_expect_eq(points[2].failures, 0);
    end();
}

static void judge_nothing(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)record;
    verdict->count = 0;
}

Test(trend, has_an_infinite_share_where_a_verdict_compared_nothing) {
    keep(1, 1, judge_nothing);
    load();
    cr_expect(isinf(trend.series[0].points[0].budget));
    cr_expect_str_empty(trend.series[0].points[0].worst);
    end();
}

static void rename_experiment(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)verdict;
    if (night < 3 || series != 0) return;
    memset(record->experiment_sha256, 'e', HD_SHA256 - 1);
    record->validation_error = 1;
}

Test(trend, tells_another_experiment_under_the_same_name_apart) {
    keep(5, 5, rename_experiment);
    load();
    cr_assert_eq(trend.series_count, 6);
    cr_expect_eq(trend.number_change_count + trend.disagreement_count, 0);
    size_t nights[2] = {0, 0};
    for (size_t s = 0; s < 5; s++) {
        const hd_series series = trend.series[s];
        cr_expect_str_eq(series.experiment, "synthetic-0");
        cr_expect(series.renamed);
        if (series.mode == HD_FORWARD && !strcmp(series.device, "cpu"))
            nights[series.experiment_sha256[0] == 'e'] = series.count;
    }
    cr_expect_eq(nights[0], 3);
    cr_expect_eq(nights[1], 2);
    cr_expect_str_eq(trend.series[5].experiment, "synthetic-1");
    cr_expect_not(trend.series[5].renamed);
    end();
}

static void forget_the_time(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)series, (void)verdict;
    if (night == 1) record->sgemm_rate = 0;
}

Test(trend, puts_hosts_and_clocks_that_went_back_in_one_order) {
    keep(3, 1, forget_the_time);
    keep_on("beta", 1, 1, 1, NULL);
    hd_run_entry *entry = nights_entry("alpha", 0, 1, NULL); /* two days before the newest */
    hd_kept kept;
    cr_assert_eq(hd_history_append(&history, entry, &kept, &error), HD_OK, "%s", error.message);
    hd_run_entry_free(entry);
    load();
    cr_assert_eq(trend.night_count, 5);
    const char *const hosts[] = {"alpha", "alpha", "beta", "alpha", "alpha"};
    for (size_t n = 0; n < 5; n++) {
        const hd_night night = trend.nights[n];
        cr_expect_str_eq(night.host, hosts[n]);
        cr_expect_eq(night.clock_back, n == 4);
        cr_expect_eq(night.newest, n >= 2, "night %zu", n);
    }
    cr_expect_str_eq(trend.nights[4].started, "2025-12-01T02:00:00Z", "as its clock had it");
    const hd_series *series = series_on("AMD EPYC", HD_FORWARD);
    cr_assert_eq(series->count, 4);
    const size_t order[] = {0, 1, 3, 4};
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(series->points[i].night, order[i]);
        cr_expect_eq(isnan(series->points[i].time), i == 1);
    }
    size_t at = (size_t)(series - trend.series);
    cr_expect(hd_trend_is_new(&trend, at, 4));
    cr_expect_not(hd_trend_is_new(&trend, at, 3));
    end();
}

/* --- levels --- */

static void slow_down(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)verdict;
    if (series == 1 && night >= 40) record->seconds.total *= 1.15;
    if (series == 0 && night >= 40) record->peak_bytes += 10 << 20, record->device_bytes += 10 << 20;
    if (series == 2 && night >= 40) record->device_bytes += 10 << 20;
    if (series == 3 && night >= 40) record->seconds.total *= 2, record->sgemm_rate /= 2;
}

Test(trend, finds_a_step_in_the_cost_where_it_is_and_a_slow_machine_in_its_products_alone) {
    keep(60, 4, slow_down);
    load();
    cr_assert_eq(trend.series_count, 4);
    for (size_t s = 0; s < 4; s++)
        for (hd_cost cost = 0; cost < HD_COSTS; cost++) {
            const hd_series *series = &trend.series[s];
            bool cuda = !strcmp(series->device, "cuda"), forward = series->mode == HD_FORWARD;
            bool steps = cost == HD_COST_TIME       ? !cuda && !forward
                         : cost == HD_COST_PRODUCTS ? cuda && !forward
                         : cost == HD_COST_MEMORY   ? !cuda && forward
                                                    : cuda && forward;
            cr_assert_eq(series->change_count[cost], steps, "%s of %s on %s", hd_cost_name(cost),
                         hd_mode_name(series->mode), series->device);
            if (!steps) continue;
            const hd_level_change *change = series->changes[cost];
            cr_expect(change->at >= 39 && change->at <= 41, "%zu", change->at);
            cr_expect(change->found >= 43 && change->found <= 46, "%zu", change->found);
            cr_expect(change->after > 1.05 * change->before);
        }
    end();
}

/* --- numbers --- */

static nights_plan *shifting; /* what keep_shift does to step 1 of series 0 from night 3 on */

static void shift_later(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    if (night >= 3 && series == 0 && record->step == 1) shifting(night, series, record, verdict);
}

/* The one shift there is then. */
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

static void move_a_gradient(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)verdict;
    record->hyper[1].hypergradient = (double)next_after(record->hyper[1].hypergradient);
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
    cr_expect(strstr(error.message, ": result 4: hyperparameters[1].name: \"rho_l1_0\" is there twice"), "%s",
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
        cr_expect(strstr(error.message, ": run 2: its place in time, "), "%s", error.message);
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
    cr_expect(strstr(error.message, ": run 1: its place in time, once, is none"), "%s", error.message);
    hd_trend_free(&trend);
    end();
}

/* --- machines --- */

Test(trend, finds_no_disagreement_between_machines_and_devices_with_the_same_bits) {
    keep(3, 4, NULL);
    keep_on("beta", 0, 3, 4, NULL);
    load();
    cr_expect_eq(trend.series_count, 8);
    cr_expect_eq(trend.number_change_count + trend.disagreement_count, 0);
    end();
}

static void move_forward(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    if (night >= 3 && record->mode == HD_FORWARD && record->step == 2)
        move_a_gradient(night, series, record, verdict);
}

Test(trend, names_the_machine_that_differs_from_most_and_since_when) {
    keep(5, 2, NULL);
    keep_on("beta", 0, 5, 2, move_forward);
    keep_on("gamma", 0, 5, 2, NULL);
    load();
    cr_expect_eq(trend.number_change_count, 1);
    cr_assert_eq(trend.disagreement_count, 1);
    const hd_disagreement *one = &trend.disagreements[0];
    cr_expect_eq(one->change.series, (size_t)(series_on("beta", HD_FORWARD) - trend.series));
    cr_expect_str_neq(trend.series[one->other].machine, "beta");
    cr_expect_eq(one->change.step, 2);
    cr_expect_str_eq(trend.nights[one->change.since].started, "2025-12-04T02:00:00Z");
    cr_expect_str_eq(trend.nights[one->change.since].host, "beta");
    cr_expect_str_eq(trend.nights[one->change.before].started, "2025-12-05T02:00:00Z");
    cr_expect_eq(one->change.changed, 1);
    cr_expect_eq((float)one->change.new_value, next_after(one->change.old_value));
    cr_expect_not(one->change.beyond);
    end();
}

Test(trend, finds_a_machine_that_always_differed) {
    keep(5, 1, NULL);
    keep_on("beta", 3, 2, 1, move_a_gradient);
    load();
    cr_expect_eq(trend.number_change_count, 0);
    cr_assert_eq(trend.disagreement_count, NIGHTS_STEPS);
    cr_expect_str_eq(trend.series[trend.disagreements[0].change.series].machine, "beta", "the newer of two");
    cr_expect_str_eq(trend.nights[trend.disagreements[0].change.since].started, "2025-12-04T02:00:00Z");
    end();
}

Test(trend, finds_other_bits_after_the_machine_was_replaced) {
    keep(3, 1, NULL);
    keep_on("beta", 3, 1, 1, move_a_gradient);
    load();
    cr_expect_eq(trend.disagreement_count, NIGHTS_STEPS);
    end();
}

Test(trend, waits_for_machines_that_have_not_run_since_the_numbers_changed) {
    keep(5, 1, move_forward);                /* changes on night 3 */
    keep_on("beta", 0, 3, 1, NULL);          /* has last run on night 2 */
    keep_on("gamma", 4, 1, 1, move_forward); /* is new, and has what alpha has */
    load();
    cr_expect_eq(trend.number_change_count, 1);
    cr_expect_eq(trend.disagreement_count, 0);
    end();
}

/* Of one class of machine: their records are of the same series. */
static void keep_alternating(size_t nights, nights_plan *on_alpha, nights_plan *on_beta) {
    for (size_t night = 0; night < nights; night++)
        nights_add(&history, night % 2 ? "beta" : "alpha", night, 1, 1, night % 2 ? on_beta : on_alpha);
}

Test(trend, tells_two_hosts_of_one_class_that_disagree_from_a_change) {
    history = nights_open(sample_path("h"));
    keep_alternating(9, NULL, move_a_gradient);
    load();
    cr_expect_eq(trend.series_count, 1);
    cr_expect_eq(trend.number_change_count, 0);
    cr_assert_eq(trend.disagreement_count, NIGHTS_STEPS);
    const hd_disagreement *one = &trend.disagreements[0];
    cr_expect(one->other == 0 && one->change.series == 0);
    cr_expect_str_eq(trend.nights[one->last].host, "beta");
    cr_expect_str_eq(trend.nights[one->change.before].host, "alpha");
    cr_expect(one->change.since == 1 && one->last == 7 && one->change.before == 8);
    end();
}

Test(trend, holds_a_host_to_another_of_its_class_rather_than_to_another_device) {
    history = nights_open(sample_path("h"));
    for (size_t night = 0; night < 4; night++)
        nights_add(&history, night % 2 ? "beta" : "alpha", night, 1, 4, night % 2 ? move_a_gradient : NULL);
    load();
    cr_assert_eq(trend.series_count, 4);
    cr_expect_eq(trend.number_change_count, 0);
    cr_assert_eq(trend.disagreement_count, 4 * NIGHTS_STEPS);
    for (size_t i = 0; i < trend.disagreement_count; i++) {
        cr_expect_eq(trend.disagreements[i].other, trend.disagreements[i].change.series);
        cr_expect_str_eq(trend.nights[trend.disagreements[i].last].host, "beta");
    }
    end();
}

static void move_from_third(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    if (night >= 3) move_a_gradient(night, series, record, verdict);
}

Test(trend, tells_a_change_that_comes_to_all_hosts_of_a_class_once) {
    history = nights_open(sample_path("h"));
    keep_alternating(9, move_from_third, move_from_third);
    load();
    cr_assert_eq(trend.number_change_count, NIGHTS_STEPS);
    cr_expect(trend.number_changes[0].since == 3 && trend.number_changes[0].before == 1,
              "on beta, which had it first");
    cr_expect_eq(trend.disagreement_count, 0);
    end();
}

static void move_back_on_fifth(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    if (night < 5) move_from_third(night, series, record, verdict);
}

Test(trend, tells_a_change_that_one_host_takes_back_though_another_never_had_it) {
    history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 2, 1, 1, NULL);
    nights_add(&history, "beta", 2, 2, 1, move_back_on_fifth);
    nights_add(&history, "beta", 5, 1, 1, move_back_on_fifth);
    load();
    cr_assert_eq(trend.number_change_count, 2 * NIGHTS_STEPS);
    cr_expect_eq(trend.number_changes[0].since, 2);
    cr_expect_eq(trend.number_changes[NIGHTS_STEPS].since, 3);
    cr_expect_eq(trend.disagreement_count, 0);
    end();
}

Test(trend, finds_a_change_on_hosts_that_are_new_every_night) {
    char host[16];
    history = nights_open(sample_path("h"));
    for (size_t night = 0; night < 6; night++) {
        snprintf(host, sizeof host, "runner-%zu", night);
        nights_add(&history, host, night, 1, 1, move_from_third);
    }
    load();
    cr_assert_eq(trend.number_change_count, NIGHTS_STEPS);
    cr_expect(trend.number_changes[0].since == 3 && trend.number_changes[0].before == 2);
    cr_expect_eq(trend.disagreement_count, 0, "the hosts before run no more");
    end();
}

Test(trend, holds_hosts_to_what_most_have_and_tells_of_a_class_once) {
    static const char *const hosts[] = {"alpha", "beta", "gamma", "delta", "epsilon"};
    history = nights_open(sample_path("h"));
    for (size_t night = 0; night < 3;
         night++) /* alpha comes first; epsilon last, and later than the others */
        for (size_t host = 0; host < (night < 1 ? 1 : 5); host++)
            nights_add(&history, hosts[host], night, 1, 1, host % 4 ? NULL : move_a_gradient);
    load();
    cr_expect_eq(trend.number_change_count, 0);
    cr_assert_eq(trend.disagreement_count, NIGHTS_STEPS);
    const hd_disagreement *one = &trend.disagreements[0];
    cr_expect_str_eq(trend.nights[one->last].host, "epsilon", "the newest of the two");
    cr_expect_str_eq(trend.nights[one->change.before].host, "delta", "the newest of the three");
    cr_expect_str_eq(trend.nights[one->change.since].host, "beta", "the first of the three");
    end();
}

static void use_cublas(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)verdict;
    if (series < 2) return;
    strcpy(record->arithmetic, "cublas");
    move_a_gradient(night, series, record, verdict);
}

Test(trend, holds_other_arithmetics_to_no_other_machine) {
    keep(3, 4, use_cublas);
    load();
    cr_assert_eq(trend.series_count, 4);
    cr_expect_str_eq(trend.series[1].device, "cuda-cublas");
    cr_expect_eq(trend.number_change_count + trend.disagreement_count, 0);
    end();
}

Test(trend, holds_cuda_to_cpu) {
    keep(3, 3, NULL);
    nights_add(&history, "alpha", 3, 1, 2, NULL);
    nights_add(&history, "alpha", 4, 1, 3, use_cublas); /* cuda is cublas then: the exact one is as it was */
    load();
    cr_expect_eq(trend.disagreement_count, 0);
    hd_trend_free(&trend);
    setenv("HYPERDRIFT_MACHINE", "NVIDIA H100", 1);
    sqlite3_exec(history.database,
                 "UPDATE series SET device = 'cuda', machine = 'NVIDIA H200' WHERE device = 'cuda-cublas'",
                 NULL, NULL, NULL);
    load();
    cr_assert_eq(trend.disagreement_count, NIGHTS_STEPS);
    cr_expect_str_eq(trend.series[trend.disagreements[0].change.series].machine, "NVIDIA H200");
    end();
}
