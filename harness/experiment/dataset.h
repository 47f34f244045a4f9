/* Data sets: labelled examples of uint8 pixels. We check them to the last byte. */
#ifndef HD_EXPERIMENT_DATASET_H
#define HD_EXPERIMENT_DATASET_H

#include "base/sha256.h"
#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct hd_dataset {
    uint8_t *pixels; /* [count][inputs] */
    uint8_t *labels; /* [count], each < classes */
    size_t count, inputs, classes;
    char sha256[HD_SHA256]; /* of all pixels, then all labels, in this order */
    char name[32];          /* "mnist", "fashion-mnist" or "blobs" */
} hd_dataset;

typedef enum hd_idx_kind { HD_MNIST, HD_FASHION_MNIST } hd_idx_kind;

/* Where Debian's package dataset-fashion-mnist puts its files. */
#define HD_FASHION_MNIST_DIRECTORY "/usr/share/datasets/fashion-mnist"

/* Loads 70,000 examples of 784 pixels in 10 classes from four files of directory,
 * {train,t10k}-{images-idx3,labels-idx1}-ubyte, each as NAME.gz or else NAME. Their order: training images
 * 5000..59999, training images 0..4999, the 10,000 test images. End with hd_dataset_free. HD_INVALID: a file
 * is missing, truncated, corrupt, of other dimensions, has trailing bytes, or its content's SHA-256 is not
 * the published data set's. HD_UNAVAILABLE: no memory. On failure *dataset is empty. */
hd_status hd_dataset_load_idx(hd_idx_kind kind, const char *directory, hd_dataset *dataset, hd_error *error);

typedef struct hd_blobs {
    size_t examples; /* 1 or more */
    size_t inputs;   /* pixels of an example, 1 or more */
    size_t classes;  /* 2 .. 256 */
    size_t greys;    /* values that a pixel can have, from black to white in about equal steps; 2 .. 256 */
    uint32_t seed;
} hd_blobs;

/* Makes a data set for tests: overlapping classes, which a network learns imperfectly, with black columns at
 * both ends, as MNIST has. It uses only integers, so the same parameters give the same bytes everywhere. End
 * with hd_dataset_free. HD_INVALID: a parameter out of range; HD_UNAVAILABLE: no memory. On failure *dataset
 * is empty. */
hd_status hd_dataset_blobs(const hd_blobs *blobs, hd_dataset *dataset, hd_error *error);

/* Frees the arrays and empties *dataset; it takes a zeroed one. */
void hd_dataset_free(hd_dataset *dataset);

/* What an IDX file of unsigned bytes must contain. */
typedef struct hd_idx {
    size_t dims[3];     /* items, then the item's own dimensions; unused ones 0 */
    size_t first;       /* < dims[0]: the item stored first; those before it are stored last */
    unsigned below;     /* every byte must be less; 0: any byte is allowed */
    const char *sha256; /* of the uncompressed file; NULL: any */
} hd_idx;

/* Reads the IDX file path, gzipped if its name ends in ".gz", into bytes[product of dims]. HD_INVALID: it is
 * not exactly that file. HD_UNAVAILABLE: no memory. On failure bytes is undefined. */
hd_status hd_idx_read(const char *path, const hd_idx *idx, uint8_t *bytes, hd_error *error);

#endif
