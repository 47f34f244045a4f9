/* Command lines that are right. Wrong ones end the process: the program's tests have those. */
#include "commands/options.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(options);

/* Parses a command line of words separated by blanks. */
static hd_options parse(const char *line) {
    static char text[512];
    static char *words[32];
    int count = 0;
    hd_options options;
    snprintf(text, sizeof text, "hyperdrift %s", line);
    for (char *next = text, *word; (word = strsep(&next, " "));) words[count++] = word;
    words[count] = NULL;
    hd_options_parse(count, words, &options);
    return options;
}

Test(options, are_both_modes_on_the_cpu_unless_told_otherwise) {
    hd_options o = parse("run one");
    cr_expect_eq(o.command, HD_COMMAND_RUN);
    cr_assert_eq(o.word_count, 1);
    cr_expect_str_eq(o.words[0], "one");
    cr_expect(o.request.mode[HD_FORWARD] && o.request.mode[HD_REVERSE]);
    cr_expect_str_eq(o.request.devices[0], "cpu");
    cr_expect_null(o.request.devices[1]);
    cr_expect(!o.request.all_devices && !o.request.required && !o.json && !o.quiet && !o.verbose);
    cr_expect(!o.request.out && !o.junit && !o.reason && !o.request.sets);
    cr_expect_eq(o.request.device.threads, 0);
    cr_expect_eq(o.tolerance, 0);
    hd_options_free(&o);
}

Test(options, name_every_command) {
    static const struct {
        const char *line;
        hd_command command;
        size_t words;
    } lines[] = {
        {"run a b", HD_COMMAND_RUN, 2},     {"check", HD_COMMAND_CHECK, 0},
        {"diff a b", HD_COMMAND_DIFF, 2},   {"bless a --reason because", HD_COMMAND_BLESS, 1},
        {"devices", HD_COMMAND_DEVICES, 0},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        hd_options o = parse(lines[i].line);
        cr_expect_eq(o.command, lines[i].command, "%s", lines[i].line);
        cr_expect_eq(o.word_count, lines[i].words, "%s", lines[i].line);
        hd_options_free(&o);
    }
}

Test(options, may_stand_anywhere) {
    hd_options o = parse("--json run --threads 3 one -q two --set a.b=c");
    cr_expect_eq(o.command, HD_COMMAND_RUN);
    cr_assert_eq(o.word_count, 2);
    cr_expect_str_eq(o.words[0], "one");
    cr_expect_str_eq(o.words[1], "two");
    cr_expect(o.json && o.quiet);
    cr_expect_eq(o.request.device.threads, 3);
    hd_options_free(&o);
}

Test(options, keep_settings_in_order) {
    hd_options o = parse("run one --set a.b=1 --set a.b=2 --set=c.d=");
    cr_assert_eq(o.request.set_count, 3);
    cr_expect_str_eq(o.request.sets[0], "a.b=1");
    cr_expect_str_eq(o.request.sets[1], "a.b=2");
    cr_expect_str_eq(o.request.sets[2], "c.d=");
    hd_options_free(&o);
}

Test(options, take_lists_of_modes_and_devices) {
    hd_options o = parse("run one --mode reverse --device reference,cpu");
    cr_expect(!o.request.mode[HD_FORWARD] && o.request.mode[HD_REVERSE]);
    cr_expect_str_eq(o.request.devices[0], "reference");
    cr_expect_str_eq(o.request.devices[1], "cpu");
    cr_expect_null(o.request.devices[2]);
    hd_options_free(&o);
    o = parse("run one --mode reverse,forward");
    cr_expect(o.request.mode[HD_FORWARD] && o.request.mode[HD_REVERSE]);
    hd_options_free(&o);
}

Test(options, mean_every_device_by_all) {
    hd_options o = parse("check --device all --require cuda --junit report.xml");
    cr_expect(o.request.all_devices);
    cr_expect_str_eq(o.request.devices[0], "cpu");
    cr_expect_str_eq(o.request.devices[1], "reference");
    cr_expect_str_eq(o.request.devices[2], "cuda");
    cr_expect_null(o.request.devices[3], "extended is there by name alone");
    cr_expect_str_eq(o.request.required, "cuda");
    cr_expect_str_eq(o.junit, "report.xml");
    hd_options_free(&o);
    o = parse("check --device extended,cpu,reference,cuda --device all");
    cr_expect_null(o.request.devices[3]);
    hd_options_free(&o);
}

Test(options, forget_all_when_one_device_is_named_after_it) {
    hd_options o = parse("check --device all --device reference");
    cr_expect(!o.request.all_devices);
    cr_expect_str_eq(o.request.devices[0], "reference");
    cr_expect_null(o.request.devices[1]);
    hd_options_free(&o);
}

Test(options, take_kernels_and_loops_from_the_environment) {
    setenv("HYPERDRIFT_KERNELS", "own", 1);
    setenv("HYPERDRIFT_LOOPS", "", 1);
    hd_options o = parse("devices");
    cr_expect_str_eq(o.request.device.kernels, "own");
    cr_expect_null(o.request.device.loops);
    hd_options_free(&o);
}

Test(options, read_numbers) {
    hd_options o = parse("diff a b --tolerance 1e-5");
    cr_expect_eq(o.tolerance, 1e-5);
    hd_options_free(&o);
    o = parse("bless a --reason because --replicas 3");
    cr_expect_eq(o.replicas, 3);
    cr_expect_str_eq(o.reason, "because");
    hd_options_free(&o);
}
