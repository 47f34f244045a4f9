/* Stands in for device/cuda/cuda.cu where there is no nvcc: the program is complete without it. */
#include "device/cuda/cuda.h"

hd_status hd_device_open_cuda(const hd_device_options *options, hd_device **opened, hd_error *error) {
    (void)options;
    *opened = NULL;
    return hd_fail(error, HD_UNAVAILABLE, "device cuda: this program was built without it (%s)",
                   hd_device_cuda_build());
}

const char *hd_device_cuda_build(void) {
    return "no nvcc, or CUDA=0";
}
