#include "judge/verdict_text.h"

#include "base/terminal.h"
#include "judge/trace_2017.h"

#include <math.h>
#include <string.h>

/* --- records --- */

enum { NAME_WIDTH = 26, COLUMN = 30 };

typedef void (*hd_cell)(const hd_record *record, size_t row, char text[128]);

static void row(FILE *to, const char *name, const hd_record *const records[2], hd_cell cell, size_t number) {
    char text[128];
    fprintf(to, "  %-*s", NAME_WIDTH, name);
    for (size_t i = 0; i < 2; i++) {
        if (!records[i]) continue;
        cell(records[i], number, text);
        fprintf(to, "%*s", COLUMN, text);
    }
    fputc('\n', to);
}

static void accuracy_cell(const hd_record *record, size_t which, char text[128]) {
    hd_accuracy a = which == 0 ? record->test : which == 1 ? record->validation : record->training;
    snprintf(text, 128, "%zu/%zu = %.6g", a.correct, a.total, (double)a.correct / (double)a.total);
}

static void error_cell(const hd_record *record, size_t unused, char text[128]) {
    (void)unused;
    snprintf(text, 128, "%.*g", record->float32 ? 9 : 15, record->validation_error);
}

static void hyper_cell(const hd_record *record, size_t j, char text[128]) {
    int digits = record->float32 ? 8 : 12;
    snprintf(text, 128, "[%.8g, %.*g]", record->hyper[j].value, digits, record->hyper[j].hypergradient);
}

static void weights_cell(const hd_record *record, size_t end, char text[128]) {
    size_t shown = hd_weights_shown(&record->weights), used = 0;
    const double *values = end ? record->weights.last : record->weights.first;
    text[0] = '\0';
    for (size_t i = 0; i < shown; i++)
        used += (size_t)snprintf(text + used, 128 - used, "%s%.6f", i ? " " : "", values[i]);
}

void hd_records_print(FILE *to, const hd_record *forward, const hd_record *reverse) {
    const hd_record *const records[2] = {forward, reverse}, *any = forward ? forward : reverse;
    fprintf(to, "%s%s, hyper-iteration %zu, %s (%s)%s\n", hd_terminal_colour(to, "bold"), any->experiment,
            any->step, any->device, any->arithmetic, hd_terminal_plain(to));
    fprintf(to, "  %-*s", NAME_WIDTH, "");
    for (size_t i = 0; i < 2; i++)
        if (records[i]) fprintf(to, "%*s", COLUMN, hd_mode_name(records[i]->mode));
    fputc('\n', to);
    row(to, "test accuracy", records, accuracy_cell, 0);
    row(to, "validation accuracy", records, accuracy_cell, 1);
    row(to, "training accuracy", records, accuracy_cell, 2);
    row(to, "validation error", records, error_cell, 0);
    row(to, "weights: first", records, weights_cell, 0);
    row(to, "         last", records, weights_cell, 1);
    for (size_t j = 0; j < any->hypers; j++) row(to, any->hyper[j].name, records, hyper_cell, j);
}

/* --- figures --- */

static const hd_judgement *judgement_named(const hd_verdict *verdict, const char *name) {
    for (size_t i = 0; verdict && i < verdict->count; i++)
        if (!strcmp(verdict->judgements[i].name, name)) return &verdict->judgements[i];
    return NULL;
}

static void share(const hd_judgement *j, char text[16]) {
    if (j->outcome == HD_FAIL)
        snprintf(text, 16, "FAIL");
    else if (j->outcome == HD_KNOWN)
        snprintf(text, 16, "known");
    else if (j->error == 0)
        snprintf(text, 16, "same");
    else
        snprintf(text, 16, "%.*f%%", j->budget_used < 0.1 ? 1 : 0, 100 * j->budget_used);
}

static void figure_cells(FILE *to, const hd_judgement *j) {
    char used[16];
    if (!j) {
        fprintf(to, "%15s%15s%8s", "-", "-", "-");
        return;
    }
    share(j, used);
    const char *colour = j->outcome == HD_FAIL ? "red" : j->outcome == HD_KNOWN ? "yellow" : "green";
    fprintf(to, "%15.8g%15.8g%s%8s%s", j->value, j->expected, hd_terminal_colour(to, colour), used,
            hd_terminal_plain(to));
}

/* Whether a judgement repeats a figure above it: the summary counts comparisons to the last bit that pass. */
static bool repeats(const hd_judgement *j) {
    return !strncmp(j->name, "bits ", 5) && j->outcome == HD_PASS;
}

static void figure_row(FILE *to, const char *name, const hd_verdict *forward, const hd_verdict *reverse) {
    fprintf(to, "  %-*s", NAME_WIDTH, name);
    if (forward) figure_cells(to, judgement_named(forward, name));
    if (reverse) figure_cells(to, judgement_named(reverse, name));
    fputc('\n', to);
}

void hd_verdict_print_figures(FILE *to, const hd_verdict *forward, const hd_verdict *reverse) {
    const hd_verdict *const verdicts[2] = {forward, reverse};
    fprintf(to, "  %-*s", NAME_WIDTH, "");
    for (size_t i = 0; i < 2; i++)
        if (verdicts[i]) fprintf(to, "%15s%15s%8s", hd_mode_name(verdicts[i]->mode), "expected", "used");
    fputc('\n', to);
    for (size_t i = 0; forward && i < forward->count; i++)
        if (!repeats(&forward->judgements[i])) figure_row(to, forward->judgements[i].name, forward, reverse);
    for (size_t i = 0; reverse && i < reverse->count; i++)
        if (!repeats(&reverse->judgements[i]) && !judgement_named(forward, reverse->judgements[i].name))
            figure_row(to, reverse->judgements[i].name, forward, reverse);
}

/* --- verdicts --- */

void hd_verdict_print_summary(FILE *to, const hd_verdict *verdict) {
    bool passes = hd_verdict_passes(verdict);
    const hd_judgement *worst = hd_verdict_worst(verdict);
    size_t bits = 0;
    for (size_t i = 0; i < verdict->count; i++) bits += repeats(&verdict->judgements[i]);
    fprintf(to, "  %s%-5s%s %-8s by %s: %zu of %zu figures", hd_terminal_colour(to, passes ? "green" : "red"),
            passes ? "pass" : "FAIL", hd_terminal_plain(to), hd_mode_name(verdict->mode), verdict->against,
            verdict->count - verdict->failures, verdict->count);
    if (bits) fprintf(to, ", %zu of them to the last bit", bits);
    if (verdict->known) fprintf(to, ", %zu of them known", verdict->known);
    if (verdict->no_memory) fprintf(to, ", and no memory for more");
    if (worst && worst->budget_used > 0) {
        fprintf(to, "; worst: %s%s%s", worst->name, worst->element[0] ? " " : "", worst->element);
        if (isfinite(worst->budget_used))
            fprintf(to, " at %.3g%% of its tolerance", 100 * worst->budget_used);
    }
    fputc('\n', to);
}

void hd_judgement_text(const hd_judgement *j, char text[HD_JUDGEMENT_TEXT]) {
    char difference[128] = "", ulps[32] = "", allowed[48] = "";
    if (j->error > 0 || isnan(j->error)) {
        if (!isnan(j->ulps)) snprintf(ulps, sizeof ulps, ", %.3g ulp", j->ulps);
        snprintf(difference, sizeof difference, "; off by %.3g, relative %.3g%s", j->error, j->relative,
                 ulps);
    }
    if (!isnan(j->tolerance))
        snprintf(allowed, sizeof allowed, "; allowed %s %.3g", hd_measure_name(j->measure), j->tolerance);
    snprintf(text, HD_JUDGEMENT_TEXT, "%s%s%s: %.9g, expected %.9g%s%s%s%s", j->name,
             j->element[0] ? " " : "", j->element, j->value, j->expected, difference, allowed,
             j->note[0] ? "; " : "", j->note);
}

void hd_verdict_print_details(FILE *to, const hd_verdict *verdict, bool all) {
    for (size_t i = 0; i < verdict->count; i++) {
        const hd_judgement *j = &verdict->judgements[i];
        if (!all && j->outcome == HD_PASS) continue;
        const char *colour = j->outcome == HD_FAIL ? "red" : j->outcome == HD_KNOWN ? "yellow" : "green";
        char text[HD_JUDGEMENT_TEXT];
        hd_judgement_text(j, text);
        fprintf(to, "    %s%s%s %s\n", hd_terminal_colour(to, colour), hd_outcome_name(j->outcome),
                hd_terminal_plain(to), text);
    }
}

void hd_record_print_cost(FILE *to, const hd_record *record) {
    const hd_timing *s = &record->seconds;
    bool forward = record->mode == HD_FORWARD;
    double rate = s->total > 0 ? record->operations / s->total * 1e-9 : 0;
    fprintf(
        to,
        "  %-8s %.3f s: data %.3f, training %.3f, %s %.3f, validation %.3f; %.0f of %.0f GFLOP/s (%.0f%%)\n",
        hd_mode_name(record->mode), s->total, s->data, s->training, forward ? "tangents" : "backward",
        s->differentiate, s->validation, rate, record->sgemm_rate,
        record->sgemm_rate > 0 ? 100 * rate / record->sgemm_rate : 0);
    fprintf(to, "  %-8s states %.3f MB, process at most %.0f MB\n", "",
            (double)record->state_bytes * HD_TRACE_MB, (double)record->peak_bytes * HD_TRACE_MB);
    if (record->launches == 0) return;
    fprintf(to, "  %-8s device at most %.1f MB, %.1f of them beside data and trajectory\n", "",
            (double)record->device_bytes * HD_TRACE_MB,
            (double)(record->device_bytes - record->data_bytes) * HD_TRACE_MB);
    fprintf(to, "  %-8s %.1f ms; its products alone, at their rate, %.1f ms; %zu launches\n", "",
            1e3 * s->total, record->sgemm_rate > 0 ? record->operations / record->sgemm_rate * 1e-6 : 0,
            record->launches);
}
