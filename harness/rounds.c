#include "rounds.h"

#include "file.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>

/* Where the records of a repetition go. */
static hd_status folder_of(const hd_round *round, const char *out, char path[PATH_MAX], hd_error *error) {
    int length = round->first ? snprintf(path, PATH_MAX, "%s/repetition-%zu", out, round->repetition)
                              : snprintf(path, PATH_MAX, "%s", out);
    return length < PATH_MAX ? HD_OK : hd_fail(error, HD_INVALID, "%.200s: too long a path", out);
}

static hd_status run_once(const hd_options *options, hd_round *round, const char *out,
                          const hd_listener *listener) {
    hd_status worst = HD_OK;
    hd_error error;
    char path[PATH_MAX];
    for (size_t m = 0; m < 2; m++) {
        if (!options->mode[m] || (round->first && !round->first->folder[m][0])) continue;
        hd_status status = folder_of(round, out, path, &error);
        if (status == HD_OK)
            status = hd_subject_run(round->subject, options, round->device, (hd_mode)m, path,
                                    round->folder[m], &error);
        if (status == HD_OK) continue;
        round->folder[m][0] = '\0';
        worst = hd_complain(worst, &error);
        listener->failed(listener->context, error.message);
    }
    if (round->folder[HD_FORWARD][0] || round->folder[HD_REVERSE][0])
        listener->round(listener->context, round);
    return worst;
}

static hd_status run_round(const hd_options *options, const hd_subject *subject, const char *device,
                           const char *out, const hd_listener *listener) {
    hd_round first = {.subject = subject, .device = device, .repetition = 1};
    hd_status worst = run_once(options, &first, out, listener);
    for (size_t i = 2; i <= options->repeat; i++) {
        hd_round again = {.subject = subject, .device = device, .repetition = i, .first = &first};
        hd_status status = run_once(options, &again, out, listener);
        if (status > worst) worst = status;
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

static hd_status run_word(const hd_options *options, const char *word, const char *out,
                          const hd_listener *listener) {
    hd_subject subject;
    hd_error error;
    hd_status worst = hd_subject_open(word, options, &subject, &error);
    if (worst == HD_OK) worst = hd_directory_make(out, &error); /* or every run would say that it cannot be */
    if (worst != HD_OK) {
        hd_subject_close(&subject);
        listener->failed(listener->context, error.message);
        return hd_complain(HD_OK, &error);
    }
    bool some = false;
    for (const char *const *device = options->devices; *device; device++) {
        bool skip;
        hd_status status = look_for(options, &subject, *device, &skip, listener);
        if (!skip && status == HD_OK) status = run_round(options, &subject, *device, out, listener);
        if (status > worst) worst = status;
        some |= !skip;
    }
    if (!some) {
        hd_fail(&error, HD_UNAVAILABLE, "%s: every device is skipped", subject.experiment.name);
        worst = hd_complain(worst, &error);
    }
    hd_subject_close(&subject);
    return worst;
}

hd_status hd_rounds(const hd_options *options, char *const *words, size_t count,
                    const hd_listener *listener) {
    char scratch[PATH_MAX] = "";
    hd_error error;
    if (!options->out && hd_scratch_create(scratch, &error) != HD_OK) return hd_complain(HD_OK, &error);
    hd_status worst = HD_OK;
    for (size_t i = 0; i < count; i++) {
        hd_status status = run_word(options, words[i], options->out ? options->out : scratch, listener);
        if (status > worst) worst = status;
    }
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
