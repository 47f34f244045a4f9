/* Where one tensor of two runs differs, and by how much. */
#ifndef HD_DRIFT_TENSOR_DIFFERENCE_H
#define HD_DRIFT_TENSOR_DIFFERENCE_H

#include "drift/capture.h"

enum { HD_RANGES = 32 };

/* Elements from .. to, the last one included. */
typedef struct hd_elements {
    size_t from, to;
} hd_elements;

/* What is not known (a digest does not tell everything) is NaN, of a count SIZE_MAX. */
typedef struct hd_tensor_difference {
    bool differs;
    size_t elements, differing;    /* of the tensor, and those of them that differ */
    double relative;               /* |b - a| / |a|, Euclidean; from a digest: over its sampled elements,
                                      or by the norms where those agree (no less than that) */
    bool sampled;                  /* relative is from a digest; NaN where sample and norms agree */
    double worst_ulps;             /* in float32, if either side is */
    size_t worst;                  /* the element it is at */
    double worst_a, worst_b;       /* and its values */
    hd_elements ranges[HD_RANGES]; /* ascending; whole blocks where only digests are known */
    size_t range_count;
    size_t gap; /* elements that agree, but no more of them in a row than this, may lie within a range */
} hd_tensor_difference;

/* Compares elements from .. from + count - 1 of the tensor that a and b have both just read; ranges and worst
 * are counted from `from`. Where a side is a digest, whole tensors only (from 0, count: all of it), and both
 * of elements of the same type. */
void hd_tensor_difference_measure(const hd_capture_reader *a, const hd_capture_reader *b, size_t from,
                                  size_t count, hd_tensor_difference *difference);

/* Whether they differ at all: what hd_tensor_difference_measure would say, quickly. */
bool hd_tensor_differs(const hd_capture_reader *a, const hd_capture_reader *b);

/* A part of a tensor with a name of its own: a weight vector's W_0, W_1, ..., b_0, ...; other tensors are one
 * part. */
typedef struct hd_tensor_part {
    size_t from, count;
    char name[HD_LABEL]; /* "W_0", "momentum b_1", "tangent eta W_0", "activations 2", "logits", "batch" */
    const char *phase;   /* "initial weights", "batch", "activations", "error", "gradient", "step",
                            "tangent", "adjoint", "validation", "hyper-update" */
    hd_elements shape;   /* rows and columns (in from and to), 0 where it is no matrix */
} hd_tensor_part;

/* The parts of a place's tensor into parts[2 * HD_MAX_LAYERS]; their number. */
enum { HD_PARTS = 2 * HD_MAX_LAYERS };
size_t hd_place_parts(const hd_capture_info *info, const hd_place *place, size_t count,
                      hd_tensor_part parts[HD_PARTS]);

/* The whole of a place's tensor as one part: "weights", "tangent eta". */
hd_tensor_part hd_place_whole(const hd_capture_info *info, const hd_place *place, size_t count);

#endif
