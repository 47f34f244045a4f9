/* hyperdrift drift: where two runs part, by how much, and why. */
#include "commands.h"
#include "drift_report.h"
#include "file.h"
#include "lockstep.h"
#include "subject.h"

#include <stdio.h>
#include <string.h>

/* --- two captures --- */

static hd_status read_input(void *context, void *bytes, size_t count, hd_error *error) {
    return hd_input_read(context, bytes, count, error);
}

static hd_status compare_captures(char *const *paths, hd_drift *drift, hd_error *error) {
    hd_input *input[2] = {NULL, NULL};
    hd_capture_reader reader[2] = {{.values = NULL}, {.values = NULL}};
    hd_status status = HD_OK;
    for (size_t s = 0; status == HD_OK && s < 2; s++) {
        status = hd_input_open(paths[s], &input[s], error);
        if (status == HD_OK)
            status = hd_capture_reader_start(&reader[s], (hd_stream){read_input, input[s], paths[s]}, error);
    }
    if (status == HD_OK) status = hd_drift_compare(&reader[0], &reader[1], NULL, drift, error);
    for (size_t s = 0; status == HD_OK && s < 2; s++) status = hd_input_expect_end(input[s], error);
    for (size_t s = 0; s < 2; s++) {
        hd_capture_reader_free(&reader[s]);
        hd_input_close(input[s]);
    }
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
        json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
        putchar('\n');
        json_decref(json);
    } else if (options->quiet) {
        char finding[HD_VARIANT_KEY + 16];
        printf("%s\n", hd_finding_text(diagnosis, finding));
    } else {
        hd_drift_print(stdout, drift, diagnosis, options->verbose);
    }
    return drift->differing ? HD_DIFFERENT : HD_OK;
}

hd_status hd_command_drift(const hd_options *options) {
    static hd_variant variant[2];
    hd_drift drift = {.compared = 0};
    static hd_diagnosis diagnosis;
    hd_error error;
    bool captures = options->word_count == 2;
    hd_status status =
        captures ? compare_captures(options->words, &drift, &error) : make_variants(options, variant, &error);
    if (status == HD_OK && !captures) status = hd_lockstep(&variant[0], &variant[1], 0, true, &drift, &error);
    if (status == HD_OK)
        status = hd_diagnose(&drift, captures ? NULL : &variant[0], captures ? NULL : &variant[1],
                             options->pairing, &diagnosis, &error);
    status = status == HD_OK ? print(options, &drift, &diagnosis) : hd_complain(HD_OK, &error);
    hd_diagnosis_free(&diagnosis);
    hd_drift_free(&drift);
    return status;
}
