/* Copying runs to another history: merged, or recovered from a corrupt file. */
#include "test/opened.h"

TestSuite(copy, .init = folder_make, .fini = folder_remove);

static void strange(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)series, (void)record;
    hd_compare_number(verdict, "another", NAN, 1, HD_ABSOLUTE, 0.1, true);
    hd_compare_number(verdict, "one more", -0.0, -0.0, HD_RELATIVE, NAN, true);
    hd_compare_failed(verdict, "missing", night % 2 ? "was not there" : "");
    verdict->judgements[0].outcome = HD_KNOWN;
    verdict->known = 1;
}

/* Nights with everything that a run can have. */
static hd_history made(const char *name, const char *host, size_t nights) {
    hd_history history = nights_open(sample_path(name));
    nights_add(&history, host, 0, nights, 3, NULL);
    nights_add(&history, host, nights, 1, 3, strange);
    hd_run_entry *entry = nights_entry(host, nights + 1, 3, NULL);
    hd_record again = sample_record();
    hd_verdict nothing = {0}, unkept = {.no_memory = true, .count = 0};
    hd_kept kept;
    nights_fill(nights + 1, 0, 1, &again);
    cr_assert_eq(hd_run_entry_add_record(entry, &again, &error), HD_OK);
    cr_assert_eq(hd_run_entry_add_verdict(entry, &nothing, &error), HD_OK);
    strcpy(unkept.against, "a path");
    hd_compare_count(&unkept, "count", (hd_accuracy){1, 2}, (hd_accuracy){1, 2}, 0);
    cr_assert_eq(hd_run_entry_add_verdict(entry, &unkept, &error), HD_OK);
    cr_assert_eq(hd_run_entry_add_skip(entry, "x on cuda", "none", &error), HD_OK);
    cr_assert_eq(hd_run_entry_add_failure(entry, "killed", &error), HD_OK);
    json_t *terms = json_pack("{si}", "repeat", 3);
    cr_assert_eq(hd_run_entry_set_shard(entry, "4711", 2, 8, &error), HD_OK);
    cr_assert_eq(hd_run_entry_set_terms(entry, terms, &error), HD_OK);
    json_decref(terms);
    cr_assert_eq(hd_history_append(&history, entry, &kept, &error), HD_OK, "%s", error.message);
    hd_verdict_free(&unkept);
    hd_record_free(&again);
    hd_run_entry_free(entry);
    cr_assert_eq(hd_history_verify(&history, &error), HD_OK, "%s", error.message);
    return history;
}

static void merge(hd_history *into, const hd_history *from, size_t copied, size_t there) {
    size_t found_copied, found_there;
    cr_assert_eq(hd_history_merge(into, from, &found_copied, &found_there, &error), HD_OK, "%s",
                 error.message);
    cr_expect_eq(found_copied, copied, "%zu, not %zu", found_copied, copied);
    cr_expect_eq(found_there, there, "%zu, not %zu", found_there, there);
}

/* Expects two files with the same runs, by checksums computed from their rows. */
static void expect_same_runs(const hd_history *a, const hd_history *b) {
    hd_sql left = {.history = a, .doing = "test", .error = &error},
           right = {.history = b, .doing = "test", .error = &error};
    static const char query[] = "SELECT uid, sha256 FROM run ORDER BY uid";
    sqlite3_stmt *in_a = hd_sql_prepare(&left, query), *in_b = hd_sql_prepare(&right, query);
    while (hd_sql_row(&left, in_a)) {
        cr_assert(hd_sql_row(&right, in_b));
        cr_expect_str_eq(hd_sql_text(in_a, 0), hd_sql_text(in_b, 0));
        cr_expect_str_eq(hd_sql_text(in_a, 1), hd_sql_text(in_b, 1));
    }
    cr_expect_not(hd_sql_row(&right, in_b));
    sqlite3_finalize(in_a);
    sqlite3_finalize(in_b);
    cr_expect_eq(hd_history_verify(b, &error), HD_OK, "%s", error.message);
}

Test(copy, two_machines_files_merge_without_doubles) {
    hd_history a = made("a", "alpha", 5), b = made("b", "beta", 3), all = opened("all", HD_HISTORY_WRITE);
    merge(&all, &a, 7, 0);
    expect_same_runs(&a, &all);
    merge(&all, &b, 5, 0);
    merge(&all, &b, 0, 5);
    cr_expect_eq(count(&all, "SELECT count(*) FROM run"), 12);
    cr_expect_eq(count(&all, "SELECT count(DISTINCT uid) FROM run"), 12);
    cr_expect_eq(count(&all, "SELECT count(*) FROM series"), 3, "the machines are of one class");
    cr_expect_eq(count(&all, "SELECT count(*) FROM result"), count(&a, "SELECT count(*) FROM result"));
    cr_expect_eq(count(&all, "SELECT count(*) FROM verdict"), count(&a, "SELECT count(*) FROM verdict"));
    nights_add(&b, "beta", 100, 1, 3, NULL);
    merge(&all, &b, 1, 5);
    merge(&b, &all, 7, 6);
    expect_same_runs(&all, &b);
    hd_history_close(&a);
    hd_history_close(&b);
    hd_history_close(&all);
}

Test(copy, a_file_merged_into_itself_is_as_it_was) {
    static char before[1 << 20], after[1 << 20];
    hd_history a = made("a", "alpha", 5);
    hd_history_close(&a);
    size_t size = get_bytes(sample_path("a"), before, sizeof before);
    a = opened("a", HD_HISTORY_WRITE);
    hd_history same = opened("a", HD_HISTORY_READ);
    merge(&a, &same, 0, 7);
    hd_history_close(&same);
    hd_history_close(&a);
    cr_expect_eq(get_bytes(sample_path("a"), after, sizeof after), size);
    cr_expect_arr_eq(before, after, size);
}

Test(copy, of_a_file_with_a_run_that_is_not_whole_nothing_is_merged) {
    hd_history a = made("a", "alpha", 5), all = opened("all", HD_HISTORY_WRITE);
    size_t copied, there;
    sqlite3_exec(a.database, "UPDATE timing SET seconds = 2 * seconds WHERE record = 20", NULL, NULL, NULL);
    cr_expect_eq(hd_history_verify(&a, &error), HD_INVALID);
    cr_expect(strstr(error.message, "run 3 is not what was kept: its checksum differs"), "%s", error.message);
    cr_expect_eq(hd_history_merge(&all, &a, &copied, &there, &error), HD_INVALID);
    cr_expect(strstr(error.message, "a: run 3 cannot be copied"), "%s", error.message);
    cr_expect_eq(copied, 0);
    cr_expect_eq(count(&all, "SELECT count(*) FROM run"), 0);
    hd_history_close(&a);
    hd_history_close(&all);
}

static void expect_found(hd_history *history, const char *change, const char *part) {
    sqlite3_exec(history->database, "BEGIN", NULL, NULL, NULL);
    cr_assert_eq(sqlite3_exec(history->database, change, NULL, NULL, NULL), SQLITE_OK, "%s", change);
    cr_expect_eq(hd_history_verify(history, &error), HD_INVALID, "%s", change);
    cr_expect(strstr(error.message, part), "no '%s' in: %s", part, error.message);
    sqlite3_exec(history->database, "ROLLBACK", NULL, NULL, NULL);
}

Test(copy, verification_finds_what_was_changed_in_any_table) {
    hd_history a = made("a", "alpha", 2);
    expect_found(&a, "UPDATE result SET json = replace(json, '8', '9') WHERE id = 2", "result 2");
    expect_found(&a, "UPDATE provenance SET json = replace(json, 'EPYC', 'Epyc') WHERE id = 1",
                 "provenance 1");
    expect_found(&a, "UPDATE judgement SET value = 0 WHERE verdict = 3 AND place = 1", "verdict 3");
    expect_found(&a, "UPDATE standard SET tolerance = 1 WHERE id = 1", "verdict ");
    expect_found(&a, "UPDATE quantity SET name = 'x' WHERE id = 1", "verdict ");
    expect_found(&a, "UPDATE run SET failed = 0 WHERE failed > 0", "run ");
    expect_found(&a, "DELETE FROM timing WHERE record = 2", "run 1");
    expect_found(&a, "DELETE FROM record WHERE run = 2", "run 2");
    expect_found(&a, "PRAGMA defer_foreign_keys = ON; DELETE FROM result WHERE id = 1", "leads nowhere");
    hd_history_close(&a);
}

Test(copy, of_a_file_that_is_whole_every_run_is_saved) {
    hd_history a = made("a", "alpha", 5), saved = opened("saved", HD_HISTORY_WRITE);
    hd_run_entry *entry = nights_entry("alpha", 50, 1, NULL);
    hd_kept kept;
    for (int i = 0; i < 2; i++) cr_assert_eq(hd_run_entry_add_failure(entry, "said twice", &error), HD_OK);
    cr_assert_eq(hd_history_append(&a, entry, &kept, &error), HD_OK, "%s", error.message);
    nights_add(&a, "alpha", 51, 1, 1, NULL);
    size_t count_saved, found;
    cr_assert_eq(hd_history_recover(&a, &saved, &count_saved, &found, &error), HD_OK, "%s", error.message);
    cr_expect_eq(found, 9);
    cr_expect_eq(count_saved, 9);
    expect_same_runs(&a, &saved);
    hd_run_entry_free(entry);
    hd_history_close(&a);
    hd_history_close(&saved);
}

Test(copy, of_a_file_with_columns_of_its_own_every_run_is_saved) {
    hd_history a = made("a", "alpha", 2), saved = opened("saved", HD_HISTORY_WRITE);
    char text[2048];
    size_t count_saved, found;
    for (int i = 0; i < 3; i++) { /* names that are no identifiers, and longer than any statement of ours */
        snprintf(text, sizeof text, "ALTER TABLE run ADD COLUMN \"%d) --%01000d\" TEXT DEFAULT 'mine'", i, 0);
        cr_assert_eq(sqlite3_exec(a.database, text, NULL, NULL, NULL), SQLITE_OK);
    }
    cr_assert_eq(hd_history_recover(&a, &saved, &count_saved, &found, &error), HD_OK, "%s", error.message);
    cr_expect_eq(found, 4);
    cr_expect_eq(count_saved, 4);
    expect_same_runs(&a, &saved);
    hd_history_close(&a);
    hd_history_close(&saved);
}

/* Fills `size` bytes from `at` on with noise. */
static void damage(const char *name, long at, size_t size) {
    FILE *file = fopen(sample_path(name), "r+b");
    cr_assert_not_null(file);
    cr_assert_eq(fseek(file, at, SEEK_SET), 0);
    for (size_t i = 0; i < size; i++) fputc((int)(i * 2654435761u >> 13 & 255), file);
    cr_assert_eq(fclose(file), 0);
}

Test(copy, of_a_corrupt_file_every_whole_run_is_saved) {
    hd_history a = made("a", "alpha", 40);
    int64_t pages = count(&a, "PRAGMA page_count"), size = count(&a, "PRAGMA page_size");
    hd_history_close(&a);
    hd_history whole = opened("a", HD_HISTORY_READ);
    size_t saved_at_all = 0, lost_at_all = 0, of = 0;
    static char bytes[1 << 20];
    size_t length = get_bytes(sample_path("a"), bytes, sizeof bytes);
    for (int64_t page = 1; page < pages; page++) { /* not the first: the header and the tables' names */
        char name[32];
        snprintf(name, sizeof name, "broken-%d", (int)page);
        put_bytes(sample_path(name), bytes, length);
        damage(name, (long)(page * size), (size_t)size);
        hd_history broken, saved;
        if (hd_history_open(sample_path(name), HD_HISTORY_READ, &broken, &error) != HD_OK) {
            cr_expect(strstr(error.message, "corrupt"), "page %d: %s", (int)page, error.message);
            continue; /* the page has names of tables */
        }
        size_t kept, found;
        snprintf(name, sizeof name, "saved-%d", (int)page);
        saved = nights_open(sample_path(name));
        cr_assert_eq(hd_history_recover(&broken, &saved, &kept, &found, &error), HD_OK, "page %d: %s",
                     (int)page, error.message);
        cr_expect_leq(kept, found);
        cr_expect_eq(count(&saved, "SELECT count(*) FROM run"), (int64_t)kept);
        cr_expect_eq(hd_history_verify(&saved, &error), HD_OK, "page %d: %s", (int)page, error.message);
        saved_at_all += kept;
        lost_at_all += found - kept;
        of++;
        hd_history_close(&saved);
        hd_history_close(&broken);
    }
    cr_expect_gt(of, 10);
    cr_expect_gt(lost_at_all, 0, "damage was done");
    cr_expect_gt(saved_at_all, lost_at_all, "%zu saved, %zu lost", saved_at_all, lost_at_all);
    hd_history_close(&whole);
}
