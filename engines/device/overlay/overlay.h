/* An overlay: operations laid over a device's own, to count them, to round them at random, or to do them
 * wrong on purpose. It is a copy of the device's table in which some operations are replaced. A replaced
 * operation finds its overlay by name, does its part, and calls the operation below. Overlays can lie on each
 * other. They work on any device that carries out an operation at once. On a device that replays sections
 * (cuda) they see only the calls that record a section. */
#ifndef HD_DEVICE_OVERLAY_OVERLAY_H
#define HD_DEVICE_OVERLAY_OVERLAY_H

#include "device/device.h"

typedef struct hd_overlay {
    const char *name; /* a static string: what hd_overlay_of looks for */
    hd_device_ops over;
    const hd_device_ops *under;
    struct hd_overlay *below;
} hd_overlay;

/* Lays an overlay over the device, its table being a copy of the device's: the caller then replaces
 * operations in its `over`. The overlay is the first member of a struct of `size` bytes, which is returned
 * with all else zero; closing the device frees it. NULL, with HD_UNAVAILABLE in *error: no memory. */
void *hd_overlay_lay(hd_device *device, size_t size, const char *name, hd_error *error);

/* The device's own operations, under all its overlays. */
const hd_device_ops *hd_overlay_bottom(const hd_device *device);

/* The struct of the device's overlay of that name; NULL: it has none. */
void *hd_overlay_of(const hd_device *device, const char *name);

#endif
