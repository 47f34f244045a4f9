/* When and why goldens were last blessed, for readers of a check. */
#ifndef HD_GOLDEN_LAST_BLESSING_H
#define HD_GOLDEN_LAST_BLESSING_H

#include "golden/ledger.h"

#include <stdio.h>

/* An experiment's last blessing, as its goldens and the ledger tell it. */
typedef struct hd_last_blessing {
    char experiment[HD_LABEL];
    char date[HD_LABEL], reason[HD_REASON], commit[HD_LABEL]; /* "": not found */
    char unplaced[24]; /* date of a later blessing whose goldens are not in place; or "" */
} hd_last_blessing;

/* A zeroed list is empty. */
typedef struct hd_last_blessings {
    hd_last_blessing *list; /* [count], owned */
    size_t count;
    bool logged; /* whether a log of blessings is kept */
} hd_last_blessings;

/* Adds an experiment whose goldens judged something, unless it is there. HD_UNAVAILABLE: no memory. */
hd_status hd_last_blessings_add(hd_last_blessings *blessings, const char *experiment, hd_error *error);

/* Adds those of a list of hd_last_blessings_json whose experiment is not there. HD_UNAVAILABLE: no memory. */
hd_status hd_last_blessings_take(hd_last_blessings *blessings, const json_t *list, hd_error *error);

/* Finds all of them under root. Calls failed(context, error) if the ledger cannot be read, and for each
 * experiment that hd_golden_set_load or hd_ledger_lineage refuses twice (others may bless meanwhile). */
void hd_last_blessings_find(hd_last_blessings *blessings, const char *root,
                            void (*failed)(void *context, const hd_error *error), void *context);
void hd_last_blessings_free(hd_last_blessings *blessings);

/* Prints a line for each one that was found. */
void hd_last_blessings_print(FILE *to, const hd_last_blessings *blessings);

/* Makes [{"experiment", "date", "reason", "commit", "log": "kept" | "no log of blessings", "unplaced"?}] of
 * those that were found; the caller calls json_decref. NULL: no memory. */
json_t *hd_last_blessings_json(const hd_last_blessings *blessings);

#endif
