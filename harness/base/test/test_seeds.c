/* Lists of seeds as text. */
#include "base/seeds.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(seeds);

static void expect_seeds(const char *text, size_t count, const uint32_t *expected) {
    hd_seeds seeds;
    hd_error error;
    cr_assert_eq(hd_seeds_read(text, &seeds, &error), HD_OK, "%s", error.message);
    cr_assert_eq(seeds.count, count, "%s: %zu", text, seeds.count);
    for (size_t i = 0; i < count; i++) cr_expect_eq(seeds.of[i], expected[i], "%s: %u", text, seeds.of[i]);
    free(seeds.of);
}

Test(seeds, are_numbers_and_ranges_in_the_order_given) {
    expect_seeds("7", 1, (const uint32_t[]){7});
    expect_seeds("1,2,5-9", 7, (const uint32_t[]){1, 2, 5, 6, 7, 8, 9});
    expect_seeds("9-9,0", 2, (const uint32_t[]){9, 0});
    expect_seeds("4294967294-4294967295", 2, (const uint32_t[]){UINT32_MAX - 1, UINT32_MAX});
}

static void expect_refused(const char *text, const char *part) {
    hd_seeds seeds = {NULL, 1};
    hd_error error;
    cr_expect_eq(hd_seeds_read(text, &seeds, &error), HD_INVALID, "'%s' was taken", text);
    cr_expect(strstr(error.message, part), "%s: %s", text, error.message);
    cr_expect(!seeds.of && !seeds.count);
}

Test(seeds, refuse_whatever_else) {
    static const char *const bad[] = {"",
                                      ",",
                                      "1,",
                                      ",1",
                                      "1,,2",
                                      "a",
                                      "1a",
                                      "-1",
                                      "1-",
                                      "9-5",
                                      "1-2-3",
                                      "1 2",
                                      "1, 2",
                                      "0x10",
                                      "4294967296",
                                      "+1",
                                      "1.5",
                                      "1;2",
                                      "1-+2",
                                      " 1",
                                      "1\n",
                                      "18446744073709551617",
                                      "1-4294967296"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_refused(bad[i], "allowed: numbers from 0 to");
}

Test(seeds, are_there_once_each) {
    expect_refused("1,2,1", "1 is given twice");
    expect_refused("1-5,3", "3 is given twice");
}

Test(seeds, are_not_more_than_a_machine_can_ever_run) {
    hd_seeds seeds;
    hd_error error;
    cr_assert_eq(hd_seeds_read("1-10000", &seeds, &error), HD_OK, "%s", error.message);
    cr_expect_eq(seeds.count, HD_MAX_SEEDS);
    free(seeds.of);
    expect_refused("0-10000", "too many; allowed: up to 10000");
    expect_refused("0-4294967295", "too many");
}
