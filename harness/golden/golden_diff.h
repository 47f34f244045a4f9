/* What a blessing changes: a golden's figures, by name and as text, against those of the golden before it.
 *
 * The figures are the hashes of experiment and data, the number of replicas, the reference's results, each
 * tolerance, and the exact bits of both modes. Numbers read back to the same bits. */
#ifndef HD_GOLDEN_GOLDEN_DIFF_H
#define HD_GOLDEN_GOLDEN_DIFF_H

#include "golden/golden.h"

#include <stdio.h>

/* Writes a line for each figure that differs, "    STEP FIGURE: WAS -> IS", with names such as "reference
 * hypergradient eta", "tolerance weights W_0 l2" or "exact reverse weights sha256", and returns how many
 * differ. A figure that only `is` has is "new", one that only `was` has "gone"; each argument may be NULL. */
size_t hd_golden_diff_write(FILE *to, const hd_golden *was, const hd_golden *is);

#endif
