/* Rounds: each experiment is run under each seed on each device, in the modes asked for; for a shard, only
 * its cells. `run` and `check` differ only in what they do with a round's records. */
#ifndef HD_MATRIX_ROUNDS_H
#define HD_MATRIX_ROUNDS_H

#include "run/loaded_experiment.h"

typedef struct hd_round {
    const hd_loaded_experiment *loaded;
    const char *device;
    char folder[2][PATH_MAX];     /* by mode: the folder of the records; "": not asked for, or failed */
    size_t repetition;            /* from 1 to request->repeat */
    const struct hd_round *first; /* its repetition 1; NULL: this is it */
    const char *reference[2]; /* by mode, in `check` for a seed without a golden: the folder of the float64
                                 reference's records in the other mode; NULL: not needed, or failed */
} hd_round;

typedef struct hd_listener {
    void (*round)(void *context, const hd_round *round);
    void (*skipped)(void *context, const char *what, const char *why); /* a device that --device all skips */
    void (*failed)(void *context, const char *what, const char *why);  /* a run, or an experiment */
    void *context;
} hd_listener;

/* Runs the rounds, calls the listener, reports failures on stderr, and returns the worst status.
 * HD_UNAVAILABLE also for an experiment that ran on no device (but not in a shard: another's may have run
 * it). Repeats each round as request->repeat says, the modes taking turns. Records go to request->out
 * (repetition N > 1: to its folder repetition-N); if that is NULL, they are gone when this returns. */
hd_status hd_rounds(const hd_request *request, char *const *words, size_t count, const hd_listener *listener);

/* Loads a round's records of hyper-iteration `step`, by mode; a missing one stays zeroed (its hyper is NULL).
 * Returns the worst status, and reports on stderr. The caller frees both with hd_record_free. */
hd_status hd_round_load(const hd_round *round, size_t step, bool weights, hd_record records[2]);

#endif
