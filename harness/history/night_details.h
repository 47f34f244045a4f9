/* What a trend's numbers do not tell of its nights: what made the records, how that differs from the night
 * before, and what failed. */
#ifndef HD_HISTORY_NIGHT_DETAILS_H
#define HD_HISTORY_NIGHT_DETAILS_H

#include "history/trend.h"

/* A provenance without a night's own keys (version and commit) and those of the series (hashes of experiment
 * and data): many nights share one. */
typedef struct hd_origin {
    json_t *facts;      /* owned */
    char *text;         /* the same, compact, keys sorted; owned */
    size_t first, last; /* nights */
} hd_origin;

/* A key that is not as on the series' night before on the same host (on any host, if this one is new to the
 * series). Of longer texts only the words that differ. */
typedef struct hd_provenance_difference {
    char *key, *before, *after; /* owned */
} hd_provenance_difference;

/* A figure that failed. Texts are owned; numbers as hd_judgement's. */
typedef struct hd_failing {
    char *record, *figure, *against, *note; /* "mnist, hyper-iteration 0, reverse, cpu"; figure and element */
    double value, expected, budget_used;
} hd_failing;

/* So many of a night's worst figures are listed. Bits come last: each is past a tolerance of nothing, and
 * repeats a figure that may be past its own. */
enum { HD_NIGHT_DETAILS_FAILING = 6 };

#define HD_NO_NIGHT ((size_t)-1)

typedef struct hd_night_detail {
    size_t before;   /* the host's run before, an index into the nights; HD_NO_NIGHT: there is none */
    size_t missing;  /* since then, without a run: days between, rounded, less one; 0 up to 1.5 */
    size_t *origins; /* [origin_count], indices into hd_night_details.origins; owned, as all lists here */
    size_t origin_count;
    hd_provenance_difference *differences; /* [difference_count] */
    size_t difference_count;
    char **failures; /* [failure_count]: of runs that gave no record */
    size_t failure_count;
    char **skips; /* [skip_count]: "what: why" */
    size_t skip_count;
    hd_failing *failing; /* [failing_count], the worst first; only of a host's newest night */
    size_t failing_count;
} hd_night_detail;

typedef struct hd_night_details {
    hd_origin *origins; /* [origin_count] */
    size_t origin_count;
    hd_night_detail *nights; /* [night_count]: the trend's nights */
    size_t night_count;
} hd_night_details;

/* Reads the details of a trend's nights from the same history. HD_INVALID: a provenance cannot be read; else
 * as history.h. End with hd_night_details_free, also after a failure. */
hd_status hd_night_details_load(const hd_history *history, const hd_trend *trend, hd_night_details *details,
                                hd_error *error);
void hd_night_details_free(hd_night_details *details);

/* The days, rounded, from a host's newest run, `night`, to the newest of all hosts; 0 up to 0.9. */
size_t hd_night_details_overdue(const hd_trend *trend, size_t night);

#endif
