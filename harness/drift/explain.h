/* Explains a printed record: runs variants with one component swapped at a time and keeps the word that
 * brings the figures nearest, until they agree or no word brings them nearer. We only have the other side's
 * printed figures, so this is drift's "why" without its "where". */
#ifndef HD_DRIFT_EXPLAIN_H
#define HD_DRIFT_EXPLAIN_H

#include "judge/trace_2017.h"
#include "run/variant.h"

enum { HD_EXPLAIN_WORDS = 4 };

/* One explained record. A distance is the worst figure's share of its tolerance (hd_trace_judge's, without
 * counts), so up to 1 the two agree. */
typedef struct hd_explanation {
    const hd_trace_record *printed;
    double before; /* without words */
    size_t count;
    char word[HD_EXPLAIN_WORDS]
             [HD_VARIANT_KEY + HD_VARIANT_VALUE]; /* "fill=tf-gpu-2017", in the order found */
    double distance[HD_EXPLAIN_WORDS];            /* with that word and the earlier ones */
    char quantity[HD_QUANTITY];                   /* the worst figure that is left */
    double gap;                                   /* printed minus computed, in it */
} hd_explanation;

/* Runs variants of one experiment, each once, and keeps their records. Zero it, then set experiment. */
typedef struct hd_explainer {
    const char *experiment; /* as a user calls it */
    struct hd_attempt *attempts;
    size_t count;
} hd_explainer;

/* Explains a printed record by the words offered[count] and its own "fill-race=STEP". Errors as hd_run's. */
hd_status hd_explain(hd_explainer *explainer, const hd_trace_record *printed, const char *const *offered,
                     size_t count, hd_explanation *explanation, hd_error *error);

/* The explainer's record of a printed record's step and mode, with these words. Errors as hd_run's. */
hd_status hd_explainer_record(hd_explainer *explainer, const hd_trace_record *printed,
                              const char *const *words, size_t count, const hd_record **record,
                              hd_error *error);
void hd_explainer_free(hd_explainer *explainer);

#endif
