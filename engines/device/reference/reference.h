/* The devices that judge the others: "reference" (float64), and "extended" (long double), which judges it. */
#ifndef HD_DEVICE_REFERENCE_REFERENCE_H
#define HD_DEVICE_REFERENCE_REFERENCE_H

#include "device/device.h"

/* As hd_device_open. "extended" is HD_UNAVAILABLE where long double is no more than float64. */
hd_status hd_device_open_reference(const hd_device_options *options, hd_device **opened, hd_error *error);
hd_status hd_device_open_extended(const hd_device_options *options, hd_device **opened, hd_error *error);

#endif
