/* The terms of a shard: what it was started with, and by which goldens it judged. Every run of a matrix stores
 * them in the history, so that shards with other words, another program or other goldens are not taken for
 * parts of one matrix.
 *
 *     {"experiments": [{"name", "seed", "sha256"}, ..], "seeds": [none: each experiment's own],
 *      "devices": [..], "modes": [..], "set": ["section.key=value", ..], "bits": bool, "repeat": N,
 *      "program": "version (commit)", "goldens": as hd_last_blessings_json}
 *
 * A refused experiment has its word as its name, and neither seed nor hash. Threads and folders belong to a
 * machine and are no terms. */
#ifndef HD_MATRIX_SHARD_TERMS_H
#define HD_MATRIX_SHARD_TERMS_H

#include "golden/last_blessing.h"
#include "run/request.h"

/* The terms of a run over words[count], without goldens. The caller calls json_decref; NULL: no memory. */
json_t *hd_shard_terms_of(const hd_request *request, char *const *words, size_t count);

/* Appends to the JSON array `lines` a text for each difference between two shards' terms; the order in lists
 * does not matter. who: what the texts call the shards. Goldens are compared only for experiments that both
 * judged. */
void hd_shard_terms_compare(const json_t *a, const char *who_a, const json_t *b, const char *who_b,
                            json_t *lines);

/* Appends to the JSON array `cells` those of each shard s with wanted[s - 1], as "blobs-deep seed 3 cpu
 * forward". */
void hd_shard_terms_cells(const json_t *terms, const bool *wanted, size_t shards, json_t *cells);

#endif
