#include "options.h"

#include "build_info.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "hyperdrift " HD_VERSION " (" HD_COMMIT ")";

static const char *const command_names[HD_COMMANDS] = {
    [HD_COMMAND_RUN] = "run",       [HD_COMMAND_CHECK] = "check",         [HD_COMMAND_DIFF] = "diff",
    [HD_COMMAND_BLESS] = "bless",   [HD_COMMAND_DEVICES] = "devices",     [HD_COMMAND_BENCH] = "bench",
    [HD_COMMAND_DRIFT] = "drift",   [HD_COMMAND_CAPTURE] = "capture",     [HD_COMMAND_EXPLAIN] = "explain",
    [HD_COMMAND_REPORT] = "report", [HD_COMMAND_CALIBRATE] = "calibrate", [HD_COMMAND_HISTORY] = "history",
    [HD_COMMAND_MERGE] = "merge",
};
static const char *const every_device[HD_MAX_DEVICES] = {"cpu", "reference", "cuda"};

static const char doc[] =
    "Reproducibility test harness for hypergradients: computes them forward and in reverse, on every device, "
    "and judges "
    "each figure.\v"
    "Commands:\n"
    "  run EXPERIMENT...     run experiments and print their records\n"
    "  check [EXPERIMENT...] run them and judge every figure by golden/ (default: all of fixtures/)\n"
    "  diff A B              compare two records, run folders, or .npy(.gz) files\n"
    "  bless EXPERIMENT      accept new results as golden, where the oracles agree and no planted fault "
    "would "
    "pass; needs --reason\n"
    "  calibrate EXPERIMENT...  measure what rounding alone can do to each figure, and the tolerance that "
    "follows\n"
    "  devices               what this machine offers\n"
    "  bench EXPERIMENT      time of both modes, and what their products alone would take\n"
    "  drift EXPERIMENT --a KEY=VALUE... --b KEY=VALUE...\n"
    "  drift EXPERIMENT --b KEY=VALUE... --against CAPTURE\n"
    "  drift CAPTURE CAPTURE where two runs part, by how much, and why\n"
    "  capture EXPERIMENT [KEY=VALUE...] --out FILE\n"
    "                        keep a run's tensors, to be compared on another machine or night\n"
    "  explain trace-2017    what made the records of 2017 differ, found by running variants\n"
    "  history changes|list|show|verify|export|prune|recover FILE\n"
    "                        what check --history has kept: changes FILE (slower, larger, other numbers);\n"
    "                        list FILE; show FILE RUN; verify FILE;\n"
    "                        export FILE --csv|--json; prune FILE --keep-nights N; recover FILE --out NEW\n"
    "  merge INTO FROM...    join histories, and judge the matrices that were split into shards\n"
    "  report FILE... --out FILE.html\n"
    "                        one page of what drift, check and run gave with --json, of records, and of\n"
    "                        a history\n"
    "\n"
    "EXPERIMENT is the path of an INI file, or the name of one in fixtures/.\n"
    "Environment: HYPERDRIFT_ROOT (folder of fixtures/ and golden/), HYPERDRIFT_KERNELS (skx, haswell, zen2, "
    "zen3, "
    "generic, own), HYPERDRIFT_LOOPS (avx512, avx2, baseline), HYPERDRIFT_MACHINE (the class of machine in a "
    "history; default: the GPU's or processor's name), NO_COLOR.\n"
    "device.arithmetic=cublas (by --set; device.tf32=on with it) has cuBLAS multiply, on cuda only.\n"
    "Exit status: 0 all within tolerance; 1 a difference, NaN or Inf in a result; 2 wrong usage or bad "
    "input; 3 the "
    "machine cannot (no such device, no memory, disk full).";

enum {
    KEY_MODE = 256,
    KEY_DEVICE,
    KEY_REQUIRE,
    KEY_SET,
    KEY_JSON,
    KEY_THREADS,
    KEY_JUNIT,
    KEY_MARKDOWN,
    KEY_RESUME,
    KEY_ANNOTATIONS,
    KEY_REASON,
    KEY_REPLICAS,
    KEY_VERIFY,
    KEY_LOOSEN,
    KEY_TOLERANCE,
    KEY_REPEAT,
    KEY_FULL,
    KEY_PAIRING,
    KEY_AGAINST,
    KEY_NO_BITS,
    KEY_HISTORY,
    KEY_CSV,
    KEY_KEEP_NIGHTS,
    KEY_DRY_RUN,
    KEY_SINCE,
    KEY_LAST,
    KEY_SHARD,
    KEY_SHARDS,
    KEY_MATRIX,
    KEY_SEEDS,
    KEY_LIST
};

static const struct argp_option option_list[] = {
    {"mode", KEY_MODE, "LIST", 0, "forward, reverse (default: both)", 0},
    {"device", KEY_DEVICE, "LIST", 0,
     "cpu, reference, cuda, or all: those that are there (default: cpu); extended: the reference in long "
     "double",
     0},
    {"require", KEY_REQUIRE, "DEVICE", 0, "under --device all, its absence is an error", 0},
    {"set", KEY_SET, "SECTION.KEY=VALUE", 0, "override one setting of the experiments; may be repeated", 0},
    {"out", 'o', "DIR", 0,
     "keep records and weights in DIR/<experiment>/<device>/<mode>/; capture, report: the file", 0},
    {"resume", KEY_RESUME, NULL, 0,
     "run, check: do not run again what --out DIR has whole records of, made by this program on this machine",
     0},
    {"threads", KEY_THREADS, "N", 0, "threads (default: one a core); changes no bit", 0},
    {"seeds", KEY_SEEDS, "LIST", 0,
     "run, check: each experiment under these seeds, as 1,2,5-9 (default: its own); where there is no golden "
     "the "
     "float64 reference judges",
     0},
    {"shard", KEY_SHARD, "I/N", 0,
     "run, check: of all experiments, seeds, devices and modes those of shard I of N; a shard keeps its "
     "cells when "
     "others are added",
     0},
    {"matrix", KEY_MATRIX, "NAME", 0,
     "check: the name that all shards of a matrix have in their histories; merge: judge that one alone "
     "(default: every "
     "one that comes)",
     0},
    {"shards", KEY_SHARDS, "N", 0, "merge: how many shards the matrix has (default: as they say)", 0},
    {"list", KEY_LIST, NULL, 0, "run, check: say what would be run, and run nothing", 0},
    {"json", KEY_JSON, NULL, 0, "one JSON document on standard output, nothing else there", 0},
    {"no-bits", KEY_NO_BITS, NULL, 0,
     "check: judge by the reference, its measured tolerances and the trace alone, not by the exact bits", 0},
    {"junit", KEY_JUNIT, "FILE", 0, "check: also write a JUnit XML report", 0},
    {"markdown", KEY_MARKDOWN, "FILE", 0, "check: also append a summary in Markdown, at most 1 MiB in all",
     0},
    {"annotations", KEY_ANNOTATIONS, NULL, 0,
     "check: also print GitHub's log commands for what failed (with --json: on standard error)", 0},
    {"reason", KEY_REASON, "TEXT", 0, "bless: why the golden changes", 0},
    {"replicas", KEY_REPLICAS, "N", 0,
     "bless, calibrate: replicas a mode that tolerances are measured from (default: 32); explain: replicas "
     "that "
     "decisions at kinks are looked for in (default: 8)",
     0},
    {"verify", KEY_VERIFY, "M", 0, "calibrate: judge M more replicas, which the calibration did not use", 0},
    {"loosen", KEY_LOOSEN, NULL, 0, "bless: allow tolerances to become looser than they are", 0},
    {"tolerance", KEY_TOLERANCE, "X", 0, "diff: allow this error in every quantity (default: 0)", 0},
    {"repeat", KEY_REPEAT, "N", 0,
     "bench: repetitions (default: 5); check: run everything N times: the exact arithmetic must give the "
     "same "
     "bits each time, and --history keeps all times (default: 1)",
     0},
    {"history", KEY_HISTORY, "FILE", 0,
     "check: keep the run in this history (an SQLite file; made if missing)", 0},
    {"a", 'a', "KEY=VALUE", 0,
     "drift: one side; may be repeated. Keys: device, mode, threads, blis-kernels, loops, math, rounding, "
     "arithmetic, tf32, "
     "fill, fill-race, powf, section.key",
     0},
    {"b", 'b', "KEY=VALUE", 0, "drift: the other side", 0},
    {"pairing", KEY_PAIRING, NULL, 0,
     "drift: pair b's tangents with its adjoints, step by step (always done where a and b differ in mode)",
     0},
    {"against", KEY_AGAINST, "CAPTURE", 0, "drift: the other side is this capture", 0},
    {"full", KEY_FULL, NULL, 0, "capture: keep whole tensors, not digests of them", 0},
    {"csv", KEY_CSV, NULL, 0, "history export: a table, a row for each repetition of each record", 0},
    {"keep-nights", KEY_KEEP_NIGHTS, "N", 0,
     "history prune: forget runs older than the newest N nights, but for those at which a number changed", 0},
    {"since", KEY_SINCE, "RUN", 0, "history changes: only what was found on that run or later", 0},
    {"last", KEY_LAST, NULL, 0, "history changes: only what is new on the newest night", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "history prune: say what would go, and change nothing", 0},
    {"quiet", 'q', NULL, 0, "verdicts only", 0},
    {"verbose", 'v', NULL, 0, "every quantity, passed ones too", 0},
    {0},
};

static void set_modes(hd_options *options, char *list, struct argp_state *state) {
    options->mode[HD_FORWARD] = options->mode[HD_REVERSE] = false;
    for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
        if (!strcmp(word, "forward"))
            options->mode[HD_FORWARD] = true;
        else if (!strcmp(word, "reverse"))
            options->mode[HD_REVERSE] = true;
        else
            argp_error(state, "--mode %s: not known; allowed: forward, reverse", word);
    }
    if (!options->mode[HD_FORWARD] && !options->mode[HD_REVERSE]) argp_error(state, "--mode: none given");
}

static const char *device_named(const char *word, struct argp_state *state) {
    for (size_t i = 0; i < HD_MAX_DEVICES; i++)
        if (!strcmp(word, every_device[i])) return every_device[i];
    if (!strcmp(word, "extended")) return "extended";
    argp_error(state, "device %s: not known; allowed: cpu, reference, cuda, extended", word);
    return NULL;
}

static void set_devices(hd_options *options, char *list, struct argp_state *state) {
    size_t count = 0;
    options->all_devices = !strcmp(list, "all");
    if (options->all_devices) {
        memcpy(options->devices, every_device, sizeof every_device);
        return;
    }
    for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
        const char *name = device_named(word, state);
        for (size_t i = 0; i < count; i++)
            if (options->devices[i] == name) argp_error(state, "--device: %s is there twice", name);
        options->devices[count++] = name;
    }
    options->devices[count] = NULL;
    if (count == 0) argp_error(state, "--device: none given");
}

static size_t whole(const char *name, const char *text, size_t most, struct argp_state *state) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || *end || text[0] < '0' || text[0] > '9' || value < 1 || value > most)
        argp_error(state, "--%s %s: allowed: a whole number from 1 to %zu", name, text, most);
    return value;
}

static void set_shard(hd_options *options, const char *text, struct argp_state *state) {
    size_t *const numbers[2] = {&options->shard, &options->shards};
    const char *next = text;
    bool right = true;
    for (size_t i = 0; i < 2 && right; i++) {
        char *end;
        errno = 0;
        *numbers[i] = strtoul(next, &end, 10);
        right = !errno && *next >= '0' && *next <= '9' && *end == (i ? '\0' : '/');
        next = end + 1;
    }
    if (!right || options->shard < 1 || options->shard > options->shards || options->shards > HD_MAX_SHARDS)
        argp_error(state, "--shard %s: allowed: I/N, 1 <= I <= N <= %d", text, HD_MAX_SHARDS);
}

static void set_seeds(hd_options *options, const char *text, struct argp_state *state) {
    hd_error error;
    free(options->seeds.of);
    if (hd_seeds_read(text, &options->seeds, &error) != HD_OK) argp_error(state, "%s", error.message);
}

static double tolerance(const char *text, struct argp_state *state) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0) || value > 1e300)
        argp_error(state, "--tolerance %s: allowed: a number >= 0", text);
    return value;
}

static const char *file_name(const char *option, const char *text, struct argp_state *state) {
    if (!text[0]) argp_error(state, "--%s: the name is empty", option);
    return text;
}

static void add_text(const char ***texts, size_t *count, const char *text, struct argp_state *state) {
    const char **more = realloc(*texts, (*count + 1) * sizeof *more);
    if (!more)
        argp_failure(state, HD_UNAVAILABLE, 0, "no memory");
    else
        *texts = more, more[(*count)++] = text;
}

/* word NULL: none was given. */
static void refuse_command(const char *word, struct argp_state *state) {
    char list[256] = "";
    for (size_t c = 0, used = 0; c < HD_COMMANDS && used < sizeof list; c++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", c ? ", " : "", command_names[c]);
    if (word)
        argp_error(state, "command %s: not known; allowed: %s", word, list);
    else
        argp_error(state, "name a command: %s", list);
}

static void take_word(hd_options *options, char *word, struct argp_state *state) {
    if (options->command != HD_COMMANDS) {
        options->words[options->word_count++] = word;
        return;
    }
    for (hd_command c = 0; c < HD_COMMANDS; c++)
        if (!strcmp(word, command_names[c])) options->command = c;
    if (options->command == HD_COMMANDS) refuse_command(word, state);
}

/* Variants have words for what other commands have options for. */
static void expect_no_settings(const hd_options *options, struct argp_state *state) {
    bool both = options->mode[HD_FORWARD] && options->mode[HD_REVERSE];
    bool usual = !strcmp(options->devices[0], "cpu") && !options->devices[1];
    if (both && usual && !options->set_count && !options->device.threads) return;
    argp_error(state, "%s: --mode, --device, --threads and --set are none of its options%s",
               command_names[options->command],
               options->command == HD_COMMAND_EXPLAIN
                   ? ""
                   : ": say mode=, device=, threads= or section.key= as KEY=VALUE");
}

/* Options that would be ignored, or lack another. */
static void refuse_strays(const hd_options *options, struct argp_state *state) {
    bool check = options->command == HD_COMMAND_CHECK, merge = options->command == HD_COMMAND_MERGE;
    bool runs = check || options->command == HD_COMMAND_RUN;
    if ((options->shard || options->seeds.count || options->list) && !runs)
        argp_error(state, "--shard, --seeds and --list go with run and check");
    if (options->shards && !options->shard && !(merge && options->matrix))
        argp_error(state, "--shards: goes with merge and --matrix");
    if (options->matrix && !merge && !(check && options->shard))
        argp_error(state, "--matrix: goes with merge, and with check and --shard");
    if (options->history && options->shard && !options->matrix)
        argp_error(state, "--history with --shard: say --matrix NAME, the same for all shards");
    if (options->repeat && !check && options->command != HD_COMMAND_BENCH)
        argp_error(state, "--repeat: goes with check and bench");
    if (options->history && !check) argp_error(state, "--history: goes with check");
    if ((options->csv || options->keep_nights || options->dry_run) && options->command != HD_COMMAND_HISTORY)
        argp_error(state, "--csv, --keep-nights and --dry-run: go with history");
    if ((options->since || options->last) && options->command != HD_COMMAND_HISTORY)
        argp_error(state, "--since and --last: go with history");
}

static void check_words(const hd_options *options, struct argp_state *state) {
    size_t count = options->word_count;
    switch (options->command) {
    case HD_COMMAND_RUN:
    case HD_COMMAND_BENCH:
    case HD_COMMAND_CALIBRATE:
        if (count == 0)
            argp_error(state, "%s: name at least one experiment", command_names[options->command]);
        break;
    case HD_COMMAND_DIFF:
        if (count != 2) argp_error(state, "diff: name two records, run folders or .npy files");
        break;
    case HD_COMMAND_BLESS:
        if (count == 0) argp_error(state, "bless: name at least one experiment");
        if (!options->reason || !options->reason[strspn(options->reason, " \t\r\n")])
            argp_error(state, "bless: --reason \"why the golden changes\" is missing");
        break;
    case HD_COMMAND_DEVICES:
        if (count) argp_error(state, "devices: takes no words");
        break;
    case HD_COMMAND_DRIFT:
        expect_no_settings(options, state);
        if (count < 1 || count > 2) argp_error(state, "drift: name an experiment, or two captures");
        if (count == 2 && (options->side_count[0] || options->side_count[1]))
            argp_error(state, "drift: --a and --b go with an experiment, not with two captures");
        if (options->against && (count == 2 || options->side_count[0] || options->pairing))
            argp_error(state, "drift: --against goes with one experiment and --b");
        break;
    case HD_COMMAND_EXPLAIN:
        expect_no_settings(options, state);
        if (count != 1) argp_error(state, "explain: name a folder of printed records: trace-2017");
        break;
    case HD_COMMAND_CAPTURE:
        expect_no_settings(options, state);
        if (count == 0) argp_error(state, "capture: name an experiment");
        if (!options->out) argp_error(state, "capture: --out FILE is missing");
        break;
    case HD_COMMAND_MERGE:
        if (count == 0) argp_error(state, "merge: name a history, and those that go into it");
        break;
    case HD_COMMAND_REPORT:
        if (count == 0) argp_error(state, "report: name at least one JSON document or history");
        if (!options->out) argp_error(state, "report: --out FILE is missing");
        break;
    case HD_COMMAND_HISTORY:
        if (count < 2) argp_error(state, "history: say what (list, show, ...) and name a history");
        break;
    case HD_COMMAND_CHECK:
        break;
    case HD_COMMANDS:
        refuse_command(NULL, state);
    }
}

static error_t take(int key, char *argument, struct argp_state *state) {
    hd_options *options = state->input;
    switch (key) {
    case KEY_MODE:
        set_modes(options, argument, state);
        break;
    case KEY_DEVICE:
        set_devices(options, argument, state);
        break;
    case KEY_REQUIRE:
        options->required = device_named(argument, state);
        break;
    case KEY_SET:
        add_text(&options->sets, &options->set_count, argument, state);
        break;
    case 'a':
    case 'b':
        add_text(&options->side[key - 'a'], &options->side_count[key - 'a'], argument, state);
        break;
    case KEY_PAIRING:
        options->pairing = true;
        break;
    case KEY_AGAINST:
        options->against = file_name("against", argument, state);
        break;
    case KEY_FULL:
        options->full = true;
        break;
    case 'o':
        options->out = file_name("out", argument, state);
        break;
    case KEY_THREADS:
        options->device.threads = whole("threads", argument, 65536, state);
        break;
    case KEY_SHARD:
        set_shard(options, argument, state);
        break;
    case KEY_SHARDS:
        options->shards = whole("shards", argument, HD_MAX_SHARDS, state);
        break;
    case KEY_MATRIX:
        options->matrix = file_name("matrix", argument, state);
        break;
    case KEY_SEEDS:
        set_seeds(options, argument, state);
        break;
    case KEY_LIST:
        options->list = true;
        break;
    case KEY_JSON:
        options->json = true;
        break;
    case KEY_NO_BITS:
        options->no_bits = true;
        break;
    case KEY_JUNIT:
        options->junit = file_name("junit", argument, state);
        break;
    case KEY_MARKDOWN:
        options->markdown = file_name("markdown", argument, state);
        break;
    case KEY_RESUME:
        options->resume = true;
        break;
    case KEY_ANNOTATIONS:
        options->annotations = true;
        break;
    case KEY_REASON:
        options->reason = argument;
        break;
    case KEY_REPLICAS:
        options->replicas = whole("replicas", argument, 1000, state);
        break;
    case KEY_VERIFY:
        options->verify = whole("verify", argument, 100000, state);
        break;
    case KEY_LOOSEN:
        options->loosen = true;
        break;
    case KEY_CSV:
        options->csv = true;
        break;
    case KEY_KEEP_NIGHTS:
        options->keep_nights = whole("keep-nights", argument, 1000000, state);
        break;
    case KEY_SINCE:
        options->since = whole("since", argument, 1000000000, state);
        break;
    case KEY_LAST:
        options->last = true;
        break;
    case KEY_DRY_RUN:
        options->dry_run = true;
        break;
    case KEY_HISTORY:
        options->history = file_name("history", argument, state);
        break;
    case KEY_REPEAT:
        options->repeat = whole("repeat", argument, 1000, state);
        break;
    case KEY_TOLERANCE:
        options->tolerance = tolerance(argument, state);
        break;
    case 'q':
        options->quiet = true;
        break;
    case 'v':
        options->verbose = true;
        break;
    case ARGP_KEY_ARG:
        take_word(options, argument, state);
        break;
    case ARGP_KEY_END:
        check_words(options, state);
        refuse_strays(options, state);
        if (options->required && !options->all_devices)
            argp_error(state, "--require %s: goes with --device all", options->required);
        if (options->resume && !options->out) argp_error(state, "--resume: goes with --out DIR");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const char *environment(const char *name) {
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

/* Parsing reorders the arguments and cuts lists in pieces. */
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
    *options = (hd_options){.command = HD_COMMANDS, .mode = {true, true}, .devices = {"cpu"}};
    options->words = calloc((size_t)argc + 1, sizeof *options->words);
    if (!options->words) exit(HD_UNAVAILABLE);
    keep_arguments(argc, argv, options);
    options->device.kernels = environment("HYPERDRIFT_KERNELS");
    options->device.loops = environment("HYPERDRIFT_LOOPS");
    argp_err_exit_status = HD_INVALID;
    const struct argp argp = {option_list, take, "COMMAND [WORD...]", doc, NULL, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, options);
    if (!options->replicas) options->replicas = options->command == HD_COMMAND_EXPLAIN ? 8 : 32;
    if (!options->repeat) options->repeat = options->command == HD_COMMAND_BENCH ? 5 : 1;
}

void hd_options_free(hd_options *options) {
    for (int i = 0; i < options->argument_count; i++) free(options->arguments[i]);
    free(options->arguments);
    free(options->words);
    free(options->sets);
    free(options->seeds.of);
    free(options->side[0]);
    free(options->side[1]);
    *options = (hd_options){0};
}
