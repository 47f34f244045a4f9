/* The numbers of the results that a history holds, and how those of two results differ. */
#ifndef HD_HISTORY_RESULT_NUMBERS_H
#define HD_HISTORY_RESULT_NUMBERS_H

#include "history/sql.h"
#include "history/trend.h"

typedef struct hd_result_numbers {
    hd_sql *sql; /* the caller's; failures are its */
    sqlite3_stmt *result, *standards;
} hd_result_numbers;

/* Makes ready to read results through sql. End with hd_result_numbers_close. */
hd_result_numbers hd_result_numbers_open(hd_sql *sql);
void hd_result_numbers_close(hd_result_numbers *numbers);

/* Reads the dims, accuracies, validation error, hyperparameters and weights (their digest; no values) of a
 * result; the rest of *record is zero. End with hd_record_free, also after a failure. HD_INVALID, with the
 * result's number: it is none that records have. */
void hd_result_numbers_read(hd_result_numbers *numbers, int64_t result, hd_record *record);

/* How `now`, the numbers of the record of that id, differ from `then`: writes what hd_number_change has from
 * `changed` on, and leaves the rest. The tolerances are those by which a golden judged the record. */
void hd_result_numbers_compare(hd_result_numbers *numbers, const hd_record *now, int64_t record,
                               const hd_record *then, hd_number_change *change);

#endif
