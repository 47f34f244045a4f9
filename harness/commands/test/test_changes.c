/* hyperdrift history changes, as a user meets it: after real checks, some with planted faults. */
#include "history/trend.h"
#include "test/nights.h"
#include "test/program.h"

static const char *path;

static void make(void) {
    folder_make();
    path = path_of("h");
}

TestSuite(command_changes, .init = make, .fini = folder_remove);

static const char faulty_program[] = HD_PROGRAM "-faults";

/* Stores a run of a small experiment with this exit status. */
static void keep(int status) {
    hyperdrift("check", "blobs-logistic", "-q", "--history", path);
    cr_assert_eq(program.status, status, "%s%s", program.out, program.err);
}

/* Stores one with a planted fault, which changes no hash. */
static void keep_faulty(void) {
    setenv("HYPERDRIFT_FAULT", "divisor", 1);
    program_run(
        (const char *const[]){faulty_program, "check", "blobs-logistic", "-q", "--history", path, NULL});
    unsetenv("HYPERDRIFT_FAULT");
    cr_assert_eq(program.status, 1, "%s%s", program.out, program.err);
}

static void changes(int status) {
    hyperdrift("history", "changes", path);
    cr_assert_eq(program.status, status, "%s%s", program.out, program.err);
}

#define expect_out(part) cr_expect(strstr(program.out, part), "no '%s' in: %s", part, program.out)
#define expect_no(part)  cr_expect_not(strstr(program.out, part), "'%s' in: %s", part, program.out)

Test(command_changes, tell_of_nothing_where_nothing_changed) {
    keep(0);
    changes(0);
    expect_out("\n1 run, 2 series\n");
    keep(0);
    hyperdrift("check", "blobs-logistic", "-q", "--history", path, "--threads", "1");
    setenv("HYPERDRIFT_MACHINE", "another", 1);
    keep(0);
    changes(0);
    expect_out("learning: blobs-logistic forward on cpu (");
    expect_out("learning: blobs-logistic reverse on cpu (another, ");
    expect_out(", 1 thread): nights still needed before a change can be detected: time 2");
    expect_out(", memory 29\n");
    expect_out("\n4 runs, ");
    expect_no("numbers");
    expect_no("disagreement");
    hyperdrift("history", "changes", path, "--quiet");
    cr_expect_eq(strncmp(program.out, "4 runs, ", 8), 0, "%s", program.out);
}

Test(command_changes, take_other_settings_for_another_experiment) {
    keep(0);
    hyperdrift("check", "blobs-logistic", "-q", "--history", path, "--set", "hyperparameters.eta=0.02");
    cr_expect_eq(program.status, 2, "no golden is its");
    changes(0);
    expect_out("\n2 runs, 4 series\n");
    expect_out("learning: blobs-logistic forward on cpu (");
    expect_out("; experiment ");
    expect_no("numbers");
}

Test(command_changes, find_numbers_that_changed_without_the_hash) {
    keep(0);
    keep(0);
    keep_faulty();
    changes(1);
    cr_expect(strstr(program.err, "/h: 2 changes to look at on the newest night\n"), "%s", program.err);
    expect_out("new: numbers: blobs-logistic forward on cpu (");
    expect_out("new: numbers: blobs-logistic reverse on cpu (");
    expect_out(", hyper-iterations 0, 1, 2: ");
    expect_out(" of its tolerance: BEYOND; since ");
    expect_out(" (run 3 on ");
    expect_out(", commit " HD_COMMIT "), not as on ");
    expect_out(" (run 2 on ");
    keep_faulty();
    changes(0);
    expect_out("\nnumbers: blobs-logistic reverse on cpu (");
    expect_no("new: ");
    keep(0);
    changes(1);
    expect_out("new: numbers: blobs-logistic forward on cpu (");
    expect_out("; since ");
    expect_out(" (run 5 on ");
    hyperdrift("history", "changes", path, "--last");
    cr_expect_eq(program.status, 1);
    expect_out("(run 5 on ");
    expect_no("(run 3 on ");
    expect_no("learning");
    hyperdrift("history", "changes", path, "--since", "4");
    cr_expect_eq(program.status, 1);
    expect_out("(run 5 on ");
    expect_no("(run 2 on ");
}

Test(command_changes, find_machines_that_disagree) {
    keep(0);
    setenv("HYPERDRIFT_MACHINE", "faulty", 1);
    keep_faulty();
    unsetenv("HYPERDRIFT_MACHINE");
    keep(0);
    changes(1);
    expect_out("new: disagreement: blobs-logistic forward on cpu (faulty, ");
    expect_out(", hyper-iterations 0, 1, 2 does not have the bits of blobs-logistic forward on cpu (");
    expect_no("numbers");
}

Test(command_changes, are_one_json_document) {
    keep(0);
    keep_faulty();
    hyperdrift("history", "changes", path, "--json");
    cr_expect_eq(program.status, 1);
    json_t *json = program_json();
    cr_expect_str_eq(json_string_value(program_value(json, "format")), "hyperdrift-changes/1");
    cr_expect_str_eq(json_string_value(program_value(json, "verdict")), "fail");
    cr_expect_eq(json_integer_value(program_value(json, "runs")), 2);
    cr_assert_eq(json_array_size(program_value(json, "changes")), 2);
    cr_expect_str_eq(json_string_value(program_value(json, "changes.0.kind")), "numbers");
    cr_expect(json_is_true(program_value(json, "changes.0.is_new")));
    cr_expect(json_is_true(program_value(json, "changes.0.beyond")));
    cr_expect_str_eq(json_string_value(program_value(json, "changes.1.mode")), "reverse");
    cr_expect_eq(json_integer_value(program_value(json, "changes.0.since.run")), 2);
    cr_expect_eq(json_integer_value(program_value(json, "changes.0.before.run")), 1);
    cr_expect_eq(json_array_size(program_value(json, "changes.0.steps")), 3);
    cr_expect_eq(json_array_size(program_value(json, "learning")), 2);
    cr_expect_eq(json_integer_value(program_value(json, "learning.0.nights_lacking.time")), 28);
    json_decref(json);
}

static void slow_down(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)series, (void)verdict;
    if (night >= 30) record->seconds.total *= night % 2 ? 1.2 : 1.3;
}

Test(command_changes, give_a_ratio_and_its_interval) {
    hd_history history = nights_open(path);
    hd_trend trend;
    hd_error error;
    nights_add(&history, "alpha", 0, 35, 1, slow_down);
    cr_assert_eq(hd_trend_load(&history, &trend, &error), HD_OK, "%s", error.message);
    hd_history_close(&history);
    cr_assert_eq(trend.series[0].change_count[HD_COST_TIME], 1);
    const hd_level_change *change = &trend.series[0].changes[HD_COST_TIME][0];
    hyperdrift("history", "changes", path, "--json");
    cr_expect_eq(program.status, 1, "%s", program.err);
    json_t *json = program_json();
    cr_expect_str_eq(json_string_value(program_value(json, "changes.0.kind")), "slower");
    cr_expect_eq(json_real_value(program_value(json, "changes.0.ratio")), change->ratio);
    cr_expect_eq(json_real_value(program_value(json, "changes.0.low")), change->low);
    cr_expect_eq(json_real_value(program_value(json, "changes.0.high")), change->high);
    cr_expect_float_eq(json_real_value(program_value(json, "changes.0.seconds_before")), 0.1, 0.001);
    cr_expect_float_eq(json_real_value(program_value(json, "changes.0.seconds_after")), 0.13, 0.002);
    cr_expect_neq(change->ratio, change->after / change->before, "nothing tells them apart");
    json_decref(json);
    hd_trend_free(&trend);
}

Test(command_changes, refuse_what_is_no_history_or_no_run) {
    hyperdrift("history", "changes", path);
    program_expect_failure(2, "/h: No such file");
    keep(0);
    hyperdrift("history", "changes", path, "--since", "7");
    program_expect_failure(2, "/h: has no run 7");
    hyperdrift("history", "changes");
    cr_expect_eq(program.status, 2);
    hyperdrift("check", "blobs-logistic", "--since", "1");
    cr_expect_eq(program.status, 2);
}
