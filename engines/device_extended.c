/* `extended`: the reference's formulas in long double, on x86 64 bits of significand against float64's 53. It
 * tells how far the reference itself is off. Long sums end in float64 (the device's sums are), so it sees no
 * error of the reference below one rounding of its results. */
typedef long double real;
#define real_exp expl
#define real_log logl
#include "device_host.h"

static void real_product(size_t m, size_t n, size_t k, const real *a, size_t a_row, size_t a_column,
                         const real *b, size_t b_row, size_t b_column, bool accumulate, real *c, size_t ldc);
#include "device_plain.h"

#include <float.h>
#include <stdio.h>

enum { COLUMNS = 4 }; /* outputs whose sums are under way at once: one alone would wait for itself */

static void real_product(size_t m, size_t n, size_t k, const real *a, size_t a_row, size_t a_column,
                         const real *b, size_t b_row, size_t b_column, bool accumulate, real *c, size_t ldc) {
    for (size_t j = 0; j < n; j += COLUMNS)
        for (size_t i = 0; i < m; i++) {
            size_t width = n - j < COLUMNS ? n - j : COLUMNS;
            real sum[COLUMNS] = {0};
            for (size_t l = 0; l < k; l++) {
                const real *from = b + l * b_row + j * b_column;
                real factor = a[i * a_row + l * a_column];
                for (size_t s = 0; s < width; s++) sum[s] += factor * from[s * b_column];
            }
            for (size_t s = 0; s < width; s++)
                c[i * ldc + j + s] = sum[s] + (accumulate ? c[i * ldc + j + s] : 0);
        }
}

/* Looked at and replaced as float64. */
static const void *view(hd_device *device, size_t count, const hd_real *array, void *room) {
    download(device, count, array, room);
    return room;
}

static void replace(hd_device *device, size_t count, const void *elements, hd_real *to) {
    (void)device;
    for (size_t i = 0; i < count; i++) out_of(to)[i] = (real)((const double *)elements)[i];
}

static const hd_device_ops ops = {PLAIN_OPS, .view = view, .replace = replace};

hd_status hd_device_open_extended(const hd_device_options *options, hd_device **opened, hd_error *error) {
    if (LDBL_MANT_DIG <= DBL_MANT_DIG)
        return hd_fail(error, HD_UNAVAILABLE, "device extended: long double is no more than float64 here");
    hd_device *device = calloc(1, sizeof *device);
    if (!device) return hd_fail(error, HD_UNAVAILABLE, "device extended: no memory");
    *device = (hd_device){.ops = &ops,
                          .name = "extended",
                          .arithmetic = "long double",
                          .element = sizeof(real),
                          .kernels = "own",
                          .loops = "plain"};
    hd_status status = hd_host_threads(options, &device->threads, error);
    if (status == HD_OK)
        *opened = device;
    else
        destroy(device);
    return status;
}
