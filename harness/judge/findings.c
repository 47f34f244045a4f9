#include "judge/findings.h"

#include "base/list.h"
#include "statistics/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void hd_findings_begin(hd_findings *findings) {
    *findings = (hd_findings){.started = time(NULL)};
    if (gethostname(findings->host, sizeof findings->host - 1) != 0 || !findings->host[0])
        snprintf(findings->host, sizeof findings->host, "localhost");
}

void hd_finding_free(hd_finding *finding) {
    for (size_t i = 0; i < finding->count; i++) hd_verdict_free(&finding->verdicts[i]);
    free(finding->verdicts);
    hd_record_free(&finding->record);
    *finding = (hd_finding){0};
}

void hd_findings_free(hd_findings *findings) {
    for (size_t i = 0; i < findings->record_count; i++) hd_finding_free(&findings->records[i]);
    free(findings->records);
    free(findings->failures);
    free(findings->skips);
    *findings = (hd_findings){0};
}

void hd_findings_add(hd_findings *findings, hd_finding *finding) {
    hd_finding *added = hd_list_add(&findings->records, &findings->record_count, sizeof *added);
    if (!added) {
        findings->no_memory = true;
        hd_finding_free(finding);
        return;
    }
    free(finding->record.weights.values);
    finding->record.weights.values = NULL;
    *added = *finding;
    *finding = (hd_finding){0};
}

hd_verdict *hd_finding_judge(hd_finding *finding) {
    return hd_list_add(&finding->verdicts, &finding->count, sizeof *finding->verdicts);
}

static void add_unjudged(hd_findings *findings, hd_unjudged **list, size_t *count, const char *what,
                         const char *why) {
    hd_unjudged *added = hd_list_add(list, count, sizeof *added);
    findings->no_memory |= !added;
    if (!added) return;
    snprintf(added->what, sizeof added->what, "%s", what);
    snprintf(added->why, sizeof added->why, "%s", why);
}

void hd_findings_fail(hd_findings *findings, const char *what, const char *why) {
    add_unjudged(findings, &findings->failures, &findings->failure_count, what, why);
}

void hd_findings_skip(hd_findings *findings, const char *what, const char *why) {
    add_unjudged(findings, &findings->skips, &findings->skip_count, what, why);
}

hd_totals hd_finding_totals(const hd_finding *finding) {
    hd_totals sum = {0};
    for (size_t i = 0; i < finding->count; i++) {
        const hd_verdict *verdict = &finding->verdicts[i];
        sum.passed += verdict->count - verdict->failures;
        sum.failed += verdict->failures + (verdict->count == 0) + verdict->no_memory;
        sum.known += verdict->known;
    }
    return sum;
}

hd_totals hd_findings_totals(const hd_findings *findings) {
    hd_totals sum = {.failed = findings->failure_count + findings->no_memory};
    for (size_t i = 0; i < findings->record_count; i++) {
        hd_totals part = hd_finding_totals(&findings->records[i]);
        sum.passed += part.passed, sum.failed += part.failed, sum.known += part.known;
    }
    return sum;
}

bool hd_findings_pass(const hd_findings *findings) {
    hd_totals sum = hd_findings_totals(findings);
    return (sum.passed || findings->shard) && !sum.failed;
}

double hd_findings_seconds(const hd_findings *findings, const hd_record *record) {
    double *seconds = calloc(findings->record_count, sizeof *seconds);
    size_t count = 0;
    for (size_t i = 0; seconds && i < findings->record_count; i++) {
        const hd_record *other = &findings->records[i].record;
        if (other->step == record->step && other->mode == record->mode &&
            !strcmp(other->device, record->device) && !strcmp(other->arithmetic, record->arithmetic) &&
            !strcmp(other->experiment, record->experiment))
            seconds[count++] = other->seconds.total;
    }
    double median = count ? hd_median(seconds, count) : NAN;
    free(seconds);
    return median;
}

const hd_judgement *hd_finding_worst(const hd_finding *finding) {
    const hd_judgement *worst = NULL;
    for (size_t i = 0; i < finding->count; i++) {
        const hd_judgement *judgement = hd_verdict_worst(&finding->verdicts[i]);
        if (judgement && (!worst || hd_judgement_worse(judgement, worst))) worst = judgement;
    }
    return worst;
}
