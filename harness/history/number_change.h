/* The numbers in a history that are not what they were, or not what another machine has: trend.h's shifts and
 * disagreements. */
#ifndef HD_HISTORY_NUMBER_CHANGE_H
#define HD_HISTORY_NUMBER_CHANGE_H

#include "history/sql.h"
#include "history/trend.h"

/* A statement that begins so has for each run and series its index in trend->nights and trend->series: the
 * tables night (run, place) and kind (series, rank). `FROM record NOT INDEXED` joined with them is one scan
 * of the file, where by series it would be as many as there are series. */
#define HD_PLACES_SQL                                                                                        \
    "WITH night (run, place) AS (SELECT id, row_number() OVER (ORDER BY moment, id) - 1 FROM run), "         \
    "kind (series, rank) AS (SELECT id, row_number() OVER (ORDER BY experiment, mode, device, machine, "     \
    "threads, experiment_sha256, data_sha256) - 1 FROM series WHERE EXISTS (SELECT 1 FROM record "           \
    "JOIN run ON run.id = record.run WHERE record.series = series.id)) "

/* Fills trend's shifts and disagreements, whose nights and series are there, through sql, which keeps the
 * first failure: HD_INVALID for a record whose numbers cannot be read. */
void hd_number_changes_find(hd_sql *sql, hd_trend *trend);

#endif
