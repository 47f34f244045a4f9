#include "report/ci/markdown.h"
#include "test/found.h"

#include <math.h>

static char text[HD_MARKDOWN_MOST + 1], *path;

static void begin(void) {
    found_begin();
    path = folder_path("summary.md");
}

static void end(void) {
    free(path);
    found_end();
}

TestSuite(markdown, .init = begin, .fini = end);

/* Counts the pipes of a line that separate columns. */
static size_t pipes(const char *line) {
    size_t count = 0;
    for (; *line != '\n'; line++) {
        cr_assert(*line, "the text ends within a line");
        if (*line == '\\')
            line++;
        else
            count += *line == '|';
    }
    return count;
}

/* Counts the rows of all tables, and expects as many columns in each as in its heading. */
static size_t expect_tables(void) {
    size_t rows = 0, columns = 0;
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        if (*line != '|') {
            columns = 0;
        } else if (!columns) {
            columns = pipes(line);
            line = strchr(line, '\n') + 1;
            cr_expect_eq(pipes(line), columns, "%.200s", line);
            cr_expect(!strncmp(line, "| ---", 5), "%.200s", line);
        } else {
            rows++;
            cr_expect_eq(pipes(line), columns, "%.200s", line);
        }
    }
    return rows;
}

static void append(void) {
    hd_error error;
    cr_assert_eq(hd_markdown_append(path, &findings, NULL, &error), HD_OK, "%s", error.message);
    size_t size = get_bytes(path, text, sizeof text);
    cr_assert_leq(size, HD_MARKDOWN_MOST);
    text[size] = '\0';
}

static void expect_has(const char *part) {
    cr_expect(strstr(text, part), "no '%s' in: %.4000s", part, text);
}

Test(markdown, tells_the_verdict_and_a_line_for_each_record) {
    hd_finding finding = {.record = sample_record(), .repetition = 1};
    hd_verdict *verdict = hd_finding_judge(&finding);
    hd_verdict_head(verdict, &finding.record, "golden");
    hd_compare_number(verdict, "validation_error", 1.25, 1, HD_ABSOLUTE, 0.5, true);
    hd_findings_add(&findings, &finding);
    append();
    expect_has("## hyperdrift: pass, 1 passed, 0 failed, 0 skipped\n");
    expect_has(
        "| small | cpu | forward | 1 | 1 of 1 | validation\\_error  | 50% | 1.500 s | 0.0 MB | 0 MB | |\n");
    cr_expect_eq(expect_tables(), 1);
    cr_expect_null(strstr(text, "Figures that failed"));
    cr_expect_null(strstr(text, "Skipped"));
}

Test(markdown, tells_what_failed_in_detail) {
    found_add((const char *const[]){"trace record 4", "golden"}, 2);
    append();
    expect_has("## hyperdrift: fail, 2 passed, 4 failed, 0 skipped\n");
    expect_has("| small | cpu | forward | 1 | 2 of 6 | weights  | beyond |");
    expect_has("| small | cpu | forward | 1 | hypergradient eta |  | 2 | 1 | 1 | 1 | 0.5, relative | 200% | "
               "golden |  |\n");
    expect_has("| beyond | trace record 4 | missing |\n");
    cr_expect_eq(expect_tables(), 4 + 1);
}

Test(markdown, tells_what_was_skipped_what_gave_no_record_and_what_is_known) {
    hd_verdict_allow(found_add_one("trace"), "hypergradient eta", 2, "an open question");
    hd_findings_fail(&findings, "large on cpu", "large: no memory");
    hd_findings_skip(&findings, "small on cuda", "no driver");
    findings.no_bits = true;
    append();
    expect_has("2 passed, 2 failed, 1 skipped\n");
    expect_has("The goldens' bits were not compared.");
    expect_has("| large: no memory |\n");
    expect_has("| small on cuda | no driver |\n");
    expect_has("### Within a stated allowance\n");
    expect_has("| an open question |\n");
    cr_expect_eq(expect_tables(), 1 + 1 + 1 + 1 + 1);
}

Test(markdown, tells_the_median_of_a_record_s_repetitions) {
    for (size_t i = 1; i <= 3; i++) {
        hd_finding finding = {.record = sample_record(), .repetition = i};
        finding.record.seconds.total = i == 1 ? 9 : (double)i;
        hd_verdict *verdict = hd_finding_judge(&finding);
        hd_verdict_head(verdict, &finding.record, "golden");
        hd_compare_number(verdict, "validation_error", 1, 1, HD_ABSOLUTE, 0, true);
        hd_findings_add(&findings, &finding);
    }
    append();
    expect_has(" | same | 3.000 s |");
    cr_expect_eq(expect_tables(), 1);
}

Test(markdown, says_that_nothing_was_compared) {
    found_add_empty();
    append();
    expect_has("## hyperdrift: fail, 0 passed, 1 failed");
    expect_has("| small | cpu | forward | 1 | figures | | | | | | | | golden | nothing was compared |\n");
    expect_has("| 0 of 1 | nothing was compared | |");
    cr_expect_eq(expect_tables(), 1 + 1);
}

Test(markdown, makes_no_table_that_is_empty) {
    found_add((const char *const[]){"golden"}, 1);
    findings.records[0].verdicts[0].no_memory = true;
    append();
    expect_has("| small | cpu | forward | 1 | figures | | | | | | | | golden | no memory for more |\n");
    hd_finding_free(&findings.records[0]);
    findings.record_count = 0;
    findings.no_memory = true;
    remove(path);
    append();
    expect_has("## hyperdrift: fail, 0 passed, 1 failed, 0 skipped\n");
    expect_has(" There was not enough memory for all of it.");
    cr_expect_null(strstr(text, "###"));
}

Test(markdown, lets_no_name_become_markup) {
    hd_compare_failed(found_add_one("a|b <img src=x> `c` *d* _e_ [f](g) ~~h~~ $i$ \\| & \n# j\xff"), "k|l",
                      "m\n| n |");
    append();
    expect_has("a\\|b &lt;img src=x&gt; \\`c\\` \\*d\\* \\_e\\_ \\[f\\](g) \\~\\~h\\~\\~ &#36;i&#36; \\\\\\| "
               "&amp;  \\# j\ufffd |");
    expect_has("| k\\|l |");
    expect_has("| m \\| n \\| |\n");
    cr_expect_eq(expect_tables(), 3 + 1);
}

Test(markdown, writes_numbers_that_are_none) {
    hd_compare_number(found_add_one("golden"), "x", NAN, INFINITY, HD_RELATIVE, NAN, true);
    append();
    expect_has("| x |  | nan | inf | nan | nan | nan, relative | beyond | golden |");
    expect_tables();
}

Test(markdown, appends_to_what_is_there) {
    put_bytes(path, "# before\n\n", 10);
    found_add_one("golden");
    append();
    cr_expect(!strncmp(text, "# before\n\n## hyperdrift: fail", 29), "%.100s", text);
    append();
    cr_expect_not_null(strstr(strstr(text, "## hyperdrift") + 1, "## hyperdrift"));
}

Test(markdown, leaves_out_what_is_too_long_and_says_how_much) {
    enum { FIGURES = 9000 };
    hd_verdict *verdict = found_add_one("golden");
    for (size_t i = 0; i < FIGURES; i++)
        hd_compare_failed(verdict, "weights W_0 worst element", "missing, and that is a pity");
    hd_findings_skip(&findings, "small on cuda", "no driver");
    append();
    size_t rows = expect_tables(), left[3] = {0};
    const char *at = text;
    for (size_t i = 0; i < 3; i++) {
        at = strstr(at + 1, i ? " more row is left out" : " more rows are left out");
        cr_assert_not_null(at, "%zu", i);
        while (at[-1] != '\n') at--;
        cr_expect_eq(sscanf(at, "%zu", &left[i]), 1);
        at = strchr(at, ' ');
    }
    cr_expect_eq(left[1], 1, "records");
    cr_expect_eq(left[2], 1, "skips");
    cr_expect_gt(rows, 1000);
    cr_expect_eq(rows + left[0], FIGURES + 2);
    cr_expect_gt(strlen(text), HD_MARKDOWN_MOST - 8192);
}

Test(markdown, leaves_a_file_without_room_as_it_is) {
    hd_error error;
    memset(text, 'x', HD_MARKDOWN_MOST - 100);
    put_bytes(path, text, HD_MARKDOWN_MOST - 100);
    cr_expect_eq(hd_markdown_append(path, &findings, NULL, &error), HD_UNAVAILABLE);
    cr_expect(strstr(error.message, "summary.md: has 1048476 bytes already"), "%s", error.message);
    cr_expect_eq(get_bytes(path, text, sizeof text), HD_MARKDOWN_MOST - 100);
}

Test(markdown, says_where_it_cannot_write) {
    hd_error error;
    cr_expect_eq(hd_markdown_append("/nowhere/summary.md", &findings, NULL, &error), HD_UNAVAILABLE);
    cr_expect(strstr(error.message, "/nowhere/summary.md: cannot be written: No such file"), "%s",
              error.message);
}
