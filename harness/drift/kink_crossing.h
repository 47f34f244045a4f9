/* Kink crossings: where two runs went to different sides of a kink. A kink turns rounding into a jump. */
#ifndef HD_DRIFT_KINK_CROSSING_H
#define HD_DRIFT_KINK_CROSSING_H

#include "device/overlay/kink.h"
#include "drift/capture.h"

typedef enum hd_crossing_kind {
    HD_CROSSING_RELU,   /* a hidden unit is on in one and off in the other */
    HD_CROSSING_SIGN,   /* a weight under a rho_l1 has another sign */
    HD_CROSSING_CLIP,   /* an example's error is cut off by the clip in one only */
    HD_CROSSING_ARGMAX, /* an example has its greatest logit at another class */
    HD_CROSSING_KINDS
} hd_crossing_kind;

/* "relu", "sign", "clip", "argmax". */
const char *hd_crossing_name(hd_crossing_kind kind);

typedef struct hd_crossing {
    hd_crossing_kind kind;
    uint32_t iteration, step, layer; /* step = steps: on the validation set, after training */
    uint32_t row;                    /* example of the batch, or of the validation set; of a sign: row of W */
    uint32_t unit;                   /* hidden unit, class or column of W */
    double a, b;                     /* the two values: activations, weights, errors, greatest logits */
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
    hd_tally *tallies; /* [tallied], owned: of all crossings, in the order of the first ones */
    size_t tallied;
} hd_crossings;

/* Adds the crossings between the tensors that a and b have both just read: activations, weights, errors; others
 * have none. Both must be full, and not of the backward sweep. HD_UNAVAILABLE: no memory. */
hd_status hd_crossings_add(hd_crossings *crossings, const hd_capture_reader *a, const hd_capture_reader *b,
                           hd_error *error);
size_t hd_crossings_total(const hd_crossings *crossings);

/* The decisions that would lead one side the other's way, for hd_job: of the kept crossings up to a
 * hyper-iteration, those at a ReLU or a sign. to_b: as b decided, else as a did. kinks has room for kept;
 * which[i] is the number of kinks[i]'s crossing. Their number. */
size_t hd_crossings_kinks(const hd_crossings *crossings, size_t iteration, bool to_b, hd_kink *kinks,
                          size_t *which);

void hd_crossings_free(hd_crossings *crossings);

#endif
