#include "history/sql.h"

#include "base/list.h"
#include "base/process.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

hd_status hd_history_corrupt(const hd_history *history, hd_error *error, const char *doing,
                             const char *cause) {
    return hd_fail(error, HD_INVALID,
                   "%s: %s: the file is corrupt (%s); to save what can be read: hyperdrift history recover "
                   "%s --out NEW",
                   history->path, doing, cause, history->path);
}

hd_status hd_history_fail(const hd_history *history, hd_error *error, const char *doing) {
    sqlite3 *database = history->database;
    int code = sqlite3_errcode(database), number = sqlite3_system_errno(database);
    const char *path = history->path, *why = number ? strerror(number) : sqlite3_errmsg(database);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return hd_fail(error, HD_UNAVAILABLE, "%s: %s: locked by another process for more than %d seconds",
                       path, doing, HD_HISTORY_PATIENCE);
    case SQLITE_CORRUPT:
        return hd_history_corrupt(history, error, doing, sqlite3_errmsg(database));
    case SQLITE_NOTADB:
        return hd_fail(error, HD_INVALID, "%s: %s: not an SQLite file, or its header is damaged", path,
                       doing);
    case SQLITE_INTERRUPT:
        return hd_fail(error, HD_UNAVAILABLE, "%s: %s: interrupted", path, doing);
    case SQLITE_FULL:
        return hd_fail(error, HD_UNAVAILABLE, "%s: %s: the disk is full", path, doing);
    case SQLITE_READONLY:
        return hd_fail(error, HD_UNAVAILABLE, "%s: %s: the file or its folder is read-only", path, doing);
    case SQLITE_CANTOPEN: /* SQLite opens a file that it could not create, and keeps only that cause */
        return hd_fail(
            error, HD_UNAVAILABLE, "%s: %s: the file or its journal cannot be opened: %s", path, doing,
            number == ENOENT ? "it does not exist, and cannot be made (no room for another file?)" : why);
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_NOLFS:
    case SQLITE_PROTOCOL: /* locks do not work there */
        return hd_fail(error, HD_UNAVAILABLE, "%s: %s: %s (%s)", path, doing, why, sqlite3_errstr(code));
    default:
        return hd_fail(error, HD_INVALID, "%s: %s: %s", path, doing, sqlite3_errmsg(database));
    }
}

/* Keeps the connection's failure, if there was one. */
static void expect(hd_sql *sql, int code) {
    bool fine = code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE;
    if (!fine && sql->status == HD_OK) sql->status = hd_history_fail(sql->history, sql->error, sql->doing);
}

void hd_sql_no_memory(hd_sql *sql) {
    if (sql->status != HD_OK) return;
    sql->status = hd_fail(sql->error, HD_UNAVAILABLE, "%s: %s: no memory", sql->history->path, sql->doing);
}

void *hd_sql_add(hd_sql *sql, void *array, size_t *count, size_t size) {
    void *added = sql->status == HD_OK ? hd_list_add(array, count, size) : NULL;
    if (!added) hd_sql_no_memory(sql);
    return added;
}

void hd_sql_run(hd_sql *sql, const char *statements) {
    if (sql->status == HD_OK) expect(sql, sqlite3_exec(sql->history->database, statements, NULL, NULL, NULL));
}

void hd_sql_begin(hd_sql *sql) {
    hd_sql_run(sql, "BEGIN IMMEDIATE");
}

hd_status hd_sql_end(hd_sql *sql) {
    hd_sql_run(sql, "COMMIT");
    /* after some failures (a full disk) SQLite has rolled back by itself */
    if (!sqlite3_get_autocommit(sql->history->database))
        sqlite3_exec(sql->history->database, "ROLLBACK", NULL, NULL, NULL);
    return sql->status;
}

sqlite3_stmt *hd_sql_prepare(hd_sql *sql, const char *text) {
    sqlite3_stmt *query = NULL;
    if (sql->status == HD_OK) expect(sql, sqlite3_prepare_v2(sql->history->database, text, -1, &query, NULL));
    return query;
}

/* The text for a number that is not finite. */
static const char *no_number(double value) {
    return isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

static int bind_number(sqlite3_stmt *query, int place, double value) {
    if (isfinite(value)) return sqlite3_bind_double(query, place, value);
    return sqlite3_bind_text(query, place, no_number(value), -1, SQLITE_STATIC);
}

static void bind(hd_sql *sql, sqlite3_stmt *query, const char *types, va_list values) {
    if (sql->status != HD_OK) return;
    sqlite3_reset(query); /* its last failure, if any, was reported */
    for (int place = 1; types[place - 1]; place++) switch (types[place - 1]) {
        case 'i':
            expect(sql, sqlite3_bind_int64(query, place, va_arg(values, int64_t)));
            break;
        case 'z':
            expect(sql, sqlite3_bind_int64(query, place, (int64_t)va_arg(values, size_t)));
            break;
        case 'n':
            expect(sql, bind_number(query, place, va_arg(values, double)));
            break;
        default:
            expect(sql, sqlite3_bind_text(query, place, va_arg(values, const char *), -1, SQLITE_STATIC));
        }
}

void hd_sql_bind(hd_sql *sql, sqlite3_stmt *query, const char *types, ...) {
    va_list values;
    va_start(values, types);
    bind(sql, query, types, values);
    va_end(values);
}

bool hd_sql_row(hd_sql *sql, sqlite3_stmt *query) {
    if (sql->status == HD_OK && hd_process_interrupted())
        sql->status =
            hd_fail(sql->error, HD_UNAVAILABLE, "%s: %s: interrupted", sql->history->path, sql->doing);
    if (sql->status != HD_OK) return false;
    int code = sqlite3_step(query);
    expect(sql, code);
    if (code == SQLITE_ROW) return true;
    sqlite3_reset(query);
    return false;
}

sqlite3_stmt *hd_sql_query(hd_sql *sql, const char *text, const char *types, ...) {
    sqlite3_stmt *query = hd_sql_prepare(sql, text);
    va_list values;
    va_start(values, types);
    bind(sql, query, types, values);
    va_end(values);
    return query;
}

bool hd_sql_next(hd_sql *sql, sqlite3_stmt **query) {
    if (hd_sql_row(sql, *query)) return true;
    sqlite3_finalize(*query);
    *query = NULL;
    return false;
}

/* Binds and runs. */
static int64_t first(hd_sql *sql, sqlite3_stmt *query, const char *types, va_list values) {
    bind(sql, query, types, values);
    if (!hd_sql_row(sql, query)) return 0;
    int64_t value = sqlite3_column_int64(query, 0);
    sqlite3_reset(query);
    return value;
}

int64_t hd_sql_first(hd_sql *sql, sqlite3_stmt *query, const char *types, ...) {
    va_list values;
    va_start(values, types);
    int64_t value = first(sql, query, types, values);
    va_end(values);
    return value;
}

int64_t hd_sql_intern(hd_sql *sql, sqlite3_stmt *find, sqlite3_stmt *insert, const char *types, ...) {
    va_list values, again;
    va_start(values, types);
    va_copy(again, values);
    int64_t id = first(sql, find, types, values);
    if (!id) id = first(sql, insert, types, again);
    va_end(again);
    va_end(values);
    return id;
}

int64_t hd_sql_whole(hd_sql *sql, const char *text, const char *types, ...) {
    sqlite3_stmt *query = hd_sql_prepare(sql, text);
    va_list values;
    va_start(values, types);
    int64_t value = first(sql, query, types, values);
    va_end(values);
    sqlite3_finalize(query);
    return value;
}

double hd_sql_number(sqlite3_stmt *query, int column) {
    if (sqlite3_column_type(query, column) != SQLITE_TEXT) return sqlite3_column_double(query, column);
    const char *text = hd_sql_text(query, column);
    return !strcmp(text, "inf") ? INFINITY : !strcmp(text, "-inf") ? -INFINITY : NAN;
}

size_t hd_sql_size(sqlite3_stmt *query, int column) {
    return (size_t)sqlite3_column_int64(query, column);
}

const char *hd_sql_text(sqlite3_stmt *query, int column) {
    const unsigned char *text = sqlite3_column_text(query, column);
    return text ? (const char *)text : "";
}

void hd_sql_copy(sqlite3_stmt *query, int column, char *text, size_t size) {
    snprintf(text, size, "%s", hd_sql_text(query, column));
}

/* --- JSON --- */

static json_t *column_json(sqlite3_stmt *query, int column) {
    double number;
    switch (sqlite3_column_type(query, column)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(query, column));
    case SQLITE_FLOAT:
        number = sqlite3_column_double(query, column);
        return isfinite(number) ? json_real(number) : json_string(no_number(number));
    case SQLITE_TEXT:
        return json_string(hd_sql_text(query, column));
    default:
        return json_null();
    }
}

json_t *hd_sql_object(sqlite3_stmt *query) {
    json_t *object = json_object();
    int failed = 0;
    for (int c = 0; c < sqlite3_column_count(query); c++)
        failed |= json_object_set_new(object, sqlite3_column_name(query, c), column_json(query, c));
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

json_t *hd_sql_array(hd_sql *sql, sqlite3_stmt *query) {
    json_t *array = json_array();
    while (hd_sql_row(sql, query))
        if (json_array_append_new(array, hd_sql_object(query)) && sql->status == HD_OK)
            sql->status = hd_fail(sql->error, HD_INVALID,
                                  "%s: %s: a string in it is not UTF-8 (or there was no memory for it)",
                                  sql->history->path, sql->doing);
    return array;
}
