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

/* {"format": "hyperdrift-drift/2", "verdict", "evidence", "a": {"variant", "mode", "device", "arithmetic"},
 * "b", "conditions": what differs in the way of running, "cut": {"a": {"iteration", "step"} or null, "b"},
 * "experiment", "compared", "differing", "dims", "steps", "first": {"iteration", "step", "phase",
 * "tensor", "elements": [[from, to], ...], ...} or null, "beyond": likewise, "growth": [...], "events": [...]
 * or null, "event_counts", "event_tallies": [{"kind", "iteration", "step", "layer", "count"}] or null,
 * "causes": [{"component", "share": {hyperparameter: 0..1}, ...}], "causes_iteration", "pairing": {"jumps",
 * "iterations": [{"iteration", "not_judged": [t, ...], "hyperparameters": {NAME: {"first_jump": t or null,
 * "every_step", "worst": a change over its floor, "worst_step", "trend", "values": [P_0, ...]}}}]} or null,
 * "nearer_reference": "a" | "b" | "equal" | null, "reference_error": {"a", "b"}, "outcomes": [...], "attest",
 * "heat"}. What is not known is null; an infinite number is the text "inf". The caller calls json_decref;
 * NULL: no memory. */
json_t *hd_drift_json(const hd_drift *drift, const hd_diagnosis *diagnosis);

#endif
