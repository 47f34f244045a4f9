#include "history/prune.h"

#include "history/sql.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* Fills the temporary table `old`, the runs to remove: all before the nights that stay, but those before or
 * after a change. A record's neighbours in time are of its series and hyper-iteration: on the same host, or
 * if there is none, on any. */
static void choose_nights(hd_sql *sql, size_t keep, hd_pruned *pruned) {
    hd_sql_run(sql, "CREATE TEMP TABLE turning (run INTEGER PRIMARY KEY);"
                    "INSERT OR IGNORE INTO turning SELECT run FROM ("
                    " SELECT run, result, coalesce(lag(result) OVER own, lag(result) OVER place) AS before,"
                    "  coalesce(lead(result) OVER own, lead(result) OVER place) AS after,"
                    "  row_number() OVER place AS place FROM record JOIN run ON run.id = run"
                    " WINDOW place AS (PARTITION BY series, step ORDER BY moment, run.id),"
                    " own AS (PARTITION BY series, step, host ORDER BY moment, run.id))"
                    " WHERE place = 1 OR before <> result OR after <> result");
    hd_sql_whole(
        sql,
        "INSERT INTO old SELECT id FROM run WHERE date(moment, 'unixepoch') < (SELECT min(night) FROM"
        " (SELECT DISTINCT date(moment, 'unixepoch') AS night FROM run ORDER BY night DESC LIMIT ?1))",
        "z", keep);
    pruned->old_kept = (size_t)hd_sql_whole(sql, "SELECT count(*) FROM old JOIN turning USING (run)", "");
    hd_sql_run(sql, "DELETE FROM old WHERE run IN (SELECT run FROM turning); DROP TABLE turning");
}

static void choose_run(hd_sql *sql, size_t run) {
    if (!hd_sql_whole(sql, "INSERT INTO old SELECT id FROM run WHERE id = ?1 RETURNING run", "z", run) &&
        sql->status == HD_OK)
        sql->status = hd_fail(sql->error, HD_INVALID, "%s: has no run %zu", sql->history->path, run);
}

static void count_chosen(hd_sql *sql, hd_pruned *pruned) {
    pruned->of = (size_t)hd_sql_whole(sql, "SELECT count(*) FROM run", "");
    sqlite3_stmt *span =
        hd_sql_prepare(sql, "SELECT count(*), min(started), max(started) FROM run JOIN old ON run = id");
    if (hd_sql_row(sql, span)) {
        pruned->runs = hd_sql_size(span, 0);
        hd_sql_copy(span, 1, pruned->first, sizeof pruned->first);
        hd_sql_copy(span, 2, pruned->last, sizeof pruned->last);
    }
    sqlite3_finalize(span);
}

/* Children before parents: a cascade would look for the children of each row. */
static void remove_chosen(hd_sql *sql) {
    hd_sql_run(
        sql, "DELETE FROM timing WHERE record IN (SELECT id FROM record WHERE run IN (SELECT run FROM old));"
             "DELETE FROM record_verdict WHERE record IN (SELECT id FROM record WHERE run IN (SELECT run "
             "FROM old));"
             "DELETE FROM record WHERE run IN (SELECT run FROM old);"
             "DELETE FROM skip WHERE run IN (SELECT run FROM old);"
             "DELETE FROM failure WHERE run IN (SELECT run FROM old);"
             "DELETE FROM run WHERE id IN (SELECT run FROM old);"
             "DELETE FROM series WHERE id NOT IN (SELECT series FROM record);"
             "DELETE FROM result WHERE id NOT IN (SELECT result FROM record);"
             "DELETE FROM provenance WHERE id NOT IN (SELECT provenance FROM record);"
             "DELETE FROM judgement WHERE verdict NOT IN (SELECT verdict FROM record_verdict);"
             "DELETE FROM verdict WHERE id NOT IN (SELECT verdict FROM record_verdict);"
             "DELETE FROM standard WHERE id NOT IN (SELECT standard FROM judgement);"
             "DELETE FROM quantity WHERE id NOT IN (SELECT quantity FROM standard)"
             " AND id NOT IN (SELECT worst FROM verdict WHERE worst IS NOT NULL)");
    if (sql->status == HD_OK && hd_sql_whole(sql, "SELECT count(*) FROM pragma_foreign_key_check", ""))
        sql->status = hd_fail(sql->error, HD_INVALID, "%s: %s: it would break references", sql->history->path,
                              sql->doing);
}

static size_t size_of(const char *path) {
    struct stat is;
    return stat(path, &is) == 0 ? (size_t)is.st_size : 0;
}

/* VACUUM makes a copy, maybe on another disk (TMPDIR), and the pages it replaces go to the journal. */
static bool room_for_copies(const char *path, size_t bytes) {
    char folder[4096];
    struct statvfs disk;
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) slash[1] = '\0';
    if (statvfs(slash ? folder : ".", &disk) != 0) return false;
    return (double)disk.f_bavail * (double)disk.f_frsize > 2.0 * (double)bytes;
}

hd_status hd_history_prune(hd_history *history, size_t keep, size_t run, bool dry, hd_pruned *pruned,
                           hd_error *error) {
    hd_sql sql = {.history = history, .doing = "could not be pruned", .error = error};
    *pruned = (hd_pruned){.bytes = size_of(history->path)};
    sql.status = hd_history_inspect(history, error); /* rows that damage hides would take others along */
    hd_sql_run(&sql, "PRAGMA foreign_keys = OFF");   /* checked as a whole, before the end */
    hd_sql_begin(&sql);
    hd_sql_run(&sql, "CREATE TEMP TABLE old (run INTEGER PRIMARY KEY)");
    if (run)
        choose_run(&sql, run);
    else
        choose_nights(&sql, keep, pruned);
    count_chosen(&sql, pruned);
    if (!dry) remove_chosen(&sql);
    hd_sql_run(&sql, "DROP TABLE old");
    hd_status status = hd_sql_end(&sql);
    hd_sql_run(&sql, "PRAGMA foreign_keys = ON");
    if (status != HD_OK || dry || !pruned->runs) return status;
    hd_sql vacuum = {.history = history, .doing = sql.doing}; /* a failure here loses nothing */
    if (room_for_copies(history->path, pruned->bytes)) {
        hd_sql_run(&vacuum, "VACUUM");
        pruned->vacuumed = vacuum.status == HD_OK;
    }
    size_t now = size_of(history->path);
    pruned->freed = pruned->bytes > now ? pruned->bytes - now : 0;
    return sql.status;
}
