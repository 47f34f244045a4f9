/* Kink crossings: where two runs took different sides of a kink. A kink turns rounding into a jump. */
#ifndef HD_DRIFT_KINK_CROSSING_H
#define HD_DRIFT_KINK_CROSSING_H

#include "capture/capture.h"
#include "device/overlay/kink.h"

typedef enum hd_crossing_kind {
    HD_CROSSING_RELU,   /* a hidden unit is on in one and off in the other */
    HD_CROSSING_SIGN,   /* a weight under a rho_l1 has another sign */
    HD_CROSSING_CLIP,   /* the clip cuts off an example's error in one only */
    HD_CROSSING_ARGMAX, /* an example has its greatest logit at another class */
    HD_CROSSING_KINDS
} hd_crossing_kind;

/* "relu", "sign", "clip", "argmax". */
const char *hd_crossing_name(hd_crossing_kind kind);

typedef struct hd_crossing {
    hd_crossing_kind kind;
    uint32_t iteration, step, layer; /* step = steps: on the validation set, after training */
    uint32_t row;                    /* example of the batch or the validation set; row of W for a sign */
    uint32_t unit;                   /* hidden unit, class or column of W */
    double a, b;                     /* both values: activations, weights, errors, greatest logits */
} hd_crossing;

enum { HD_MAX_CROSSINGS = 4096 };

/* How many crossings of a kind a layer had in a step. */
typedef struct hd_tally {
    hd_crossing_kind kind;
    uint32_t iteration, step, layer;
    size_t count;
} hd_tally;

typedef struct hd_crossings {
    hd_crossing *of; /* [kept], owned: the first HD_MAX_CROSSINGS */
    size_t kept, counts[HD_CROSSING_KINDS];
    hd_tally *tallies; /* [tallied], owned: all crossings, in order */
    size_t tallied;
} hd_crossings;

/* Adds the crossings between the tensors that a and b have just read: activations, weights, errors; others
 * have none. Both must be full, and not of the backward sweep. HD_UNAVAILABLE: no memory. */
hd_status hd_crossings_add(hd_crossings *crossings, const hd_capture_reader *a, const hd_capture_reader *b,
                           hd_error *error);
size_t hd_crossings_total(const hd_crossings *crossings);

/* Writes the decisions that would lead one side as the other went, for hd_job: the kept crossings up to a
 * hyper-iteration at a ReLU or a sign, as b decided (to_b) or as a did. kinks and which have room for all
 * kept; which[i] is the number of kinks[i]'s crossing. Returns how many. */
size_t hd_crossings_kinks(const hd_crossings *crossings, size_t iteration, bool to_b, hd_kink *kinks,
                          size_t *which);

void hd_crossings_free(hd_crossings *crossings);

#endif
