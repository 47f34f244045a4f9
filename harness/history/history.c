#include "history/history.h"

#include "base/process.h"
#include "history/schema.h"
#include "history/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- opening --- */

static int64_t version_of(hd_sql *sql) {
    return hd_sql_whole(sql, "PRAGMA user_version", "");
}

/* Expects a history of a known schema, or an empty file. */
static void recognise(hd_sql *sql) {
    int64_t application = hd_sql_whole(sql, "PRAGMA application_id", ""), version = version_of(sql);
    bool empty = !hd_sql_whole(sql, "SELECT count(*) FROM sqlite_schema", "") && !application && !version;
    if (sql->status != HD_OK || empty) return;
    const char *path = sql->history->path;
    if (application != HD_HISTORY_APPLICATION)
        sql->status =
            hd_fail(sql->error, HD_INVALID, "%s: is another program's SQLite file, not a history", path);
    else if (version > HD_HISTORY_NEWEST)
        sql->status =
            hd_fail(sql->error, HD_INVALID,
                    "%s: is a history of schema %lld, and this program knows schemas up to %d: use a newer "
                    "one; the file was left as it is",
                    path, (long long)version, HD_HISTORY_NEWEST);
    else if (version < 1)
        sql->status =
            hd_fail(sql->error, HD_INVALID, "%s: claims to have schema %lld", path, (long long)version);
}

/* Brings the schema up to date. */
static void migrate(hd_sql *sql) {
    char version[64];
    for (int64_t v = version_of(sql); sql->status == HD_OK && v < HD_HISTORY_NEWEST; v++)
        hd_sql_run(sql, hd_history_schema[v]);
    snprintf(version, sizeof version, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             HD_HISTORY_APPLICATION, HD_HISTORY_NEWEST);
    hd_sql_run(sql, version);
}

/* Writes even if nothing is missing: only this shows whether the journal can be made. The rollback leaves the
 * file untouched. */
static void prepare_writing(hd_sql *sql) {
    hd_sql_run(sql, "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA; PRAGMA foreign_keys = ON");
    hd_sql_begin(sql);
    recognise(sql); /* again: another process may have been faster */
    bool old = version_of(sql) < HD_HISTORY_NEWEST;
    migrate(sql);
    if (old || sql->status != HD_OK)
        hd_sql_end(sql);
    else
        hd_sql_run(sql, "ROLLBACK");
}

/* Replaces the database by a copy in memory, which has the newest schema. */
static void migrate_copy(hd_history *history, hd_sql *sql) {
    hd_history copy = {.path = history->path};
    sqlite3_open(":memory:", &copy.database);
    sqlite3_backup *backup = sqlite3_backup_init(copy.database, "main", history->database, "main");
    bool copied = backup && sqlite3_backup_step(backup, -1) == SQLITE_DONE;
    if (sqlite3_backup_finish(backup) != SQLITE_OK || !copied)
        sql->status = hd_history_fail(&copy, sql->error, sql->doing);
    hd_history_close(history);
    *history = copy;
    migrate(sql);
}

static void prepare_reading(hd_history *history, hd_sql *sql) {
    if (sql->status == HD_OK && version_of(sql) < HD_HISTORY_NEWEST) migrate_copy(history, sql);
    hd_sql_run(sql, "PRAGMA query_only = ON");
}

/* Whether a file can be made there, as far as permissions tell. */
static hd_status look_at_folder(const char *path, hd_error *error) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0) return HD_OK;
    return hd_fail(error, HD_UNAVAILABLE, "%s: cannot be made: %s", path, strerror(errno));
}

static hd_status look_at(const char *path, hd_history_access access, hd_error *error) {
    struct stat is;
    if (!path[0]) return hd_fail(error, HD_INVALID, "the name of a history is empty");
    bool there = stat(path, &is) == 0;
    /* SQLite takes a file of one byte for an empty one, and would overwrite it */
    if (there && S_ISREG(is.st_mode) && is.st_size == 1)
        return hd_fail(error, HD_INVALID, "%s: not an SQLite file, but a single byte", path);
    if (there && S_ISREG(is.st_mode)) return HD_OK;
    if (there) return hd_fail(error, HD_INVALID, "%s: not a regular file, so not a history", path);
    if (access == HD_HISTORY_WRITE && errno == ENOENT) return look_at_folder(path, error);
    return hd_fail(error, errno == ENOENT ? HD_INVALID : HD_UNAVAILABLE, "%s: %s", path, strerror(errno));
}

/* base/process.h catches signals: one query may take seconds. */
static int is_interrupted(void *context) {
    (void)context;
    return hd_process_interrupted();
}

hd_status hd_history_open(const char *path, hd_history_access access, hd_history *history, hd_error *error) {
    *history = (hd_history){.path = path};
    hd_sql sql = {.history = history, .doing = "cannot be opened as a history", .error = error};
    hd_status status = look_at(path, access, error);
    if (status != HD_OK) return status;
    /* reading may have to write too: to undo what a crash left half done */
    int flags = SQLITE_OPEN_READWRITE | (access == HD_HISTORY_WRITE ? SQLITE_OPEN_CREATE : 0);
    /* ":memory:" and "file:..." would not be files of that name */
    char name[PATH_MAX + 2];
    snprintf(name, sizeof name, "%s%s", path[0] == '/' ? "" : "./", path);
    if (sqlite3_open_v2(name, &history->database, flags, NULL) != SQLITE_OK) {
        sql.status = hd_history_fail(history, error, sql.doing);
    } else {
        sqlite3_extended_result_codes(history->database, 1);
        sqlite3_busy_timeout(history->database, HD_HISTORY_PATIENCE * 1000);
        sqlite3_progress_handler(history->database, 1000, is_interrupted, NULL);
        if (access == HD_HISTORY_RECOVER) hd_sql_run(&sql, "PRAGMA writable_schema = ON"); /* more lenient */
        hd_sql_run(&sql, "BEGIN"); /* a snapshot: another process may be making it */
        recognise(&sql);
        hd_sql_end(&sql);
        if (access == HD_HISTORY_WRITE || access == HD_HISTORY_CHANGE)
            prepare_writing(&sql);
        else
            prepare_reading(history, &sql);
    }
    if (sql.status != HD_OK) hd_history_close(history);
    return sql.status;
}

hd_status hd_history_scratch(const char *path, hd_history *history, hd_error *error) {
    *history = (hd_history){.path = path};
    hd_sql sql = {.history = history, .doing = "needs a temporary file", .error = error};
    if (sqlite3_open("", &history->database) == SQLITE_OK)
        migrate(&sql);
    else
        sql.status = hd_history_fail(history, error, sql.doing);
    if (sql.status != HD_OK) hd_history_close(history);
    return sql.status;
}

void hd_history_close(hd_history *history) {
    sqlite3_close(history->database);
    *history = (hd_history){0};
}

/* Fails with what an inspection found. A page that cannot be read, for lack of memory or by a disk error, is
 * no damage: then the text ends with SQLite's code. */
static hd_status judge(const hd_history *history, hd_error *error, const char *doing, const char *text) {
    const char *line = strrchr(text, '\n'), *code = strstr(text, "error code="); /* line: after a heading */
    int number = code ? atoi(code + strlen("error code=")) : SQLITE_CORRUPT;
    if ((number & 0xff) == SQLITE_CORRUPT)
        return hd_history_corrupt(history, error, doing, line ? line + 1 : text);
    return hd_fail(error, HD_UNAVAILABLE, "%s: %s: %s", history->path, doing, sqlite3_errstr(number));
}

hd_status hd_history_inspect(const hd_history *history, hd_error *error) {
    hd_sql sql = {.history = history, .doing = "could not be inspected", .error = error};
    sqlite3_stmt *query = hd_sql_prepare(&sql, "PRAGMA integrity_check(1)");
    if (hd_sql_row(&sql, query) && strcmp(hd_sql_text(query, 0), "ok") != 0)
        sql.status = judge(history, error, sql.doing, hd_sql_text(query, 0));
    sqlite3_finalize(query);
    query = hd_sql_prepare(&sql, "PRAGMA foreign_key_check");
    if (hd_sql_row(&sql, query))
        sql.status = hd_history_corrupt(history, error, sql.doing, "a reference leads nowhere");
    sqlite3_finalize(query);
    return sql.status;
}
