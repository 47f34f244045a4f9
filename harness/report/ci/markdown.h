/* Findings as Markdown, for the summary of a CI job: the verdict, what failed in detail, a line for each
 * record. */
#ifndef HD_REPORT_CI_MARKDOWN_H
#define HD_REPORT_CI_MARKDOWN_H

#include "history/news.h"
#include "judge/findings.h"

/* GitHub shows no summary that is longer, in bytes. */
enum { HD_MARKDOWN_MOST = 1 << 20 };

/* Appends to the file (to GITHUB_STEP_SUMMARY, say, which the steps before may have written to), or makes it.
 * Where it would become longer than HD_MARKDOWN_MOST rows are left out, from the last that has room on, and
 * it says of each table how many. HD_UNAVAILABLE where it cannot be written, has no room left, or no memory:
 * then it is as it was. */
hd_status hd_markdown_append(const char *path, const hd_findings *findings, const hd_trend *trend,
                             hd_error *error);

#endif
