/* The golden for a seed that has none: the float64 reference's results under that seed, computed in the other
 * mode, with the tolerances of the experiment's own golden. Those were measured under the golden's seed;
 * under another one more or fewer units may lie at a kink. */
#ifndef HD_MATRIX_SEED_GOLDEN_H
#define HD_MATRIX_SEED_GOLDEN_H

#include "golden/golden.h"
#include "matrix/rounds.h"

/* Makes the golden for hyper-iteration `step` of a round in a mode; path: the experiment's own golden.
 * HD_INVALID: that one is missing, broken, or another experiment's (a --set), or the reference has no such
 * record; HD_UNAVAILABLE: no memory. End with hd_golden_free; after a failure *golden is zeroed. */
hd_status hd_seed_golden(const hd_round *round, hd_mode mode, size_t step, const char *path,
                         hd_golden *golden, hd_error *error);

#endif
