/* The variant that was captured, made again from the heading alone; and what two headings differ in. */
#include "capture/capture_variant.h"
#include "test/captured.h"
#include "test/folder.h"

TestSuite(capture_variant, .init = folder_make, .fini = folder_remove);

static hd_error error;

static hd_capture_info heading(const captured *c) {
    hd_capture_reader reader;
    captured copy = *c;
    cr_assert(hd_capture_reader_start(&reader, captured_stream(&copy), &error) == HD_OK, "%s", error.message);
    hd_capture_info info = hd_capture_info_copy(&reader.info);
    hd_capture_reader_free(&reader);
    return info;
}

/* The heading of a short run. */
static hd_capture_info heading_of(const char *experiment, const char *const *words) {
    captured c = captured_of(experiment, false, words);
    hd_capture_info info = heading(&c);
    free(c.bytes);
    return info;
}
#define heading_of(experiment, ...)                                                                          \
    heading_of(experiment, (const char *const[]){"training.steps=2", "experiment.hyper-iterations=2",        \
                                                 __VA_ARGS__, NULL})

Test(capture_variant, is_that_which_was_captured) {
    static const char *const words[] = {"mode=forward",   "device=reference",      "training.steps=3",
                                        "loops=baseline", "hyperparameters.mu=.6", NULL};
    const hd_variant *was = captured_variant("blobs-deep", words);
    captured c = captured_of("blobs-deep", false, words);
    hd_capture_info info = heading(&c);
    hd_variant is;
    char x[256], y[256];
    cr_assert(hd_capture_variant(&info, &is, &error) == HD_OK, "%s", error.message);
    cr_expect(hd_variant_same(was, &is));
    cr_expect_str_eq(hd_variant_text(&is, x, sizeof x), hd_variant_text(was, y, sizeof y));
    cr_expect_eq(info.threads, 1);
    for (size_t j = 0; j < info.hypers; j++) cr_expect_eq(info.value[j], (double)was->experiment.value[j]);
    hd_capture_info_free(&info);
    free(c.bytes);
    free((void *)(uintptr_t)was);
}

/* Copies a fixture's text, with more at its end, into the folder. */
static char *experiment_with(const char *more) {
    char *path = folder_path("e.ini"), *text = NULL, *longer;
    cr_assert_eq(hd_experiment_text("fixtures/blobs-logistic.ini", &text, &error), HD_OK);
    cr_assert(asprintf(&longer, "%s%s", text, more) > 0);
    put_bytes(path, longer, strlen(longer));
    free(text);
    free(longer);
    return path;
}

Test(capture_variant, needs_no_file_also_when_a_word_is_swapped) {
    char *path = experiment_with("; a note\n");
    hd_capture_info info = heading_of(path, "mode=reverse");
    hd_variant is, other;
    remove(path);
    cr_assert(hd_capture_variant(&info, &is, &error) == HD_OK, "%s", error.message);
    cr_assert(hd_variant_with(&is, "mode", "forward", &other, &error) == HD_OK, "%s", error.message);
    cr_expect(other.mode == HD_FORWARD && other.experiment.steps == 2);
    cr_expect(strstr(json_string_value(info.ini), "; a note"));
    hd_capture_info_free(&info);
    free(path);
}

Test(capture_variant, of_a_file_with_comments_that_are_not_utf_8_is_the_same) {
    char *path = experiment_with("; caf\xe9\n");
    hd_capture_info info = heading_of(path, "mode=reverse");
    hd_variant is;
    cr_expect(hd_capture_variant(&info, &is, &error) == HD_OK, "%s", error.message);
    cr_expect(strstr(json_string_value(info.ini), "; caf?"));
    hd_capture_info_free(&info);
    free(path);
}

static void expect_refused(const hd_capture_info *info, const char *why) {
    hd_variant variant;
    cr_expect_eq(hd_capture_variant(info, &variant, &error), HD_INVALID);
    cr_expect(strstr(error.message, why), "no '%s' in: %s", why, error.message);
}

Test(capture_variant, is_refused_if_it_is_not_what_the_heading_describes) {
    hd_capture_info info = heading_of("blobs-logistic", "mode=reverse");
    info.batch = 50; /* the hash and the words still say another */
    expect_refused(&info, "training.batch: 50 and ");
    info = (hd_capture_info_free(&info), heading_of("blobs-logistic", "mode=reverse"));
    info.mode = HD_FORWARD;
    expect_refused(&info, "mode: forward and reverse");
    info.mode = HD_REVERSE;
    json_array_set_new(info.words, 0, json_string("training.steps=3"));
    expect_refused(&info, "training.steps: 2 and 3");
    json_array_set_new(info.words, 0, json_string("training.steps=2"));
    json_array_set_new(info.words, 2, json_string("hyperparameters.eta=.75"));
    expect_refused(&info, "eta: ");
    expect_refused(&info, " and 0.75");
    json_array_set_new(info.words, 2, json_string("experiment.seed=99"));
    expect_refused(&info, "seed");
    json_array_set_new(info.words, 2, json_string("nonsense"));
    expect_refused(&info, "not KEY=VALUE");
    json_array_set_new(info.words, 2, json_string("mode=reverse"));
    json_string_set(info.ini, "[experiment]\nname = x\nsteps\n");
    expect_refused(&info, "blobs-logistic.ini, as captured:3: not understood");
    hd_capture_info_free(&info);
}

Test(captures, of_different_experiments_name_the_first_setting_that_differs) {
    static const struct {
        const char *word, *text;
    } kinds[] = {
        {"experiment.name=x", "experiment.name: blobs-one-hidden and x"},
        {"experiment.hyper-iterations=3", "experiment.hyper-iterations: 2 and 3"},
        {"data.inputs=7", "data.inputs: "},
        {"data.classes=7", "data.classes: "},
        {"data.partitions=0.4, 0.3", "data.partitions: "},
        {"model.hidden=3, 2", " and 3,2"},
        {"model.hidden=", " and none"},
        {"training.steps=4", "training.steps: 2 and 4"},
        {"training.batch=9", "training.batch: "},
    };
    hd_capture_info a = heading_of("blobs-one-hidden", "mode=reverse");
    char text[HD_CAPTURE_TEXT];
    cr_expect(!hd_capture_difference(&a, &a, text));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        hd_capture_info b = heading_of("blobs-one-hidden", kinds[i].word);
        cr_expect(hd_capture_difference(&a, &b, text), "%s", kinds[i].word);
        cr_expect(strstr(text, kinds[i].text), "no '%s' in: %s", kinds[i].text, text);
        hd_capture_info_free(&b);
    }
    hd_capture_info b = heading_of("blobs-one-hidden", "hyperparameters.eta=0.3", "experiment.seed=5");
    cr_expect(!hd_capture_difference(&a, &b, text), "%s", text);
    b.hypers--;
    cr_expect(hd_capture_difference(&a, &b, text));
    cr_expect_str_eq(text, "hyperparameters: rho_l1_0, rho_l1_1, rho_l2_0, rho_l2_1, eta, mu and "
                           "rho_l1_0, rho_l1_1, rho_l2_0, rho_l2_1, eta");
    hd_capture_info_free(&a);
    hd_capture_info_free(&b);
}

Test(captures, tell_what_differs_in_the_way_of_running) {
    hd_capture_info a = heading_of("blobs-logistic", "loops=baseline"),
                    b = heading_of("blobs-logistic", "loops=baseline");
    char text[HD_CAPTURE_TEXT];
    hd_capture_conditions(&a, &b, text);
    cr_expect_str_eq(text, "");
    b.threads = 2;
    hd_capture_conditions(&a, &b, text);
    cr_expect_str_eq(text, "threads 1 and 2");
    json_object_set_new(b.provenance, "commit", json_string("another"));
    json_object_set_new(b.provenance, "loops", json_string("avx2"));
    hd_capture_conditions(&a, &b, text);
    cr_expect_str_eq(text, "other programs; threads 1 and 2; loops baseline and avx2");
    char wide[2000];
    memset(wide, 'x', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    json_object_set_new(b.provenance, "cpu", json_string(wide));
    hd_capture_conditions(&a, &b, text);
    cr_expect_lt(strlen(text), sizeof text);
    hd_capture_info_free(&a);
    hd_capture_info_free(&b);
}
