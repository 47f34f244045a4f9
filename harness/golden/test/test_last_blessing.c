/* When and why goldens were blessed, also if others bless meanwhile. */
#include "base/temporary_folder.h"
#include "golden/last_blessing.h"
#include "test/golden_sample.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void make_root(void) {
    folder_make();
    cr_assert_eq(mkdir(sample_path("golden"), 0777), 0);
}

TestSuite(blessing, .init = make_root, .fini = folder_remove);

static hd_error error;
static const hd_golden_set none = {0};

#define FIRST  "2026-11-23T22:53:12Z"
#define SECOND "2026-11-24T06:30:02Z"

/* Saves a blessing's goldens in a folder of their own, and appends it to the log. */
static hd_golden_set bless(const char *where, const hd_golden_set *was, size_t count, const char *date,
                           double eta) {
    hd_golden_set made = sample_goldens(count, date, eta), loaded;
    hd_ledger ledger;
    cr_assert_eq(mkdir(sample_path(where), 0777), 0);
    cr_assert_eq(hd_golden_set_save(&made, sample_path(where), &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_golden_set_load(sample_path(where), &loaded, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_ledger_open(folder, &ledger, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_ledger_append(&ledger, was, &loaded, &error), HD_OK, "%s", error.message);
    hd_ledger_close(&ledger);
    hd_golden_set_free(&made);
    return loaded;
}

/* Called once, just before the program looks for a file whose path ends in `before`. */
static void (*meanwhile)(void);
static const char *before = "";

/* Replaces the program's access. */
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
int access(const char *path, int mode) {
    size_t length = strlen(path), end = strlen(before);
    if (meanwhile && length >= end && !strcmp(path + length - end, before)) {
        void (*act)(void) = meanwhile;
        meanwhile = NULL;
        act();
    }
    return (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

static hd_golden_set first;

static void bless_again(void) {
    char *in_place = folder_path("golden/small");
    hd_golden_set second = bless("second", &first, 1, SECOND, 2);
    cr_assert_eq(rename(in_place, sample_path("before")), 0);
    cr_assert_eq(rename(sample_path("second"), in_place), 0);
    hd_golden_set_free(&second);
    free(in_place);
}

static size_t failures;

static void note(void *context, const hd_error *why) {
    cr_expect_null(context);
    error = *why;
    failures++;
}

static hd_last_blessings find(void) {
    hd_last_blessings blessings = {0};
    cr_assert_eq(hd_last_blessings_add(&blessings, "small", &error), HD_OK);
    failures = 0;
    hd_last_blessings_find(&blessings, folder, note, NULL);
    return blessings;
}

Test(blessing, is_the_last_blessing_in_place) {
    first = bless("golden/small", &none, 2, FIRST, 1);
    hd_last_blessings blessings = find();
    cr_expect_eq(failures, 0, "%s", error.message);
    cr_expect(blessings.logged);
    cr_expect_str_eq(blessings.list[0].date, FIRST);
    cr_expect_str_eq(blessings.list[0].unplaced, "");
    hd_last_blessings_free(&blessings);
    hd_golden_set second = bless("second", &first, 1, SECOND, 2);
    blessings = find();
    cr_expect_str_eq(blessings.list[0].date, FIRST);
    cr_expect_str_eq(blessings.list[0].unplaced, SECOND);
    hd_last_blessings_free(&blessings);
    hd_golden_set_free(&second);
    hd_golden_set_free(&first);
}

Test(blessing, is_one_blessing_or_the_other_where_one_comes_between) {
    static const char *const moments[] = {"golden/CHANGES", "small/step-0.json", "small/step-1.json",
                                          "small/step-2.json"};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        first = bless("golden/small", &none, 2, FIRST, 1);
        before = moments[i];
        meanwhile = bless_again;
        hd_last_blessings blessings = find();
        cr_expect_null(meanwhile, "%s is looked for", moments[i]);
        cr_expect_eq(failures, 0, "%s: %s", moments[i], error.message);
        cr_expect_str_eq(blessings.list[0].date, SECOND, "%s", moments[i]);
        cr_expect_str_eq(blessings.list[0].unplaced, "");
        hd_last_blessings_free(&blessings);
        hd_golden_set_free(&first);
        hd_temporary_folder_remove(sample_path("golden"));
        hd_temporary_folder_remove(sample_path("before"));
        cr_assert_eq(mkdir(sample_path("golden"), 0777), 0);
    }
}

Test(blessing, is_not_found_of_goldens_without_a_blessing) {
    first = bless("golden/small", &none, 2, FIRST, 1);
    cr_assert_eq(remove(sample_path("golden/small/step-1.json")), 0);
    hd_last_blessings blessings = find();
    cr_expect_eq(failures, 1);
    cr_expect_not_null(strstr(error.message, "came into place without one"), "%s", error.message);
    cr_expect_str_eq(blessings.list[0].date, "");
    hd_last_blessings_free(&blessings);
    hd_golden_set_free(&first);
}
