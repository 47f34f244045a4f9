/* hyperdrift drift and hyperdrift capture, as a user meets them. */
#include "test/program.h"

TestSuite(command_drift, .init = folder_make, .fini = folder_remove);

static void expect_has(const char *text, const char *part) {
    cr_expect(strstr(text, part), "no '%s' in: %.2000s", part, text);
}

/* Expects this text at a path. */
static void expect_text(json_t *json, const char *path, const char *text) {
    const char *is = json_string_value(program_value(json, path));
    cr_expect(is && !strcmp(is, text), "%s is %s, not %s", path, is ? is : "no text", text);
}

static double real_at(json_t *json, const char *path) {
    json_t *value = program_value(json, path);
    cr_assert(json_is_number(value), "%s is no number", path);
    return json_number_value(value);
}

#define succeeds(...)                                                                                        \
    do {                                                                                                     \
        hyperdrift(__VA_ARGS__);                                                                             \
        cr_assert_eq(program.status, 0, "%d: %s%.500s", program.status, program.err, program.out);           \
    } while (0)

/* --- identical --- */

Test(command_drift, threads_and_kernels_change_no_bit) {
    static const char *const same[] = {"blis-kernels=own", "blis-kernels=haswell", "threads=2",
                                       "loops=baseline"};
    for (size_t i = 0; i < 4; i++) {
        hyperdrift("drift", "blobs-slices", "--a", "threads=1", "--b", same[i], "--json");
        if (program.status == 3) continue; /* this processor lacks them */
        cr_assert_eq(program.status, 0, "%s: %s", same[i], program.err);
        json_t *json = program_json();
        expect_text(json, "verdict", "identical");
        expect_text(json, "format", "hyperdrift-drift/2");
        cr_expect_eq(json_array_size(program_value(json, "growth")), 0);
        cr_expect(json_is_null(program_value(json, "first")));
        cr_expect_gt(real_at(json, "compared"), 400);
        json_decref(json);
    }
    succeeds("drift", "blobs-logistic", "--quiet");
    cr_expect_str_eq(program.out, "identical\n");
}

/* --- what is found --- */

Test(command_drift, names_the_component_that_was_changed) {
    hyperdrift("drift", "blobs-logistic", "--b", "hyperparameters.mu=0.51");
    cr_assert_eq(program.status, 1, "%s", program.err);
    expect_has(program.out, "component hyperparameters.mu\n  In hyper-iteration ");
    expect_has(program.out, "  100%\n");
    cr_expect_str_empty(program.err);
    hyperdrift("drift", "blobs-logistic", "--b", "hyperparameters.mu=0.51", "--quiet");
    cr_expect_str_eq(program.out, "component hyperparameters.mu\n");
}

Test(command_drift, of_the_two_modes_is_rounding_and_their_pairing_holds) {
    hyperdrift("drift", "blobs-deep", "--a", "mode=forward", "--b", "mode=reverse", "--json");
    cr_assert_eq(program.status, 1, "%s", program.err);
    json_t *json = program_json();
    expect_text(json, "verdict", "rounding");
    cr_expect(json_is_false(program_value(json, "pairing.jumps")));
    cr_expect_eq(json_array_size(program_value(json, "pairing.iterations.0.hyperparameters.mu.values")), 31);
    cr_expect(json_is_null(program_value(json, "beyond")));
    cr_expect_eq(real_at(json, "attest.b.differing"), 0);
    cr_expect_gt(real_at(json, "attest.b.compared"), 0);
    json_decref(json);
}

Test(command_drift, of_the_reference_is_rounding_and_the_reference_is_nearer_itself) {
    hyperdrift("drift", "blobs-deep", "--b", "device=reference", "--json");
    cr_assert_eq(program.status, 1, "%s", program.err);
    json_t *json = program_json();
    expect_text(json, "nearer_reference", "b");
    const char *verdict = json_string_value(program_value(json, "verdict"));
    cr_expect(!strcmp(verdict, "rounding") || !strcmp(verdict, "kink"), "%s", verdict);
    cr_expect_eq(real_at(json, "reference_error.b"), 0);
    json_decref(json);
}

Test(command_drift, finds_no_step_of_float32_beyond_rounding_of_the_reference) {
    hyperdrift("drift", "blobs-deep", "--b", "device=reference");
    cr_expect_eq(program.status, 1, "%s", program.err);
    expect_has(program.out, "first   hyper-iteration 0, step 0, activations: activations 1");
    cr_expect_null(strstr(program.out, " off: "), "%.500s", program.out);
}

Test(command_drift, finds_the_first_step_that_another_hyperparameter_changes) {
    hyperdrift("drift", "blobs-deep", "--b", "hyperparameters.mu=0.51");
    cr_expect_eq(program.status, 1, "%s", program.err);
    expect_has(program.out, "first   hyper-iteration 0, step 2, step: W_0");
    cr_expect_null(strstr(program.out, " off: "), "%.500s", program.out);
}

Test(command_drift, takes_no_other_update_of_hyperparameters_for_rounding) {
    static const char *const rate = "hyper-optimizer.rate=0.002", *const one =
                                                                      "experiment.hyper-iterations=1";
    hyperdrift("drift", "blobs-logistic", "--a", one, "--b", one, "--b", rate, "--json");
    cr_assert_eq(program.status, 1, "%s", program.err);
    json_t *json = program_json();
    expect_text(json, "verdict", "component hyper-optimizer.rate");
    expect_text(json, "first.tensor", "hyperparameters");
    cr_expect(json_is_null(program_value(json, "beyond")));
    json_decref(json);
}

Test(command_drift, rounds_at_random_where_the_device_can) {
    hyperdrift("drift", "blobs-logistic", "--b", "rounding=3");
    cr_expect_eq(program.status, 1, "%s", program.err);
    cr_expect_null(strstr(program.out, " off: "), "%.500s", program.out);
    hyperdrift("drift", "blobs-logistic", "--b", "rounding=3", "--b", "device=reference");
    program_expect_failure(2, "rounding=3: allowed only on device cpu");
    hyperdrift("drift", "blobs-logistic", "--b", "rounding=0");
    program_expect_failure(2, "rounding=0: allowed: a whole number from 1 to 4294967295");
}

/* The two causes of 2017, from one training step and small sets for validation and test. */
#define BRIEF "data.partitions=0.9,0.05"
#define STEP  "training.steps=1"
#define ONCE  "experiment.hyper-iterations=1"

Test(command_drift, finds_the_elements_that_the_gpu_fill_of_2017_shifted) {
    slow();
    hyperdrift("drift", "mnist-2017-cpu", "--a", BRIEF, "--a", STEP, "--a", ONCE, "--b", BRIEF, "--b", STEP,
               "--b", ONCE, "--b", "fill=tf-gpu-2017", "--json");
    cr_assert_eq(program.status, 1, "%d: %s", program.status, program.err);
    json_t *json = program_json();
    expect_text(json, "verdict", "component fill");
    expect_text(json, "first.tensor", "W_0");
    expect_text(json, "first.phase", "initial weights");
    cr_expect_eq(real_at(json, "first.step"), 0);
    cr_assert_eq(json_array_size(program_value(json, "first.elements")), 1);
    cr_expect_eq(real_at(json, "first.elements.0.0"), 196608);
    cr_expect_eq(real_at(json, "first.elements.0.1"), 235199);
    cr_expect_eq(json_array_size(program_value(json, "heat.start")), 784);
    cr_expect_eq(real_at(json, "heat.start.0"), 0);
    cr_expect_gt(real_at(json, "heat.start.783"), 0);
    cr_expect_eq(json_array_size(program_value(json, "findings")), 0); /* either side did what it was told */
    json_decref(json);
}

Test(command_drift, finds_the_group_that_the_race_of_2017_wrote) {
    slow();
    hyperdrift("drift", "mnist-2017-gpu", "--a", BRIEF, "--a", STEP, "--b", BRIEF, "--b", STEP, "--b",
               "fill-race=2", "--json");
    cr_assert_eq(program.status, 1, "%d: %s", program.status, program.err);
    json_t *json = program_json();
    expect_text(json, "verdict", "component fill-race");
    expect_text(json, "first.tensor", "W_0");
    cr_expect_eq(real_at(json, "first.iteration"), 2);
    cr_expect_eq(real_at(json, "first.step"), 0);
    cr_assert_eq(json_array_size(program_value(json, "first.elements")), 1);
    cr_expect_eq(real_at(json, "first.elements.0.0"), 196604);
    cr_expect_eq(real_at(json, "first.elements.0.1"), 196607);
    json_decref(json);
}

/* --- why it failed --- */

Test(command_drift, says_what_a_lane_says_of_its_end) {
    hyperdrift("drift", "blobs-logistic", "--b", "blis-kernels=walk");
    program_expect_failure(2, "walk");
    cr_expect_str_empty(program.out);
    hyperdrift("drift", "blobs-logistic", "--b", "threads=60000");
    program_expect_failure(3, "60000 threads: this process may run on ");
    static const char *const explodes[] = {"hyperparameters.eta=20", "hyperparameters.rho_l2=40"};
    for (size_t s = 0; s < 2; s++) {
        hyperdrift("drift", "blobs-logistic", s ? "--a" : "--b", explodes[0], s ? "--a" : "--b", explodes[1]);
        program_expect_failure(1, "a value that is not finite (NaN or Inf)");
        cr_expect_str_empty(program.out);
    }
}

Test(command_drift, refuses_variants_that_cannot_be_compared) {
    hyperdrift("drift", "blobs-logistic", "--b", "training.steps=19");
    program_expect_failure(2, "different numbers of steps");
    hyperdrift("drift", "blobs-logistic", "--b", "walk=1");
    program_expect_failure(2, "not a known key; allowed: device, mode");
    hyperdrift("drift", "blobs-walk");
    program_expect_failure(2, "no experiment 'blobs-walk'");
    cr_expect_str_empty(program.out);
}

Test(command_drift, ends_where_nobody_takes_its_output_or_its_input_is_closed) {
    program.output = "/dev/full";
    hyperdrift("drift", "blobs-logistic", "--b", "threads=1");
    program_expect_failure(3, "standard output: No space left on device");
    program.output = NULL;
    char command[256];
    snprintf(command, sizeof command, "%s drift blobs-logistic --b training.steps=20 --quiet <&- 2>&1",
             HD_PROGRAM);
    program_run((const char *const[]){"/bin/sh", "-c", command, NULL});
    cr_expect_eq(program.status, 0, "%s", program.out);
    snprintf(command, sizeof command, "%s drift blobs-logistic --b blis-kernels=walk --quiet <&- 2>&1",
             HD_PROGRAM);
    program_run((const char *const[]){"/bin/sh", "-c", command, NULL});
    cr_expect_eq(program.status, 2, "%s", program.out);
}

/* --- captures --- */

#define CAPTURES 4

static void make_captures(void) {
    succeeds("capture", "blobs-logistic", "--out", path_of("a"));
    succeeds("capture", "blobs-logistic", "--out", path_of("full"), "--full");
    succeeds("capture", "blobs-logistic", "hyperparameters.mu=0.51", "--out", path_of("b"));
    succeeds("capture", "blobs-logistic", "mode=forward", "threads=1", "--out", path_of("forward"));
    cr_expect_str_empty(program.out);
    cr_expect_eq(folder_entries(), CAPTURES);
}

Test(command_drift, of_two_captures_of_equal_runs_is_identical) {
    make_captures();
    succeeds("drift", path_of("a"), path_of("full"), "--quiet");
    cr_expect_str_eq(program.out, "identical\n");
    char command[256];
    snprintf(command, sizeof command, "gzip -k %s", path_of("a"));
    cr_assert_eq(system(command), 0);
    succeeds("drift", path_of("a.gz"), path_of("a"), "--json");
    json_t *json = program_json();
    expect_text(json, "verdict", "identical");
    cr_expect(json_is_array(program_value(json, "events"))); /* a run here stands for the digest */
    cr_expect(json_is_true(program_value(json, "judged.a.judged")));
    json_decref(json);
    hyperdrift("drift", path_of("a"), path_of("forward"), "--quiet");
    cr_expect_eq(program.status, 1);
    cr_expect_str_eq(program.out, "rounding\n");
}

Test(command_drift, of_two_captures_that_differ_tells_where) {
    make_captures();
    hyperdrift("drift", path_of("a"), path_of("b"), "--json");
    cr_assert_eq(program.status, 1, "%s", program.err);
    json_t *json = program_json();
    cr_expect_eq(real_at(json, "first.iteration"), 0);
    cr_expect_gt(real_at(json, "first.differing"), 0);
    expect_text(json, "verdict", "component hyperparameters.mu");
    expect_text(json, "a.variant", "as it stands");
    expect_text(json, "b.variant", "hyperparameters.mu=0.51");
    json_decref(json);
}

Test(command_drift, of_a_live_run_with_a_capture_tells_the_same) {
    make_captures();
    static const char *const kept[] = {"a", "full"};
    for (size_t i = 0; i < 2; i++) {
        succeeds("drift", "blobs-logistic", "--against", path_of(kept[i]), "--quiet");
        cr_expect_str_eq(program.out, "identical\n");
        hyperdrift("drift", "blobs-logistic", "--against", path_of(kept[i]), "--b", "hyperparameters.mu=0.51",
                   "--json");
        cr_assert_eq(program.status, 1, "%s", program.err);
        json_t *live = program_json();
        hyperdrift("drift", path_of(kept[i]), path_of("b"), "--json");
        json_t *stored = program_json();
        cr_expect(
            json_equal(program_value(live, "first.iteration"), program_value(stored, "first.iteration")));
        cr_expect(json_equal(program_value(live, "outcomes"), program_value(stored, "outcomes")));
        cr_expect(json_equal(program_value(live, "differing"), program_value(stored, "differing")));
        expect_text(live, "b.keeps", "full");
        json_decref(live);
        json_decref(stored);
    }
}

Test(command_drift, refuses_captures_of_something_else) {
    make_captures();
    succeeds("capture", "blobs-one-hidden", "--out", path_of("other"));
    succeeds("capture", "blobs-logistic", "training.steps=2", "--out", path_of("short"));
    static const char *const wrong[][2] = {{"other", "experiment.name: "}, {"short", "training.steps: "}};
    for (size_t i = 0; i < 2; i++) {
        hyperdrift("drift", path_of("a"), path_of(wrong[i][0]), "--json");
        program_expect_failure(2, wrong[i][1]);
        expect_has(program.err, wrong[i][0]);
        cr_expect_str_empty(program.out);
        hyperdrift("drift", "blobs-logistic", "--against", path_of(wrong[i][0]));
        program_expect_failure(2, wrong[i][1]);
        cr_expect_str_empty(program.out);
    }
}

Test(command_drift, refuses_captures_that_are_broken) {
    static char content[1 << 20];
    make_captures();
    size_t size = get_bytes(path_of("a"), content, sizeof content);
    const size_t cut[] = {0, 10, 25, 300, size + 1};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        put_bytes(path_of("broken"), content, cut[i]);
        hyperdrift("drift", path_of("a"), path_of("broken"));
        program_expect_failure(2, "broken: ");
        cr_expect_str_empty(program.out);
        hyperdrift("drift", "blobs-logistic", "--against", path_of("broken"));
        program_expect_failure(2, "broken: ");
        cr_expect_str_empty(program.out);
    }
    content[size / 2] ^= 1;
    put_bytes(path_of("broken"), content, size);
    hyperdrift("drift", path_of("a"), path_of("broken"));
    program_expect_failure(2, "broken: ");
    hyperdrift("drift", path_of("a"), path_of("nowhere"));
    program_expect_failure(2, "nowhere: cannot be read: No such file");
    hyperdrift("drift", path_of("a"), "README.md");
    program_expect_failure(2, "README.md: not a capture");
    hyperdrift("drift", "blobs-logistic", "--against", "/");
    program_expect_failure(2, "/: ");
}

Test(command_drift, compares_captures_up_to_where_one_is_cut_short) {
    static char content[1 << 20];
    static const char *const whole[] = {"a", "full"};
    make_captures();
    for (size_t w = 0; w < 2; w++) {
        size_t size = get_bytes(path_of(whole[w]), content, sizeof content);
        const size_t cut[] = {size / 2, size - 33, size - 1};
        for (size_t i = 0; i < 3; i++) {
            put_bytes(path_of("cut"), content, cut[i]);
            hyperdrift("drift", path_of("cut"), path_of("full"), "--json");
            cr_assert_eq(program.status, 1, "%s", program.err);
            json_t *json = program_json();
            expect_text(json, "verdict", "identical");
            expect_has(json_string_value(program_value(json, "evidence")), "Capture a is cut short ");
            cr_expect(json_is_object(program_value(json, "cut.a")) &&
                      json_is_null(program_value(json, "cut.b")));
            cr_expect_eq(real_at(json, "differing"), 0);
            cr_expect_gt(real_at(json, "compared"), 100);
            json_decref(json);
            hyperdrift("drift", "blobs-logistic", "--against", path_of("cut"), "--quiet");
            cr_assert_eq(program.status, 1, "%s", program.err);
            cr_expect_str_eq(program.out, "identical, up to a cut\n");
        }
    }
    char command[512];
    snprintf(command, sizeof command, "gzip -c %s | head -c 5000 > %s", path_of("full"), path_of("cut.gz"));
    cr_assert_eq(system(command), 0);
    hyperdrift("drift", path_of("full"), path_of("cut.gz"));
    cr_assert_eq(program.status, 1, "%s", program.err);
    expect_has(program.out, "Capture b is cut short in hyper-iteration 0");
}

/* A capture that ends with its heading says nothing about the run. */
Test(command_drift, of_a_capture_without_tensors_is_not_judged) {
    static char content[1 << 20];
    make_captures();
    size_t size = get_bytes(path_of("full"), content, sizeof content), heading = 0;
    while (heading + 4 < size && memcmp(content + heading, "}}\0", 3) != 0) heading++;
    put_bytes(path_of("cut"), content, heading + 2);
    hyperdrift("drift", path_of("cut"), path_of("full"), "--quiet");
    cr_expect_eq(program.status, 1, "%s", program.err);
    cr_expect_str_eq(program.out, "not judged, up to a cut\n");
}

Test(command_drift, refuses_words_that_do_not_go_together) {
    hyperdrift("drift");
    cr_expect_eq(program.status, 2);
    hyperdrift("drift", "a", "b", "--b", "threads=1");
    cr_expect_eq(program.status, 2);
    hyperdrift("drift", "a", "b", "--against", "c");
    cr_expect_eq(program.status, 2);
    hyperdrift("drift", "blobs-logistic", "--a", "threads=1", "--against", "c");
    cr_expect_eq(program.status, 2);
    expect_has(program.err, "--against goes with one experiment and --b");
    hyperdrift("drift", "a", "b", "--repeat", "3");
    cr_expect_eq(program.status, 2);
    expect_has(program.err, "--pairing and --repeat go with an experiment");
    hyperdrift("drift", "blobs-logistic", "--against", "c", "--pairing");
    cr_expect_eq(program.status, 2);
    expect_has(program.err, "--pairing goes with an experiment alone");
    hyperdrift("capture", "blobs-logistic");
    cr_expect_eq(program.status, 2);
    expect_has(program.err, "--out FILE is missing");
    hyperdrift("capture", "--out", path_of("a"));
    cr_expect_eq(program.status, 2);
    hyperdrift("capture", "blobs-logistic", "walk=1", "--out", path_of("a"));
    program_expect_failure(2, "not a known key");
    cr_expect_eq(folder_entries(), 0);
    static const char *const settings[][2] = {
        {"--mode", "forward"}, {"--device", "reference"}, {"--threads", "1"}, {"--set", "training.steps=3"}};
    for (size_t i = 0; i < 4; i++) {
        hyperdrift("drift", "blobs-logistic", settings[i][0], settings[i][1]);
        program_expect_failure(2, "as KEY=VALUE");
        expect_has(program.err, settings[i][0]);
        hyperdrift("capture", "blobs-logistic", settings[i][0], settings[i][1], "--out", path_of("a"));
        program_expect_failure(2, "as KEY=VALUE");
    }
}

/* --- captures that cannot be written --- */

Test(command_drift, a_capture_is_written_whole_or_not_at_all) {
    for (rlim_t limit = 100; limit < 200000; limit = 3 * limit) {
        program.file_size = limit;
        hyperdrift("capture", "blobs-logistic", "--out", path_of("a"));
        program_expect_failure(3, "a: cannot be written: File too large");
        cr_expect_eq(folder_entries(), 0, "left at %zu", (size_t)limit);
    }
    program.file_size = 0;
    hyperdrift("capture", "blobs-logistic", "hyperparameters.eta=20", "hyperparameters.rho_l2=40", "--out",
               path_of("a"));
    program_expect_failure(1, "a value that is not finite");
    cr_expect_eq(folder_entries(), 0);
    hyperdrift("capture", "blobs-logistic", "--out", path_of("nowhere/a"));
    program_expect_failure(3, "nowhere/a");
    put_bytes(path_of("a"), "old", 3);
    hyperdrift("capture", "blobs-logistic", "blis-kernels=walk", "--out", path_of("a"));
    cr_expect_eq(program.status, 2);
    char old[8] = "";
    cr_expect_eq(get_bytes(path_of("a"), old, sizeof old), 3);
}

Test(command_drift, captures_are_not_written_under_a_name_that_says_gzip) {
    hyperdrift("capture", "blobs-logistic", "--out", "x.hdc.gz");
    cr_expect_eq(program.status, 2);
    cr_expect(strstr(program.err, "gzip"), "%s", program.err);
}
