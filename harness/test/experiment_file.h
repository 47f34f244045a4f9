/* Experiments in a temporary file, for tests of loading them. */
#ifndef HD_TEST_EXPERIMENT_FILE_H
#define HD_TEST_EXPERIMENT_FILE_H

#include "experiment/experiment.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char base[] = "[experiment]\n"
                           "name = tiny\n"
                           "seed = 1\n"
                           "hyper-iterations = 3\n"
                           "[data]\n"
                           "source = mnist\n"
                           "partitions = 0.5, 0.3\n"
                           "[model]\n"
                           "hidden = 300, 300\n"
                           "fill = tf-gpu-2017\n"
                           "fill-race = 2\n"
                           "[training]\n"
                           "optimizer = momentum\n"
                           "steps = 100\n"
                           "batch = 200\n"
                           "epochs = 3\n"
                           "[hyperparameters]\n"
                           "rho_l1 = 0.0\n"
                           "rho_l2 = 0.0\n"
                           "eta = 0.01\n"
                           "mu = 0.5\n"
                           "[hyper-optimizer]\n"
                           "method = adam\n"
                           "rate = 0.001\n"
                           "constraint = nonnegative\n"
                           "[device]\n"
                           "arithmetic = exact\n"
                           "tf32 = off\n";

static char folder[] = "/tmp/hd-experiment-XXXXXX";
static char file[sizeof folder + 8];
static hd_experiment experiment;
static hd_error error;

static inline void make_folder(void) {
    cr_assert(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/e.ini", folder);
}

static inline void remove_folder(void) {
    unlink(file);
    rmdir(folder);
}

static inline void write_file(const char *text, size_t size) {
    FILE *stream = fopen(file, "wb");
    cr_assert(stream);
    cr_assert_eq(fwrite(text, 1, size, stream), size);
    cr_assert_eq(fclose(stream), 0);
}

static inline hd_status load_text(const char *text) {
    write_file(text, strlen(text));
    return hd_experiment_load(file, NULL, 0, &experiment, &error);
}

/* Writes the base experiment with one line replaced; gives the line's number. */
static inline size_t replace(const char *line, const char *by, char *text, size_t size) {
    const char *at = strstr(base, line);
    cr_assert(at, "the base experiment has no line '%s'", line);
    const size_t before = (size_t)(at - base);
    snprintf(text, size, "%.*s%s%s", (int)before, base, by, at + strlen(line));
    size_t number = 1;
    for (const char *c = base; c < at; c++) number += *c == '\n';
    return number;
}

static inline void accepts(const char *line, const char *by) {
    char text[4096];
    replace(line, by, text, sizeof text);
    cr_expect_eq(load_text(text), HD_OK, "'%s': %s", by, error.message);
}

static inline void expect_message(const char *what, const char *part) {
    cr_expect(strstr(error.message, part), "%s: no '%s' in: %s", what, part, error.message);
    cr_expect_null(strchr(error.message, '\n'));
}

/* Expects an error for the replaced line that names file and line, the key, and what is allowed. */
static inline void rejects(const char *line, const char *by, const char *key, const char *allowed) {
    char text[4096], place[64];
    snprintf(place, sizeof place, "%s:%zu: ", file, replace(line, by, text, sizeof text));
    cr_expect_eq(load_text(text), HD_INVALID, "'%s' was taken", by);
    expect_message(by, place);
    expect_message(by, key);
    expect_message(by, allowed);
}

static inline hd_status override(const char *assignment) {
    write_file(base, strlen(base));
    return hd_experiment_load(file, &assignment, 1, &experiment, &error);
}

static inline void rejects_override(const char *assignment, const char *key, const char *allowed) {
    cr_expect_eq(override(assignment), HD_INVALID, "'%s' was taken", assignment);
    expect_message(assignment, "--set");
    expect_message(assignment, key);
    expect_message(assignment, allowed);
}

#endif
