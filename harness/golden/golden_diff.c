#include "golden/golden_diff.h"

#include <stdlib.h>
#include <string.h>

enum { NAME = HD_QUANTITY + 32, TEXT = 96 };

/* Receives a golden's figures, one by one. */
typedef struct hd_reader {
    void (*take)(struct hd_reader *reader, const char *figure, const char *text);
    const char *figure; /* the one looked for, */
    char text[TEXT];    /* and its text; "": there is none */
    FILE *to;
    const hd_golden *other; /* the golden to compare with */
    size_t step, changes;
} hd_reader;

/* --- a golden as figures --- */

static void text(hd_reader *reader, const char *group, const char *kind, const char *name, const char *is) {
    char figure[NAME];
    snprintf(figure, sizeof figure, "%s%s%s%s%s", group, kind[0] ? " " : "", kind, name[0] ? " " : "", name);
    reader->take(reader, figure, is);
}

/* Writes as many digits as reading back needs: up to 17, or nine, which are enough for a float32, and for a
 * tolerance of three digits (the double beside it counts as the same). */
static void number(hd_reader *reader, const char *group, const char *kind, const char *name, double value,
                   bool nine) {
    char is[32];
    snprintf(is, sizeof is, "%.9g", value);
    for (int digits = 15; !nine && digits <= 17; digits++) {
        snprintf(is, sizeof is, "%.*g", digits, value);
        if (strtod(is, NULL) == value) break;
    }
    text(reader, group, kind, name, is);
}

static void results(hd_reader *reader, const char *group, const size_t correct[3], double validation_error,
                    const hd_hyper *hyper, size_t hypers, const char *weights, bool float32) {
    static const char *const sets[] = {"test accuracy", "validation accuracy", "training accuracy"};
    for (size_t i = 0; i < 3; i++) number(reader, group, sets[i], "", (double)correct[i], false);
    number(reader, group, "validation error", "", validation_error, float32);
    for (size_t j = 0; j < hypers; j++) {
        number(reader, group, "hyperparameter", hyper[j].name, hyper[j].value, float32);
        number(reader, group, "hypergradient", hyper[j].name, hyper[j].hypergradient, float32);
    }
    text(reader, group, "weights", "sha256", weights);
}

static void read_golden(hd_reader *reader, const hd_golden *golden) {
    static const char *const groups[] = {"exact forward", "exact reverse"};
    const hd_record *r = &golden->reference;
    text(reader, "experiment", "sha256", "", r->experiment_sha256);
    text(reader, "data", "sha256", "", r->data_sha256);
    number(reader, "calibration", "replicas", "", (double)golden->replicas, false);
    number(reader, "calibration", "false alarms", "", golden->false_alarms, false);
    size_t correct[3] = {r->test.correct, r->validation.correct, r->training.correct};
    results(reader, "reference", correct, r->validation_error, r->hyper, r->hypers, r->weights.sha256, false);
    for (size_t i = 0; i < golden->tolerance_count; i++)
        number(reader, "tolerance", golden->tolerances[i].quantity, "", golden->tolerances[i].tolerance,
               true);
    for (size_t m = 0; m < 2; m++) {
        const hd_bits *b = &golden->exact[m];
        results(reader, groups[m], b->correct, b->validation_error, b->hyper, b->hypers, b->weights_sha256,
                true);
    }
}

/* --- two of them --- */

static void look(hd_reader *reader, const char *figure, const char *is) {
    if (!strcmp(figure, reader->figure)) snprintf(reader->text, sizeof reader->text, "%s", is);
}

/* Writes the figure's text in the golden; "" if it has none. */
static void find(const hd_golden *golden, const char *figure, char found[TEXT]) {
    hd_reader reader = {.take = look, .figure = figure};
    if (golden) read_golden(&reader, golden);
    memcpy(found, reader.text, TEXT);
}

static void write_change(hd_reader *reader, const char *figure, const char *was, const char *is) {
    reader->changes++;
    if (reader->to) fprintf(reader->to, "    %zu %s: %s -> %s\n", reader->step, figure, was, is);
}

static void take_new(hd_reader *reader, const char *figure, const char *is) {
    char was[TEXT];
    find(reader->other, figure, was);
    if (strcmp(was, is) != 0) write_change(reader, figure, was[0] ? was : "new", is);
}

static void take_gone(hd_reader *reader, const char *figure, const char *was) {
    char is[TEXT];
    find(reader->other, figure, is);
    if (!is[0]) write_change(reader, figure, was, "gone");
}

size_t hd_golden_diff_write(FILE *to, const hd_golden *was, const hd_golden *is) {
    hd_reader reader = {.to = to, .step = (is ? is : was)->reference.step};
    if (is) {
        reader.take = take_new;
        reader.other = was;
        read_golden(&reader, is);
    }
    if (was) {
        reader.take = take_gone;
        reader.other = is;
        read_golden(&reader, was);
    }
    return reader.changes;
}
