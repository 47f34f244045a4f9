#include "commands/command_table.h"

#include "base/file.h"
#include "base/json.h"
#include "base/suggestion.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

const hd_command_row hd_command_table[HD_COMMANDS] = {
    [HD_COMMAND_RUN] = {"run", 1, SIZE_MAX, "name at least one experiment"},
    [HD_COMMAND_CHECK] = {"check", 0, SIZE_MAX, NULL},
    [HD_COMMAND_DIFF] = {"diff", 2, 2, "name two records, run folders or .npy files"},
    [HD_COMMAND_BLESS] = {"bless", 1, SIZE_MAX, "name at least one experiment"},
    [HD_COMMAND_DEVICES] = {"devices", 0, 0, "takes no arguments"},
    [HD_COMMAND_BENCH] = {"bench", 1, SIZE_MAX, "name at least one experiment"},
    [HD_COMMAND_DRIFT] = {"drift", 1, 2, "name an experiment, or two captures"},
    [HD_COMMAND_CAPTURE] = {"capture", 1, SIZE_MAX, "name an experiment"},
    [HD_COMMAND_EXPLAIN] = {"explain", 1, 1, "name a folder of printed records, such as trace-2017"},
    [HD_COMMAND_REPORT] = {"report", 1, SIZE_MAX, "name at least one JSON document or history"},
    [HD_COMMAND_CALIBRATE] = {"calibrate", 1, SIZE_MAX, "name at least one experiment"},
    [HD_COMMAND_MERGE] = {"merge", 1, SIZE_MAX, "name a history, and those that go into it"},
    [HD_COMMAND_HISTORY_CHANGES] = {"history changes", 1, 1, "name a history, nothing else"},
    [HD_COMMAND_HISTORY_LIST] = {"history list", 1, 1, "name a history, nothing else"},
    [HD_COMMAND_HISTORY_SHOW] = {"history show", 2, 2, "name a history and the number of a run"},
    [HD_COMMAND_HISTORY_VERIFY] = {"history verify", 1, 1, "name a history, nothing else"},
    [HD_COMMAND_HISTORY_EXPORT] = {"history export", 1, 1, "name a history, nothing else"},
    [HD_COMMAND_HISTORY_PRUNE] = {"history prune", 1, 1, "name a history, nothing else"},
    [HD_COMMAND_HISTORY_RECOVER] = {"history recover", 1, 1, "name a history, nothing else"},
};

const char hd_command_table_help[] =
    "Reproducibility test harness for hypergradients: computes them forward and in reverse, on every device, "
    "and judges each figure.\v"
    "Commands:\n"
    "  run EXPERIMENT...       run experiments and print their records\n"
    "  check [EXPERIMENT...]   run experiments and judge every figure by golden/\n"
    "                          (default: all of fixtures/)\n"
    "  diff A B                compare two records, run folders or .npy(.gz) files\n"
    "  bless EXPERIMENT...     accept new results as golden, if the oracles agree\n"
    "                          and no planted fault would pass; needs --reason;\n"
    "                          not in CI\n"
    "  calibrate EXPERIMENT... measure how far rounding alone can move each figure,\n"
    "                          and the tolerance that follows\n"
    "  devices                 show what this machine offers\n"
    "  bench EXPERIMENT...     time both modes, and what their products alone would\n"
    "                          take\n"
    "  drift EXPERIMENT --a KEY=VALUE... --b KEY=VALUE...\n"
    "  drift EXPERIMENT --b KEY=VALUE... --against CAPTURE\n"
    "  drift CAPTURE CAPTURE   where two runs first differ, by how much, and why\n"
    "  capture EXPERIMENT [KEY=VALUE...] --out FILE\n"
    "                          keep a run's tensors, to compare them with a run on\n"
    "                          another machine or night\n"
    "  explain trace-2017      find out what made the records of 2017 differ, by\n"
    "                          running variants\n"
    "  history changes FILE    what became slower, larger, or gave other numbers\n"
    "  history list FILE       the runs that check --history has kept\n"
    "  history show FILE RUN   one run in detail\n"
    "  history verify FILE     check that every run is stored intact\n"
    "  history export FILE --csv|--json\n"
    "  history prune FILE --keep-nights N|--run RUN\n"
    "                          forget old runs, or one run\n"
    "  history recover FILE --out NEW\n"
    "                          save what can be read of a damaged history\n"
    "  merge INTO FROM...      join histories, and judge the matrices that were\n"
    "                          split into shards\n"
    "  report FILE... --out FILE.html\n"
    "                          one HTML page of what drift, check and run printed\n"
    "                          with --json, of records, and of a history\n"
    "\n"
    "EXPERIMENT is the path of an INI file, or the name of one in fixtures/.\n"
    "--set device.arithmetic=cublas lets cuBLAS multiply, on cuda only;\n"
    "--set device.tf32=on goes with it.\n"
    "\n"
    "Environment:\n"
    "  HYPERDRIFT_ROOT         the folder of fixtures/ and golden/\n"
    "  HYPERDRIFT_KERNELS      skx, haswell, zen2, zen3, generic or own\n"
    "  HYPERDRIFT_LOOPS        avx512, avx2 or baseline\n"
    "  HYPERDRIFT_MACHINE      the class of machine in a history (default: the name\n"
    "                          of the GPU or processor)\n"
    "  NO_COLOR                no colours\n"
    "\n"
    "Exit status:\n"
    "  0  all within tolerance\n"
    "  1  a difference, or NaN or Inf in a result\n"
    "  2  wrong usage or bad input\n"
    "  3  the machine cannot (no such device, no memory, disk full)";

/* --- the command --- */

/* How many of the words make up the name; 0: they do not. */
static size_t words_of(const char *name, char *const *words, size_t count) {
    for (size_t used = 0; used < count; used++) {
        size_t length = strlen(words[used]);
        if (strncmp(name, words[used], length) != 0) return 0;
        if (name[length] == '\0') return used + 1;
        if (name[length] != ' ') return 0;
        name += length + 1;
    }
    return 0;
}

/* Whether the word is the first of a name of two. */
static bool leads(const char *word, const char *name) {
    size_t length = strlen(word);
    return !strncmp(name, word, length) && name[length] == ' ';
}

static hd_status refuse(char *const *words, size_t count, hd_error *error) {
    bool led = false;
    for (size_t c = 0; c < HD_COMMANDS && count; c++) led |= leads(words[0], hd_command_table[c].name);
    const char *part = led && count > 1 ? words[1] : "";
    hd_suggestion known = {.word = !count ? "" : led ? part : words[0]};
    for (size_t c = 0; c < HD_COMMANDS; c++) {
        const char *name = hd_command_table[c].name, *space = strchr(name, ' ');
        char first[32];
        snprintf(first, sizeof first, "%.*s", (int)strcspn(name, " "), name);
        if (led && !leads(words[0], name)) continue;
        hd_suggestion_add(&known, name);
        hd_suggestion_consider(&known, led ? space + 1 : first);
    }
    const char *text = hd_suggestion_text(&known);
    if (!count) return hd_fail(error, HD_INVALID, "name a command: %s", text);
    if (led && count == 1) return hd_fail(error, HD_INVALID, "%s: name one of: %s", words[0], text);
    return hd_fail(error, HD_INVALID, "command %.60s%s%.60s: not known; allowed: %s", words[0],
                   led ? " " : "", part, text);
}

hd_status hd_command_table_find(char *const *words, size_t count, hd_command *command, size_t *used,
                                hd_error *error) {
    for (*command = 0; *command < HD_COMMANDS; ++*command)
        if ((*used = words_of(hd_command_table[*command].name, words, count))) return HD_OK;
    return refuse(words, count, error);
}

/* --- words and options --- */

static bool is_blank(const char *text) {
    return !text || !text[strspn(text, " \t\r\n")];
}

static bool are_one(const char *a, const char *b) {
    return a && b && (!strcmp(a, b) || hd_file_same(a, b));
}

hd_status hd_command_table_check(const hd_options *options, hd_error *error) {
    const hd_command command = options->command;
    const hd_command_row *usage = &hd_command_table[command];
    const bool makes_file = command == HD_COMMAND_CAPTURE || command == HD_COMMAND_REPORT;
    const bool two_captures = command == HD_COMMAND_DRIFT && options->word_count == 2;
    const struct {
        bool broken;
        const char *rule;
    } rules[] = {
        {options->word_count < usage->least || options->word_count > usage->most, usage->wanted},
        {command == HD_COMMAND_BLESS && is_blank(options->reason),
         "--reason \"why the golden changes\" is missing"},
        {makes_file && !options->request.out, "--out FILE is missing"},
        {command == HD_COMMAND_HISTORY_RECOVER && !options->request.out, "--out NEW is missing"},
        {command == HD_COMMAND_HISTORY_EXPORT && options->csv == options->json,
         "give either --csv or --json"},
        {command == HD_COMMAND_HISTORY_PRUNE && !options->keep_nights == !options->run,
         "give either --keep-nights N or --run RUN"},
        {two_captures && (options->side_count[0] || options->side_count[1]),
         "--a and --b go with an experiment, not with two captures"},
        {two_captures && (options->pairing || options->request.repeat),
         "--pairing and --repeat go with an experiment, not with two captures"},
        {options->against && (two_captures || options->side_count[0]),
         "--against goes with one experiment and --b"},
        {options->against && options->pairing, "--pairing goes with an experiment alone, not with --against"},
        {options->request.required && !options->request.all_devices, "--require goes with --device all"},
        {options->request.resume && !options->request.out, "--resume goes with --out DIR"},
        {command == HD_COMMAND_MERGE && options->request.shards && !options->request.matrix,
         "--shards goes with --matrix"},
        {are_one(options->history, options->junit) || are_one(options->history, options->markdown) ||
             are_one(options->junit, options->markdown),
         "--history, --junit and --markdown must name different files"},
        {options->request.matrix && !hd_text_is_line(options->request.matrix),
         "--matrix: its name is not one line of UTF-8 text"},
        {command == HD_COMMAND_CHECK && options->request.matrix && !options->request.shard,
         "--matrix goes with --shard"},
        {options->history && options->request.shard && !options->request.matrix,
         "--history with --shard needs --matrix NAME, the same for all shards"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].broken) return hd_fail(error, HD_INVALID, "%s: %s", usage->name, rules[i].rule);
    return HD_OK;
}
