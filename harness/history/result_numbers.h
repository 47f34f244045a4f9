/* Reads the numbers of stored results, and compares those of two. */
#ifndef HD_HISTORY_RESULT_NUMBERS_H
#define HD_HISTORY_RESULT_NUMBERS_H

#include "history/sql.h"
#include "history/trend.h"

typedef struct hd_result_numbers {
    hd_sql *sql; /* the caller's, which keeps the first failure */
    sqlite3_stmt *result, *standards;
} hd_result_numbers;

/* Prepares the queries. End with hd_result_numbers_close. */
hd_result_numbers hd_result_numbers_open(hd_sql *sql);
void hd_result_numbers_close(hd_result_numbers *numbers);

/* Reads dims, accuracies, validation error, hyperparameters and weights (no values) of a result; the rest of
 * *record is zero. HD_INVALID, with the result's id: it is missing, or not a record's. End with
 * hd_record_free, also after a failure. */
void hd_result_numbers_read(hd_result_numbers *numbers, int64_t result, hd_record *record);

/* Compares `now`, the numbers of record `record` (its id), with `then`: fills *change from `changed` on. The
 * tolerances are those of the golden that judged the record. */
void hd_result_numbers_compare(hd_result_numbers *numbers, const hd_record *now, int64_t record,
                               const hd_record *then, hd_number_change *change);

#endif
