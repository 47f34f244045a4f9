#include "experiment/settings.h"

#include "base/c_locale.h"
#include "base/file.h"
#include "base/suggestion.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 20, MAX_ITEM = 64 };

static const char *const sections[HD_SETTING_SECTIONS] = {
    "experiment", "data", "model", "training", "hyperparameters", "hyper-optimizer", "device"};
enum { EXPERIMENT, DATA, MODEL, TRAINING, HYPERPARAMETERS, HYPER_OPTIMIZER, DEVICE };

static const struct {
    size_t section;
    const char *name;
} keys[HD_KEYS] = {
    [HD_KEY_NAME] = {EXPERIMENT, "name"},
    [HD_KEY_SEED] = {EXPERIMENT, "seed"},
    [HD_KEY_HYPER_ITERATIONS] = {EXPERIMENT, "hyper-iterations"},
    [HD_KEY_SOURCE] = {DATA, "source"},
    [HD_KEY_PARTITIONS] = {DATA, "partitions"},
    [HD_KEY_EXAMPLES] = {DATA, "examples"},
    [HD_KEY_INPUTS] = {DATA, "inputs"},
    [HD_KEY_CLASSES] = {DATA, "classes"},
    [HD_KEY_GREYS] = {DATA, "greys"},
    [HD_KEY_HIDDEN] = {MODEL, "hidden"},
    [HD_KEY_FILL] = {MODEL, "fill"},
    [HD_KEY_FILL_RACE] = {MODEL, "fill-race"},
    [HD_KEY_OPTIMIZER] = {TRAINING, "optimizer"},
    [HD_KEY_STEPS] = {TRAINING, "steps"},
    [HD_KEY_BATCH] = {TRAINING, "batch"},
    [HD_KEY_EPOCHS] = {TRAINING, "epochs"},
    [HD_KEY_RHO_L1] = {HYPERPARAMETERS, "rho_l1"},
    [HD_KEY_RHO_L2] = {HYPERPARAMETERS, "rho_l2"},
    [HD_KEY_ETA] = {HYPERPARAMETERS, "eta"},
    [HD_KEY_MU] = {HYPERPARAMETERS, "mu"},
    [HD_KEY_METHOD] = {HYPER_OPTIMIZER, "method"},
    [HD_KEY_RATE] = {HYPER_OPTIMIZER, "rate"},
    [HD_KEY_CONSTRAINT] = {HYPER_OPTIMIZER, "constraint"},
    [HD_KEY_POWF] = {HYPER_OPTIMIZER, "powf"},
    [HD_KEY_ARITHMETIC] = {DEVICE, "arithmetic"},
    [HD_KEY_TF32] = {DEVICE, "tf32"},
};

/* Where we are in the file, and the first error. */
typedef struct reading {
    hd_settings *settings;
    const char *rest;
    size_t line;
    hd_status status;
    hd_error *error;
} reading;

static size_t find_section(const char *name, size_t length) {
    size_t section = 0;
    while (section < HD_SETTING_SECTIONS &&
           !(strlen(sections[section]) == length && strncmp(sections[section], name, length) == 0))
        section++;
    return section;
}

static hd_key find_key(size_t section, const char *name) {
    hd_key key = 0;
    while (key < HD_KEYS && !(keys[key].section == section && strcmp(keys[key].name, name) == 0)) key++;
    return key;
}

static hd_status fail_section(const char *place, const char *name, hd_error *error) {
    hd_suggestion known = {.word = name};
    for (size_t i = 0; i < HD_SETTING_SECTIONS; i++) hd_suggestion_add(&known, sections[i]);
    return hd_fail(error, HD_INVALID, "%.200s: unknown section '%.40s'; allowed: %s", place, name,
                   hd_suggestion_text(&known));
}

static hd_status fail_key(const char *place, size_t section, const char *name, hd_error *error) {
    hd_suggestion known = {.word = name};
    for (size_t i = 0; i < HD_KEYS; i++)
        if (keys[i].section == section) hd_suggestion_add(&known, keys[i].name);
    return hd_fail(error, HD_INVALID, "%.200s: unknown key '%.40s'; [%s] has the keys %s", place, name,
                   sections[section], hd_suggestion_text(&known));
}

static const char *place_in(const reading *at, char place[200]) {
    snprintf(place, 200, "%.170s:%zu", at->settings->path, at->line);
    return place;
}

static bool has_control(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 127) return true;
    return false;
}

/* inih calls its handler only for keys, so we read headers here: an unknown section is an error. */
static hd_status see_header(reading *at, const char *line) {
    if (at->line == 1 && strncmp(line, "\xEF\xBB\xBF", 3) == 0) line += 3;
    line += strspn(line, " \t");
    const char *end = *line == '[' ? strchr(line, ']') : NULL;
    if (!end) return HD_OK;
    const size_t section = find_section(line + 1, (size_t)(end - line - 1));
    if (section < HD_SETTING_SECTIONS) {
        if (!at->settings->section_line[section]) at->settings->section_line[section] = at->line;
        return HD_OK;
    }
    char place[200], name[41];
    snprintf(name, sizeof name, "%.*s", (int)(end - line - 1), line + 1);
    return fail_section(place_in(at, place), name, at->error);
}

/* Gives inih the next line, as fgets would; NULL at the end of the text or after an error. */
static char *next_line(char *line, int capacity, void *stream) {
    reading *at = stream;
    if (at->status != HD_OK || !*at->rest) return NULL;
    at->line++;
    char place[200];
    const size_t whole = strcspn(at->rest, "\n");
    const size_t length = whole && at->rest[whole - 1] == '\r' ? whole - 1 : whole;
    if (length + 1 > (size_t)capacity) {
        at->status = hd_fail(at->error, HD_INVALID, "%s: a line of %zu bytes; allowed: up to %d",
                             place_in(at, place), length, capacity - 1);
        return NULL;
    }
    if (has_control(at->rest, length)) {
        at->status = hd_fail(at->error, HD_INVALID, "%s: a control character; allowed: text and tabs",
                             place_in(at, place));
        return NULL;
    }
    memcpy(line, at->rest, length);
    line[length] = '\0';
    at->rest += whole + (at->rest[whole] == '\n');
    at->status = see_header(at, line);
    return at->status == HD_OK ? line : NULL;
}

static hd_status keep(reading *at, const char *section_name, const char *name, const char *value) {
    char place[200];
    const size_t section = find_section(section_name, strlen(section_name));
    if (section == HD_SETTING_SECTIONS)
        return hd_fail(at->error, HD_INVALID, "%s: key '%.40s' before any [section]", place_in(at, place),
                       name);
    const hd_key key = find_key(section, name);
    if (key == HD_KEYS) return fail_key(place_in(at, place), section, name, at->error);
    hd_setting *setting = &at->settings->of[key];
    if (setting->given)
        return hd_fail(at->error, HD_INVALID, "%s: [%s] %s is given twice, first in line %zu; allowed: once",
                       place_in(at, place), section_name, name, setting->line);
    setting->given = true;
    setting->line = at->line;
    snprintf(setting->text, sizeof setting->text, "%s", value);
    return HD_OK;
}

static int handle(void *user, const char *section, const char *name, const char *value) {
    reading *at = user;
    if (at->status == HD_OK) at->status = keep(at, section, name, value);
    return at->status == HD_OK;
}

hd_status hd_settings_text(const char *path, char **text, hd_error *error) {
    size_t size = 0;
    return hd_file_read_text(path, MAX_FILE, text, &size, error);
}

hd_status hd_settings_parse(const char *path, const char *text, hd_settings *out, hd_error *error) {
    memset(out, 0, sizeof *out);
    out->path = path;
    ini_max_line = HD_SETTING_TEXT;
    ini_allow_multiline = false; /* an indented key is a key */
    ini_inline_comment_prefixes = ";#";
    reading at = {.settings = out, .rest = text, .error = error};
    const int bad_line = ini_parse_stream(next_line, &at, handle, &at);
    hd_status status = at.status;
    /* inih continues after a line that it cannot read: of two errors, report the first. */
    if (bad_line > 0 && (status == HD_OK || (size_t)bad_line < at.line))
        status =
            hd_fail(error, HD_INVALID,
                    "%.170s:%d: not understood; allowed: [section], key = value, ; comment", path, bad_line);
    else if (bad_line < 0)
        status = hd_fail(error, HD_UNAVAILABLE, "%.170s: no memory to read it", path);
    return status;
}

static void trim(char *text) {
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1])) text[--length] = '\0';
    const size_t blank = strspn(text, " \t");
    memmove(text, text + blank, length - (blank < length ? blank : length) + 1);
}

hd_status hd_settings_override(hd_settings *settings, const char *assignment, hd_error *error) {
    char place[100], left[HD_SETTING_TEXT];
    snprintf(place, sizeof place, "--set %.80s", assignment);
    const size_t length = strlen(assignment);
    if (length >= sizeof left)
        return hd_fail(error, HD_INVALID, "%s...: too long; allowed: up to %zu bytes", place,
                       sizeof left - 1);
    if (has_control(assignment, length))
        return hd_fail(error, HD_INVALID, "--set: a control character; allowed: text");
    memcpy(left, assignment, length + 1);
    char *equals = strchr(left, '=');
    if (equals) *equals = '\0';
    char *dot = strchr(left, '.');
    if (!equals || !dot)
        return hd_fail(error, HD_INVALID, "%s: not an assignment; allowed: section.key=value", place);
    *dot = '\0';
    char *name = dot + 1, *value = equals + 1;
    trim(left), trim(name), trim(value);
    const size_t section = find_section(left, strlen(left));
    if (section == HD_SETTING_SECTIONS) return fail_section(place, left, error);
    const hd_key key = find_key(section, name);
    if (key == HD_KEYS) return fail_key(place, section, name, error);
    hd_setting *setting = &settings->of[key];
    setting->given = setting->overridden = true;
    snprintf(setting->text, sizeof setting->text, "%s", value);
    return HD_OK;
}

hd_status hd_settings_fail(const hd_settings *settings, hd_key key, hd_error *error, const char *format,
                           ...) {
    const hd_setting *setting = &settings->of[key];
    const char *section = sections[keys[key].section];
    char cause[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cause, sizeof cause, format, arguments);
    va_end(arguments);
    if (setting->overridden)
        return hd_fail(error, HD_INVALID, "%.150s: --set %s.%s = '%.50s': %s", settings->path, section,
                       keys[key].name, setting->text, cause);
    return hd_fail(error, HD_INVALID, "%.150s:%zu: [%s] %s = '%.50s': %s", settings->path, setting->line,
                   section, keys[key].name, setting->text, cause);
}

hd_status hd_settings_require(const hd_settings *settings, hd_key key, hd_error *error) {
    if (settings->of[key].given) return HD_OK;
    const char *section = sections[keys[key].section], *name = keys[key].name;
    const size_t line = settings->section_line[keys[key].section];
    if (!line)
        return hd_fail(error, HD_INVALID, "%.150s: no section [%s]: its key '%s' is required", settings->path,
                       section, name);
    return hd_fail(error, HD_INVALID, "%.150s:%zu: [%s] has no key '%s', which is required", settings->path,
                   line, section, name);
}

/* Takes the next item, without blanks around it, from a list; *rest is NULL after the last one. */
static hd_status next_item(const hd_settings *settings, hd_key key, const char **rest, char item[MAX_ITEM],
                           hd_error *error) {
    const char *start = *rest + strspn(*rest, " \t");
    size_t length = strcspn(start, ",");
    *rest = start[length] ? start + length + 1 : NULL;
    while (length && isblank((unsigned char)start[length - 1])) length--;
    if (length == 0)
        return hd_settings_fail(settings, key, error,
                                "an empty item; allowed: values with commas between them");
    if (length >= MAX_ITEM)
        return hd_settings_fail(settings, key, error, "a number of %zu characters; allowed: up to %d", length,
                                MAX_ITEM - 1);
    memcpy(item, start, length);
    item[length] = '\0';
    return HD_OK;
}

static const char *list_start(const hd_settings *settings, hd_key key) {
    const char *text = settings->of[key].text;
    return *text ? text : NULL;
}

static hd_status fail_count(const hd_settings *settings, hd_key key, size_t least, size_t most,
                            hd_error *error) {
    if (least == most)
        return hd_settings_fail(settings, key, error, "wrong number of values; allowed: exactly %zu", most);
    return hd_settings_fail(settings, key, error, "wrong number of values; allowed: %zu to %zu", least, most);
}

static hd_status parse_whole(const hd_settings *settings, hd_key key, const char *item, size_t min,
                             size_t max, size_t *out, hd_error *error) {
    if (item[strspn(item, "-0123456789")] || strrchr(item, '-') > item || !strpbrk(item, "0123456789"))
        return hd_settings_fail(settings, key, error,
                                "'%s' is not a whole number; allowed: %zu to %zu, digits only", item, min,
                                max);
    errno = 0;
    const unsigned long long value = strtoull(item, NULL, 10);
    if (*item == '-' || errno || value < min || value > max)
        return hd_settings_fail(settings, key, error, "%s is out of range; allowed: %zu to %zu", item, min,
                                max);
    *out = value;
    return HD_OK;
}

hd_status hd_settings_wholes(const hd_settings *settings, hd_key key, size_t min, size_t max, size_t least,
                             size_t most, size_t *out, size_t *count, hd_error *error) {
    *count = 0;
    for (const char *rest = list_start(settings, key); rest; ++*count) {
        if (*count == most) return fail_count(settings, key, least, most, error);
        char item[MAX_ITEM];
        hd_status status = next_item(settings, key, &rest, item, error);
        if (status == HD_OK) status = parse_whole(settings, key, item, min, max, &out[*count], error);
        if (status != HD_OK) return status;
    }
    return *count >= least ? HD_OK : fail_count(settings, key, least, most, error);
}

hd_status hd_settings_whole(const hd_settings *settings, hd_key key, size_t min, size_t max, size_t *out,
                            hd_error *error) {
    size_t count;
    return hd_settings_wholes(settings, key, min, max, 1, 1, out, &count, error);
}

static hd_status parse_number(const hd_settings *settings, hd_key key, const char *item, double *out,
                              hd_error *error) {
    char *end;
    *out = strtod_l(item, &end, hd_c_locale());
    /* strtod would also take nan, inf and hexadecimal numbers. */
    if (*end || item[strspn(item, "+-.0123456789eE")])
        return hd_settings_fail(settings, key, error,
                                "'%s' is not a number; allowed: decimal numbers such as 0.5 or 1e-3", item);
    if (!isfinite(*out))
        return hd_settings_fail(settings, key, error, "%s is out of range; allowed: what float32 can hold",
                                item);
    return HD_OK;
}

hd_status hd_settings_numbers(const hd_settings *settings, hd_key key, size_t least, size_t most, double *out,
                              size_t *count, hd_error *error) {
    *count = 0;
    hd_status status = HD_OK;
    for (const char *rest = list_start(settings, key); rest && status == HD_OK; ++*count) {
        char item[MAX_ITEM];
        status = *count < most ? next_item(settings, key, &rest, item, error)
                               : fail_count(settings, key, least, most, error);
        if (status == HD_OK) status = parse_number(settings, key, item, &out[*count], error);
    }
    if (status == HD_OK && *count < least) status = fail_count(settings, key, least, most, error);
    return status;
}

hd_status hd_settings_choice(const hd_settings *settings, hd_key key, const char *const *words,
                             size_t fallback, size_t *out, hd_error *error) {
    *out = fallback;
    const hd_setting *setting = &settings->of[key];
    if (!setting->given) return HD_OK;
    hd_suggestion known = {.word = setting->text};
    for (size_t i = 0; words[i]; i++) {
        *out = i;
        if (strcmp(words[i], setting->text) == 0) return HD_OK;
        hd_suggestion_add(&known, words[i]);
    }
    return hd_settings_fail(settings, key, error, "unknown value; allowed: %s", hd_suggestion_text(&known));
}
