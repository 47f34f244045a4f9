/* Captures: what is written is what was seen, and what is read is whole, or refused. */
#include "test/captured.h"

#include <math.h>
#include <stddef.h>
#include <sys/resource.h>
#include <xxhash.h>

static const char *const few[] = {"training.steps=3", "experiment.hyper-iterations=2", NULL};

/* --- digests --- */

static void check_digest(const void *values, size_t count, bool float32) {
    hd_tensor_digest digest;
    size_t each = float32 ? sizeof(float) : sizeof(double), length = hd_block_length(count), blocks = 0;
    long double squares = 0;
    double largest = 0;
    hd_tensor_digest_make(values, count, float32, &digest);
    cr_expect(length % 16 == 0 && length * HD_BLOCKS >= count, "%zu", count);
    for (size_t at = 0; at < count; at += length, blocks++) {
        size_t here = count - at < length ? count - at : length;
        cr_expect_eq(digest.hash[blocks], XXH3_64bits((const char *)values + at * each, here * each));
    }
    for (; blocks < HD_BLOCKS; blocks++) cr_expect_eq(digest.hash[blocks], 0);
    for (size_t i = 0; i < count; i++) {
        double x = float32 ? (double)((const float *)values)[i] : ((const double *)values)[i];
        squares += (long double)x * (long double)x;
        largest = fmax(largest, fabs(x));
    }
    cr_expect(fabs(digest.l2 - (double)sqrtl(squares)) <= 1e-14 * digest.l2, "%zu: %.17g", count, digest.l2);
    cr_expect_eq(digest.largest, largest);
    for (size_t i = 0; i < HD_SAMPLES; i++) {
        size_t at = i < count ? hd_sample_place(count, i) : 0;
        cr_assert_lt(at, count);
        double x = float32 ? (double)((const float *)values)[at] : ((const double *)values)[at];
        cr_expect_eq(digest.sample[i], i < count ? x : 0);
    }
}

Test(capture, a_digest_has_hashes_norms_and_samples_of_any_count) {
    static const size_t counts[] = {1, 2, 15, 16, 17, 31, 32, 33, 500, 511, 512, 513, 1000, 16383, 16385};
    static float floats[16385];
    static double doubles[16385];
    for (size_t i = 0; i < 16385; i++) {
        doubles[i] = sin((double)(i + 1)) * (i % 7 == 3 ? 1e-5 : 3);
        floats[i] = (float)doubles[i];
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        check_digest(floats, counts[i], true);
        check_digest(doubles, counts[i], false);
    }
}

Test(capture, a_digest_tells_the_block_of_any_element_that_changed) {
    static const size_t counts[] = {5, 40, 515, 1100};
    float values[1100];
    for (size_t c = 0; c < 4; c++)
        for (size_t i = 0; i < counts[c]; i++) {
            hd_tensor_digest before, after;
            for (size_t k = 0; k < counts[c]; k++) values[k] = (float)k;
            hd_tensor_digest_make(values, counts[c], true, &before);
            values[i] = nextafterf(values[i], 1e9f);
            hd_tensor_digest_make(values, counts[c], true, &after);
            for (size_t b = 0; b < HD_BLOCKS; b++)
                cr_expect_eq(before.hash[b] == after.hash[b], b != i / hd_block_length(counts[c]));
        }
}

/* --- what is written --- */

typedef struct seen {
    hd_place place;
    size_t count;
    bool float32;
    void *values;
} seen;

/* Looks on beside the writer. */
typedef struct witness {
    hd_capture_writer writer;
    seen of[4000];
    size_t count;
    size_t iteration;
} witness;

static void witness_keep(witness *w, hd_place place, bool float32, const void *values, size_t count) {
    size_t size = count * (float32 ? sizeof(float) : sizeof(double));
    cr_assert_lt(w->count, sizeof w->of / sizeof *w->of);
    seen *s = &w->of[w->count++];
    *s = (seen){place, count, float32, malloc(size)};
    cr_assert_not_null(s->values);
    memcpy(s->values, values, size);
}

static bool witness_sees(void *context, const hd_view *view) {
    witness *w = context;
    hd_place place = {(uint16_t)w->iteration, (uint8_t)view->tensor, view->back,
                      (uint32_t)view->index,  (uint32_t)view->step,  (uint32_t)view->first};
    witness_keep(w, place, view->float32, view->values, view->count);
    return w->writer.watch.observer.seen(&w->writer, view);
}

static void witness_begins(void *context, const hd_device *device, size_t iteration) {
    witness *w = context;
    w->iteration = iteration;
    w->writer.watch.begin(&w->writer, device, iteration);
}

static bool witness_ends(void *context, size_t iteration, const hd_result *result, const double *values) {
    witness *w = context;
    const hd_experiment *e = &w->writer.variant->experiment;
    hd_place place = {.iteration = (uint16_t)iteration, .step = (uint32_t)e->steps};
    double evaluation[] = {result->validation_error, (double)result->test.correct,
                           (double)result->validation.correct, (double)result->training.correct};
    place.tensor = HD_EVALUATION;
    witness_keep(w, place, false, evaluation, 4);
    place.tensor = HD_HYPERGRADIENTS;
    witness_keep(w, place, false, result->hypergradients, e->hypers);
    place.tensor = HD_HYPERPARAMETERS;
    witness_keep(w, place, false, values, e->hypers);
    return w->writer.watch.end(&w->writer, iteration, result, values);
}

static hd_status witness_is_done(void *context, hd_error *error) {
    witness *w = context;
    return w->writer.watch.done(&w->writer, error);
}

static void expect_entry(const hd_capture_reader *reader, const seen *s, bool full) {
    const hd_frame_head *head = &reader->head;
    hd_tensor_digest digest;
    cr_expect(hd_place_same(&head->place, &s->place), "tensor %u at step %u and %u at %u", head->place.tensor,
              head->place.step, s->place.tensor, s->place.step);
    cr_assert_eq(head->count, s->count);
    cr_assert_eq(head->float32, s->float32);
    cr_assert_eq(head->full, full || s->place.tensor >= HD_EVALUATION);
    if (head->full)
        cr_expect(
            !memcmp(reader->values, s->values, s->count * (s->float32 ? sizeof(float) : sizeof(double))));
    hd_tensor_digest_make(s->values, s->count, s->float32, &digest);
    if (!head->full) cr_expect(!memcmp(&reader->digest, &digest, sizeof digest));
    hd_tensor_digest made;
    hd_capture_digest(reader, &made);
    cr_expect(!memcmp(&made, &digest, sizeof digest));
}

/* Runs a variant, witnessed, and holds the capture against what was seen. */
static void check_round_trip(const char *experiment, const char *const *words, bool full) {
    static witness w;
    captured c = {.size = 0};
    hd_dataset data;
    hd_error error;
    hd_capture_reader reader;
    const hd_variant *variant = captured_variant(experiment, words);
    cr_assert_eq(hd_problem_data(&variant->experiment, &data, &error), HD_OK);
    w = (witness){
        .writer = {
            .variant = variant, .data_sha256 = data.sha256, .sink = {captured_write, &c}, .full = full}};
    hd_capture_writer_start(&w.writer);
    hd_watch watch = {{.wants = w.writer.watch.observer.wants, .seen = witness_sees, .context = &w},
                      witness_begins,
                      witness_ends,
                      witness_is_done};
    captured_run(variant, &data, &watch);
    cr_assert(hd_capture_reader_start(&reader, captured_stream(&c), &error) == HD_OK, "%s", error.message);
    cr_expect_str_eq(reader.info.experiment, experiment);
    cr_expect(!strcmp(reader.info.experiment_sha256, variant->experiment.sha256));
    cr_expect(!strcmp(reader.info.data_sha256, data.sha256));
    cr_expect(!strcmp(reader.info.device, variant->device));
    cr_expect_eq(reader.info.mode, variant->mode);
    cr_expect_eq(reader.info.full, full);
    cr_expect_eq(reader.info.validation, variant->experiment.validation);
    for (size_t i = 0; i < w.count; i++) {
        cr_assert(hd_capture_read(&reader, UINT32_MAX, true, &error) == HD_OK, "%zu: %s", i, error.message);
        cr_assert(!reader.ended);
        expect_entry(&reader, &w.of[i], full);
        free(w.of[i].values);
    }
    cr_assert(hd_capture_read(&reader, UINT32_MAX, true, &error) == HD_OK, "%s", error.message);
    cr_expect(reader.ended);
    cr_expect_eq(c.at, c.size);
    cr_expect_eq(reader.attest.differing, 0);
    cr_expect_eq(reader.attest.compared > 0, variant->mode == HD_REVERSE);
    hd_capture_reader_free(&reader);
    hd_dataset_free(&data);
    free(c.bytes);
    free((void *)(uintptr_t)variant);
}

Test(capture, gives_what_the_observer_saw) {
    static const char *const devices[] = {"device=cpu", "device=reference"};
    static const char *const modes[] = {"mode=forward", "mode=reverse"};
    for (size_t i = 0; i < 8; i++) {
        const char *words[] = {few[0], few[1], devices[i & 1], modes[i >> 1 & 1], NULL};
        check_round_trip("blobs-deep", words, i >> 2);
        check_round_trip("blobs-logistic", words, i >> 2);
    }
}

Test(capture, gives_the_chunks_of_a_large_validation_set) {
    static const char *const words[] = {"training.steps=2", "experiment.hyper-iterations=1",
                                        "data.examples=14000", NULL}; /* 4200: three chunks */
    check_round_trip("blobs-one-hidden", words, true);
    check_round_trip("blobs-one-hidden", words, false);
}

Test(capture, gives_only_the_kinds_that_are_asked_for) {
    captured c = capture_of("blobs-logistic", false, few[0], few[1], "mode=reverse");
    hd_capture_reader reader;
    hd_error error;
    size_t batches = 0, again = 0, results = 0;
    for (size_t back = 0; back < 2; back++) {
        cr_assert_eq(hd_capture_reader_start(&reader, captured_stream(&c), &error), HD_OK);
        unsigned kinds = 1u << HD_BATCH | 1u << HD_HYPERGRADIENTS;
        while (hd_capture_read(&reader, kinds, back, &error) == HD_OK && !reader.ended) {
            batches += reader.head.place.tensor == HD_BATCH;
            again += reader.head.place.back;
            results += reader.head.place.tensor == HD_HYPERGRADIENTS;
        }
        cr_expect(reader.ended);
        hd_capture_reader_free(&reader);
    }
    cr_expect_eq(batches, 2 * (3 + 3 + 3));
    cr_expect_eq(again, 2 * 3);
    cr_expect_eq(results, 2 * 2);
    free(c.bytes);
}

Test(capture, tells_where_the_sweep_back_went_another_way) {
    for (size_t full = 0; full < 2; full++) {
        captured c = capture_of("blobs-logistic", full, few[0], few[1], "mode=reverse");
        hd_capture_reader reader;
        hd_error error;
        /* the fifth batch of an iteration is step 1's again: 0, 1, 2, then 2, 1, 0 */
        c.bytes[captured_entry(&c, HD_BATCH, 4) + sizeof(hd_frame_head) + 8] ^= 1;
        cr_assert_eq(hd_capture_reader_start(&reader, captured_stream(&c), &error), HD_OK);
        while (hd_capture_read(&reader, UINT32_MAX, true, &error) == HD_OK && !reader.ended) {
        }
        cr_expect(reader.ended);
        cr_expect_eq(reader.attest.compared, 2 * 3 * 4); /* batch, logits, errors, delta */
        cr_expect_eq(reader.attest.differing, 1);
        cr_expect_eq(reader.attest.first.tensor, HD_BATCH);
        cr_expect_eq(reader.attest.first.step, 1);
        hd_capture_reader_free(&reader);
        free(c.bytes);
    }
}

static bool refuses_late(void *context, const void *bytes, size_t count) {
    (void)bytes;
    size_t *left = context;
    bool fits = count <= *left;
    *left = fits ? *left - count : 0;
    return fits;
}

Test(capture, a_run_whose_bytes_cannot_be_kept_is_stopped) {
    for (size_t room = 0; room < 20000; room += 2500) {
        size_t left = room;
        hd_dataset data;
        hd_error error;
        const hd_variant *variant = captured_variant("blobs-logistic", few);
        cr_assert_eq(hd_problem_data(&variant->experiment, &data, &error), HD_OK);
        hd_capture_writer writer = {
            .variant = variant, .data_sha256 = data.sha256, .sink = {refuses_late, &left}};
        hd_capture_writer_start(&writer);
        hd_job job = hd_variant_job(variant, &data);
        job.watch = &writer.watch;
        cr_expect_neq(hd_run_here(&job, NULL, &error), HD_OK, "%zu", room);
        cr_expect(writer.failed);
        hd_dataset_free(&data);
        free((void *)(uintptr_t)variant);
    }
}

/* --- what is refused --- */

/* Small, with both sweeps and every kind but tangents. */
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
    memcpy(c.bytes, "hyperdrift-capture/2\n", CAPTURED_NUMBERS);
    expect_refused(&c, "version", "another version; allowed: hyperdrift-capture/1");
    memcpy(c.bytes, "hyperdrift-capture/1\n", CAPTURED_NUMBERS);
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

/* The capture without bytes from .. to, and with bytes after .. until put in at `into`. */
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
    expect_refused(&c, "count", "entries and says");
    free(c.bytes);
}

Test(capture, refuses_results_that_are_not_finite) {
    captured c = small();
    double inf = INFINITY;
    memcpy(c.bytes + captured_entry(&c, HD_HYPERGRADIENTS, 0) + sizeof(hd_frame_head), &inf, sizeof inf);
    expect_refused(&c, "Inf", " is broken");
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
        {"tensors", "128", "tensors: has kinds that reverse mode has not"},
        {"dims", "[20]", "dims: has 1 numbers"},
        {"dims", "[20,0]", "dims: has a number out of range"},
        {"dims", "[20,\"4\"]", "dims: has a number out of range"},
        {"dims", "[20,99999999999]", "dims: has a number out of range"},
        {"dims", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "dims: has 19 numbers"},
        {"hyperparameters", "[]", "hyperparameters: are 0"},
        {"hyperparameters", "[{\"kind\":4,\"layer\":0}]", "hyperparameters[0]: is no hyperparameter"},
        {"hyperparameters", "[{\"kind\":0,\"layer\":1}]", "hyperparameters[0]: is no hyperparameter"},
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

/* A limit on memory beyond what is there now; not under the address sanitizer, which needs all of it. */
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

/* 2^48 weights, as the heading says, and no more bytes than before. */
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

/* Any byte but those of hashes, norms and samples, which may be anything, and of the heading's texts. */
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
        captured_entry(&c, HD_WEIGHTS, 1) + sizeof(hd_frame_head) + offsetof(hd_tensor_digest, sample);
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
