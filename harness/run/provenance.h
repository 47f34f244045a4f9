/* A record's provenance: what made its results. */
#ifndef HD_RUN_PROVENANCE_H
#define HD_RUN_PROVENANCE_H

#include "device/device.h"

#include <jansson.h>

/* Adds to the object what made a result: version, commit, compiler, flags, kernels, loops, threads, CPU,
 * system, libc, the device's facts (BLIS's version, or GPU, CUDA and cuBLAS), NVIDIA's driver if there is
 * one. HD_UNAVAILABLE: no memory. */
hd_status hd_provenance_describe(const hd_device *device, json_t *provenance, hd_error *error);

/* Writes the processor's "model name" into text. */
void hd_provenance_cpu(char *text, size_t size);

/* The most memory this process has held so far, in bytes (VmHWM); 0 if the system does not say. */
size_t hd_provenance_peak_bytes(void);

#endif
