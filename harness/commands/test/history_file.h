/* A history as a user has it, made of synthetic nights. */
#ifndef HD_COMMANDS_TEST_HISTORY_FILE_H
#define HD_COMMANDS_TEST_HISTORY_FILE_H

#include "test/nights.h"
#include "test/program.h"

static char file[64]; /* "h" in the test's folder */

static inline void expect_has(const char *text, const char *part) {
    cr_expect(strstr(text, part), "no '%s' in: %.2000s", part, text);
}

/* Makes `file` with so many nights of two series. */
static inline hd_history made(size_t nights, nights_plan *plan) {
    snprintf(file, sizeof file, "%s/h", folder);
    hd_history history = nights_open(file);
    nights_add(&history, "alpha", 0, nights, 2, plan);
    return history;
}

static inline void make(size_t nights, nights_plan *plan) {
    hd_history history = made(nights, plan);
    hd_history_close(&history);
}

static inline void change(const char *statements) {
    sqlite3 *database;
    cr_assert_eq(sqlite3_open(file, &database), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(database, statements, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(database));
    sqlite3_close(database);
}

static inline json_t *list(void) {
    hyperdrift("history", "list", file, "--json");
    cr_assert_eq(program.status, 0, "%s", program.err);
    return program_json();
}

static inline size_t runs(void) {
    json_t *json = list();
    size_t count = json_array_size(json_object_get(json, "runs"));
    json_decref(json);
    return count;
}

#endif
