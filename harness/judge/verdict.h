/* A verdict: a list of judgements, one for each quantity, with the share of its tolerance that it used.
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
    HD_KNOWN /* past its tolerance, but within an allowance; note says why */
} hd_outcome;

/* What a tolerance bounds: |value - expected|, or that divided by |expected|. */
typedef enum hd_measure { HD_ABSOLUTE, HD_RELATIVE } hd_measure;

typedef struct hd_judgement {
    char name[HD_QUANTITY];
    char element[HD_WEIGHT_NAME]; /* the worst element: W_1[17,203]; "" if the quantity is one number */
    double value, expected;       /* NaN if a side has none */
    hd_measure measure;
    double tolerance;   /* NaN: none is known */
    double error;       /* |value - expected| */
    double relative;    /* error / |expected| (for a hypergradient see HD_GRADIENT_FLOOR); 0 if both are
                           equal, Inf if only expected is 0 */
    double resolution;  /* the least error that float32 can show there, in the measure's unit; a count's: 1 */
    double ulps;        /* hd_ulps; NaN for counts and norms */
    double budget_used; /* error or relative over tolerance; over 0: 0 if equal, else Inf; Inf for NaN */
    hd_outcome outcome;
    char note[HD_NOTE]; /* why it failed, if the numbers do not show it, or why it is known; or "" */
} hd_judgement;

/* A list of judgements with a heading, which the caller fills. A zeroed verdict is empty. */
typedef struct hd_verdict {
    char experiment[HD_LABEL];
    size_t step;
    hd_mode mode;
    char device[2 * HD_LABEL];
    char against[HD_LABEL * 4]; /* what it was judged by: "golden", "trace record 4 (...)", a path */
    hd_judgement *judgements;   /* [count], owned */
    size_t count, failures, known;
    size_t worst;   /* index of the largest budget_used; of equals above 1 the larger relative error */
    bool no_memory; /* a judgement could not be kept, so the verdict fails */
} hd_verdict;

/* Fills the heading from a record. device is "cpu", or "cuda-cublas" for an unusual arithmetic. */
void hd_verdict_head(hd_verdict *verdict, const hd_record *record, const char *against);
void hd_verdict_free(hd_verdict *verdict);

/* Whether something was compared and nothing failed (known differences are no failures). */
bool hd_verdict_passes(const hd_verdict *verdict);

/* The judgement with the largest budget_used; NULL if there is none. */
const hd_judgement *hd_verdict_worst(const hd_verdict *verdict);

/* {"verdict": "pass" | "fail", "experiment", "step", "mode", "device", "against", "failures", "known",
 * "quantities": [{"name", "element"?, "value", "expected", "measure", "tolerance", "error", "relative",
 * "ulps", "budget_used", "verdict", "note"?}]}. Infinities and NaN are the texts "inf", "-inf", "nan". The
 * caller calls json_decref; NULL: no memory. */
json_t *hd_verdict_json(const hd_verdict *verdict);

/* "pass", "fail" or "known". */
const char *hd_outcome_name(hd_outcome outcome);

/* "absolute" or "relative". */
const char *hd_measure_name(hd_measure measure);

/* Whether a used more of its tolerance than b; if both used as much beyond it, as with tolerance 0, whether a
 * has the larger relative error. */
bool hd_judgement_worse(const hd_judgement *a, const hd_judgement *b);

/* Appends a copy of the judgement, counts it and updates the worst; sets no_memory if there is none. */
void hd_verdict_append(hd_verdict *verdict, const hd_judgement *judgement);

#endif
