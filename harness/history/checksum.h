/* Seals: SHA-256 over what a run or a verdict consists of, wherever its rows lie in a file. By them it is
 * known that a run is whole, bit by bit, and that two verdicts are the same.
 *
 * What is hashed is a sequence of values. Each goes into the hash as a letter and its bytes: "i" and the
 * decimal digits and ";", "r" and the eight bytes of a float64, little-endian, "t" and a text with its zero.
 * A number that is not finite is the text that it is kept as; NULL adds nothing, so that columns of later
 * schemas leave older seals as they are. */
#ifndef HD_HISTORY_CHECKSUM_H
#define HD_HISTORY_CHECKSUM_H

#include "history/sql.h"
#include "judge/verdict.h"

/* A verdict as it is to be kept: against, whether it passes, counts, the worst budget, and each judgement's
 * name, measure, expected, tolerance, element, value, budget, outcome and note. HD_UNAVAILABLE: no memory. */
hd_status hd_checksum_verdict(const hd_verdict *verdict, char hex[HD_SHA256], hd_error *error);

/* The same from the rows of verdict `id`. */
void hd_checksum_kept_verdict(hd_sql *sql, int64_t id, char hex[HD_SHA256]);

/* A run that is kept: its row, its records with their series, the hashes of their results, provenance and
 * verdicts, all timings, skips and failures. */
void hd_checksum_run(hd_sql *sql, int64_t run, char hex[HD_SHA256]);

#endif
