/* What `drift` reports, as text and as JSON. */
#ifndef HD_DRIFT_REPORT_H
#define HD_DRIFT_REPORT_H

#include "drift/diagnosis.h"

#include <stdio.h>

/* Prints verdict and evidence, where, growth, events, causes, hypergradients of both sides. all: every
 * tensor's growth and every event, not a selection. */
void hd_drift_print(FILE *to, const hd_drift *drift, const hd_diagnosis *diagnosis, bool all);

/* Whether a curve's selection has this step: the first few, then ever fewer. */
bool hd_drift_selects(size_t step);

/* Writes the inputs whose weights are among the differing elements of a W_0; false for other tensors. */
bool hd_site_pixels(const hd_site *site, hd_elements *pixels);

/* The report as JSON, format "hyperdrift-drift/2". A place is {"iteration", "step", "phase", "tensor"}, and
 * "back": true in the backward sweep, "first_row" where a frame of validation examples does not begin at the first; SIDES is {"a", "b"}; BY NAME has a number for each hyperparameter. What
 * is not known is null; an infinite number is the text "inf".
 *
 *   verdict, evidence, advice     texts; advice is "" if all was judged
 *   experiment, dims, steps       what was run
 *   a, b                          {"variant", "mode", "device", "arithmetic", "experiment_sha256",
 *                                 "data_sha256", "keeps": "full" | "digest", "provenance"}
 *   conditions                    what differs in the way of running (program, threads, ...), or ""
 *   cut                           SIDES: where a capture is cut short, {"iteration", "step"}
 *   compared, differing           tensors
 *   first                         the first difference: a place, and "elements": [[from, to], ...], "gap", "of",
 *                                 "differing", "relative" ("estimated": true from a digest), "worst_ulps",
 *                                 "worst", "worst_at", "pixels"
 *   findings                      what is not what its equation gives, the first of its kind first: a place,
 *                                 and "side", "kind", "text", "places", "last_step", "of", "beyond",
 *                                 "elements", "worst": {"element", "is", "expected"}, "times" what rounding
 *                                 can do, "relative", "log10_odds" that rounding does it
 *   beyond                        the first of them; or where a digest's difference is more than rounding can
 *                                 do: like `first`, and "side"; or null
 *   iterations                    for each hyper-iteration: "verdict", "apart", "worst" (whose hypergradients
 *                                 are furthest apart), "inherited", "compared", "differing", "flips",
 *                                 "findings": SIDES, "first", "ulps" (how many weights differ at the end by 0,
 *                                 up to 1, 2, 4, ... ulp), "reach" BY NAME (how far rounding brings them)
 *   judged                        SIDES: {"judged", "elements", "parted": a difference like `first` from which
 *                                 on a digest could not be judged, "why_not"}
 *   repeats                       SIDES: {"runs", "differing", "first"}, runs without an observer
 *   growth_rate                   {"rate" a step, "low", "high" (95 %), "factor", "steps", "chaotic"}
 *   growth                        for each tensor that differs: a place, and "relative", "residual": SIDES,
 *                                 "worst_ulps", "differing", "of"
 *   events                        decisions that differ: {"kind", "iteration", "step", "layer", "row", "unit",
 *                                 "a", "b", "share" BY NAME}; event_counts: by kind; event_tallies: {"kind",
 *                                 "iteration", "step", "layer", "count"}
 *   pairing                       {"jumps", "iterations": [{"iteration", "not_judged": [t, ...],
 *                                 "hyperparameters": {NAME: {"first_jump", "every_step", "worst" (a change
 *                                 over its floor), "worst_step", "trend", "values": [P_0, ...]}}}]}
 *   causes                        [{"component", "share", "into_a", "out_of_b": BY NAME}], of
 *                                 causes_iteration
 *   nearer_reference              "a" | "b" | "equal"; reference_error: SIDES
 *   outcomes                      for each hyper-iteration SIDES: {"hypergradients", "hyperparameters": BY
 *                                 NAME, "validation_error", "correct"}
 *   attest                        SIDES: whether reverse's backward sweep repeats its forward sweep,
 *                                 {"compared", "differing", "first"}
 *   heat                          W_0's difference by input: {"iteration", "rows", "columns", "start", "end"}
 *
 * The caller calls json_decref; NULL: no memory. */
json_t *hd_drift_json(const hd_drift *drift, const hd_diagnosis *diagnosis);

#endif
