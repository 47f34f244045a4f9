/* Captures in memory, for tests that read and compare them. */
#ifndef HD_TEST_CAPTURED_H
#define HD_TEST_CAPTURED_H

#include "capture/capture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* A capture: bytes[size] with room for [room]; at: how far they were read. */
typedef struct captured {
    char *bytes;
    size_t size, room, at;
} captured;

static inline bool captured_write(void *context, const void *bytes, size_t count) {
    captured *c = context;
    if (c->size + count > c->room) {
        c->room = 2 * (c->size + count);
        cr_assert_not_null(c->bytes = realloc(c->bytes, c->room));
    }
    memcpy(c->bytes + c->size, bytes, count);
    c->size += count;
    return true;
}

static inline hd_status captured_read(void *context, void *bytes, size_t count, hd_error *error) {
    captured *c = context;
    if (count > c->size - c->at) return hd_fail(error, HD_INVALID, "memory: ends early");
    memcpy(bytes, c->bytes + c->at, count);
    c->at += count;
    return HD_OK;
}

static inline hd_stream captured_stream(captured *c) {
    c->at = 0;
    return (hd_stream){captured_read, c, "memory"};
}

static inline captured captured_copy(const captured *c) {
    captured copy = {.bytes = malloc(c->size + 1), .size = c->size, .room = c->size + 1};
    cr_assert_not_null(copy.bytes);
    memcpy(copy.bytes, c->bytes, c->size);
    return copy;
}

/* Makes a variant of an experiment in fixtures/; words end with NULL. */
static inline const hd_variant *captured_variant(const char *experiment, const char *const *words) {
    hd_variant *variant = malloc(sizeof *variant);
    hd_error error;
    size_t count = 0;
    while (words[count]) count++;
    cr_assert_not_null(variant);
    cr_assert(hd_variant_make(experiment, words, count, variant, &error) == HD_OK, "%s", error.message);
    return variant;
}

/* Runs the variant in this process; a watch that is not the writer's own must call the writer's. */
static inline void captured_run(const hd_variant *variant, const hd_dataset *data, const hd_watch *watch) {
    hd_error error;
    hd_job job = hd_variant_job(variant, data);
    job.options.threads = 1;
    job.watch = watch;
    cr_assert(hd_run_here(&job, NULL, &error) == HD_OK, "%s", error.message);
}

/* Captures a run; the caller frees bytes. */
static inline captured captured_of(const char *experiment, bool full, const char *const *words) {
    captured c = {.size = 0};
    hd_dataset data;
    hd_error error;
    const hd_variant *variant = captured_variant(experiment, words);
    cr_assert_eq(hd_problem_data(&variant->experiment, &data, &error), HD_OK);
    hd_capture_writer writer = {
        .variant = variant, .data_sha256 = data.sha256, .sink = {captured_write, &c}, .full = full};
    hd_capture_writer_start(&writer);
    captured_run(variant, &data, &writer.watch);
    hd_capture_writer_free(&writer);
    hd_dataset_free(&data);
    free((void *)(uintptr_t)variant);
    return c;
}
#define capture_of(experiment, full, ...)                                                                    \
    captured_of(experiment, full, (const char *const[]){__VA_ARGS__, NULL})

/* Offsets of its parts. */
enum { CAPTURED_NUMBERS = sizeof HD_CAPTURE_MAGIC - 1, CAPTURED_TEXT = CAPTURED_NUMBERS + 8 };

static inline size_t captured_text_length(const captured *c) {
    uint32_t length;
    memcpy(&length, c->bytes + CAPTURED_NUMBERS + 4, sizeof length);
    return length;
}

static inline size_t captured_first(const captured *c) {
    return CAPTURED_TEXT + captured_text_length(c);
}

static inline hd_frame_head captured_head(const captured *c, size_t at) {
    hd_frame_head head;
    memcpy(&head, c->bytes + at, sizeof head);
    return head;
}

/* The offset of the next frame. */
static inline size_t captured_next(const captured *c, size_t at) {
    hd_frame_head head = captured_head(c, at);
    size_t each = head.float32 ? sizeof(float) : sizeof(double);
    return at + sizeof head + (head.full ? head.count * each : sizeof(hd_tensor_digest));
}

/* Sets the hash at the end to that of the current bytes, if they still are a row of frames. */
static inline void captured_seal(captured *c) {
    size_t first = captured_first(c), at = first;
    const size_t pieces[] = {CAPTURED_NUMBERS, 8, captured_text_length(c)};
    const char *piece = c->bytes;
    uint64_t hash = 0;
    for (size_t i = 0; i < 3; piece += pieces[i++]) hash = XXH3_64bits_withSeed(piece, pieces[i], hash);
    while (c->size - at >= sizeof(hd_frame_head)) {
        hd_frame_head head = captured_head(c, at);
        size_t next = captured_next(c, at), body = at + sizeof head;
        if (head.place.tensor == HD_CAPTURE_END) {
            head.place.index = (uint32_t)hash;
            head.place.step = (uint32_t)(hash >> 32);
            memcpy(c->bytes + at, &head, sizeof head);
            return;
        }
        if (next > c->size || next < body) return;
        hash = XXH3_64bits_withSeed(c->bytes + at, sizeof head, hash);
        hash = XXH3_64bits_withSeed(c->bytes + body, next - body, hash);
        at = next;
    }
}

/* The offset of the n-th frame of a kind. */
static inline size_t captured_entry(const captured *c, uint8_t tensor, size_t n) {
    size_t at = captured_first(c);
    for (; captured_head(c, at).place.tensor != HD_CAPTURE_END; at = captured_next(c, at))
        if (captured_head(c, at).place.tensor == tensor && n-- == 0) return at;
    cr_assert(tensor == HD_CAPTURE_END, "no such entry");
    return at;
}

/* Copies the capture, with another JSON text at its head. */
static inline captured captured_with(const captured *c, const char *text) {
    captured changed = {.size = 0};
    uint32_t length = (uint32_t)strlen(text);
    captured_write(&changed, c->bytes, CAPTURED_NUMBERS + 4);
    captured_write(&changed, &length, sizeof length);
    captured_write(&changed, text, length);
    captured_write(&changed, c->bytes + captured_first(c), c->size - captured_first(c));
    return changed;
}

/* Reads it to its end; gives the status and the error. */
static inline hd_status captured_check(captured *c, hd_error *error) {
    hd_capture_reader reader;
    hd_status status = hd_capture_reader_start(&reader, captured_stream(c), error);
    while (status == HD_OK && !reader.ended) status = hd_capture_read(&reader, UINT32_MAX, true, error);
    hd_capture_reader_free(&reader);
    return status;
}

#endif
