#include "devices.h"

#include "core/clock.h"
#include "device/cpu/cpu.h"
#include "device/cuda/cuda.h"
#include "device/host/host.h"
#include "device/overlay/overlay.h"
#include "device/overlay/rounding.h"
#include "device/reference/reference.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* Whether there is memory for the buffers and threads of BLIS and OpenMP, which end the process if not. We
 * count an allocation arena of 64 MB for each thread. */
static bool has_room(size_t threads) {
    size_t room = (threads + 1) * ((size_t)80 << 20);
    void *block =
        mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return block != MAP_FAILED && munmap(block, room) == 0;
}

/* To add a device, add a row. */
static const struct {
    const char *name, *arithmetics[4]; /* the usual one first */
    const char *math;                  /* allowed beside "shared"; NULL: none */
    hd_status (*open)(const hd_device_options *options, hd_device **device, hd_error *error);
} devices[] = {
    {"cpu", {"exact"}, "libm", hd_device_open_cpu},
    {"reference", {"float64"}, NULL, hd_device_open_reference},
    {"extended", {"long double"}, NULL, hd_device_open_extended},
    {"cuda", {"exact", "cublas", "cublas-tf32"}, "device", hd_device_open_cuda},
};
_Static_assert(sizeof devices / sizeof *devices == HD_DEVICES, "HD_DEVICES says how many rows there are");

const char *hd_device_name(size_t i) {
    return i < HD_DEVICES ? devices[i].name : NULL;
}

/* The device's number; HD_DEVICES: there is none of that name. */
static size_t device_named(const char *name) {
    size_t i = 0;
    while (i < HD_DEVICES && strcmp(devices[i].name, name) != 0) i++;
    return i;
}

bool hd_device_offers(const char *name, const char *arithmetic) {
    size_t device = device_named(name);
    if (device == HD_DEVICES || !arithmetic) return device < HD_DEVICES;
    for (const char *const *own = devices[device].arithmetics; *own; own++)
        if (!strcmp(*own, arithmetic)) return true;
    return false;
}

static void add_allowed(char allowed[64], const char *name) {
    size_t length = strlen(allowed);
    snprintf(allowed + length, 64 - length, "%s%s", length ? ", " : "", name);
}

static hd_status refuse_name(const char *name, hd_error *error) {
    char allowed[64] = "";
    for (size_t i = 0; i < HD_DEVICES; i++) add_allowed(allowed, devices[i].name);
    return hd_fail(error, HD_INVALID, "device '%s': not known; allowed: %s", name, allowed);
}

static hd_status refuse_arithmetic(size_t device, const char *arithmetic, hd_error *error) {
    char allowed[64] = "";
    for (const char *const *own = devices[device].arithmetics; *own; own++) add_allowed(allowed, *own);
    return hd_fail(error, HD_INVALID, "device %s: arithmetic %s: allowed: %s", devices[device].name,
                   arithmetic, allowed);
}

/* HD_INVALID if the device does not offer this math. */
static hd_status check_math(size_t device, const char *math, hd_error *error) {
    const char *other = devices[device].math;
    if (!math || !strcmp(math, "shared") || (other && !strcmp(math, other))) return HD_OK;
    return hd_fail(error, HD_INVALID, "device %s: math %s: allowed: shared%s%s", devices[device].name, math,
                   other ? ", " : "", other ? other : "");
}

hd_status hd_device_open(const char *name, const hd_device_options *options, hd_device **device,
                         hd_error *error) {
    *device = NULL;
    size_t threads, which = device_named(name);
    if (which == HD_DEVICES) return refuse_name(name, error);
    if (options && !hd_device_offers(name, options->arithmetic))
        return refuse_arithmetic(which, options->arithmetic, error);
    hd_status status = options ? check_math(which, options->math, error) : HD_OK;
    if (status == HD_OK) status = hd_host_threads(options, &threads, error);
    if (status != HD_OK) return status;
    if (!has_room(threads))
        return hd_fail(error, HD_UNAVAILABLE, "device %s: no memory for %zu thread%s", name, threads,
                       threads == 1 ? "" : "s");
    status = devices[which].open(options, device, error);
    if (status != HD_OK || !options || !options->rounding) return status;
    status = hd_rounding_lay(*device, options->rounding, error);
    if (status != HD_OK) {
        hd_device_close(*device);
        *device = NULL;
    }
    return status;
}

hd_status hd_device_product_rate(hd_device *device, double *gflops, hd_error *error) {
    enum { COUNT = 8, M = 200, N = 300, K = 784, TIMES = 5 };
    hd_status status = HD_OK;
    hd_real *a = device->ops->allocate(device, (size_t)COUNT * M * K);
    hd_real *b = device->ops->allocate(device, (size_t)COUNT * K * N);
    hd_real *c = device->ops->allocate(device, (size_t)COUNT * M * N);
    if (!a || !b || !c) {
        status = hd_fail(error, HD_UNAVAILABLE, "device %s: no memory to measure its rate", device->name);
        goto out;
    }
    hd_product products[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        products[i] = (hd_product){.m = M,
                                   .n = N,
                                   .c = hd_at(device, c, i * M * N),
                                   .ldc = N,
                                   .terms = 1,
                                   .term = {{K,
                                             {.at = hd_at(device, a, i * M * K), .ld = K},
                                             {.at = hd_at(device, b, i * K * N), .ld = N}}}};
    double best = 0, operations = device->operations;
    size_t launches = device->launches;
    const hd_device_ops *own = hd_overlay_bottom(device);
    double end = hd_clock() + 0.05;
    size_t count = 1; /* first a single one: our loops without vector instructions take long for it */
    for (int i = 0; i <= TIMES && (i == 0 || hd_clock() < end); i++, count = COUNT) {
        double start = hd_clock();
        own->multiply(device, count, products);
        own->settle(device);
        double rate = 2.0 * (double)count * M * N * K / (hd_clock() - start) * 1e-9;
        if (rate > best) best = rate;
    }
    device->operations = operations;
    device->launches = launches;
    *gflops = best;
out:
    device->ops->release(device, c);
    device->ops->release(device, b);
    device->ops->release(device, a);
    return status;
}
