/* `reference`: float64, which judges the other devices. BLIS multiplies, in its own order. */
typedef double real;
#define real_exp     exp
#define real_log     log
#define real_product hd_product_double
#include "device/reference/reference.h"
#include "device/reference/plain.h"

#include <string.h>

static const hd_device_ops ops = {PLAIN_OPS, .view = hd_host_view, .replace = hd_host_replace};

hd_status hd_device_open_reference(const hd_device_options *options, hd_device **opened, hd_error *error) {
    hd_device *device = calloc(1, sizeof *device);
    if (!device) return hd_fail(error, HD_UNAVAILABLE, "device reference: no memory");
    *device = (hd_device){
        .ops = &ops, .name = "reference", .arithmetic = "float64", .element = sizeof(real), .loops = "plain"};
    /* "own" concerns the float32 arithmetic; here BLIS always multiplies, with whatever kernels it chooses */
    const char *kernels =
        options && options->kernels && strcmp(options->kernels, "own") ? options->kernels : NULL;
    hd_device_add_fact(device, "blis", "%s", hd_product_library());
    hd_status status = hd_host_threads(options, &device->threads, error);
    if (status == HD_OK) status = hd_product_start(kernels, device->kernels, error);
    if (status == HD_OK) {
#pragma omp parallel num_threads((int)device->threads)
        hd_product_warm_up();
    }
    if (status == HD_OK)
        *opened = device;
    else
        destroy(device);
    return status;
}
