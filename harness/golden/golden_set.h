/* The goldens of one experiment, one for each hyper-iteration, in a folder. */
#ifndef HD_GOLDEN_GOLDEN_SET_H
#define HD_GOLDEN_GOLDEN_SET_H

#include "golden/golden.h"

typedef struct hd_golden_set {
    hd_golden *steps; /* [count], owned: hyper-iteration 0, 1, ... */
    size_t count;
} hd_golden_set;

/* Makes count zeroed goldens. HD_UNAVAILABLE: no memory; *goldens is then empty. End with hd_golden_set_free,
 * which takes an empty one too. */
hd_status hd_golden_set_make(hd_golden_set *goldens, size_t count, hd_error *error);
void hd_golden_set_free(hd_golden_set *goldens);

/* Writes the folder of an experiment's goldens, ROOT/golden/<experiment>. HD_INVALID: too long. */
hd_status hd_golden_set_folder(const char *root, const char *experiment, char folder[PATH_MAX],
                               hd_error *error);

/* Saves all into folder, which must exist. Errors as hd_golden_save's. */
hd_status hd_golden_set_save(const hd_golden_set *goldens, const char *folder, hd_error *error);

/* Loads step-0.json, step-1.json, ... up to the first that is missing; without a folder there are none.
 * Errors as hd_golden_load's, and HD_INVALID if one is another step's; *goldens is then empty. */
hd_status hd_golden_set_load(const char *folder, hd_golden_set *goldens, hd_error *error);

#endif
