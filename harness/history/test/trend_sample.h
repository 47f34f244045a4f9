/* A synthetic history and its trend, for the tests of what is found in one. */
#ifndef HD_HISTORY_TEST_TREND_SAMPLE_H
#define HD_HISTORY_TEST_TREND_SAMPLE_H

#include "history/trend.h"
#include "test/nights.h"

static hd_error error;
static hd_history history;
static hd_trend trend;

/* Adds nights 0 .. count - 1 of host alpha. */
static inline void keep(size_t count, size_t series, nights_plan *plan) {
    history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, count, series, plan);
}

/* Adds nights first .. first + count - 1 of another host, with a machine of its own. */
static inline void keep_on(const char *host, size_t first, size_t count, size_t series, nights_plan *plan) {
    setenv("HYPERDRIFT_MACHINE", host, 1);
    nights_add(&history, host, first, count, series, plan);
    unsetenv("HYPERDRIFT_MACHINE");
}

static inline void load(void) {
    cr_assert_eq(hd_trend_load(&history, &trend, &error), HD_OK, "%s", error.message);
}

static inline void end(void) {
    hd_trend_free(&trend);
    hd_history_close(&history);
}

/* The first series of a machine's label and mode. */
static inline const hd_series *series_on(const char *machine, hd_mode mode) {
    size_t s = 0;
    while (s < trend.series_count &&
           (strcmp(trend.series[s].machine, machine) != 0 || trend.series[s].mode != mode))
        s++;
    cr_assert_lt(s, trend.series_count, "no series on %s", machine);
    return &trend.series[s];
}

static inline float next_after(double value) {
    return nextafterf((float)value, HUGE_VALF);
}

static inline void move_a_gradient(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)verdict;
    record->hyper[1].hypergradient = (double)next_after(record->hyper[1].hypergradient);
}

#endif
