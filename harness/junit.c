#include "junit.h"

#include "file.h"

#include <stdio.h>
#include <stdlib.h>

static void escaped(FILE *to, const char *text) {
    for (; *text; text++) switch (*text) {
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '&':
            fputs("&amp;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc((unsigned char)*text < ' ' ? ' ' : *text, to);
        }
}

static void attribute(FILE *to, const char *name, const char *value) {
    fprintf(to, " %s=\"", name);
    escaped(to, value);
    fputc('"', to);
}

static void write_verdict(FILE *to, const hd_verdict *verdict) {
    char name[1024];
    snprintf(name, sizeof name, "%s.%s.%s.step-%zu by %s", verdict->experiment, verdict->device,
             hd_mode_name(verdict->mode), verdict->step, verdict->against);
    fputs("  <testsuite", to);
    attribute(to, "name", name);
    fprintf(to, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"0\">\n", verdict->count,
            verdict->failures);
    for (size_t i = 0; i < verdict->count; i++) {
        const hd_judgement *j = &verdict->judgements[i];
        fputs("    <testcase", to);
        attribute(to, "classname", name);
        attribute(to, "name", j->name);
        if (j->outcome != HD_FAIL) {
            fputs("/>\n", to);
            continue;
        }
        char message[512];
        snprintf(message, sizeof message,
                 "%.9g, expected %.9g, tolerance %.3g, relative error %.3g, %.3g ulp. %s %s", j->value,
                 j->expected, j->tolerance, j->relative, j->ulps, j->element, j->note);
        fputs("><failure", to);
        attribute(to, "message", message);
        fputs("/></testcase>\n", to);
    }
    fputs("  </testsuite>\n", to);
}

static void write_rest(FILE *to, const hd_skip *skips, size_t skip_count, size_t failed_runs) {
    fprintf(to, "  <testsuite name=\"runs\" tests=\"%zu\" failures=\"0\" errors=\"%zu\" skipped=\"%zu\">\n",
            skip_count + failed_runs, failed_runs, skip_count);
    for (size_t i = 0; i < failed_runs; i++)
        fprintf(to,
                "    <testcase classname=\"runs\" name=\"run %zu\"><error message=\"gave no record; see the "
                "log\"/></testcase>\n",
                i + 1);
    for (size_t i = 0; i < skip_count; i++) {
        fputs("    <testcase classname=\"runs\"", to);
        attribute(to, "name", skips[i].what);
        fputs("><skipped", to);
        attribute(to, "message", skips[i].why);
        fputs("/></testcase>\n", to);
    }
    fputs("  </testsuite>\n", to);
}

hd_status hd_junit_write(const char *path, const hd_verdict *verdicts, size_t count, const hd_skip *skips,
                         size_t skip_count, size_t failed_runs, hd_error *error) {
    char *text = NULL;
    size_t size = 0, tests = skip_count + failed_runs, failures = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to) return hd_fail(error, HD_UNAVAILABLE, "%s: no memory", path);
    for (size_t i = 0; i < count; i++) tests += verdicts[i].count, failures += verdicts[i].failures;
    fprintf(to,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"hyperdrift\" tests=\"%zu\" "
            "failures=\"%zu\" errors=\"%zu\">\n",
            tests, failures, failed_runs);
    for (size_t i = 0; i < count; i++) write_verdict(to, &verdicts[i]);
    if (skip_count + failed_runs) write_rest(to, skips, skip_count, failed_runs);
    fputs("</testsuites>\n", to);
    hd_status status = fclose(to) ? hd_fail(error, HD_UNAVAILABLE, "%s: no memory", path) : HD_OK;
    if (status == HD_OK) status = hd_file_write(path, text, size, error);
    free(text);
    return status;
}
