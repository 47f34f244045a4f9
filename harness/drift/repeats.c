#include "drift/repeats.h"

#include "base/terminal.h"
#include "run/variant_results.h"

#include <math.h>
#include <stdio.h>

static bool same(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

/* Writes what differs in a hyper-iteration; false: nothing. */
static bool differs(const hd_iteration_drift *watched, size_t s, const hd_record *record, size_t run,
                    char text[256]) {
    const double evaluated[4] = {record->validation_error, (double)record->test.correct,
                                 (double)record->validation.correct, (double)record->training.correct};
    static const char *const names[4] = {"validation error", "correct test examples",
                                         "correct validation examples", "correct training examples"};
    for (size_t i = 0; i < 4; i++)
        if (!same(watched->evaluation[s][i], evaluated[i])) {
            snprintf(text, 256, "run %zu, hyper-iteration %zu: %s %.9g, watched %.9g", run, record->step,
                     names[i], evaluated[i], watched->evaluation[s][i]);
            return true;
        }
    for (size_t j = 0; j < record->hypers; j++)
        if (!same(watched->hypergradient[s][j], record->hyper[j].hypergradient)) {
            snprintf(text, 256, "run %zu, hyper-iteration %zu: hypergradient of %s %.9g, watched %.9g", run,
                     record->step, record->hyper[j].name, record->hyper[j].hypergradient,
                     watched->hypergradient[s][j]);
            return true;
        }
    return false;
}

hd_status hd_repeats_run(const hd_drift *drift, size_t side, const hd_variant *variant, size_t count,
                         hd_repeats *repeats, hd_error *error) {
    hd_status status = HD_OK;
    *repeats = (hd_repeats){.count = count};
    for (size_t run = 1; status == HD_OK && run <= count; run++) {
        hd_variant_results results = {0};
        char text[256];
        bool differed = false;
        hd_terminal_show("drift: %c again, unwatched, run %zu of %zu", side ? 'b' : 'a', run, count);
        status = hd_variant_results_compute(variant, NULL, 0, &results, error);
        if (status == HD_DIFFERENT) { /* unwatched, the engine checks itself */
            differed = true;
            snprintf(text, sizeof text, "run %zu: %.200s", run, error->message);
            status = HD_OK;
        }
        for (size_t k = 0; status == HD_OK && !differed && k < results.count && k < drift->iterations; k++)
            differed = drift->iteration[k].reached &&
                       differs(&drift->iteration[k], side, &results.records[k], run, text);
        if (differed && repeats->differing++ == 0)
            snprintf(repeats->first, sizeof repeats->first, "%s", text);
        hd_variant_results_free(&results);
    }
    return status;
}
