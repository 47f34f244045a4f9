/* A verdict: a list of judgements, one a quantity, each with the share of its tolerance that it used.
 *
 * Quantities are named as in a record's JSON: "test_accuracy", "validation_error", "hyperparameter eta",
 * "hypergradient rho_l1_0", "weights W_1 worst element", "weights W_1 l2". */
#ifndef HD_JUDGE_VERDICT_H
#define HD_JUDGE_VERDICT_H

#include "run/record.h"

enum { HD_QUANTITY = 96, HD_NOTE = 192 };

typedef enum hd_outcome {
    HD_PASS,
    HD_FAIL,
    HD_KNOWN /* past its ordinary tolerance, but within an allowance; note says why there is one */
} hd_outcome;

/* What a tolerance bounds: |value - expected|, or that divided by |expected|. */
typedef enum hd_measure { HD_ABSOLUTE, HD_RELATIVE } hd_measure;

typedef struct hd_judgement {
    char name[HD_QUANTITY];
    char element[HD_WEIGHT_NAME]; /* the worst element: W_1[17,203]; "" where the quantity is one number */
    double value, expected;       /* NaN where one side has none */
    hd_measure measure;
    double tolerance;   /* NaN: none is known */
    double error;       /* |value - expected| */
    double relative;    /* error / |expected| (of a hypergradient: see HD_GRADIENT_FLOOR); 0 where both are
                           equal,    Inf where only expected is 0 */
    double resolution;  /* the least error float32 can show there, in the measure's unit; of a count 1 */
    double ulps;        /* hd_ulps; of counts and norms: NaN */
    double budget_used; /* error or relative over tolerance; over 0: 0 if equal, else Inf; Inf for NaN */
    hd_outcome outcome;
    char note[HD_NOTE]; /* why it failed, if the numbers do not say, or why it is known; or "" */
} hd_judgement;

/* A list of judgements with a heading, which the caller fills. All zero is an empty verdict. */
typedef struct hd_verdict {
    char experiment[HD_LABEL];
    size_t step;
    hd_mode mode;
    char device[2 * HD_LABEL];
    char against[HD_LABEL * 4]; /* what it was judged by: "golden", "trace record 4 (...)", a path */
    hd_judgement *judgements;   /* [count], owned */
    size_t count, failures, known;
    size_t worst; /* index of the largest budget_used; of several past it the largest relative error, else the
                     first */
    bool no_memory; /* a judgement could not be kept: the verdict fails */
} hd_verdict;

/* Fills the heading from a record: device is "cpu", or "cuda-cublas" for an arithmetic other than the
 * device's usual. */
void hd_verdict_head(hd_verdict *verdict, const hd_record *record, const char *against);
void hd_verdict_free(hd_verdict *verdict);

/* True when something was compared and nothing failed (known differences do not count as failures). */
bool hd_verdict_passes(const hd_verdict *verdict);

/* The judgement with the largest budget_used; NULL if there is none. */
const hd_judgement *hd_verdict_worst(const hd_verdict *verdict);

/* {"verdict": "pass" | "fail", "experiment", "step", "mode", "device", "against", "failures", "known",
 * "quantities": [{"name", "element"?, "value", "expected", "measure", "tolerance", "error", "relative",
 * "ulps", "budget_used", "verdict", "note"?}]}. Infinities and NaN are the texts "inf", "-inf", "nan". The
 * caller's to json_decref; NULL: no memory. */
json_t *hd_verdict_json(const hd_verdict *verdict);

/* "pass", "fail" or "known". */
const char *hd_outcome_name(hd_outcome outcome);

/* "absolute" or "relative". */
const char *hd_measure_name(hd_measure measure);

/* Whether a used more of its tolerance than b; of two past it alike, as where nothing is tolerated, has the
 * larger relative error. */
bool hd_judgement_worse(const hd_judgement *a, const hd_judgement *b);

/* Appends a copy of the judgement, counts it and keeps track of the worst. Without memory:
 * verdict->no_memory. */
void hd_verdict_append(hd_verdict *verdict, const hd_judgement *judgement);

#endif
