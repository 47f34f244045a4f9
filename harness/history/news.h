/* News: what a trend found, as sentences, the newest first. */
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
    size_t series;       /* index into trend->series */
    size_t night;        /* the night on which it was found, index into trend->nights */
    hd_cost cost;        /* if kind is HD_NEWS_LEVEL */
    size_t first, count; /* in trend->disagreements, trend->number_changes, or the series' changes of cost;
                            changes of one series since one night are one piece of news */
    bool fresh; /* found on the newest night (hd_trend_is_new), or a disagreement found there again on both
                   sides; what a host that is gone found last is not fresh */
    bool bad;   /* numbers, disagreements, and levels that rise */
} hd_news;

/* Gathers the news, the newest first; of one night disagreements, then numbers, then levels. The caller frees
 * *news with free(); NULL if there are none. HD_UNAVAILABLE: no memory. */
hd_status hd_news_gather(const hd_trend *trend, hd_news **news, size_t *count, hd_error *error);

/* Gives "disagreement", "numbers", "slower", "faster", "products slower", "products faster", "larger",
 * "smaller", "larger on the device" or "smaller on the device". */
const char *hd_news_word(const hd_news *news);

/* Writes a sentence without the word and a newline: which series, what, since when, found when. */
void hd_news_say(FILE *to, const hd_trend *trend, const hd_news *news);

/* Writes "mnist-2017-cpu forward on cpu (AMD EPYC, 2 threads)", with the hashes' first digits if series of
 * that name differ in them. */
void hd_news_say_series(FILE *to, const hd_series *series);

/* The median of the measured seconds on a level's first nights: of the level before a change of time, and of
 * the one that began with it (up to the night on which the change was found). The change itself is in units
 * of what the products take, which may have changed too. */
double hd_news_seconds_before(const hd_trend *trend, const hd_news *news);
double hd_news_seconds_after(const hd_trend *trend, const hd_news *news);

/* The change of the i-th of the `count` hyper-iterations of numbers or a disagreement, and the one that moved
 * most. Both belong to the trend. */
const hd_number_change *hd_news_number_change(const hd_trend *trend, const hd_news *news, size_t i);
const hd_number_change *hd_news_most(const hd_trend *trend, const hd_news *news);

#endif
