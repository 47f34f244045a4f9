/* Copies runs from one history to another: all of another machine's, or what is whole in a corrupt one. */
#include "history/run_entry.h"
#include "history/sql.h"

#include <stdio.h>

static hd_status copy(const hd_history *from, int64_t run, hd_history *into, hd_error *error) {
    hd_run_entry *entry;
    hd_kept kept;
    hd_status status = hd_history_load(from, run, &entry, error);
    if (status == HD_OK) status = hd_history_append(into, entry, &kept, error);
    hd_run_entry_free(entry);
    return status;
}

/* --- merging --- */

/* Adds file and run to the error about a run that is not whole. */
static hd_status in_context(const hd_history *from, int64_t run, hd_status status, hd_error *error) {
    hd_error cause = *error;
    if (status != HD_INVALID) return status;
    return hd_fail(error, status,
                   "%.150s: run %lld cannot be copied: %.250s (try: hyperdrift history verify %.150s)",
                   from->path, (long long)run, cause.message, from->path);
}

hd_status hd_history_merge(hd_history *into, const hd_history *from, size_t *copied, size_t *there,
                           hd_error *error) {
    hd_sql source = {.history = from, .doing = "could not be read", .error = error},
           target = {.history = into, .doing = "runs could not be copied", .error = error};
    *copied = *there = 0;
    hd_sql_begin(&target);
    sqlite3_stmt *runs = hd_sql_prepare(&source, "SELECT id, uid FROM run ORDER BY moment, id"),
                 *known = hd_sql_prepare(&target, "SELECT id FROM run WHERE uid = ?1");
    while (target.status == HD_OK && hd_sql_row(&source, runs)) {
        int64_t run = sqlite3_column_int64(runs, 0);
        bool is_there = hd_sql_first(&target, known, "t", hd_sql_text(runs, 1));
        if (!is_there && target.status == HD_OK)
            target.status = in_context(from, run, copy(from, run, into, error), error);
        *(is_there ? there : copied) += target.status == HD_OK;
    }
    sqlite3_finalize(known);
    sqlite3_finalize(runs);
    if (target.status == HD_OK) target.status = source.status;
    hd_status status = hd_sql_end(&target);
    if (status != HD_OK) *copied = 0;
    return status;
}

/* --- recovering --- */

/* Copies the rows of a table as far as they can be read in that order; leaves out those that do not fit
 * (damaged, or there already). */
static void salvage_rows(sqlite3 *from, const char *columns, const char *order, const char *table,
                         const char *values, sqlite3 *into) {
    char text[2048];
    sqlite3_stmt *read = NULL, *insert = NULL;
    snprintf(text, sizeof text, "SELECT %s FROM %s ORDER BY %s", columns, table, order);
    if (sqlite3_prepare_v2(from, text, -1, &read, NULL) != SQLITE_OK) return;
    snprintf(text, sizeof text, "INSERT OR IGNORE INTO %s (%s) VALUES (%s)", table, columns, values);
    sqlite3_prepare_v2(into, text, -1, &insert, NULL);
    while (sqlite3_step(read) == SQLITE_ROW) {
        for (int c = 0; c < sqlite3_column_count(read); c++)
            sqlite3_bind_value(insert, c + 1, sqlite3_column_value(read, c));
        sqlite3_step(insert);
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    sqlite3_finalize(read);
}

/* Copies every table from both ends, so that a broken page costs only its own rows, and no index is needed.
 * We take tables and columns from our schema, whatever the file says it has. A table without rowids is read
 * in the order of its first two columns, its key. */
static void salvage(hd_sql *sql, sqlite3 *from) {
    sqlite3 *into = sql->history->database;
    sqlite3_stmt *table = hd_sql_prepare(
        sql, "SELECT name, iif(wr, '', 'rowid, ') || (SELECT group_concat(name, ', ') FROM"
             " pragma_table_info(t.name)), iif(wr, '', '?, ') || (SELECT group_concat('?', ', ') FROM"
             " pragma_table_info(t.name)), iif(wr, '1, 2', 'rowid'), iif(wr, '1 DESC, 2 DESC', 'rowid DESC')"
             " FROM pragma_table_list AS t WHERE schema = 'main' AND type = 'table'"
             " AND name NOT LIKE 'sqlite%'");
    while (hd_sql_next(sql, &table))
        for (int order = 3; order <= 4; order++)
            salvage_rows(from, hd_sql_text(table, 1), hd_sql_text(table, order), hd_sql_text(table, 0),
                         hd_sql_text(table, 2), into);
}

/* Appends those of the salvaged runs that have their checksums. */
static void save_runs(hd_sql *salvaged, hd_history *into, size_t *saved, size_t *found) {
    sqlite3_stmt *run =
        hd_sql_prepare(salvaged, "SELECT id FROM run UNION SELECT run FROM record ORDER BY 1");
    while (hd_sql_next(salvaged, &run)) {
        hd_status status = copy(salvaged->history, sqlite3_column_int64(run, 0), into, salvaged->error);
        *saved += status == HD_OK;
        ++*found;
        if (status == HD_UNAVAILABLE) salvaged->status = status; /* no room for more */
    }
}

hd_status hd_history_recover(const hd_history *from, hd_history *into, size_t *saved, size_t *found,
                             hd_error *error) {
    hd_history scratch;
    *saved = *found = 0;
    hd_status status = hd_history_scratch(from->path, &scratch, error);
    if (status != HD_OK) return status;
    hd_sql sql = {.history = &scratch, .doing = "runs could not be saved", .error = error};
    hd_sql_begin(&sql);
    salvage(&sql, from->database);
    save_runs(&sql, into, saved, found);
    hd_sql_end(&sql);
    hd_history_close(&scratch);
    return sql.status;
}
