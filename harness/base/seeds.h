/* A list of seeds as a user writes it: "1,2,5-9". */
#ifndef HD_BASE_SEEDS_H
#define HD_BASE_SEEDS_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

enum { HD_MAX_SEEDS = 10000 };

typedef struct hd_seeds {
    uint32_t *of; /* [count], owned, in the order of the text; none: each experiment's own */
    size_t count;
} hd_seeds;

/* Reads numbers and ranges, both ends included, parted by commas. HD_INVALID, with what is allowed, for
 * anything else, a seed that is there twice, and more than HD_MAX_SEEDS; HD_UNAVAILABLE: no memory. *seeds is
 * then empty; else its `of` is the caller's to free. */
hd_status hd_seeds_read(const char *text, hd_seeds *seeds, hd_error *error);

#endif
