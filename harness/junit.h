/* Verdicts as JUnit XML, the form that CI servers read: a test suite a verdict, a test case a figure. */
#ifndef HD_JUNIT_H
#define HD_JUNIT_H

#include "verdict.h"

/* Something that was not judged, and why. */
typedef struct hd_skip {
    char what[HD_LABEL * 4], why[512];
} hd_skip;

/* Writes the file whole or not at all. failed_runs: runs that gave no record to judge, reported as errors.
 * HD_UNAVAILABLE where it cannot be written, or no memory. */
hd_status hd_junit_write(const char *path, const hd_verdict *verdicts, size_t count, const hd_skip *skips,
                         size_t skip_count, size_t failed_runs, hd_error *error);

#endif
