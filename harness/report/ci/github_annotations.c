#include "report/ci/github_annotations.h"

#include "base/escape.h"
#include "judge/verdict_text.h"

static const char *escape_message(char character) {
    return character == '%' ? "%25" : character == '\r' ? "%0D" : character == '\n' ? "%0A" : NULL;
}

static const char *escape_property(char character) {
    return character == ':' ? "%3A" : character == ',' ? "%2C" : escape_message(character);
}

static void print_error(FILE *to, const char *title, const char *message) {
    fputs("::error title=", to);
    hd_escape_text(to, escape_property, title);
    fputs("::", to);
    hd_escape_text(to, escape_message, message);
    fputc('\n', to);
}

/* judgement NULL: nothing was compared. */
static void print_figure(FILE *to, const hd_verdict *verdict, const hd_judgement *judgement) {
    char title[8 * HD_LABEL], message[HD_JUDGEMENT_TEXT + sizeof verdict->against + 16];
    char line[HD_JUDGEMENT_TEXT] = "nothing was compared";
    if (judgement) hd_judgement_text(judgement, line);
    snprintf(title, sizeof title, "%s, %s, %s, hyper-iteration %zu: %s", verdict->experiment, verdict->device,
             hd_mode_name(verdict->mode), verdict->step, judgement ? judgement->name : "figures");
    snprintf(message, sizeof message, "%s (by %s)", line, verdict->against);
    print_error(to, title, message);
}

static void print_failure(FILE *to, const hd_unjudged *failure) {
    char title[sizeof failure->what + 16];
    snprintf(title, sizeof title, "no verdict: %s", failure->what);
    print_error(to, title, failure->why);
}

void hd_annotations_print(FILE *to, const hd_findings *findings) {
    size_t count = 0;
    for (size_t i = 0; i < findings->failure_count; i++)
        if (count++ < HD_ANNOTATIONS_MOST) print_failure(to, &findings->failures[i]);
    for (size_t i = 0; i < findings->record_count; i++)
        for (size_t v = 0; v < findings->records[i].count; v++) {
            const hd_verdict *verdict = &findings->records[i].verdicts[v];
            if (verdict->count == 0 && count++ < HD_ANNOTATIONS_MOST) print_figure(to, verdict, NULL);
            for (size_t j = 0; j < verdict->count; j++)
                if (verdict->judgements[j].outcome == HD_FAIL && count++ < HD_ANNOTATIONS_MOST)
                    print_figure(to, verdict, &verdict->judgements[j]);
        }
    if (count > HD_ANNOTATIONS_MOST)
        fprintf(to, "::notice title=hyperdrift::and %zu more, see the report\n", count - HD_ANNOTATIONS_MOST);
}
