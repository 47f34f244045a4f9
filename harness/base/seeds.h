/* A list of seeds as a user writes it: "1,2,5-9". */
#ifndef HD_BASE_SEEDS_H
#define HD_BASE_SEEDS_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

enum { HD_MAX_SEEDS = 10000 };

typedef struct hd_seeds {
    uint32_t *of; /* [count], owned, in the text's order; none: each experiment's own seed */
    size_t count;
} hd_seeds;

/* Reads numbers and ranges (ends included) between commas; the caller frees seeds->of. HD_INVALID, with what
 * is allowed: other text, a seed twice, over HD_MAX_SEEDS; HD_UNAVAILABLE: no memory. *seeds is empty. */
hd_status hd_seeds_read(const char *text, hd_seeds *seeds, hd_error *error);

#endif
