/* Findings, for tests of what reports them. */
#ifndef HD_TEST_FOUND_H
#define HD_TEST_FOUND_H

#include "judge/compare.h"
#include "judge/findings.h"
#include "test/record_sample.h"

static hd_findings findings;

static inline void found_begin(void) {
    folder_make();
    hd_findings_begin(&findings);
}

static inline void found_end(void) {
    hd_findings_free(&findings);
    folder_remove();
}

/* Adds a record with verdicts, which it returns; in each the second and third of three figures failed. */
static inline hd_verdict *found_add(const char *const *against, size_t count) {
    hd_finding finding = {.record = sample_record(), .repetition = 1};
    for (size_t i = 0; i < count; i++) {
        hd_verdict *verdict = hd_finding_judge(&finding);
        cr_assert_not_null(verdict);
        hd_verdict_head(verdict, &finding.record, against[i]);
        hd_compare_number(verdict, "validation_error", 1, 1, HD_ABSOLUTE, 0, true);
        hd_compare_number(verdict, "hypergradient eta", 2, 1, HD_RELATIVE, 0.5, true);
        hd_compare_failed(verdict, "weights", "missing");
    }
    hd_findings_add(&findings, &finding);
    return findings.records[findings.record_count - 1].verdicts;
}

static inline hd_verdict *found_add_one(const char *against) {
    return found_add(&against, 1);
}

/* Adds a record with a verdict that compared nothing. */
static inline void found_add_empty(void) {
    hd_finding finding = {.record = sample_record(), .repetition = 1};
    hd_verdict_head(hd_finding_judge(&finding), &finding.record, "golden");
    hd_findings_add(&findings, &finding);
}

#endif
