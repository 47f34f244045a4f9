#include "device/host/host.h"

#include "arithmetic/philox.h"
#include "device/host/cpu_quota.h"

#include <fenv.h>
#include <float.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

/* Lies in the ALIGNMENT bytes before the memory that we hand out. */
typedef struct hd_header {
    size_t bytes;
} hd_header;

void *hd_host_allocate(hd_device *device, size_t count, size_t element) {
    if (count > (SIZE_MAX / 4) / element) return NULL;
    size_t bytes = count * element, whole = bytes + 2 * ALIGNMENT;
    size_t alignment = whole >= 2 * (size_t)HUGE_PAGE ? HUGE_PAGE : ALIGNMENT;
    whole = (whole + alignment - 1) / alignment * alignment;
    char *block = aligned_alloc(alignment, whole);
    if (!block) return NULL;
    if (alignment == HUGE_PAGE) madvise(block, whole, MADV_HUGEPAGE); /* we do not mind a refusal */
    memset(block, 0, whole);
    ((hd_header *)block)->bytes = bytes;
    hd_device_holds(device, bytes);
    return block + ALIGNMENT;
}

void hd_host_release(hd_device *device, void *memory) {
    if (!memory) return;
    char *block = (char *)memory - ALIGNMENT;
    device->allocated -= ((hd_header *)block)->bytes;
    free(block);
}

double *hd_host_allocate_sums(hd_device *device, size_t count) {
    return hd_host_allocate(device, count, sizeof(double));
}

void hd_host_zero_sums(hd_device *device, size_t count, double *sums) {
    (void)device;
    memset(sums, 0, count * sizeof *sums);
}

void hd_host_fetch_sums(hd_device *device, size_t count, const double *from, double *to) {
    (void)device;
    memcpy(to, from, count * sizeof *to);
}

hd_real *hd_host_allocate_reals(hd_device *device, size_t count) {
    return hd_host_allocate(device, count, device->element);
}

const void *hd_host_view(hd_device *device, size_t count, const hd_real *reals, void *room) {
    (void)device, (void)count, (void)room;
    return reals;
}

void hd_host_replace(hd_device *device, size_t count, const void *elements, hd_real *to) {
    memcpy(to, elements, count * device->element);
}

void hd_host_zero(hd_device *device, size_t count, hd_real *to) {
    memset(to, 0, count * device->element);
}

void hd_host_copy(hd_device *device, size_t count, const hd_real *from, hd_real *to) {
    memcpy(to, from, count * device->element);
}

void hd_host_draw(hd_device *device, const hd_xavier *layer, hd_real *to) {
    for (size_t i = 0; i < layer->count; i += 4) {
        float four[4];
        hd_xavier_group(layer, i / 4, four);
        device->ops->upload(device, layer->count - i < 4 ? layer->count - i : 4, four, hd_at(device, to, i));
    }
}

const void *hd_host_place(hd_device *device, const void *bytes, size_t count) {
    (void)device, (void)count;
    return bytes;
}

void hd_host_unplace(hd_device *device, const void *placed) {
    (void)device, (void)placed;
}

void hd_host_section(hd_device *device, size_t id, void (*body)(void *context), void *context) {
    (void)device, (void)id;
    body(context);
}

void hd_host_nothing(hd_device *device) {
    (void)device;
}

/* Whether this thread rounds to nearest and keeps subnormals. The volatile numbers are computed at run time. */
static bool keeps_arithmetic(void) {
    volatile float least = FLT_MIN, half = least / 2, whole = half * 2;
    volatile double least_double = DBL_MIN, half_double = least_double / 2;
    return fegetround() == FE_TONEAREST && half > 0 && whole == least && half_double > 0;
}

void hd_host_settle(hd_device *device) {
    int changed = 0;
#pragma omp parallel num_threads((int)device->threads) reduction(+ : changed)
    changed += !keeps_arithmetic();
    if (!changed || device->latch.kind != HD_NOTHING_LATCHED) return;
    snprintf(device->note, sizeof device->note,
             "in the run something made %d of %zu threads flush subnormals or round in another direction",
             changed, device->threads);
    hd_device_latch(device, HD_FAILED, (hd_label){HD_WEIGHTS, 0});
}

hd_status hd_host_threads(const hd_device_options *options, size_t *threads, hd_error *error) {
    /* not sched_getaffinity: OpenMP may have bound this thread to one core */
    size_t cores = (size_t)omp_get_num_procs(), quota = hd_cpu_quota("");
    *threads = options && options->threads ? options->threads : quota < cores ? quota : cores;
    if (*threads <= cores) return HD_OK;
    /* with more threads than cores a product takes fifty times as long */
    return hd_fail(error, HD_UNAVAILABLE, "%zu threads: this process may run on %zu core%s", *threads, cores,
                   cores == 1 ? "" : "s");
}

hd_share hd_host_share(size_t count, size_t grain, size_t thread, size_t threads) {
    size_t grains = (count + grain - 1) / grain;
    size_t from = grains * thread / threads * grain, to = grains * (thread + 1) / threads * grain;
    return (hd_share){from < count ? from : count, to < count ? to : count};
}
