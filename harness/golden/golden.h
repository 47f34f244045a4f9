/* A golden: the expected results of one hyper-iteration of an experiment. It holds the float64 reference's
 * results, the measured tolerance of a float32 device for each quantity, and the exact arithmetic's bits in
 * both modes. On disk: golden/<experiment>/step-K.json, with its own SHA-256, and step-K.weights.npy.gz. */
#ifndef HD_GOLDEN_GOLDEN_H
#define HD_GOLDEN_GOLDEN_H

#include "experiment/experiment.h"
#include "judge/compare.h"
#include "statistics/statistics.h"

/* How a quantity's errors are distributed (golden/tolerance.h says what follows). */
typedef enum hd_family {
    HD_NORMAL,    /* one number; its error has either sign */
    HD_LOGNORMAL, /* the worst of many, or a norm: positive and skewed */
    HD_COUNT      /* of examples */
} hd_family;

/* The errors of one mode's runs. */
typedef struct hd_evidence {
    hd_summary errors;
    double split; /* hd_best_split's within */
    bool bimodal; /* some runs took another side of a kink */
} hd_evidence;

/* The tolerance of one quantity, and the errors it was measured from. */
typedef struct hd_tolerance {
    char quantity[HD_QUANTITY];
    double tolerance;
    hd_family family;
    hd_evidence evidence[2]; /* by hd_mode */
} hd_tolerance;

/* The reference's relative error in one hypergradient, against the same computation in higher precision. */
typedef struct hd_reference_error {
    char name[HD_NAME];
    double relative;
} hd_reference_error;

/* The exact arithmetic's results, to the bit. */
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
        reference; /* float64 figures, weights rounded to float32. It keeps experiment, step, dims and the two
                      hashes, but not mode, device, times, bytes or provenance */
    hd_tolerance *tolerances; /* [tolerance_count], owned; each quantity once */
    size_t tolerance_count;
    char *method;                                       /* owned: how the tolerances were measured, */
    size_t replicas;                                    /* from how many replicas in each mode, */
    double false_alarms;                                /* how often a correct run's record fails, at most, */
    double split_critical;                              /* and the split below which a sample is bimodal */
    hd_reference_error reference_errors[HD_MAX_HYPERS]; /* [reference_error_count]; none: not computed */
    size_t reference_error_count;
    hd_bits exact[2]; /* by hd_mode */
    struct {
        char reason[HD_REASON], commit[HD_LABEL], date[HD_LABEL], machine[2 * HD_LABEL];
    } blessed;
    char sha256[HD_SHA256]; /* its hash, when loaded; else "" */
} hd_golden;

/* Fills golden->exact[record->mode] from a record of the exact arithmetic, replacing what was there.
 * HD_UNAVAILABLE: no memory. */
hd_status hd_golden_take_exact(hd_golden *golden, const hd_record *record, hd_error *error);

/* Fills golden->reference from a reference record, weights rounded to float32. HD_UNAVAILABLE: no memory. */
hd_status hd_golden_take_reference(hd_golden *golden, const hd_record *record, hd_error *error);

/* A float32 device's tolerance in that quantity; NaN if none was measured. */
double hd_golden_tolerance(const hd_golden *golden, const char *quantity);

/* Forgets the exact arithmetic's bits, so that only the reference with its tolerances judges records. */
void hd_golden_forget_bits(hd_golden *golden);

/* Makes {"experiment", "step", "tolerances", "calibration"} as in the golden's file; the caller calls
 * json_decref. HD_DIFFERENT: a NaN or Inf; HD_UNAVAILABLE: no memory. */
hd_status hd_golden_calibration_json(const hd_golden *golden, json_t **json, hd_error *error);

/* Frees what the golden owns and zeroes it. It takes a zeroed golden. */
void hd_golden_free(hd_golden *golden);

/* Writes step-K.weights.npy.gz, then step-K.json into directory, which must exist. HD_DIFFERENT: a NaN or
 * Inf; HD_INVALID: hd_golden_load would refuse it; HD_UNAVAILABLE: writing failed. */
hd_status hd_golden_save(const hd_golden *golden, const char *directory, hd_error *error);

/* Reads a golden and its weights; end with hd_golden_free. HD_INVALID, with file, key and cause: something is
 * missing, of the wrong type, cut short, edited since the blessing, or does not have its digest; *golden is
 * then zeroed. */
hd_status hd_golden_load(const char *path, hd_golden *golden, hd_error *error);

/* Judges a record by golden->exact[record->mode] alone: appends a judgement of each of its bits; the weights'
 * are judged by their hash. */
void hd_golden_judge_bits(const hd_golden *golden, const hd_record *record, hd_verdict *verdict);

/* Judges a record with loaded weights and fills the verdict's heading. A float32 record: each quantity by the
 * reference and its tolerance, and, in the exact arithmetic, all bits ("bits weights", "bits hypergradient
 * eta", ...) unless they were forgotten. A float64 record must be as close to the reference as another order
 * of summation. HD_INVALID: the golden is for another experiment, hyper-iteration or data; then nothing is
 * judged. A difference is no error: it is in the verdict. */
hd_status hd_golden_judge(const hd_golden *golden, const hd_record *record, hd_verdict *verdict,
                          hd_error *error);

#endif
