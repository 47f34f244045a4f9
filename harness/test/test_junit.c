#include "junit.h"

#include "compare.h"
#include "folder.h"

#include <ctype.h>
#include <math.h>

TestSuite(junit, .init = folder_make, .fini = folder_remove);

static char xml[1 << 16];

/* Counts the elements of that name. */
static size_t count(const char *element) {
    size_t found = 0, length = strlen(element);
    for (const char *at = xml; (at = strchr(at, '<')); at++)
        found += !strncmp(at + 1, element, length) && !isalnum((unsigned char)at[1 + length]);
    return found;
}

static void expect_entity(const char *at) {
    static const char *const entities[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&apos;"};
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        if (!strncmp(at, entities[i], strlen(entities[i]))) return;
    cr_expect_fail("not an entity: %.20s", at);
}

/* Reads a tag, of which at is the '<', with its attributes; gives what follows it. */
static const char *expect_tag(const char *at, const char *open[], size_t *depth) {
    size_t length = strcspn(at + 1 + (at[1] == '/'), " />?");
    if (at[1] == '/') {
        cr_assert(*depth > 0 && !strncmp(open[*depth - 1], at + 2, length), "closed: %.20s", at);
        --*depth;
    }
    const char *end = at + 1;
    for (bool quoted = false; quoted || *end != '>'; end++) {
        cr_assert(*end && (*end != '<' || end == at), "unfinished: %.60s", at);
        if (*end == '"') quoted = !quoted;
        if (*end == '&') expect_entity(end);
    }
    if (at[1] != '/' && at[1] != '?' && end[-1] != '/') open[(*depth)++] = at + 1;
    return end + 1;
}

/* One root, every element closed in order, no stray text or control character. */
static void expect_well_formed(void) {
    const char *open[8], *at = xml;
    size_t depth = 0, roots = 0;
    cr_assert(!strncmp(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>", 38));
    while (*at) {
        cr_assert(isspace((unsigned char)*at) || *at == '<', "text between elements: %.40s", at);
        if (*at != '<') {
            at++;
            continue;
        }
        roots += depth == 0 && at[1] != '?';
        at = expect_tag(at, open, &depth);
    }
    cr_expect_eq(depth, 0);
    cr_expect_eq(roots, 1);
    for (at = xml; *at; at++) cr_assert((unsigned char)*at >= ' ' || *at == '\n');
}

static void write_report(const hd_verdict *verdicts, size_t verdict_count, const hd_skip *skips,
                         size_t skip_count, size_t failed_runs) {
    hd_error error;
    char *path = folder_path("report.xml");
    cr_assert_eq(hd_junit_write(path, verdicts, verdict_count, skips, skip_count, failed_runs, &error), HD_OK,
                 "%s", error.message);
    xml[get_bytes(path, xml, sizeof xml - 1)] = '\0';
    free(path);
    expect_well_formed();
}

static hd_verdict judged(const char *name) {
    hd_verdict verdict = {.step = 2, .mode = HD_REVERSE};
    strcpy(verdict.experiment, "small");
    strcpy(verdict.device, "cpu");
    snprintf(verdict.against, sizeof verdict.against, "%s", name);
    hd_compare_number(&verdict, "validation_error", 1, 1, HD_ABSOLUTE, 0, true);
    hd_compare_number(&verdict, "hypergradient eta", 2, 1, HD_RELATIVE, 0.5, true);
    hd_compare_failed(&verdict, "weights", "missing");
    return verdict;
}

static void expect_has(const char *part) {
    cr_expect(strstr(xml, part), "no '%s' in: %s", part, xml);
}

Test(junit, makes_a_suite_of_a_verdict_and_a_case_of_a_figure) {
    hd_verdict verdicts[] = {judged("golden"), judged("trace")};
    write_report(verdicts, 2, NULL, 0, 0);
    expect_has("<testsuites name=\"hyperdrift\" tests=\"6\" failures=\"4\" errors=\"0\"");
    expect_has(
        "<testsuite name=\"small.cpu.reverse.step-2 by golden\" tests=\"3\" failures=\"2\" errors=\"0\"");
    cr_expect_eq(count("testsuite"), 2);
    cr_expect_eq(count("testcase"), 6);
    cr_expect_eq(count("failure"), 4);
    expect_has("name=\"hypergradient eta\"");
    expect_has("2, expected 1, tolerance 0.5");
    for (size_t i = 0; i < 2; i++) hd_verdict_free(&verdicts[i]);
}

Test(junit, escapes_what_xml_reserves) {
    hd_verdict verdict = judged("a<b> & \"c\" 'd'\n\t\001e");
    hd_compare_failed(&verdict, "x<y", "&amp; is no <tag/>");
    write_report(&verdict, 1, NULL, 0, 0);
    expect_has("by a&lt;b&gt; &amp; &quot;c&quot; 'd'   e\"");
    expect_has("name=\"x&lt;y\"");
    expect_has("&amp;amp; is no &lt;tag/&gt;");
    hd_verdict_free(&verdict);
}

Test(junit, reports_what_was_skipped_and_what_gave_no_record) {
    hd_skip skips[2] = {{"small on cuda", "no <driver>"}, {"large on cuda", "no driver"}};
    write_report(NULL, 0, skips, 2, 3);
    expect_has("tests=\"5\" failures=\"0\" errors=\"3\"");
    expect_has("skipped=\"2\"");
    expect_has("name=\"small on cuda\"><skipped message=\"no &lt;driver&gt;\"/>");
    cr_expect_eq(count("error"), 3);
    cr_expect_eq(count("skipped"), 2);
    cr_expect_eq(count("testcase"), 5);
}

Test(junit, counts_a_known_difference_as_passed) {
    hd_verdict verdict = judged("trace");
    hd_verdict_allow(&verdict, "hypergradient eta", 2, "an open question");
    write_report(&verdict, 1, NULL, 0, 0);
    cr_expect_eq(count("failure"), 1);
    hd_verdict_free(&verdict);
}

Test(junit, writes_numbers_that_are_none) {
    hd_verdict verdict = {0};
    hd_compare_number(&verdict, "x", NAN, INFINITY, HD_RELATIVE, NAN, true);
    write_report(&verdict, 1, NULL, 0, 0);
    cr_expect_eq(count("failure"), 1);
    hd_verdict_free(&verdict);
}

Test(junit, leaves_nothing_where_it_cannot_write) {
    hd_error error;
    char *path = folder_path("nowhere/report.xml");
    cr_expect_eq(hd_junit_write(path, NULL, 0, NULL, 0, 0, &error), HD_UNAVAILABLE);
    cr_expect(strstr(error.message, "nowhere/report.xml"), "%s", error.message);
    cr_expect_eq(folder_entries(), 0);
    free(path);
}
