/* One-dimensional arrays in NumPy's .npy format, version 1.0, of '<f4' or '<f8'. In memory the values are
 * doubles; each float is a double exactly. */
#ifndef HD_BASE_NPY_H
#define HD_BASE_NPY_H

#include "base/sha256.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct hd_array {
    double *values; /* [count]; not NULL even if count is 0 */
    size_t count;
    bool is_float32; /* the elements in the file are '<f4' */
} hd_array;

/* Writes values[count] to path as gzipped .npy, whole or not at all: as '<f4', each rounded to the nearest
 * float, or as '<f8'. numpy.load(gzip.open(path)) reads it. The same values give the same bytes (with one
 * version of zlib). HD_UNAVAILABLE: it cannot be written, or no memory. */
hd_status hd_npy_save(const char *path, const double *values, size_t count, bool is_float32, hd_error *error);

/* Reads path, gzipped if its name ends in ".gz", into *array; free it with hd_array_free. HD_INVALID:
 * missing, truncated, trailing bytes, corrupt, not .npy version 1.0, or not a one-dimensional array of '<f4'
 * or '<f8' in C order. HD_UNAVAILABLE: no memory. On failure *array is empty. */
hd_status hd_npy_load(const char *path, hd_array *array, hd_error *error);

/* Frees the values and empties *array; it takes a zeroed array. */
void hd_array_free(hd_array *array);

/* The SHA-256 of the elements' bytes as hd_npy_save stores them: little-endian, without the header.
 * HD_UNAVAILABLE: no memory. */
hd_status hd_npy_sha256(const double *values, size_t count, bool is_float32, char hex[HD_SHA256],
                        hd_error *error);

#endif
