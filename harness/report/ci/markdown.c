#include "report/ci/markdown.h"

#include "base/escape.h"
#include "base/file.h"
#include "build_info.h"
#include "judge/trace_2017.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Room for headings and for the words about rows left out. */
enum { RESERVE = 4096 };

typedef struct hd_markdown {
    FILE *to;
    const hd_findings *findings;
    off_t room;      /* rows may reach to this byte */
    off_t row;       /* where the current row began */
    size_t left_out; /* of the current table */
} hd_markdown;

static const char *escape(char character) {
    static const char reserved[] = "\\`*_[]|~#!<>&$";
    static const char *const instead[] = {"\\\\", "\\`", "\\*", "\\_",  "\\[",  "\\]",   "\\|",
                                          "\\~",  "\\#", "\\!", "&lt;", "&gt;", "&amp;", "&#36;"};
    const char *found = strchr(reserved, character);
    return found ? instead[found - reserved] : NULL;
}

/* Adds markup with its arguments; escapes every text (%s). */
static void __attribute__((format(printf, 2, 3))) add(hd_markdown *markdown, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    hd_escape_print(markdown->to, escape, format, arguments);
    va_end(arguments);
}

/* --- tables --- */

/* heading: the columns' names and the line below them. */
static void begin_table(hd_markdown *markdown, const char *heading) {
    fputs(heading, markdown->to);
    markdown->row = ftello(markdown->to);
    markdown->left_out = 0;
}

/* Takes the row back if there is no room for it. */
static void end_row(hd_markdown *markdown) {
    fputc('\n', markdown->to);
    if (ftello(markdown->to) > markdown->room) {
        fseeko(markdown->to, markdown->row, SEEK_SET);
        markdown->left_out++;
    }
    markdown->row = ftello(markdown->to);
}

static void end_table(hd_markdown *markdown) {
    if (markdown->left_out)
        add(markdown, "\n%zu more row%s left out: a summary is shown up to %d bytes.\n", markdown->left_out,
            markdown->left_out == 1 ? " is" : "s are", HD_MARKDOWN_MOST);
    fputc('\n', markdown->to);
}

/* --- rows --- */

/* Adds the share of the tolerance that was used. */
static void add_share(hd_markdown *markdown, const hd_judgement *judgement) {
    if (judgement->error == 0)
        add(markdown, "same");
    else if (isfinite(judgement->budget_used))
        add(markdown, "%.3g%%", 100 * judgement->budget_used);
    else
        add(markdown, "beyond");
}

static void add_head(hd_markdown *markdown, const hd_verdict *verdict) {
    add(markdown, "| %s | %s | %s | %zu |", verdict->experiment, verdict->device, hd_mode_name(verdict->mode),
        verdict->step);
}

static void add_judgement(hd_markdown *markdown, const hd_verdict *verdict, const hd_judgement *judgement) {
    add_head(markdown, verdict);
    add(markdown, " %s | %s | %.9g | %.9g | %.3g | %.3g | %.3g%s | ", judgement->name, judgement->element,
        judgement->value, judgement->expected, judgement->error, judgement->relative, judgement->tolerance,
        judgement->measure == HD_RELATIVE ? ", relative" : "");
    add_share(markdown, judgement);
    add(markdown, " | %s | %s |", verdict->against, judgement->note);
    end_row(markdown);
}

/* Adds a verdict's failure that belongs to no figure. */
static void add_remark(hd_markdown *markdown, const hd_verdict *verdict, const char *why) {
    add_head(markdown, verdict);
    add(markdown, " figures | | | | | | | | %s | %s |", verdict->against, why);
    end_row(markdown);
}

static void add_verdict(hd_markdown *markdown, const hd_verdict *verdict, hd_outcome outcome) {
    for (size_t i = 0; i < verdict->count; i++)
        if (verdict->judgements[i].outcome == outcome)
            add_judgement(markdown, verdict, &verdict->judgements[i]);
    if (outcome != HD_FAIL) return;
    if (verdict->count == 0) add_remark(markdown, verdict, "nothing was compared");
    if (verdict->no_memory) add_remark(markdown, verdict, "no memory for more");
}

/* Adds all figures with this outcome. */
static void add_judgements(hd_markdown *markdown, const char *title, hd_outcome outcome) {
    add(markdown, "### %s\n\n", title);
    begin_table(
        markdown,
        "| experiment | device | mode | hyper-iteration | figure | element | value | expected | error | relative "
        "| tolerance | used | by | note |\n"
        "| --- | --- | --- | --: | --- | --- | --: | --: | --: | --: | --: | --: | --- | --- |\n");
    for (size_t i = 0; i < markdown->findings->record_count; i++) {
        const hd_finding *finding = &markdown->findings->records[i];
        for (size_t v = 0; v < finding->count; v++) add_verdict(markdown, &finding->verdicts[v], outcome);
    }
    end_table(markdown);
}

static void add_record(hd_markdown *markdown, const hd_finding *finding) {
    const hd_record *record = &finding->record;
    const hd_judgement *worst = hd_finding_worst(finding);
    hd_totals sum = hd_finding_totals(finding);
    add_head(markdown, finding->verdicts);
    add(markdown, " %zu of %zu | ", sum.passed, sum.passed + sum.failed);
    if (worst) {
        add(markdown, "%s %s | ", worst->name, worst->element);
        add_share(markdown, worst);
    } else {
        add(markdown, "nothing was compared |");
    }
    add(markdown, " | %.3f s | %.1f MB | %.0f MB | ", hd_findings_seconds(markdown->findings, record),
        (double)record->state_bytes * HD_TRACE_MB, (double)record->peak_bytes * HD_TRACE_MB);
    if (record->launches) add(markdown, "%.1f MB ", (double)record->device_bytes * HD_TRACE_MB);
    add(markdown, "|");
    end_row(markdown);
}

static void add_records(hd_markdown *markdown) {
    add(markdown, "### Records\n\n");
    begin_table(
        markdown,
        "| experiment | device | mode | hyper-iteration | passed | nearest to its tolerance | used | time | states "
        "| process | device |\n"
        "| --- | --- | --- | --: | --- | --- | --: | --: | --: | --: | --: |\n");
    for (size_t i = 0; i < markdown->findings->record_count; i++) {
        const hd_finding *finding = &markdown->findings->records[i];
        if (finding->count && finding->repetition == 1) add_record(markdown, finding);
    }
    end_table(markdown);
}

static void add_unjudged(hd_markdown *markdown, const char *title, const hd_unjudged *list, size_t count) {
    if (!count) return;
    add(markdown, "### %s\n\n", title);
    begin_table(markdown, "| what | why |\n| --- | --- |\n");
    for (size_t i = 0; i < count; i++) {
        add(markdown, "| %s | %s |", list[i].what, list[i].why);
        end_row(markdown);
    }
    end_table(markdown);
}

/* Adds a row of news: a word and a sentence. */
static hd_status add_item(hd_markdown *markdown, const hd_trend *trend, const hd_news *item,
                          hd_error *error) {
    char *sentence = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&sentence, &size);
    if (to) hd_news_say(to, trend, item);
    if (!to || fclose(to)) {
        free(sentence);
        return hd_fail(error, HD_UNAVAILABLE, "no memory for what is new");
    }
    add(markdown, "| %s | %s |", hd_news_word(item), sentence);
    end_row(markdown);
    free(sentence);
    return HD_OK;
}

static hd_status add_news(hd_markdown *markdown, const hd_trend *trend, hd_error *error) {
    hd_news *news;
    size_t count, fresh = 0;
    hd_status status = hd_news_gather(trend, &news, &count, error);
    if (status != HD_OK) return status;
    for (size_t i = 0; i < count; i++) fresh += news[i].fresh;
    add(markdown, "### Since the night before\n\n");
    if (fresh) begin_table(markdown, "| what | |\n| --- | --- |\n");
    for (size_t i = 0; status == HD_OK && i < count; i++)
        if (news[i].fresh) status = add_item(markdown, trend, &news[i], error);
    if (fresh)
        end_table(markdown);
    else
        add(markdown, "Nothing changed.\n\n");
    free(news);
    return status;
}

static hd_status add_all(hd_markdown *markdown, const hd_trend *trend, hd_error *error) {
    hd_status status = HD_OK;
    const hd_findings *findings = markdown->findings;
    hd_totals sum = hd_findings_totals(findings);
    char moment[32];
    struct tm utc;
    strftime(moment, sizeof moment, "%Y-%m-%d %H:%M:%S", gmtime_r(&findings->started, &utc));
    add(markdown, "## hyperdrift: %s, %zu passed, %zu failed, %zu skipped\n\n",
        hd_findings_pass(findings) ? "pass" : "fail", sum.passed, sum.failed, findings->skip_count);
    add(markdown, "hyperdrift %s (%s) on %s, %s UTC.%s%s\n\n", HD_VERSION, HD_COMMIT, findings->host, moment,
        findings->no_bits ? " The goldens' bits were not compared." : "",
        findings->no_memory ? " There was not enough memory for all of it." : "");
    add_unjudged(markdown, "Runs that gave no record, or records that could not be judged",
                 findings->failures, findings->failure_count);
    if (sum.failed > findings->failure_count + findings->no_memory)
        add_judgements(markdown, "Figures that failed", HD_FAIL);
    if (trend && trend->night_count > 1) status = add_news(markdown, trend, error);
    if (findings->record_count) add_records(markdown);
    if (sum.known) add_judgements(markdown, "Within a stated allowance", HD_KNOWN);
    add_unjudged(markdown, "Skipped", findings->skips, findings->skip_count);
    return status;
}

hd_status hd_markdown_append(const char *path, const hd_findings *findings, const hd_trend *trend,
                             hd_error *error) {
    struct stat there;
    hd_markdown markdown = {.findings = findings, .room = HD_MARKDOWN_MOST - RESERVE};
    if (stat(path, &there) == 0) markdown.room -= there.st_size;
    if (markdown.room < 0)
        return hd_fail(error, HD_UNAVAILABLE, "%s: has %lld bytes already, and a summary is shown up to %d",
                       path, (long long)there.st_size, HD_MARKDOWN_MOST);
    char *text = NULL;
    size_t size = 0;
    markdown.to = open_memstream(&text, &size);
    if (!markdown.to) return hd_fail(error, HD_UNAVAILABLE, "%s: no memory", path);
    hd_status status = add_all(&markdown, trend, error);
    if (fclose(markdown.to) && status == HD_OK)
        status = hd_fail(error, HD_UNAVAILABLE, "%s: no memory", path);
    if (status == HD_OK) status = hd_file_append(path, text, size, error);
    free(text);
    return status;
}
