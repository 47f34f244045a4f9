/* A request: what to run. Modes, devices, settings and seeds, the part of a matrix that many machines share,
 * how often, and where the records go. The command line makes one, and nothing below commands/ knows it. */
#ifndef HD_RUN_REQUEST_H
#define HD_RUN_REQUEST_H

#include "base/seeds.h"
#include "devices.h"
#include "modes/hypergradient.h"

enum { HD_MAX_SHARDS = 10000 };

/* It owns only the seeds. */
typedef struct hd_request {
    bool mode[2];                        /* by hd_mode */
    const char *devices[HD_DEVICES + 1]; /* names, then NULL */
    bool all_devices;                    /* absent devices are skipped */
    const char *required;                /* a device that must not be absent, or NULL */
    const char **sets;                   /* [set_count]: section.key=value */
    size_t set_count;
    hd_seeds seeds;           /* none: each experiment's own */
    size_t shard;             /* 1 .. shards */
    size_t shards;            /* of the matrix; 0: run all of it here */
    const char *matrix;       /* the matrix's name; NULL: none was given */
    size_t repeat;            /* how often to repeat each run */
    const char *out;          /* the folder for the records; NULL: they are not kept */
    bool resume;              /* do not run again what `out` has already */
    bool judged;              /* judge records: a seed without a golden needs the reference's */
    bool no_bits;             /* ... without the goldens' bits */
    bool progress;            /* show progress on stderr if it is a terminal */
    hd_device_options device; /* threads; kernels and loops from the environment */
} hd_request;

#endif
