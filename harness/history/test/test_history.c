/* Histories: what is kept of a run, what a file may be, and who may write. */
#include "base/process.h"
#include "history/checksum.h"
#include "history/schema.h"
#include "test/opened.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(history, .init = folder_make, .fini = folder_remove);

static void refuses(const char *path, hd_history_access access, hd_status status, const char *part) {
    hd_history history;
    cr_expect_eq(hd_history_open(path, access, &history, &error), status, "%s", path);
    cr_expect(strstr(error.message, part), "no '%s' in: %s", part, error.message);
    cr_expect_null(history.database);
}

static hd_kept append(hd_history *history, hd_run_entry *entry) {
    hd_kept kept;
    cr_assert_eq(hd_history_append(history, entry, &kept, &error), HD_OK, "%s", error.message);
    hd_run_entry_free(entry);
    return kept;
}

/* --- what is kept --- */

Test(history, a_night_that_changes_nothing_adds_no_results_and_no_verdicts) {
    hd_history history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 1, 4, NULL);
    int64_t results = count(&history, "SELECT count(*) FROM result"),
            verdicts = count(&history, "SELECT count(*) FROM verdict"),
            judgements = count(&history, "SELECT count(*) FROM judgement"),
            standards = count(&history, "SELECT count(*) FROM standard");
    nights_add(&history, "alpha", 1, 1, 4, NULL);
    cr_expect_eq(count(&history, "SELECT count(*) FROM run"), 2);
    cr_expect_eq(count(&history, "SELECT count(*) FROM record"), 2 * 4 * NIGHTS_STEPS);
    cr_expect_eq(count(&history, "SELECT count(*) FROM timing"), 2 * 4 * NIGHTS_STEPS);
    cr_expect_eq(count(&history, "SELECT count(*) FROM series"), 4);
    cr_expect_eq(count(&history, "SELECT count(*) FROM result"), results);
    cr_expect_eq(count(&history, "SELECT count(*) FROM verdict"), verdicts);
    cr_expect_eq(count(&history, "SELECT count(*) FROM judgement"), judgements);
    cr_expect_eq(count(&history, "SELECT count(*) FROM standard"), standards);
    cr_expect_eq(results, 4 * NIGHTS_STEPS);
    hd_history_close(&history);
}

static void strange_numbers(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)record;
    verdict->judgements[0].value = NAN;
    verdict->judgements[0].budget_used = INFINITY;
    verdict->judgements[0].expected = -INFINITY;
    verdict->judgements[1].value = -0.0;
    verdict->judgements[1].expected = -0.0;
}

Test(history, keeps_nan_infinities_and_minus_zero) {
    hd_history history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 1, 1, strange_numbers);
    hd_sql sql = {.history = &history, .doing = "test", .error = &error};
    sqlite3_stmt *query =
        hd_sql_prepare(&sql, "SELECT value, expected, budget_used, typeof(value) FROM judgement JOIN"
                             " standard ON standard.id = standard ORDER BY verdict, place");
    cr_assert(hd_sql_row(&sql, query));
    cr_expect(isnan(hd_sql_number(query, 0)));
    cr_expect_str_eq(hd_sql_text(query, 3), "text");
    cr_expect_eq(hd_sql_number(query, 1), -INFINITY);
    cr_expect_eq(hd_sql_number(query, 2), INFINITY);
    cr_assert(hd_sql_row(&sql, query));
    cr_expect(hd_sql_number(query, 0) == 0 && signbit(hd_sql_number(query, 0)),
              "the sign of a value is kept");
    cr_expect_not(signbit(hd_sql_number(query, 1)), "an expected -0 is kept as 0");
    sqlite3_finalize(query);
    cr_expect_eq(count(&history, "SELECT count(*) FROM judgement WHERE value IS NULL"), 0);
    hd_history_close(&history);
}

Test(history, keeps_every_repetition_of_a_record_added_twice) {
    hd_history history = opened("h", HD_HISTORY_WRITE);
    hd_record record = sample_record();
    hd_run_entry *entry = hd_run_entry_new(0, NULL);
    for (int i = 1; i <= 3; i++) {
        record.seconds.total = i;
        record.peak_bytes = (size_t)i * 1000;
        cr_assert_eq(hd_run_entry_add_record(entry, &record, &error), HD_OK);
    }
    append(&history, entry);
    cr_expect_eq(count(&history, "SELECT count(*) FROM record"), 1);
    cr_expect_eq(count(&history, "SELECT count(*) FROM timing WHERE seconds = repetition"
                                 " AND peak_bytes = 1000 * repetition"),
                 3);
    hd_record_free(&record);
    hd_history_close(&history);
}

Test(history, tells_like_from_unlike_by_hash_and_machine) {
    hd_history history = opened("h", HD_HISTORY_WRITE);
    hd_record record = sample_record();
    hd_run_entry *entry = hd_run_entry_new(0, NULL);
    cr_assert_eq(hd_run_entry_add_record(entry, &record, &error), HD_OK);
    record.experiment_sha256[0] = 'c';
    cr_assert_eq(hd_run_entry_add_record(entry, &record, &error), HD_OK);
    setenv("HYPERDRIFT_MACHINE", "the big one", 1);
    cr_assert_eq(hd_run_entry_add_record(entry, &record, &error), HD_OK);
    strcpy(record.arithmetic, "cublas");
    cr_assert_eq(hd_run_entry_add_record(entry, &record, &error), HD_OK);
    append(&history, entry);
    cr_expect_eq(count(&history, "SELECT count(*) FROM series"), 4);
    cr_expect_eq(count(&history, "SELECT count(*) FROM series WHERE machine = 'the big one'"), 2);
    cr_expect_eq(count(&history, "SELECT count(*) FROM series WHERE device = 'cpu-cublas'"), 1);
    hd_record_free(&record);
    hd_history_close(&history);
}

Test(history, takes_no_want_of_memory_for_damage) {
    hd_history history = opened("h", HD_HISTORY_WRITE);
    nights_add(&history, "alpha", 0, 20, 4, NULL);
    hd_history_close(&history);
    size_t refused = 0;
    for (sqlite3_int64 more = 0; more < 400000; more += 4000) {
        history = opened("h", HD_HISTORY_READ);
        sqlite3_hard_heap_limit64(sqlite3_memory_used() + more);
        hd_status status = hd_history_inspect(&history, &error);
        sqlite3_hard_heap_limit64(0);
        refused += status == HD_UNAVAILABLE;
        cr_expect(status == HD_OK || status == HD_UNAVAILABLE, "%lld bytes more: %s", more, error.message);
        hd_history_close(&history);
    }
    cr_expect_gt(refused, 0);
}

Test(history, keeps_skips_failures_shards_and_arguments_that_are_no_utf8) {
    hd_history history = opened("h", HD_HISTORY_WRITE);
    char *arguments[] = {(char[]){"hyperdrift"}, (char[]){"caf\xe9"}};
    hd_run_entry *entry = hd_run_entry_new(2, arguments);
    cr_assert_eq(hd_run_entry_add_skip(entry, "a on cuda", "none here", &error), HD_OK);
    cr_assert_eq(hd_run_entry_add_failure(entry, "b \xff: killed", &error), HD_OK);
    cr_assert_eq(hd_run_entry_set_shard(entry, "4711", 2, 8, &error), HD_OK);
    hd_run_entry_conclude(entry, HD_UNAVAILABLE, 10, 2, 1, 1);
    append(&history, entry);
    cr_expect_eq(count(&history,
                       "SELECT count(*) FROM run WHERE arguments = '[\"hyperdrift\",\"caf?\"]' AND status = 3"
                       " AND passed = 10 AND failed = 2 AND known = 1 AND skipped = 1 AND matrix = '4711'"
                       " AND shard = 2 AND shards = 8 AND length(uid) = 32"),
                 1);
    cr_expect_eq(count(&history, "SELECT count(*) FROM skip WHERE what = 'a on cuda' AND why = 'none here'"),
                 1);
    cr_expect_eq(count(&history, "SELECT count(*) FROM failure WHERE message = 'b ?: killed'"), 1);
    hd_history_close(&history);
}

Test(history, of_an_entry_that_is_not_whole_nothing_is_kept) {
    hd_history history = opened("h", HD_HISTORY_WRITE);
    hd_record record = sample_record();
    hd_run_entry *entry = hd_run_entry_new(0, NULL);
    hd_kept kept;
    record.validation_error = NAN;
    cr_expect_eq(hd_run_entry_add_record(entry, &record, &error), HD_DIFFERENT);
    cr_expect_eq(hd_history_append(&history, entry, &kept, &error), HD_UNAVAILABLE);
    cr_expect_eq(kept.run, 0);
    cr_expect_eq(count(&history, "SELECT count(*) FROM run"), 0);
    hd_run_entry_free(entry);
    hd_record_free(&record);
    hd_history_close(&history);
}

/* --- several writers --- */

static void append_five(size_t writer) {
    char host[32];
    snprintf(host, sizeof host, "host-%zu", writer);
    for (size_t night = 0; night < 5; night++) {
        hd_history history;
        hd_kept kept;
        hd_run_entry *entry = nights_entry(host, night, 2, NULL);
        if (hd_history_open(sample_path("h"), HD_HISTORY_WRITE, &history, &error) != HD_OK ||
            hd_history_append(&history, entry, &kept, &error) != HD_OK) {
            fprintf(stderr, "writer %zu: %s\n", writer, error.message);
            _exit(1);
        }
        hd_history_close(&history);
        hd_run_entry_free(entry);
    }
    _exit(0);
}

Test(history, writers_at_the_same_time_take_turns) {
    enum { WRITERS = 4 };
    pid_t children[WRITERS];
    for (size_t w = 0; w < WRITERS; w++)
        if ((children[w] = fork()) == 0) append_five(w);
    for (size_t w = 0; w < WRITERS; w++) {
        int how = -1;
        cr_assert_eq(waitpid(children[w], &how, 0), children[w]);
        cr_expect_eq(how, 0, "writer %zu ended with %d", w, how);
    }
    hd_history history = opened("h", HD_HISTORY_READ);
    cr_expect_eq(count(&history, "SELECT count(*) FROM run"), 5 * WRITERS);
    cr_expect_eq(count(&history, "SELECT count(*) FROM series"), 2);
    cr_expect_eq(hd_history_verify(&history, &error), HD_OK, "%s", error.message);
    hd_history_close(&history);
}

/* --- seals --- */

static void expect_sealed(const hd_history *history, int64_t run, bool intact) {
    hd_sql sql = {.history = history, .doing = "test", .error = &error};
    char found[HD_SHA256];
    sqlite3_stmt *query = hd_sql_prepare(&sql, "SELECT sha256 FROM run WHERE id = ?1");
    hd_sql_bind(&sql, query, "i", run);
    cr_assert(hd_sql_row(&sql, query));
    hd_checksum_run(&sql, run, found);
    cr_expect_eq(!strcmp(found, hd_sql_text(query, 0)), intact);
    sqlite3_finalize(query);
}

Test(history, a_seal_is_of_all_that_a_run_consists_of) {
    static const char *const changes[] = {
        "UPDATE run SET passed = passed + 1 WHERE id = 1",
        "UPDATE run SET commit_id = 'x' WHERE id = 1",
        "UPDATE timing SET seconds = seconds * (1 + 1e-15) WHERE record = 2",
        "UPDATE record SET result = (SELECT max(id) FROM result) WHERE id = 1",
        "UPDATE record SET step = 7 WHERE id = 3",
        "DELETE FROM timing WHERE record = 1",
        "DELETE FROM record_verdict WHERE record = 1",
        "INSERT INTO failure VALUES (1, 'late')",
        "UPDATE series SET threads = threads + 1 WHERE id = 1",
    };
    hd_history history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 2, 2, NULL);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        sqlite3_exec(history.database, "BEGIN", NULL, NULL, NULL);
        expect_sealed(&history, 1, true);
        cr_assert_eq(sqlite3_exec(history.database, changes[i], NULL, NULL, NULL), SQLITE_OK, "%s",
                     changes[i]);
        cr_assert_gt(sqlite3_changes(history.database), 0, "%s", changes[i]);
        expect_sealed(&history, 1, false);
        sqlite3_exec(history.database, "ROLLBACK", NULL, NULL, NULL);
    }
    hd_history_close(&history);
}

Test(history, a_kept_verdict_has_the_seal_of_the_one_in_memory) {
    hd_history history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 1, 2, strange_numbers);
    hd_sql sql = {.history = &history, .doing = "test", .error = &error};
    sqlite3_stmt *query = hd_sql_prepare(&sql, "SELECT id, sha256 FROM verdict");
    size_t verdicts = 0;
    while (hd_sql_row(&sql, query)) {
        char found[HD_SHA256];
        hd_checksum_kept_verdict(&sql, sqlite3_column_int64(query, 0), found);
        cr_expect_str_eq(found, hd_sql_text(query, 1));
        verdicts++;
    }
    cr_expect_eq(verdicts, 2 * NIGHTS_STEPS);
    sqlite3_finalize(query);
    hd_history_close(&history);
}

/* --- time and names --- */

Test(history, a_run_has_its_place_after_the_host_s_run_before_though_the_clock_went_back) {
    hd_history history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 3, 1, NULL);
    hd_kept kept =
        append(&history, nights_entry("alpha", 1, 1, NULL)); /* the third night's clock was ahead */
    cr_expect(kept.clock_back);
    cr_expect_eq(count(&history, "SELECT status FROM run WHERE id = 4 AND clock_back = 1"), HD_UNAVAILABLE);
    cr_expect_eq(count(&history, "SELECT id FROM run ORDER BY moment DESC, id DESC LIMIT 1"), 4);
    kept = append(&history, nights_entry("alpha", 2, 1, NULL));
    cr_expect_not(kept.clock_back, "said once, not on every later night");
    cr_expect_eq(count(&history, "SELECT id FROM run ORDER BY moment DESC, id DESC LIMIT 1"), 5);
    kept = append(&history, nights_entry("beta", 0, 1, NULL));
    cr_expect_not(kept.clock_back, "other machines have clocks of their own");
    hd_history_close(&history);
}

static char said[512];
static void say(void *context, const char *line) {
    (void)context;
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", line);
}

static void other_hash(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)verdict;
    memset(record->experiment_sha256, 'e', 8);
}

static void other_data(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series, (void)verdict;
    memset(record->data_sha256, 'd', 8);
}

static const char *renamed(hd_history *history, hd_kept kept) {
    said[0] = '\0';
    cr_assert_eq(hd_history_renamed(history, kept.run, say, NULL, &error), HD_OK, "%s", error.message);
    return said;
}

Test(history, another_experiment_under_the_same_name_is_told_of_once) {
    hd_history history = nights_open(sample_path("h"));
    cr_expect_str_eq(renamed(&history, append(&history, nights_entry("alpha", 0, 2, NULL))), "");
    cr_expect_str_eq(renamed(&history, append(&history, nights_entry("alpha", 1, 2, NULL))), "");
    cr_expect_str_eq(
        renamed(&history, append(&history, nights_entry("alpha", 2, 2, other_hash))),
        "synthetic-0 is another experiment than on the nights before (hash eeeeeeee, was 00000000)\n");
    cr_expect_str_eq(renamed(&history, append(&history, nights_entry("alpha", 3, 2, other_hash))), "");
    cr_expect_str_eq(renamed(&history, append(&history, nights_entry("alpha", 4, 2, NULL))), "",
                     "it was there before");
    cr_expect_str_eq(renamed(&history, append(&history, nights_entry("alpha", 5, 2, other_data))),
                     "synthetic-0 has other data than on the nights before (hash dddddddd, was bbbbbbbb)\n");
    hd_run_entry *both = nights_entry("alpha", 6, 2, NULL);
    hd_record record = sample_record();
    nights_fill(6, 0, 0, &record);
    memset(record.experiment_sha256, 'f', 8);
    cr_assert_eq(hd_run_entry_add_record(both, &record, &error), HD_OK);
    cr_expect_str_eq(renamed(&history, append(&history, both)), "", "it is beside the one that was there");
    hd_record_free(&record);
    cr_expect_eq(count(&history, "SELECT count(*) FROM series"), 7);
    hd_history_close(&history);
}

/* --- what a file may be --- */

static void make_file(const char *name, const char *statements) {
    sqlite3 *database;
    cr_assert_eq(sqlite3_open(sample_path(name), &database), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(database, statements, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(database));
    sqlite3_close(database);
}

Test(history, of_a_newer_schema_is_refused_and_left_alone) {
    char before[8192], after[8192], newer[64];
    hd_history history = opened("h", HD_HISTORY_WRITE);
    hd_history_close(&history);
    snprintf(newer, sizeof newer, "PRAGMA user_version = %d", HD_HISTORY_NEWEST + 1);
    make_file("h", newer);
    size_t size = get_bytes(sample_path("h"), before, sizeof before);
    refuses(sample_path("h"), HD_HISTORY_WRITE, HD_INVALID,
            "schema 4, and this program knows schemas up to 3");
    refuses(sample_path("h"), HD_HISTORY_READ, HD_INVALID,
            "schema 4, and this program knows schemas up to 3");
    cr_expect_eq(get_bytes(sample_path("h"), after, sizeof after), size);
    cr_expect_arr_eq(before, after, size);
}

Test(history, is_no_other_file) {
    put_bytes(sample_path("text"),
              "not a database, but longer than a hundred bytes, so that it could hold a header: "
              "0123456789012345678901234567890123456789",
              120);
    put_bytes(sample_path("byte"), "x", 1);
    make_file("other", "CREATE TABLE things (x)");
    make_file("another", "PRAGMA application_id = 77; PRAGMA user_version = 2");
    for (hd_history_access access = HD_HISTORY_READ; access <= HD_HISTORY_WRITE; access++) {
        refuses(sample_path("text"), access, HD_INVALID, "is no SQLite file, or its header is gone");
        refuses(sample_path("other"), access, HD_INVALID, "is another program's SQLite file");
        refuses(sample_path("another"), access, HD_INVALID, "is another program's SQLite file");
        refuses(sample_path("byte"), access, HD_INVALID, "is no SQLite file, but a single byte");
        refuses(folder, access, HD_INVALID, "is no regular file");
    }
    refuses(sample_path("missing"), HD_HISTORY_READ, HD_INVALID, "No such file");
    refuses(sample_path("no/where"), HD_HISTORY_WRITE, HD_UNAVAILABLE, "cannot be made: No such file");
    cr_expect_eq(folder_entries(), 4, "nothing was made");
}

Test(history, is_a_file_whatever_its_name_means_to_sqlite) {
    static const char *const names[] = {":memory:", "file:nights?mode=memory", "file:nights.sqlite"};
    hd_history history;
    cr_assert_eq(chdir(sample_path("")), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_assert_eq(hd_history_open(names[i], HD_HISTORY_WRITE, &history, &error), HD_OK, "%s",
                     error.message);
        hd_history_close(&history);
        cr_expect_eq(access(names[i], F_OK), 0, "%s", names[i]);
    }
    refuses("", HD_HISTORY_WRITE, HD_INVALID, "the name of a history is empty");
    refuses("", HD_HISTORY_READ, HD_INVALID, "the name of a history is empty");
}

Test(history, that_may_not_be_made_says_why) {
    uid_t user = geteuid();
    cr_assert_eq(chmod(folder, 0555), 0);
    if (user == 0) cr_assert_eq(seteuid(65534), 0); /* root may write anywhere */
    refuses(sample_path("h"), HD_HISTORY_WRITE, HD_UNAVAILABLE, "h: cannot be made: Permission denied");
    if (user == 0) cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(chmod(folder, 0755), 0);
}

Test(history, is_left_as_it_was_by_who_is_interrupted) {
    static char before[1 << 20], after[1 << 20];
    hd_history history = opened("h", HD_HISTORY_WRITE), other = opened("other", HD_HISTORY_WRITE);
    append(&history, nights_entry("alpha", 0, 1, NULL));
    size_t size = get_bytes(sample_path("h"), before, sizeof before), copied, there;
    hd_run_entry *second = nights_entry("alpha", 1, 1, NULL);
    hd_kept kept;
    hd_process_catch_interrupts();
    cr_assert_eq(raise(SIGTERM), 0);
    cr_expect_eq(hd_history_append(&history, second, &kept, &error), HD_UNAVAILABLE);
    cr_expect(strstr(error.message, "interrupted"), "%s", error.message);
    cr_expect_eq(hd_history_merge(&other, &history, &copied, &there, &error), HD_UNAVAILABLE);
    cr_expect_eq(hd_history_recover(&history, &other, &copied, &there, &error), HD_UNAVAILABLE);
    cr_expect_eq(hd_history_inspect(&history, &error), HD_UNAVAILABLE);
    refuses(sample_path("h"), HD_HISTORY_READ, HD_UNAVAILABLE, "interrupted");
    cr_expect_eq(get_bytes(sample_path("h"), after, sizeof after), size);
    cr_expect_arr_eq(before, after, size);
    hd_run_entry_free(second);
    hd_history_close(&other);
    hd_history_close(&history);
}

Test(history, that_is_empty_has_no_runs) {
    put_bytes(sample_path("h"), "", 0);
    hd_history history = opened("h", HD_HISTORY_READ);
    cr_expect_eq(count(&history, "SELECT count(*) FROM run"), 0);
    hd_history_close(&history);
    struct stat is;
    cr_assert_eq(stat(sample_path("h"), &is), 0);
    cr_expect_eq(is.st_size, 0, "reading changes nothing");
}

/* A file as the first schema had it, with one run. */
static void make_version_1(const char *name) {
    char version[128];
    make_file(name, hd_history_schema[0]);
    make_file(name,
              "INSERT INTO run VALUES (1, 'u', '', 5, 's', 'k', 0, 'h', 'v', 'c', '[]', 0, 1, 0, 0, 0)");
    snprintf(version, sizeof version, "PRAGMA user_version = 1; PRAGMA application_id = %d",
             HD_HISTORY_APPLICATION);
    make_file(name, version);
}

Test(history, of_an_older_schema_is_read_as_the_newest_without_changing_the_file) {
    char before[1 << 17], after[1 << 17];
    make_version_1("h");
    size_t size = get_bytes(sample_path("h"), before, sizeof before);
    hd_history history = opened("h", HD_HISTORY_READ);
    cr_expect_eq(count(&history, "SELECT count(*) FROM run WHERE matrix IS NULL"), 1);
    hd_history_close(&history);
    cr_expect_eq(get_bytes(sample_path("h"), after, sizeof after), size);
    cr_expect_arr_eq(before, after, size);
}

Test(history, of_an_older_schema_is_brought_up_to_date_by_who_writes) {
    make_version_1("h");
    hd_history history = opened("h", HD_HISTORY_WRITE);
    hd_history_close(&history);
    history = opened("h", HD_HISTORY_READ);
    cr_expect_eq(count(&history, "PRAGMA user_version"), HD_HISTORY_NEWEST);
    cr_expect_eq(count(&history, "PRAGMA application_id"), HD_HISTORY_APPLICATION);
    cr_expect_eq(count(&history, "SELECT count(*) FROM run WHERE matrix IS NULL"), 1);
    hd_history_close(&history);
}

Test(history, opened_for_reading_is_not_written) {
    hd_history history = opened("h", HD_HISTORY_WRITE);
    hd_history_close(&history);
    history = opened("h", HD_HISTORY_READ);
    cr_expect_neq(sqlite3_exec(history.database, "DELETE FROM run", NULL, NULL, NULL), SQLITE_OK);
    hd_history_close(&history);
}

Test(history, is_written_with_a_rollback_journal_that_is_flushed) {
    hd_history history = opened("h", HD_HISTORY_WRITE);
    cr_expect_eq(count(&history, "PRAGMA synchronous"), 3, "EXTRA");
    cr_expect_eq(count(&history, "PRAGMA foreign_keys"), 1);
    cr_expect_eq(count(&history, "PRAGMA busy_timeout"), HD_HISTORY_PATIENCE * 1000);
    cr_expect_eq(count(&history, "SELECT journal_mode = 'delete' FROM pragma_journal_mode"), 1);
    hd_history_close(&history);
}

Test(history, inspection_finds_damage) {
    hd_history history = nights_open(sample_path("h"));
    nights_add(&history, "alpha", 0, 60, 4, NULL);
    cr_expect_eq(hd_history_inspect(&history, &error), HD_OK, "%s", error.message);
    hd_history_close(&history);
    FILE *file = fopen(sample_path("h"), "r+b");
    cr_assert_not_null(file);
    static const char zeros[4096 * 10];
    fseek(file, -(long)sizeof zeros, SEEK_END); /* behind the schema */
    fwrite(zeros, 1, sizeof zeros, file);
    fclose(file);
    history = opened("h", HD_HISTORY_READ);
    cr_expect_eq(hd_history_inspect(&history, &error), HD_INVALID);
    cr_expect(strstr(error.message, "the file is corrupt (") && strstr(error.message, "history recover"),
              "%s", error.message);
    hd_history_close(&history);
}
