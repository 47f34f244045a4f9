/* Findings: all that a check learns, for those that report it: each record with the verdicts on it, the runs
 * that gave none, and what was skipped. */
#ifndef HD_JUDGE_FINDINGS_H
#define HD_JUDGE_FINDINGS_H

#include "judge/verdict.h"

#include <time.h>

/* A record and the verdicts on it. All zero is none. */
typedef struct hd_finding {
    hd_record record;     /* owned; among findings without its weights' values */
    hd_verdict *verdicts; /* [count], owned */
    size_t count;
    size_t repetition; /* 1 for the first run of it */
} hd_finding;

/* Something that was not judged, and why. `what` is the same in every check ("blobs on cpu, forward"), so that
 * others can follow it from night to night. */
typedef struct hd_unjudged {
    char what[HD_LABEL * 8], why[512];
} hd_unjudged;

typedef struct hd_findings {
    time_t started;
    char host[HD_LABEL];
    bool no_bits;        /* the goldens' bits were left aside */
    bool shard;          /* of a matrix: alone it may have nothing to compare */
    hd_finding *records; /* [record_count], owned */
    size_t record_count;
    hd_unjudged
        *failures; /* [failure_count], owned: runs that gave no record, records that cannot be judged */
    size_t failure_count;
    hd_unjudged *skips; /* [skip_count], owned: devices that may be absent, and are */
    size_t skip_count;
    bool no_memory; /* something could not be kept: the check fails */
} hd_findings;

/* None as yet, begun now on this host. End with hd_findings_free. */
void hd_findings_begin(hd_findings *findings);
void hd_findings_free(hd_findings *findings);

/* Adds a record with its verdicts, which are taken over, and lets go of its weights' values. */
void hd_findings_add(hd_findings *findings, hd_finding *finding);
void hd_finding_free(hd_finding *finding);

/* A new, empty verdict on the record, valid until the next one; NULL: no memory. */
hd_verdict *hd_finding_judge(hd_finding *finding);

void hd_findings_fail(hd_findings *findings, const char *what, const char *why);
void hd_findings_skip(hd_findings *findings, const char *what, const char *why);

/* How many figures passed, the known ones among them, and how many failed: a verdict without a figure is a
 * failure, and so is a run without a record. */
typedef struct hd_totals {
    size_t passed, failed, known;
} hd_totals;
hd_totals hd_finding_totals(const hd_finding *finding);
hd_totals hd_findings_totals(const hd_findings *findings);

/* Whether something was compared, or need not be in a shard alone, and nothing failed. */
bool hd_findings_pass(const hd_findings *findings);

/* How long the record's run took: of all its repetitions the median; NaN: no memory. */
double hd_findings_seconds(const hd_findings *findings, const hd_record *record);

/* Of all verdicts on a record the judgement that used most of its tolerance; NULL where there is none. */
const hd_judgement *hd_finding_worst(const hd_finding *finding);

#endif
