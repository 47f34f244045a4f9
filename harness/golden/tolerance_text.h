/* Tolerances as text for people. */
#ifndef HD_GOLDEN_TOLERANCE_TEXT_H
#define HD_GOLDEN_TOLERANCE_TEXT_H

#include "golden/golden.h"

#include <stdio.h>

/* Prints a golden's tolerances, one line each with its evidence, and the reference's own errors. */
void hd_tolerances_print(FILE *to, const hd_golden *golden);

#endif
