#include "device/device.h"

#include <stdarg.h>
#include <stdio.h>

void hd_device_close(hd_device *device) {
    if (device) device->ops->destroy(device);
}

void hd_device_holds(hd_device *device, size_t more) {
    device->allocated += more;
    if (device->allocated > device->allocated_peak) device->allocated_peak = device->allocated;
}

void hd_device_add_fact(hd_device *device, const char *key, const char *format, ...) {
    va_list values;
    if (device->facts == HD_MAX_FACTS) return;
    hd_fact *fact = &device->fact[device->facts++];
    fact->key = key;
    va_start(values, format);
    vsnprintf(fact->text, sizeof fact->text, format, values);
    va_end(values);
}

void hd_device_latch(hd_device *device, hd_latch_kind kind, hd_label label) {
    if (device->latch.kind != HD_NOTHING_LATCHED) return;
    device->latch.kind = kind;
    device->latch.label = label;
    device->latch.step = device->step;
}
