/* The devices by name: which there are, what each can compute in, and how to open one. */
#ifndef HD_DEVICES_H
#define HD_DEVICES_H

#include "device/device.h"

enum { HD_DEVICES = 4 }; /* how many there are */

/* Name of the device number i; NULL: there are no more. */
const char *hd_device_name(size_t i);

/* Whether the device of this name knows the arithmetic (NULL: its usual one); false for a name not known. */
bool hd_device_offers(const char *name, const char *arithmetic);

/* Opens the device of this name. HD_INVALID for a name, kernels, loops, arithmetic or math
 * not known, for rounding where there is none, and for environment variables that would change cuBLAS's
 * arithmetic unseen; HD_UNAVAILABLE for what this machine cannot: kernels or loops its processor does not
 * run, too many threads, no memory, BLIS already started with other kernels, no GPU, no cuBLAS. End with
 * hd_device_close (takes NULL).
 */
hd_status hd_device_open(const char *name, const hd_device_options *options, hd_device **device,
                         hd_error *error);

/* GFLOP/s of the device, its overlays left out, on products like a network's (8 of 200 x 300 x 784), best of
 * a few, some tens of milliseconds. */
hd_status hd_device_product_rate(hd_device *device, double *gflops, hd_error *error);

#endif
