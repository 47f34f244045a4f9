#include "golden/ledger.h"

#include "base/file.h"
#include "base/list.h"
#include "base/process.h"
#include "build_info.h"
#include "golden/golden_diff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { LIMIT = 256 << 20 }; /* bytes */

static const char indent[] = "    ";

/* ---- reading ---- */

/* The text, line by line. A zero replaces each newline. */
typedef struct hd_lines {
    char *next, *end;
    size_t number; /* of the line last taken */
} hd_lines;

static char *next_line(hd_lines *lines) {
    char *line = lines->next, *newline = memchr(line, '\n', (size_t)(lines->end - line));
    *newline = '\0';
    lines->next = newline + 1;
    lines->number++;
    return line;
}

static bool is_shaped(const char *text, const char *shape) {
    for (; *shape; text++, shape++)
        if (*shape == '0' ? *text < '0' || *text > '9' : *text != *shape) return false;
    return *text == '\0';
}

static bool copy(char *to, size_t size, const char *text) {
    return text[0] && snprintf(to, size, "%s", text) < (int)size;
}

/* Whether an experiment may have this name. */
static bool is_name(const char *text) {
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == strlen(text);
}

static bool get_heading(char *line, hd_blessing *blessing) {
    char *blank = strchr(line, ' ');
    if (!blank) return false;
    *blank = '\0';
    return (is_shaped(line, "0000-00-00T00:00:00Z") || is_shaped(line, "0000-00-00")) && is_name(blank + 1) &&
           copy(blessing->date, sizeof blessing->date, line) &&
           copy(blessing->experiment, sizeof blessing->experiment, blank + 1);
}

/* Reads "    KEY: TEXT". */
static bool get_text(const char *line, const char *key, char *to, size_t size) {
    size_t length = strlen(key);
    return !strncmp(line, indent, 4) && !strncmp(line + 4, key, length) &&
           !strncmp(line + 4 + length, ": ", 2) && copy(to, size, line + length + 6);
}

static bool get_hash(const char *text, const char *none, char hash[HD_SHA256]) {
    bool is_none = !strcmp(text, none);
    bool is_hash = strlen(text) == HD_SHA256 - 1 && strspn(text, "0123456789abcdef") == HD_SHA256 - 1;
    snprintf(hash, HD_SHA256, "%s", is_none ? "" : text);
    return is_none || is_hash;
}

/* Reads "    golden STEP: WAS -> IS"; STEP must be the next. */
static bool get_golden(const char *line, hd_blessing *blessing) {
    char was[HD_SHA256], is[HD_SHA256], expected[2 * HD_SHA256 + 64];
    if (sscanf(line, "    golden %*u: %64s -> %64s", was, is) != 2) return false;
    snprintf(expected, sizeof expected, "    golden %zu: %s -> %s", blessing->steps, was, is);
    if (strcmp(line, expected) != 0) return false;
    hd_golden_hashes *hashes = hd_list_add(&blessing->hashes, &blessing->steps, sizeof *hashes);
    return hashes && get_hash(was, "new", hashes->was) && get_hash(is, "gone", hashes->is);
}

/* Whether the line is "    STEP FIGURE: WAS -> IS". */
static bool is_change(const char *line) {
    const char *colon = strstr(line, ": "), *arrow = colon ? strstr(colon, " -> ") : NULL;
    return !strncmp(line, indent, 4) && line[4] >= '0' && line[4] <= '9' && arrow && arrow > colon + 2 &&
           arrow[4];
}

/* Reads one entry, to its empty line. NULL, or what it expected in the last line. */
static const char *get_entry(hd_lines *lines, hd_blessing *b) {
    if (!get_heading(next_line(lines), b)) return "a date and an experiment";
    if (!get_text(next_line(lines), "reason", b->reason, sizeof b->reason)) return "reason: ...";
    if (!get_text(next_line(lines), "commit", b->commit, sizeof b->commit)) return "commit: ...";
    if (!get_text(next_line(lines), "machine", b->machine, sizeof b->machine)) return "machine: ...";
    if (!get_text(next_line(lines), "program", b->program, sizeof b->program)) return "program: ...";
    const char *line = next_line(lines);
    for (; get_golden(line, b);) line = next_line(lines);
    if (b->steps == 0) return "golden 0: SHA-256 -> SHA-256";
    for (; line[0]; line = next_line(lines))
        if (!is_change(line)) return "STEP FIGURE: WAS -> IS";
    return NULL;
}

/* Reads all entries of the lines, the last of which is empty. */
static hd_status get_entries(hd_ledger *ledger, hd_lines *lines, hd_error *error) {
    while (lines->next < lines->end) {
        hd_blessing *blessing = hd_list_add(&ledger->blessings, &ledger->count, sizeof *blessing);
        if (!blessing) return hd_fail(error, HD_UNAVAILABLE, "%s: no memory to read it", ledger->path);
        const char *expected = get_entry(lines, blessing);
        if (expected)
            return hd_fail(error, HD_INVALID, "%s: line %zu: expected \"%s\"", ledger->path, lines->number,
                           expected);
    }
    return HD_OK;
}

static void drop_last(hd_ledger *ledger) {
    free(ledger->blessings[--ledger->count].hashes);
}

/* Reads the incomplete entry after the whole ones. It counts as a blessing if only its end is missing. */
static hd_status get_beginning(hd_ledger *ledger, const char *rest, size_t lines_before, hd_error *error) {
    const bool broken = rest[strlen(rest) - 1] != '\n'; /* its last line is incomplete */
    const char *lacking = broken ? "\n\n" : "\n";
    char *text;
    const int size = asprintf(&text, "%s%s", rest, lacking);
    if (size < 0) return hd_fail(error, HD_UNAVAILABLE, "%s: no memory to read it", ledger->path);
    hd_lines lines = {text, text + size, lines_before};
    hd_status status = get_entries(ledger, &lines, error);
    if (status == HD_OK) {
        ledger->blessings[ledger->count - 1].lacking = lacking;
    } else if (status == HD_INVALID && lines.end - lines.next <= broken) { /* so far it is right */
        drop_last(ledger);
        status = HD_OK;
    }
    free(text);
    return status;
}

/* How many bytes of the text are whole entries: those up to its last empty line. */
static size_t whole(const char *text, size_t size) {
    while (size >= 2 && !(text[size - 1] == '\n' && text[size - 2] == '\n')) size--;
    return size < 2 ? 0 : size;
}

/* Reads everything; *size is the whole entries' size. */
static hd_status read_all(hd_ledger *ledger, size_t *size, hd_error *error) {
    char *text;
    size_t all;
    hd_status status = hd_file_read_text(ledger->path, LIMIT, &text, &all, error);
    if (status != HD_OK) return status;
    *size = whole(text, all);
    ledger->cut = *size != all;
    hd_lines lines = {text, text + *size, 0};
    status = get_entries(ledger, &lines, error);
    if (status == HD_OK && ledger->cut) status = get_beginning(ledger, text + *size, lines.number, error);
    free(text);
    return status;
}

static hd_status name(const char *root, hd_ledger *ledger, hd_error *error) {
    *ledger = (hd_ledger){.descriptor = -1};
    int length = snprintf(ledger->path, sizeof ledger->path, "%s/golden/CHANGES", root);
    return length < PATH_MAX ? HD_OK : hd_fail(error, HD_INVALID, "%.200s: too long a path", root);
}

hd_status hd_ledger_read(const char *root, hd_ledger *ledger, hd_error *error) {
    size_t size;
    hd_status status = name(root, ledger, error);
    if (status != HD_OK || (access(ledger->path, F_OK) != 0 && errno == ENOENT)) return status;
    return read_all(ledger, &size, error);
}

void hd_ledger_close(hd_ledger *ledger) {
    if (ledger->descriptor >= 0) close(ledger->descriptor);
    for (size_t i = 0; i < ledger->count; i++) free(ledger->blessings[i].hashes);
    free(ledger->blessings);
    *ledger = (hd_ledger){.descriptor = -1};
}

/* ---- appending ---- */

static hd_status cannot(const hd_ledger *ledger, const char *what, hd_error *error) {
    return hd_fail(error, HD_UNAVAILABLE, "%s: cannot be %s: %s", ledger->path, what, strerror(errno));
}

static hd_status lock(const hd_ledger *ledger, hd_error *error) {
    if (flock(ledger->descriptor, LOCK_EX | LOCK_NB) == 0) return HD_OK;
    if (errno == EWOULDBLOCK) fprintf(stderr, "hyperdrift: %s: waiting for another blessing\n", ledger->path);
    while (flock(ledger->descriptor, LOCK_EX) != 0)
        if (errno != EINTR || hd_process_interrupted()) return cannot(ledger, "locked", error);
    return HD_OK;
}

/* Makes the ledger's folder. */
static hd_status make_folder(const hd_ledger *ledger, hd_error *error) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(ledger->path, '/') - ledger->path), ledger->path);
    return hd_directory_make(folder, error);
}

static bool are(const hd_blessing *blessing, const hd_golden_set *goldens, bool before) {
    size_t there = 0;
    for (size_t k = 0; k < blessing->steps; k++) {
        const char *hash = before ? blessing->hashes[k].was : blessing->hashes[k].is;
        if (!hash[0]) continue;
        if (k >= goldens->count || strcmp(goldens->steps[k].sha256, hash) != 0) return false;
        there++;
    }
    return there == goldens->count;
}

static hd_status find_placed(const char *root, const hd_blessing *blessing, bool *placed, hd_error *error) {
    char folder[PATH_MAX];
    hd_golden_set goldens = {0};
    hd_status status = hd_golden_set_folder(root, blessing->experiment, folder, error);
    if (status == HD_OK) status = hd_golden_set_load(folder, &goldens, error);
    *placed = status == HD_OK && are(blessing, &goldens, false);
    hd_golden_set_free(&goldens);
    return status;
}

/* Removes what a writer that was killed left. But if an entry's goldens are in place, the entry was whole
 * once, and somebody, or an editor, removed its end: then we restore that. */
static hd_status mend(const char *root, hd_ledger *ledger, size_t size, hd_error *error) {
    hd_blessing *last = ledger->count && ledger->blessings[ledger->count - 1].lacking
                            ? &ledger->blessings[ledger->count - 1]
                            : NULL;
    bool placed = false;
    hd_status status = last ? find_placed(root, last, &placed, error) : HD_OK;
    if (status != HD_OK) return status;
    if (placed) {
        status = hd_file_append(ledger->path, last->lacking, strlen(last->lacking), error);
        last->lacking = NULL;
        return status;
    }
    if (last) drop_last(ledger);
    return ftruncate(ledger->descriptor, (off_t)size) == 0 ? HD_OK : cannot(ledger, "written", error);
}

hd_status hd_ledger_open(const char *root, hd_ledger *ledger, hd_error *error) {
    size_t size;
    hd_status status = name(root, ledger, error);
    if (status == HD_OK) status = make_folder(ledger, error);
    if (status != HD_OK) return status;
    ledger->descriptor = open(ledger->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (ledger->descriptor < 0) return cannot(ledger, "written", error);
    status = lock(ledger, error);
    if (status == HD_OK) status = read_all(ledger, &size, error);
    return status == HD_OK && ledger->cut ? mend(root, ledger, size, error) : status;
}

static const char *hash_of(const hd_golden_set *goldens, size_t step, const char *none) {
    return step < goldens->count ? goldens->steps[step].sha256 : none;
}

static void write_entry(FILE *to, const hd_golden_set *was, const hd_golden_set *is) {
    const hd_golden *first = &is->steps[0];
    size_t steps = was->count > is->count ? was->count : is->count;
    fprintf(to, "%s %s\n", first->blessed.date, first->reference.experiment);
    fprintf(to, "    reason: %s\n    commit: %s\n", first->blessed.reason, first->blessed.commit);
    fprintf(to, "    machine: %s\n    program: %s (%s)\n", first->blessed.machine, HD_VERSION, HD_COMMIT);
    for (size_t k = 0; k < steps; k++)
        fprintf(to, "    golden %zu: %s -> %s\n", k, hash_of(was, k, "new"), hash_of(is, k, "gone"));
    for (size_t k = 0; k < steps; k++)
        hd_golden_diff_write(to, k < was->count ? &was->steps[k] : NULL,
                             k < is->count ? &is->steps[k] : NULL);
    fputc('\n', to);
}

hd_status hd_ledger_append(hd_ledger *ledger, const hd_golden_set *was, const hd_golden_set *is,
                           hd_error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (to) write_entry(to, was, is);
    bool written = to && !ferror(to);
    if (to && fclose(to) != 0) written = false;
    char *copied = written ? strdup(text) : NULL;
    hd_status status =
        copied ? HD_OK : hd_fail(error, HD_UNAVAILABLE, "%s: no memory for an entry", ledger->path);
    if (status == HD_OK) /* write none that we could not read */
        status = get_entries(ledger, &(hd_lines){copied, copied + size, 0}, error);
    if (status == HD_OK) status = hd_file_append(ledger->path, text, size, error);
    free(copied);
    free(text);
    return status;
}

/* ---- asking ---- */

hd_status hd_ledger_lineage(const hd_ledger *ledger, const char *experiment, const hd_golden_set *goldens,
                            hd_lineage *lineage, hd_error *error) {
    *lineage = (hd_lineage){NULL, NULL};
    for (size_t i = ledger->count; i-- > 0;) {
        const hd_blessing *blessing = &ledger->blessings[i];
        if (strcmp(blessing->experiment, experiment) != 0) continue;
        if (are(blessing, goldens, false)) {
            lineage->blessed = blessing;
            return HD_OK;
        }
        if (blessing->lacking) continue;
        if (!are(blessing, goldens, true))
            return hd_fail(error, HD_INVALID,
                           "%s: the goldens of %s are not those of its last blessing (%s): they came into "
                           "place without one",
                           ledger->path, experiment, blessing->date);
        if (!lineage->unplaced) lineage->unplaced = blessing;
    }
    if (ledger->count == 0 || goldens->count == 0) return HD_OK;
    return hd_fail(error, HD_INVALID, "%s: there is no blessing of the goldens of %s", ledger->path,
                   experiment);
}
