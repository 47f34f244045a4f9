/* Repeats: runs a side again with nobody watching, and compares its results with those of the watched run. Who looks at
 * a run must not change it, and a race shows only now and then. */
#ifndef HD_DRIFT_REPEATS_H
#define HD_DRIFT_REPEATS_H

#include "drift/drift.h"
#include "run/variant.h"

typedef struct hd_repeats {
    size_t count, differing; /* runs, and those with other results */
    char
        first[256]; /* where the first of them differs, "run 1, hyper-iteration 0: eta's hypergradient ..." */
} hd_repeats;

/* Runs the variant of a side `count` times. Errors as hd_run's. */
hd_status hd_repeats_run(const hd_drift *drift, size_t side, const hd_variant *variant, size_t count,
                         hd_repeats *repeats, hd_error *error);

#endif
