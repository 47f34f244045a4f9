/* The program's commands, options, output and exit statuses. */
#include "golden/golden.h"
#include "test/program.h"

TestSuite(program, .init = folder_make, .fini = folder_remove);

static void expect_has(const char *text, const char *part) {
    cr_expect(strstr(text, part), "no '%s' in: %.2000s", part, text);
}

/* --- the command line --- */

Test(program, explains_itself) {
    hyperdrift("--help");
    cr_expect_eq(program.status, 0);
    expect_has(program.out, "check [EXPERIMENT...]");
    expect_has(program.out, "Exit status:\n  0  all within tolerance");
    hyperdrift("--version");
    cr_expect_eq(program.status, 0);
    cr_expect_str_eq(program.out, "hyperdrift " HD_VERSION " (" HD_COMMIT ")\n");
}

static void expect_usage_error(const char *cause) {
    cr_expect_eq(program.status, 2, "%d: %s", program.status, program.err);
    cr_expect_str_empty(program.out);
    expect_has(program.err, cause);
    cr_expect_eq(strncmp(program.err, "hyperdrift: ", 12) == 0 || strstr(program.err, "unrecognized option"),
                 true, "%s", program.err);
}

Test(program, refuses_wrong_usage_and_says_what_is_allowed) {
    program_run((const char *const[]){HD_PROGRAM, NULL});
    expect_usage_error("name a command: run, check, diff");
    hyperdrift("walk");
    expect_usage_error("command walk: not known; allowed: run, check");
    hyperdrift("run");
    expect_usage_error("name at least one experiment");
    hyperdrift("run", "blobs-logistic", "--walk");
    expect_usage_error("--walk");
    hyperdrift("run", "blobs-logistic", "--mode", "forward,sideways");
    expect_usage_error("--mode sideways: not known; allowed: forward, reverse");
    hyperdrift("run", "blobs-logistic", "--mode", "");
    expect_usage_error("--mode");
    hyperdrift("run", "blobs-logistic", "--device", "tpu");
    expect_usage_error("device tpu: not known; allowed: cpu, reference, extended, cuda");
    hyperdrift("run", "blobs-logistic", "--device", "cpu,cpu");
    expect_usage_error("cpu is given twice");
    hyperdrift("check", "--require", "cuda");
    expect_usage_error("check: --require goes with --device all");
    hyperdrift("run", "blobs-logistic", "--out", "");
    expect_usage_error("--out");
    hyperdrift("diff", "one");
    expect_usage_error("diff: name two");
    hyperdrift("devices", "cpu");
    expect_usage_error("devices: takes no arguments");
}

Test(program, refuses_an_option_that_the_command_does_not_read) {
    static const struct {
        const char *command, *part, *words[2];
        const char *strays[6];
    } lines[] = {
        {"run",
         NULL,
         {"blobs-logistic"},
         {"--history=h", "--verbose", "--repeat=2", "--junit=x", "--matrix=m"}},
        {"check", NULL, {"blobs-logistic"}, {"--shards=2", "--csv", "--tolerance=1", "--last", "--full"}},
        {"diff", NULL, {"a", "b"}, {"--shard=1/2", "--seeds=1", "--list", "--out=x", "--threads=1"}},
        {"bless", NULL, {"blobs-logistic"}, {"--json", "--verify=9", "--device=cpu", "--mode=forward"}},
        {"devices", NULL, {NULL}, {"--quiet", "--device=cpu", "--set=a.b=c", "--verbose"}},
        {"bench",
         NULL,
         {"blobs-logistic"},
         {"--json", "--quiet", "--out=x", "--history=h", "--require=cuda"}},
        {"drift", NULL, {"a", "b"}, {"--out=x", "--full", "--markdown=x", "--replicas=2"}},
        {"capture", NULL, {"blobs-logistic"}, {"--json", "--quiet", "--against=x", "--b=threads=1"}},
        {"explain",
         NULL,
         {"trace-2017"},
         {"--replicas=2", "--quiet", "--out=x", "--set=a.b=c", "--threads=1"}},
        {"report", NULL, {"x.json"}, {"--json", "--quiet", "--markdown=x", "--history=h", "--last"}},
        {"calibrate", NULL, {"blobs-logistic"}, {"--device=cpu", "--reason=x", "--loosen", "--verbose"}},
        {"merge", NULL, {"a", "b"}, {"--out=x", "--shard=1/2", "--history=h", "--csv", "--verbose"}},
        {"history", "changes", {"h"}, {"--csv", "--keep-nights=1", "--out=x", "--verbose", "--history=h"}},
        {"history", "list", {"h"}, {"--since=1", "--last", "--csv", "--out=x", "--quiet"}},
        {"history", "show", {"h", "1"}, {"--since=1", "--csv", "--out=x", "--quiet"}},
        {"history", "verify", {"h"}, {"--json", "--quiet", "--verbose", "--last", "--out=x"}},
        {"history", "export", {"h"}, {"--since=1", "--quiet", "--dry-run", "--keep-nights=1"}},
        {"history", "prune", {"h"}, {"--json", "--csv", "--out=x", "--quiet", "--last"}},
        {"history", "recover", {"h"}, {"--json", "--dry-run", "--csv", "--quiet", "--verbose"}},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        for (const char *const *stray = lines[i].strays; *stray; stray++) {
            const char *arguments[7] = {HD_PROGRAM, *stray, lines[i].command};
            char said[128];
            size_t count = 3;
            if (lines[i].part) arguments[count++] = lines[i].part;
            for (size_t w = 0; w < 2; w++) arguments[count++] = lines[i].words[w];
            program_run(arguments);
            snprintf(said, sizeof said, "hyperdrift: %s%s%s: does not take %.*s; allowed: ", lines[i].command,
                     lines[i].part ? " " : "", lines[i].part ? lines[i].part : "", (int)strcspn(*stray, "="),
                     *stray);
            program_expect_failure(2, said);
            cr_expect_str_empty(program.out);
        }
}

Test(program, refuses_numbers_that_are_none) {
    static const char *const threads[] = {"0", "-1", "", "two", "1.5", "1 ", "99999999999999999999"};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        hyperdrift("run", "blobs-logistic", "--threads", threads[i]);
        expect_usage_error("allowed: a whole number from 1");
    }
    static const char *const tolerances[] = {"-1", "nan", "inf", "", "0,1", "1e-5x"};
    for (size_t i = 0; i < sizeof tolerances / sizeof *tolerances; i++) {
        hyperdrift("diff", "a", "b", "--tolerance", tolerances[i]);
        expect_usage_error("allowed: a number >= 0");
    }
}

/* --- how it starts --- */

/* GCC's OpenMP prints its variables when it is loaded. */
Test(program, lets_waiting_threads_sleep_unless_the_user_chose) {
#ifdef __clang__
    skip("another OpenMP, which has no GOMP_SPINCOUNT");
#endif
    static const char said[] = "GOMP_SPINCOUNT = '3000'";
    setenv("OMP_DISPLAY_ENV", "verbose", 1);
    unsetenv("OMP_WAIT_POLICY");
    unsetenv("GOMP_SPINCOUNT");
    hyperdrift("diff", "a");
    cr_expect_eq(program.status, 2);
    expect_has(program.err, said);
    expect_has(program.err, "hyperdrift: diff: name two records");
    setenv("GOMP_SPINCOUNT", "7", 1);
    hyperdrift("--version");
    cr_expect_not(strstr(program.err, said), "%s", program.err);
    unsetenv("GOMP_SPINCOUNT");
    setenv("OMP_WAIT_POLICY", "active", 1);
    hyperdrift("--version");
    cr_expect_not(strstr(program.err, said), "%s", program.err);
}

/* --- run --- */

Test(program, prints_one_json_document_and_nothing_else) {
    hyperdrift("run", "blobs-logistic", "--json");
    cr_assert_eq(program.status, 0, "%s", program.err);
    cr_expect_str_empty(program.err);
    json_t *json = program_json(), *records = json_object_get(json, "records");
    cr_expect_eq(json_object_size(json), 2);
    cr_expect_str_eq(json_string_value(json_object_get(json, "format")), "hyperdrift-run/1");
    cr_assert_eq(json_array_size(records), 6, "3 hyper-iterations in two modes");
    cr_expect_str_eq(json_string_value(program_value(json, "records.0.mode")), "forward");
    cr_expect_str_eq(json_string_value(program_value(json, "records.1.mode")), "reverse");
    cr_expect_eq(json_integer_value(program_value(json, "records.5.step")), 2);
    cr_expect(json_is_real(program_value(json, "records.5.validation_error")));
    json_decref(json);
}

Test(program, shows_the_modes_side_by_side) {
    hyperdrift("run", "blobs-logistic");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "blobs-logistic, hyper-iteration 2, cpu (exact)");
    expect_has(program.out, "test accuracy");
    cr_expect_null(strchr(program.out, '\033'), "coloured, though it is no terminal");
    cr_expect_str_empty(program.err, "progress, though it is no terminal: %s", program.err);
}

/* Reads what the program writes to a terminal. */
static void to_terminal(char text[4096]) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    program.output = ptsname(master);
    int kept_open = open(program.output, O_RDWR | O_NOCTTY);
    hyperdrift("run", "blobs-logistic", "--mode", "forward", "--set", "experiment.hyper-iterations=1");
    cr_expect_eq(program.status, 0, "%s", program.err);
    ssize_t size = read(master, text, 4095);
    cr_assert_gt(size, 100);
    text[size] = '\0';
    close(kept_open);
    close(master);
}

Test(program, uses_colours_on_a_terminal_unless_told_not_to) {
    char text[4096];
    unsetenv("NO_COLOR");
    to_terminal(text);
    expect_has(text, "\033[1mblobs-logistic, hyper-iteration 0");
    setenv("NO_COLOR", "1", 1);
    to_terminal(text);
    expect_has(text, "blobs-logistic, hyper-iteration 0");
    cr_expect_null(strchr(text, '\033'));
}

Test(program, says_no_more_than_it_must_when_quiet) {
    hyperdrift("run", "blobs-logistic", "--quiet");
    cr_expect_eq(program.status, 0, "%s", program.err);
    cr_expect_str_empty(program.out);
    cr_expect_str_empty(program.err);
    hyperdrift("check", "blobs-logistic", "--mode", "forward", "--quiet");
    cr_expect_eq(program.status, 0, "%s", program.err);
    cr_expect_null(strchr(program.out, '\n')[1] ? program.out : NULL, "more than a line: %s", program.out);
}

Test(program, runs_an_experiment_that_is_a_file_and_one_of_its_modes) {
    hyperdrift("run", "fixtures/blobs-logistic.ini", "--mode", "reverse", "--json", "--set",
               "experiment.hyper-iterations=1");
    cr_assert_eq(program.status, 0, "%s", program.err);
    json_t *json = program_json();
    cr_expect_eq(json_array_size(json_object_get(json, "records")), 1);
    cr_expect_str_eq(json_string_value(program_value(json, "records.0.mode")), "reverse");
    json_decref(json);
}

static void expect_not_finite(const char *mode) {
    hyperdrift("run", "blobs-logistic", "--mode", mode, "--set", "hyperparameters.eta=1e30", "--out",
               path_of("out"));
    program_expect_failure(1, "step 1: weights: a value that is not finite");
    expect_has(program.err, mode);
    cr_expect_str_empty(program.out);
    nftw(path_of("out"), folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

Test(program, names_step_and_tensor_of_a_value_that_is_not_finite) {
    expect_not_finite("forward");
    expect_not_finite("reverse");
}

Test(program, keeps_the_records_from_before_a_value_that_is_not_finite) {
    hyperdrift("run", "blobs-logistic", "--mode", "forward", "--set", "hyper-optimizer.rate=1e30", "--set",
               "hyper-optimizer.constraint=none", "--out", path_of("out"));
    program_expect_failure(1, "hyper-iteration 1");
    cr_expect_eq(access(path_of("out/blobs-logistic/cpu/forward/step-0.json"), F_OK), 0);
    cr_expect_neq(access(path_of("out/blobs-logistic/cpu/forward/step-1.json"), F_OK), 0);
}

/* --- resume --- */

static const char *const kept_record = "out/blobs-logistic/cpu/forward/step-0.json";

/* Whether the record changed since the last call. */
static bool written_anew(void) {
    static struct timespec last;
    struct stat is;
    cr_assert_eq(stat(path_of(kept_record), &is), 0);
    bool anew = is.st_mtim.tv_sec != last.tv_sec || is.st_mtim.tv_nsec != last.tv_nsec;
    last = is.st_mtim;
    return anew;
}

Test(program, runs_again_only_what_is_not_done) {
    hyperdrift("check", "blobs-logistic", "--resume", "--out", path_of("out"), "--mode", "forward");
    cr_assert_eq(program.status, 0, "%s", program.err);
    cr_expect(written_anew());
    hyperdrift("check", "blobs-logistic", "--resume", "--out", path_of("out"));
    cr_assert_eq(program.status, 0, "%s", program.err);
    cr_expect(!written_anew(), "what is done was run again");
    cr_expect_eq(access(path_of("out/blobs-logistic/cpu/reverse/step-2.json"), F_OK), 0);
    cr_assert_eq(truncate(path_of("out/blobs-logistic/cpu/forward/step-2.json"), 100), 0);
    hyperdrift("check", "blobs-logistic", "--resume", "--out", path_of("out"));
    cr_assert_eq(program.status, 0, "%s", program.err);
    cr_expect(written_anew(), "a broken record was taken");
    hyperdrift("check", "blobs-logistic", "--out", path_of("out"), "--mode", "forward");
    cr_expect(written_anew(), "taken though not asked");
}

Test(program, runs_again_what_was_made_otherwise) {
    static const char *const otherwise[][2] = {
        {"--threads", "1"}, {"--set", "training.steps=5"}, {"--threads", "2"}};
    for (size_t i = 0; i < sizeof otherwise / sizeof *otherwise; i++) {
        hyperdrift("run", "blobs-logistic", "--resume", "--out", path_of("out"), "--mode", "forward",
                   otherwise[i][0], otherwise[i][1]);
        cr_assert_eq(program.status, 0, "%s", program.err);
        cr_expect(written_anew(), "%s %s", otherwise[i][0], otherwise[i][1]);
    }
    hyperdrift("check", "blobs-logistic", "--resume");
    expect_usage_error("check: --resume goes with --out");
}

/* --- devices --- */

Test(program, lists_the_devices_of_this_machine) {
    hyperdrift("devices", "--json");
    cr_assert_eq(program.status, 0, "%s", program.err);
    json_t *json = program_json();
    cr_expect_str_eq(json_string_value(program_value(json, "devices.0.name")), "cpu");
    cr_expect(json_is_true(program_value(json, "devices.0.available")));
    cr_expect_str_eq(json_string_value(program_value(json, "devices.1.arithmetic")), "float64");
    cr_expect_str_eq(json_string_value(program_value(json, "devices.2.name")), "cuda");
    cr_expect_str_eq(json_string_value(program_value(json, "devices.3.arithmetic")), "cublas");
    json_t *available = program_value(json, "devices.2.available");
    cr_expect(json_is_true(available) || json_string_value(program_value(json, "devices.2.reason")));
    json_decref(json);
    hyperdrift("devices");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "reference  float64 arithmetic");
}
