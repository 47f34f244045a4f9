/* Broken, changed or incomplete captures: the reader refuses each with file and cause, in little memory. */
#include "test/captured.h"

#include <math.h>
#include <stddef.h>
#include <sys/resource.h>

/* --- frames --- */

/* A small capture, with both sweeps and every kind but tangents. */
static captured small(void) {
    return capture_of("blobs-logistic", false, "training.steps=1", "experiment.hyper-iterations=1",
                      "mode=reverse");
}

static void expect_refused(captured *c, const char *what, const char *why) {
    hd_error error = {HD_OK, ""};
    cr_expect_eq(captured_check(c, &error), HD_INVALID, "%s", what);
    cr_expect(strstr(error.message, why), "%s: no '%s' in: %s", what, why, error.message);
    cr_expect(!strncmp(error.message, "memory: ", 8), "%s", error.message);
}

Test(capture, refuses_what_is_no_capture) {
    captured c = small();
    c.bytes[3] = 'X';
    expect_refused(&c, "magic", "not a capture");
    memcpy(c.bytes, "hyperdrift-capture/1\n", CAPTURED_NUMBERS);
    expect_refused(&c, "version", "another version; allowed: hyperdrift-capture/2");
    memcpy(c.bytes, HD_CAPTURE_MAGIC, CAPTURED_NUMBERS);
    char *mark = c.bytes + CAPTURED_NUMBERS, swapped[4] = {mark[3], mark[2], mark[1], mark[0]};
    memcpy(mark, swapped, sizeof swapped);
    expect_refused(&c, "mark", "another byte order");
    free(c.bytes);
}

Test(capture, refuses_what_was_cut_short_at_any_byte) {
    captured c = small(), cut = captured_copy(&c);
    hd_error error;
    cr_assert_eq(captured_check(&c, &error), HD_OK);
    for (cut.size = 0; cut.size < c.size; cut.size++)
        cr_expect_eq(captured_check(&cut, &error), HD_INVALID, "%zu of %zu bytes", cut.size, c.size);
    free(c.bytes);
    free(cut.bytes);
}

static void with_head(captured *c, size_t at, const hd_frame_head *head) {
    memcpy(c->bytes + at, head, sizeof *head);
}

Test(capture, refuses_entries_at_places_that_cannot_be) {
    captured c = small();
    for (size_t at = captured_first(&c); captured_head(&c, at).place.tensor != HD_CAPTURE_END;
         at = captured_next(&c, at)) {
        const hd_frame_head head = captured_head(&c, at);
        hd_frame_head wrong[] = {head, head, head, head, head, head, head, head, head, head, head, head};
        wrong[0].place.iteration++;
        wrong[1].place.tensor = HD_ACTIVATION_TANGENT;
        wrong[2].place.tensor = 200;
        wrong[3].place.back ^= 1;
        wrong[4].place.back |= 2;
        wrong[5].place.index += 3;
        wrong[6].place.step += 2;
        wrong[7].place.first = 1 << 30;
        wrong[8].float32 ^= 1;
        wrong[9].full ^= 1;
        wrong[10].count = 0;
        wrong[11].count = UINT64_MAX;
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            char what[64];
            snprintf(what, sizeof what, "tensor %u, %zu", head.place.tensor, i);
            with_head(&c, at, &wrong[i]);
            expect_refused(&c, what, " is broken");
        }
        with_head(&c, at, &head);
    }
    hd_error error;
    cr_expect_eq(captured_check(&c, &error), HD_OK, "%s", error.message);
    free(c.bytes);
}

Test(capture, refuses_a_count_of_rows_that_the_validation_set_has_not) {
    captured c = small();
    size_t at = captured_entry(&c, HD_ACTIVATION, 1); /* logits of the validation set: 150 x 4 */
    hd_frame_head head = captured_head(&c, at);
    cr_assert_eq(head.count, 150 * 4);
    static const uint64_t wrong[] = {599, 601, 604, 150, 4000000000u};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        head.count = wrong[i];
        with_head(&c, at, &head);
        expect_refused(&c, "rows", " is broken");
    }
    free(c.bytes);
}

/* The capture without bytes from .. to, and with bytes after .. until inserted at `into`. */
static captured spliced(const captured *c, size_t from, size_t to, size_t into, size_t after, size_t until) {
    captured s = {.size = 0};
    for (size_t i = 0; i <= c->size; i++) {
        if (i == into) captured_write(&s, c->bytes + after, until - after);
        if (i < c->size && !(i >= from && i < to)) captured_write(&s, c->bytes + i, 1);
    }
    return s;
}

Test(capture, refuses_entries_that_are_missing_doubled_or_out_of_order) {
    captured c = small();
    for (size_t at = captured_first(&c), next; captured_head(&c, at).place.tensor != HD_CAPTURE_END;
         at = next) {
        next = captured_next(&c, at);
        size_t end = captured_entry(&c, HD_CAPTURE_END, 0);
        captured missing = spliced(&c, at, next, SIZE_MAX, 0, 0), doubled = spliced(&c, 0, 0, next, at, next);
        expect_refused(&missing, "missing", next == end ? "are missing" : " is broken");
        expect_refused(&doubled, "doubled", " is broken");
        if (next != end) {
            captured turned = spliced(&c, at, next, captured_next(&c, next), at, next);
            expect_refused(&turned, "turned", " is broken");
            free(turned.bytes);
        }
        free(missing.bytes);
        free(doubled.bytes);
    }
    free(c.bytes);
}

Test(capture, refuses_a_number_of_entries_that_is_not_theirs) {
    captured c = small();
    size_t at = captured_entry(&c, HD_CAPTURE_END, 0);
    hd_frame_head end = captured_head(&c, at);
    end.count++;
    with_head(&c, at, &end);
    expect_refused(&c, "count", "frames, but its end says");
    free(c.bytes);
}

Test(capture, refuses_results_that_are_not_finite) {
    captured c = small();
    double inf = INFINITY;
    memcpy(c.bytes + captured_entry(&c, HD_HYPERGRADIENTS, 0) + sizeof(hd_frame_head) + sizeof inf, &inf,
           sizeof inf);
    expect_refused(&c, "Inf", "hyper-iteration 0, step 1, hypergradients: element 1 is not finite");
    free(c.bytes);
}

/* Only the judge can tell what that means. */
Test(capture, with_states_that_are_not_finite_is_read) {
    captured c = capture_of("blobs-logistic", true, "training.steps=1", "experiment.hyper-iterations=1");
    float none = NAN;
    hd_error error;
    memcpy(c.bytes + captured_entry(&c, HD_WEIGHTS, 1) + sizeof(hd_frame_head), &none, sizeof none);
    captured_seal(&c);
    cr_expect_eq(captured_check(&c, &error), HD_OK, "%s", error.message);
    free(c.bytes);
}

/* --- headings --- */

static json_t *heading_of(const captured *c) {
    json_t *json = json_loadb(c->bytes + CAPTURED_TEXT, captured_text_length(c), 0, NULL);
    cr_assert_not_null(json);
    return json;
}

static void expect_heading_refused(const captured *c, const json_t *json, const char *why) {
    char *text = json_dumps(json, JSON_COMPACT);
    captured changed = captured_with(c, text);
    expect_refused(&changed, text, why);
    free(changed.bytes);
    free(text);
}

Test(capture, refuses_headings_that_lack_a_key_or_have_it_of_another_type) {
    captured c = small();
    json_t *json = heading_of(&c);
    const char *key;
    json_t *value;
    cr_assert_eq(json_object_size(json), 19);
    json_object_foreach(json, key, value) {
        json_t *less = json_copy(json), *other = json_copy(json);
        char name[64];
        json_object_del(less, key);
        snprintf(name, sizeof name, "%s: is ", key);
        expect_heading_refused(&c, less, name);
        json_object_set_new(other, key, json_real(0.5));
        expect_heading_refused(&c, other, name);
        json_decref(less);
        json_decref(other);
    }
    json_decref(json);
    free(c.bytes);
}

Test(capture, refuses_headings_of_sizes_that_no_experiment_has) {
    static const struct {
        const char *key, *value, *why;
    } wrong[] = {
        {"steps", "0", "steps: is 0: allowed: 1 to "},
        {"steps", "4611686018427387904", "steps: is "},
        {"steps", "-1", "steps: is not a whole number"},
        {"batch", "0", "batch: is 0"},
        {"batch", "99999999999", "batch: is "},
        {"validation", "0", "validation: is 0"},
        {"training", "9223372036854775807", "training: is "},
        {"test", "9223372036854775807", "test: is "},
        {"hyper_iterations", "0", "hyper_iterations: is 0"},
        {"hyper_iterations", "1001", "hyper_iterations: is 1001"},
        {"tensors", "0", "tensors: is 0"},
        {"tensors", "4294967297", "tensors: is "},
        {"tensors", "128", "tensors: has kinds that reverse mode does not have"},
        {"dims", "[20]", "dims: has 1 numbers"},
        {"dims", "[20,0]", "dims: has a number out of range"},
        {"dims", "[20,\"4\"]", "dims: has a number out of range"},
        {"dims", "[20,99999999999]", "dims: has a number out of range"},
        {"dims", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "dims: has 19 numbers"},
        {"hyperparameters", "[]", "hyperparameters: are 0"},
        {"hyperparameters", "[{\"kind\":4,\"layer\":0}]", "hyperparameters[0]: is not a hyperparameter"},
        {"hyperparameters", "[{\"kind\":0,\"layer\":1}]", "hyperparameters[0]: is not a hyperparameter"},
        {"hyperparameters", "[3]", "hyperparameters[0]: is not an object"},
        {"mode", "\"sideways\"", "mode: is \"sideways\""},
        {"keeps", "\"all\"", "keeps: is \"all\""},
        {"elements", "\"float16\"", "elements: is \"float16\""},
        {"data_sha256", "\"abc\"", "data_sha256: is not a SHA-256"},
        {"provenance", "[]", "provenance: is not an object"},
    };
    captured c = small();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *json = heading_of(&c);
        json_object_set_new(json, wrong[i].key, json_loads(wrong[i].value, JSON_DECODE_ANY, NULL));
        expect_heading_refused(&c, json, wrong[i].why);
        json_decref(json);
    }
    free(c.bytes);
}

Test(capture, refuses_headings_that_are_no_object_or_have_a_key_twice) {
    static const char *const wrong[] = {"",        "{", "[]", "null", "{}x", "{\"steps\":1,\"steps\":1}",
                                        "\"\xff\""};
    captured c = small();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        captured changed = captured_with(&c, wrong[i]);
        expect_refused(&changed, wrong[i], "");
        free(changed.bytes);
    }
    uint32_t absurd = UINT32_MAX;
    memcpy(c.bytes + CAPTURED_NUMBERS + 4, &absurd, sizeof absurd);
    expect_refused(&c, "length", "too long");
    free(c.bytes);
}

/* Limits memory to `more` than now; not under the address sanitizer, which needs all of it. */
static void limit_memory(size_t more) {
#if !defined(__SANITIZE_ADDRESS__)
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert(file && fscanf(file, "%ld", &pages) == 1);
    fclose(file);
    rlim_t bytes = (rlim_t)pages * 4096 + more;
    cr_assert_eq(setrlimit(RLIMIT_AS, &(struct rlimit){bytes, bytes}), 0);
#else
    (void)more;
#endif
}

/* The heading says 2^48 weights, but no more bytes follow than before. */
Test(capture, asks_for_no_more_memory_than_has_come) {
    captured c = capture_of("blobs-logistic", true, "training.steps=1", "experiment.hyper-iterations=1");
    json_t *json = heading_of(&c);
    json_object_set_new(json, "dims", json_loads("[16777215, 16777215]", 0, NULL));
    char *text = json_dumps(json, JSON_COMPACT);
    captured changed = captured_with(&c, text);
    hd_frame_head head = captured_head(&changed, captured_first(&changed));
    head.count = 16777215ull * 16777215 + 16777215;
    with_head(&changed, captured_first(&changed), &head);
    limit_memory(64 << 20);
    expect_refused(&changed, "2^48 weights", "ends early");
    free(changed.bytes);
    free(text);
    json_decref(json);
    free(c.bytes);
}

/* Changes any byte but those of the heading's texts and of hashes, norms and sketches, which may be
 * anything. */
Test(capture, reads_or_refuses_whatever_a_byte_was_changed_to) {
    captured digests = small(), full = capture_of("blobs-logistic", true, "training.steps=1", "mode=forward",
                                                  "experiment.hyper-iterations=1", "data.examples=60");
    uint64_t seed = 1;
    limit_memory(64 << 20);
    for (size_t i = 0; i < 6000; i++) {
        captured *c = i % 2 ? &full : &digests;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t heading = captured_first(c), at = (seed >> 20) % (i % 4 < 2 ? heading + 40 : c->size);
        char was = c->bytes[at];
        c->bytes[at] = (char)(seed >> 56);
        hd_error error = {HD_OK, ""};
        hd_status status = captured_check(c, &error);
        cr_expect(status == HD_OK || status == HD_INVALID, "byte %zu: %s", at, error.message);
        c->bytes[at] = was;
    }
    free(digests.bytes);
    free(full.bytes);
}

Test(capture, that_was_changed_in_a_single_bit_is_refused) {
    captured c = capture_of("blobs-logistic", false, "training.steps=2", "experiment.hyper-iterations=1");
    size_t at =
        captured_entry(&c, HD_WEIGHTS, 1) + sizeof(hd_frame_head) + offsetof(hd_tensor_digest, sketch);
    hd_capture_reader reader;
    hd_error error;
    c.bytes[at] ^= 1;
    hd_status status = hd_capture_reader_start(&reader, captured_stream(&c), &error);
    while (status == HD_OK && !reader.ended) status = hd_capture_read(&reader, ~0u, true, &error);
    cr_expect_eq(status, HD_INVALID);
    cr_expect(strstr(error.message, "was changed"), "%s", error.message);
    hd_capture_reader_free(&reader);
    captured_seal(&c);
    status = hd_capture_reader_start(&reader, captured_stream(&c), &error);
    while (status == HD_OK && !reader.ended) status = hd_capture_read(&reader, ~0u, true, &error);
    cr_expect_eq(status, HD_OK, "%s", error.message);
    hd_capture_reader_free(&reader);
    free(c.bytes);
}
