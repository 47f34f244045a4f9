/* Digests: what a digest capture keeps of a tensor. */
#ifndef HD_CAPTURE_DIGEST_H
#define HD_CAPTURE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HD_BLOCKS = 32 };

/* A digest of a tensor. Its elements are cut into at most HD_BLOCKS blocks of hd_block_length elements, the
 * last one shorter. A block's sketch is the sum of its elements, each with a random sign that its place in the
 * tensor and the tensor's kind determine. So if x and y are two tensors of one kind and length, the sum over the
 * blocks of (sketch of y - sketch of x)^2 is |y - x|^2 on average over the signs, and exactly that if they differ in
 * one element of each block, up to the rounding of a sum in float64. */
typedef struct hd_tensor_digest {
    uint64_t hash[HD_BLOCKS]; /* XXH3 of each block's bytes; 0 beyond */
    double l2, largest;       /* Euclidean norm, greatest magnitude */
    double sketch[HD_BLOCKS]; /* 0 beyond */
} hd_tensor_digest;

/* The length of a block. */
size_t hd_block_length(size_t count);

/* The digest of count floats or doubles, a tensor of that kind. */
void hd_tensor_digest_make(const void *values, size_t count, bool float32, uint8_t kind,
                           hd_tensor_digest *digest);

#endif
