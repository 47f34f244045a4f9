/* `extended`: the reference's formulas in long double, on x86 with 64 bits of significand against float64's
 * 53. It tells how far off the reference is, but for the last rounding of long sums, which end in float64. */
typedef long double real;
#define real_exp expl
#define real_log logl
#include "device/host/host.h"

static void real_product(size_t m, size_t n, size_t k, const real *a, size_t a_row, size_t a_column,
                         const real *b, size_t b_row, size_t b_column, bool accumulate, real *c, size_t ldc);
#include "device/reference/plain.h"
#include "device/reference/reference.h"

#include <float.h>

/* Sums four outputs of a row at once, since one sum alone would wait for its own additions. column: where
 * they begin in b; the last ones may be the same. */
static void four_sums(size_t k, const real *a, size_t a_column, const real *b, size_t b_row,
                      const size_t column[4], real sum[4]) {
    real s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (size_t l = 0; l < k; l++, a += a_column, b += b_row) {
        s0 += *a * b[column[0]];
        s1 += *a * b[column[1]];
        s2 += *a * b[column[2]];
        s3 += *a * b[column[3]];
    }
    sum[0] = s0, sum[1] = s1, sum[2] = s2, sum[3] = s3;
}

static void real_product(size_t m, size_t n, size_t k, const real *a, size_t a_row, size_t a_column,
                         const real *b, size_t b_row, size_t b_column, bool accumulate, real *c, size_t ldc) {
    for (size_t j = 0; j < n; j += 4) {
        size_t column[4];
        for (size_t s = 0; s < 4; s++) column[s] = (j + s < n ? j + s : n - 1) * b_column;
        for (size_t i = 0; i < m; i++) {
            real sum[4], *to = c + i * ldc;
            four_sums(k, a + i * a_row, a_column, b, b_row, column, sum);
            for (size_t s = j; s < n && s < j + 4; s++) to[s] = accumulate ? to[s] + sum[s - j] : sum[s - j];
        }
    }
}

/* Observers see, and replace, float64. */
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
