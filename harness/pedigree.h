/* When and why goldens were last blessed, for who reads a check. */
#ifndef HD_PEDIGREE_H
#define HD_PEDIGREE_H

#include "findings.h"
#include "ledger.h"

#include <stdio.h>

/* Of an experiment's goldens, as they themselves and the ledger have it. */
typedef struct hd_pedigree {
    char experiment[HD_LABEL], date[HD_LABEL], reason[HD_REASON], commit[HD_LABEL];
    char unplaced[24]; /* the date of a later blessing whose goldens never came into place; or "" */
} hd_pedigree;

typedef struct hd_pedigrees {
    hd_pedigree *list; /* [count], owned */
    size_t count;
    bool logged; /* a log of blessings is kept */
} hd_pedigrees;

/* Finds it of the goldens under root that judged a record among the findings, each experiment's once.
 * failed(context, error) is called for each that hd_goldens_load or hd_ledger_lineage refuses, and for a
 * ledger that cannot be read. End with hd_pedigrees_free. */
void hd_pedigrees_find(const char *root, const hd_findings *findings, hd_pedigrees *found,
                       void (*failed)(void *context, const hd_error *error), void *context);
void hd_pedigrees_free(hd_pedigrees *pedigrees);

/* A line each. */
void hd_pedigrees_print(FILE *to, const hd_pedigrees *pedigrees);

/* [{"experiment", "date", "reason", "commit", "log": "kept" | "no log of blessings", "unplaced"?}], the
 * caller's to json_decref; NULL: no memory. */
json_t *hd_pedigrees_json(const hd_pedigrees *pedigrees);

#endif
