/* News: what a trend has to tell, the newest first, in sentences. */
#ifndef HD_HISTORY_NEWS_H
#define HD_HISTORY_NEWS_H

#include "history/trend.h"

#include <stdio.h>

typedef enum hd_news_kind {
    HD_NEWS_DISAGREEMENT, /* between two series, or two hosts of one */
    HD_NEWS_NUMBERS,      /* changed */
    HD_NEWS_LEVEL         /* of a cost */
} hd_news_kind;

typedef struct hd_news {
    hd_news_kind kind;
    size_t series; /* index into trend->series */
    size_t night;  /* on which it was found, index into trend->nights */
    hd_cost cost;  /* of a level */
    size_t first,
        count;  /* in trend->disagreements, trend->number_changes, or the series' changes of cost: those of
                            the series' hyper-iterations from one night on are one */
    bool fresh; /* found on the newest night: hd_trend_is_new; of a disagreement also one that is found again
                   there, on both sides. What a host that is gone found last is so no more */
    bool bad;   /* numbers, disagreements, and levels that rise */
} hd_news;

/* Gathers them, the newest first, disagreements before numbers before levels. *news is the caller's to
 * free(), NULL where there are none. HD_UNAVAILABLE: no memory. */
hd_status hd_news_gather(const hd_trend *trend, hd_news **news, size_t *count, hd_error *error);

/* "disagreement", "numbers", "slower", "faster", "products slower", "products faster", "larger", "smaller",
 * "larger on the device", "smaller on the device". */
const char *hd_news_word(const hd_news *news);

/* A sentence without word and newline: which series, what, since when, found when. */
void hd_news_say(FILE *to, const hd_trend *trend, const hd_news *news);

/* "mnist-2017-cpu forward on cpu (AMD EPYC, 2 threads)", with the hashes' first digits where it takes them to
 * tell series apart. */
void hd_news_say_series(FILE *to, const hd_series *series);

/* The median of the seconds that a level of time took as measured, on its first nights: the one before a
 * change, or the one that began with it, as far as it was known when that was found. The change itself is in
 * what the products take, which may have moved too. */
double hd_news_seconds_before(const hd_trend *trend, const hd_news *news);
double hd_news_seconds_after(const hd_trend *trend, const hd_news *news);

/* The i-th of the `count` hyper-iterations of numbers or a disagreement, and the one that moved most. */
const hd_number_change *hd_news_number_change(const hd_trend *trend, const hd_news *news, size_t i);
const hd_number_change *hd_news_most(const hd_trend *trend, const hd_news *news);

#endif
