/* How training amplifies a difference, and how far rounding alone brings hypergradients apart. */
#ifndef HD_DRIFT_AMPLIFICATION_H
#define HD_DRIFT_AMPLIFICATION_H

#include "drift/drift.h"
#include "run/variant.h"

/* The weights' relative difference grows by the factor `rate` a step, on average over `steps` steps; with 95 %
 * confidence by low to high. (Its logarithm is the Lyapunov exponent, as far as so few steps show it.) */
typedef struct hd_growth_rate {
    size_t iteration; /* of this hyper-iteration */
    size_t steps;     /* 0: not known */
    double rate, low, high;
    double factor; /* over all these steps */
} hd_growth_rate;

/* Of a hyper-iteration, from the weights' differences after its first few steps and up to 0.1. */
hd_growth_rate hd_growth_rate_of(const hd_drift *drift, size_t iteration);

/* Whether training itself, step by step, amplifies what rounding does by more than a thousand. */
bool hd_growth_rate_is_chaotic(const hd_growth_rate *rate);

/* The tensor of a hyper-iteration where the difference jumps most: its relative difference over the greatest of those
 * before it. NULL: nowhere by more than a hundred times. A jump is a fault's or a flipped decision's. */
const hd_growth *hd_growth_jump(const hd_drift *drift, size_t iteration);

/* Hypergradients, and the validation error as the last. */
enum { HD_ROUNDING_REPLICAS = 4, HD_REACHES = HD_MAX_HYPERS + 1 };

/* reach[iterations][HD_REACHES], owned by the caller: how far random rounding moves each hypergradient and the
 * validation error of the variant's run on cpu, at most over HD_ROUNDING_REPLICAS seeds and both modes given. Errors as
 * hd_run's. */
hd_status hd_rounding_reach(const hd_variant *a, const hd_variant *b, double (*reach)[HD_REACHES],
                            hd_error *error);

#endif
