#include "report/ci/github_annotations.h"
#include "test/found.h"

TestSuite(annotations, .init = found_begin, .fini = found_end);

static char *printed(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    cr_assert_not_null(to);
    hd_annotations_print(to, &findings);
    fclose(to);
    return text;
}

static size_t lines(const char *text) {
    size_t count = 0;
    for (; *text; text++) count += *text == '\n';
    return count;
}

Test(annotations, name_every_figure_that_failed) {
    hd_verdict_allow(found_add_one("golden"), "hypergradient eta", 2, "an open question");
    char *text = printed();
    cr_expect_str_eq(
        text,
        "::error title=small%2C cpu%2C forward%2C hyper-iteration 1%3A weights::weights: nan, expected nan; off by "
        "nan, relative nan; allowed absolute 0; missing (by golden)\n");
    free(text);
}

Test(annotations, are_none_where_all_is_well) {
    hd_findings_skip(&findings, "small on cuda", "no driver");
    char *text = printed();
    cr_expect_str_empty(text);
    free(text);
}

Test(annotations, keep_every_text_in_its_place) {
    hd_findings_fail(&findings, "small: on cpu", "100% of a::b, c\r\nd\xff::error::e");
    char *text = printed();
    cr_expect_str_eq(
        text, "::error title=no verdict%3A small%3A on cpu::100%25 of a::b, c%0D%0Ad\ufffd::error::e\n");
    free(text);
    hd_compare_failed(found_add_one("a:b"), "x:y,z%", "n\no");
    text = printed();
    cr_expect(strstr(text, ": x%3Ay%2Cz%25::x:y,z%25: nan") ||
                  strstr(text, "%3A x%3Ay%2Cz%25::x:y,z%25: nan"),
              "%s", text);
    cr_expect(strstr(text, "n%0Ao (by a:b)\n"), "%s", text);
    cr_expect_eq(lines(text), 4);
    free(text);
}

Test(annotations, are_ten_and_then_a_number) {
    for (size_t i = 0; i < 5; i++) found_add_one("golden");
    char *text = printed();
    cr_expect_eq(lines(text), HD_ANNOTATIONS_MOST, "%s", text);
    cr_expect_null(strstr(text, "::notice"));
    free(text);
    hd_findings_fail(&findings, "small on cpu", "one more");
    found_add_empty();
    text = printed();
    cr_expect_eq(lines(text), HD_ANNOTATIONS_MOST + 1, "%s", text);
    cr_expect(strstr(text, "::notice title=hyperdrift::and 2 more, see the report\n"), "%s", text);
    free(text);
}

Test(annotations, tell_of_a_verdict_without_a_figure) {
    found_add_empty();
    char *text = printed();
    cr_expect(strstr(text, "figures::nothing was compared (by golden)\n"), "%s", text);
    free(text);
}
