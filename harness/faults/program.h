/* Runs the program itself with a fault planted, and reads what it says. */
#ifndef HD_FAULTS_PROGRAM_H
#define HD_FAULTS_PROGRAM_H

#include "core/error.h"

#include <jansson.h>

enum { HD_SAID = 512 };

typedef struct hd_said {
    int status;
    json_t *json;          /* its output, owned; NULL: no JSON */
    char message[HD_SAID]; /* the last line on stderr, from "step " on if there is one */
} hd_said;

/* Runs the program with these words and --json, with the fault planted ("": none); stderr goes to a file in the
 * scratch folder. HD_OK if it ended with status 0 or 1; else its error. End with json_decref(said->json). */
hd_status hd_program_ask(const char *scratch, const char *fault, const char *words, hd_said *said,
                         hd_error *error);

/* Runs it likewise for what it does: its output is not read. */
hd_status hd_program_do(const char *scratch, const char *fault, const char *words, hd_error *error);

/* A member's text; "" if it is none. */
const char *hd_said_text(const json_t *object, const char *key);

#endif
