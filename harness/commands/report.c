/* hyperdrift report: makes a page of what drift, check and run found, or of a history. */
#include "base/file.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "report/html/page.h"
#include "run/loaded_experiment.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *format;
    void (*write)(hd_html *html, const hd_node *document);
} sections[] = {{"hyperdrift-drift/2", hd_page_drift},
                {"hyperdrift-check/1", hd_page_check},
                {"hyperdrift-run/1", hd_page_run},
                {"hyperdrift-record/1", hd_page_record}};

/* Whether the file is an SQLite database, by its first bytes: then it must be a history. */
static bool is_history(const char *path) {
    static const char magic[16] = "SQLite format 3";
    char start[sizeof magic] = "";
    struct stat kind;
    if (stat(path, &kind) != 0 || !S_ISREG(kind.st_mode)) return false; /* a FIFO would block us */
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    size_t size = fread(start, 1, sizeof start, file);
    fclose(file);
    return size == sizeof magic && memcmp(start, magic, sizeof magic) == 0;
}

static hd_status write_history(hd_html *html, const char *path, hd_error *error) {
    hd_history_page_data page;
    hd_status status = hd_history_page_load(path, &page, error);
    if (status == HD_OK) status = hd_page_history(html, &page, error);
    hd_history_page_free(&page);
    return status;
}

/* Writes the section of a document. */
static hd_status write_document(hd_html *html, const char *path, hd_error *error) {
    hd_document document;
    hd_node root = hd_document_open(&document, path, NULL, error);
    const char *format = hd_node_text(&root, "format");
    size_t s = 0;
    while (s < sizeof sections / sizeof *sections && strcmp(format, sections[s].format) != 0) s++;
    if (s < sizeof sections / sizeof *sections)
        sections[s].write(html, &root);
    else
        hd_node_refuse(&root, "format", "is \"%.64s\": not the output of drift, check or run, nor a record",
                       format);
    return hd_document_close(&document);
}

static hd_status write_section(hd_html *html, size_t number, const char *path, hd_error *error) {
    hd_html_add(html, "<section id=\"document-%zu\">\n", number);
    hd_status status =
        is_history(path) ? write_history(html, path, error) : write_document(html, path, error);
    hd_html_add(html, "</section>\n");
    return status;
}

/* A history's section has link targets, so a page can have only one. */
static hd_status expect_one_history(const hd_options *options, hd_error *error) {
    const char *first = NULL;
    for (size_t i = 0; i < options->word_count; i++) {
        if (!is_history(options->words[i])) continue;
        if (first)
            return hd_fail(error, HD_INVALID,
                           "%.200s, %.200s: a page can have one history; hyperdrift merge joins two", first,
                           options->words[i]);
        first = options->words[i];
    }
    return HD_OK;
}

/* Refuses to write the page over one of its sources: a history's only copy would be gone. */
static hd_status expect_another_file(const hd_options *options, hd_error *error) {
    for (size_t i = 0; i < options->word_count; i++)
        if (hd_file_same(options->request.out, options->words[i]))
            return hd_fail(error, HD_INVALID, "%s: the page would overwrite one of its own inputs",
                           options->request.out);
    return HD_OK;
}

static void write_contents(hd_html *html, const hd_options *options) {
    hd_html_add(html, "<nav aria-label=\"documents\"><ol>\n");
    for (size_t i = 0; i < options->word_count; i++)
        hd_html_add(html, "<li><a href=\"#document-%zu\">%s</a></li>\n", i + 1, options->words[i]);
    hd_html_add(html, "</ol></nav>\n");
}

hd_status hd_command_report(const hd_options *options) {
    hd_html html;
    hd_error error;
    hd_status status = expect_one_history(options, &error);
    if (status == HD_OK) status = expect_another_file(options, &error);
    if (status == HD_OK) status = hd_html_open(&html, &error);
    if (status != HD_OK) return hd_terminal_complain(HD_OK, &error);
    hd_page_begin(&html);
    if (options->word_count > 1) write_contents(&html, options);
    for (size_t i = 0; status == HD_OK && i < options->word_count; i++)
        status = write_section(&html, i + 1, options->words[i], &error);
    hd_page_end(&html);
    hd_error lost;
    hd_status closed = hd_html_close(&html, status == HD_OK ? &error : &lost);
    if (status == HD_OK) status = closed;
    if (status == HD_OK) status = hd_file_write(options->request.out, html.text, html.size, &error);
    free(html.text);
    return status == HD_OK ? HD_OK : hd_terminal_complain(HD_OK, &error);
}
