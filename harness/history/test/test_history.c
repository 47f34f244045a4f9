/* Histories: what is stored of a run, with which checksum, moment and name. */
#include "history/checksum.h"
#include "test/opened.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(history, .init = folder_make, .fini = folder_remove);

/* --- what is stored --- */

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

/* --- checksums --- */

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
        "synthetic-0 is a different experiment than on the nights before (hash eeeeeeee, was 00000000)\n");
    cr_expect_str_eq(renamed(&history, append(&history, nights_entry("alpha", 3, 2, other_hash))), "");
    cr_expect_str_eq(renamed(&history, append(&history, nights_entry("alpha", 4, 2, NULL))), "",
                     "it was there before");
    cr_expect_str_eq(
        renamed(&history, append(&history, nights_entry("alpha", 5, 2, other_data))),
        "synthetic-0 has different data than on the nights before (hash dddddddd, was bbbbbbbb)\n");
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
