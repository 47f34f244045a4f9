/* Findings as the log commands of GitHub's CI, which shows them as annotations. (GitLab and Jenkins read
 * JUnit.) */
#ifndef HD_REPORT_CI_GITHUB_ANNOTATIONS_H
#define HD_REPORT_CI_GITHUB_ANNOTATIONS_H

#include "judge/findings.h"

#include <stdio.h>

/* GitHub shows no more of a step. */
enum { HD_ANNOTATIONS_MOST = 10 };

/* A line `::error title=...::...` for each run that gave no record and each figure that failed,
 * HD_ANNOTATIONS_MOST of them, and then one that says how many there are more. */
void hd_annotations_print(FILE *to, const hd_findings *findings);

#endif
