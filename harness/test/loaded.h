/* Experiments of fixtures/ with their data, for tests that run them. */
#ifndef HD_TEST_LOADED_H
#define HD_TEST_LOADED_H

#include "experiment/problem.h"

#include <criterion/criterion.h>
#include <stdio.h>

static hd_experiment experiment;
static hd_dataset dataset;

/* Loads fixtures/NAME.ini with overrides that end with NULL. */
#define loaded(...) loaded_with((const char *const[]){__VA_ARGS__, NULL})

static inline void loaded_with(const char *const *words) {
    char path[PATH_MAX];
    hd_error error;
    size_t overrides = 0;
    while (words[1 + overrides]) overrides++;
    snprintf(path, sizeof path, "fixtures/%s.ini", words[0]);
    cr_assert_eq(hd_experiment_load(path, words + 1, overrides, &experiment, &error), HD_OK, "%s",
                 error.message);
    cr_assert_eq(hd_problem_data(&experiment, &dataset, &error), HD_OK, "%s", error.message);
}

static inline void unload(void) {
    hd_dataset_free(&dataset);
}

#endif
