/* The parts of a run's tensors, and their names. */
#ifndef HD_CAPTURE_TENSOR_PART_H
#define HD_CAPTURE_TENSOR_PART_H

#include "capture/capture_order.h"

/* Elements from .. to, both included. */
typedef struct hd_elements {
    size_t from, to;
} hd_elements;

/* A part of a tensor with its own name: a weight vector's W_0, W_1, ..., b_0, ...; others are one part. */
typedef struct hd_tensor_part {
    size_t from, count;
    char name[HD_LABEL]; /* "W_0", "momentum b_1", "tangent eta W_0", "activations 2", "logits", "batch" */
    const char *phase;   /* "initial weights", "batch", "activations", "error", "gradient", "step",
                            "tangent", "adjoint", "validation", "hyper-update" */
    hd_elements shape;   /* rows and columns (in from and to); 0: no matrix */
} hd_tensor_part;

/* Writes the parts of a place's tensor and returns how many there are. */
enum { HD_PARTS = 2 * HD_MAX_LAYERS };
size_t hd_place_parts(const hd_capture_info *info, const hd_place *place, size_t count,
                      hd_tensor_part parts[HD_PARTS]);

/* A place's whole tensor as one part: "weights", "tangent eta". */
hd_tensor_part hd_place_whole(const hd_capture_info *info, const hd_place *place, size_t count);

#endif
