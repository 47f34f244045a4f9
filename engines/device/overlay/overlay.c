#include "device/overlay/overlay.h"

#include <stdlib.h>
#include <string.h>

/* Takes off the topmost overlay, then destroys what is below. */
static void destroy(hd_device *device) {
    hd_overlay *overlay = device->overlay;
    device->ops = overlay->under;
    device->overlay = overlay->below;
    free(overlay);
    device->ops->destroy(device);
}

void *hd_overlay_lay(hd_device *device, size_t size, const char *name, hd_error *error) {
    hd_overlay *overlay = calloc(1, size);
    if (!overlay) {
        hd_fail(error, HD_UNAVAILABLE, "device %s: no memory for the overlay of %s", device->name, name);
        return NULL;
    }
    overlay->name = name;
    overlay->under = device->ops;
    overlay->over = *device->ops;
    overlay->over.destroy = destroy;
    overlay->below = device->overlay;
    device->overlay = overlay;
    device->ops = &overlay->over;
    return overlay;
}

void *hd_overlay_of(const hd_device *device, const char *name) {
    hd_overlay *overlay = device->overlay;
    while (overlay && strcmp(overlay->name, name) != 0) overlay = overlay->below;
    return overlay;
}

const hd_device_ops *hd_overlay_bottom(const hd_device *device) {
    const hd_device_ops *ops = device->ops;
    for (const hd_overlay *overlay = device->overlay; overlay; overlay = overlay->below) ops = overlay->under;
    return ops;
}
