/* The small problem of the engine's tests, and one run of it. */
#ifndef HD_MODES_TEST_USUAL_PROBLEM_H
#define HD_MODES_TEST_USUAL_PROBLEM_H

#include "test/small_problem.h"

#include <math.h>

static const recipe usual = {3, {14, 8, 7, 3}, 6, 6, 45, 25, 20, 0.15, 0.5, 0.001, 0.005, false, 5};
static const char *const devices[] = {"cpu", "reference"};
enum { DEVICES = sizeof devices / sizeof *devices };

static inline hd_device *device_at(size_t i) {
    return open_device(devices[i], (hd_device_options){.threads = 1});
}

/* Makes an engine, runs it once, and destroys it. */
static inline hd_status attempt(hd_device *device, const small_problem *p, hd_mode mode,
                                const hd_observer *observer, hd_error *error) {
    hd_engine *engine = NULL;
    hd_result result;
    *error = (hd_error){.message = ""};
    hd_status status = hd_engine_create(device, &p->problem, mode, &engine, error);
    if (status == HD_OK) status = hd_engine_run(engine, &p->point, observer, &result, error);
    hd_engine_destroy(engine);
    return status;
}

static inline small_problem *usual_problem(void) {
    return make_problem(&usual);
}

#endif
