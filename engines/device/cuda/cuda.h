/* The CUDA device; device/cuda/absent.c replaces it where there is no nvcc. */
#ifndef HD_DEVICE_CUDA_CUDA_H
#define HD_DEVICE_CUDA_CUDA_H

#include "device/device.h"

/* Opens the device "cuda" as hd_device_open does. HD_UNAVAILABLE, with the reason, if it is not built in, if
 * there is no GPU, no driver or an old one, or no memory. */
hd_status hd_device_open_cuda(const hd_device_options *options, hd_device **opened, hd_error *error);

/* How the program was built: "CUDA 13.0, sm_90 ..." or "no nvcc, or CUDA=0". */
const char *hd_device_cuda_build(void);

#endif
