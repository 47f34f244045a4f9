#include "faults/program.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND = 2 * PATH_MAX };

/* A message from "step " on: the table has what comes before. */
static const char *from_step(const char *message) {
    const char *step = strstr(message, "step ");
    return step ? step : message;
}

static void last_line(const char *path, char text[HD_SAID]) {
    char line[HD_SAID];
    FILE *file = fopen(path, "r");
    text[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        snprintf(text, HD_SAID, "%s", from_step(line));
    }
    if (file) fclose(file);
}

static hd_status run(const char *scratch, const char *fault, const char *words, const char *option,
                     hd_said *said, hd_error *error) {
    char command[COMMAND], program[PATH_MAX] = "", messages[PATH_MAX + 16];
    json_error_t where;
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        return hd_fail(error, HD_UNAVAILABLE, "faults: /proc/self/exe cannot be read");
    snprintf(messages, sizeof messages, "%s/messages", scratch);
    if (snprintf(command, sizeof command, "HYPERDRIFT_FAULT=%s '%s' %s%s 2>'%s'", fault, program, words,
                 option, messages) >= (int)sizeof command)
        return hd_fail(error, HD_INVALID, "%s: too long a path", program);
    FILE *output = popen(command, "r");
    if (!output) return hd_fail(error, HD_UNAVAILABLE, "faults: cannot start a process for %s", program);
    said->json = option[0] ? json_loadf(output, 0, &where) : NULL;
    int ended = pclose(output);
    said->status = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
    last_line(messages, said->message);
    if (said->status == HD_OK || said->status == HD_DIFFERENT) return HD_OK;
    json_decref(said->json);
    return hd_fail(error, said->status == HD_INVALID ? HD_INVALID : HD_UNAVAILABLE, "%s%s%s: %.300s", words,
                   fault[0] ? " with the fault " : "", fault, said->message);
}

hd_status hd_program_ask(const char *scratch, const char *fault, const char *words, hd_said *said,
                         hd_error *error) {
    *said = (hd_said){.status = 0};
    return run(scratch, fault, words, " --json", said, error);
}

hd_status hd_program_do(const char *scratch, const char *fault, const char *words, hd_error *error) {
    hd_said said = {.status = 0};
    return run(scratch, fault, words, "", &said, error);
}

const char *hd_said_text(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}
