/* hyperdrift drift: where two runs part, by how much, and why. */
#include "base/file.h"
#include "base/json.h"
#include "base/terminal.h"
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

/* A capture file being read. */
typedef struct hd_stored {
    hd_input *input;
    hd_capture_reader reader;
} hd_stored;

static hd_status open_stored(const char *path, hd_stored *stored, hd_error *error) {
    hd_status status = hd_input_open(path, &stored->input, error);
    if (status == HD_OK)
        status =
            hd_capture_reader_start(&stored->reader, (hd_stream){read_input, stored->input, path}, error);
    return status;
}

static void close_stored(hd_stored *stored) {
    hd_capture_reader_free(&stored->reader);
    hd_input_close(stored->input);
}

static hd_status compare_captures(char *const *paths, hd_drift *drift, hd_error *error) {
    hd_stored side[2] = {{.input = NULL}, {.input = NULL}};
    hd_status status = open_stored(paths[0], &side[0], error);
    if (status == HD_OK) status = open_stored(paths[1], &side[1], error);
    if (status == HD_OK && strcmp(side[0].reader.info.data_sha256, side[1].reader.info.data_sha256) != 0)
        status =
            hd_fail(error, HD_INVALID, "%s and %s: different data: cannot be compared", paths[0], paths[1]);
    if (status == HD_OK) status = hd_drift_compare(&side[0].reader, &side[1].reader, NULL, drift, error);
    for (size_t s = 0; status == HD_OK && s < 2; s++) status = hd_input_expect_end(side[s].input, error);
    for (size_t s = 0; s < 2; s++) close_stored(&side[s]);
    return status;
}

/* --- a capture and a variant --- */

static hd_status compare_against(const hd_options *options, hd_drift *drift, hd_error *error) {
    static hd_variant variant;
    hd_stored stored = {.input = NULL};
    hd_status status =
        hd_variant_make(options->words[0], options->side[1], options->side_count[1], &variant, error);
    if (status == HD_OK) status = open_stored(options->against, &stored, error);
    if (status == HD_OK) status = hd_lockstep_against(&stored.reader, &variant, drift, error);
    if (status == HD_OK) status = hd_input_expect_end(stored.input, error);
    close_stored(&stored);
    return status;
}

/* --- two variants --- */

static hd_status make_variants(const hd_options *options, hd_variant variant[2], hd_error *error) {
    hd_status status = HD_OK;
    for (size_t s = 0; status == HD_OK && s < 2; s++)
        status =
            hd_variant_make(options->words[0], options->side[s], options->side_count[s], &variant[s], error);
    return status;
}

static hd_status print(const hd_options *options, const hd_drift *drift, const hd_diagnosis *diagnosis) {
    if (options->json) {
        json_t *json = hd_drift_json(drift, diagnosis);
        if (!json)
            return hd_terminal_complain(HD_OK, &(hd_error){HD_UNAVAILABLE, "no memory for a JSON document"});
        hd_document_print(json, 17);
    } else if (options->quiet) {
        char finding[HD_VARIANT_KEY + 16];
        printf("%s\n", hd_drift_verdict_text(diagnosis, finding));
    } else {
        hd_drift_print(stdout, drift, diagnosis, options->verbose);
    }
    return drift->differing ? HD_DIFFERENT : HD_OK;
}

hd_status hd_command_drift(const hd_options *options) {
    static hd_variant variant[2];
    static hd_diagnosis diagnosis;
    hd_drift drift = {.compared = 0};
    hd_error error;
    bool captures = options->word_count == 2, live = !captures && !options->against;
    hd_status status = captures           ? compare_captures(options->words, &drift, &error)
                       : options->against ? compare_against(options, &drift, &error)
                                          : make_variants(options, variant, &error);
    if (status == HD_OK && live) status = hd_lockstep(&variant[0], &variant[1], 0, true, &drift, &error);
    if (status == HD_OK)
        status = hd_diagnose(&drift, live ? &variant[0] : NULL, live ? &variant[1] : NULL, options->pairing,
                             &diagnosis, &error);
    status = status == HD_OK ? print(options, &drift, &diagnosis) : hd_terminal_complain(HD_OK, &error);
    hd_diagnosis_free(&diagnosis);
    hd_drift_free(&drift);
    return status;
}
