#include "matrix/rounds.h"

#include "matrix/cells.h"
#include "base/file.h"
#include "base/temporary_folder.h"

#include <stdio.h>
#include <string.h>

/* Consecutive cells of one experiment under one seed, and of them those on one device. */
typedef struct hd_span {
    const hd_cell *cells;
    size_t count;
} hd_span;

/* Where the records of a repetition go. */
static hd_status folder_of(const hd_round *round, const char *out, char path[PATH_MAX], hd_error *error) {
    int length = round->first ? snprintf(path, PATH_MAX, "%s/repetition-%zu", out, round->repetition)
                              : snprintf(path, PATH_MAX, "%s", out);
    return length < PATH_MAX ? HD_OK : hd_fail(error, HD_INVALID, "%.200s: too long a path", out);
}

static hd_status run_once(const hd_options *options, hd_round *round, hd_span on, const char *out,
                          const hd_listener *listener) {
    hd_status worst = HD_OK;
    hd_error error;
    char path[PATH_MAX];
    for (size_t i = 0; i < on.count; i++) {
        hd_mode m = on.cells[i].mode;
        if (round->first && !round->first->folder[m][0]) continue;
        hd_status status = folder_of(round, out, path, &error);
        if (status == HD_OK)
            status =
                hd_subject_run(round->subject, options, round->device, m, path, round->folder[m], &error);
        if (status == HD_OK) continue;
        round->folder[m][0] = '\0';
        worst = hd_complain(worst, &error);
        listener->failed(listener->context, error.message);
    }
    if (round->folder[HD_FORWARD][0] || round->folder[HD_REVERSE][0])
        listener->round(listener->context, round);
    return worst;
}

static hd_status run_round(const hd_options *options, const hd_subject *subject, hd_span on, const char *out,
                           char reference[2][PATH_MAX], const hd_listener *listener) {
    hd_round first = {.subject = subject, .device = on.cells->device, .repetition = 1};
    for (size_t m = 0; m < 2; m++)
        if (reference[m][0]) first.reference[m] = reference[m];
    hd_status worst = run_once(options, &first, on, out, listener);
    for (size_t i = 2; i <= options->repeat; i++) {
        hd_round again = {.subject = subject, .device = first.device, .repetition = i, .first = &first};
        hd_status status = run_once(options, &again, on, out, listener);
        if (status > worst) worst = status;
    }
    return worst;
}

/* A seed that has no golden is judged by the float64 reference; by the other mode's, which shares less with
 * the record. */
static hd_status run_references(const hd_options *options, const hd_subject *subject, hd_span under,
                                const char *out, char reference[2][PATH_MAX], const hd_listener *listener) {
    hd_status worst = HD_OK;
    hd_error error;
    bool wanted[2] = {false, false};
    for (size_t i = 0; i < under.count; i++) wanted[under.cells[i].mode] = true;
    for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
        hd_mode other = mode == HD_FORWARD ? HD_REVERSE : HD_FORWARD;
        if (!wanted[mode] ||
            hd_subject_run(subject, options, "reference", other, out, reference[mode], &error) == HD_OK)
            continue;
        reference[mode][0] = '\0';
        worst = hd_complain(worst, &error);
        listener->failed(listener->context, error.message);
    }
    return worst;
}

/* Tries the device before anything is run on it. *skip where it is absent and may be, or has not the
 * experiment's arithmetic. cpu and reference are on every machine: what else stops them is an error. */
static hd_status look_for(const hd_options *options, const hd_subject *subject, const char *device,
                          bool *skip, const hd_listener *listener) {
    hd_error error;
    const hd_experiment *experiment = &subject->experiment;
    hd_status status = hd_subject_device(subject, options, device, &error);
    bool absent = status == HD_UNAVAILABLE && !strcmp(device, "cuda");
    bool required = options->required && !strcmp(options->required, device);
    *skip =
        options->all_devices && !required && (absent || !hd_device_offers(device, experiment->arithmetic));
    if (*skip) {
        char what[256];
        snprintf(what, sizeof what, "%s on %s", experiment->name, device);
        listener->skipped(listener->context, what, error.message);
        return HD_OK;
    }
    if (status == HD_OK) return HD_OK;
    listener->failed(listener->context, error.message);
    return hd_complain(HD_OK, &error);
}

/* The devices of one experiment under one seed. */
static hd_status run_devices(const hd_options *options, const hd_subject *subject, hd_span under,
                             const char *out, const hd_listener *listener) {
    char reference[2][PATH_MAX] = {"", ""};
    hd_status worst = HD_OK;
    hd_error error;
    bool some = options->shards > 0;
    if (options->command == HD_COMMAND_CHECK && hd_subject_seeded(subject))
        worst = run_references(options, subject, under, out, reference, listener);
    for (size_t i = 0; i < under.count;) {
        hd_span on = {under.cells + i, 0};
        while (i < under.count && under.cells[i].device == on.cells->device) i++, on.count++;
        bool skip;
        hd_status status = look_for(options, subject, on.cells->device, &skip, listener);
        if (!skip && status == HD_OK) status = run_round(options, subject, on, out, reference, listener);
        if (status > worst) worst = status;
        some |= !skip;
    }
    if (some) return worst;
    hd_fail(&error, HD_UNAVAILABLE, "%s: every device is skipped", subject->experiment.name);
    return hd_complain(worst, &error);
}

static hd_status run_experiment(const hd_options *options, const char *word, hd_span under, const char *out,
                                const hd_listener *listener) {
    hd_subject subject;
    hd_error error;
    hd_status worst = hd_subject_open_seed(word, options, under.cells->seed, &subject, &error);
    if (worst == HD_OK) worst = hd_directory_make(out, &error); /* or every run would say that it cannot be */
    if (worst == HD_OK) {
        worst = run_devices(options, &subject, under, out, listener);
    } else {
        listener->failed(listener->context, error.message);
        hd_complain(HD_OK, &error);
    }
    hd_subject_close(&subject);
    return worst;
}

hd_status hd_rounds(const hd_options *options, char *const *words, size_t count,
                    const hd_listener *listener) {
    char scratch[PATH_MAX] = "";
    hd_error error;
    hd_cells cells;
    if (!options->out && hd_scratch_create(scratch, &error) != HD_OK) return hd_complain(HD_OK, &error);
    hd_status worst = hd_cells_of(options, words, count, &cells, &error);
    if (worst != HD_OK) hd_complain(HD_OK, &error);
    if (options->shards && worst == HD_OK && !cells.count)
        fprintf(stderr, "shard %zu/%zu is empty: the matrix has %zu cell%s\n", options->shard,
                options->shards, cells.matrix, cells.matrix == 1 ? "" : "s");
    for (size_t i = 0; i < cells.count;) {
        hd_span under = {cells.cells + i, 0};
        const hd_cell *first = under.cells;
        while (i < cells.count && cells.cells[i].word == first->word && cells.cells[i].seed == first->seed)
            i++, under.count++;
        hd_status status = run_experiment(options, words[first->word], under,
                                          options->out ? options->out : scratch, listener);
        if (status > worst) worst = status;
    }
    hd_cells_free(&cells);
    hd_scratch_remove(scratch);
    return worst;
}

hd_status hd_round_load(const hd_round *round, size_t step, bool weights, hd_record records[2]) {
    hd_status worst = HD_OK;
    for (size_t m = 0; m < 2; m++) {
        char path[PATH_MAX];
        hd_error error;
        memset(&records[m], 0, sizeof records[m]);
        if (!round->folder[m][0]) continue;
        if (hd_run_record(round->folder[m], step, path, &error) != HD_OK ||
            hd_record_load(path, weights, &records[m], &error) != HD_OK)
            worst = hd_complain(worst, &error);
    }
    return worst;
}
