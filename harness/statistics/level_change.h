/* Finds changes of level in a series of a cost, one value a night.
 *
 * The nights since the last change are one level. Each night, for k = 5, 10 and 20, we compare the last k
 * nights with a reference, the first 60 of the level's nights before them, by the exact Mann-Whitney test in
 * both directions (statistics/mann_whitney.h). There is a change if
 *     P(U <= u) <= level_k / 2   and   the medians differ by HD_LEVEL_CHANGE_LEAST or more.
 * The levels are 1.42e-5, 1.8e-6 and 4e-6: together 2e-5 for a night of a cost. Three costs of a series vary
 * (time, its products alone, the process's memory), which makes at most 6e-5 a night: 0.6 false alarms for 50
 * series in 200 nights, whatever the noise's distribution, as long as the nights of a level are exchangeable.
 * The program itself counts the fourth cost, the device's memory, which repeats to the byte and raises none.
 * (A false change may be followed by another one back. Noise that is correlated from night to night raises
 * more: with a correlation of 0.3 in all three costs, some 14.)
 *
 * We test each k as soon as the reference can reach its level at all: k = 5 with 25 nights, k = 10 with 13,
 * k = 20 with 7. One or two outliers alone make no change, for nearly all pairs of five nights must point one
 * way. (Together with ordinary nights 0.1 % of single ones did in normal noise, and 0.5 % of two in a row.)
 *
 * In normal noise of 2 % it finds a lasting change of 20 or 10 % by the fifth night; one of 5 % by then in
 * nearly half of the series and by the tenth in nine of ten; one of 3 % by the eighteenth in half of them.
 *
 * The reference stays at the level's beginning and does not follow the nights, so that a slow drift adds up
 * until it is found. (One of 0.02 % a night in noise of 2 % was found after 122 nights; with the newest 60
 * nights as reference most were not found in 600.)
 *
 * We place the change where two medians, of the nights before and after, leave the least sum of absolute
 * deviations, among the level's newest 80 nights and with 3 or more on either side. A new level begins there.
 * (In noise of 2 % it placed 98 % of changes of 10 % on the very night; the greatest standardized U, 66 %.)
 *
 * A young level has too few nights for a test, and we would miss, for example, a regression that is reverted
 * after a week. So we use the noise of the levels before it: their newest 60 nights, each over its level's
 * median, times the greatest of the young level's first nights (5 or more) to find an increase, or the least
 * to find a decrease. The true median is beyond that of n nights with probability 2^-n, and then hardly: the
 * test stays conservative unless the noise itself has become wider.
 *
 * A cost without noise (state bytes) needs no special treatment: five nights beyond 25 equal ones are a
 * change, and equal ones are none, since equal pairs count against it.
 *
 * The tests see only nights 1 .. n and we keep each change as it was found, so more nights add changes and
 * alter none. For that, for a rate without random permutations, and for time we do not use E-divisive
 * (Matteson and James 2014): it divides a series as a whole, may place all changes anew each night, and for a
 * level of 1e-5 would need 1e5 permutations of each series. */
#ifndef HD_STATISTICS_LEVEL_CHANGE_H
#define HD_STATISTICS_LEVEL_CHANGE_H

#include "core/error.h"

#include <stddef.h>

/* The least relative change that matters: a factor of 1.02 up, or 1/1.02 down. */
#define HD_LEVEL_CHANGE_LEAST 0.02

/* The share of the intervals [low, high] that hold the true ratio. */
#define HD_LEVEL_CHANGE_CONFIDENCE 0.95

typedef struct hd_level_change {
    size_t at;            /* the first night of the new level */
    size_t found;         /* the night after which it was found */
    size_t nights;        /* k: the test's number of nights */
    double p;             /* two-sided, of the test that found it; there are many tests a night */
    double before, after; /* medians of the old level's first 60 nights and the new one's newest 20 */
    double ratio;         /* after over before, by Hodges and Lehmann: the median over all pairs */
    double low,
        high; /* the ratio's HD_LEVEL_CHANGE_CONFIDENCE interval: the pairs' without the most extreme ones, as
                 many as the test allows; 0 and infinity if there are too few nights */
} hd_level_change;

/* Finds the changes in value[count], one a night, in the order they were found. Nights are indices of value.
 * A value that is not positive and finite is left out: NaN, and 0, which in a record means "not measured".
 * The caller frees *changes with free(); it is NULL if there are none. HD_UNAVAILABLE: no memory. */
hd_status hd_level_changes_find(const double *value, size_t count, hd_level_change **changes,
                                size_t *change_count, hd_error *error);

/* How many nights with a value the newest level still needs before five nights can show a change: it needs
 * 30, or 10 if 25 came before it. changes[change_count] are those found in value[count]. (Ten or twenty
 * nights may show a change earlier.) */
size_t hd_level_change_learning(const double *value, size_t count, const hd_level_change *changes,
                                size_t change_count);

#endif
