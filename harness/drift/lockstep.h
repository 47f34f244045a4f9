/* Runs variants side by side, each in its own process, compares their tensors as they come, and has each run judged by
 * its equations in a process beside it. */
#ifndef HD_DRIFT_LOCKSTEP_H
#define HD_DRIFT_LOCKSTEP_H

#include "drift/drift.h"
#include "run/variant.h"

/* One side: a variant that is run here, or a capture. */
typedef struct hd_drift_side {
    const hd_variant *variant;  /* what the side runs; of a capture NULL: it cannot be told or run here */
    hd_capture_reader *capture; /* a started one; NULL: the variant is run */
    const char *why_not;        /* why a capture has no variant */
} hd_drift_side;

/* Compares the tensors of the kinds in `tensors` (0: all). judge: checks each side by its equations, too (then all
 * kinds are shown). A side that is a digest is run again beside it, if it has a variant: as long as the run has the
 * digest's bits, its tensors are the digest's. Errors as hd_run's and hd_drift_compare's; HD_DIFFERENT: a side has a
 * value that is not finite. End with hd_drift_free, also after a failure. */
hd_status hd_lockstep(const hd_drift_side sides[2], unsigned tensors, bool judge, hd_drift *drift,
                      hd_error *error);

/* Whether a capture can be judged here: its data are here, and, of a digest, its device can be opened (in a process of
 * its own). side->variant is the capture's. Errors as hd_problem_data's and hd_device_open's. */
hd_status hd_lockstep_try(const hd_drift_side *side, hd_error *error);

/* Runs one variant and shows each of its tensors of the kinds in `tensors` to look, until that returns false
 * (HD_INVALID). Errors as hd_run's. */
hd_status hd_lockstep_read(const hd_variant *variant, unsigned tensors,
                           bool (*look)(void *context, const hd_capture_reader *reader), void *context,
                           hd_error *error);

/* What hd_lockstep_alternate shows and asks. which: 0 for the leader, 1 for the follower. */
typedef struct hd_alternation {
    unsigned tensors[2]; /* bits of the kinds shown; HD_HYPERPARAMETERS must be one, the states to lead too */
    unsigned leads;      /* bits of the follower's states that the leader's replace */
    bool (*look)(void *context, size_t which, const hd_capture_reader *reader); /* false: stop */
    /* The leader's elements at that place, for the follower, and their type. */
    const void *(*lead)(void *context, const hd_place *place, bool *float32);
    void *context;
} hd_alternation;

/* Runs two variants, each once. Shows a whole hyper-iteration of the leader, then the same one of the
 * follower, and so on. HD_INVALID if look stops; errors as hd_run's. */
hd_status hd_lockstep_alternate(const hd_variant *leader, const hd_variant *follower,
                                const hd_alternation *alternation, hd_error *error);

/* Captures a variant's run into the file `path`, whole or not at all. Errors as hd_run's. */
hd_status hd_lockstep_capture(const hd_variant *variant, bool full, const char *path, hd_error *error);

#endif
