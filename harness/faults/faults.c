/* hyperdrift-faults faults: the table of what detects which fault. */
#include "faults/faults.h"

#include "base/temporary_folder.h"
#include "faults/fault.h"
#include "faults/trial.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = HD_SAID };

/* Drift must locate so many of 10 faults. */
enum { LOCATED_OF_TEN = 9 };

typedef struct hd_table_row {
    bool seen, seen_without_bits; /* by check */
    char by[TEXT];
    hd_trial trial;
} hd_table_row;

/* --- check --- */

/* Names the failed figure that used most of its tolerance (the largest finite share, else the first); or the
 * failed run. */
static void name_witness(const hd_said *said, char by[TEXT]) {
    size_t i;
    double most = 0;
    json_t *quantity;
    snprintf(by, TEXT, "%s", said->message);
    json_array_foreach(json_object_get(said->json, "quantities"), i, quantity) {
        double used = json_number_value(json_object_get(quantity, "budget_used"));
        if (strcmp(hd_said_text(quantity, "verdict"), "fail") != 0 || (most > 0 && !(used > most))) continue;
        snprintf(by, TEXT, "%s %lld, %s", hd_said_text(quantity, "mode"),
                 json_integer_value(json_object_get(quantity, "step")), hd_said_text(quantity, "name"));
        if (used > 0) snprintf(by + strlen(by), TEXT - strlen(by), " (%.2g)", used);
        most = used > 0 ? used : 1;
    }
}

static hd_status check(const char *scratch, const hd_planted_fault *fault, bool bits, bool *seen,
                       char by[TEXT], hd_error *error) {
    char words[TEXT];
    hd_said said;
    snprintf(words, sizeof words, "check %s%s", fault->experiment, bits ? "" : " --no-bits");
    hd_status status = hd_program_ask(scratch, fault->name, words, &said, error);
    if (status != HD_OK) return status;
    *seen = said.status == HD_DIFFERENT;
    if (*seen)
        name_witness(&said, by);
    else
        snprintf(by, TEXT, "nothing");
    json_decref(said.json);
    return HD_OK;
}

/* HD_DIFFERENT if `check` fails without a fault: then failing with one tells nothing. */
static hd_status expect_content(const char *scratch, const char *experiment, hd_error *error) {
    const hd_planted_fault none = {.name = "", .experiment = experiment};
    char by[TEXT];
    bool seen;
    hd_status status = check(scratch, &none, true, &seen, by, error);
    if (status != HD_OK || !seen) return status;
    return hd_fail(
        error, HD_DIFFERENT,
        "faults: check %s fails with no fault planted (%.200s), so its failing with one would prove nothing",
        experiment, by);
}

/* --- the table --- */

static bool is_called(const hd_planted_fault *fault, const char *word) {
    return !strcmp(word, fault->experiment) || !strcmp(word, fault->name);
}

/* HD_INVALID for a word that names neither a fault nor an experiment in which one is planted. */
static hd_status check_words(int count, char **words, hd_error *error) {
    for (int w = 0; w < count; w++) {
        bool known = false;
        for (size_t i = 0; i < HD_PLANTED; i++) known |= is_called(&hd_fault_catalogue[i], words[w]);
        if (!known)
            return hd_fail(error, HD_INVALID, "faults: no fault is called '%s' or planted in it", words[w]);
    }
    return HD_OK;
}

static bool wanted(const hd_planted_fault *fault, int count, char **words) {
    for (int w = 0; w < count; w++)
        if (is_called(fault, words[w])) return true;
    return count == 0;
}

/* Whether none before it is wanted of its experiment. */
static bool is_first(size_t i, int count, char **words) {
    for (size_t k = 0; k < i; k++)
        if (!strcmp(hd_fault_catalogue[k].experiment, hd_fault_catalogue[i].experiment) &&
            wanted(&hd_fault_catalogue[k], count, words))
            return false;
    return true;
}

/* Whether `check` sees the fault as the catalogue says. */
static bool is_seen_right(const hd_planted_fault *fault, const hd_table_row *row) {
    switch (fault->kind) {
    case HD_PLAIN:
        return row->seen && row->seen_without_bits;
    case HD_SUBTLE:
        return row->seen && !row->seen_without_bits;
    case HD_ONLY_DRIFT:
        return !row->seen && !row->seen_without_bits;
    default:
        return !row->seen_without_bits;
    }
}

static void print_row(const hd_planted_fault *fault, const hd_table_row *row) {
    const hd_trial *trial = &row->trial;
    printf("%-20s %-34.34s %-9s %-7s %-16s %-38.38s %s\n", fault->name, row->by,
           row->seen_without_bits && row->seen ? "both ways"
           : row->seen                         ? "bits only"
                                               : "no",
           is_seen_right(fault, row) ? "" : "WRONG", trial->verdict[HD_TRIAL_LIVE], trial->place,
           trial->placed && trial->judged_right ? "right" : "WRONG");
    if (!trial->placed && fault->tensor)
        printf("%-20s expected: %zu, step %zu, %s\n", "", fault->iteration, fault->at_step, fault->tensor);
    if (!trial->judged_right)
        printf("%-20s a and b exchanged: %s; full captures: %s; digests: %s\n", "",
               trial->verdict[HD_TRIAL_SWAPPED], trial->verdict[HD_TRIAL_FULL],
               trial->verdict[HD_TRIAL_DIGEST]);
    fflush(stdout);
}

typedef struct hd_faults_tally {
    size_t tried, benign, seen, without_bits, seen_right, placed, judged_right;
} hd_faults_tally;

static void add_row(const hd_planted_fault *fault, const hd_table_row *row, hd_faults_tally *tally) {
    bool benign = fault->kind == HD_BENIGN;
    tally->tried += !benign;
    tally->benign += benign;
    tally->seen += !benign && row->seen;
    tally->without_bits += !benign && row->seen_without_bits;
    tally->seen_right += is_seen_right(fault, row);
    tally->placed += !benign && row->trial.placed;
    tally->judged_right += row->trial.judged_right;
}

static hd_status try(const hd_planted_fault *fault, const char *scratch, bool captures, hd_table_row *row,
                     hd_error *error) {
    char with_bits[TEXT];
    hd_status status = check(scratch, fault, false, &row->seen_without_bits, row->by, error);
    if (status == HD_OK) status = check(scratch, fault, true, &row->seen, with_bits, error);
    return status == HD_OK ? hd_trial_run(fault, scratch, captures, &row->trial, error) : status;
}

static hd_status conclude(const hd_faults_tally *tally) {
    size_t rows = tally->tried + tally->benign;
    bool enough = 10 * tally->placed >= LOCATED_OF_TEN * tally->tried;
    size_t failed = (rows - tally->seen_right) + (rows - tally->judged_right) + !enough;
    printf(
        "%zu faults, %zu seen, %zu seen without bits, %zu located; %zu benign; %zu of %zu verdicts right\n",
        tally->tried, tally->seen, tally->without_bits, tally->placed, tally->benign, tally->judged_right,
        rows);
    printf("%zu passed, %zu failed, 0 skipped\n", 2 * rows + 1 - failed, failed);
    return failed ? HD_DIFFERENT : HD_OK;
}

hd_status hd_command_faults(int count, char **words) {
    char scratch[PATH_MAX] = "";
    hd_faults_tally tally = {.tried = 0};
    hd_error error;
    bool captures = count > 0 && !strcmp(words[0], "captures");
    if (captures) count--, words++;
    hd_status status = check_words(count, words, &error);
    if (status == HD_OK) status = hd_temporary_folder_make(scratch, &error);
    if (status == HD_OK)
        printf("%-20s %-34s %-17s %-16s %-38s\n", "fault", "best seen by, without bits", "seen",
               "drift's verdict", "and place");
    for (size_t i = 0; status == HD_OK && i < HD_PLANTED; i++) {
        const hd_planted_fault *fault = &hd_fault_catalogue[i];
        hd_table_row row = {.seen = false};
        if (!wanted(fault, count, words)) continue;
        if (is_first(i, count, words)) status = expect_content(scratch, fault->experiment, &error);
        if (status == HD_OK) status = try(fault, scratch, captures, &row, &error);
        if (status != HD_OK) break;
        print_row(fault, &row);
        add_row(fault, &row, &tally);
    }
    hd_temporary_folder_remove(scratch);
    if (status == HD_OK) return conclude(&tally);
    fprintf(stderr, "hyperdrift: %s\n", error.message);
    return status;
}
