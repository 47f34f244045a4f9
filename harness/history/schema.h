/* The tables of a history: entry i of the list makes schema i + 1 (PRAGMA user_version) of schema i, from an
 * empty file on. A released entry is never edited.
 *
 * A number that is not finite is the text 'nan', 'inf' or '-inf': SQLite would turn a NaN into NULL.
 * Identical results, provenance and verdicts are stored once and found by their SHA-256, so a night on which
 * nothing changed adds rows only to run, record, timing and record_verdict. */
#ifndef HD_HISTORY_SCHEMA_H
#define HD_HISTORY_SCHEMA_H

enum { HD_HISTORY_APPLICATION = 0x68647269 /* PRAGMA application_id: "hdri" */ };

static const char *const hd_history_schema[] = {
    /* 1: runs, their records, what they were judged by */
    "CREATE TABLE run ("
    " id INTEGER PRIMARY KEY,"
    " uid TEXT NOT NULL UNIQUE,"    /* 128 random bits in hex: names the run in any file */
    " sha256 TEXT NOT NULL,"        /* of the whole run, see history/checksum.h */
    " moment REAL NOT NULL,"        /* its start, seconds since 1970; after the host's run before */
    " started TEXT NOT NULL,"       /* 2026-11-23T02:00:00Z, by the machine's clock */
    " kept TEXT NOT NULL,"          /* when it was appended, likewise */
    " clock_back INTEGER NOT NULL," /* 1: the clock had gone back since the host's run before */
    " host TEXT NOT NULL,"
    " version TEXT NOT NULL,"
    " commit_id TEXT NOT NULL,"
    " arguments TEXT NOT NULL," /* JSON array: the command line */
    " status INTEGER NOT NULL," /* exit status */
    " passed INTEGER NOT NULL, failed INTEGER NOT NULL, known INTEGER NOT NULL, skipped INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE series (" /* only runs of one series are compared */
    " id INTEGER PRIMARY KEY,"
    " experiment TEXT NOT NULL, experiment_sha256 TEXT NOT NULL, data_sha256 TEXT NOT NULL,"
    " mode TEXT NOT NULL,"    /* forward, reverse */
    " device TEXT NOT NULL,"  /* cpu, cuda, cuda-cublas, ... */
    " machine TEXT NOT NULL," /* class of machine: HYPERDRIFT_MACHINE, or the GPU's or processor's name */
    " threads INTEGER NOT NULL,"
    " UNIQUE (experiment, experiment_sha256, data_sha256, mode, device, machine, threads)"
    ") STRICT;"
    "CREATE TABLE provenance (id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, json TEXT NOT NULL) "
    "STRICT;"
    "CREATE TABLE result (" /* a record's JSON without provenance, memory and time */
    " id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, json TEXT NOT NULL) STRICT;"
    "CREATE TABLE record ("
    " id INTEGER PRIMARY KEY,"
    " run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,"
    " series INTEGER NOT NULL REFERENCES series,"
    " step INTEGER NOT NULL," /* hyper-iteration */
    " result INTEGER NOT NULL REFERENCES result,"
    " provenance INTEGER NOT NULL REFERENCES provenance,"
    " state_bytes INTEGER NOT NULL,"
    " UNIQUE (run, series, step)"
    ") STRICT;"
    "CREATE TABLE timing (" /* every repetition, not a median */
    " record INTEGER NOT NULL REFERENCES record ON DELETE CASCADE, repetition INTEGER NOT NULL," /* from 1 */
    " seconds REAL NOT NULL, data REAL NOT NULL, training REAL NOT NULL, differentiate REAL NOT NULL,"
    " validation REAL NOT NULL, operations REAL NOT NULL, launches INTEGER NOT NULL,"
    " sgemm_rate REAL NOT NULL," /* GFLOP/s of the products alone, measured in the same run; 0: not measured */
    " peak_bytes INTEGER NOT NULL, device_bytes INTEGER NOT NULL, device_data_bytes INTEGER NOT NULL,"
    " PRIMARY KEY (record, repetition)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE quantity (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE standard (" /* what a quantity must be; an expected -0 is stored as 0 */
    " id INTEGER PRIMARY KEY,"
    " quantity INTEGER NOT NULL REFERENCES quantity,"
    " measure TEXT NOT NULL," /* absolute, relative */
    " expected ANY NOT NULL, tolerance ANY NOT NULL,"
    " UNIQUE (quantity, measure, expected, tolerance)"
    ") STRICT;"
    "CREATE TABLE verdict (" /* one record judged by one golden, printed record or earlier repetition */
    " id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE," /* of this row and its judgements, see history/checksum.h */
    " against TEXT NOT NULL, passes INTEGER NOT NULL, figures INTEGER NOT NULL, failures INTEGER NOT NULL,"
    " known INTEGER NOT NULL,"
    " worst INTEGER REFERENCES quantity," /* what used most of its tolerance; NULL: nothing was compared */
    " worst_budget ANY NOT NULL"
    ") STRICT;"
    "CREATE TABLE judgement ("
    " verdict INTEGER NOT NULL REFERENCES verdict ON DELETE CASCADE, place INTEGER NOT NULL,"
    " standard INTEGER NOT NULL REFERENCES standard,"
    " element TEXT NOT NULL, value ANY NOT NULL, budget_used ANY NOT NULL,"
    " outcome TEXT NOT NULL," /* pass, fail, known */
    " note TEXT NOT NULL,"
    " PRIMARY KEY (verdict, place)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE record_verdict ("
    " record INTEGER NOT NULL REFERENCES record ON DELETE CASCADE,"
    " verdict INTEGER NOT NULL REFERENCES verdict,"
    " PRIMARY KEY (record, verdict)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE skip (run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, what TEXT NOT NULL,"
    " why TEXT NOT NULL) STRICT;"
    "CREATE TABLE failure (run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, message TEXT NOT NULL) "
    "STRICT;"
    "CREATE INDEX record_series ON record (series);"
    "CREATE VIEW figure AS" /* every judgement of every night, for your own queries */
    " SELECT run.id AS run, run.started, run.host, run.commit_id, series.experiment, record.step, "
    "series.mode,"
    "  series.device, series.machine, verdict.against, quantity.name AS quantity, judgement.element,"
    "  judgement.value, standard.expected, standard.measure, standard.tolerance, judgement.budget_used,"
    "  judgement.outcome, judgement.note"
    " FROM run JOIN record ON record.run = run.id JOIN series ON series.id = record.series"
    "  JOIN record_verdict ON record_verdict.record = record.id"
    "  JOIN verdict ON verdict.id = record_verdict.verdict"
    "  JOIN judgement ON judgement.verdict = verdict.id JOIN standard ON standard.id = judgement.standard"
    "  JOIN quantity ON quantity.id = standard.quantity;",

    /* 2: runs that are shards of a matrix */
    "ALTER TABLE run ADD COLUMN matrix TEXT;"     /* the same for all shards; NULL: a run by itself */
    "ALTER TABLE run ADD COLUMN shard INTEGER;"   /* I of --shard I/N */
    "ALTER TABLE run ADD COLUMN shards INTEGER;", /* N */

    /* 3: what a shard was started with, and its goldens */
    "ALTER TABLE run ADD COLUMN terms TEXT;", /* JSON, see matrix/shard_terms.h; NULL: by itself, or schema
                                                 2 */
};

enum { HD_HISTORY_NEWEST = sizeof hd_history_schema / sizeof *hd_history_schema };

#endif
