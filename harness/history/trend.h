/* Trends: what a history says over the nights. Time, memory and shares of tolerances by series, with the
 * changes of level found in them (statistics/level_change.h); the numbers that changed, with the night and commit since when;
 * and those that should be the same on several machines and are not. */
#ifndef HD_HISTORY_TREND_H
#define HD_HISTORY_TREND_H

#include "history/run_entry.h"
#include "statistics/level_change.h"

/* A host's runs that began less than so many seconds before its newest one are of the same night: a night may
 * be made of several. */
#define HD_TREND_NIGHT (18 * 3600.0)

/* A host whose newest night began so many seconds before the newest of all hosts or earlier does not run any
 * more, or is late: what it found last is old. */
#define HD_TREND_GONE (36 * 3600.0)

/* A run, in order of time. */
typedef struct hd_night {
    int64_t id;       /* run.id */
    double moment;    /* seconds since 1970 */
    char started[24]; /* 2026-11-23T02:00:00Z */
    char host[HD_MACHINE], version[HD_LABEL], commit[HD_LABEL];
    size_t first; /* the host's first run, an index into the nights: the same for all of a host's */
    int status;
    size_t passed, failed, known, skipped;
    bool clock_back; /* its clock was behind that of the host's run before: it stands after that one */
    bool newest;     /* of its host's newest night */
    bool current;    /* that, and the host is not gone: what is found on it is news */
} hd_night;

/* One series on one night, over the run's hyper-iterations and repetitions. */
typedef struct hd_trend_point {
    size_t night; /* index into trend->nights */
    double time; /* median of seconds / (operations / rate), the rate being that of the same record: how often
                    its products alone would fit in, so that a slow night of the machine cancels; NaN: the
                    rate was not measured */
    double products;      /* median of the seconds that 1e12 operations of the products alone take, 1000 over
                             their GFLOP/s: what slows them slows the run, and `time` does not show it; NaN: the
                             rate was not measured */
    double seconds;       /* median, as measured; NaN: no time was kept */
    double memory;        /* the most a process held, in bytes; 0: not known */
    double device_memory; /* the most that a device which launches kernels held; 0 on any other, which is the
                             host: what it holds is part of `memory`, and its changes are told as that one's
                             alone */
    double budget;     /* the largest share of a tolerance (Inf for NaN), of all verdicts on the records; NaN
                          where there was none */
    const char *worst; /* the quantity that used it, "" if none; the trend's */
    size_t failures, known;
} hd_trend_point;

typedef enum hd_cost {
    HD_COST_TIME,
    HD_COST_PRODUCTS,
    HD_COST_MEMORY,
    HD_COST_DEVICE_MEMORY,
    HD_COSTS
} hd_cost;

/* point.time, products, memory or device_memory, the unit of a change's levels, here and in JSON; NaN for
 * what was not measured. */
double hd_trend_cost(const hd_trend_point *point, hd_cost cost);

/* "time", "products", "memory" or "device memory". */
const char *hd_cost_name(hd_cost cost);

typedef struct hd_series {
    int64_t id;
    char experiment[HD_LABEL], experiment_sha256[HD_SHA256], data_sha256[HD_SHA256];
    hd_mode mode;
    char device[2 * HD_LABEL], machine[HD_MACHINE];
    size_t threads;
    bool renamed; /* another series has the same experiment's name and another hash of it or of its data: tell
                     them apart by these */
    hd_trend_point *points; /* [count], owned, in order of time; never none */
    size_t count;
    hd_level_change *changes[HD_COSTS]; /* [change_count], owned: `at` and `found` index points */
    size_t change_count[HD_COSTS];
    size_t learning[HD_COSTS]; /* hd_level_change_learning; 0 too where the cost is never measured */
} hd_series;

/* A number that is not what it was on the night before: on that of the series and the same host, and where
 * the host is new to the series, on the series' last one. What came to a series is told once, by the host
 * that had it first; other hosts that follow it are not told of. And where a host that was there before a new
 * one still has the old number when it runs again, the two disagree, and nothing changed. */
typedef struct hd_number_change {
    size_t series, step;
    size_t before, since; /* indices into trend->nights: the last night of the old value and the first of the
                             new one */
    size_t changed, of;   /* how many figures' bits changed (-0 is not +0), one that came or went included; of
                             how many */
    char quantity[HD_QUANTITY];  /* the one that moved most: one that came or went, else by tolerances where
                                   they  are known, else relatively; "weights" where no other changed */
    double old_value, new_value; /* NaN: one that came or went, and of the weights */
    double tolerances; /* |new - old| over its tolerance by the newer record's golden (of hypergradients
                          relatively, as compare.h has it); Inf: one that came or went; NaN: none is known */
    bool beyond;       /* tolerances > 1 */
    bool weights;      /* the weights' digest changed */
} hd_number_change;

/* Two series of one experiment, data and mode, both in the exact arithmetic, or two hosts of one series, with
 * other bits: host, machine, threads and device (cpu, cuda) must not matter. The newest night of each host is
 * compared with what most hosts have, and of them with one of its own series if there is any. Not where a
 * host has left its value since another that has it last ran: that one may well follow, and that is a change.
 * All hosts of a series with the same bits are one. */
typedef struct hd_disagreement {
    size_t other; /* the series it is compared with; it may be the same */
    size_t last;  /* the newest night on which it is so */
    hd_number_change
        change; /* .series and its new value against the other's old one; .before: the other's newest
                       night, .since: the first night on which both had what they have */
} hd_disagreement;

typedef struct hd_trend {
    hd_night *nights; /* [night_count] */
    size_t night_count;
    hd_series *series; /* [series_count], by experiment, mode, device, machine, threads, hashes */
    size_t series_count;
    hd_number_change *number_changes; /* [number_change_count], in order of time, then of series and step */
    size_t number_change_count;
    hd_disagreement *disagreements; /* [disagreement_count], by series, other, newest night, step */
    size_t disagreement_count;
    char **quantities; /* [quantity_count]: what `worst` points to */
    size_t quantity_count;
} hd_trend;

/* Reads it all, as it is at one moment. HD_INVALID: a record's numbers, or a run's place in time, cannot be
 * read (named); else as history.h's. End with hd_trend_free, also after a failure. */
hd_status hd_trend_load(const hd_history *history, hd_trend *trend, hd_error *error);
void hd_trend_free(hd_trend *trend);

/* A statement that begins so has for each run and series its index in trend->nights and trend->series: the
 * tables night (run, place) and kind (series, rank). `FROM record NOT INDEXED` joined with them is one scan
 * of the file, where by series it would be as many as there are series. */
#define HD_PLACES_SQL                                                                                        \
    "WITH night (run, place) AS (SELECT id, row_number() OVER (ORDER BY moment, id) - 1 FROM run), "         \
    "kind (series, rank) AS (SELECT id, row_number() OVER (ORDER BY experiment, mode, device, machine, "     \
    "threads, experiment_sha256, data_sha256) - 1 FROM series WHERE EXISTS (SELECT 1 FROM record "           \
    "JOIN run ON run.id = record.run WHERE record.series = series.id)) "

/* number_change.c, for hd_trend_load: fills the changes and disagreements of a trend whose nights and series
 * are there, through sql, which keeps the first failure: HD_INVALID for a record whose numbers cannot be read. */
void hd_number_changes_find(hd_sql *sql, hd_trend *trend);

/* Whether the run is its host's newest of a series, and current: what is found on it is news. */
bool hd_trend_is_new(const hd_trend *trend, size_t series, size_t night);

#endif
