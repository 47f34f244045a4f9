/* Writes findings as JUnit XML, for CI servers: a test suite for each record, a test case for each figure of
 * a verdict on it, and a suite "runs" of what was skipped or gave no record. It is valid by the schema of
 * Jenkins's xunit plugin and by the stricter one of Ant's JUnitReport (test/junit.xsd). */
#ifndef HD_REPORT_CI_JUNIT_H
#define HD_REPORT_CI_JUNIT_H

#include "judge/findings.h"

/* Writes the file whole or not at all. HD_UNAVAILABLE: it cannot be written, or no memory. */
hd_status hd_junit_write(const char *path, const hd_findings *findings, hd_error *error);

#endif
