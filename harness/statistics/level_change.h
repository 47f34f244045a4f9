/* Changes of level in a series of a cost, one value a night.
 *
 * The nights since the last change are one level. Each night, for k = 5, 10 and 20, its last k nights are
 * compared with its reference, the first 60 of those before them, by the exact Mann-Whitney test in both
 * directions (statistics/mann_whitney.h). A change is found where
 *     P(U <= u) <= level_k / 2   and   the medians differ by HD_LEVEL_CHANGE_LEAST or more.
 * The levels are 1.42e-5, 1.8e-6 and 4e-6: together 2e-5 for a night of a cost. Three of a series vary (time,
 * its products alone, the process's memory), which makes 6e-5 for its night at most, 0.6 false alarms for 50
 * series in 200 nights, whatever the distribution of their noise, as long as the nights of a level are
 * exchangeable. The fourth, the device's memory, is counted by the program itself: it repeats to the byte,
 * and costs nothing. (A false change may be followed by another, back. Noise that is correlated from night to
 * night costs more: with a correlation of 0.3 in all three costs, some 14.)
 *
 * Each k is tested as soon as the reference can reach its level at all: with 25 nights for k = 5, 13 for
 * k = 10, 7 for k = 20. One outlier or two make no change by themselves, for nearly all of five nights' pairs
 * must go one way. (With the help of ordinary nights 0.1 % of single ones did in normal noise, and 0.5 % of
 * two in a row.)
 *
 * In noise of 2 % (normal) a step of 20 or 10 % is found by the fifth night, one of 5 % in nearly half of the
 * series by then and in nine of ten by the tenth, one of 3 % in half of them by the eighteenth.
 *
 * The reference stays where the level began, and does not move on with the nights: so a slow drift adds up
 * until it is found. (One of 0.02 % a night in noise of 2 % was found after 122 nights; with a reference of
 * the newest 60 nights most were not found in 600.)
 *
 * The change is placed where two medians, of the nights before and after, leave the least sum of absolute
 * deviations, among the level's newest 80 nights and with 3 or more on either side. There a new level begins.
 * (Of steps of 10 % in noise of 2 %, 98 % were placed on the very night; where the standardized U is
 * greatest, 66 %.)
 *
 * A level that is younger than a test's reference must be would be blind to what happens in it, as when a
 * regression is reverted after a week. So it is lent the noise of the levels before it: their newest 60
 * nights, each over its level's median, times the greatest of the young level's first nights (5 or more of
 * them) where an increase is looked for, or the least for a decrease. The true median is beyond that of n
 * nights with probability 2^-n, and then hardly: the test remains conservative unless the noise itself has
 * become wider.
 *
 * A cost without noise (state bytes) needs nothing else: five nights beyond 25 equal ones are a change, and
 * equal ones are none, for pairs that are equal speak against it.
 *
 * The tests see nights 1 .. n alone and each change is kept as it was found, so the changes of the first n
 * nights are the first of those of more nights. That, a rate that needs no permutations drawn at random, and
 * time are why this is not E-divisive (Matteson and James 2014): it divides a series as a whole, may place
 * all changes anew with each night, and for a level of 1e-5 would want 1e5 permutations of each series. */
#ifndef HD_STATISTICS_LEVEL_CHANGE_H
#define HD_STATISTICS_LEVEL_CHANGE_H

#include "core/error.h"

#include <stddef.h>

/* The least relative change that matters: a factor of 1.02 up, or 1/1.02 down. */
#define HD_LEVEL_CHANGE_LEAST 0.02

/* The share of the intervals [low, high] that hold what they are of. */
#define HD_LEVEL_CHANGE_CONFIDENCE 0.95

typedef struct hd_level_change {
    size_t at;            /* the first night of the new level */
    size_t found;         /* the night after which it was found */
    size_t nights;        /* k: by so many nights */
    double p;             /* of the test that found it, two-sided; of many tests a night */
    double before, after; /* medians of the old level's first 60 nights, and of the new one's newest 20 */
    double ratio;         /* after over before, by Hodges and Lehmann: the median over all pairs of them */
    double low,
        high; /* HD_LEVEL_CHANGE_CONFIDENCE interval of the ratio: the pairs' but for the most extreme on
                         either side, as many as the test allows; 0 and infinity of too few nights */
} hd_level_change;

/* Finds the changes in value[count], one a night from the first to the last, in the order they were found.
 * Whatever is not a positive, finite number is a night without a value, and left out: NaN, and also 0, which
 * in a record says "not measured". Nights in the result are indices of value. *changes is the caller's to
 * free(), NULL where there are none. HD_UNAVAILABLE: no memory. */
hd_status hd_level_changes_find(const double *value, size_t count, hd_level_change **changes,
                                size_t *change_count, hd_error *error);

/* How many nights with a value the newest level still lacks until a change of it can be found by five nights:
 * it needs 30, or 10 where 25 came before it; 0: none. changes[change_count] are those found in value[count].
 * (By ten or twenty nights a change may be found earlier.) */
size_t hd_level_change_learning(const double *value, size_t count, const hd_level_change *changes,
                                size_t change_count);

#endif
