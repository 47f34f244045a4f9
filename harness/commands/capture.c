/* hyperdrift capture: a run's tensors to a file. */
#include "commands/commands.h"
#include "drift/lockstep.h"
#include "run/loaded_experiment.h"

#include <string.h>

hd_status hd_command_capture(const hd_options *options) {
    hd_variant variant;
    hd_error error;
    size_t length = strlen(options->out);
    if (length > 3 && !strcmp(options->out + length - 3, ".gz")) {
        hd_fail(&error, HD_INVALID, "%s: captures are written plain; gzip it then, it will be read",
                options->out);
        return hd_complain(HD_OK, &error);
    }
    hd_status status = hd_variant_make(options->words[0], (const char *const *)options->words + 1,
                                       options->word_count - 1, &variant, &error);
    if (status == HD_OK) status = hd_lockstep_capture(&variant, options->full, options->out, &error);
    return status == HD_OK ? HD_OK : hd_complain(HD_OK, &error);
}
