#include "capture/capture.h"

#include "base/json.h"
#include "run/provenance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define MAGIC "hyperdrift-capture/1\n"
enum { BYTE_ORDER_MARK = 0x01020304, LARGEST_INFO = 1 << 20, PIECE = 1 << 24, LANES = 16 };

/* --- digests --- */

size_t hd_block_length(size_t count) {
    size_t length = (count + HD_BLOCKS - 1) / HD_BLOCKS;
    return (length + LANES - 1) / LANES * LANES;
}

/* Multiples of the golden ratio, which spread evenly over a matrix's rows and columns. */
size_t hd_sample_place(size_t count, size_t i) {
    double turn = 0.6180339887498949 * (double)(i + 1);
    return (size_t)((turn - floor(turn)) * (double)count);
}

/* Sum of squares and greatest magnitude, in lanes that a compiler can vectorize. */
#define NORMS(type)                                                                                          \
    static void norms_of_##type(const type *x, size_t count, double *squares, double *largest) {             \
        double sum[LANES] = {0}, most[LANES] = {0};                                                          \
        for (size_t i = 0; i + LANES <= count; i += LANES)                                                   \
            for (size_t j = 0; j < LANES; j++) {                                                             \
                double value = fabs((double)x[i + j]);                                                       \
                sum[j] += value * value;                                                                     \
                most[j] = value > most[j] ? value : most[j];                                                 \
            }                                                                                                \
        for (size_t i = count / LANES * LANES; i < count; i++) {                                             \
            double value = fabs((double)x[i]);                                                               \
            sum[0] += value * value;                                                                         \
            most[0] = value > most[0] ? value : most[0];                                                     \
        }                                                                                                    \
        *squares = *largest = 0;                                                                             \
        for (size_t j = 0; j < LANES; j++) {                                                                 \
            *squares += sum[j];                                                                              \
            *largest = fmax(*largest, most[j]);                                                              \
        }                                                                                                    \
    }
NORMS(float)
NORMS(double)

void hd_tensor_digest_make(const void *values, size_t count, bool float32, hd_tensor_digest *digest) {
    size_t size = float32 ? sizeof(float) : sizeof(double), length = hd_block_length(count);
    double squares;
    *digest = (hd_tensor_digest){.l2 = 0};
    for (size_t b = 0; b * length < count; b++) {
        size_t block = count - b * length < length ? count - b * length : length;
        digest->hash[b] = XXH3_64bits((const char *)values + b * length * size, block * size);
    }
    if (float32)
        norms_of_float(values, count, &squares, &digest->largest);
    else
        norms_of_double(values, count, &squares, &digest->largest);
    digest->l2 = sqrt(squares);
    for (size_t i = 0; i < HD_SAMPLES && i < count; i++) {
        size_t at = hd_sample_place(count, i);
        digest->sample[i] = float32 ? (double)((const float *)values)[at] : ((const double *)values)[at];
    }
}

/* --- writing --- */

static size_t bytes_of(const hd_frame_head *head) {
    return head->count * (head->float32 ? sizeof(float) : sizeof(double));
}

static unsigned captured(const hd_capture_writer *writer) {
    unsigned shown = hd_capture_kinds(writer->variant->mode);
    return writer->tensors ? writer->tensors & shown : shown;
}

static bool put(hd_capture_writer *writer, const void *bytes, size_t count) {
    writer->hash = XXH3_64bits_withSeed(bytes, count, writer->hash);
    if (!writer->failed) writer->failed = !writer->sink.write(writer->sink.context, bytes, count);
    return !writer->failed;
}

static bool put_entry(hd_capture_writer *writer, hd_frame_head head, const void *values) {
    head.full = writer->full || head.place.tensor >= HD_EVALUATION;
    put(writer, &head, sizeof head);
    writer->entries++;
    if (head.full) return put(writer, values, bytes_of(&head));
    hd_tensor_digest digest;
    hd_tensor_digest_make(values, head.count, head.float32, &digest);
    return put(writer, &digest, sizeof digest);
}

static bool put_view(void *context, const hd_view *view) {
    hd_capture_writer *writer = context;
    hd_frame_head head = {.place = {.iteration = writer->iteration,
                                    .tensor = (uint8_t)view->tensor,
                                    .back = view->back,
                                    .index = (uint32_t)view->index,
                                    .step = (uint32_t)view->step,
                                    .first = (uint32_t)view->first},
                          .float32 = view->float32,
                          .count = view->count};
    return put_entry(writer, head, view->values);
}

static void put_info(hd_capture_writer *writer, const hd_device *device) {
    const hd_experiment *e = &writer->variant->experiment;
    hd_error error;
    hd_builder builder = {.error = &error};
    hd_capture_info info = {.layers = e->layers,
                            .steps = e->steps,
                            .batch = e->batch,
                            .hyper_iterations = e->hyper_iterations,
                            .training = e->training,
                            .validation = e->validation,
                            .test = e->test,
                            .hypers = e->hypers,
                            .mode = writer->variant->mode,
                            .float32 = device->element == sizeof(float),
                            .full = writer->full,
                            .tensors = captured(writer),
                            .provenance = json_object()};
    memcpy(info.dims, e->dims, sizeof info.dims);
    memcpy(info.hyper, e->hyper, sizeof info.hyper);
    memcpy(info.experiment_sha256, e->sha256, sizeof info.experiment_sha256);
    snprintf(info.data_sha256, sizeof info.data_sha256, "%s", writer->data_sha256);
    snprintf(info.experiment, sizeof info.experiment, "%s", e->name);
    snprintf(info.device, sizeof info.device, "%s", device->name);
    snprintf(info.arithmetic, sizeof info.arithmetic, "%s", device->arithmetic);
    hd_variant_text(writer->variant, info.variant, sizeof info.variant);
    hd_status status = hd_provenance_describe(device, info.provenance, &error);
    json_t *json = hd_capture_info_json(&info, &builder);
    char *text = status == HD_OK && builder.status == HD_OK ? json_dumps(json, JSON_COMPACT) : NULL;
    uint32_t numbers[2] = {BYTE_ORDER_MARK, text ? (uint32_t)strlen(text) : 0};
    writer->failed |= !text;
    put(writer, MAGIC, sizeof MAGIC - 1);
    put(writer, numbers, sizeof numbers);
    put(writer, text, numbers[1]);
    free(text);
    json_decref(json);
    hd_capture_info_free(&info);
}

static void begin(void *context, const hd_device *device, size_t iteration) {
    hd_capture_writer *writer = context;
    writer->iteration = (uint16_t)iteration;
    if (!writer->begun) put_info(writer, device);
    writer->begun = true;
}

static void put_results(hd_capture_writer *writer, uint8_t tensor, const double *values, size_t count) {
    uint32_t steps = (uint32_t)writer->variant->experiment.steps;
    hd_frame_head head = {.place = {.iteration = writer->iteration, .tensor = tensor, .step = steps},
                          .count = count};
    if (!(captured(writer) >> tensor & 1)) return;
    put_entry(writer, head, values);
}

static bool end(void *context, size_t iteration, const hd_result *result, const double *values) {
    hd_capture_writer *writer = context;
    size_t hypers = writer->variant->experiment.hypers;
    double evaluation[] = {result->validation_error, (double)result->test.correct,
                           (double)result->validation.correct, (double)result->training.correct};
    (void)iteration;
    put_results(writer, HD_EVALUATION, evaluation, 4);
    put_results(writer, HD_HYPERGRADIENTS, result->hypergradients, hypers);
    put_results(writer, HD_HYPERPARAMETERS, values, hypers);
    return !writer->failed;
}

static hd_status done(void *context, hd_error *error) {
    hd_capture_writer *writer = context;
    hd_frame_head head = {.place = {.tensor = HD_CAPTURE_END,
                                    .index = (uint32_t)writer->hash,
                                    .step = (uint32_t)(writer->hash >> 32)},
                          .count = writer->entries};
    if (put(writer, &head, sizeof head)) return HD_OK;
    return hd_fail(error, HD_UNAVAILABLE, "%s: its capture could not be written",
                   writer->variant->experiment.name);
}

/* Replaces a tensor by the leading run's. */
static bool follow(void *context, const hd_view *view, void *values) {
    hd_capture_writer *writer = context;
    hd_stream *lead = &writer->lead;
    hd_frame_head head;
    hd_error error;
    bool got = lead->read(lead->context, &head, sizeof head, &error) == HD_OK &&
               head.place.tensor == view->tensor && head.place.step == view->step &&
               head.count == view->count;
    void *theirs = got && head.float32 != view->float32 ? malloc(bytes_of(&head)) : values;
    got = got && theirs && lead->read(lead->context, theirs, bytes_of(&head), &error) == HD_OK;
    for (size_t i = 0; got && theirs != values && i < view->count; i++)
        if (view->float32)
            ((float *)values)[i] = (float)((double *)theirs)[i];
        else
            ((double *)values)[i] = (double)((float *)theirs)[i];
    if (theirs != values) free(theirs);
    writer->failed |= !got;
    return got;
}

void hd_capture_writer_start(hd_capture_writer *writer) {
    hd_observer observer = {.wants = captured(writer),
                            .seen = put_view,
                            .context = writer,
                            .guides = writer->leads,
                            .guide = follow};
    writer->watch = (hd_watch){observer, begin, end, done};
}

/* --- reading --- */

static hd_status get(hd_capture_reader *reader, void *bytes, size_t count, hd_error *error) {
    hd_status status = reader->stream.read(reader->stream.context, bytes, count, error);
    if (status == HD_OK) reader->hash = XXH3_64bits_withSeed(bytes, count, reader->hash);
    return status;
}

/* Goes to the place of the next frame of a kind that was captured. */
static void expect_next(hd_capture_reader *reader) {
    hd_place *next = &reader->next, last;
    do {
        last = *next;
        reader->complete = !hd_place_next(&reader->info, reader->rows, next);
        if (next->first != last.first || next->step != last.step) reader->rows = 0;
    } while (!reader->complete && !(reader->info.tensors >> next->tensor & 1));
}

hd_status hd_capture_reader_start(hd_capture_reader *reader, hd_stream stream, hd_error *error) {
    char magic[sizeof MAGIC] = "";
    uint32_t numbers[2];
    *reader = (hd_capture_reader){.stream = stream};
    hd_status status = get(reader, magic, sizeof MAGIC - 1, error);
    if (status == HD_OK && memcmp(magic, MAGIC, sizeof MAGIC - 1) != 0)
        status = !strncmp(magic, MAGIC, strlen("hyperdrift-capture/"))
                     ? hd_fail(error, HD_INVALID, "%s: a capture of another version; allowed: %.*s",
                               stream.name, (int)sizeof MAGIC - 2, MAGIC)
                     : hd_fail(error, HD_INVALID, "%s: not a capture", stream.name);
    if (status == HD_OK) status = get(reader, numbers, sizeof numbers, error);
    if (status != HD_OK) return status;
    if (numbers[0] != BYTE_ORDER_MARK)
        return hd_fail(error, HD_INVALID, "%s: a capture from a machine of another byte order", stream.name);
    if (numbers[1] > LARGEST_INFO)
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
    uint32_t numbers[2] = {BYTE_ORDER_MARK, reader->heading_length};
    return sink.write(sink.context, MAGIC, sizeof MAGIC - 1) &&
           sink.write(sink.context, numbers, sizeof numbers) &&
           sink.write(sink.context, reader->heading, reader->heading_length);
}

/* Memory grows with the bytes that come: a wrong count must not ask for all there is. */
static hd_status get_values(hd_capture_reader *reader, hd_error *error) {
    size_t bytes = bytes_of(&reader->head);
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
    uint64_t hash = head->full ? XXH3_64bits(reader->values, bytes_of(head))
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

/* Whether the head is that of the expected frame. The first tensor of a chunk of the validation set tells how
 * many rows the chunk has. */
static bool is_expected(hd_capture_reader *reader) {
    const hd_capture_info *info = &reader->info;
    const hd_frame_head *head = &reader->head;
    bool result = head->place.tensor >= HD_EVALUATION,
         of_examples = head->place.tensor >= HD_ACTIVATION && head->place.tensor <= HD_ERROR;
    if (reader->complete || !hd_place_same(&head->place, &reader->next) ||
        head->full != (info->full || result) ||
        head->float32 != (info->float32 && !result && head->place.tensor != HD_BATCH))
        return false;
    if (of_examples && head->place.step == info->steps && reader->rows == 0) {
        size_t width = hd_place_count(info, &head->place, 1), left = info->validation - head->place.first;
        reader->rows = head->count / width < left ? head->count / width : left;
    }
    return head->count > 0 && head->count == hd_place_count(info, &head->place, reader->rows);
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

/* Whether a frame of results is finite, as a run's results are. */
static bool is_finite(const hd_capture_reader *reader) {
    const double *values = reader->values;
    for (size_t i = 0; reader->head.place.tensor >= HD_EVALUATION && i < reader->head.count; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

hd_status hd_capture_read(hd_capture_reader *reader, unsigned tensors, bool back, hd_error *error) {
    hd_frame_head *head = &reader->head;
    for (;;) {
        uint64_t before = reader->hash;
        hd_status status = get(reader, head, sizeof *head, error);
        if (status != HD_OK) return status;
        if (head->place.tensor == HD_CAPTURE_END) return read_end(reader, before, error);
        bool sound = is_expected(reader);
        if (sound)
            status = head->full ? get_values(reader, error)
                                : get(reader, &reader->digest, sizeof reader->digest, error);
        if (status == HD_OK && !(sound && is_finite(reader)))
            status = hd_fail(error, HD_INVALID, "%s: frame %llu is broken", reader->stream.name,
                             (unsigned long long)reader->entries);
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
        hd_tensor_digest_make(reader->values, reader->head.count, reader->head.float32, digest);
    else
        *digest = reader->digest;
}
