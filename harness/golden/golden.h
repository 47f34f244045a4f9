/* A golden: what one hyper-iteration of an experiment must give. It holds the float64 reference's results,
 * for each quantity the tolerance a float32 device is allowed, as measured, and the exact arithmetic's bits
 * in either mode. On disk: golden/<experiment>/step-K.json with step-K.weights.npy.gz, and in the JSON its
 * own SHA-256. */
#ifndef HD_GOLDEN_GOLDEN_H
#define HD_GOLDEN_GOLDEN_H

#include "experiment/experiment.h"
#include "judge/compare.h"
#include "statistics/statistics.h"

/* How a quantity's errors are distributed, by what it is (golden/tolerance.h says what follows from it). */
typedef enum hd_family {
    HD_NORMAL,    /* one number: its error is of either sign */
    HD_LOGNORMAL, /* the worst of many, or a norm: positive and skewed */
    HD_COUNT      /* of examples */
} hd_family;

/* The errors of one mode's runs. */
typedef struct hd_evidence {
    hd_summary errors;
    double split; /* hd_best_split's within */
    bool bimodal; /* some of the runs took another way: a kink */
} hd_evidence;

/* The tolerance of one quantity, and what it was measured from. */
typedef struct hd_tolerance {
    char quantity[HD_QUANTITY];
    double tolerance;
    hd_family family;
    hd_evidence evidence[2]; /* by hd_mode */
} hd_tolerance;

/* How far the reference is from the same computation in higher precision, in one hypergradient, relatively. */
typedef struct hd_reference_error {
    char name[HD_NAME];
    double relative;
} hd_reference_error;

/* What the exact arithmetic gives, to the bit. */
typedef struct hd_bits {
    char weights_sha256[HD_SHA256];
    double validation_error;
    size_t correct[3]; /* test, validation and training examples */
    hd_hyper *hyper;   /* [hypers], owned */
    size_t hypers;
} hd_bits;

enum { HD_REASON = 256 };

typedef struct hd_golden {
    hd_record
        reference; /* float64 figures; the weights are rounded to float32. Its mode, device, times, bytes and
                      provenance are not kept; experiment, step, dims and the two hashes are */
    hd_tolerance *tolerances; /* [tolerance_count], owned; each quantity once */
    size_t tolerance_count;
    char *method;          /* owned: how the tolerances were measured, */
    size_t replicas;       /* from how many replicas a mode, */
    double false_alarms;   /* at most how often a record of an unfaulted run is to fail, */
    double split_critical; /* and below which split a sample is bimodal */
    hd_reference_error reference_errors[HD_MAX_HYPERS]; /* [reference_error_count]; none: not computed */
    size_t reference_error_count;
    hd_bits exact[2]; /* by hd_mode */
    struct {
        char reason[HD_REASON], commit[HD_LABEL], date[HD_LABEL], machine[2 * HD_LABEL];
    } blessed;
    char sha256[HD_SHA256]; /* its own hash, as it was loaded; "": it was not */
} hd_golden;

/* Fills golden->exact[record->mode] from a record of the exact arithmetic (replacing what was there).
 * HD_UNAVAILABLE: no memory. */
hd_status hd_golden_take_exact(hd_golden *golden, const hd_record *record, hd_error *error);

/* Fills golden->reference from a reference record with its weights, rounding those to float32.
 * HD_UNAVAILABLE: no memory. */
hd_status hd_golden_take_reference(hd_golden *golden, const hd_record *record, hd_error *error);

/* What a float32 device is allowed in that quantity; NaN where nothing was measured. */
double hd_golden_tolerance(const hd_golden *golden, const char *quantity);

/* Forgets the exact arithmetic's bits: records are then judged by the reference and its tolerances alone. */
void hd_golden_forget_bits(hd_golden *golden);

/* {"experiment", "step", "tolerances", "calibration"} as in the golden's file; the caller's to json_decref.
 * HD_DIFFERENT for a NaN or Inf; HD_UNAVAILABLE: no memory. */
hd_status hd_golden_calibration_json(const hd_golden *golden, json_t **json, hd_error *error);

/* Frees what the golden owns and zeroes it. A zeroed golden is allowed. */
void hd_golden_free(hd_golden *golden);

/* Writes step-K.weights.npy.gz, then step-K.json into directory, which must exist. HD_DIFFERENT for a NaN or
 * Inf, HD_INVALID for a golden that hd_golden_load would refuse for what it lacks, HD_UNAVAILABLE where
 * writing fails. */
hd_status hd_golden_save(const hd_golden *golden, const char *directory, hd_error *error);

/* Reads a golden and its weights; whatever is missing, of the wrong type, cut short, edited since it was
 * blessed, or not what its digests say is HD_INVALID with file, key and cause. Ends with hd_golden_free;
 * after a failure *golden is zeroed. */
hd_status hd_golden_load(const char *path, hd_golden *golden, hd_error *error);

/* Judges a record by golden->exact[record->mode] alone: appends a judgement of each of its bits but the
 * weights' own, which are judged by their hash. */
void hd_golden_judge_bits(const hd_golden *golden, const hd_record *record, hd_verdict *verdict);

/* Judges a record, its weights loaded, and fills the verdict's heading. A float32 record: each quantity by
 * the reference with its measured tolerance, and, in the exact arithmetic, all bits ("bits weights", "bits
 * hypergradient eta", ...) unless they were forgotten. A float64 record: as close to the reference as another
 * order of summation allows. HD_INVALID where the golden was made for another experiment,
 * hyper-iteration or data:
 * nothing is then judged. What differs is in the verdict and is no error. */
hd_status hd_golden_judge(const hd_golden *golden, const hd_record *record, hd_verdict *verdict,
                          hd_error *error);

#endif
