/* The wall clock, with which hyperdrift times its runs. */
#ifndef HD_CORE_CLOCK_H
#define HD_CORE_CLOCK_H

#include <time.h>

/* Seconds since some moment in the past; it never goes back. */
static inline double hd_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
