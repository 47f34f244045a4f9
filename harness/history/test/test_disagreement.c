/* Trends: machines whose numbers differ from the others'. */
#include "history/test/trend_sample.h"

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
