#include "base/seeds.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* Reads a seed at *text and moves *text behind it. */
static bool read_seed(const char **text, uint32_t *seed) {
    char *end;
    if (**text < '0' || **text > '9') return false;
    errno = 0;
    unsigned long long value = strtoull(*text, &end, 10);
    *text = end;
    *seed = (uint32_t)value;
    return !errno && value <= UINT32_MAX;
}

static bool has(const hd_seeds *seeds, uint32_t seed) {
    for (size_t i = 0; i < seeds->count; i++)
        if (seeds->of[i] == seed) return true;
    return false;
}

static hd_status add_range(hd_seeds *seeds, uint32_t first, uint32_t last, hd_error *error) {
    for (uint64_t seed = first; seed <= last; seed++) {
        if (has(seeds, (uint32_t)seed))
            return hd_fail(error, HD_INVALID, "--seeds: %u is given twice", (uint32_t)seed);
        if (seeds->count == HD_MAX_SEEDS)
            return hd_fail(error, HD_INVALID, "--seeds: too many; allowed: up to %d", HD_MAX_SEEDS);
        seeds->of[seeds->count++] = (uint32_t)seed;
    }
    return HD_OK;
}

hd_status hd_seeds_read(const char *text, hd_seeds *seeds, hd_error *error) {
    *seeds = (hd_seeds){.of = malloc(HD_MAX_SEEDS * sizeof *seeds->of)};
    if (!seeds->of) return hd_fail(error, HD_UNAVAILABLE, "--seeds: no memory");
    hd_status status = HD_OK;
    const char *next = text;
    do {
        uint32_t first = 0, last;
        bool right = read_seed(&next, &first);
        last = first;
        if (right && *next == '-') next++, right = read_seed(&next, &last) && first <= last;
        if (!right || (*next && *next != ','))
            status =
                hd_fail(error, HD_INVALID,
                        "--seeds %.100s: allowed: numbers from 0 to %u and ranges of them, such as 1,2,5-9",
                        text, UINT32_MAX);
        else
            status = add_range(seeds, first, last, error);
    } while (status == HD_OK && *next++ == ',');
    if (status != HD_OK) {
        free(seeds->of);
        *seeds = (hd_seeds){0};
    }
    return status;
}
