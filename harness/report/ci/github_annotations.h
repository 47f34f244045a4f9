/* Writes findings as GitHub's log commands, which it shows as annotations. (GitLab and Jenkins read
 * JUnit.) */
#ifndef HD_REPORT_CI_GITHUB_ANNOTATIONS_H
#define HD_REPORT_CI_GITHUB_ANNOTATIONS_H

#include "judge/findings.h"

#include <stdio.h>

/* GitHub shows no more for one CI step. */
enum { HD_ANNOTATIONS_MOST = 10 };

/* Prints a line `::error title=...::...` for each run that gave no record and each figure that failed,
 * HD_ANNOTATIONS_MOST at most, then a line with the number of those left out. */
void hd_annotations_print(FILE *to, const hd_findings *findings);

#endif
