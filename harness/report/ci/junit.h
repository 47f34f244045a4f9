/* Findings as JUnit XML, the form that CI servers read: a test suite a record, a test case a figure of a
 * verdict on it; and a suite "runs" of what was skipped and what gave no record. What is written is valid by
 * the schema of Jenkins's xunit plugin and by the stricter one of Ant's JUnitReport: harness/report/ci/test/junit.xsd.
 */
#ifndef HD_REPORT_CI_JUNIT_H
#define HD_REPORT_CI_JUNIT_H

#include "judge/findings.h"

/* Writes the file whole or not at all. HD_UNAVAILABLE where it cannot be written, or no memory. */
hd_status hd_junit_write(const char *path, const hd_findings *findings, hd_error *error);

#endif
