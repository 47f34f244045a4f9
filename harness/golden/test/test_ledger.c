/* golden/CHANGES: what we write, what we read, and what it tells of goldens. */
#include "golden/ledger.h"
#include "test/golden_sample.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void make_root(void) {
    folder_make();
    cr_assert_eq(mkdir(sample_path("golden"), 0777), 0);
}

TestSuite(ledger, .init = make_root, .fini = folder_remove);

static const hd_golden_set none = {0};
static hd_error error;

/* `count` goldens, loaded from a folder of their own, with their hashes. */
static hd_golden_set blessed(size_t count, const char *date, double eta) {
    hd_golden_set made = sample_goldens(count, date, eta), loaded;
    char *where = folder_path("blessed");
    mkdir(where, 0777);
    remove(sample_path("blessed/step-1.json")); /* from an earlier call */
    remove(sample_path("blessed/step-2.json"));
    cr_assert_eq(hd_golden_set_save(&made, where, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_golden_set_load(where, &loaded, &error), HD_OK, "%s", error.message);
    cr_assert_eq(loaded.count, count);
    hd_golden_set_free(&made);
    free(where);
    return loaded;
}

static void append(const hd_golden_set *was, const hd_golden_set *is) {
    hd_ledger ledger;
    cr_assert_eq(hd_ledger_open(folder, &ledger, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_ledger_append(&ledger, was, is, &error), HD_OK, "%s", error.message);
    hd_ledger_close(&ledger);
}

static hd_ledger read_it(void) {
    hd_ledger ledger;
    cr_assert_eq(hd_ledger_read(folder, &ledger, &error), HD_OK, "%s", error.message);
    return ledger;
}

Test(ledger, reads_back_what_it_wrote) {
    hd_golden_set first = blessed(2, "2026-11-23T22:53:12Z", 1),
                  second = blessed(3, "2026-11-24T06:30:02Z", 2);
    append(&none, &first);
    append(&first, &second);
    hd_ledger ledger = read_it();
    cr_assert(ledger.blessings && ledger.count == 2);
    cr_expect_not(ledger.cut);
    const hd_blessing *b = &ledger.blessings[1];
    cr_expect_str_eq(b->date, "2026-11-24T06:30:02Z");
    cr_expect_str_eq(b->experiment, "small");
    cr_expect_str_eq(b->reason, "first results");
    cr_expect_str_eq(b->commit, "528f1c0");
    cr_expect_str_eq(b->machine, "a machine");
    cr_expect_eq(b->program[strlen(b->program) - 1], ')');
    cr_assert_eq(b->steps, 3);
    cr_expect_str_eq(b->hashes[1].was, first.steps[1].sha256);
    cr_expect_str_eq(b->hashes[1].is, second.steps[1].sha256);
    cr_expect_str_eq(b->hashes[2].was, "", "there was no third");
    cr_expect_str_eq(ledger.blessings[0].hashes[0].was, "");
    hd_ledger_close(&ledger);
    append(&second, &first);
    ledger = read_it();
    cr_assert(ledger.count == 3 && ledger.blessings[2].steps == 3);
    cr_expect_str_eq(ledger.blessings[2].hashes[2].is, "", "the third is gone");
    hd_ledger_close(&ledger);
    hd_golden_set_free(&first);
    hd_golden_set_free(&second);
}

Test(ledger, holds_the_figures_that_change) {
    static char text[1 << 16];
    hd_golden_set first = blessed(1, "2026-11-23T22:53:12Z", 1),
                  second = blessed(1, "2026-11-24T06:30:02Z", 2.5);
    append(&none, &first);
    append(&first, &second);
    get_bytes(sample_path("golden/CHANGES"), text, sizeof text - 1);
    cr_expect_not_null(strstr(text, "\n    0 reference hypergradient eta: new -> 1\n"));
    cr_expect_not_null(strstr(text, "\n    0 reference hypergradient eta: 1 -> 2.5\n"));
    cr_expect_not_null(strstr(text, "\n    0 tolerance hypergradient eta: new -> 1e-06\n"));
    cr_expect_null(strstr(text, "tolerance hypergradient eta: 1e-06"));
    hd_golden_set_free(&first);
    hd_golden_set_free(&second);
}

Test(ledger, has_no_blessings_where_there_is_no_file) {
    hd_ledger ledger = read_it();
    cr_expect_eq(ledger.count, 0);
    hd_ledger_close(&ledger);
}

/* --- what is not as it should be --- */

#define SEAL "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
static const char entry[] = "2026-11-23T22:53:12Z small\n"
                            "    reason: first: results -> more\n"
                            "    commit: 528f1c0\n"
                            "    machine: a machine\n"
                            "    program: 0.1.0 (528f1c0)\n"
                            "    golden 0: new -> " SEAL "\n"
                            "    golden 1: " SEAL " -> gone\n"
                            "    0 reference hypergradient eta: 1 -> 2\n"
                            "\n";

Test(ledger, is_refused_with_the_line_that_is_not_as_it_should_be) {
    static const struct {
        const char *part, *by;
        size_t line;
    } spoilt[] = {
        {"2026-11-23T22:53:12Z small", "", 1},
        {"2026-11-23T", "2026-11-23 ", 1},
        {"2026-11", "2026-xx", 1},
        {" small", "", 1},
        {" small", " ", 1},
        {"    reason: first: results -> more\n", "", 2},
        {"reason: first: results -> more", "reason: ", 2},
        {"    commit", "   commit", 3},
        {"machine: ", "machine ", 4},
        {"    program: 0.1.0 (528f1c0)\n", "", 5},
        {"golden 0", "golden 1", 6},
        {"new ->", "old ->", 6},
        {"-> " SEAL, "-> gone", 0}, /* allowed */
        {"gone", "new", 7},
        {"gone", "gone ", 7},
        {"gone", "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", 7},
        {"golden 1", "golden 2", 7},
        {"    0 ref", "    ref", 8},
        {": 1 -> 2", ": -> 2", 8},
        {": 1 -> 2", ": 1 -> ", 8},
        {"1 -> 2\n", "1 -> 2\n\n", 10},
    };
    for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
        char text[2 * sizeof entry], expected[32];
        const char *at = strstr(entry, spoilt[i].part);
        cr_assert_not_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - entry), entry, spoilt[i].by,
                 at + strlen(spoilt[i].part));
        put_bytes(sample_path("golden/CHANGES"), text, strlen(text));
        hd_ledger ledger;
        hd_status status = hd_ledger_read(folder, &ledger, &error);
        snprintf(expected, sizeof expected, "CHANGES: line %zu:", spoilt[i].line);
        cr_expect_eq(status, spoilt[i].line ? HD_INVALID : HD_OK, "%zu", i);
        if (spoilt[i].line) cr_expect(strstr(error.message, expected), "%zu: %s", i, error.message);
        hd_ledger_close(&ledger);
    }
}

Test(ledger, takes_a_day_alone_for_a_date) {
    char text[sizeof entry];
    snprintf(text, sizeof text, "2026-11-23%s", entry + strlen("2026-11-23T22:53:12Z"));
    put_bytes(sample_path("golden/CHANGES"), text, strlen(text));
    hd_ledger ledger = read_it();
    cr_expect(ledger.count == 1 && !strcmp(ledger.blessings[0].date, "2026-11-23"));
    hd_ledger_close(&ledger);
}

/* Wherever the file is cut, the entry before stays, and the next blessing removes the incomplete one. */
Test(ledger, loses_no_whole_entry_to_one_that_was_cut_off) {
    char text[2 * sizeof entry];
    size_t one = sizeof entry - 1;
    hd_golden_set goldens = blessed(1, "2026-11-24T06:30:02Z", 1);
    snprintf(text, sizeof text, "%s%s", entry, entry);
    for (size_t size = one + 1; size < 2 * one; size++) {
        put_bytes(sample_path("golden/CHANGES"), text, size);
        hd_ledger ledger = read_it();
        size_t whole = ledger.count;
        while (whole > 0 && ledger.blessings[whole - 1].lacking) whole--;
        cr_expect(whole == 1 && ledger.cut, "at %zu", size - one);
        hd_ledger_close(&ledger);
        if (size % 50 != 0 && size + 3 < 2 * one) continue;
        append(&none, &goldens);
        ledger = read_it();
        cr_assert(ledger.count == 2 && !ledger.cut, "at %zu", size - one);
        cr_expect_str_eq(ledger.blessings[1].date, "2026-11-24T06:30:02Z");
        hd_ledger_close(&ledger);
    }
    hd_golden_set_free(&goldens);
}

/* Editors, and tools that trim white space, remove empty lines at a file's end, or the last newline. */
Test(ledger, keeps_an_entry_that_lost_its_end_while_its_goldens_are_in_place) {
    static char before[1 << 16], after[1 << 16];
    hd_golden_set first = blessed(2, "2026-11-23T22:53:12Z", 1),
                  second = blessed(2, "2026-11-24T06:30:02Z", 2);
    cr_assert_eq(mkdir(sample_path("golden/small"), 0777), 0);
    cr_assert_eq(hd_golden_set_save(&first, sample_path("golden/small"), &error), HD_OK, "%s", error.message);
    append(&none, &first);
    size_t size = get_bytes(sample_path("golden/CHANGES"), before, sizeof before - 1);
    for (size_t taken = 1; taken <= 2; taken++) {
        put_bytes(sample_path("golden/CHANGES"), before, size - taken);
        hd_ledger ledger = read_it();
        hd_lineage lineage;
        cr_expect_eq(hd_ledger_lineage(&ledger, "small", &first, &lineage, &error), HD_OK, "%s",
                     error.message);
        cr_expect_not_null(lineage.blessed);
        hd_ledger_close(&ledger);
        append(&first, &second);
        memset(after, 0, sizeof after);
        get_bytes(sample_path("golden/CHANGES"), after, sizeof after - 1);
        cr_expect_eq(strncmp(after, before, size), 0, "%zu", taken);
        cr_expect_eq(strncmp(after + size, "2026-11-24T06:30:02Z small\n", 27), 0, "%zu", taken);
    }
    hd_golden_set_free(&first);
    hd_golden_set_free(&second);
}

/* It does not remove what no writer leaves. */
Test(ledger, is_refused_and_left_alone_where_other_text_stands_at_its_end) {
    static const char *const ends[] = {"a note\n", "2026-11-23 small\r\n", "2026-11-23 small\n    reason\n"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        for (size_t entries = 0; entries < 2; entries++) {
            char text[2 * sizeof entry], found[2 * sizeof entry] = "", expected[32];
            snprintf(text, sizeof text, "%s%s", entries ? entry : "", ends[i]);
            put_bytes(sample_path("golden/CHANGES"), text, strlen(text));
            hd_ledger ledger;
            cr_expect_eq(hd_ledger_open(folder, &ledger, &error), HD_INVALID, "%zu", i);
            snprintf(expected, sizeof expected, "CHANGES: line %zu:", 9 * entries + (i == 2 ? 2 : 1));
            cr_expect(strstr(error.message, expected), "%zu: %s", i, error.message);
            hd_ledger_close(&ledger);
            get_bytes(sample_path("golden/CHANGES"), found, sizeof found - 1);
            cr_expect_str_eq(found, text);
        }
}

Test(ledger, is_as_it_was_where_the_disk_is_full) {
    hd_golden_set goldens = blessed(1, "2026-11-24T06:30:02Z", 1);
    append(&none, &goldens);
    struct stat before, after;
    cr_assert_eq(stat(sample_path("golden/CHANGES"), &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {(rlim_t)before.st_size + 100, (rlim_t)before.st_size + 100};
    hd_ledger ledger;
    cr_assert_eq(hd_ledger_open(folder, &ledger, &error), HD_OK);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(hd_ledger_append(&ledger, &goldens, &goldens, &error), HD_UNAVAILABLE);
    cr_expect_not_null(strstr(error.message, "CHANGES: cannot be written"), "%s", error.message);
    hd_ledger_close(&ledger);
    cr_assert_eq(stat(sample_path("golden/CHANGES"), &after), 0);
    cr_expect_eq(before.st_size, after.st_size);
    hd_golden_set_free(&goldens);
}

/* One process has it open when another opens it: the first one's entry comes first. */
Test(ledger, is_appended_to_by_one_at_a_time) {
    hd_golden_set first = blessed(1, "2026-11-23T22:53:12Z", 1),
                  second = blessed(1, "2026-11-24T06:30:02Z", 2);
    int held[2], come[2];
    char byte = 0;
    cr_assert(pipe(held) == 0 && pipe(come) == 0);
    pid_t holder = fork();
    if (holder == 0) {
        hd_ledger ledger;
        if (hd_ledger_open(folder, &ledger, &error) != HD_OK || write(held[1], "h", 1) != 1) _exit(1);
        if (read(come[0], &byte, 1) != 1) _exit(2);
        usleep(100000); /* gives the other time to reach its lock; nothing depends on it */
        _exit(hd_ledger_append(&ledger, &none, &first, &error) == HD_OK ? 0 : 3);
    }
    cr_assert_eq(read(held[0], &byte, 1), 1);
    cr_assert_eq(write(come[1], "c", 1), 1);
    append(&first, &second);
    int how;
    cr_assert(waitpid(holder, &how, 0) == holder && how == 0, "%d", how);
    hd_ledger ledger = read_it();
    cr_assert_eq(ledger.count, 2);
    cr_expect_str_eq(ledger.blessings[0].date, "2026-11-23T22:53:12Z");
    hd_ledger_close(&ledger);
    hd_golden_set_free(&first);
    hd_golden_set_free(&second);
}

/* --- what it tells of goldens --- */

static hd_status lineage_of(const hd_golden_set *goldens, char blessed_at[24], char unplaced_at[24]) {
    hd_ledger ledger = read_it();
    hd_lineage s;
    hd_status status = hd_ledger_lineage(&ledger, "small", goldens, &s, &error);
    snprintf(blessed_at, 24, "%s", s.blessed ? s.blessed->date : "");
    snprintf(unplaced_at, 24, "%s", s.unplaced ? s.unplaced->date : "");
    hd_ledger_close(&ledger);
    return status;
}

#define expect_lineage(goldens, expected, blessed_at, unplaced_at)                                           \
    do {                                                                                                     \
        char at[24], unplaced[24];                                                                           \
        cr_expect_eq(lineage_of(goldens, at, unplaced), expected, "%s", error.message);                      \
        cr_expect_str_eq(at, blessed_at);                                                                    \
        cr_expect_str_eq(unplaced, unplaced_at);                                                             \
    } while (0)

Test(ledger, tells_which_blessing_goldens_are_from) {
    hd_golden_set a = blessed(2, "2026-11-21T00:00:00Z", 1), b = blessed(2, "2026-11-22T00:00:00Z", 2),
                  c = blessed(1, "2026-11-23T00:00:00Z", 3);
    expect_lineage(&a, HD_OK, "", ""); /* no log is kept */
    append(&none, &a);
    expect_lineage(&a, HD_OK, "2026-11-21T00:00:00Z", "");
    expect_lineage(&none, HD_OK, "", "2026-11-21T00:00:00Z");
    append(&a, &b);
    expect_lineage(&b, HD_OK, "2026-11-22T00:00:00Z", "");
    expect_lineage(&a, HD_OK, "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z");
    append(&b, &c);
    expect_lineage(&c, HD_OK, "2026-11-23T00:00:00Z", "");
    expect_lineage(&b, HD_OK, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z");
    expect_lineage(&a, HD_INVALID, "", ""); /* the blessing before last */
    hd_golden_set_free(&a);
    hd_golden_set_free(&b);
    hd_golden_set_free(&c);
}

Test(ledger, knows_goldens_that_no_blessing_put_in_place) {
    hd_golden_set a = blessed(2, "2026-11-21T00:00:00Z", 1), b = blessed(2, "2026-11-22T00:00:00Z", 2);
    append(&none, &a);
    append(&a, &b);
    hd_golden other = a.steps[1]; /* one of each */
    a.steps[1] = b.steps[1];
    expect_lineage(&a, HD_INVALID, "", "");
    cr_expect_not_null(strstr(error.message, "not those of its last blessing (2026-11-22"), "%s",
                       error.message);
    a.steps[1] = other;
    b.count = 1; /* one is missing */
    expect_lineage(&b, HD_INVALID, "", "");
    b.count = 2;
    b.steps[0].sha256[0] ^= 1;
    expect_lineage(&b, HD_INVALID, "", "");
    hd_ledger ledger = read_it();
    hd_lineage s;
    cr_expect_eq(hd_ledger_lineage(&ledger, "another", &a, &s, &error), HD_INVALID);
    cr_expect_not_null(strstr(error.message, "no blessing of the goldens of another"), "%s", error.message);
    hd_ledger_close(&ledger);
    hd_golden_set_free(&a);
    hd_golden_set_free(&b);
}

Test(ledger, has_the_blessings_of_all_goldens_in_the_tree) {
    hd_ledger ledger;
    cr_assert_eq(hd_ledger_read(".", &ledger, &error), HD_OK, "%s", error.message);
    cr_expect_not(ledger.cut);
    size_t experiments = 0;
    DIR *all = opendir("golden");
    cr_assert_not_null(all);
    for (struct dirent *item; (item = readdir(all));) {
        char path[PATH_MAX];
        hd_golden_set goldens;
        hd_lineage s;
        if (item->d_name[0] == '.' || !strcmp(item->d_name, "CHANGES") || !strcmp(item->d_name, "trace-2017"))
            continue;
        experiments++;
        cr_assert_eq(hd_golden_set_folder(".", item->d_name, path, &error), HD_OK);
        cr_assert_eq(hd_golden_set_load(path, &goldens, &error), HD_OK, "%s", error.message);
        cr_assert_gt(goldens.count, 0, "%s", path);
        cr_expect_eq(hd_ledger_lineage(&ledger, item->d_name, &goldens, &s, &error), HD_OK, "%s",
                     error.message);
        cr_expect(s.blessed && !s.unplaced, "%s", path);
        hd_golden_set_free(&goldens);
    }
    cr_expect_geq(experiments, 10);
    closedir(all);
    hd_ledger_close(&ledger);
}
