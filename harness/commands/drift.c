/* hyperdrift drift: where two runs part, by how much, and why. */
#include "base/file.h"
#include "base/json.h"
#include "base/terminal.h"
#include "capture/capture_variant.h"
#include "commands/commands.h"
#include "drift/lockstep.h"
#include "drift/report.h"
#include "run/loaded_experiment.h"

#include <stdio.h>
#include <string.h>

/* --- captures --- */

static hd_status read_input(void *context, void *bytes, size_t count, hd_error *error) {
    return hd_input_read(context, bytes, count, error);
}

static bool input_ended(void *context) {
    return hd_input_ended(context);
}

/* A capture file being read. */
typedef struct hd_stored {
    hd_input *input;
    hd_capture_reader reader;
} hd_stored;

static hd_status open_stored(const char *path, hd_stored *stored, hd_error *error) {
    hd_status status = hd_input_open(path, &stored->input, error);
    if (status == HD_OK)
        status = hd_capture_reader_start(
            &stored->reader,
            (hd_stream){.read = read_input, .context = stored->input, .ended = input_ended, .name = path},
            error);
    const hd_capture_info *info = &stored->reader.info;
    if (status == HD_OK && info->tensors != hd_capture_kinds(info->mode))
        status = hd_fail(error, HD_INVALID, "%s: lacks kinds of tensors that a capture has", path);
    return status;
}

static void close_stored(hd_stored *stored) {
    hd_capture_reader_free(&stored->reader);
    hd_input_close(stored->input);
}

/* What the capture ran, if it can be told and run here; else why not. */
static void find_variant(const hd_stored *stored, hd_variant *variant, hd_error *why_not,
                         hd_drift_side *side) {
    *side = (hd_drift_side){.capture = (hd_capture_reader *)(uintptr_t)&stored->reader};
    hd_status status = hd_capture_variant(&stored->reader.info, variant, why_not);
    side->variant = variant;
    if (status == HD_OK) status = hd_lockstep_try(side, why_not);
    side->variant = status == HD_OK ? variant : NULL;
    side->why_not = status == HD_OK ? NULL : why_not->message;
}

/* --- the sides --- */

typedef struct hd_drift_command {
    hd_stored stored[2];
    hd_variant variant[2];
    hd_error why_not[2];
    hd_drift_side side[2];
} hd_drift_command;

static hd_status use_capture(hd_drift_command *command, size_t s, const char *path, hd_error *error) {
    hd_status status = open_stored(path, &command->stored[s], error);
    if (status == HD_OK)
        find_variant(&command->stored[s], &command->variant[s], &command->why_not[s], &command->side[s]);
    return status;
}

static hd_status use_variant(hd_drift_command *command, size_t s, const hd_options *options,
                             hd_error *error) {
    command->side[s] = (hd_drift_side){.variant = &command->variant[s]};
    return hd_variant_make(options->words[0], options->side[s], options->side_count[s], &command->variant[s],
                           error);
}

static hd_status expect_same_data(const hd_stored stored[2], hd_error *error) {
    const hd_capture_info *a = &stored[0].reader.info, *b = &stored[1].reader.info;
    if (!strcmp(a->data_sha256, b->data_sha256) || strcmp(a->experiment_sha256, b->experiment_sha256) != 0)
        return HD_OK;
    return hd_fail(error, HD_INVALID, "%s and %s: different data: cannot be compared",
                   stored[0].reader.stream.name, stored[1].reader.stream.name);
}

static hd_status open_sides(const hd_options *options, hd_drift_command *command, hd_error *error) {
    bool captures = options->word_count == 2;
    hd_status status = captures || options->against
                           ? use_capture(command, 0, captures ? options->words[0] : options->against, error)
                           : use_variant(command, 0, options, error);
    if (status == HD_OK)
        status = captures ? use_capture(command, 1, options->words[1], error)
                          : use_variant(command, 1, options, error);
    return status == HD_OK && captures ? expect_same_data(command->stored, error) : status;
}

static hd_status close_sides(hd_drift_command *command, hd_status status, hd_error *error) {
    for (size_t s = 0; s < 2; s++) {
        const hd_capture_reader *reader = &command->stored[s].reader;
        if (status == HD_OK && command->stored[s].input && reader->ended && !reader->cut)
            status = hd_input_expect_end(command->stored[s].input, error);
        if (command->side[s].capture || command->stored[s].input) close_stored(&command->stored[s]);
    }
    return status;
}

/* What is cut short is not known to be identical. */
static hd_status print(const hd_options *options, const hd_drift *drift, const hd_diagnosis *diagnosis) {
    bool cut = drift->cut[0] || drift->cut[1];
    if (options->json) {
        json_t *json = hd_drift_json(drift, diagnosis);
        if (!json)
            return hd_terminal_complain(HD_OK, &(hd_error){HD_UNAVAILABLE, "no memory for a JSON document"});
        hd_document_print(json, 17);
    } else if (options->quiet) {
        char finding[HD_VERDICT_TEXT];
        printf("%s%s\n", hd_drift_verdict_text(diagnosis, finding), cut ? ", up to a cut" : "");
    } else {
        hd_drift_print(stdout, drift, diagnosis, options->verbose);
    }
    return diagnosis->finding != HD_IDENTICAL || cut ? HD_DIFFERENT : HD_OK;
}

hd_status hd_command_drift(const hd_options *options) {
    static hd_drift_command command;
    static hd_diagnosis diagnosis;
    hd_diagnosis_wishes wishes = {.pairing = options->pairing,
                                  .repeat = options->request.repeat ? options->request.repeat : 1};
    hd_drift drift = {.compared = 0};
    hd_error error;
    hd_status status = open_sides(options, &command, &error);
    if (status == HD_OK) status = hd_lockstep(command.side, 0, true, &drift, &error);
    if (status == HD_OK) status = hd_diagnose(&drift, command.side, wishes, &diagnosis, &error);
    hd_terminal_show("%s", "");
    status = close_sides(&command, status, &error);
    status = status == HD_OK ? print(options, &drift, &diagnosis) : hd_terminal_complain(HD_OK, &error);
    hd_diagnosis_free(&diagnosis);
    hd_drift_free(&drift);
    return status;
}
