/* Where one tensor of two runs differs, and by how much. */
#ifndef HD_DRIFT_TENSOR_DIFFERENCE_H
#define HD_DRIFT_TENSOR_DIFFERENCE_H

#include "capture/capture.h"
#include "capture/tensor_part.h"

enum { HD_RANGES = 32 };

/* A difference that is smaller than this does not show in a digest's sketches. */
#define HD_LEAST_TOLD 0x1p-52

/* What is not known (a digest does not tell everything) is NaN, or SIZE_MAX for a count. */
typedef struct hd_tensor_difference {
    bool differs;
    size_t elements, differing;    /* the tensor's, and those that differ */
    double relative;               /* |b - a| / |a|, Euclidean; infinite if an element is not finite */
    bool estimated;                /* relative is an estimate from digests' sketches, HD_LEAST_TOLD or more */
    double worst_ulps;             /* in float32, if either side is */
    size_t worst;                  /* its element */
    double worst_a, worst_b;       /* its values */
    hd_elements ranges[HD_RANGES]; /* ascending; whole blocks of digests */
    size_t range_count;
    size_t gap; /* elements that agree may lie within a range, at most this many in a row */
} hd_tensor_difference;

/* Compares elements from .. from + count - 1 of the tensor that a and b have just read; ranges and worst are
 * counted from `from`. If a side is a digest, count must be the whole tensor, of one element type. */
void hd_tensor_difference_measure(const hd_capture_reader *a, const hd_capture_reader *b, size_t from,
                                  size_t count, hd_tensor_difference *difference);

/* Whether they differ at all: hd_tensor_difference_measure's `differs`, quickly. */
bool hd_tensor_differs(const hd_capture_reader *a, const hd_capture_reader *b);

#endif
