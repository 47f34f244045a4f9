/* The terms of a shard: what its matrix was to be when it was started, and by which goldens it judged. Every
 * run of a matrix has them in the history, so that shards that were started with other words, from another
 * program or beside other goldens are not taken for parts of one matrix.
 *
 *     {"experiments": [{"name", "seed", "sha256"}, ..], "seeds": [none: each experiment's own],
 *      "devices": [..], "modes": [..], "set": ["section.key=value", ..], "bits": bool, "repeat": N,
 *      "program": "version (commit)", "goldens": as hd_last_blessings_json}
 *
 * An experiment that is refused has its word as its name, and neither seed nor hash. Threads and folders are
 * a machine's own and no terms. */
#ifndef HD_MATRIX_SHARD_TERMS_H
#define HD_MATRIX_SHARD_TERMS_H

#include "golden/last_blessing.h"
#include "run/request.h"

/* Of a run over words[count], without goldens. The caller's to json_decref; NULL: no memory. */
json_t *hd_shard_terms_of(const hd_request *request, char *const *words, size_t count);

/* Appends to the JSON array `lines` a text for each term in which two differ, whatever their order; who: what
 * the texts call them. Of goldens those of the experiments that both judged are compared. */
void hd_shard_terms_compare(const json_t *a, const char *who_a, const json_t *b, const char *who_b,
                            json_t *lines);

/* Appends to the JSON array `cells` those of the shards s of 1 .. shards for which wanted[s - 1] is true:
 * "blobs-deep seed 3 cpu forward". */
void hd_shard_terms_cells(const json_t *terms, const bool *wanted, size_t shards, json_t *cells);

#endif
