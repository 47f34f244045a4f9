/* The goldens of one experiment: one of each hyper-iteration, together in a folder. */
#ifndef HD_GOLDEN_GOLDEN_SET_H
#define HD_GOLDEN_GOLDEN_SET_H

#include "golden/golden.h"

typedef struct hd_goldens {
    hd_golden *steps; /* [count], owned: of hyper-iteration 0, 1, ... */
    size_t count;
} hd_goldens;

/* Room for count goldens, all zeroed. HD_UNAVAILABLE: no memory; *goldens is then empty. End with
 * hd_goldens_free (an empty one is allowed). */
hd_status hd_goldens_make(hd_goldens *goldens, size_t count, hd_error *error);
void hd_goldens_free(hd_goldens *goldens);

/* Writes where an experiment's goldens are, ROOT/golden/<experiment>. HD_INVALID: too long. */
hd_status hd_goldens_folder(const char *root, const char *experiment, char folder[PATH_MAX], hd_error *error);

/* Saves each into folder, which must exist. Errors as hd_golden_save's. */
hd_status hd_goldens_save(const hd_goldens *goldens, const char *folder, hd_error *error);

/* Loads step-0.json, step-1.json, ... up to the first that is not there; without a first, or a folder, there
 * are none. Errors as hd_golden_load's, HD_INVALID where one is another step's; *goldens is then empty. */
hd_status hd_goldens_load(const char *folder, hd_goldens *goldens, hd_error *error);

#endif
