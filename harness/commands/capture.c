/* hyperdrift capture: writes a run's tensors to a file. */
#include "base/terminal.h"
#include "commands/commands.h"
#include "drift/lockstep.h"
#include "run/loaded_experiment.h"

#include <string.h>

hd_status hd_command_capture(const hd_options *options) {
    hd_variant variant;
    hd_error error;
    size_t length = strlen(options->request.out);
    if (length > 3 && !strcmp(options->request.out + length - 3, ".gz")) {
        hd_fail(&error, HD_INVALID,
                "%s: captures are written uncompressed; gzip it afterwards: drift reads that too",
                options->request.out);
        return hd_terminal_complain(HD_OK, &error);
    }
    hd_status status = hd_variant_make(options->words[0], (const char *const *)options->words + 1,
                                       options->word_count - 1, &variant, &error);
    if (status == HD_OK) status = hd_lockstep_capture(&variant, options->full, options->request.out, &error);
    return status == HD_OK ? HD_OK : hd_terminal_complain(HD_OK, &error);
}
