#include "core/clock.h"
#include "device/cuda/cuda.h"
#include "device/host/host.h"
#include "device/overlay/overlay.h"
#include "device/overlay/rounding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* BLIS and OpenMP end the process where there is no memory for their own buffers and threads: room for them,
 * an allocation arena of 64 MB for each thread included, is tried before. */
static bool has_room(size_t threads) {
    size_t room = (threads + 1) * ((size_t)80 << 20);
    void *block =
        mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return block != MAP_FAILED && munmap(block, room) == 0;
}

/* A device's arithmetics, the usual one first, then NULL; NULL for a name not known. */
static const char *const *arithmetics_of(const char *name) {
    static const char *const cpu[] = {"exact", NULL}, *const reference[] = {"float64", NULL},
                             *const extended[] = {"long double", NULL},
                             *const cuda[] = {"exact", "cublas", "cublas-tf32", NULL};
    if (!strcmp(name, "cpu")) return cpu;
    if (!strcmp(name, "reference")) return reference;
    if (!strcmp(name, "extended")) return extended;
    return strcmp(name, "cuda") ? NULL : cuda;
}

bool hd_device_offers(const char *name, const char *arithmetic) {
    const char *const *own = arithmetics_of(name);
    if (!own || !arithmetic) return own != NULL;
    while (*own && strcmp(*own, arithmetic) != 0) own++;
    return *own != NULL;
}

static hd_status refuse_arithmetic(const char *name, const char *arithmetic, hd_error *error) {
    char allowed[64] = "";
    for (const char *const *own = arithmetics_of(name); *own; own++) {
        size_t length = strlen(allowed);
        snprintf(allowed + length, sizeof allowed - length, "%s%s", length ? ", " : "", *own);
    }
    return hd_fail(error, HD_INVALID, "device %s: arithmetic %s: allowed: %s", name, arithmetic, allowed);
}

/* HD_INVALID for math that the device does not have. */
static hd_status check_math(const char *name, const char *math, hd_error *error) {
    const char *other = !strcmp(name, "cpu") ? "libm" : !strcmp(name, "cuda") ? "device" : NULL;
    if (!math || !strcmp(math, "shared") || (other && !strcmp(math, other))) return HD_OK;
    return hd_fail(error, HD_INVALID, "device %s: math %s: allowed: shared%s%s", name, math,
                   other ? ", " : "", other ? other : "");
}

static hd_status open_named(const char *name, const hd_device_options *options, hd_device **device,
                            hd_error *error) {
    if (!strcmp(name, "cpu")) return hd_device_open_cpu(options, device, error);
    if (!strcmp(name, "reference")) return hd_device_open_reference(options, device, error);
    if (!strcmp(name, "extended")) return hd_device_open_extended(options, device, error);
    return hd_device_open_cuda(options, device, error);
}

hd_status hd_device_open(const char *name, const hd_device_options *options, hd_device **device,
                         hd_error *error) {
    *device = NULL;
    size_t threads;
    if (!hd_device_offers(name, NULL))
        return hd_fail(error, HD_INVALID, "device '%s': not known; allowed: cpu, reference, extended, cuda",
                       name);
    if (options && !hd_device_offers(name, options->arithmetic))
        return refuse_arithmetic(name, options->arithmetic, error);
    hd_status status = options ? check_math(name, options->math, error) : HD_OK;
    if (status == HD_OK) status = hd_host_threads(options, &threads, error);
    if (status != HD_OK) return status;
    if (!has_room(threads))
        return hd_fail(error, HD_UNAVAILABLE, "device %s: no memory for %zu thread%s", name, threads,
                       threads == 1 ? "" : "s");
    status = open_named(name, options, device, error);
    if (status != HD_OK || !options || !options->rounding) return status;
    status = hd_rounding_lay(*device, options->rounding, error);
    if (status != HD_OK) {
        hd_device_close(*device);
        *device = NULL;
    }
    return status;
}

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

void hd_device_latch(hd_device *device, hd_fault_kind kind, hd_label label) {
    if (device->fault.kind != HD_NO_FAULT) return;
    device->fault.kind = kind;
    device->fault.label = label;
    device->fault.step = device->step;
}

/* "activations of layer 2", "tangent (w) of eta": what a latched error concerns, in a reader's words. */
static void describe(hd_label label, const hd_problem *problem, char text[64]) {
    char name[HD_NAME] = "?";
    if (label.index < problem->hypers) hd_hyperparameter_name(problem->hyper[label.index], name);
    switch (label.tensor) {
    case HD_WEIGHTS:
        snprintf(text, 64, "weights");
        return;
    case HD_MOMENTUM_BUFFER:
        snprintf(text, 64, "momentum");
        return;
    case HD_BATCH:
        snprintf(text, 64, "batch");
        return;
    case HD_ACTIVATION:
        snprintf(text, 64, "activations of layer %zu", label.index);
        return;
    case HD_DELTA:
        snprintf(text, 64, "delta of layer %zu", label.index);
        return;
    case HD_ERROR:
        snprintf(text, 64, "error");
        return;
    case HD_GRADIENT:
        snprintf(text, 64, "gradient");
        return;
    case HD_TANGENT:
    case HD_TANGENT_MOMENTUM:
        snprintf(text, 64, "tangent of %s", name);
        return;
    case HD_ADJOINT:
    case HD_ADJOINT_MOMENTUM:
        snprintf(text, 64, "adjoint");
        return;
    case HD_ACTIVATION_TANGENT:
        snprintf(text, 64, "tangents of layer %zu's activations", label.index);
        return;
    case HD_DELTA_TANGENT:
        snprintf(text, 64, "tangents of layer %zu's delta", label.index);
        return;
    case HD_VALIDATION_GRADIENT:
        snprintf(text, 64, "gradient of the validation error");
        return;
    }
}

hd_status hd_device_fault(hd_device *device, const hd_problem *problem, hd_error *error) {
    device->ops->settle(device);
    hd_fault fault = device->fault;
    device->fault.kind = HD_NO_FAULT;
    if (fault.kind == HD_NO_FAULT) return HD_OK;
    if (fault.kind == HD_NO_MEMORY)
        return hd_fail(error, HD_UNAVAILABLE, "device %s: no memory for a product's operands", device->name);
    if (fault.kind == HD_FAILED)
        return hd_fail(error, HD_UNAVAILABLE, "device %s: %s", device->name, device->note);
    if (fault.kind == HD_NOT_ATTESTED)
        return hd_fail(
            error, HD_DIFFERENT,
            "device %s: step %zu: the sweep back met other errors of the batch's examples than the "
            "way out: another batch, state or activation",
            device->name, fault.step);
    char what[64];
    describe(fault.label, problem, what);
    if (fault.step >= problem->steps)
        return hd_fail(error, HD_DIFFERENT,
                       "device %s: %s: a value that is not finite (NaN or Inf), after the last step",
                       device->name, what);
    return hd_fail(error, HD_DIFFERENT, "device %s: step %zu: %s: a value that is not finite (NaN or Inf)",
                   device->name, fault.step, what);
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
    size_t count = 1; /* first a single one: own loops without vector instructions take long for it */
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
