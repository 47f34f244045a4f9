/* Rounds: each experiment, under each seed, on each device that the user named, run in the modes asked for;
 * of a matrix split over machines the cells of one shard. `run` and `check` differ only in what they do with
 * a round's records. */
#ifndef HD_MATRIX_ROUNDS_H
#define HD_MATRIX_ROUNDS_H

#include "run/loaded_experiment.h"

typedef struct hd_round {
    const hd_loaded_experiment *loaded;
    const char *device;
    char folder[2][PATH_MAX];     /* by mode: where the records are; "" if it was not asked for or failed */
    size_t repetition;            /* from 1 to request->repeat */
    const struct hd_round *first; /* repetition 1 of it; NULL: this is it */
    const char *reference[2]; /* by mode, of check and a seed without a golden: where the float64 reference's
                                 records in the other mode are; NULL: not needed, or failed */
} hd_round;

typedef struct hd_listener {
    void (*round)(void *context, const hd_round *round);
    void (*skipped)(void *context, const char *what,
                    const char *why); /* a device that --device all does without, see README */
    void (*failed)(void *context, const char *what,
                   const char *why); /* a run, or a whole experiment; said on stderr */
    void *context;
} hd_listener;

/* Runs them, calling the listener, and returns the worst status of what failed (HD_UNAVAILABLE for an
 * experiment that no device ran, but in a shard: the others' devices may). A shard that has no cell says so.
 * Each round is repeated as request->repeat says, its modes taking turns. Records are kept under request->out
 * (those of repetition N > 1 in its folder repetition-N), or else until the end of this call. */
hd_status hd_rounds(const hd_request *request, char *const *words, size_t count, const hd_listener *listener);

/* Loads hyper-iteration `step`'s records of a round, by mode; where there is none the record stays zeroed
 * (its hyper is NULL). The worst status, said on stderr. The caller frees both with hd_record_free. */
hd_status hd_round_load(const hd_round *round, size_t step, bool weights, hd_record records[2]);

#endif
