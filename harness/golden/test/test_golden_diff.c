#include "golden/golden_diff.h"
#include "test/golden_sample.h"

#include <math.h>

TestSuite(difference, .init = folder_make, .fini = folder_remove);

static char text[1 << 14];

static size_t between(const hd_golden *was, const hd_golden *is) {
    memset(text, 0, sizeof text);
    FILE *to = fmemopen(text, sizeof text, "w");
    cr_assert_not_null(to);
    size_t changes = hd_golden_diff_write(to, was, is);
    fclose(to);
    size_t lines = 0;
    for (const char *c = text; *c; c++) lines += *c == '\n';
    cr_expect_eq(lines, changes);
    cr_expect_eq(hd_golden_diff_write(NULL, was, is), changes);
    return changes;
}

static void expect_line(const char *line) {
    cr_expect(strstr(text, line), "no '%s' in: %s", line, text);
}

Test(difference, are_none_between_a_golden_and_itself_blessed_for_another_reason) {
    hd_golden was = sample_golden(), is = sample_golden();
    strcpy(is.blessed.reason, "another");
    cr_expect_eq(between(&was, &is), 0, "%s", text);
    hd_golden_free(&was);
    hd_golden_free(&is);
}

Test(difference, have_a_line_for_each_figure_before_and_now) {
    hd_golden was = sample_golden(), is = sample_golden();
    is.reference.hyper[1].hypergradient = 0.1;
    is.tolerances[3].tolerance = 6.49e-7;
    is.exact[HD_REVERSE].hyper[0].value = (double)0.2f;
    is.exact[HD_FORWARD].correct[2] = 4;
    is.exact[HD_FORWARD].weights_sha256[0] = 'x';
    is.reference.data_sha256[0] = 'c';
    is.replicas = 33;
    cr_expect_eq(between(&was, &is), 7, "%s", text);
    expect_line("    1 reference hypergradient eta: -39.79414");
    expect_line(" -> 0.1\n");
    expect_line("    1 tolerance validation_error: 1e-06 -> 6.49e-07\n");
    expect_line("    1 exact reverse hyperparameter rho_l1_0: 0 -> 0.200000003\n");
    expect_line("    1 exact forward training accuracy: 3 -> 4\n");
    expect_line("    1 exact forward weights sha256: ");
    expect_line("    1 data sha256: bbbb");
    expect_line("    1 calibration replicas: 32 -> 33\n");
    hd_golden_free(&was);
    hd_golden_free(&is);
}

/* The smallest change of a float64 counts, and so does a float32's. */
Test(difference, show_one_unit_in_the_last_place) {
    hd_golden was = sample_golden(), is = sample_golden();
    is.reference.hyper[1].hypergradient *= 1 + 0x1p-52;
    is.exact[HD_FORWARD].hyper[1].hypergradient *= 1 + 0x1p-23;
    cr_expect_eq(between(&was, &is), 2, "%s", text);
    hd_golden_free(&was);
    hd_golden_free(&is);
}

/* A tolerance has three digits, but its double may be one beside them. */
Test(difference, show_a_tolerance_without_its_rounding) {
    hd_golden was = sample_golden(), is = sample_golden();
    is.tolerances[3].tolerance = nextafter(4e-7, 1);
    cr_expect_eq(between(&was, &is), 1, "%s", text);
    expect_line("    1 tolerance validation_error: 1e-06 -> 4e-07\n");
    hd_golden_free(&was);
    hd_golden_free(&is);
}

Test(difference, say_what_is_new_and_what_is_gone) {
    hd_golden was = sample_golden(), is = sample_golden();
    strcpy(is.tolerances[3].quantity, "another");
    cr_expect_eq(between(&was, &is), 2);
    expect_line("    1 tolerance another: new -> 1e-06\n");
    expect_line("    1 tolerance validation_error: 1e-06 -> gone\n");
    size_t all = between(NULL, &is);
    cr_expect_geq(all, 40);
    expect_line("    1 reference test accuracy: new -> 8\n");
    cr_expect_eq(between(&was, NULL), all);
    expect_line("    1 reference test accuracy: 8 -> gone\n");
    hd_golden_free(&was);
    hd_golden_free(&is);
}
