/* A request: what is to be run. Which modes on which devices, with which settings and seeds, which part of a
 * matrix that many machines share, how often, and where the records go. The command line makes one; nothing
 * below commands/ knows the command line itself. */
#ifndef HD_RUN_REQUEST_H
#define HD_RUN_REQUEST_H

#include "base/seeds.h"
#include "devices.h"
#include "modes/hypergradient.h"

enum { HD_MAX_SHARDS = 10000 };

/* Texts and arrays are not owned, but for the seeds. */
typedef struct hd_request {
    bool mode[2];                        /* by hd_mode: wanted */
    const char *devices[HD_DEVICES + 1]; /* their names, then NULL */
    bool all_devices;                    /* what is absent is skipped */
    const char *required;                /* a device whose absence is then an error, or NULL */
    const char **sets;                   /* [set_count]: section.key=value */
    size_t set_count;
    hd_seeds seeds;           /* none: each experiment's own */
    size_t shard;             /* 1 .. shards */
    size_t shards;            /* how many shards the matrix has; 0: all of it is run here */
    const char *matrix;       /* whose shards they are; NULL: no name was given */
    size_t repeat;            /* how often each run is made */
    const char *out;          /* the folder that keeps the records; NULL: they are gone at the end */
    bool resume;              /* what `out` has already is not run again */
    bool judged;              /* records are judged: a seed without a golden needs the reference's */
    bool no_bits;             /* ... leaving the goldens' bits aside */
    bool progress;            /* a line on stderr, where that is a terminal, tells how far a run is */
    hd_device_options device; /* threads; kernels and loops from the environment */
} hd_request;

#endif
