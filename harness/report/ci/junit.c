#include "report/ci/junit.h"

#include "base/file.h"
#include "judge/verdict_text.h"
#include "report/html/html.h"

#include <stdlib.h>
#include <string.h>

typedef struct hd_junit {
    hd_html xml;
    const hd_findings *findings;
    char timestamp[32]; /* UTC, without a zone, as in Ant */
    size_t suites;
} hd_junit;

static void begin_suite(hd_junit *junit, const char *name, const char *package, size_t tests, size_t failures,
                        size_t errors, size_t skipped, double seconds) {
    hd_html_add(&junit->xml,
                "  <testsuite name=\"%s\" package=\"%s\" id=\"%zu\" timestamp=\"%s\" hostname=\"%s\" "
                "tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.6f\">\n",
                name, package, junit->suites++, junit->timestamp, junit->findings->host, tests, failures,
                errors, skipped, seconds);
}

static void write_property(hd_junit *junit, const char *name, const char *value) {
    hd_html_add(&junit->xml, "      <property name=\"%s\" value=\"%s\"/>\n", name, value);
}

static void write_count(hd_junit *junit, const char *name, size_t count) {
    char text[32];
    snprintf(text, sizeof text, "%zu", count);
    write_property(junit, name, text);
}

/* The record's provenance and memory. */
static void write_properties(hd_junit *junit, const hd_record *record) {
    const char *key;
    json_t *value;
    hd_html_add(&junit->xml, "    <properties>\n");
    write_property(junit, "device", record->device);
    write_property(junit, "arithmetic", record->arithmetic);
    json_object_foreach(record->provenance, key, value) {
        if (json_is_string(value)) write_property(junit, key, json_string_value(value));
        if (json_is_integer(value)) write_count(junit, key, (size_t)json_integer_value(value));
    }
    write_count(junit, "state_bytes", record->state_bytes);
    write_count(junit, "peak_bytes", record->peak_bytes);
    if (record->launches) write_count(junit, "device_bytes", record->device_bytes);
    hd_html_add(&junit->xml, "    </properties>\n");
}

/* Begins a test case. A figure takes no time of its own: the suite has it. */
static void begin_case(hd_junit *junit, const char *class, const char *name) {
    hd_html_add(&junit->xml, "    <testcase classname=\"%s\" name=\"%s\" time=\"0\"", class, name);
}

static void write_failed_case(hd_junit *junit, const char *class, const char *name, const char *element,
                              const char *why) {
    begin_case(junit, class, name);
    hd_html_add(&junit->xml, "><%s type=\"%s\" message=\"%s\">%s</%s></testcase>\n", element, element, why,
                why, element);
}

static void write_verdict(hd_junit *junit, const char *suite, const hd_verdict *verdict) {
    char class[13 * HD_LABEL], line[HD_JUDGEMENT_TEXT];
    snprintf(class, sizeof class, "%s by %s", suite, verdict->against);
    for (size_t i = 0; i < verdict->count; i++) {
        const hd_judgement *judgement = &verdict->judgements[i];
        if (judgement->outcome == HD_FAIL) {
            hd_judgement_text(judgement, line);
            write_failed_case(junit, class, judgement->name, "failure", line);
        } else {
            begin_case(junit, class, judgement->name);
            hd_html_add(&junit->xml, "/>\n");
        }
    }
    if (verdict->count == 0) write_failed_case(junit, class, "figures", "failure", "nothing was compared");
    if (verdict->no_memory) write_failed_case(junit, class, "memory", "failure", "no memory for more");
}

/* Known differences pass; they are listed in system-out. */
static void write_known(hd_junit *junit, const hd_finding *finding) {
    char line[HD_JUDGEMENT_TEXT];
    hd_html_add(&junit->xml, "    <system-out>");
    for (size_t v = 0; v < finding->count; v++)
        for (size_t i = 0; i < finding->verdicts[v].count; i++) {
            const hd_judgement *judgement = &finding->verdicts[v].judgements[i];
            if (judgement->outcome != HD_KNOWN) continue;
            hd_judgement_text(judgement, line);
            hd_html_add(&junit->xml, "known by %s: %s\n", finding->verdicts[v].against, line);
        }
    hd_html_add(&junit->xml, "</system-out>\n    <system-err/>\n  </testsuite>\n");
}

/* Numbers a name that was used before: CI servers follow suites and cases by name from night to night. */
static void number(char *name, size_t size, size_t earlier) {
    size_t length = strlen(name);
    if (earlier) snprintf(name + length, size - length, ", again (%zu)", earlier + 1);
}

static bool same_record(const hd_finding *a, const hd_finding *b) {
    const hd_record *x = &a->record, *y = &b->record;
    return a->count && a->repetition == b->repetition && x->step == y->step && x->mode == y->mode &&
           !strcmp(x->device, y->device) && !strcmp(x->experiment, y->experiment);
}

static void name_suite(const hd_findings *findings, size_t index, char *name, size_t size) {
    const hd_finding *finding = &findings->records[index];
    const hd_record *record = &finding->record;
    size_t earlier = 0;
    for (size_t i = 0; i < index; i++) earlier += same_record(&findings->records[i], finding);
    int length = snprintf(name, size, "%s.%s.%s.hyper-iteration-%zu", record->experiment, record->device,
                          hd_mode_name(record->mode), record->step);
    if (finding->repetition > 1)
        snprintf(name + length, size - (size_t)length, ".repetition-%zu", finding->repetition);
    number(name, size, earlier);
}

static void write_finding(hd_junit *junit, size_t index) {
    const hd_finding *finding = &junit->findings->records[index];
    const hd_record *record = &finding->record;
    char name[8 * HD_LABEL];
    if (finding->count == 0) return; /* why it could not be judged is among the failures */
    hd_totals sum = hd_finding_totals(finding);
    name_suite(junit->findings, index, name, sizeof name);
    begin_suite(junit, name, record->experiment, sum.passed + sum.failed, sum.failed, 0, 0,
                record->seconds.total);
    write_properties(junit, record);
    for (size_t i = 0; i < finding->count; i++) write_verdict(junit, name, &finding->verdicts[i]);
    write_known(junit, finding);
}

static void write_unjudged(hd_junit *junit, const hd_unjudged *list, size_t index, bool skipped) {
    char name[sizeof list->what + 32];
    size_t earlier = 0;
    for (size_t i = 0; i < index; i++) earlier += !strcmp(list[i].what, list[index].what);
    snprintf(name, sizeof name, "%s", list[index].what);
    number(name, sizeof name, earlier);
    if (!skipped) {
        write_failed_case(junit, "runs", name, "error", list[index].why);
        return;
    }
    begin_case(junit, "runs", name);
    hd_html_add(&junit->xml, "><skipped message=\"%s\"/></testcase>\n", list[index].why);
}

static void write_runs(hd_junit *junit) {
    const hd_findings *findings = junit->findings;
    size_t errors = findings->failure_count + findings->no_memory;
    if (errors + findings->skip_count == 0) return;
    begin_suite(junit, "runs", "runs", errors + findings->skip_count, 0, errors, findings->skip_count, 0);
    hd_html_add(&junit->xml, "    <properties/>\n");
    for (size_t i = 0; i < findings->failure_count; i++) write_unjudged(junit, findings->failures, i, false);
    if (findings->no_memory) write_failed_case(junit, "runs", "memory", "error", "no memory");
    for (size_t i = 0; i < findings->skip_count; i++) write_unjudged(junit, findings->skips, i, true);
    hd_html_add(&junit->xml, "    <system-out/>\n    <system-err/>\n  </testsuite>\n");
}

hd_status hd_junit_write(const char *path, const hd_findings *findings, hd_error *error) {
    hd_junit junit = {.findings = findings};
    struct tm utc;
    strftime(junit.timestamp, sizeof junit.timestamp, "%Y-%m-%dT%H:%M:%S",
             gmtime_r(&findings->started, &utc));
    hd_status status = hd_html_open(&junit.xml, error);
    if (status != HD_OK) return status;
    hd_html_add(&junit.xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (size_t i = 0; i < findings->record_count; i++) write_finding(&junit, i);
    write_runs(&junit);
    hd_html_add(&junit.xml, "</testsuites>\n");
    status = hd_html_close(&junit.xml, error);
    if (status == HD_OK) status = hd_file_write(path, junit.xml.text, junit.xml.size, error);
    free(junit.xml.text);
    return status;
}
