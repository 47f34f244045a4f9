/* Blessing in a data root of the test's own, by a copy of the program. A stand-in beside it replaces the
 * program that plants faults, which would take long. */
#ifndef HD_TEST_BLESSING_H
#define HD_TEST_BLESSING_H

#include "golden/golden_set.h"
#include "test/program.h"

#include <sys/stat.h>

#define bless(...) program_run((const char *const[]){path_of("hyperdrift"), "bless", __VA_ARGS__, NULL})

/* By these variables bless knows that no person is there. */
static const char *const blessing_unattended[] = {
    "CI", "JENKINS_URL", "BUILD_NUMBER", "BUILD_ID", "TF_BUILD", "TEAMCITY_VERSION", "CODEBUILD_BUILD_ID",
};

static inline void blessing_attend(void) {
    for (size_t i = 0; i < sizeof blessing_unattended / sizeof *blessing_unattended; i++)
        unsetenv(blessing_unattended[i]);
}

/* Copies the program and makes the stand-in from these lines of shell. */
static inline void blessing_faults(const char *script) {
    char text[1024];
    snprintf(text, sizeof text, "#!/bin/sh\n%s\n", script);
    put_bytes(path_of("hyperdrift-faults"), text, strlen(text));
    cr_assert_eq(chmod(path_of("hyperdrift-faults"), 0777), 0);
}

static inline void blessing_program(void) {
    char command[512];
    blessing_attend();
    snprintf(command, sizeof command, "cp %s %s", HD_PROGRAM, path_of("hyperdrift"));
    cr_assert_eq(system(command), 0);
}

/* Makes a root in which blobs-logistic is short and has no goldens. */
static inline void blessing_root(void) {
    char command[512];
    program_own_root();
    snprintf(command, sizeof command,
             "cd %s && sed -i 's/^hyper-iterations.*/hyper-iterations = 1/; s/^steps.*/steps = 4/' "
             "fixtures/blobs-logistic.ini && rm -r golden/blobs-logistic",
             path_of("root"));
    cr_assert_eq(system(command), 0);
}

/* Makes the root and a program that may bless it, or skips the test. */
static inline void blessing_prepare(const char *script) {
    if (strstr(HD_COMMIT, "-dirty")) skip("the program was built from a dirty tree: it blesses nothing");
    blessing_root();
    blessing_program();
    blessing_faults(script);
}

/* Makes them, and blesses once. */
static inline void blessing_first(void) {
    blessing_prepare("true");
    bless("blobs-logistic", "--reason", "a first time", "--replicas", "6", "-q");
    cr_assert_eq(program.status, 0, "%s", program.err);
}

static inline hd_golden blessing_golden(void) {
    hd_golden golden;
    hd_error error;
    cr_assert_eq(hd_golden_load(path_of("root/golden/blobs-logistic/step-0.json"), &golden, &error), HD_OK,
                 "%s", error.message);
    return golden;
}

static inline double blessing_tolerance(void) {
    hd_golden golden = blessing_golden();
    double tolerance = hd_golden_tolerance(&golden, "hypergradient eta");
    hd_golden_free(&golden);
    return tolerance;
}

#endif
