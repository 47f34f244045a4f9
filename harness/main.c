#include "base/process.h"
#include "commands/commands.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

/* OpenMP's threads spin while they wait; beside another program a run then takes many times as long. With
 * GOMP_SPINCOUNT=3000 they soon sleep, and are as fast on a free machine. OpenMP reads its variables when it
 * is loaded, before main: if the user has set none, we set them and start again. If that cannot be done, we
 * go on. */
static void let_waiting_threads_sleep(char **argv) {
    char self[PATH_MAX] = "";
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) return;
    if (!getauxval(AT_BASE)) return; /* the loader was started by name, and /proc/self/exe is the loader */
    if (setenv("OMP_WAIT_POLICY", "passive", 1) || setenv("GOMP_SPINCOUNT", "3000", 1)) return;
    if (readlink("/proc/self/exe", self, sizeof self - 1) > 0) execv(self, argv);
}

int main(int argc, char **argv) {
    static hd_status (*const commands[HD_COMMANDS])(const hd_options *) = {
        [HD_COMMAND_RUN] = hd_command_run,
        [HD_COMMAND_CHECK] = hd_command_check,
        [HD_COMMAND_DIFF] = hd_command_diff,
        [HD_COMMAND_BLESS] = hd_command_bless,
        [HD_COMMAND_DEVICES] = hd_command_devices,
        [HD_COMMAND_BENCH] = hd_command_bench,
        [HD_COMMAND_DRIFT] = hd_command_drift,
        [HD_COMMAND_CAPTURE] = hd_command_capture,
        [HD_COMMAND_EXPLAIN] = hd_command_explain,
        [HD_COMMAND_REPORT] = hd_command_report,
        [HD_COMMAND_CALIBRATE] = hd_command_calibrate,
        [HD_COMMAND_MERGE] = hd_command_merge,
        [HD_COMMAND_HISTORY_CHANGES] = hd_command_history,
        [HD_COMMAND_HISTORY_LIST] = hd_command_history,
        [HD_COMMAND_HISTORY_SHOW] = hd_command_history,
        [HD_COMMAND_HISTORY_VERIFY] = hd_command_history,
        [HD_COMMAND_HISTORY_EXPORT] = hd_command_history,
        [HD_COMMAND_HISTORY_PRUNE] = hd_command_history,
        [HD_COMMAND_HISTORY_RECOVER] = hd_command_history,
    };
    let_waiting_threads_sleep(argv);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit must be an error like a full disk, */
    signal(SIGPIPE, SIG_IGN); /* and so must a reader that is gone */
    hd_process_catch_interrupts();
    hd_options options;
    hd_options_parse(argc, argv, &options);
    hd_status status = commands[options.command](&options);
    hd_options_free(&options);
    if (fflush(stdout) || ferror(stdout)) {
        perror("hyperdrift: standard output");
        return HD_UNAVAILABLE;
    }
    return (int)status;
}
