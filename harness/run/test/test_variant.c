/* Variants: what words mean, which are refused, and how a swap takes a word from the other side. */
#include "run/variant.h"
#include "test/folder.h"

static hd_variant variant, other, swapped;
static hd_error error;

#define made(of, ...) make(of, (const char *const[]){__VA_ARGS__, NULL})

static void make(hd_variant *of, const char *const *words) {
    size_t count = 0;
    while (words[count]) count++;
    cr_assert(hd_variant_make("blobs-deep", words, count, of, &error) == HD_OK, "%s", error.message);
}

static void refused(const char *word, const char *why) {
    cr_expect_eq(hd_variant_make("blobs-deep", &word, 1, &variant, &error), HD_INVALID, "%s", word);
    cr_expect(strstr(error.message, why), "%s: no '%s' in: %s", word, why, error.message);
}

Test(variant, without_words_is_the_experiment_in_reverse_mode_on_the_cpu) {
    cr_assert_eq(hd_variant_make("blobs-deep", NULL, 0, &variant, &error), HD_OK);
    char text[64];
    cr_expect_eq(variant.mode, HD_REVERSE);
    cr_expect_str_eq(variant.device, "cpu");
    cr_expect_str_eq(variant.experiment.name, "blobs-deep");
    cr_expect_eq(variant.threads, 0);
    cr_expect_str_eq(hd_variant_text(&variant, text, sizeof text), "as it stands");
}

Test(variant, every_key_does_what_it_says) {
    made(&variant, "mode=forward", "device=reference", "threads=3", "blis-kernels=haswell", "loops=baseline");
    cr_expect_eq(variant.mode, HD_FORWARD);
    cr_expect_str_eq(variant.device, "reference");
    cr_expect_eq(variant.threads, 3);
    cr_expect_str_eq(variant.kernels, "haswell");
    cr_expect_str_eq(variant.loops, "baseline");
    made(&variant, "device=cuda", "arithmetic=cublas", "tf32=on");
    cr_expect_str_eq(variant.experiment.arithmetic, "cublas-tf32");
    made(&variant, "fill=tf-gpu-2017", "fill-race=1", "powf=titan-x-2017");
    cr_expect_eq(variant.experiment.fill, HD_FILL_TF_GPU_2017);
    cr_expect(hd_experiment_race(&variant.experiment, 1) && !hd_experiment_race(&variant.experiment, 0));
    cr_expect(variant.experiment.titan_x);
    made(&variant, "rounding=7", "training.steps=5", "hyperparameters.mu=0.25");
    cr_expect_eq(variant.rounding, 7);
    cr_expect_eq(variant.experiment.steps, 5);
    cr_expect_eq(variant.experiment.value[variant.experiment.hypers - 1], 0.25f);
}

Test(variant, becomes_a_job_that_has_all_of_it) {
    made(&variant, "mode=forward", "device=reference", "threads=2", "blis-kernels=own", "loops=avx2",
         "rounding=9");
    hd_dataset data = {0};
    hd_job job = hd_variant_job(&variant, &data);
    cr_expect_eq(job.mode, HD_FORWARD);
    cr_expect_str_eq(job.device, "reference");
    cr_expect_eq(job.options.threads, 2);
    cr_expect_str_eq(job.options.kernels, "own");
    cr_expect_str_eq(job.options.loops, "avx2");
    cr_expect_eq(job.options.rounding, 9);
    cr_expect_eq(job.dataset, &data);
    made(&variant, "mode=forward");
    setenv("HYPERDRIFT_KERNELS", "zen2", 1);
    setenv("HYPERDRIFT_LOOPS", "", 1);
    job = hd_variant_job(&variant, &data);
    cr_expect_str_eq(job.options.kernels, "zen2");
    cr_expect_null(job.options.loops);
}

Test(variant, of_a_key_that_is_there_twice_the_last_counts) {
    char text[64];
    made(&variant, "mode=forward", "training.steps=4", "mode=reverse", "training.steps=6");
    cr_expect_eq(variant.mode, HD_REVERSE);
    cr_expect_eq(variant.experiment.steps, 6);
    cr_expect_str_eq(hd_variant_text(&variant, text, sizeof text), "mode=reverse training.steps=6");
}

/* A setting's short and long name are one word. */
Test(variant, a_setting_has_one_name) {
    char text[64];
    made(&variant, "fill=tf-gpu-2017", "model.fill=tf-cpu");
    cr_expect_eq(variant.experiment.fill, HD_FILL_TF_CPU);
    cr_expect_str_eq(hd_variant_text(&variant, text, sizeof text), "fill=tf-cpu");
    made(&other, "model.fill=tf-gpu-2017");
    cr_assert_eq(hd_variant_swap(&variant, &other, "fill", &swapped, &error), HD_OK);
    cr_expect(hd_variant_same(&swapped, &other));
}

Test(variant, refuses_what_is_not_known_and_says_what_is) {
    static const char keys[] = "device, mode, threads, blis-kernels, loops, math, rounding, arithmetic";
    refused("walk=1", keys);
    refused("mode", "'mode': not KEY=VALUE; allowed keys: device");
    refused("=1", keys);
    refused("", keys);
    refused("mode=sideways", "mode=sideways: not known; allowed: forward, reverse");
    refused("mode=", "allowed: forward, reverse");
    refused("device=gpu", "device=gpu: not known; allowed: cpu, reference, extended, cuda");
    refused("fill=walk", "allowed: tf-cpu, tf-gpu-2017");
    refused("fill-race=1", "fill");
    refused("tf32=on", "allowed");
    refused("arithmetic=walk", "allowed");
    refused("training.walk=1", "walk");
    refused("training.steps=0", "allowed");
    refused("blis-kernels=sixteen-letters-and", "too long a name");
    refused("loops=sixteen-letters-and", "too long a name");
    static const char *const numbers[] = {
        "0", "-1", "+1", " 1", "1x", "", "1.5", "99999999999", "18446744073709551617"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char word[64];
        snprintf(word, sizeof word, "threads=%s", numbers[i]);
        refused(word, "allowed: a whole number from 1 to 65536");
        snprintf(word, sizeof word, "rounding=%s", numbers[i]);
        refused(word, "allowed: a whole number from 1 to 4294967295");
    }
    cr_expect_eq(hd_variant_make("blobs-walk", NULL, 0, &variant, &error), HD_INVALID);
    cr_expect(strstr(error.message, "no experiment 'blobs-walk'"), "%s", error.message);
}

Test(variant, refuses_words_that_are_too_long_or_too_many) {
    char word[4096];
    memset(word, 'x', sizeof word);
    word[sizeof word - 1] = '\0';
    refused(word, "not KEY=VALUE");
    word[HD_VARIANT_KEY] = '='; /* a key of one letter too many */
    word[HD_VARIANT_KEY + 2] = '\0';
    refused(word, "not KEY=VALUE");
    memcpy(word, "model.hidden=", 13);
    memset(word + 13, '1', HD_VARIANT_VALUE);
    word[13 + HD_VARIANT_VALUE] = '\0';
    refused(word, "not KEY=VALUE");
    char words[HD_VARIANT_WORDS + 1][32];
    const char *texts[HD_VARIANT_WORDS + 1];
    for (size_t i = 0; i <= HD_VARIANT_WORDS; i++) {
        snprintf(words[i], sizeof words[i], "walk.%zu=1", i);
        texts[i] = words[i];
    }
    cr_expect_eq(hd_variant_make("blobs-deep", texts, HD_VARIANT_WORDS + 1, &variant, &error), HD_INVALID);
    cr_expect(strstr(error.message, "too many words; allowed: 32"), "%s", error.message);
}

/* --- two variants --- */

Test(variant, a_swap_takes_a_word_over_or_away_and_no_other) {
    made(&variant, "mode=forward", "training.steps=5");
    made(&other, "training.steps=7", "threads=2");
    cr_assert_eq(hd_variant_swap(&variant, &other, "training.steps", &swapped, &error), HD_OK);
    cr_expect_eq(swapped.experiment.steps, 7);
    cr_expect_eq(swapped.mode, HD_FORWARD);
    cr_expect_eq(swapped.threads, 0);
    cr_assert_eq(hd_variant_swap(&variant, &other, "mode", &swapped, &error), HD_OK);
    cr_expect_eq(swapped.mode, HD_REVERSE);
    cr_expect_eq(swapped.experiment.steps, 5);
    cr_assert_eq(hd_variant_swap(&variant, &other, "threads", &swapped, &error), HD_OK);
    cr_expect_eq(swapped.threads, 2);
    cr_assert_eq(hd_variant_swap(&variant, &other, "loops", &swapped, &error), HD_OK);
    cr_expect(hd_variant_same(&variant, &swapped));
    cr_expect_eq(variant.experiment.steps, 5);
}

Test(variant, a_swap_that_cannot_be_is_refused) {
    made(&variant, "fill=tf-gpu-2017", "fill-race=1");
    cr_assert_eq(hd_variant_make("blobs-deep", NULL, 0, &other, &error), HD_OK);
    cr_expect_eq(hd_variant_swap(&variant, &other, "fill", &swapped, &error), HD_INVALID);
    cr_expect_eq(hd_variant_swap(&other, &variant, "fill-race", &swapped, &error), HD_INVALID);
}

Test(variant, is_the_same_only_where_everything_is) {
    static const char *const words[] = {"mode=forward",      "device=reference", "threads=2",
                                        "blis-kernels=own",  "loops=baseline",   "rounding=1",
                                        "arithmetic=cublas", "fill=tf-gpu-2017", "hyperparameters.mu=0.6",
                                        "powf=titan-x-2017"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        made(&variant, "training.steps=5");
        made(&other, "training.steps=5", words[i]);
        cr_expect(!hd_variant_same(&variant, &other), "%s", words[i]);
        made(&variant, words[i], "training.steps=5");
        cr_expect(hd_variant_same(&variant, &other), "%s", words[i]);
    }
    made(&variant, "hyperparameters.mu=0.7", "mode=reverse"); /* the experiment's own values */
    cr_assert_eq(hd_variant_make("blobs-deep", NULL, 0, &other, &error), HD_OK);
    cr_expect(hd_variant_same(&variant, &other));
}

Test(variant, is_comparable_only_with_tensors_of_the_same_shapes) {
    static const char *const words[][2] = {
        {"model.hidden=37, 23", "networks of different shapes"},
        {"model.hidden=37, 23, 12", "networks of different shapes"},
        {"training.steps=29", "different numbers of steps"},
        {"training.batch=32", "batches of different sizes"},
        {"experiment.hyper-iterations=1", "different numbers of hyper-iterations"},
        {"data.partitions=0.6, 0.2", "different partitions of the data"},
    };
    made(&variant, "mode=forward");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *const with[] = {words[i][0],
                                    words[i][0][0] == 'm' ? "hyperparameters.rho_l1=0" : "threads=1",
                                    words[i][0][0] == 'm' ? "hyperparameters.rho_l2=0" : "threads=1", NULL};
        make(&other, with);
        cr_expect_eq(hd_variant_comparable(&variant, &other, &error), HD_INVALID, "%s", words[i][0]);
        cr_expect(strstr(error.message, words[i][1]), "%s: %s", words[i][0], error.message);
        cr_expect(strstr(error.message, words[i][0]), "not named: %s", error.message);
    }
    made(&other, "device=reference", "hyperparameters.mu=0.1", "fill=tf-gpu-2017", "experiment.seed=9");
    cr_expect_eq(hd_variant_comparable(&variant, &other, &error), HD_OK);
}

Test(variant, text_that_does_not_fit_is_cut) {
    char text[12];
    made(&variant, "mode=forward", "threads=2", "loops=baseline");
    cr_expect_str_eq(hd_variant_text(&variant, text, sizeof text), "mode=forwar");
}
