/* Trends: what is read from synthetic histories, and changes of level. */
#include "history/test/trend_sample.h"

TestSuite(trend, .init = folder_make, .fini = folder_remove);

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
