/* The command line. */
#ifndef HD_COMMANDS_OPTIONS_H
#define HD_COMMANDS_OPTIONS_H

#include "run/request.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum hd_command {
    HD_COMMAND_RUN,
    HD_COMMAND_CHECK,
    HD_COMMAND_DIFF,
    HD_COMMAND_BLESS,
    HD_COMMAND_DEVICES,
    HD_COMMAND_BENCH,
    HD_COMMAND_DRIFT,
    HD_COMMAND_CAPTURE,
    HD_COMMAND_EXPLAIN,
    HD_COMMAND_REPORT,
    HD_COMMAND_CALIBRATE,
    HD_COMMAND_MERGE,
    HD_COMMAND_HISTORY_CHANGES,
    HD_COMMAND_HISTORY_LIST,
    HD_COMMAND_HISTORY_SHOW,
    HD_COMMAND_HISTORY_VERIFY,
    HD_COMMAND_HISTORY_EXPORT,
    HD_COMMAND_HISTORY_PRUNE,
    HD_COMMAND_HISTORY_RECOVER,
    HD_COMMANDS
} hd_command;

typedef struct hd_options {
    hd_command command;
    char **words; /* what follows the command; argv's own texts */
    size_t word_count;
    hd_request request;   /* what to run, for run, check and others; every command uses `out` */
    const char **side[2]; /* [side_count], owned: drift's --a and --b, KEY=VALUE each */
    size_t side_count[2];
    const char *junit, *markdown, *reason; /* NULL: not given */
    const char *against;                   /* drift's capture; NULL: not given */
    const char *history;                   /* check's file; NULL: not given */
    size_t keep_nights, run;               /* history prune; 0: not given */
    bool csv, dry_run;                     /* history export, history prune */
    size_t since;                          /* history changes: a run; 0: not given */
    bool last;                             /* history changes */
    char **arguments;                      /* [argument_count], owned: the command line as given */
    int argument_count;
    bool list; /* run, check: print the cells, run none */
    size_t replicas, verify;
    double tolerance;
    bool json, quiet, verbose, loosen, full, pairing;
    bool annotations; /* check: GitHub's log commands for what failed */
} hd_options;

/* Parses the command line; for help and version prints them and exits. Wrong usage (also an option that the
 * command does not read) is one line on stderr and exit status 2. End with hd_options_free. */
void hd_options_parse(int argc, char **argv, hd_options *options);
void hd_options_free(hd_options *options);

#endif
