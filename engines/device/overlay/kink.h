/* Forced decisions at kinks: an overlay that makes single decisions of a run go another way. A hidden unit is
 * on or off for one example; a weight counts as positive, negative or zero for its L1 penalty. So we can
 * measure how far one such decision moves a hypergradient. */
#ifndef HD_DEVICE_OVERLAY_KINK_H
#define HD_DEVICE_OVERLAY_KINK_H

#include "device/overlay/overlay.h"

typedef enum hd_kink_kind { HD_KINK_RELU, HD_KINK_SIGN } hd_kink_kind;

typedef struct hd_kink {
    hd_kink_kind kind;
    size_t iteration, step; /* step = steps: on the validation set */
    size_t layer;           /* of a unit 1 .., of a weight 0 .. */
    size_t row, unit;       /* example in the batch (or the validation set) and unit; row and column of W */
    int side;               /* a unit: 1 on, 0 off; a weight's sign: 1, 0, -1 */
} hd_kink;

/* Lays the overlay over a device of the host; kinks[count] must outlive it, in any order, each decision once.
 * A unit that is forced on gets the smallest normal number as its activation, one that is forced off gets 0.
 * A forced sign holds for the operations of its step (rho_l1's penalty, its tangent and its adjoint); the
 * weight itself does not change. A forced decision that the run makes anyway changes no bit. HD_INVALID for a
 * device that is not the host's and for a unit or weight that the problem has not; HD_UNAVAILABLE: no
 * memory. */
hd_status hd_kinks_lay(hd_device *device, const hd_problem *problem, const hd_kink *kinks, size_t count,
                       hd_error *error);

/* From now on the kinks of this hyper-iteration are forced. */
void hd_kinks_iteration(hd_device *device, size_t iteration);

#endif
