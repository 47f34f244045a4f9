/* What a blessing changes: a golden's figures, by name and as texts, against those of the one before it.
 *
 * The figures are the hashes of experiment and data, the replicas it was calibrated from, the reference's
 * results, each tolerance, and the exact bits of either mode. Numbers are written so that they read back to
 * the same. */
#ifndef HD_GOLDEN_GOLDEN_DIFF_H
#define HD_GOLDEN_GOLDEN_DIFF_H

#include "golden/golden.h"

#include <stdio.h>

/* Writes a line a figure that differs, "    STEP FIGURE: WAS -> IS", the figures' names being "reference
 * hypergradient eta", "tolerance weights W_0 l2", "exact reverse weights sha256" and such. A figure that was
 * not there before is "new", one that is there no more "gone"; so are all of them where `was` or `is` is
 * NULL. `to` may be NULL. Gives how many differ. */
size_t hd_golden_diff_write(FILE *to, const hd_golden *was, const hd_golden *is);

#endif
