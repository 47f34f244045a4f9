/* hyperdrift bless: what it refuses, what it writes, and what check then says. */
#include "test/blessing.h"

TestSuite(command_bless, .init = folder_make, .fini = folder_remove);

static char text[1 << 18];

static void expect_has(const char *in, const char *part) {
    cr_expect(strstr(in, part), "no '%s' in: %.2000s", part, in);
}

static const char *changes(void) {
    memset(text, 0, sizeof text);
    get_bytes(path_of("root/golden/CHANGES"), text, sizeof text - 1);
    return text;
}

static void expect_nothing_kept(void) {
    cr_expect_neq(access(path_of("root/golden/blobs-logistic"), F_OK), 0);
    if (access(path_of("root/golden/CHANGES"), F_OK) == 0) cr_expect_str_eq(changes(), "");
}

/* --- refusals before anything is computed --- */

Test(command_bless, needs_a_reason_of_one_line) {
    program_own_root();
    blessing_attend();
    static const char *const blank[] = {"", " ", " \t \n"};
    for (size_t i = 0; i < 3; i++) {
        hyperdrift("bless", "blobs-logistic", "--reason", blank[i]);
        cr_expect_eq(program.status, 2);
        expect_has(program.err, "--reason \"why the golden changes\" is missing");
    }
    hyperdrift("bless", "blobs-logistic");
    cr_expect_eq(program.status, 2);
    expect_has(program.err, "--reason");
    static const char *const bad[] = {"two\nlines", "a\x7f", "Gru\xdf", "\xed\xa0\x80"};
    for (size_t i = 0; i < 4; i++) {
        hyperdrift("bless", "blobs-logistic", "--reason", bad[i]);
        program_expect_failure(2, "the reason is not one line of UTF-8 text");
    }
    char longer[257];
    memset(longer, 'x', 256);
    longer[256] = '\0';
    hyperdrift("bless", "blobs-logistic", "--reason", longer);
    program_expect_failure(2, "the reason is longer than 255 bytes");
}

Test(command_bless, is_refused_in_ci_and_with_settings) {
    program_own_root();
    for (size_t i = 0; i < sizeof blessing_unattended / sizeof *blessing_unattended; i++) {
        char why[128];
        blessing_attend();
        setenv(blessing_unattended[i], "1", 1);
        hyperdrift("bless", "blobs-logistic", "--reason", "because");
        snprintf(why, sizeof why, "refused: %s is set, as in CI", blessing_unattended[i]);
        program_expect_failure(2, why);
    }
    blessing_attend();
    hyperdrift("bless", "blobs-logistic", "--reason", "because", "--set", "training.steps=5");
    program_expect_failure(2, "bless: does not take --set");
}

Test(command_bless, is_refused_in_a_dirty_tree_or_from_one) {
    char command[512];
    program_own_root();
    blessing_attend();
    snprintf(command, sizeof command, "cd %s && git init >/dev/null 2>&1", path_of("root"));
    if (system(command) != 0) skip("git is not installed");
    hyperdrift("bless", "blobs-logistic", "--reason", "because");
    program_expect_failure(2, "refused in a dirty tree: fixtures/");
    if (!strstr(HD_COMMIT, "-dirty")) return;
    snprintf(command, sizeof command, "rm -rf %s", path_of("root/.git"));
    cr_assert_eq(system(command), 0);
    hyperdrift("bless", "blobs-logistic", "--reason", "because");
    program_expect_failure(2, "from a dirty tree: build it from a clean one");
}

Test(command_bless, is_refused_where_no_faults_can_be_planted) {
    blessing_prepare("true");
    cr_assert_eq(remove(path_of("hyperdrift-faults")), 0);
    bless("blobs-logistic", "--reason", "because");
    program_expect_failure(2, "`make hyperdrift-faults` builds it");
    expect_nothing_kept();
}

/* --- blessing --- */

Test(command_bless, keeps_new_goldens_with_an_entry_that_check_then_tells) {
    blessing_prepare("echo the faults were planted");
    bless("blobs-logistic", "--reason", "a first time", "--replicas", "8");
    cr_assert_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "forward, reverse and finite differences agree in 4 hypergradients");
    expect_has(program.out, "golden/blobs-logistic/step-0.json: new\n");
    expect_has(program.out, "the faults were planted\n");
    expect_has(program.out, "golden/CHANGES: 2");
    expect_has(program.out, " blobs-logistic: a first time (");
    expect_has(changes(), " blobs-logistic\n    reason: a first time\n    commit: " HD_COMMIT "\n");
    expect_has(text, "    0 exact forward hypergradient eta: new -> ");
    hd_golden golden = blessing_golden();
    cr_expect_str_eq(golden.blessed.reason, "a first time");
    cr_expect_eq(strncmp(text, golden.blessed.date, strlen(golden.blessed.date)), 0);
    expect_has(text, golden.sha256);
    hd_golden_free(&golden);
    hyperdrift("check", "blobs-logistic", "--mode", "forward");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "golden: blobs-logistic: blessed 2");
    expect_has(program.out, " at " HD_COMMIT ": a first time\n");
    expect_has(program.out, " 0 failed, 0 skipped\n");
}

Test(command_bless, writes_nothing_where_nothing_changes) {
    static char before[sizeof text];
    blessing_first();
    memcpy(before, changes(), sizeof before);
    bless("blobs-logistic", "--reason", "again", "--replicas", "6", "-q");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "blobs-logistic: nothing changes; nothing was written\n");
    cr_expect_str_eq(changes(), before);
    hd_golden golden = blessing_golden();
    cr_expect_str_eq(golden.blessed.reason, "a first time");
    hd_golden_free(&golden);
}

Test(command_bless, lets_tolerances_only_tighten_unless_told) {
    blessing_first();
    double first = blessing_tolerance();
    bless("blobs-logistic", "--reason", "less is known", "--replicas", "2", "-q");
    program_expect_failure(1, "would be looser: refused, nothing was written");
    expect_has(program.out, "looser: hypergradient eta");
    cr_expect(blessing_tolerance() == first);
    bless("blobs-logistic", "--reason", "less is known", "--replicas", "2", "-q", "--loosen");
    cr_expect_eq(program.status, 0, "%s", program.err);
    cr_expect_gt(blessing_tolerance(), first);
    bless("blobs-logistic", "--reason", "more is known", "--replicas", "6", "-q", "--loosen");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, "tighter: hypergradient eta");
    cr_expect(blessing_tolerance() == first);
    expect_has(changes(), "    reason: less is known\n");
    expect_has(text, "    0 calibration replicas: 6 -> 2\n");
    expect_has(text, "    0 calibration replicas: 2 -> 6\n");
}

/* --- planted faults --- */

/* The stand-in finds a root with the new goldens, which are not in place yet. */
Test(command_bless, tries_faults_against_goldens_that_are_not_kept_yet) {
    char script[512];
    snprintf(script, sizeof script,
             "test \"$1\" = faults && test -f $HYPERDRIFT_ROOT/golden/blobs-logistic/step-0.json && "
             "test -f $HYPERDRIFT_ROOT/golden/blobs-deep/step-1.json && "
             "test -f $HYPERDRIFT_ROOT/fixtures/blobs-deep.ini && "
             "test ! -e $HYPERDRIFT_ROOT/golden/CHANGES && test ! -e %s && exit 1; exit 77",
             path_of("root/golden/blobs-logistic"));
    blessing_prepare(script);
    bless("blobs-logistic", "--reason", "because", "--replicas", "3", "-q");
    program_expect_failure(1, "some planted faults would not be seen");
    expect_nothing_kept();
    blessing_faults("exit 3");
    bless("blobs-logistic", "--reason", "because", "--replicas", "3", "-q");
    program_expect_failure(3, "hyperdrift-faults ended with status 3");
    blessing_faults("kill -KILL $$");
    bless("blobs-logistic", "--reason", "because", "--replicas", "3", "-q");
    program_expect_failure(3, "its process ended without a result");
    expect_nothing_kept();
}

/* Plants a real fault at step 13, which the shortened experiment never reaches. */
Test(command_bless, is_refused_where_a_planted_fault_would_pass) {
    char command[256];
    blessing_prepare("exec " HD_PROGRAM "-faults faults float16");
    snprintf(command, sizeof command, "sed -i 's/^steps.*/steps = 12/' %s",
             path_of("root/fixtures/blobs-deep.ini"));
    cr_assert_eq(system(command), 0);
    bless("blobs-deep", "--reason", "it takes less time", "--replicas", "3", "-q", "--loosen");
    program_expect_failure(1, "blobs-deep: not blessed: some planted faults would not be seen");
    expect_has(program.out, "1 faults, 0 seen, 0 seen without bits");
    cr_expect_neq(access(path_of("root/golden/.blobs-deep.new"), F_OK), 0);
    snprintf(command, sizeof command, "cp fixtures/blobs-deep.ini %s", path_of("root/fixtures"));
    cr_assert_eq(system(command), 0);
    bless("blobs-logistic", "--reason", "a first time", "--replicas", "3", "-q");
    cr_expect_eq(program.status, 0, "by the goldens that are there it is seen: %s", program.err);
    expect_has(program.out, "1 faults, 1 seen, 1 seen without bits");
}

/* Another build, an older one or one with a fault, would detect whatever is planted. */
Test(command_bless, is_refused_where_the_program_that_plants_faults_fails_without_one) {
    blessing_prepare("exec " HD_PROGRAM "-faults faults relu-at-zero");
    char command[256];
    snprintf(command, sizeof command, "cp " HD_PROGRAM "-faults %s", path_of("hyperdrift"));
    cr_assert_eq(system(command), 0);
    setenv("HYPERDRIFT_FAULT", "divisor", 1);
    bless("faults-black", "--reason", "a fault is in it", "--replicas", "3", "-q", "--loosen");
    cr_expect_eq(program.status, 1);
    expect_has(program.err, "faults: check faults-black fails with no fault planted (");
    expect_has(program.err, "faults-black: not blessed");
}

/* --- broken goldens --- */

Test(command_bless, does_not_replace_goldens_that_were_edited) {
    char command[512];
    blessing_first();
    snprintf(command, sizeof command, "sed -i 's/\"tolerance\": [0-9.e-]*/\"tolerance\": 1/' %s",
             path_of("root/golden/blobs-logistic/step-0.json"));
    cr_assert_eq(system(command), 0);
    bless("blobs-logistic", "--reason", "again", "--replicas", "6", "-q");
    cr_expect_eq(program.status, 2);
    expect_has(program.err, "edited after it was blessed");
}

Test(command_bless, says_what_one_that_was_ended_left_in_the_log) {
    blessing_first();
    hd_golden golden = blessing_golden();
    FILE *log = fopen(path_of("root/golden/CHANGES"), "a");
    cr_assert_not_null(log);
    fprintf(log,
            "2026-11-24T06:30:02Z blobs-logistic\n    reason: it was ended\n    commit: 528f1c0\n"
            "    machine: another\n    program: 0.1.0\n    golden 0: %s -> %064d\n\n2026-11-24T07:",
            golden.sha256, 0);
    cr_assert_eq(fclose(log), 0);
    hd_golden_free(&golden);
    hyperdrift("check", "blobs-logistic", "--mode", "reverse");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, ": a first time (a later blessing, 2026-11-24T06:30:02Z, is not in place)\n");
    bless("blobs-logistic", "--reason", "again", "--replicas", "7", "-q", "--loosen");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out,
               "the blessing of blobs-logistic of 2026-11-24T06:30:02Z was never put in place\n");
    cr_expect_null(strstr(changes(), "2026-11-24T07:"), "what was cut off is taken away");
    expect_has(text, "    reason: it was ended\n");
    hyperdrift("check", "blobs-logistic", "--mode", "reverse");
    cr_expect_eq(program.status, 0, "%s", program.err);
    expect_has(program.out, ": again\n");
}
