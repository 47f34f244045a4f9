/* Merging the shards of a matrix: which are there, which count, what must have the same bits. */
#include "history/sql.h"
#include "matrix/cells.h"
#include "matrix/shard_merge.h"
#include "test/nights.h"

#include <sys/resource.h>

TestSuite(shard_merge, .init = folder_make, .fini = folder_remove);

static hd_history history;
static hd_shard_merge merge;
static hd_error error;

static void open_as(const char *name) {
    history = nights_open(sample_path(name));
    hd_sql sql = {.history = &history, .doing = "test", .error = &error};
    hd_sql_run(&sql, "CREATE TEMP TABLE arrived (uid TEXT PRIMARY KEY)");
    cr_assert_eq(sql.status, HD_OK);
}

static void open_history(void) {
    open_as("h.sqlite");
}

/* Appends a run of the matrix "m" on a night; shard 0: a run by itself. */
static void add(const char *host, size_t night, size_t shard, size_t shards, nights_plan *plan) {
    hd_kept kept;
    hd_run_entry *entry = nights_entry(host, night, 2, plan);
    if (shard) cr_assert_eq(hd_run_entry_set_shard(entry, "m", shard, shards, &error), HD_OK);
    cr_assert_eq(hd_history_append(&history, entry, &kept, &error), HD_OK, "%s", error.message);
    hd_run_entry_free(entry);
}

static void all_arrive(void) {
    hd_sql sql = {.history = &history, .doing = "test", .error = &error};
    hd_sql_run(&sql, "INSERT INTO arrived SELECT uid FROM run");
}

static void load(const char *name, size_t shards) {
    cr_assert_eq(hd_shard_merge_load(&history, name, shards, &merge, &error), HD_OK, "%s", error.message);
}

static void done(void) {
    hd_shard_merge_free(&merge);
    hd_history_close(&history);
}

Test(shard_merge, is_whole_where_every_shard_is_there) {
    open_history();
    for (size_t shard = 1; shard <= 3; shard++) add("alpha", shard, shard, 3, NULL);
    load("m", 0);
    cr_expect_eq(merge.shards, 3);
    cr_expect_eq(merge.run_count, 3);
    cr_expect_eq(merge.missing, 0);
    cr_expect_eq(merge.failed, 0);
    cr_expect_eq(merge.passed, 3 * 2 * NIGHTS_STEPS * 4);
    cr_expect_eq(merge.status, HD_OK);
    done();
}

Test(shard_merge, counts_a_missing_shard_as_failed) {
    open_history();
    add("alpha", 1, 1, 3, NULL);
    add("alpha", 1, 3, 3, NULL);
    load("m", 0);
    cr_expect_eq(merge.missing, 1);
    cr_expect_eq(merge.failed, 1);
    cr_expect_eq(merge.status, HD_DIFFERENT);
    json_t *json = hd_shard_merge_json(&merge);
    json_t *missing = json_object_get(json, "missing");
    cr_assert_eq(json_array_size(missing), 1);
    cr_expect_eq(json_integer_value(json_array_get(missing, 0)), 2);
    json_decref(json);
    done();
}

Test(shard_merge, misses_every_shard_of_a_matrix_that_nobody_ran) {
    open_history();
    add("alpha", 1, 1, 2, NULL);
    load("another", 5);
    cr_expect_eq(merge.missing, 5);
    cr_expect_eq(merge.run_count, 0);
    cr_expect_eq(merge.status, HD_DIFFERENT);
    done();
}

Test(shard_merge, refuses_a_shard_that_there_cannot_be) {
    static const char *const places[] = {"shard = 7", "shards = -1", "shards = 3000000000", "shard = NULL"};
    open_history();
    add("alpha", 1, 1, 2, NULL);
    hd_sql sql = {.history = &history, .doing = "test", .error = &error};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char change[128];
        snprintf(change, sizeof change, "UPDATE run SET shard = 1, shards = 2; UPDATE run SET %s", places[i]);
        hd_sql_run(&sql, change);
        cr_assert_eq(sql.status, HD_OK, "%s", error.message);
        cr_expect_eq(hd_shard_merge_load(&history, "m", 0, &merge, &error), HD_INVALID, "%s", places[i]);
        cr_expect(strstr(error.message, "h.sqlite: run 1: claims to be shard "), "%s", error.message);
        hd_shard_merge_free(&merge);
    }
    hd_history_close(&history);
}

static void fail_a_figure(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)record;
    if (series == 0) hd_compare_failed(verdict, "planted", "the test's");
}

Test(shard_merge, lets_the_later_run_of_a_shard_count) {
    open_history();
    add("alpha", 1, 1, 2, fail_a_figure);
    add("alpha", 1, 2, 2, NULL);
    add("beta", 2, 1, 2, NULL);
    load("m", 0);
    cr_expect_eq(merge.run_count, 3);
    cr_expect_not(merge.runs[0].counts);
    cr_expect_str_eq(merge.runs[2].host, "beta");
    cr_expect(merge.runs[1].counts && merge.runs[2].counts);
    cr_expect_eq(merge.missing, 0);
    cr_expect_eq(merge.status, HD_OK, "the failure was of the run that does not count");
    done();
}

Test(shard_merge, has_no_place_for_a_shard_of_another_division) {
    open_history();
    add("alpha", 1, 2, 4, NULL);
    add("alpha", 2, 1, 2, NULL);
    load("m", 0);
    cr_expect_eq(merge.shards, 2);
    cr_expect_eq(merge.missing, 1);
    cr_expect(!merge.runs[0].counts && merge.runs[1].counts);
    hd_shard_merge_free(&merge);
    load("m", 4);
    cr_expect_eq(merge.missing, 3);
    cr_expect(merge.runs[0].counts && !merge.runs[1].counts);
    done();
}

/* --- terms --- */

/* As add, on host "alpha" and night `shard`, with some terms replaced. */
static void add_on_terms(size_t shard, size_t shards, const char *key, json_t *value) {
    hd_kept kept;
    hd_run_entry *entry = nights_entry("alpha", shard, 2, NULL);
    json_t *terms = json_pack("{s[{sssiss}{sssiss}]s[]s[ss]s[ss]s[]sbsisss[{ssssssss}]}", "experiments",
                              "name", "deep", "seed", 3, "sha256", "1234567890", "name", "slices", "seed", 4,
                              "sha256", "abcdefghij", "seeds", "devices", "cpu", "cuda", "modes", "forward",
                              "reverse", "set", "bits", 1, "repeat", 1, "program", "0.1.0 (one)", "goldens",
                              "experiment", "deep", "date", "2026-11-23", "reason", "so", "commit", "abc");
    cr_assert_not_null(terms);
    if (key) json_object_set_new(terms, key, value);
    cr_assert_eq(hd_run_entry_set_shard(entry, "m", shard, shards, &error), HD_OK);
    cr_assert_eq(hd_run_entry_set_terms(entry, terms, &error), HD_OK);
    cr_assert_eq(hd_history_append(&history, entry, &kept, &error), HD_OK, "%s", error.message);
    hd_run_entry_free(entry);
    json_decref(terms);
}

/* Expects one conflict, of a shard whose terms differ in one key. */
static void expect_conflict(const char *key, json_t *value, const char *said) {
    open_as(key);
    add_on_terms(1, 2, NULL, NULL);
    add_on_terms(2, 2, key, value);
    load("m", 0);
    cr_assert_eq(json_array_size(merge.conflicts), 1, "%s", key);
    cr_expect_str_eq(json_string_value(json_array_get(merge.conflicts, 0)), said);
    cr_expect(merge.failed == 1 && merge.missing == 0);
    cr_expect_eq(merge.status, HD_INVALID);
    done();
}

Test(shard_merge, is_one_matrix_where_all_shards_were_started_alike) {
    open_history();
    add_on_terms(1, 2, NULL, NULL);
    add_on_terms(2, 2, "devices", json_pack("[ss]", "cuda", "cpu")); /* the order does not matter */
    load("m", 0);
    cr_expect_eq(json_array_size(merge.conflicts), 0);
    cr_expect_eq(merge.status, HD_OK);
    cr_assert_eq(merge.goldens.count, 1);
    cr_expect_str_eq(merge.goldens.list[0].date, "2026-11-23");
    done();
}

Test(shard_merge, names_the_word_in_which_shards_differ) {
#define ONE "shard 1/2 (run 1 on alpha)"
#define TWO "shard 2/2 (run 2 on alpha)"
    expect_conflict("experiments", json_pack("[{sssiss}]", "name", "deep", "seed", 3, "sha256", "1234567890"),
                    "experiment slices (hash abcdefgh): in " ONE ", not in " TWO);
    expect_conflict("seeds", json_pack("[iii]", 7, 8, 9), "seed 7 and 2 more: in " TWO ", not in " ONE);
    expect_conflict("devices", json_pack("[s]", "cpu"), "device cuda: in " ONE ", not in " TWO);
    expect_conflict("modes", json_pack("[s]", "reverse"), "mode forward: in " ONE ", not in " TWO);
    expect_conflict("set", json_pack("[s]", "a.b=c"), "--set a.b=c: in " TWO ", not in " ONE);
    expect_conflict("bits", json_false(), "bits: true in " ONE ", false in " TWO);
    expect_conflict("repeat", json_integer(3), "repeat: 1 in " ONE ", 3 in " TWO);
    expect_conflict("program", json_string("0.1.0 (two)"),
                    "program: \"0.1.0 (one)\" in " ONE ", \"0.1.0 (two)\" in " TWO);
    expect_conflict("goldens",
                    json_pack("[{ssssssss}]", "experiment", "deep", "date", "2026-11-24", "reason", "other",
                              "commit", "abd"),
                    "golden of deep: blessed 2026-11-23 at abc (so) in " ONE
                    ", 2026-11-24 at abd (other) in " TWO);
}

Test(shard_merge, takes_no_shard_of_another_division_for_one_of_the_matrix) {
    open_history();
    add_on_terms(1, 4, NULL, NULL);
    add_on_terms(1, 2, NULL, NULL);
    add_on_terms(2, 2, NULL, NULL);
    load("m", 0);
    cr_expect_eq(merge.missing, 0);
    cr_assert_eq(json_array_size(merge.conflicts), 1);
    cr_expect_str_eq(json_string_value(json_array_get(merge.conflicts, 0)),
                     "shard 1/4 (run 1 on alpha): others have 2 shards");
    cr_expect_eq(merge.status, HD_INVALID);
    hd_shard_merge_free(&merge);
    load("m", 2);
    cr_expect_eq(merge.status, HD_OK, "it was said which are meant");
    done();
}

Test(shard_merge, forgets_the_terms_of_a_shard_that_ran_again) {
    open_history();
    add_on_terms(1, 2, "repeat", json_integer(3));
    add_on_terms(1, 2, NULL, NULL);
    add_on_terms(2, 2, NULL, NULL);
    load("m", 0);
    cr_expect_eq(merge.status, HD_OK);
    done();
}

Test(shard_merge, holds_a_shard_that_tells_no_terms_to_those_that_do) {
    open_history();
    add_on_terms(1, 2, NULL, NULL);
    add("alpha", 2, 2, 2, NULL);
    load("m", 0);
    cr_assert_eq(json_array_size(merge.conflicts), 1);
    cr_expect_str_eq(json_string_value(json_array_get(merge.conflicts, 0)),
                     TWO " does not say with which arguments it was started");
    done();
}

Test(shard_merge, names_the_cells_of_a_missing_shard) {
    open_history();
    add_on_terms(2, 3, "seeds", json_pack("[ii]", 3, 5));
    add_on_terms(1, 3, "seeds", json_pack("[ii]", 3, 5));
    load("m", 0);
    cr_expect_eq(merge.missing, 1);
    hd_cell cell = {.device = "cuda", .mode = HD_REVERSE};
    size_t expected = 0;
    char text[128];
    for (size_t i = 0; i < 16; i++) {
        snprintf(cell.experiment, sizeof cell.experiment, "%s", i & 1 ? "deep" : "slices");
        cell.seed = i & 2 ? 3 : 5;
        cell.device = i & 4 ? "cpu" : "cuda";
        cell.mode = i & 8 ? HD_FORWARD : HD_REVERSE;
        if (hd_cell_shard(&cell, 3) != 3) continue;
        expected++;
        snprintf(text, sizeof text, "%s seed %u %s %s", cell.experiment, cell.seed, cell.device,
                 hd_mode_name(cell.mode));
        bool named = false;
        for (size_t j = 0; j < json_array_size(merge.missing_cells); j++)
            named |= !strcmp(text, json_string_value(json_array_get(merge.missing_cells, j)));
        cr_expect(named, "%s", text);
    }
    cr_expect_gt(expected, 0);
    cr_expect_eq(json_array_size(merge.missing_cells), expected);
    done();
}

/* Searching all cells for each missing shard would take a quarter of an hour of CPU time. */
Test(shard_merge, names_the_cells_of_a_thousand_missing_shards_at_once) {
    setrlimit(RLIMIT_CPU, &(struct rlimit){100, 100});
    json_t *seeds = json_array();
    for (int seed = 0; seed < 1000; seed++) json_array_append_new(seeds, json_integer(seed));
    open_history();
    add_on_terms(1, 1000, "seeds", seeds);
    load("m", 0);
    cr_expect_eq(merge.missing, 999);
    size_t cells = json_array_size(merge.missing_cells); /* of 8000; some belong to the shard that is there */
    cr_expect(cells > 7900 && cells < 8000, "%zu", cells);
    done();
}

/* --- bits --- */

static void turn_a_bit(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)verdict;
    double *eta = &record->hyper[1].hypergradient;
    if (series == 1 && record->step == 2) *eta = (double)nextafterf((float)*eta, 0);
}

Test(shard_merge, finds_the_same_bits_on_all_machines) {
    open_history();
    add("alpha", 1, 1, 2, NULL);
    add("beta", 1, 2, 2, NULL);
    load("m", 0);
    cr_expect_eq(merge.records, 2 * 2 * NIGHTS_STEPS);
    cr_expect_eq(merge.compared, 2 * NIGHTS_STEPS);
    cr_expect_eq(merge.difference_count, 0);
    cr_expect_eq(merge.status, HD_OK);
    done();
}

Test(shard_merge, names_a_bit_that_differs_between_machines) {
    open_history();
    add("alpha", 1, 1, 2, NULL);
    add("beta", 1, 2, 2, turn_a_bit);
    load("m", 0);
    cr_assert_eq(merge.difference_count, 1);
    const hd_verdict *difference = &merge.differences[0];
    cr_expect_eq(difference->step, 2);
    cr_expect_eq(difference->mode, HD_REVERSE);
    cr_expect_eq(difference->failures, 1);
    cr_expect_str_eq(hd_verdict_worst(difference)->name, "bits hypergradient eta");
    cr_expect(strstr(difference->against, "alpha (run 1)") && strstr(difference->against, "beta (run 2)"),
              "%s", difference->against);
    cr_expect_eq(merge.failed, 1);
    cr_expect_eq(merge.status, HD_DIFFERENT);
    done();
}

Test(shard_merge, compares_the_runs_of_a_shard_that_ran_twice) {
    open_history();
    add("alpha", 1, 1, 1, turn_a_bit);
    add("beta", 2, 1, 1, NULL);
    load("m", 0);
    cr_expect_eq(merge.difference_count, 1);
    cr_expect_eq(merge.status, HD_DIFFERENT);
    done();
}

static size_t count_differences(const char *name, const size_t order[3]) {
    static const char *const hosts[] = {"alpha", "beta", "gamma"};
    open_as(name);
    for (size_t i = 0; i < 3; i++)
        add(hosts[order[i]], 1 + order[i], 1 + order[i], 3, order[i] == 2 ? turn_a_bit : NULL);
    load("m", 0);
    size_t differences = merge.difference_count;
    done();
    return differences;
}

Test(shard_merge, finds_the_same_whatever_order_the_shards_were_merged_in) {
    cr_expect_eq(count_differences("first.sqlite", (const size_t[]){0, 1, 2}), 1);
    cr_expect_eq(count_differences("last.sqlite", (const size_t[]){2, 1, 0}), 1);
}

/* Makes series 0 and 1 (cpu) cuda's: the same experiment, mode and results. */
static void on_cuda(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    turn_a_bit(night, series, record, verdict);
    strcpy(record->device, "cuda");
}

static void in_cublas(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    on_cuda(night, series, record, verdict);
    strcpy(record->arithmetic, "cublas");
}

Test(shard_merge, compares_devices_in_the_exact_arithmetic_alone) {
    open_history();
    add("alpha", 1, 1, 2, NULL);
    add("alpha", 1, 2, 2, on_cuda);
    load("m", 0);
    cr_expect_gt(merge.difference_count, 0);
    hd_shard_merge_free(&merge);
    hd_history_close(&history);
    cr_assert_eq(remove(sample_path("h.sqlite")), 0);
    open_history();
    add("alpha", 1, 1, 2, NULL);
    add("alpha", 1, 2, 2, in_cublas);
    load("m", 0);
    cr_expect_eq(merge.difference_count, 0);
    cr_expect_eq(merge.records, 2 * NIGHTS_STEPS);
    done();
}

/* --- runs of no matrix --- */

Test(shard_merge, compares_the_last_run_of_each_host_where_there_is_no_matrix) {
    open_history();
    add("alpha", 1, 0, 0, turn_a_bit); /* replaced by a later run */
    add("alpha", 2, 0, 0, NULL);
    add("beta", 1, 0, 0, NULL);
    add("gamma", 1, 1, 1, fail_a_figure); /* of a matrix: not merged here */
    load(NULL, 0);
    cr_expect_eq(merge.run_count, 0, "none has come");
    cr_expect_eq(merge.status, HD_DIFFERENT, "nothing was compared");
    hd_shard_merge_free(&merge);
    all_arrive();
    load(NULL, 0);
    cr_expect_eq(merge.run_count, 3);
    cr_expect_eq(merge.compared, 2 * NIGHTS_STEPS);
    cr_expect_eq(merge.difference_count, 0);
    cr_expect_eq(merge.missing, 0);
    cr_expect_eq(merge.status, HD_OK);
    done();
}
