#include "base/suggestion.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char *say(const char *word) {
    static const char *const names[] = {"run", "check", "blobs-deep", "hyper-optimizer", "mu", NULL};
    static hd_suggestion known;
    known = (hd_suggestion){.word = word};
    for (size_t i = 0; names[i]; i++) hd_suggestion_add(&known, names[i]);
    return hd_suggestion_text(&known);
}

#define NAMES "run, check, blobs-deep, hyper-optimizer, mu"

Test(suggestion, finds_the_name_that_is_nearly_right) {
    cr_expect_str_eq(say("chekc"), NAMES "; did you mean 'check'?");
    cr_expect_str_eq(say("checks"), NAMES "; did you mean 'check'?");
    cr_expect_str_eq(say("rnu"), NAMES "; did you mean 'run'?");
    cr_expect_str_eq(say("rum"), NAMES "; did you mean 'run'?");
    cr_expect_str_eq(say("mv"), NAMES "; did you mean 'mu'?");
    cr_expect_str_eq(say("RUN"), NAMES "; did you mean 'run'?");
    cr_expect_str_eq(say("blob_deep"), NAMES "; did you mean 'blobs-deep'?");
    cr_expect_str_eq(say("hyperoptimiser"), NAMES "; did you mean 'hyper-optimizer'?");
}

Test(suggestion, says_nothing_of_names_far_away) {
    static const char *const words[] = {"",    "x", "walk", "rxx", "on", "nu", "gun", "check-everything",
                                        "deep"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        cr_expect_str_eq(say(words[i]), NAMES, "%s", words[i]);
    char longer[5000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    cr_expect_str_eq(say(longer), NAMES);
}

Test(suggestion, takes_the_nearest_and_of_several_the_first) {
    hd_suggestion known = {.word = "shrad"};
    hd_suggestion_add(&known, "shards");
    hd_suggestion_add(&known, "shard");
    hd_suggestion_add(&known, "shred");
    cr_expect_str_eq(hd_suggestion_text(&known), "shards, shard, shred; did you mean 'shard'?");
}

Test(suggestion, may_mean_a_name_that_is_not_listed) {
    hd_suggestion known = {.word = "lsit"};
    hd_suggestion_add(&known, "history list");
    hd_suggestion_consider(&known, "list");
    cr_expect_str_eq(hd_suggestion_text(&known), "history list; did you mean 'list'?");
}

Test(suggestion, has_room_for_its_question_behind_any_number_of_names) {
    hd_suggestion known = {.word = "name-100-of-may"};
    char name[64];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "name-%d-of-many", i);
        hd_suggestion_add(&known, name);
    }
    const char *text = hd_suggestion_text(&known);
    cr_expect(strstr(text, ", name-9-of-many, "), "%s", text);
    cr_expect(strstr(text, "-of-many; did you mean 'name-100-of-many'?"), "%s", text);
}
