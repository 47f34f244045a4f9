/* Trends over the nights of a history: time, memory and shares of tolerances by series, with their changes of
 * level (statistics/level_change.h); numbers that changed, and since which night and commit; numbers that
 * differ between machines and should not. */
#ifndef HD_HISTORY_TREND_H
#define HD_HISTORY_TREND_H

#include "history/run_entry.h"
#include "statistics/level_change.h"

/* A host's runs that began less than so many seconds before its newest one belong to the same night, which
 * may have several runs. */
#define HD_TREND_NIGHT (18 * 3600.0)

/* A host whose newest run began this many seconds or more before the newest of all hosts has stopped running,
 * or is late: what it found last is no news. */
#define HD_TREND_GONE (36 * 3600.0)

/* A run. */
typedef struct hd_night {
    int64_t id;       /* run.id */
    double moment;    /* seconds since 1970 */
    char started[24]; /* 2026-11-23T02:00:00Z */
    char host[HD_MACHINE], version[HD_LABEL], commit[HD_LABEL];
    size_t first; /* the host's first run, an index into the nights: tells hosts apart */
    int status;
    size_t passed, failed, known, skipped;
    bool clock_back; /* the clock had gone back since the host's run before; it is placed after that one */
    bool newest;     /* it belongs to its host's newest night */
    bool current;    /* newest, and the host is not gone: what is found on it is news */
} hd_night;

/* One series on one night, over the run's hyper-iterations and repetitions. */
typedef struct hd_trend_point {
    size_t night; /* index into trend->nights */
    double time;  /* median of seconds / (operations / rate): the time in units of what the record's products
                     take, so a slow night of the machine cancels; NaN: no rate */
    double products;      /* median of 1000 / GFLOP/s of the products alone: the seconds for 1e12 operations;
                             a change here does not show in `time`; NaN: no rate */
    double seconds;       /* median, as measured; NaN: none stored */
    double memory;        /* the most that a process held, in bytes; 0: not known */
    double device_memory; /* the most that a device with kernels held; 0 for the CPU's, which use `memory` */
    double budget;        /* the largest share of a tolerance used (Inf for NaN); NaN: no verdict */
    const char *worst;    /* the quantity that used it, "" if none; the trend's */
    size_t failures, known;
} hd_trend_point;

typedef enum hd_cost {
    HD_COST_TIME,
    HD_COST_PRODUCTS,
    HD_COST_MEMORY,
    HD_COST_DEVICE_MEMORY,
    HD_COSTS
} hd_cost;

/* point.time, products, memory or device_memory; a change's levels are in the same units, here and in JSON.
 * NaN: not measured. */
double hd_trend_cost(const hd_trend_point *point, hd_cost cost);

/* "time", "products", "memory" or "device memory". */
const char *hd_cost_name(hd_cost cost);

typedef struct hd_series {
    int64_t id;
    char experiment[HD_LABEL], experiment_sha256[HD_SHA256], data_sha256[HD_SHA256];
    hd_mode mode;
    char device[2 * HD_LABEL], machine[HD_MACHINE];
    size_t threads;
    bool renamed;           /* another series has this name, but another hash of the experiment or its data */
    hd_trend_point *points; /* [count], owned, in order of time; at least one */
    size_t count;
    hd_level_change *changes[HD_COSTS]; /* [change_count], owned: `at` and `found` index points */
    size_t change_count[HD_COSTS];
    size_t learning[HD_COSTS]; /* hd_level_change_learning; 0 if the cost is never measured */
} hd_series;

/* A number that changed since the night before: the host's own night before in the series, or if the host is
 * new to the series, the series' last one. If several hosts change to the same number, only the first is
 * reported. If an old host runs again after a new one and still has the old number, the two disagree and
 * nothing changed. */
typedef struct hd_number_change {
    size_t series, step;
    size_t before, since; /* indices into trend->nights: last night of the old value, first of the new */
    size_t changed, of;   /* so many of so many figures changed their bits (-0 is not +0), came or went */
    char quantity[HD_QUANTITY];  /* the one that moved most: one that came or went, else by tolerances, else
                                    (none known) relatively; "weights" if no other changed */
    double old_value, new_value; /* NaN: it came or went, or "weights" */
    double tolerances;           /* |new - old| over its tolerance by the newer record's golden (relative for
                                    hypergradients); Inf: it came or went; NaN: no tolerance known */
    bool beyond;                 /* tolerances > 1 */
    bool weights;                /* the weights' digest changed */
} hd_number_change;

/* Two series of one experiment, data and mode, both in the exact arithmetic, or two hosts of one series, that
 * have different bits: host, machine, threads and device (cpu, cuda) must not matter. The newest night of
 * each host is compared with what most hosts have; of these, with one of its own series if there is any. If
 * another host has left a host's value since that one last ran, that is a change, not a disagreement: it may
 * well follow. Hosts of a series with the same bits count as one. */
typedef struct hd_disagreement {
    size_t other;            /* the series it is compared with; may be its own */
    size_t last;             /* the series' newest night with these bits */
    hd_number_change change; /* new value: of .series; old value: of the other; .before: the other's newest
                                night; .since: the first night on which both had these values */
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

/* Reads the trend of a whole history, as it is at one moment. HD_INVALID: a record's numbers or a run's
 * moment cannot be read (named); else as history.h. End with hd_trend_free, also after a failure. */
hd_status hd_trend_load(const hd_history *history, hd_trend *trend, hd_error *error);
void hd_trend_free(hd_trend *trend);

/* Begins a statement with tables of the indices into trend->nights and trend->series: night (run, place) and
 * kind (series, rank). `FROM record NOT INDEXED` joined with them is one scan of the file instead of one for
 * each series. */
#define HD_PLACES_SQL                                                                                        \
    "WITH night (run, place) AS (SELECT id, row_number() OVER (ORDER BY moment, id) - 1 FROM run), "         \
    "kind (series, rank) AS (SELECT id, row_number() OVER (ORDER BY experiment, mode, device, machine, "     \
    "threads, experiment_sha256, data_sha256) - 1 FROM series WHERE EXISTS (SELECT 1 FROM record "           \
    "JOIN run ON run.id = record.run WHERE record.series = series.id)) "

/* For hd_trend_load: fills the number changes and disagreements of a trend that has its nights and series.
 * sql keeps the first failure: HD_INVALID for a record whose numbers cannot be read. */
void hd_number_changes_find(hd_sql *sql, hd_trend *trend);

/* Whether run `night` is its host's newest of the series, and current: what is found on it is news. */
bool hd_trend_is_new(const hd_trend *trend, size_t series, size_t night);

#endif
