/* Events: where two runs went to different sides of a kink. A kink turns rounding into a jump. */
#ifndef HD_DRIFT_KINK_CROSSING_H
#define HD_DRIFT_KINK_CROSSING_H

#include "drift/capture.h"
#include "device/overlay/kink.h"

typedef enum hd_event_kind {
    HD_EVENT_RELU,   /* a hidden unit is on in one and off in the other */
    HD_EVENT_SIGN,   /* a weight under a rho_l1 has another sign */
    HD_EVENT_CLIP,   /* an example's error is cut off by the clip in one only */
    HD_EVENT_ARGMAX, /* an example has its greatest logit at another class */
    HD_EVENT_KINDS
} hd_event_kind;

/* "relu", "sign", "clip", "argmax". */
const char *hd_event_name(hd_event_kind kind);

typedef struct hd_event {
    hd_event_kind kind;
    uint32_t iteration, step, layer; /* step = steps: on the validation set, after training */
    uint32_t row;                    /* example of the batch, or of the validation set; of a sign: row of W */
    uint32_t unit;                   /* hidden unit, class or column of W */
    double a, b;                     /* the two values: activations, weights, errors, greatest logits */
} hd_event;

enum { HD_MAX_EVENTS = 4096 };

/* How many events of a kind a layer had in a step. */
typedef struct hd_tally {
    hd_event_kind kind;
    uint32_t iteration, step, layer;
    size_t count;
} hd_tally;

typedef struct hd_events {
    hd_event *of; /* [kept], owned: the first HD_MAX_EVENTS */
    size_t kept, counts[HD_EVENT_KINDS];
    hd_tally *tallies; /* [tallied], owned: of all events, in the order of the first ones */
    size_t tallied, tally_capacity;
} hd_events;

/* Adds the events between the tensors that a and b have both just read: activations, weights, errors; others
 * have none. Both must be full, and not of the sweep back. HD_UNAVAILABLE: no memory. */
hd_status hd_events_add(hd_events *events, const hd_capture_reader *a, const hd_capture_reader *b,
                        hd_error *error);
size_t hd_events_total(const hd_events *events);

/* The decisions that would lead one side the other's way, for hd_job: of the kept events up to a
 * hyper-iteration, those at a ReLU or a sign. to_b: as b decided, else as a did. kinks has room for kept;
 * which[i] is the number of kinks[i]'s event. Their number. */
size_t hd_events_kinks(const hd_events *events, size_t iteration, bool to_b, hd_kink *kinks, size_t *which);

void hd_events_free(hd_events *events);

#endif
