/* A record: the results of one hyper-iteration of an experiment in one mode on one device. On disk it is a
 * JSON object, step-K.json, with the trained weights beside it in step-K.weights.npy.gz. */
#ifndef HD_RUN_RECORD_H
#define HD_RUN_RECORD_H

#include "base/sha256.h"
#include "core/error.h"
#include "modes/hypergradient.h"

#include <jansson.h>

enum { HD_LABEL = 64, HD_SHOWN = 3 };

/* One hyperparameter by name: its value after the hyper-iteration's update, its hypergradient before it. */
typedef struct hd_hyper {
    char name[HD_NAME];
    double value, hypergradient;
} hd_hyper;

/* The trained weights w_T, in hd_weight_count's order. */
typedef struct hd_weights {
    size_t count;
    double *values;                         /* owned; NULL: not loaded */
    double first[HD_SHOWN], last[HD_SHOWN]; /* if count < 3, count of each are used */
    double l2;              /* Euclidean norm, for people; a float32 record keeps nine digits of it */
    char sha256[HD_SHA256]; /* of the elements' bytes: float32 or float64, little-endian */
    char file[HD_LABEL];    /* in the record's folder */
} hd_weights;

/* How many of first and last are used. */
size_t hd_weights_shown(const hd_weights *weights);

typedef struct hd_record {
    char experiment[HD_LABEL];
    size_t step; /* hyper-iteration */
    hd_mode mode;
    char device[16];     /* cpu, cuda, reference */
    char arithmetic[16]; /* exact, cublas, cublas-tf32, float64 */
    bool float32;        /* every result is a float32 number */
    size_t layers;
    size_t *dims; /* [layers + 1], owned */
    hd_accuracy test, validation, training;
    double validation_error;
    size_t hypers;
    hd_hyper *hyper; /* [hypers], owned */
    hd_weights weights;
    size_t state_bytes, peak_bytes;  /* by formula; the process's own */
    size_t device_bytes, data_bytes; /* as hd_result's */
    hd_timing seconds;
    double operations; /* floating-point operations in matrix products */
    size_t launches;   /* as hd_result's */
    double sgemm_rate; /* GFLOP/s of products alone, measured in the same run; 0: not measured */
    char experiment_sha256[HD_SHA256], data_sha256[HD_SHA256];
    json_t *provenance; /* an object with any keys, owned; in the JSON the two hashes are added to it */
} hd_record;

/* "forward" or "reverse". */
const char *hd_mode_name(hd_mode mode);

/* Makes an empty record with room for its results: dims copied, weights.count = hd_weight_count(layers,
 * dims), weights.file for `step`, hyper[hypers] zeroed (the caller names and fills them), provenance an empty
 * object. The caller fills the rest, which is zero. End with hd_record_free. HD_UNAVAILABLE: no memory;
 * *record is then zeroed and needs no freeing. */
hd_status hd_record_init(hd_record *record, size_t step, size_t layers, const size_t *dims, size_t hypers,
                         hd_error *error);

/* Frees what the record owns and zeroes it. It takes a zeroed record. */
void hd_record_free(hd_record *record);

/* Copies values[record->weights.count] into the record and computes first, last, l2 and sha256. Set
 * record->float32 first. HD_DIFFERENT: a value is not finite (the message names it, as W_1[17,203]);
 * HD_UNAVAILABLE: no memory. */
hd_status hd_record_set_weights(hd_record *record, const double *values, hd_error *error);

/* Makes the record a JSON object, the caller's to json_decref. HD_DIFFERENT: a result is NaN or Inf (named;
 * no record ever holds one); HD_INVALID: a name that is not UTF-8, or twice there; HD_UNAVAILABLE: no memory.
 * Dump it with 17 digits, or 9 if all results are float32 numbers. */
hd_status hd_record_json(const hd_record *record, json_t **json, hd_error *error);

/* Writes step-K.weights.npy.gz, then step-K.json into directory, which must exist; each appears whole or not
 * at all. Errors as hd_record_json's; HD_INVALID without weights; HD_UNAVAILABLE: writing failed. */
hd_status hd_record_save(const hd_record *record, const char *directory, hd_error *error);

/* Reads a record from its JSON file, and with `weights` its weights from the same folder. It checks
 * everything: keys and types, duplicate names, counts against dims, the weights' digest. End with
 * hd_record_free. HD_INVALID names file, key and cause; *record is then zeroed and needs no freeing. */
hd_status hd_record_load(const char *path, bool weights, hd_record *record, hd_error *error);

#endif
