/* When and why goldens were last blessed, for who reads a check. */
#ifndef HD_GOLDEN_LAST_BLESSING_H
#define HD_GOLDEN_LAST_BLESSING_H

#include "golden/ledger.h"

#include <stdio.h>

/* Of an experiment's goldens, as they themselves and the ledger have it. */
typedef struct hd_last_blessing {
    char experiment[HD_LABEL];
    char date[HD_LABEL], reason[HD_REASON], commit[HD_LABEL]; /* "": not found */
    char unplaced[24]; /* the date of a later blessing whose goldens are not in place; or "" */
} hd_last_blessing;

/* All zero is none. */
typedef struct hd_last_blessings {
    hd_last_blessing *list; /* [count], owned */
    size_t count;
    bool logged; /* a log of blessings is kept */
} hd_last_blessings;

/* Adds an experiment, whose goldens judged something, unless it is there. HD_UNAVAILABLE: no memory. */
hd_status hd_last_blessings_add(hd_last_blessings *blessings, const char *experiment, hd_error *error);

/* Adds those of a list as hd_last_blessings_json's whose experiment is not there. HD_UNAVAILABLE: no memory. */
hd_status hd_last_blessings_take(hd_last_blessings *blessings, const json_t *list, hd_error *error);

/* Finds them all under root. failed(context, error) is called for each that hd_golden_set_load or
 * hd_ledger_lineage refuses, twice if need be (others may bless meanwhile), and for a ledger that cannot be
 * read. */
void hd_last_blessings_find(hd_last_blessings *blessings, const char *root,
                            void (*failed)(void *context, const hd_error *error), void *context);
void hd_last_blessings_free(hd_last_blessings *blessings);

/* A line each, of those that were found. */
void hd_last_blessings_print(FILE *to, const hd_last_blessings *blessings);

/* Of those that were found [{"experiment", "date", "reason", "commit", "log": "kept" | "no log of blessings",
 * "unplaced"?}], the caller's to json_decref; NULL: no memory. */
json_t *hd_last_blessings_json(const hd_last_blessings *blessings);

#endif
