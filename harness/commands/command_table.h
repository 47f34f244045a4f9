/* What a command line may say besides its options: the commands, the words that follow each, and which
 * options need one another. */
#ifndef HD_COMMANDS_COMMAND_TABLE_H
#define HD_COMMANDS_COMMAND_TABLE_H

#include "commands/options.h"

typedef struct hd_command_row {
    const char *name;   /* one word, or two: "history list" */
    size_t least, most; /* how many words follow it */
    const char *wanted; /* said where there are fewer or more */
} hd_command_row;

extern const hd_command_row hd_command_table[HD_COMMANDS];

/* What --help says before the options and, after a vertical tab, behind them. */
extern const char hd_command_table_help[];

/* Writes the command that the first words name and how many of them do, 1 or 2. HD_INVALID, with those that
 * there are: they name none. */
hd_status hd_command_table_find(char *const *words, size_t count, hd_command *command, size_t *used,
                                hd_error *error);

/* HD_INVALID, with the cause: the command wants other words, or lacks an option that it or another option
 * needs. */
hd_status hd_command_table_check(const hd_options *options, hd_error *error);

#endif
