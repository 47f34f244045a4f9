#include "test/experiment_file.h"

#include <locale.h>

TestSuite(settings, .init = make_folder, .fini = remove_folder);

Test(settings, takes_comments_indents_and_colons) {
    accepts("steps = 100", "  \tsteps:7   # comment ; comment");
    cr_expect_eq(experiment.steps, 7);
    accepts("fill-race = 2", "fill-race = ; none");
    cr_expect(!hd_experiment_race(&experiment, 2));
}

Test(settings, reads_files_of_other_systems) {
    char text[4096] = "\xEF\xBB\xBF";
    size_t size = 3;
    for (const char *c = base; *c; c++) {
        if (*c == '\n') text[size++] = '\r';
        text[size++] = *c;
    }
    text[size - 2] = '\0'; /* and the last line has no newline */
    cr_assert_eq(load_text(text), HD_OK, "%s", error.message);
    cr_expect_str_eq(experiment.name, "tiny");
    cr_expect_null(experiment.arithmetic);
}

Test(settings, is_the_same_in_a_locale_of_decimal_commas) {
    const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "nl_NL.UTF-8"};
    bool set = false;
    for (size_t i = 0; i < sizeof locales / sizeof *locales && !set; i++) set = setlocale(LC_ALL, locales[i]);
    if (!set) {
        remove_folder(); /* fini does not run after a skip */
        cr_skip_test("no such locale is installed");
    }
    cr_assert_eq(load_text(base), HD_OK, "%s", error.message);
    cr_expect_eq(experiment.value[6], 0.01f);
}

Test(settings, rejects_an_unknown_section) {
    rejects("[device]", "[devise]", "'devise'", "hyper-optimizer, device");
    rejects("[device]", "[empty]\n[device]", "'empty'", "experiment, data, model");
    rejects("[device]", "[]", "''", "experiment, data, model");
}

Test(settings, rejects_an_unknown_key_and_names_the_sections_keys) {
    rejects("epochs = 3", "epoch = 3", "'epoch'", "[training] has the keys optimizer, steps, batch, epochs");
    rejects("tf32 = off", "steps = 3", "'steps'", "[device] has the keys arithmetic, tf32");
    rejects("mu = 0.5", "= 0.5", "''", "rho_l1, rho_l2, eta, mu");
}

Test(settings, rejects_a_key_outside_every_section) {
    rejects("[experiment]", "steps = 3", "steps", "before any [section]");
}

Test(settings, rejects_a_key_given_twice) {
    rejects("fill-race = 2", "fill = tf-cpu", "fill", "first in line 10; allowed: once");
}

Test(settings, rejects_a_line_that_is_none) {
    rejects("mu = 0.5", "mu", "not understood", "allowed: [section], key = value");
    rejects("[device]", "[device", "not understood", "allowed: [section], key = value");
    rejects("steps = 100", "what?\nsteps = 0", "not understood", "key = value");
}

Test(settings, rejects_each_required_key_that_is_missing) {
    const char *const required[][2] = {
        {"name = tiny\n", "name"},
        {"seed = 1\n", "seed"},
        {"hyper-iterations = 3\n", "hyper-iterations"},
        {"source = mnist\n", "source"},
        {"partitions = 0.5, 0.3\n", "partitions"},
        {"hidden = 300, 300\n", "hidden"},
        {"steps = 100\n", "steps"},
        {"batch = 200\n", "batch"},
        {"epochs = 3\n", "epochs"},
        {"eta = 0.01\n", "eta"},
        {"mu = 0.5\n", "mu"},
        {"rate = 0.001\n", "rate"},
    };
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        char text[4096], key[32];
        replace(required[i][0], "", text, sizeof text);
        snprintf(key, sizeof key, "'%s', which is required", required[i][1]);
        cr_expect_eq(load_text(text), HD_INVALID);
        expect_message(key, "e.ini:");
        expect_message(key, key);
    }
    cr_expect_eq(load_text(""), HD_INVALID);
    expect_message("empty file", "no section [experiment]: its key 'name' is required");
}

Test(settings, points_at_the_section_that_lacks_a_key) {
    char text[4096];
    replace("steps = 100\n", "", text, sizeof text);
    cr_expect_eq(load_text(text), HD_INVALID);
    expect_message("steps", "e.ini:12: [training] has no key 'steps'");
}

Test(settings, rejects_whole_numbers_that_are_none) {
    const char *const wrong[] = {"", "ten", "1x", "1.0", "1e2", "0x10", "+1", "1 2", "--1", "1-", "-"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[64];
        snprintf(line, sizeof line, "steps = %s", wrong[i]);
        rejects("steps = 100", line, "[training] steps", "allowed: ");
    }
}

Test(settings, rejects_numbers_that_are_none) {
    const char *const wrong[] = {"",      "many",      "nan", "inf", "-inf",  "infinity", "0x1p-3",
                                 "0.01x", "0.01 0.02", "1e",  ".",   "0.01f", "0.01, "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[64];
        snprintf(line, sizeof line, "eta = %s", wrong[i]);
        rejects("eta = 0.01", line, "[hyperparameters] eta", "allowed: ");
    }
}

Test(settings, rejects_unknown_values) {
    rejects("source = mnist", "source = MNIST", "source", "allowed: mnist, fashion-mnist, blobs");
    rejects("source = mnist", "source =", "source", "allowed: mnist, fashion-mnist, blobs");
    rejects("fill = tf-gpu-2017", "fill = gpu", "fill", "allowed: tf-cpu, tf-gpu-2017");
    rejects("optimizer = momentum", "optimizer = sgd", "optimizer", "allowed: momentum");
    rejects("method = adam", "method = sgd", "method", "allowed: adam");
    rejects("constraint = nonnegative", "constraint = box", "constraint", "allowed: none, nonnegative");
    rejects("constraint = nonnegative", "powf = low", "powf", "allowed: exact, titan-x-2017");
    rejects("arithmetic = exact", "arithmetic = fast", "arithmetic", "allowed: exact, cublas");
    rejects("tf32 = off", "tf32 = yes", "tf32", "allowed: off, on");
}

Test(settings, applies_overrides_and_the_last_one_wins) {
    const char *const overrides[] = {"training.steps=5",
                                     " model.hidden = ", "model.fill-race=", "device.arithmetic=cublas",
                                     "training.steps=6"};
    write_file(base, strlen(base));
    cr_assert_eq(hd_experiment_load(file, overrides, 5, &experiment, &error), HD_OK, "%s", error.message);
    cr_expect_eq(experiment.steps, 6);
    cr_expect_eq(experiment.layers, 1);
    cr_expect_str_eq(experiment.arithmetic, "cublas");
}

Test(settings, gives_a_missing_key_by_override) {
    char text[4096];
    replace("steps = 100\n", "", text, sizeof text);
    write_file(text, strlen(text));
    const char *const steps[] = {"training.steps=7"};
    cr_assert_eq(hd_experiment_load(file, steps, 1, &experiment, &error), HD_OK, "%s", error.message);
    cr_expect_eq(experiment.steps, 7);
}

Test(settings, rejects_overrides_as_it_rejects_lines) {
    rejects_override("training.steps=0", "--set training.steps = '0'", "1 to 1000000");
    rejects_override("training.step=1", "'step'", "[training] has the keys optimizer, steps, batch, epochs");
    rejects_override("train.steps=1", "'train'", "experiment, data, model");
    rejects_override("steps=1", "steps=1", "section.key=value");
    rejects_override("training.steps", "training.steps", "section.key=value");
    rejects_override("", "", "section.key=value");
    rejects_override("training.steps=1\n2", "control character", "text");
    char *huge = malloc(5001);
    cr_assert(huge);
    memset(huge, 'x', 5000);
    huge[5000] = '\0';
    rejects_override(huge, "xxx", "up to 1023 bytes");
    free(huge);
}

Test(settings, rejects_lines_too_long_and_takes_long_ones) {
    char comment[1025], lines[1100];
    memset(comment, ';', sizeof comment);
    snprintf(lines, sizeof lines, "%.1023s\n[device]", comment);
    accepts("[device]", lines);
    snprintf(lines, sizeof lines, "%.1024s\n[device]", comment);
    rejects("[device]", lines, "1024 bytes", "up to 1023");
}

Test(settings, rejects_control_characters) {
    rejects("steps = 100", "steps = \x1b[31m", "control character", "text");
    write_file("[experiment]\nname = a\0b\n", 25);
    cr_expect_eq(hd_experiment_load(file, NULL, 0, &experiment, &error), HD_INVALID);
    expect_message("zero byte", file);
}

Test(settings, rejects_files_that_cannot_be_read) {
    cr_expect_eq(hd_experiment_load(folder, NULL, 0, &experiment, &error), HD_INVALID);
    expect_message("a directory", folder);
    cr_expect_eq(hd_experiment_load(file, NULL, 0, &experiment, &error), HD_INVALID);
    expect_message("a missing file", file);
    char path[PATH_MAX + 2];
    memset(path, 'p', sizeof path);
    path[PATH_MAX + 1] = '\0';
    cr_expect_eq(hd_experiment_load(path, NULL, 0, &experiment, &error), HD_INVALID);
    expect_message("a long path", "path too long");
}
