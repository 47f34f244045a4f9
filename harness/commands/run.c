/* hyperdrift run: runs experiments and prints or writes their records. */
#include "base/json.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "judge/verdict_text.h"
#include "matrix/cells.h"
#include "matrix/rounds.h"

typedef struct hd_printing {
    const hd_options *options;
    json_t *records; /* NULL: print text */
    hd_status status;
} hd_printing;

static void add_record(hd_printing *running, const hd_record *record) {
    hd_error error;
    json_t *json;
    hd_status status = hd_record_json(record, &json, &error);
    if (status == HD_OK)
        json_array_append_new(running->records, json);
    else
        running->status = hd_terminal_complain(running->status, &error);
}

static void print_records(const hd_record *forward, const hd_record *reverse) {
    hd_records_print(stdout, forward, reverse);
    if (forward) hd_record_print_cost(stdout, forward);
    if (reverse) hd_record_print_cost(stdout, reverse);
    putchar('\n');
}

static void show_round(void *context, const hd_round *round) {
    hd_printing *running = context;
    for (size_t k = 0; k < round->loaded->experiment.hyper_iterations; k++) {
        hd_record records[2];
        hd_status status = hd_round_load(round, k, false, records);
        if (status > running->status) running->status = status;
        for (size_t m = 0; running->records && m < 2; m++)
            if (records[m].hyper) add_record(running, &records[m]);
        const hd_record *forward = records[HD_FORWARD].hyper ? &records[HD_FORWARD] : NULL;
        const hd_record *reverse = records[HD_REVERSE].hyper ? &records[HD_REVERSE] : NULL;
        if (!running->records && !running->options->quiet && (forward || reverse))
            print_records(forward, reverse);
        hd_record_free(&records[0]);
        hd_record_free(&records[1]);
    }
}

static void say_skipped(void *context, const char *what, const char *why) {
    (void)context;
    fprintf(stderr, "skipped: %s: %s\n", what, why);
}

static void already_said(void *context, const char *what, const char *why) {
    (void)context, (void)what, (void)why;
}

hd_status hd_command_run(const hd_options *options) {
    if (options->list)
        return hd_cells_list(&options->request, options->words, options->word_count, options->json);
    hd_printing running = {.options = options, .records = options->json ? json_array() : NULL};
    hd_listener listener = {show_round, say_skipped, already_said, &running};
    hd_status status = hd_rounds(&options->request, options->words, options->word_count, &listener);
    if (running.records)
        hd_document_print(json_pack("{ssso}", "format", "hyperdrift-run/1", "records", running.records), 17);
    return status > running.status ? status : running.status;
}
