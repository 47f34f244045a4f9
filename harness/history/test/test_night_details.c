#include "history/night_details.h"
#include "test/nights.h"

TestSuite(night_details, .init = folder_make, .fini = folder_remove);

static hd_trend trend;
static hd_night_details details;

static void load(const char *name) {
    hd_error error;
    hd_history history;
    cr_assert_eq(hd_history_open(sample_path(name), HD_HISTORY_READ, &history, &error), HD_OK, "%s",
                 error.message);
    cr_assert_eq(hd_trend_load(&history, &trend, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_night_details_load(&history, &trend, &details, &error), HD_OK, "%s", error.message);
    hd_history_close(&history);
    cr_assert_eq(details.night_count, trend.night_count);
}

static void release(void) {
    hd_night_details_free(&details);
    hd_trend_free(&trend);
}

static void make(size_t nights, size_t series, nights_plan *plan) {
    hd_history history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, nights, series, plan);
    hd_history_close(&history);
    load("h");
}

static void expect_difference(size_t night, size_t i, const char *key, const char *before,
                              const char *after) {
    cr_assert_lt(i, details.nights[night].difference_count, "night %zu has no difference %zu", night, i);
    const hd_provenance_difference *difference = &details.nights[night].differences[i];
    cr_expect_str_eq(difference->key, key);
    cr_expect_str_eq(difference->before, before);
    cr_expect_str_eq(difference->after, after);
}

/* nights.h changes the commit every seven nights; its four series are on cpu and cuda. */
static void other_flags(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)series, (void)verdict;
    json_object_set_new(record->provenance, "flags",
                        json_string(night < 3 ? "-std=gnu11 -O2 -g -ffp-contract=off"
                                              : "-std=gnu11 -O3 -mavx -g -ffp-contract=off"));
    if (night < 4) json_object_set_new(record->provenance, "libc", json_string("2.36"));
}

Test(night_details, tells_once_what_differs_from_the_night_before) {
    make(9, 4, other_flags);
    static const size_t counts[9] = {0, 0, 0, 1, 1, 0, 0, 1, 0};
    for (size_t n = 0; n < 9; n++)
        cr_expect_eq(details.nights[n].difference_count, counts[n], "night %zu: %zu", n,
                     details.nights[n].difference_count);
    expect_difference(3, 0, "flags", "-O2", "-O3 -mavx");
    expect_difference(4, 0, "libc", "2.36", "");
    expect_difference(7, 0, "commit", "c000000", "c000001");
    release();
}

static void flags_of_beta(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)series, (void)verdict;
    json_object_set_new(record->provenance, "flags", json_string("-O3"));
    if (night >= 5) json_object_set_new(record->provenance, "libc", json_string("2.41"));
}

Test(night_details, tells_of_each_host_what_differs_from_its_own_night_before) {
    hd_history history = nights_open(sample_path("h"));
    for (size_t night = 0; night < 7; night++)
        nights_add(&history, night % 2 ? "beta" : "alpha", night, 1, 2, night % 2 ? flags_of_beta : NULL);
    hd_history_close(&history);
    load("h");
    static const size_t counts[7] = {0, 1, 0, 0, 0, 1, 0};
    for (size_t n = 0; n < 7; n++)
        cr_expect_eq(details.nights[n].difference_count, counts[n], "night %zu: %zu", n,
                     details.nights[n].difference_count);
    cr_expect_str_eq(details.nights[1].differences[0].key, "flags");
    expect_difference(5, 0, "libc", "", "2.41");
    release();
}

Test(night_details, has_a_provenance_once_for_all_nights_that_share_it) {
    make(9, 4, other_flags);
    cr_assert_eq(details.origin_count, 2 * 3, "on cpu and cuda, before and after each of two changes");
    for (size_t n = 0; n < 9; n++) cr_expect_eq(details.nights[n].origin_count, 2, "night %zu", n);
    cr_expect(details.nights[0].origins[0] == details.nights[2].origins[0]);
    cr_expect(details.nights[2].origins[0] != details.nights[3].origins[0]);
    const hd_origin *origin = &details.origins[details.nights[5].origins[0]];
    cr_expect(origin->first == 4 && origin->last == 8, "whatever the commit");
    cr_expect_null(json_object_get(origin->facts, "commit"));
    cr_expect_null(json_object_get(origin->facts, "experiment_sha256"));
    cr_expect_not_null(json_object_get(origin->facts, "flags"));
    release();
}

static void failing(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    if (series == 1) hd_compare_number(verdict, "weights b_0 l2", 1 + 1e-3, 1, HD_RELATIVE, 1e-5, true);
    if (series == 0 && record->step == 2)
        hd_compare_number(verdict, "weights W_1 l2", NAN, (double)night, HD_RELATIVE, 1e-5, true);
    hd_compare_number(verdict, "bits weights", 1, 2, HD_ABSOLUTE, 0, true);
}

Test(night_details, has_the_figures_that_failed_on_the_newest_night_the_worst_first) {
    make(3, 2, failing);
    cr_expect_eq(details.nights[0].failing_count, 0, "only of the newest night");
    const hd_night_detail *detail = &details.nights[2];
    cr_assert_eq(detail->failing_count, HD_NIGHT_DETAILS_FAILING);
    cr_expect_str_eq(detail->failing[0].figure, "weights W_1 l2");
    cr_expect_str_eq(detail->failing[0].record, "synthetic-0, hyper-iteration 2, forward, cpu");
    cr_expect_str_eq(detail->failing[0].against, "golden");
    cr_expect(isnan(detail->failing[0].value) && isinf(detail->failing[0].budget_used));
    cr_expect_eq(detail->failing[0].expected, 2);
    cr_expect_str_eq(detail->failing[1].figure, "weights b_0 l2");
    cr_expect_float_eq(detail->failing[1].budget_used, 100, 0.1);
    cr_expect_str_eq(detail->failing[3].figure, "weights b_0 l2");
    cr_expect_str_eq(detail->failing[4].figure, "bits weights");
    release();
}

Test(night_details, keeps_what_was_skipped_and_what_gave_no_record) {
    hd_error error;
    hd_kept kept;
    hd_history history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 1, 1, NULL);
    hd_run_entry *entry = nights_entry("alpha", 1, 1, NULL);
    cr_assert_eq(hd_run_entry_add_skip(entry, "cuda", "no driver", &error), HD_OK);
    cr_assert_eq(hd_run_entry_add_failure(entry, "weight W_0[1,2] is NaN", &error), HD_OK);
    cr_assert_eq(hd_history_append(&history, entry, &kept, &error), HD_OK, "%s", error.message);
    hd_run_entry_free(entry);
    hd_history_close(&history);
    load("h");
    cr_expect(details.nights[0].skip_count == 0 && details.nights[0].failure_count == 0);
    cr_assert(details.nights[1].skip_count == 1 && details.nights[1].failure_count == 1);
    cr_expect_str_eq(details.nights[1].skips[0], "cuda: no driver");
    cr_expect_str_eq(details.nights[1].failures[0], "weight W_0[1,2] is NaN");
    release();
}

Test(night_details, refuses_a_provenance_that_is_no_object) {
    make(1, 1, NULL);
    hd_error error;
    hd_night_details spoiled;
    hd_history history = nights_open(sample_path("h"));
    cr_assert_eq(sqlite3_exec(history.database, "UPDATE provenance SET json = '[1]'", NULL, NULL, NULL),
                 SQLITE_OK);
    cr_expect_eq(hd_night_details_load(&history, &trend, &spoiled, &error), HD_INVALID);
    cr_expect(strstr(error.message, "provenance 1 is not a JSON object"), "%s", error.message);
    hd_night_details_free(&spoiled);
    hd_history_close(&history);
    release();
}
