/* The commands, the words that follow each, and which options need one another. */
#ifndef HD_COMMANDS_COMMAND_TABLE_H
#define HD_COMMANDS_COMMAND_TABLE_H

#include "commands/options.h"

typedef struct hd_command_row {
    const char *name;   /* one word, or two: "history list" */
    size_t least, most; /* how many words follow it */
    const char *wanted; /* the message if there are fewer or more */
} hd_command_row;

extern const hd_command_row hd_command_table[HD_COMMANDS];

/* The text of --help before the options and, after a vertical tab, behind them. */
extern const char hd_command_table_help[];

/* Finds the command that the first words name, and how many of them (1 or 2). HD_INVALID: they name none; the
 * message lists the commands. */
hd_status hd_command_table_find(char *const *words, size_t count, hd_command *command, size_t *used,
                                hd_error *error);

/* Checks words and options. HD_INVALID, with the cause: the command needs other words, or an option is
 * missing that it or another option needs. */
hd_status hd_command_table_check(const hd_options *options, hd_error *error);

#endif
