/* Exports a history for other programs: all of it as JSON, or as a table for a spreadsheet.
 *
 * JSON, "hyperdrift-history/1":
 *   {"format", "schema",
 *    "runs": [{"run", "uid", "started", ..., as the table's columns in history/schema.h,
 *              "records": [{"experiment", ..., "step", "result", "provenance", "state_bytes",
 *                           "timings": [{"repetition", "seconds", ...}], "verdicts": [SHA-256, ...]}],
 *              "skips": [{"what", "why"}], "failures": [{"message"}]}],
 *    "results": {SHA-256: a record's JSON without provenance, memory and time},
 *    "provenance": {SHA-256: object},
 *    "verdicts": {SHA-256: {"against", "passes", "figures", "failures", "known", "worst", "worst_budget",
 *                           "quantities": [{"name", "measure", "expected", "tolerance", "element", "value",
 *                                           "budget_used", "outcome", "note"}]}}}
 * "result", "provenance" and "verdicts" of a record are keys of the three objects at the end. A number that
 * is not finite is the text "nan", "inf" or "-inf".
 *
 * CSV (RFC 4180), one row for each repetition of each record, runs in order of time. A run without records
 * has no row. Columns:
 *   of the run         run, uid, started, kept, moment, clock_back, host, version, commit, matrix, shard,
 *                      shards, status
 *   of its series      experiment, experiment_sha256, data_sha256, mode, device, machine, threads
 *   of the record      step, state_bytes, result_sha256, provenance_sha256
 *   of its verdicts    sums of figures, failures, known; worst, worst_budget: what used most of its tolerance
 *   of the repetition  repetition, seconds, data, training, differentiate, validation, operations, launches,
 *                      sgemm_rate, peak_bytes, device_bytes, device_data_bytes
 *   of the result      test_correct, test_total, validation_correct, validation_total, training_correct,
 *                      training_total, validation_error, weights_l2, weights_sha256; and for each name in
 *                      the file hyperparameter NAME and hypergradient NAME, empty if the result has none
 * Numbers have 17 digits. */
#ifndef HD_HISTORY_EXPORT_H
#define HD_HISTORY_EXPORT_H

#include "history/history.h"

#include <stdint.h>
#include <stdio.h>

/* Writes the run, or all runs if run is 0. HD_INVALID: no such run, or a result that is no JSON; else as
 * history.h. Write errors show in ferror(to). */
hd_status hd_export_json(const hd_history *history, int64_t run, FILE *to, hd_error *error);
hd_status hd_export_csv(const hd_history *history, FILE *to, hd_error *error);

#endif
