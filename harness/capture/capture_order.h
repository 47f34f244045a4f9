/* A capture's heading, and the order of a run's tensors: a heading determines what every frame must be. */
#ifndef HD_CAPTURE_CAPTURE_ORDER_H
#define HD_CAPTURE_CAPTURE_ORDER_H

#include "base/json.h"
#include "experiment/experiment.h"
#include "run/record.h"

/* After the engines' tensors (hd_tensor) come a hyper-iteration's results. */
enum {
    HD_EVALUATION = HD_TENSORS, /* validation error, then correct test, validation and training examples */
    HD_HYPERGRADIENTS,          /* [hypers] */
    HD_HYPERPARAMETERS,         /* [hypers], after the update */
    HD_CAPTURED,                /* number of kinds */
    HD_CAPTURE_END = 255
};
enum {
    HD_EVALUATED_CORRECT = 2, /* the element of HD_EVALUATION with correct validation examples, */
    HD_EVALUATED = 4          /* of so many */
};

/* A frame of the validation set has so many examples, the last one of them the rest, however many the engine takes
 * at a time. */
enum { HD_CAPTURE_ROWS = 2048 };

/* Where in a run a tensor belongs. We compare two runs' tensors place by place. */
typedef struct hd_place {
    uint16_t iteration; /* hyper-iteration */
    uint8_t tensor;     /* hd_tensor, or one of the above */
    uint8_t back;       /* back, index, step and first as in hd_view */
    uint32_t index, step, first;
} hd_place;

/* A capture's heading. */
typedef struct hd_capture_info {
    char experiment[HD_LABEL], variant[512]; /* variant: hd_variant_text */
    char experiment_sha256[HD_SHA256], data_sha256[HD_SHA256];
    size_t layers, dims[HD_MAX_LAYERS + 1];
    size_t steps, batch, hyper_iterations, training, validation, test;
    hd_hyperparameter hyper[HD_MAX_HYPERS];
    double value[HD_MAX_HYPERS]; /* initial values */
    size_t hypers;
    hd_mode mode;
    char device[16], arithmetic[16];
    bool float32; /* elements of the engines' tensors; batches and results are always double */
    bool full;
    unsigned tensors; /* bits of the kinds it holds, with those of reverse mode's backward sweep */
    size_t threads;
    json_t *ini;        /* owned: the text of the experiment's file */
    json_t *words;      /* owned: an array of the variant's words "KEY=VALUE" */
    json_t *provenance; /* owned */
} hd_capture_info;

/* As JSON; the caller calls json_decref. A failure is the builder's. */
json_t *hd_capture_info_json(const hd_capture_info *info, hd_builder *builder);

/* Reads it from json, which it takes over. HD_INVALID with name, key and cause: a key is missing or of
 * another type, or no experiment can have that size. End with hd_capture_info_free, also after a failure. */
hd_status hd_capture_info_read(hd_capture_info *info, const char *name, json_t *json, hd_error *error);
void hd_capture_info_free(hd_capture_info *info);

/* A copy, to end with hd_capture_info_free. */
hd_capture_info hd_capture_info_copy(const hd_capture_info *info);

/* Bits of the kinds of tensors that a run in this mode shows. */
unsigned hd_capture_kinds(hd_mode mode);

/* --- places --- */

/* Number of elements of the tensor at a place of the run. */
size_t hd_place_count(const hd_capture_info *info, const hd_place *place);

/* Goes to the next place of a whole run, whose first is a zeroed one; false: that was the last. */
bool hd_place_next(const hd_capture_info *info, hd_place *place);
bool hd_place_same(const hd_place *a, const hd_place *b);

/* Whether a run comes to place a before it comes to b. */
bool hd_place_before(const hd_capture_info *info, const hd_place *a, const hd_place *b);

#endif
