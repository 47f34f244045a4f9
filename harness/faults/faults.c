/* hyperdrift-faults faults: the table of what detects which fault. */
#include "faults/faults.h"

#include "base/temporary_folder.h"
#include "drift/lockstep.h"
#include "faults/fault.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TEXT = 512, COMMAND = 2 * PATH_MAX };

/* Drift must locate so many of 10 faults. */
enum { LOCATED_OF_TEN = 9 };

typedef struct hd_said {
    int status;
    json_t *json;       /* its output, owned; NULL: no JSON */
    char message[TEXT]; /* the last line on stderr, from "step " on if there is one */
} hd_said;

typedef struct hd_table_row {
    bool seen, seen_without_bits, located;
    char by[TEXT], place[TEXT];
} hd_table_row;

/* --- asking the program --- */

/* A message from "step " on: the table has what comes before. */
static const char *from_step(const char *message) {
    const char *step = strstr(message, "step ");
    return step ? step : message;
}

static void last_line(const char *path, char text[TEXT]) {
    char line[TEXT];
    FILE *file = fopen(path, "r");
    text[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        snprintf(text, TEXT, "%s", from_step(line));
    }
    if (file) fclose(file);
}

/* Runs the program with these words; stderr goes to a file in the scratch folder. End with json_decref. */
static hd_status ask(const char *scratch, const char *fault, const char *words, hd_said *said,
                     hd_error *error) {
    char command[COMMAND], program[PATH_MAX] = "", messages[PATH_MAX + 16];
    json_error_t where;
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        return hd_fail(error, HD_UNAVAILABLE, "faults: /proc/self/exe cannot be read");
    snprintf(messages, sizeof messages, "%s/messages", scratch);
    if (snprintf(command, sizeof command, "HYPERDRIFT_FAULT=%s '%s' %s --json 2>'%s'", fault, program, words,
                 messages) >= (int)sizeof command)
        return hd_fail(error, HD_INVALID, "%s: too long a path", program);
    FILE *output = popen(command, "r");
    if (!output) return hd_fail(error, HD_UNAVAILABLE, "faults: cannot start a process for %s", program);
    said->json = json_loadf(output, 0, &where);
    int ended = pclose(output);
    said->status = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
    last_line(messages, said->message);
    if (said->status == HD_OK || said->status == HD_DIFFERENT) return HD_OK;
    json_decref(said->json);
    return hd_fail(error, said->status == HD_INVALID ? HD_INVALID : HD_UNAVAILABLE, "%s%s%s: %.300s", words,
                   fault[0] ? " with the fault " : "", fault, said->message);
}

/* --- check --- */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Names the failed figure that used most of its tolerance (the largest finite share, else the first); or the
 * failed run. */
static void name_witness(const hd_said *said, char by[TEXT]) {
    size_t i;
    double most = 0;
    json_t *quantity;
    snprintf(by, TEXT, "%s", said->message);
    json_array_foreach(json_object_get(said->json, "quantities"), i, quantity) {
        double used = json_number_value(json_object_get(quantity, "budget_used"));
        if (strcmp(text_of(quantity, "verdict"), "fail") != 0 || (most > 0 && !(used > most))) continue;
        snprintf(by, TEXT, "%s %lld, %s", text_of(quantity, "mode"),
                 json_integer_value(json_object_get(quantity, "step")), text_of(quantity, "name"));
        if (used > 0) snprintf(by + strlen(by), TEXT - strlen(by), " (%.2g)", used);
        most = used > 0 ? used : 1;
    }
}

static hd_status check(const char *scratch, const hd_planted_fault *fault, bool bits, bool *seen,
                       char by[TEXT], hd_error *error) {
    char words[TEXT];
    hd_said said = {0};
    snprintf(words, sizeof words, "check %s%s", fault->experiment, bits ? "" : " --no-bits");
    hd_status status = ask(scratch, fault->name, words, &said, error);
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

/* --- drift --- */

static bool is_place(const hd_planted_fault *fault, const hd_site *site) {
    const hd_tensor_difference *d = &site->difference;
    return site->found && site->place.iteration == fault->iteration && site->place.step == fault->at_step &&
           !strcmp(site->part.name, fault->tensor) &&
           (fault->element == HD_ANY_ELEMENT || (d->range_count && d->ranges[0].from == fault->element));
}

/* Whether a run that ended in a value that is not finite names step and tensor in its message. */
static bool is_told(const hd_planted_fault *fault, const char *message) {
    char step[32];
    snprintf(step, sizeof step, "step %zu:", fault->at_step);
    return strstr(message, step) && strstr(message, "tangent");
}

/* Finds where two runs part, as `drift` does, but not by how much or why. */
static hd_status locate(const hd_planted_fault *fault, hd_table_row *row, hd_error *error) {
    static hd_variant side[2];
    char mode[HD_VARIANT_VALUE], name[HD_VARIANT_VALUE];
    const char *words[] = {mode, name};
    const hd_drift_side sides[2] = {{.variant = &side[0]}, {.variant = &side[1]}};
    hd_drift drift = {.compared = 0};
    snprintf(mode, sizeof mode, "mode=%s", hd_mode_name(fault->mode));
    snprintf(name, sizeof name, "fault=%s", fault->name);
    hd_status status = hd_variant_make(fault->experiment, words, 1, &side[0], error);
    if (status == HD_OK) status = hd_variant_make(fault->experiment, words, 2, &side[1], error);
    if (status != HD_OK) return status;
    status = hd_lockstep(sides, 0, false, &drift, error);
    const hd_site *site = hd_drift_first(&drift);
    if (status == HD_DIFFERENT) {
        snprintf(row->place, TEXT, "%s", from_step(error->message));
        row->located = is_told(fault, error->message);
    } else if (status == HD_OK) {
        snprintf(row->place, TEXT, "no difference");
        if (site->found)
            snprintf(row->place, TEXT, "%u, step %u, %s [%zu]", site->place.iteration, site->place.step,
                     site->part.name, site->difference.ranges[0].from);
        row->located = is_place(fault, site);
    }
    hd_drift_free(&drift);
    return status == HD_DIFFERENT ? HD_OK : status;
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

static void print_row(const hd_planted_fault *fault, const hd_table_row *row) {
    printf("%-24s %-46.46s %-9s %-44.44s %s\n", fault->name, row->by,
           row->seen_without_bits && row->seen ? "both ways"
           : row->seen                         ? "bits only"
                                               : "no",
           row->place, row->located ? "right" : "WRONG");
    if (!row->located)
        printf("%-24s %-46s %-9s %zu, step %zu, %s\n", "", "", "expected:", fault->iteration, fault->at_step,
               fault->tensor);
    fflush(stdout);
}

hd_status hd_command_faults(int count, char **words) {
    char scratch[PATH_MAX] = "";
    size_t faults = 0, seen = 0, without_bits = 0, located = 0;
    hd_error error;
    hd_status status = check_words(count, words, &error);
    if (status == HD_OK) status = hd_temporary_folder_make(scratch, &error);
    if (status == HD_OK)
        printf("%-24s %-46s %-9s %-44s %s\n", "fault", "best seen by, without bits (of its tolerance)",
               "seen", "drift's first place", "");
    for (size_t i = 0; status == HD_OK && i < HD_PLANTED; i++) {
        const hd_planted_fault *fault = &hd_fault_catalogue[i];
        hd_table_row row = {0};
        char with_bits[TEXT];
        if (!wanted(fault, count, words)) continue;
        if (is_first(i, count, words)) status = expect_content(scratch, fault->experiment, &error);
        if (status == HD_OK) status = check(scratch, fault, false, &row.seen_without_bits, row.by, &error);
        if (status == HD_OK) status = check(scratch, fault, true, &row.seen, with_bits, &error);
        if (status == HD_OK) status = locate(fault, &row, &error);
        if (status != HD_OK) break;
        print_row(fault, &row);
        faults++;
        seen += row.seen;
        without_bits += row.seen_without_bits;
        located += row.located;
    }
    hd_temporary_folder_remove(scratch);
    if (status != HD_OK) {
        fprintf(stderr, "hyperdrift: %s\n", error.message);
        return status;
    }
    bool enough = 10 * located >= LOCATED_OF_TEN * faults;
    printf("%zu faults, %zu seen, %zu seen without bits, %zu located\n", faults, seen, without_bits, located);
    printf("%zu passed, %zu failed, 0 skipped\n", without_bits + enough, faults - without_bits + !enough);
    return seen == faults && without_bits == faults && enough ? HD_OK : HD_DIFFERENT;
}
