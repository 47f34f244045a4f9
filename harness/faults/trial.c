#include "faults/trial.h"

#include "run/record.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { WORDS = 2 * PATH_MAX + 256 };

/* --- places --- */

/* Without "momentum " and "(momentum) ": of the two halves of a state, the one that its equation makes wrong counts as
 * well as the one that differs first. */
static void without_momentum(const char *name, char text[HD_SAID]) {
    static const char *const left_out[] = {"(momentum) ", "momentum "};
    snprintf(text, HD_SAID, "%s", name);
    for (size_t i = 0; i < 2; i++) {
        char *at = strstr(text, left_out[i]);
        if (at) memmove(at, at + strlen(left_out[i]), strlen(at + strlen(left_out[i])) + 1);
    }
}

static size_t number(const json_t *object, const char *key) {
    return (size_t)json_integer_value(json_object_get(object, key));
}

static bool is_step(const hd_planted_fault *fault, const json_t *found) {
    return number(found, "iteration") == fault->iteration && number(found, "step") == fault->at_step;
}

static bool is_place(const hd_planted_fault *fault, const json_t *found) {
    char is[HD_SAID], wanted[HD_SAID];
    if (!json_is_object(found)) return false;
    without_momentum(hd_said_text(found, "tensor"), is);
    without_momentum(fault->tensor, wanted);
    const json_t *range = json_array_get(json_object_get(found, "elements"), 0);
    size_t element = (size_t)json_integer_value(json_array_get(range, 0));
    return is_step(fault, found) && !strcmp(is, wanted) &&
           (fault->element == HD_ANY_ELEMENT || !range || element == fault->element);
}

static void find_place(const hd_planted_fault *fault, const json_t *drift, hd_trial *trial) {
    const json_t *found = json_object_get(drift, "beyond"), *repeats = json_object_get(drift, "repeats");
    if (!fault->tensor) {
        bool unwatched = number(json_object_get(repeats, "b"), "differing") > 0;
        snprintf(trial->place, HD_SAID, "%s", unwatched ? "unwatched runs" : "nowhere");
        trial->placed = (fault->kind == HD_BENIGN) != unwatched;
        return;
    }
    snprintf(trial->place, HD_SAID, "nowhere");
    if (json_is_object(found))
        snprintf(trial->place, HD_SAID, "%zu, step %zu, %.200s", number(found, "iteration"),
                 number(found, "step"), hd_said_text(found, "tensor"));
    trial->placed = is_place(fault, found);
}

/* A run that ended in a value that is not finite names step and tensor in its message. */
static void read_message(const hd_planted_fault *fault, const char *message, hd_trial *trial) {
    char step[32];
    snprintf(step, sizeof step, "step %zu:", fault->at_step);
    snprintf(trial->place, HD_SAID, "%.200s", message);
    snprintf(trial->verdict[HD_TRIAL_LIVE], sizeof trial->verdict[0], "not finite");
    trial->placed = strstr(message, step) && strstr(message, "tangent");
}

/* --- verdicts --- */

static bool is_all_clear(const char *verdict) {
    return !strcmp(verdict, "identical") || !strcmp(verdict, "rounding") || !strcmp(verdict, "kink");
}

/* Of captures, of which nothing is run unwatched, a fault may be invisible that only unwatched runs have. A digest may
 * leave a verdict open, and need not tell a fault from rounding that stays within the tolerances. */
static bool is_right(const hd_planted_fault *fault, size_t which, const char *verdict) {
    bool captured = which == HD_TRIAL_FULL || which == HD_TRIAL_DIGEST;
    if (!strcmp(verdict, "none")) return false;
    if (!verdict[0] || (which == HD_TRIAL_DIGEST && fault->kind == HD_SUBTLE) ||
        (captured && fault->kind != HD_BENIGN && !fault->tensor))
        return true;
    if (fault->kind == HD_BENIGN)
        return is_all_clear(verdict) || (which == HD_TRIAL_DIGEST && !strcmp(verdict, "not judged"));
    return !is_all_clear(verdict) && (which == HD_TRIAL_DIGEST || strcmp(verdict, "not judged") != 0);
}

/* "none": drift ended without one, which is right for nobody. */
static void keep_verdict(const json_t *drift, char verdict[64]) {
    snprintf(verdict, 64, "%s", drift ? hd_said_text(drift, "verdict") : "none");
}

static hd_status drift_live(const hd_planted_fault *fault, const char *scratch, bool swapped, hd_trial *trial,
                            hd_error *error) {
    char words[WORDS];
    const char *mode = hd_mode_name(fault->mode), *side = swapped ? "a" : "b";
    hd_said said;
    snprintf(words, sizeof words, "drift %s --a mode=%s --b mode=%s --%s fault=%s", fault->experiment, mode,
             mode, side, fault->name);
    hd_status status = hd_program_ask(scratch, "", words, &said, error);
    if (status != HD_OK) return status;
    size_t which = swapped ? HD_TRIAL_SWAPPED : HD_TRIAL_LIVE;
    keep_verdict(said.json, trial->verdict[which]);
    if (!swapped && said.json)
        find_place(fault, said.json, trial);
    else if (!swapped)
        read_message(fault, said.message, trial);
    json_decref(said.json);
    return HD_OK;
}

/* Captures the experiment with and without the fault and compares the captures. */
static hd_status drift_captures(const hd_planted_fault *fault, const char *scratch, bool full,
                                hd_trial *trial, hd_error *error) {
    char words[WORDS];
    const char *const planted[2] = {"", fault->name}, *const files[2] = {"clean", "faulty"};
    hd_status status = HD_OK;
    for (size_t s = 0; status == HD_OK && s < 2; s++) {
        snprintf(words, sizeof words, "capture %s mode=%s%s --out '%s/%s.capture'", fault->experiment,
                 hd_mode_name(fault->mode), full ? " --full" : "", scratch, files[s]);
        status = hd_program_do(scratch, planted[s], words, error);
    }
    hd_said said;
    snprintf(words, sizeof words, "drift '%s/clean.capture' '%s/faulty.capture'", scratch, scratch);
    if (status == HD_OK) status = hd_program_ask(scratch, "", words, &said, error);
    if (status != HD_OK) return status;
    size_t which = full ? HD_TRIAL_FULL : HD_TRIAL_DIGEST;
    keep_verdict(said.json, trial->verdict[which]);
    const json_t *found = json_object_get(said.json, "beyond");
    if (fault->tensor && full) trial->placed &= is_place(fault, found);
    if (fault->tensor && !full &&
        json_is_object(found)) /* a digest tells the step, and the part to a block */
        trial->placed &= is_step(fault, found);
    json_decref(said.json);
    return HD_OK;
}

hd_status hd_trial_run(const hd_planted_fault *fault, const char *scratch, bool captures, hd_trial *trial,
                       hd_error *error) {
    *trial = (hd_trial){.placed = false};
    hd_status status = drift_live(fault, scratch, false, trial, error);
    bool ended =
        status == HD_OK && strcmp(trial->verdict[HD_TRIAL_LIVE], "not finite") != 0; /* it can be captured */
    if (ended) status = drift_live(fault, scratch, true, trial, error);
    if (status == HD_OK && ended && captures) status = drift_captures(fault, scratch, true, trial, error);
    if (status == HD_OK && ended && captures) status = drift_captures(fault, scratch, false, trial, error);
    trial->judged_right = !ended || !strcmp(trial->verdict[HD_TRIAL_LIVE], trial->verdict[HD_TRIAL_SWAPPED]);
    for (size_t which = 0; which < HD_TRIALS; which++)
        trial->judged_right &= is_right(fault, which, trial->verdict[which]);
    return status;
}
