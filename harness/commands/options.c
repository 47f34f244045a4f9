#include "base/list.h"
#include "base/suggestion.h"
#include "base/terminal.h"
#include "build_info.h"
#include "commands/command_table.h"
#include "run/record.h"

#include <argp.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *argp_program_version = "hyperdrift " HD_VERSION " (" HD_COMMIT ")";

enum { WORD = 64 }; /* bytes for a word of a list; longer than any known one */

typedef struct hd_option {
    const char *name;
    int letter;        /* 0: none */
    const char *value; /* its name in --help; NULL: the option has no value */
    unsigned takers;   /* the commands that read it, RUN | CHECK ...; all others refuse it */
    hd_status (*set)(hd_options *options, const struct hd_option *option, const char *text, hd_error *error);
    size_t at;   /* offset in hd_options */
    size_t most; /* the largest whole number */
    const char *help;
} hd_option;

/* --- values --- */

static hd_status set_flag(hd_options *options, const hd_option *option, const char *text, hd_error *error) {
    (void)text, (void)error;
    *(bool *)((char *)options + option->at) = true;
    return HD_OK;
}

static hd_status set_text(hd_options *options, const hd_option *option, const char *text, hd_error *error) {
    (void)error;
    *(const char **)(void *)((char *)options + option->at) = text;
    return HD_OK;
}

static hd_status set_name(hd_options *options, const hd_option *option, const char *text, hd_error *error) {
    if (!text[0]) return hd_fail(error, HD_INVALID, "--%s: the name is empty", option->name);
    return set_text(options, option, text, error);
}

static hd_status set_whole(hd_options *options, const hd_option *option, const char *text, hd_error *error) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || *end || text[0] < '0' || text[0] > '9' || value < 1 || value > option->most)
        return hd_fail(error, HD_INVALID, "--%s %s: allowed: a whole number from 1 to %zu", option->name,
                       text, option->most);
    *(size_t *)(void *)((char *)options + option->at) = value;
    return HD_OK;
}

static hd_status set_tolerance(hd_options *options, const hd_option *option, const char *text,
                               hd_error *error) {
    char *end;
    options->tolerance = strtod(text, &end);
    if (end == text || *end || !(options->tolerance >= 0) || options->tolerance > 1e300)
        return hd_fail(error, HD_INVALID, "--%s %s: allowed: a number >= 0", option->name, text);
    return HD_OK;
}

static hd_status add_text(const char ***texts, size_t *count, const char *text, hd_error *error) {
    const char **added = hd_list_add(texts, count, sizeof *added);
    if (!added) return hd_fail(error, HD_UNAVAILABLE, "no memory for the command line");
    *added = text;
    return HD_OK;
}

static hd_status add_setting(hd_options *options, const hd_option *option, const char *text,
                             hd_error *error) {
    (void)option;
    return add_text(&options->request.sets, &options->request.set_count, text, error);
}

static hd_status add_to_side(hd_options *options, const hd_option *option, const char *text,
                             hd_error *error) {
    size_t side = (size_t)(option->letter - 'a');
    return add_text(&options->side[side], &options->side_count[side], text, error);
}

/* Reads the next word of a list separated by commas; false: none. */
static bool next_word(const char **list, char word[WORD]) {
    *list += strspn(*list, ",");
    size_t length = strcspn(*list, ",");
    snprintf(word, WORD, "%.*s", (int)length, *list);
    *list += length;
    return length > 0;
}

static hd_status set_modes(hd_options *options, const hd_option *option, const char *list, hd_error *error) {
    char word[WORD];
    options->request.mode[HD_FORWARD] = options->request.mode[HD_REVERSE] = false;
    while (next_word(&list, word)) {
        hd_suggestion known = {.word = word};
        hd_mode mode = HD_FORWARD;
        for (; mode <= HD_REVERSE && strcmp(word, hd_mode_name(mode)) != 0; mode++)
            hd_suggestion_add(&known, hd_mode_name(mode));
        if (mode > HD_REVERSE)
            return hd_fail(error, HD_INVALID, "--%s %s: not known; allowed: %s", option->name, word,
                           hd_suggestion_text(&known));
        options->request.mode[mode] = true;
    }
    if (options->request.mode[HD_FORWARD] || options->request.mode[HD_REVERSE]) return HD_OK;
    return hd_fail(error, HD_INVALID, "--%s: none given", option->name);
}

/* Finds the device's name. */
static hd_status name_device(const char *word, const char **name, hd_error *error) {
    hd_suggestion known = {.word = word};
    for (size_t i = 0; (*name = hd_device_name(i)); i++) {
        if (!strcmp(word, *name)) return HD_OK;
        hd_suggestion_add(&known, *name);
    }
    return hd_fail(error, HD_INVALID, "device %s: not known; allowed: %s", word, hd_suggestion_text(&known));
}

static hd_status set_devices(hd_options *options, const hd_option *option, const char *list,
                             hd_error *error) {
    const char **devices = options->request.devices, *name;
    char word[WORD];
    size_t count = 0;
    hd_status status = HD_OK;
    options->request.all_devices = !strcmp(list, "all");
    if (options->request.all_devices) {
        for (size_t i = 0; (name = hd_device_name(i)); i++)
            if (strcmp(name, "extended") != 0) devices[count++] = name;
        devices[count] = NULL;
        return HD_OK;
    }
    while (status == HD_OK && next_word(&list, word)) {
        status = name_device(word, &name, error);
        for (size_t i = 0; status == HD_OK && i < count; i++)
            if (devices[i] == name)
                status = hd_fail(error, HD_INVALID, "--%s: %s is given twice", option->name, name);
        if (status == HD_OK) devices[count++] = name;
    }
    devices[count] = NULL;
    return status == HD_OK && !count ? hd_fail(error, HD_INVALID, "--%s: none given", option->name) : status;
}

static hd_status set_required(hd_options *options, const hd_option *option, const char *text,
                              hd_error *error) {
    (void)option;
    return name_device(text, &options->request.required, error);
}

static hd_status set_shard(hd_options *options, const hd_option *option, const char *text, hd_error *error) {
    size_t *const numbers[2] = {&options->request.shard, &options->request.shards};
    const char *next = text;
    bool right = true;
    for (size_t i = 0; i < 2 && right; i++) {
        char *end;
        errno = 0;
        *numbers[i] = strtoul(next, &end, 10);
        right = !errno && *next >= '0' && *next <= '9' && *end == (i ? '\0' : '/');
        next = end + 1;
    }
    if (right && options->request.shard >= 1 && options->request.shard <= options->request.shards &&
        options->request.shards <= HD_MAX_SHARDS)
        return HD_OK;
    return hd_fail(error, HD_INVALID, "--%s %s: allowed: I/N, 1 <= I <= N <= %d", option->name, text,
                   HD_MAX_SHARDS);
}

static hd_status set_seeds(hd_options *options, const hd_option *option, const char *text, hd_error *error) {
    (void)option;
    free(options->request.seeds.of);
    return hd_seeds_read(text, &options->request.seeds, error);
}

/* --- the options --- */

enum {
    RUN = 1 << HD_COMMAND_RUN,
    CHECK = 1 << HD_COMMAND_CHECK,
    DIFF = 1 << HD_COMMAND_DIFF,
    BLESS = 1 << HD_COMMAND_BLESS,
    DEVICES = 1 << HD_COMMAND_DEVICES,
    BENCH = 1 << HD_COMMAND_BENCH,
    DRIFT = 1 << HD_COMMAND_DRIFT,
    CAPTURE = 1 << HD_COMMAND_CAPTURE,
    EXPLAIN = 1 << HD_COMMAND_EXPLAIN,
    REPORT = 1 << HD_COMMAND_REPORT,
    CALIBRATE = 1 << HD_COMMAND_CALIBRATE,
    MERGE = 1 << HD_COMMAND_MERGE,
    CHANGES = 1 << HD_COMMAND_HISTORY_CHANGES,
    LIST = 1 << HD_COMMAND_HISTORY_LIST,
    SHOW = 1 << HD_COMMAND_HISTORY_SHOW,
    EXPORT = 1 << HD_COMMAND_HISTORY_EXPORT,
    PRUNE = 1 << HD_COMMAND_HISTORY_PRUNE,
    RECOVER = 1 << HD_COMMAND_HISTORY_RECOVER,
};

#define AT(member) offsetof(hd_options, member)

static const hd_option option_list[] = {
    {"mode", 0, "LIST", RUN | CHECK | BENCH, set_modes, 0, 0, "forward, reverse (default: both)"},
    {"device", 0, "LIST", RUN | CHECK | BENCH, set_devices, 0, 0,
     "cpu, reference, cuda, extended (the reference in long double; not in all), or all: all that are present (default: cpu)"},
    {"require", 0, "DEVICE", RUN | CHECK, set_required, 0, 0,
     "under --device all, fail if this device is absent"},
    {"set", 0, "SECTION.KEY=VALUE", RUN | CHECK | BENCH | CALIBRATE, add_setting, 0, 0,
     "override one setting of the experiments; may be repeated"},
    {"out", 'o', "DIR", RUN | CHECK | CAPTURE | REPORT | EXPORT | RECOVER, set_name, AT(request.out), 0,
     "run and check: keep records and weights in DIR/<experiment>/<device>/<mode>/; others: the file to write"},
    {"resume", 0, NULL, RUN | CHECK, set_flag, AT(request.resume), 0,
     "do not rerun what --out DIR already has complete records of, made by this program on this machine"},
    {"threads", 0, "N", RUN | CHECK | BLESS | DEVICES | BENCH | CALIBRATE, set_whole,
     AT(request.device.threads), 65536,
     "number of threads (default: one per core, or what a CPU quota allows); changes no bit"},
    {"seeds", 0, "LIST", RUN | CHECK, set_seeds, 0, 0,
     "run each experiment under these seeds, such as 1,2,5-9 (default: its own); where a seed has no golden, the "
     "float64 reference judges"},
    {"shard", 0, "I/N", RUN | CHECK, set_shard, 0, 0,
     "run only shard I of N of all experiments, seeds, devices and modes; a shard keeps its cells when others "
     "are added"},
    {"matrix", 0, "NAME", CHECK | MERGE, set_name, AT(request.matrix), 0,
     "the name of the matrix that a shard belongs to, the same for all its shards; merge: judge this matrix "
     "alone (default: every one that FROM has)"},
    {"shards", 0, "N", MERGE, set_whole, AT(request.shards), HD_MAX_SHARDS,
     "how many shards the matrix has (default: what the shards say)"},
    {"list", 0, NULL, RUN | CHECK, set_flag, AT(list), 0, "print what would be run, and run nothing"},
    {"json", 0, NULL,
     RUN | CHECK | DIFF | DEVICES | DRIFT | EXPLAIN | CALIBRATE | MERGE | CHANGES | LIST | SHOW | EXPORT,
     set_flag, AT(json), 0, "print one JSON document, and nothing else, on standard output"},
    {"no-bits", 0, NULL, CHECK, set_flag, AT(request.no_bits), 0,
     "judge by the reference, its measured tolerances and the trace, not by the exact bits"},
    {"junit", 0, "FILE", CHECK, set_name, AT(junit), 0, "also write a JUnit XML report"},
    {"markdown", 0, "FILE", CHECK, set_name, AT(markdown), 0,
     "also append a summary in Markdown; the file grows to at most 1 MiB"},
    {"annotations", 0, NULL, CHECK, set_flag, AT(annotations), 0,
     "also print GitHub's log commands for what failed (with --json: on standard error)"},
    {"reason", 0, "TEXT", BLESS, set_text, AT(reason), 0, "why the golden changes"},
    {"replicas", 0, "N", BLESS | CALIBRATE, set_whole, AT(replicas), 1000,
     "replicas per mode from which tolerances are measured (default: 32)"},
    {"verify", 0, "M", CALIBRATE, set_whole, AT(verify), 100000,
     "judge M more replicas, which the calibration did not use"},
    {"loosen", 0, NULL, BLESS, set_flag, AT(loosen), 0, "let tolerances become looser than they are"},
    {"tolerance", 0, "X", DIFF, set_tolerance, 0, 0, "allow this error in every quantity (default: 0)"},
    {"repeat", 0, "N", CHECK | BENCH | DRIFT, set_whole, AT(request.repeat), 1000,
     "repetitions (default: bench 5, check and drift 1); in check, the exact arithmetic must give the same bits "
     "each time; in drift, each side is run again so often with nobody watching; --history keeps all times"},
    {"history", 0, "FILE", CHECK, set_name, AT(history), 0,
     "keep the run in this history (an SQLite file; created if missing)"},
    {"a", 'a', "KEY=VALUE", DRIFT, add_to_side, 0, 0,
     "one side; may be repeated. Keys: device, mode, threads, blis-kernels, loops, math, rounding, "
     "arithmetic, tf32, fill, fill-race, powf, section.key"},
    {"b", 'b', "KEY=VALUE", DRIFT, add_to_side, 0, 0, "the other side"},
    {"pairing", 0, NULL, DRIFT, set_flag, AT(pairing), 0,
     "pair b's tangents with its adjoints, step by step (always done if a and b differ in mode)"},
    {"against", 0, "CAPTURE", DRIFT, set_name, AT(against), 0, "the other side is this capture"},
    {"full", 0, NULL, CAPTURE, set_flag, AT(full), 0, "keep whole tensors, not only their digests"},
    {"csv", 0, NULL, EXPORT, set_flag, AT(csv), 0,
     "write a table with a row for each repetition of each record"},
    {"keep-nights", 0, "N", PRUNE, set_whole, AT(keep_nights), 1000000,
     "forget runs older than the newest N nights, except those at which a number changed"},
    {"run", 0, "RUN", PRUNE, set_whole, AT(run), 1000000000, "forget only this run"},
    {"since", 0, "RUN", CHANGES, set_whole, AT(since), 1000000000,
     "only what was found on that run or later"},
    {"last", 0, NULL, CHANGES, set_flag, AT(last), 0, "only what is new on the newest night"},
    {"dry-run", 0, NULL, PRUNE, set_flag, AT(dry_run), 0,
     "print what would be forgotten, and change nothing"},
    {"quiet", 'q', NULL, RUN | CHECK | DIFF | BLESS | DRIFT | CALIBRATE | MERGE | CHANGES, set_flag,
     AT(quiet), 0, "print verdicts only"},
    {"verbose", 'v', NULL, CHECK | DIFF | DRIFT | SHOW, set_flag, AT(verbose), 0,
     "print every quantity, passed ones too"},
};
enum { OPTIONS = sizeof option_list / sizeof *option_list, FIRST_KEY = 256 };

/* argp's key: a character, or a number that is no character. */
static int key_of(size_t i) {
    return option_list[i].letter ? option_list[i].letter : FIRST_KEY + (int)i;
}

/* The option of a key; OPTIONS: none. */
static size_t option_of(int key) {
    size_t i = 0;
    while (i < OPTIONS && key_of(i) != key) i++;
    return i;
}

/* --- the command line --- */

typedef struct hd_parsing {
    hd_options *options;
    bool given[OPTIONS];
} hd_parsing;

/* Refuses options that the command would ignore. */
static hd_status refuse_strays(const hd_parsing *parsing, hd_error *error) {
    const hd_command command = parsing->options->command;
    /* drift and capture have KEY=VALUE words for what other commands have options for. */
    const bool variant = command == HD_COMMAND_DRIFT || command == HD_COMMAND_CAPTURE;
    char allowed[512] = "none";
    for (size_t i = 0, used = 0; i < OPTIONS && used < sizeof allowed; i++)
        if (option_list[i].takers >> command & 1)
            used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s--%s", used ? ", " : "",
                                     option_list[i].name);
    for (size_t i = 0; i < OPTIONS; i++)
        if (parsing->given[i] && !(option_list[i].takers >> command & 1))
            return hd_fail(error, HD_INVALID, "%s: does not take --%s; allowed: %s%s",
                           hd_command_table[command].name, option_list[i].name, allowed,
                           variant ? "; give mode=, device=, threads= or section.key= as KEY=VALUE" : "");
    return HD_OK;
}

/* Called at the end: the first words name the command; checks the rest. */
static hd_status conclude(const hd_parsing *parsing, hd_error *error) {
    hd_options *options = parsing->options;
    size_t used = 0;
    hd_status status =
        hd_command_table_find(options->words, options->word_count, &options->command, &used, error);
    options->word_count -= used;
    memmove(options->words, options->words + used, options->word_count * sizeof *options->words);
    if (status == HD_OK) status = refuse_strays(parsing, error);
    return status == HD_OK ? hd_command_table_check(options, error) : status;
}

/* Refuses an unknown option with a suggestion, which argp would not make. */
static hd_status refuse_unknown(int count, char *const *arguments, hd_error *error) {
    struct option options[OPTIONS + 4] = {
        {"help", 0, NULL, 1}, {"usage", 0, NULL, 1}, {"version", 0, NULL, 1}};
    char letters[2 * OPTIONS + 2] = "-"; /* keeps the arguments in order */
    for (size_t i = 0; i < OPTIONS; i++) {
        const hd_option *o = &option_list[i];
        options[i + 3] = (struct option){o->name, o->value != NULL, NULL, key_of(i)};
        if (o->letter) sprintf(letters + strlen(letters), "%c%s", o->letter, o->value ? ":" : "");
    }
    optind = opterr = 0;
    for (int key; (key = getopt_long(count, arguments, letters, options, NULL)) != -1;) {
        if (key != '?' || optopt) continue; /* known, or argp's message is good enough */
        char name[WORD];
        bool begins = false; /* ambiguous: it begins several */
        const char *given = arguments[optind - 1] + 2;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(given, "="), given);
        hd_suggestion known = {.word = name};
        for (const struct option *o = options; o->name; o++) {
            begins |= !strncmp(name, o->name, strlen(name));
            hd_suggestion_consider(&known, o->name);
        }
        const bool near = known.nearest[0];
        if (!begins)
            return hd_fail(error, HD_INVALID, "option --%s: not known; %s%s%s", name,
                           near ? "did you mean '--" : "see --help", known.nearest, near ? "'?" : "");
    }
    return HD_OK;
}

static error_t take(int key, char *argument, struct argp_state *state) {
    hd_parsing *parsing = state->input;
    hd_options *options = parsing->options;
    hd_status status = HD_OK;
    hd_error error;
    size_t i = option_of(key);
    if (key == ARGP_KEY_ARG)
        options->words[options->word_count++] = argument;
    else if (key == ARGP_KEY_END)
        status = conclude(parsing, &error);
    else if (i == OPTIONS)
        return ARGP_ERR_UNKNOWN;
    else {
        parsing->given[i] = true;
        status = option_list[i].set(options, &option_list[i], argument, &error);
    }
    if (status != HD_OK) exit((int)hd_terminal_complain(HD_OK, &error));
    return 0;
}

/* For --help: puts the commands that read an option before its text. argp frees a text that is not its
 * own. */
static char *name_takers(int key, const char *text, void *input) {
    (void)input;
    char *named = NULL;
    size_t i = option_of(key), size = 0;
    FILE *to = i < OPTIONS ? open_memstream(&named, &size) : NULL;
    if (!to) return (char *)(uintptr_t)text;
    const char *between = "";
    for (hd_command c = 0; c < HD_COMMANDS; c++)
        if (option_list[i].takers >> c & 1) {
            fprintf(to, "%s%s", between, hd_command_table[c].name);
            between = ", ";
        }
    fprintf(to, ": %s", text);
    fclose(to);
    return named;
}

static const char *environment(const char *name) {
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

/* Copies the arguments, because parsing reorders them. */
static void keep_arguments(int count, char *const *arguments, hd_options *options) {
    options->arguments = calloc((size_t)count + 1, sizeof *options->arguments);
    if (!options->arguments) exit(HD_UNAVAILABLE);
    while (options->argument_count < count) {
        char *copy = strdup(arguments[options->argument_count]);
        if (!copy) exit(HD_UNAVAILABLE);
        options->arguments[options->argument_count++] = copy;
    }
}

void hd_options_parse(int argc, char **argv, hd_options *options) {
    *options = (hd_options){.command = HD_COMMANDS,
                            .request = {.mode = {true, true}, .devices = {hd_device_name(0)}}};
    options->words = calloc((size_t)argc + 1, sizeof *options->words);
    if (!options->words) exit(HD_UNAVAILABLE);
    keep_arguments(argc, argv, options);
    options->request.device.kernels = environment("HYPERDRIFT_KERNELS");
    options->request.device.loops = environment("HYPERDRIFT_LOOPS");
    argp_err_exit_status = HD_INVALID;
    struct argp_option list[OPTIONS + 1] = {0};
    for (size_t i = 0; i < OPTIONS; i++)
        list[i] = (struct argp_option){option_list[i].name, key_of(i), option_list[i].value, 0,
                                       option_list[i].help, 0};
    const struct argp argp = {list,        take, "COMMAND [WORD...]", hd_command_table_help, NULL,
                              name_takers, NULL};
    hd_parsing parsing = {.options = options};
    hd_error error;
    if (refuse_unknown(argc, argv, &error) != HD_OK) exit((int)hd_terminal_complain(HD_OK, &error));
    argp_parse(&argp, argc, argv, 0, NULL, &parsing);
    if (!options->replicas) options->replicas = 32;
    options->request.judged = options->command == HD_COMMAND_CHECK;
    options->request.progress = !options->quiet && isatty(STDERR_FILENO);
    if (!options->request.repeat) options->request.repeat = options->command == HD_COMMAND_BENCH ? 5 : 1;
}

void hd_options_free(hd_options *options) {
    for (int i = 0; i < options->argument_count; i++) free(options->arguments[i]);
    free(options->arguments);
    free(options->words);
    free(options->request.sets);
    free(options->request.seeds.of);
    free(options->side[0]);
    free(options->side[1]);
    *options = (hd_options){0};
}
