/* The CUDA device, or where there is no nvcc its absence (device/cuda/absent.c). */
#ifndef HD_DEVICE_CUDA_CUDA_H
#define HD_DEVICE_CUDA_CUDA_H

#include "device/device.h"

/* As hd_device_open. HD_UNAVAILABLE with the reason: not built in, no driver or an old one, no GPU, no
 * memory. */
hd_status hd_device_open_cuda(const hd_device_options *options, hd_device **opened, hd_error *error);

/* How the program was built: "CUDA 13.0, sm_90 ..." or "no nvcc, or CUDA=0". */
const char *hd_device_cuda_build(void);

#endif
