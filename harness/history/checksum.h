/* Checksums: SHA-256 over the contents of a run or a verdict, wherever its rows lie in a file. They tell
 * whether a run is whole, bit by bit, and whether two verdicts are the same.
 *
 * The hash is over a sequence of values, each a letter and its bytes: "i", decimal digits and ";"; "r" and
 * the eight bytes of a float64, little-endian; "t" and a text with its zero. A number that is not finite is
 * hashed as the text that stands for it. NULL adds nothing, so columns of later schemas leave older checksums
 * as they are. */
#ifndef HD_HISTORY_CHECKSUM_H
#define HD_HISTORY_CHECKSUM_H

#include "history/sql.h"
#include "judge/verdict.h"

/* Hashes a verdict: against, whether it passes, counts, the worst budget, and each judgement's name, measure,
 * expected, tolerance, element, value, budget, outcome and note. HD_UNAVAILABLE: no memory. */
hd_status hd_checksum_verdict(const hd_verdict *verdict, char hex[HD_SHA256], hd_error *error);

/* The same for the stored verdict `id`, from its rows. Failures are kept in sql. */
void hd_checksum_kept_verdict(hd_sql *sql, int64_t id, char hex[HD_SHA256]);

/* Hashes a stored run: its row, its records with their series, the hashes of their results, provenance and
 * verdicts, all timings, skips and failures. */
void hd_checksum_run(hd_sql *sql, int64_t run, char hex[HD_SHA256]);

#endif
