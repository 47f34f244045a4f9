/* The commands. Each prints its results on stdout and its errors on stderr, and returns the exit status. */
#ifndef HD_COMMANDS_COMMANDS_H
#define HD_COMMANDS_COMMANDS_H

#include "commands/options.h"
#include "history/history.h"

hd_status hd_command_run(const hd_options *options);
hd_status hd_command_check(const hd_options *options);
hd_status hd_command_diff(const hd_options *options);
hd_status hd_command_bless(const hd_options *options);
hd_status hd_command_devices(const hd_options *options);
hd_status hd_command_bench(const hd_options *options);
hd_status hd_command_drift(const hd_options *options);
hd_status hd_command_calibrate(const hd_options *options);
hd_status hd_command_capture(const hd_options *options);
hd_status hd_command_explain(const hd_options *options);
hd_status hd_command_merge(const hd_options *options);
hd_status hd_command_report(const hd_options *options);
hd_status hd_command_history(const hd_options *options); /* all parts */

/* `history changes`, called by hd_command_history. HD_DIFFERENT: there is something new to look at. */
hd_status hd_history_changes(const hd_options *options, hd_history *history, hd_error *error);

#endif
