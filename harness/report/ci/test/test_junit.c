#include "report/ci/junit.h"
#include "test/found.h"

#include <ctype.h>
#include <math.h>

static char xml[1 << 16];

/* Counts the elements of that name. */
static size_t count(const char *element) {
    size_t found = 0, length = strlen(element);
    for (const char *at = xml; (at = strchr(at, '<')); at++)
        found += !strncmp(at + 1, element, length) && !isalnum((unsigned char)at[1 + length]);
    return found;
}

static void expect_entity(const char *at) {
    static const char *const entities[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&#39;"};
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        if (!strncmp(at, entities[i], strlen(entities[i]))) return;
    cr_expect_fail("not an entity: %.20s", at);
}

/* Reads the tag at `at`, its '<', with its attributes; gives what follows it. */
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

/* Expects one root, every element closed in order, no text outside of it, no control character. */
static void expect_well_formed(void) {
    const char *open[8], *at = xml;
    size_t depth = 0, roots = 0;
    cr_assert(!strncmp(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>", 38));
    while (*at) {
        cr_assert(depth || isspace((unsigned char)*at) || *at == '<', "text outside: %.40s", at);
        if (*at == '&') expect_entity(at);
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

static bool there_is_xmllint(void) {
    return system("xmllint --version >/dev/null 2>&1") == 0;
}

static char *report_path;

static void begin(void) {
    found_begin();
    report_path = folder_path("report.xml");
}

static void end(void) {
    free(report_path);
    found_end();
}

TestSuite(junit, .init = begin, .fini = end);

/* Writes the findings and reads the file back: well-formed, and valid if there is an xmllint. */
static void write_report(void) {
    hd_error error;
    char command[256];
    cr_assert_eq(hd_junit_write(report_path, &findings, &error), HD_OK, "%s", error.message);
    xml[get_bytes(report_path, xml, sizeof xml - 1)] = '\0';
    expect_well_formed();
    snprintf(command, sizeof command,
             "xmllint --noout --nonet --schema harness/report/ci/test/junit.xsd %s 2>&1", report_path);
    FILE *lint = there_is_xmllint() ? popen(command, "r") : NULL;
    char said[1024] = "";
    if (!lint) return;
    said[fread(said, 1, sizeof said - 1, lint)] = '\0';
    cr_expect_eq(pclose(lint), 0, "%s\n%s", said, xml);
}

static void expect_has(const char *part) {
    cr_expect(strstr(xml, part), "no '%s' in: %s", part, xml);
}

Test(junit, is_told_by_its_schema_what_is_not_valid) {
    if (!there_is_xmllint()) {
        end();
        cr_skip_test("xmllint is not installed (libxml2-utils)");
    }
    static const char *const spoiled[][2] = {{" time=\"1.5", " time=\"1.5e0"},
                                             {" hostname=\"", " host=\""},
                                             {" time=\"0\"", ""},
                                             {"<system-err/>", ""},
                                             {" type=\"failure\"", " kind=\"\""},
                                             {" id=\"0\"", ""},
                                             {"<testsuites>", "<testsuites a=\"\">"}};
    found_add_one("golden");
    write_report();
    for (size_t i = 0; i < sizeof spoiled / sizeof *spoiled; i++) {
        char command[512], *path = folder_path("spoiled.xml");
        const char *at = strstr(xml, spoiled[i][0]);
        cr_assert_not_null(at, "%s", spoiled[i][0]);
        FILE *file = fopen(path, "w");
        fprintf(file, "%.*s%s%s", (int)(at - xml), xml, spoiled[i][1], at + strlen(spoiled[i][0]));
        fclose(file);
        snprintf(command, sizeof command,
                 "xmllint --noout --nonet --schema harness/report/ci/test/junit.xsd %s 2>/dev/null", path);
        cr_expect_neq(system(command), 0, "valid with '%s' for '%s'", spoiled[i][1], spoiled[i][0]);
        free(path);
    }
}

Test(junit, makes_a_suite_of_a_record_and_a_case_of_a_figure) {
    found_add((const char *const[]){"golden", "trace"}, 2);
    found_add_one("golden");
    write_report();
    expect_has(
        "<testsuite name=\"small.cpu.forward.hyper-iteration-1\" package=\"small\" id=\"0\" timestamp=\"20");
    expect_has(" tests=\"6\" failures=\"4\" errors=\"0\" skipped=\"0\" time=\"1.500000\">");
    expect_has(
        "<testcase classname=\"small.cpu.forward.hyper-iteration-1 by trace\" name=\"hypergradient eta\" time=\"0\">");
    cr_expect_eq(count("testsuite"), 2);
    cr_expect_eq(count("testcase"), 9);
    cr_expect_eq(count("failure"), 6);
    expect_has("message=\"hypergradient eta: 2, expected 1; off by 1, relative 1");
    expect_has("allowed relative 0.5\">hypergradient eta: 2, expected 1;");
}

Test(junit, tells_where_a_record_comes_from) {
    hd_finding finding = {.record = sample_record(), .repetition = 1};
    hd_verdict_head(hd_finding_judge(&finding), &finding.record, "golden");
    json_object_set_new(finding.record.provenance, "commit", json_string("a\n<b>"));
    json_object_set_new(finding.record.provenance, "threads", json_integer(2));
    hd_findings_add(&findings, &finding);
    strcpy(findings.host, "host.example");
    findings.started = 1795399200;
    write_report();
    expect_has("timestamp=\"2026-11-23T02:00:00\" hostname=\"host.example\"");
    expect_has("<property name=\"device\" value=\"cpu\"/>");
    expect_has("<property name=\"commit\" value=\"a &lt;b&gt;\"/>");
    expect_has("<property name=\"threads\" value=\"2\"/>");
    expect_has("<property name=\"state_bytes\" value=\"336\"/>");
}

Test(junit, escapes_what_xml_reserves) {
    hd_verdict *verdict = found_add_one("a<b> & \"c\" 'd'\n\t\001e\xff");
    hd_compare_failed(verdict, "x<y", "&amp; is no <tag/>");
    write_report();
    expect_has("by a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;   e\ufffd\"");
    expect_has("name=\"x&lt;y\"");
    expect_has("&amp;amp; is no &lt;tag/&gt;");
}

Test(junit, reports_what_was_skipped_and_what_gave_no_record) {
    hd_findings_skip(&findings, "small on cuda", "no <driver>");
    hd_findings_skip(&findings, "large on cuda", "no driver");
    for (size_t i = 0; i < 3; i++) hd_findings_fail(&findings, "large", "large: no memory & more");
    write_report();
    expect_has("tests=\"5\" failures=\"0\" errors=\"3\" skipped=\"2\"");
    expect_has("name=\"small on cuda\" time=\"0\"><skipped message=\"no &lt;driver&gt;\"/>");
    expect_has(
        "<error type=\"error\" message=\"large: no memory &amp; more\">large: no memory &amp; more</error>");
    cr_expect_eq(count("error"), 3);
    cr_expect_eq(count("skipped"), 2);
    cr_expect_eq(count("testcase"), 5);
}

Test(junit, tells_repetitions_apart) {
    found_add_one("golden");
    found_add_one("repetition 1");
    findings.records[1].repetition = 2;
    write_report();
    expect_has("<testsuite name=\"small.cpu.forward.hyper-iteration-1\"");
    expect_has("<testsuite name=\"small.cpu.forward.hyper-iteration-1.repetition-2\"");
}

/* Expects each suite's name, and each case's with its class, once. */
static void expect_names_once(void) {
    const char *names[64];
    size_t length[64], found = 0;
    for (const char *at = xml; (at = strpbrk(at, "<")); at++) {
        bool is_suite = !strncmp(at, "<testsuite ", 11), is_case = !strncmp(at, "<testcase ", 10);
        const char *name = is_suite ? at : strstr(at, "name=");
        if (!is_suite && !is_case) continue;
        cr_assert(found < 64);
        names[found] = name;
        const char *end = strstr(at, is_suite ? " package=" : " time=");
        length[found] = (size_t)(end - name);
        for (size_t i = 0; i < found; i++)
            cr_expect(length[i] != length[found] || strncmp(names[i], name, length[i]) != 0, "twice: %.*s",
                      (int)length[i], name);
        found++;
    }
}

Test(junit, gives_no_name_twice) {
    for (size_t i = 0; i < 2; i++) { /* an experiment named twice, with repetitions, some of which die */
        found_add((const char *const[]){"golden", "trace record 1"}, 2);
        found_add_one("repetition 1");
        findings.records[2 * i + 1].repetition = 2;
        hd_findings_fail(&findings, "small on cpu, reverse", "killed");
        hd_findings_fail(&findings, "small on cpu, reverse, repetition 2", "killed");
        hd_findings_skip(&findings, "small on cuda", "no driver");
    }
    write_report();
    expect_names_once();
    expect_has("name=\"small.cpu.forward.hyper-iteration-1.repetition-2, again (2)\"");
    expect_has("name=\"small on cpu, reverse, repetition 2\" time=\"0\"><error");
    expect_has("name=\"small on cpu, reverse, again (2)\"");
}

Test(junit, keeps_the_name_of_a_failure_whatever_fails_before_it) {
    hd_findings_fail(&findings, "large on cpu, forward", "killed");
    hd_findings_fail(&findings, "small on cpu, forward", "killed");
    write_report();
    expect_has("name=\"small on cpu, forward\"");
    expect_has("name=\"large on cpu, forward\"");
}

Test(junit, fails_a_verdict_that_compared_nothing) {
    found_add_empty();
    write_report();
    expect_has("tests=\"1\" failures=\"1\"");
    expect_has("message=\"nothing was compared\"");
}

Test(junit, counts_a_known_difference_as_passed_and_tells_it) {
    hd_verdict_allow(found_add_one("trace"), "hypergradient eta", 2, "an open question");
    write_report();
    cr_expect_eq(count("failure"), 1);
    expect_has("<system-out>known by trace: hypergradient eta: 2, expected 1;");
    expect_has("an open question\n</system-out>");
}

Test(junit, writes_numbers_that_are_none) {
    hd_verdict *verdict = found_add_one("golden");
    hd_compare_number(verdict, "x", NAN, INFINITY, HD_RELATIVE, NAN, true);
    write_report();
    cr_expect_eq(count("failure"), 3);
    expect_has("x: nan, expected inf");
}

Test(junit, leaves_nothing_where_it_cannot_write) {
    hd_error error;
    char *path = folder_path("nowhere/report.xml");
    cr_expect_eq(hd_junit_write(path, &findings, &error), HD_UNAVAILABLE);
    cr_expect(strstr(error.message, "nowhere/report.xml"), "%s", error.message);
    cr_expect_eq(folder_entries(), 0);
    free(path);
}
