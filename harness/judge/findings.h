/* Findings: all that a check learns, for its reports: each record with its verdicts, the runs without a
 * record, and what was skipped. */
#ifndef HD_JUDGE_FINDINGS_H
#define HD_JUDGE_FINDINGS_H

#include "judge/verdict.h"

#include <time.h>

/* A record and the verdicts on it. A zeroed one is empty. */
typedef struct hd_finding {
    hd_record record;     /* owned; in hd_findings without its weights' values */
    hd_verdict *verdicts; /* [count], owned */
    size_t count;
    size_t repetition; /* 1 for its first run */
} hd_finding;

/* Something that was not judged, and why. `what` is the same in every check ("blobs on cpu, forward"), so
 * that others can follow it from night to night. */
typedef struct hd_unjudged {
    char what[HD_LABEL * 8], why[512];
} hd_unjudged;

typedef struct hd_findings {
    time_t started;
    char host[HD_LABEL];
    bool no_bits;        /* the goldens' bits were not compared */
    bool shard;          /* of a matrix: may have nothing to compare */
    hd_finding *records; /* [record_count], owned */
    size_t record_count;
    hd_unjudged *failures; /* [failure_count], owned: runs without a record, records that cannot be judged */
    size_t failure_count;
    hd_unjudged *skips; /* [skip_count], owned: absent devices that may be absent */
    size_t skip_count;
    bool no_memory; /* something could not be kept, so the check fails */
} hd_findings;

/* Makes empty findings that begin now on this host. End with hd_findings_free. */
void hd_findings_begin(hd_findings *findings);
void hd_findings_free(hd_findings *findings);

/* Adds a finding, which it takes over, and frees its weights' values. */
void hd_findings_add(hd_findings *findings, hd_finding *finding);
void hd_finding_free(hd_finding *finding);

/* Adds an empty verdict on the record, valid until the next call; NULL: no memory. */
hd_verdict *hd_finding_judge(hd_finding *finding);

/* Add a failure, or a device that was skipped. */
void hd_findings_fail(hd_findings *findings, const char *what, const char *why);
void hd_findings_skip(hd_findings *findings, const char *what, const char *why);

/* How many figures passed (known ones included) and failed. A verdict without a figure counts as a failure,
 * and so does a run without a record. */
typedef struct hd_totals {
    size_t passed, failed, known;
} hd_totals;
hd_totals hd_finding_totals(const hd_finding *finding);
hd_totals hd_findings_totals(const hd_findings *findings);

/* Whether nothing failed and something was compared, which a shard alone need not do. */
bool hd_findings_pass(const hd_findings *findings);

/* How long the record's run took: the median of all its repetitions; NaN: no memory. */
double hd_findings_seconds(const hd_findings *findings, const hd_record *record);

/* The judgement, of all verdicts on the record, that used most of its tolerance; NULL: there is none. */
const hd_judgement *hd_finding_worst(const hd_finding *finding);

#endif
