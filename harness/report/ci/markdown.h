/* Writes findings as Markdown, for the summary of a CI job: the verdict, what failed in detail, a line for
 * each record. */
#ifndef HD_REPORT_CI_MARKDOWN_H
#define HD_REPORT_CI_MARKDOWN_H

#include "history/news.h"
#include "judge/findings.h"

/* The longest summary that GitHub shows, in bytes. */
enum { HD_MARKDOWN_MOST = 1 << 20 };

/* Appends to the file (earlier CI steps may have written to GITHUB_STEP_SUMMARY), or makes it. trend: of the
 * history, or NULL. If the file would become longer than HD_MARKDOWN_MOST, leaves out rows and says for each
 * table how many. HD_UNAVAILABLE: it cannot be written, has no room left, or no memory; then the file is as
 * it was. */
hd_status hd_markdown_append(const char *path, const hd_findings *findings, const hd_trend *trend,
                             hd_error *error);

#endif
