/* News: what is reported of a trend, in which order, and what is new. */
#include "history/news.h"
#include "test/nights.h"

TestSuite(news, .init = folder_make, .fini = folder_remove);

static hd_error error;
static hd_history history;
static hd_trend trend;
static hd_news *news;
static size_t count;

static void gather(void) {
    cr_assert_eq(hd_trend_load(&history, &trend, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_news_gather(&trend, &news, &count, &error), HD_OK);
}

static void end(void) {
    free(news);
    hd_trend_free(&trend);
    hd_history_close(&history);
}

/* The i-th sentence, in a buffer that the next one overwrites. */
static const char *sentence(size_t i) {
    static char text[2048];
    cr_assert_lt(i, count);
    FILE *to = fmemopen(text, sizeof text, "w");
    cr_assert_not_null(to);
    hd_news_say(to, &trend, &news[i]);
    cr_assert_eq(fclose(to), 0);
    return text;
}

static void move(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)verdict;
    record->hyper[1].hypergradient = (double)nextafterf((float)record->hyper[1].hypergradient, HUGE_VALF);
}

static void change_much(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    if (night >= 30 && series == 0) record->seconds.total *= night % 2 ? 1.2 : 1.3;
    if (night >= 30 && series == 1) record->peak_bytes /= 2;
    if (night >= 34 && record->step != 1) move(night, series, record, verdict);
}

static const char *const words[] = {"numbers", "numbers", "slower", "smaller"};

Test(news, come_newest_first_and_are_new_on_the_newest_night_alone) {
    history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 35, 2, change_much);
    gather();
    cr_assert_eq(count, 4);
    for (size_t i = 0; i < count; i++) {
        cr_expect_str_eq(hd_news_word(&news[i]), words[i]);
        cr_expect_eq(news[i].fresh, news[i].night == 34);
        cr_expect_eq(news[i].bad, i < 3);
        cr_expect_eq(news[i].series, i % 2);
        if (i) cr_expect_leq(news[i].night, news[i - 1].night);
    }
    cr_expect(news[0].fresh && news[1].fresh);
    cr_expect_eq(news[2].night, 34, "five nights beyond");
    cr_expect_eq(news[0].count, 2, "two hyper-iterations are one piece of news");
    free(news);
    hd_trend_free(&trend);
    nights_add(&history, "alpha", 35, 1, 2, change_much);
    gather();
    cr_assert_eq(count, 4, "nothing new");
    for (size_t i = 0; i < count; i++) cr_expect_not(news[i].fresh);
    end();
}

Test(news, say_what_since_when_and_how_much) {
    history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 35, 2, change_much);
    gather();
    cr_expect_str_eq(
        sentence(0),
        "synthetic-0 forward on cpu (AMD EPYC, 2 threads), hyper-iterations 0, 2: 1 of 8 figures; most "
        "hypergradient eta: -39.7941399 instead of -39.7941437, 0.00959 of its tolerance; since 2026-01-04 "
        "(run 35 on alpha, commit c000004), not as on 2026-01-03 (run 34 on alpha, commit c000004)");
    const char *text = sentence(2);
    const hd_level_change *slower = &trend.series[0].changes[HD_COST_TIME][0];
    char said[128], of_medians[32];
    snprintf(of_medians, sizeof of_medians, "%.3g", slower->after / slower->before);
    snprintf(said, sizeof said, "%.3g", slower->ratio);
    cr_expect_str_neq(said, of_medians, "both are %s: nothing tells them apart", said);
    snprintf(said, sizeof said, "synthetic-0 forward on cpu (AMD EPYC, 2 threads): %.3g times (%.3g to %.3g)",
             slower->ratio, slower->low, slower->high);
    cr_expect(strstr(text, said), "no '%s' in: %s", said, text);
    cr_expect(strstr(text,
                     " as measured by its products, 0.1298 s instead of 0.1001 by the clock, since "
                     "2025-12-31 (run 31 on alpha, commit c000004), found 2026-01-04, 4 nights later, p "),
              "%s", text);
    text = sentence(3);
    cr_expect(strstr(text, "synthetic-0 reverse on cpu (AMD EPYC, 2 threads): 0.5 times"), "%s", text);
    cr_expect(strstr(text, ", 57.67 MB instead of 115.3, since 2025-12-31 "), "%s", text);
    end();
}

/* A slower clock, or slower products: they reach 0.8 of their rate, and are all of the run. */
static void slow_the_products(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)series, (void)verdict;
    if (night >= 30) record->sgemm_rate *= 0.8, record->seconds.total /= 0.8;
}

Test(news, tell_of_products_that_became_slower_though_the_time_by_them_has_not) {
    history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 35, 1, slow_the_products);
    gather();
    cr_assert_eq(count, 1);
    cr_expect_str_eq(hd_news_word(&news[0]), "products slower");
    cr_expect(news[0].bad && news[0].fresh);
    const char *text = sentence(0);
    cr_expect(strstr(text,
                     "synthetic-0 forward on cpu (AMD EPYC, 2 threads): 1.25 times (1.25 to 1.25) as long, "
                     "120 GFLOP/s instead of 150, since 2025-12-31 (run 31 on alpha, commit c000004), "),
              "%s", text);
    end();
}

/* The products take half the time, and the run three quarters. */
static void speed_up_the_products(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)series, (void)verdict;
    if (night >= 30) record->sgemm_rate *= 2, record->seconds.total *= 0.75;
}

Test(news, tell_of_a_slower_time_how_many_seconds_it_took) {
    history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 35, 1, speed_up_the_products);
    gather();
    cr_assert_eq(count, 2);
    cr_expect_str_eq(hd_news_word(&news[0]), "slower");
    cr_expect_str_eq(hd_news_word(&news[1]), "products faster");
    cr_expect_not(news[1].bad);
    cr_expect(strstr(sentence(1), ": 0.5 times (0.5 to 0.5) as long, 300 GFLOP/s instead of 150, since "),
              "%s", sentence(1));
    double before = hd_news_seconds_before(&trend, &news[0]), after = hd_news_seconds_after(&trend, &news[0]);
    cr_expect(fabs(before / 0.1 - 1) < 0.01 && fabs(after / 0.075 - 1) < 0.02, "%g, %g", before, after);
    char said[160];
    snprintf(said, sizeof said, ") as measured by its products, %.4g s instead of %.4g by the clock, since ",
             after, before);
    cr_expect(strstr(sentence(0), said), "no '%s' in: %s", said, sentence(0));
    end();
}

static void spoil(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)verdict;
    record->hypers = 1;
    memset(record->weights.sha256, 'c', HD_SHA256 - 1);
    record->validation.correct--;
}

static void forget_the_rest(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)verdict;
    memset(record->weights.sha256, 'c', HD_SHA256 - 1);
}

Test(news, say_what_went_and_what_has_no_numbers) {
    history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 1, 1, NULL);
    nights_add(&history, "alpha", 1, 1, 1, forget_the_rest);
    nights_add(&history, "alpha", 2, 1, 1, spoil);
    gather();
    cr_assert_eq(count, 2);
    const char *text = sentence(0);
    cr_expect(strstr(text, ", hyper-iterations 0, 1, 2: 2 of 7 figures; most hypergradient eta: "
                           "on one side alone: BEYOND; since "),
              "%s", text);
    text = sentence(1);
    cr_expect(strstr(text, ", hyper-iterations 0, 1, 2: the weights alone; since "), "%s", text);
    end();
}

/* Adds runs on a host of its own class of machine. */
static void add_on(const char *host, size_t first, size_t nights, nights_plan *plan) {
    setenv("HYPERDRIFT_MACHINE", host, 1);
    nights_add(&history, host, first, nights, 1, plan);
    unsetenv("HYPERDRIFT_MACHINE");
}

Test(news, tell_of_a_disagreement_as_long_as_both_machines_run) {
    history = nights_open(sample_path("h"));
    add_on("alpha", 0, 4, NULL);
    add_on("beta", 0, 4, move);
    gather();
    cr_assert_eq(count, 1);
    cr_expect_eq(news[0].kind, HD_NEWS_DISAGREEMENT);
    cr_expect(news[0].fresh && news[0].bad);
    cr_expect_eq(news[0].count, NIGHTS_STEPS);
    const char *text = sentence(0);
    cr_expect(
        strstr(
            text,
            "synthetic-0 forward on cpu (beta, 2 threads), hyper-iterations 0, 1, 2 does not have the bits of "
            "synthetic-0 forward on cpu (alpha, 2 threads): 1 of 8 figures; most hypergradient eta: "
            "-39.7941399 instead of -39.7941437, 0.00959 of its tolerance; since 2025-12-01 (run "),
        "%s", text);
    cr_expect(strstr(text,
                     "; last on 2025-12-04 (run 8 on beta, commit c000000) and 2025-12-04 (run 4 on alpha, "),
              "%s", text);
    end();
}

Test(news, tell_of_a_machine_that_was_replaced_once) {
    history = nights_open(sample_path("h"));
    add_on("alpha", 0, 4, NULL);
    setenv("HYPERDRIFT_MACHINE", "a faster one", 1);
    nights_add(&history, "alpha", 4, 1, 1, move);
    gather();
    cr_assert_eq(count, 1);
    cr_expect(news[0].fresh, "the new machine has other bits");
    free(news);
    hd_trend_free(&trend);
    nights_add(&history, "alpha", 5, 1, 1, move);
    gather();
    cr_assert_eq(count, 1, "it still has, ...");
    cr_expect_not(news[0].fresh, "... but the old one runs no more");
    end();
}

Test(news, tell_of_two_hosts_of_one_class_that_disagree_by_their_names) {
    history = nights_open(sample_path("h"));
    for (size_t night = 0; night < 5; night++) {
        nights_add(&history, "alpha", night, 1, 1, NULL);
        nights_add(&history, "beta", night, 1, 1, move);
        if (night == 0) continue;
        gather();
        cr_assert_eq(count, 1, "night %zu: %zu", night, count);
        cr_expect_eq(news[0].kind, HD_NEWS_DISAGREEMENT);
        cr_expect_eq(news[0].count, NIGHTS_STEPS);
        cr_expect(news[0].fresh);
        if (night < 4) free(news), hd_trend_free(&trend);
    }
    const char *text = sentence(0);
    cr_expect(strstr(text,
                     "synthetic-0 forward on cpu (AMD EPYC, 2 threads) of host beta, hyper-iterations 0, "
                     "1, 2 does not have the bits of host alpha: 1 of 8 figures; "),
              "%s", text);
    cr_expect(strstr(text,
                     "; since 2025-12-01 (run 2 on beta, commit c000000); last on 2025-12-05 (run 10 on "
                     "beta, commit c000000) and 2025-12-05 (run 9 on alpha, "),
              "%s", text);
    end();
}

static void move_on_third(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    if (night >= 3) move(night, series, record, verdict);
}

Test(news, are_new_on_each_host_of_a_night) {
    history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 4, 1, move_on_third);
    nights_add(&history, "beta", 0, 4, 1, move_on_third); /* of the same class, and later */
    gather();
    cr_assert_eq(count, 1);
    cr_expect(news[0].fresh && news[0].kind == HD_NEWS_NUMBERS);
    cr_expect_str_eq(trend.nights[news[0].night].host, "alpha");
    end();
}

Test(news, of_a_host_that_is_gone_are_old) {
    history = nights_open(sample_path("h"));
    add_on("alpha", 0, 4, move_on_third);
    add_on("beta", 3, 1, move_on_third);
    gather();
    cr_assert_eq(count, 1);
    cr_expect(news[0].fresh && news[0].night == 3, "alpha's, of its newest night");
    free(news);
    hd_trend_free(&trend);
    add_on("beta", 4, 1, move_on_third);
    gather();
    cr_assert_eq(count, 1);
    cr_expect(news[0].fresh, "alpha may only be late");
    free(news);
    hd_trend_free(&trend);
    add_on("beta", 5, 1, move_on_third);
    gather();
    cr_assert_eq(count, 1, "it is still told ...");
    cr_expect_not(news[0].fresh, "... and no more new");
    cr_expect(trend.nights[3].newest && !trend.nights[3].current);
    end();
}

Test(news, of_a_night_made_of_several_runs_are_all_new) {
    history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 3, 2, NULL);
    hd_run_entry *entry = nights_entry("alpha", 3, 1, move);
    hd_kept kept;
    cr_assert_eq(hd_history_append(&history, entry, &kept, &error), HD_OK, "%s", error.message);
    hd_run_entry_free(entry);
    hd_record record = sample_record(); /* reverse mode by itself, two hours later */
    char *arguments[] = {(char[]){"hyperdrift"}};
    entry = hd_run_entry_new(1, arguments);
    cr_assert_not_null(entry);
    snprintf(entry->host, sizeof entry->host, "alpha");
    entry->started = nights_first + 3 * NIGHTS_DAY + 7200;
    entry->kept = entry->started + 60;
    nights_add_record(entry, 3, 1, 0, &record, NULL);
    cr_assert_eq(hd_history_append(&history, entry, &kept, &error), HD_OK, "%s", error.message);
    hd_run_entry_free(entry);
    hd_record_free(&record);
    gather();
    cr_assert_eq(count, 1);
    cr_expect_eq(trend.night_count, 5);
    cr_expect_eq(news[0].night, 3);
    cr_expect(news[0].fresh);
    end();
}
