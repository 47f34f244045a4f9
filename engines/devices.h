/* The devices by name: which there are, what each offers, and how to open one. */
#ifndef HD_DEVICES_H
#define HD_DEVICES_H

#include "device/device.h"

enum { HD_DEVICES = 4 }; /* how many there are */

/* The name of device number i; NULL: there are no more. */
const char *hd_device_name(size_t i);

/* Whether the device of this name offers the arithmetic (NULL: its usual one); false for an unknown name. */
bool hd_device_offers(const char *name, const char *arithmetic);

/* Opens the device of this name; end with hd_device_close (takes NULL). HD_INVALID for an unknown name,
 * kernels, loops, arithmetic or math, for rounding where there is none, and for environment variables that
 * would silently change cuBLAS's arithmetic. HD_UNAVAILABLE for what this machine cannot: kernels or loops
 * that its processor does not run, too many threads, no memory, BLIS already started with other kernels, no
 * GPU, no cuBLAS. */
hd_status hd_device_open(const char *name, const hd_device_options *options, hd_device **device,
                         hd_error *error);

/* Measures the device, without its overlays, on products like a network's (8 of 200 x 300 x 784): the best
 * GFLOP/s of a few tries, in some tens of milliseconds. HD_UNAVAILABLE: no memory. */
hd_status hd_device_product_rate(hd_device *device, double *gflops, hd_error *error);

#endif
