/* Random rounding: an overlay (overlay.h) that rounds once more, at random, whatever the device computes.
 * Runs that differ only in its seed show what rounding alone can do to a result.
 *
 * A float32 result x = m 2^e, 1 <= m < 2, becomes one of its two neighbours with probability m^2 / 12: the
 * mean stays x, and the variance is that of x (1 + 2^-24 xi), xi uniform in [-1, 1], except for powers of
 * two, whose lower neighbour is half as far. (That product itself, rounded to float32, would hardly ever
 * leave an x just above a power of two.) A sum, kept in float64, grows by (1 + 2^-24 xi) times its new part.
 *
 * What is exact stays as it is: zeros, selections (ReLU, gates, clips), copies, counts, and results that
 * equal an operand, such as the weight of a pixel that is black in every example. An operation rounds its
 * outputs at its end: momentum's w' follows from the m' before its extra rounding. */
#ifndef HD_DEVICE_OVERLAY_ROUNDING_H
#define HD_DEVICE_OVERLAY_ROUNDING_H

#include "device/device.h"

/* Lays the overlay over the host's float32 device ("cpu"), whose arithmetic is then "random-rounding". What
 * it does depends on the seed, on how many arrays it has rounded and on the element, not on threads: a run
 * repeats to the bit. HD_INVALID for another device; HD_UNAVAILABLE: no memory. */
hd_status hd_rounding_lay(hd_device *device, uint32_t seed, hd_error *error);

#endif
