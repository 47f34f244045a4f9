#include "matrix/rounds.h"

#include "base/file.h"
#include "base/temporary_folder.h"
#include "base/terminal.h"
#include "devices.h"
#include "matrix/cells.h"

#include <stdio.h>
#include <string.h>

/* Consecutive cells of one experiment under one seed; or of these, those on one device. */
typedef struct hd_span {
    const hd_cell *cells;
    size_t count;
} hd_span;

/* Reports a failure on stderr and to the listener, and gives the worse status. */
static hd_status fail(const hd_listener *listener, hd_status worst, const char *what, const hd_error *error) {
    listener->failed(listener->context, what, error->message);
    return hd_terminal_complain(worst, error);
}

static hd_status fail_run(const hd_listener *listener, hd_status worst, const hd_round *round, hd_mode mode,
                          const hd_error *error) {
    char what[320], again[40] = "";
    if (round->repetition > 1) snprintf(again, sizeof again, ", repetition %zu", round->repetition);
    snprintf(what, sizeof what, "%s on %s, %s%s", round->loaded->experiment.name, round->device,
             hd_mode_name(mode), again);
    return fail(listener, worst, what, error);
}

/* The folder for the records of a repetition. */
static hd_status folder_of(const hd_round *round, const char *out, char path[PATH_MAX], hd_error *error) {
    int length = round->first ? snprintf(path, PATH_MAX, "%s/repetition-%zu", out, round->repetition)
                              : snprintf(path, PATH_MAX, "%s", out);
    return length < PATH_MAX ? HD_OK : hd_fail(error, HD_INVALID, "%.200s: too long a path", out);
}

static hd_status run_once(const hd_request *request, hd_round *round, hd_span on, const char *out,
                          const hd_listener *listener) {
    hd_status worst = HD_OK;
    hd_error error;
    char path[PATH_MAX];
    for (size_t i = 0; i < on.count; i++) {
        hd_mode m = on.cells[i].mode;
        if (round->first && !round->first->folder[m][0]) continue;
        hd_status status = folder_of(round, out, path, &error);
        if (status == HD_OK)
            status = hd_loaded_experiment_run(round->loaded, request, round->device, m, path,
                                              round->folder[m], &error);
        if (status == HD_OK) continue;
        round->folder[m][0] = '\0';
        worst = fail_run(listener, worst, round, m, &error);
    }
    if (round->folder[HD_FORWARD][0] || round->folder[HD_REVERSE][0])
        listener->round(listener->context, round);
    return worst;
}

static hd_status run_round(const hd_request *request, const hd_loaded_experiment *loaded, hd_span on,
                           const char *out, char reference[2][PATH_MAX], const hd_listener *listener) {
    hd_round first = {.loaded = loaded, .device = on.cells->device, .repetition = 1};
    for (size_t m = 0; m < 2; m++)
        if (reference[m][0]) first.reference[m] = reference[m];
    hd_status worst = run_once(request, &first, on, out, listener);
    for (size_t i = 2; i <= request->repeat; i++) {
        hd_round again = {.loaded = loaded, .device = first.device, .repetition = i, .first = &first};
        hd_status status = run_once(request, &again, on, out, listener);
        if (status > worst) worst = status;
    }
    return worst;
}

/* A seed without a golden is judged by the float64 reference in the other mode, which shares less with the
 * record. */
static hd_status run_references(const hd_request *request, const hd_loaded_experiment *loaded, hd_span under,
                                const char *out, char reference[2][PATH_MAX], const hd_listener *listener) {
    hd_status worst = HD_OK;
    hd_error error;
    bool wanted[2] = {false, false};
    for (size_t i = 0; i < under.count; i++) wanted[under.cells[i].mode] = true;
    for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
        hd_mode other = mode == HD_FORWARD ? HD_REVERSE : HD_FORWARD;
        if (!wanted[mode] || hd_loaded_experiment_run(loaded, request, "reference", other, out,
                                                      reference[mode], &error) == HD_OK)
            continue;
        reference[mode][0] = '\0';
        worst =
            fail_run(listener, worst, &(hd_round){.loaded = loaded, .device = "reference"}, other, &error);
    }
    return worst;
}

/* Tries the device before anything runs on it. *skip: it is absent and may be, or lacks the experiment's
 * arithmetic. Every machine has cpu and reference: if these cannot be opened, that is an error. */
static hd_status look_for(const hd_request *request, const hd_loaded_experiment *loaded, const char *device,
                          bool *skip, const hd_listener *listener) {
    hd_error error;
    const hd_experiment *experiment = &loaded->experiment;
    hd_status status = hd_loaded_experiment_device(loaded, request, device, &error);
    bool absent = status == HD_UNAVAILABLE && !strcmp(device, "cuda");
    bool required = request->required && !strcmp(request->required, device);
    *skip =
        request->all_devices && !required && (absent || !hd_device_offers(device, experiment->arithmetic));
    char what[256];
    snprintf(what, sizeof what, "%s on %s", experiment->name, device);
    if (*skip) {
        listener->skipped(listener->context, what, error.message);
        return HD_OK;
    }
    return status == HD_OK ? HD_OK : fail(listener, HD_OK, what, &error);
}

/* Runs the devices of one experiment under one seed. */
static hd_status run_devices(const hd_request *request, const hd_loaded_experiment *loaded, hd_span under,
                             const char *out, const hd_listener *listener) {
    char reference[2][PATH_MAX] = {"", ""};
    hd_status worst = HD_OK;
    hd_error error;
    bool some = request->shards > 0;
    if (request->judged && hd_loaded_experiment_reseeded(loaded))
        worst = run_references(request, loaded, under, out, reference, listener);
    for (size_t i = 0; i < under.count;) {
        hd_span on = {under.cells + i, 0};
        while (i < under.count && under.cells[i].device == on.cells->device) i++, on.count++;
        bool skip;
        hd_status status = look_for(request, loaded, on.cells->device, &skip, listener);
        if (!skip && status == HD_OK) status = run_round(request, loaded, on, out, reference, listener);
        if (status > worst) worst = status;
        some |= !skip;
    }
    if (some) return worst;
    hd_fail(&error, HD_UNAVAILABLE, "%s: every device is skipped", loaded->experiment.name);
    return hd_terminal_complain(worst, &error);
}

static hd_status run_experiment(const hd_request *request, const char *word, hd_span under, const char *out,
                                const hd_listener *listener) {
    hd_loaded_experiment loaded;
    hd_error error;
    hd_status worst = hd_loaded_experiment_open(word, request, &under.cells->seed, &loaded, &error);
    if (worst == HD_OK) worst = hd_directory_make(out, &error); /* else every run would report it */
    if (worst == HD_OK)
        worst = run_devices(request, &loaded, under, out, listener);
    else
        fail(listener, HD_OK, under.cells->experiment[0] ? under.cells->experiment : word, &error);
    hd_loaded_experiment_close(&loaded);
    return worst;
}

hd_status hd_rounds(const hd_request *request, char *const *words, size_t count,
                    const hd_listener *listener) {
    char scratch[PATH_MAX] = "";
    hd_error error;
    hd_cells cells;
    if (!request->out && hd_temporary_folder_make(scratch, &error) != HD_OK)
        return hd_terminal_complain(HD_OK, &error);
    hd_status worst = hd_cells_of(request, words, count, &cells, &error);
    if (worst != HD_OK) hd_terminal_complain(HD_OK, &error);
    if (request->shards && worst == HD_OK && !cells.count)
        fprintf(stderr, "shard %zu/%zu is empty: the matrix has %zu cell%s\n", request->shard,
                request->shards, cells.matrix, cells.matrix == 1 ? "" : "s");
    for (size_t i = 0; i < cells.count;) {
        hd_span under = {cells.cells + i, 0};
        const hd_cell *first = under.cells;
        while (i < cells.count && cells.cells[i].word == first->word && cells.cells[i].seed == first->seed)
            i++, under.count++;
        hd_status status = run_experiment(request, words[first->word], under,
                                          request->out ? request->out : scratch, listener);
        if (status > worst) worst = status;
    }
    hd_cells_free(&cells);
    hd_temporary_folder_remove(scratch);
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
            worst = hd_terminal_complain(worst, &error);
    }
    return worst;
}
