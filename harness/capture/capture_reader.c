#include "capture/capture.h"

#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { LARGEST_HEADING = 1 << 22, PIECE = 1 << 24 };

static hd_status get(hd_capture_reader *reader, void *bytes, size_t count, hd_error *error) {
    hd_status status = reader->stream.read(reader->stream.context, bytes, count, error);
    if (status == HD_OK) reader->hash = XXH3_64bits_withSeed(bytes, count, reader->hash);
    return status;
}

/* Goes to the place of the next frame of a kind that was captured. */
static void expect_next(hd_capture_reader *reader) {
    do reader->complete = !hd_place_next(&reader->info, &reader->next);
    while (!reader->complete && !(reader->info.tensors >> reader->next.tensor & 1));
}

hd_status hd_capture_reader_start(hd_capture_reader *reader, hd_stream stream, hd_error *error) {
    char magic[sizeof HD_CAPTURE_MAGIC] = "";
    uint32_t numbers[2];
    *reader = (hd_capture_reader){.stream = stream};
    hd_status status = get(reader, magic, sizeof HD_CAPTURE_MAGIC - 1, error);
    if (status == HD_OK && memcmp(magic, HD_CAPTURE_MAGIC, sizeof HD_CAPTURE_MAGIC - 1) != 0)
        status = !strncmp(magic, HD_CAPTURE_MAGIC, strlen("hyperdrift-capture/"))
                     ? hd_fail(error, HD_INVALID, "%s: a capture of another version; allowed: %.*s",
                               stream.name, (int)sizeof HD_CAPTURE_MAGIC - 2, HD_CAPTURE_MAGIC)
                     : hd_fail(error, HD_INVALID, "%s: not a capture", stream.name);
    if (status == HD_OK) status = get(reader, numbers, sizeof numbers, error);
    if (status != HD_OK) return status;
    if (numbers[0] != HD_CAPTURE_BYTE_ORDER)
        return hd_fail(error, HD_INVALID, "%s: a capture from a machine of another byte order", stream.name);
    if (numbers[1] > LARGEST_HEADING)
        return hd_fail(error, HD_INVALID, "%s: its header is too long", stream.name);
    char *text = malloc(numbers[1] + 1);
    if (!text) return hd_fail(error, HD_UNAVAILABLE, "%s: no memory to read it", stream.name);
    status = get(reader, text, numbers[1], error);
    json_error_t where;
    json_t *json = status == HD_OK ? json_loadb(text, numbers[1], JSON_REJECT_DUPLICATES, &where) : NULL;
    reader->heading = text;
    reader->heading_length = numbers[1];
    if (status != HD_OK) return status;
    if (!json) return hd_fail(error, HD_INVALID, "%s: its header is broken: %s", stream.name, where.text);
    status = hd_capture_info_read(&reader->info, stream.name, json, error);
    if (status == HD_OK && !(reader->info.tensors >> reader->next.tensor & 1)) expect_next(reader);
    return status;
}

bool hd_capture_pass_heading(const hd_capture_reader *reader, hd_sink sink) {
    uint32_t numbers[2] = {HD_CAPTURE_BYTE_ORDER, reader->heading_length};
    return sink.write(sink.context, HD_CAPTURE_MAGIC, sizeof HD_CAPTURE_MAGIC - 1) &&
           sink.write(sink.context, numbers, sizeof numbers) &&
           sink.write(sink.context, reader->heading, reader->heading_length);
}

/* Memory grows with the bytes that come: a wrong count must not ask for all there is. */
static hd_status get_values(hd_capture_reader *reader, hd_error *error) {
    size_t bytes = hd_frame_bytes(&reader->head);
    hd_status status = HD_OK;
    for (size_t got = 0, part; status == HD_OK && got < bytes; got += part) {
        part = bytes - got < PIECE ? bytes - got : PIECE;
        if (got + part > reader->capacity) {
            size_t capacity = bytes < 2 * (got + part) ? bytes : 2 * (got + part);
            void *values = realloc(reader->values, capacity);
            if (!values)
                return hd_fail(error, HD_UNAVAILABLE, "%s: no memory to read it", reader->stream.name);
            reader->values = values;
            reader->capacity = capacity;
        }
        status = get(reader, (char *)reader->values + got, part, error);
    }
    return status;
}

/* Which of the tensors that the backward sweep makes again in each step; SIZE_MAX: none. */
static size_t made_again(const hd_capture_info *info, const hd_place *place) {
    if (place->step == info->steps) return SIZE_MAX;
    switch (place->tensor) {
    case HD_BATCH:
        return 0;
    case HD_ACTIVATION:
        return place->index;
    case HD_DELTA:
        return info->layers + place->index;
    case HD_ERROR:
        return 2 * info->layers + 1;
    default:
        return SIZE_MAX;
    }
}

static hd_status attest(hd_capture_reader *reader, hd_error *error) {
    const hd_frame_head *head = &reader->head;
    size_t each = 2 * reader->info.layers + 2, which = made_again(&reader->info, &head->place);
    size_t at = head->place.step * each + which;
    if (which == SIZE_MAX) return HD_OK;
    if (at >= reader->way_out_room) {
        size_t room = 2 * at + each;
        uint64_t *way_out = realloc(reader->way_out, room * sizeof *way_out);
        if (!way_out) return hd_fail(error, HD_UNAVAILABLE, "%s: no memory to read it", reader->stream.name);
        reader->way_out = way_out;
        reader->way_out_room = room;
    }
    uint64_t hash = head->full ? XXH3_64bits(reader->values, hd_frame_bytes(head))
                               : XXH3_64bits(reader->digest.hash, sizeof reader->digest.hash);
    hd_attest *attest = &reader->attest;
    if (!head->place.back) {
        reader->way_out[at] = hash;
        return HD_OK;
    }
    attest->compared++;
    if (reader->way_out[at] != hash && attest->differing++ == 0) attest->first = head->place;
    return HD_OK;
}

static bool is_expected(const hd_capture_reader *reader) {
    const hd_capture_info *info = &reader->info;
    const hd_frame_head *head = &reader->head;
    bool result = head->place.tensor >= HD_EVALUATION;
    return !reader->complete && hd_place_same(&head->place, &reader->next) &&
           head->full == (info->full || result) &&
           head->float32 == (info->float32 && !result && head->place.tensor != HD_BATCH) &&
           head->count == hd_place_count(info, &head->place);
}

static hd_status read_end(hd_capture_reader *reader, uint64_t hash, hd_error *error) {
    const hd_place *place = &reader->head.place;
    reader->ended = true;
    if (reader->complete && reader->head.count == reader->entries) {
        if (place->index == (uint32_t)hash && place->step == (uint32_t)(hash >> 32)) return HD_OK;
        return hd_fail(error, HD_INVALID, "%s: was changed after it was captured", reader->stream.name);
    }
    return hd_fail(error, HD_INVALID, "%s: holds %llu frames, but its end says %llu%s", reader->stream.name,
                   (unsigned long long)reader->entries, (unsigned long long)reader->head.count,
                   reader->complete ? "" : ": the run's last tensors are missing");
}

/* Results are finite: a run that has others stops. */
static hd_status check_results(const hd_capture_reader *reader, hd_error *error) {
    const double *values = reader->values;
    const hd_place *place = &reader->head.place;
    for (size_t i = 0; place->tensor >= HD_EVALUATION && i < reader->head.count; i++)
        if (!isfinite(values[i]))
            return hd_fail(error, HD_INVALID,
                           "%s: hyper-iteration %u, step %u, %s: element %zu is not finite",
                           reader->stream.name, place->iteration, place->step,
                           hd_place_whole(&reader->info, place, reader->head.count).name, i);
    return HD_OK;
}

/* Reads what follows the head. */
static hd_status read_body(hd_capture_reader *reader, hd_error *error) {
    if (!is_expected(reader))
        return hd_fail(error, HD_INVALID, "%s: frame %llu is broken", reader->stream.name,
                       (unsigned long long)reader->entries);
    if (!reader->head.full) return get(reader, &reader->digest, sizeof reader->digest, error);
    hd_status status = get_values(reader, error);
    return status == HD_OK ? check_results(reader, error) : status;
}

hd_status hd_capture_read(hd_capture_reader *reader, unsigned tensors, bool back, hd_error *error) {
    hd_frame_head *head = &reader->head;
    for (;;) {
        uint64_t before = reader->hash;
        hd_status status = get(reader, head, sizeof *head, error);
        if (status != HD_OK) return status;
        if (head->place.tensor == HD_CAPTURE_END) return read_end(reader, before, error);
        status = read_body(reader, error);
        if (status == HD_OK) status = attest(reader, error);
        if (status != HD_OK) return status;
        reader->entries++;
        expect_next(reader);
        if (tensors >> head->place.tensor & 1 && (back || !head->place.back)) return HD_OK;
    }
}

void hd_capture_reader_free(hd_capture_reader *reader) {
    free(reader->values);
    free(reader->way_out);
    free(reader->heading);
    hd_capture_info_free(&reader->info);
    *reader = (hd_capture_reader){.values = NULL};
}

void hd_capture_digest(const hd_capture_reader *reader, hd_tensor_digest *digest) {
    if (reader->head.full)
        hd_tensor_digest_make(reader->values, reader->head.count, reader->head.float32,
                              reader->head.place.tensor, digest);
    else
        *digest = reader->digest;
}
