/* A history in the test's folder, opened and queried. */
#ifndef HD_TEST_OPENED_H
#define HD_TEST_OPENED_H

#include "history/sql.h"
#include "test/nights.h"

static hd_error error;

/* The first column of a query's first row, a whole number. */
static inline int64_t count(const hd_history *history, const char *text) {
    hd_sql sql = {.history = history, .doing = "test", .error = &error};
    int64_t value = hd_sql_whole(&sql, text, "");
    cr_assert_eq(sql.status, HD_OK, "%s", error.message);
    return value;
}

/* Opens the history of that name; the caller closes it. */
static inline hd_history opened(const char *name, hd_history_access access) {
    hd_history history;
    cr_assert_eq(hd_history_open(sample_path(name), access, &history, &error), HD_OK, "%s", error.message);
    return history;
}

/* Adds a run and frees it. */
static inline hd_kept append(hd_history *history, hd_run_entry *entry) {
    hd_kept kept;
    cr_assert_eq(hd_history_append(history, entry, &kept, &error), HD_OK, "%s", error.message);
    hd_run_entry_free(entry);
    return kept;
}

#endif
