/* Captures: we read what was written, and write what observers see. */
#include "test/captured.h"

#include <math.h>
#include <xxhash.h>

static const char *const few[] = {"training.steps=3", "experiment.hyper-iterations=2", NULL};

/* --- digests --- */

static void check_digest(const void *values, size_t count, bool float32) {
    hd_tensor_digest digest;
    size_t each = float32 ? sizeof(float) : sizeof(double), length = hd_block_length(count), blocks = 0;
    long double squares = 0;
    double largest = 0;
    hd_tensor_digest_make(values, count, float32, HD_WEIGHTS, &digest);
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
}

Test(capture, a_digest_has_hashes_and_norms_of_any_count) {
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
            hd_tensor_digest_make(values, counts[c], true, HD_WEIGHTS, &before);
            values[i] = nextafterf(values[i], 1e9f);
            hd_tensor_digest_make(values, counts[c], true, HD_WEIGHTS, &after);
            for (size_t b = 0; b < HD_BLOCKS; b++)
                cr_expect_eq(before.hash[b] == after.hash[b], b != i / hd_block_length(counts[c]));
        }
}

/* The sum over the blocks of what their sketches differ by, squared. */
static double sketched(const hd_tensor_digest *x, const hd_tensor_digest *y) {
    double squares = 0;
    for (size_t b = 0; b < HD_BLOCKS; b++)
        squares += (y->sketch[b] - x->sketch[b]) * (y->sketch[b] - x->sketch[b]);
    return squares;
}

Test(capture, a_sketch_tells_the_size_of_a_difference_in_one_element) {
    static const size_t counts[] = {1, 5, 40, 515, 1100, 5000};
    static float values[5000];
    for (size_t i = 0; i < 5000; i++) values[i] = (float)sin((double)i);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t i = 0; i < counts[c]; i += 3) {
            hd_tensor_digest before, after;
            float was = values[i];
            hd_tensor_digest_make(values, counts[c], true, HD_WEIGHTS, &before);
            values[i] += 0.5f;
            hd_tensor_digest_make(values, counts[c], true, HD_WEIGHTS, &after);
            cr_expect(fabs(sqrt(sketched(&before, &after)) - 0.5) < 1e-6, "%zu of %zu", i, counts[c]);
            values[i] = was;
        }
}

/* The mean over many differences is their size; a single estimate has a relative standard deviation of about
 * sqrt(2 / 32) in its square. */
Test(capture, sketches_estimate_the_size_of_a_difference_without_bias) {
    enum { COUNT = 3000, TIMES = 400 };
    static double x[COUNT], y[COUNT];
    double sum = 0, most = 0, least = 1e9;
    for (size_t r = 0; r < TIMES; r++) {
        hd_tensor_digest before, after;
        double squares = 0;
        for (size_t i = 0; i < COUNT; i++) {
            double by = sin((double)(i * i + 7 * r) + 0.1 * (double)r) + 0.3; /* not of mean 0 */
            x[i] = cos((double)i);
            y[i] = x[i] + by;
            squares += by * by;
        }
        hd_tensor_digest_make(x, COUNT, false, (uint8_t)(r % HD_CAPTURED), &before);
        hd_tensor_digest_make(y, COUNT, false, (uint8_t)(r % HD_CAPTURED), &after);
        double share = sketched(&before, &after) / squares;
        sum += share;
        most = fmax(most, share);
        least = fmin(least, share);
    }
    cr_expect(fabs(sum / TIMES - 1) < 0.08, "%g", sum / TIMES);
    cr_expect(least > 0.2 && most < 2.5, "%g to %g", least, most);
}

/* --- what is written --- */

typedef struct seen {
    hd_place place;
    size_t count;
    bool float32;
    void *values;
} seen;

/* Observes beside the writer. */
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
    hd_tensor_digest_make(s->values, s->count, s->float32, s->place.tensor, &digest);
    if (!head->full) cr_expect(!memcmp(&reader->digest, &digest, sizeof digest));
    hd_tensor_digest made;
    hd_capture_digest(reader, &made);
    cr_expect(!memcmp(&made, &digest, sizeof digest));
}

/* Runs a variant with a witness, and compares the capture with what the witness saw. */
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
    hd_capture_writer_free(&w.writer);
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

/* Hands the validation set's tensors to the writer in chunks of other sizes than the engine's. */
typedef struct rechunked {
    hd_capture_writer writer;
    size_t chunk;
    hd_view of[2 * HD_MAX_LAYERS + 1]; /* whole tensors, in the order of the first chunk; values are owned */
    size_t count;
} rechunked;

static void hand_over(rechunked *r) {
    const hd_experiment *e = &r->writer.variant->experiment;
    for (size_t first = 0; first < e->validation; first += r->chunk)
        for (size_t i = 0; i < r->count; i++) {
            hd_view view = r->of[i];
            size_t rows = e->validation - first < r->chunk ? e->validation - first : r->chunk,
                   width = view.count / e->validation;
            view.first = first;
            view.count = rows * width;
            view.values = (const float *)view.values + first * width;
            cr_expect(r->writer.watch.observer.seen(&r->writer, &view));
        }
    for (size_t i = 0; i < r->count; i++) free((void *)(uintptr_t)r->of[i].values);
    r->count = 0;
}

static bool keep_whole(void *context, const hd_view *view) {
    rechunked *r = context;
    const hd_experiment *e = &r->writer.variant->experiment;
    bool of_examples = view->tensor >= HD_ACTIVATION && view->tensor <= HD_ERROR;
    size_t i = 0;
    if (!of_examples || view->step != e->steps) {
        if (r->count) hand_over(r);
        return r->writer.watch.observer.seen(&r->writer, view);
    }
    while (i < r->count && !(r->of[i].tensor == view->tensor && r->of[i].index == view->index)) i++;
    if (i == r->count) r->of[r->count++] = (hd_view){.count = 0, .values = NULL};
    hd_view *whole = &r->of[i];
    float *values = realloc((void *)(uintptr_t)whole->values, (whole->count + view->count) * sizeof *values);
    cr_assert(values && view->float32);
    memcpy(values + whole->count, view->values, view->count * sizeof *values);
    size_t count = whole->count + view->count;
    *whole = *view;
    whole->count = count;
    whole->values = values;
    return true;
}

static void rechunked_begins(void *context, const hd_device *device, size_t iteration) {
    rechunked *r = context;
    r->writer.watch.begin(&r->writer, device, iteration);
}

static bool rechunked_ends(void *context, size_t iteration, const hd_result *result, const double *values) {
    rechunked *r = context;
    return r->writer.watch.end(&r->writer, iteration, result, values);
}

static hd_status rechunked_is_done(void *context, hd_error *error) {
    rechunked *r = context;
    return r->writer.watch.done(&r->writer, error);
}

Test(capture, does_not_depend_on_the_chunks_of_the_engine) {
    static const size_t chunks[] = {1, 1000, 2048, 3000, 4200, 5000};
    static const char *const words[] = {"training.steps=2", "experiment.hyper-iterations=2",
                                        "data.examples=14000", NULL}; /* 4200 */
    captured expected = captured_of("blobs-one-hidden", true, words);
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        captured c = {.size = 0};
        hd_dataset data;
        hd_error error;
        const hd_variant *variant = captured_variant("blobs-one-hidden", words);
        cr_assert_eq(hd_problem_data(&variant->experiment, &data, &error), HD_OK);
        rechunked r = {.writer = {.variant = variant,
                                  .data_sha256 = data.sha256,
                                  .sink = {captured_write, &c},
                                  .full = true},
                       .chunk = chunks[i]};
        hd_capture_writer_start(&r.writer);
        hd_watch watch = {{.wants = r.writer.watch.observer.wants, .seen = keep_whole, .context = &r},
                          rechunked_begins,
                          rechunked_ends,
                          rechunked_is_done};
        captured_run(variant, &data, &watch);
        cr_expect(c.size == expected.size && !memcmp(c.bytes, expected.bytes, c.size), "%zu rows", chunks[i]);
        hd_capture_writer_free(&r.writer);
        hd_dataset_free(&data);
        free(c.bytes);
        free((void *)(uintptr_t)variant);
    }
    free(expected.bytes);
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
        /* the fifth batch of a hyper-iteration is step 1's again: 0, 1, 2, then 2, 1, 0 */
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
        hd_capture_writer_free(&writer);
        hd_dataset_free(&data);
        free((void *)(uintptr_t)variant);
    }
}
