#include "capture/capture.h"

#include "capture/capture_variant.h"
#include "run/provenance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static unsigned captured(const hd_capture_writer *writer) {
    unsigned shown = hd_capture_kinds(writer->variant->mode);
    return writer->tensors ? writer->tensors & shown : shown;
}

static bool put(hd_capture_writer *writer, const void *bytes, size_t count) {
    writer->hash = XXH3_64bits_withSeed(bytes, count, writer->hash);
    if (!writer->failed) writer->failed = !writer->sink.write(writer->sink.context, bytes, count);
    return !writer->failed;
}

static bool put_frame(hd_capture_writer *writer, hd_frame_head head, const void *values) {
    head.full = writer->full || head.place.tensor >= HD_EVALUATION;
    put(writer, &head, sizeof head);
    writer->entries++;
    if (head.full) return put(writer, values, hd_frame_bytes(&head));
    hd_tensor_digest digest;
    hd_tensor_digest_make(values, head.count, head.float32, head.place.tensor, &digest);
    return put(writer, &digest, sizeof digest);
}

/* --- the validation set --- */

/* The kind and layer of slot number i: in the order of frames. */
static void slot_is(const hd_experiment *e, size_t i, uint8_t *tensor, uint32_t *index) {
    bool activation = i<e->layers, delta = i> e->layers;
    *tensor = activation ? HD_ACTIVATION : delta ? HD_DELTA : HD_ERROR;
    *index = (uint32_t)(activation ? i + 1 : delta ? 2 * e->layers + 1 - i : 0);
}

static size_t slot_of(const hd_experiment *e, const hd_view *view) {
    return view->tensor == HD_ACTIVATION ? view->index - 1
           : view->tensor == HD_DELTA    ? 2 * e->layers + 1 - view->index
                                         : e->layers;
}

static size_t row_bytes(const hd_experiment *e, const hd_capture_rows *rows, uint8_t tensor, uint32_t index) {
    return (tensor == HD_ERROR ? 1 : e->dims[index]) * (rows->float32 ? sizeof(float) : sizeof(double));
}

/* Whether each kind that is captured has so many rows. */
static bool have_rows(const hd_capture_writer *writer, size_t count) {
    const hd_experiment *e = &writer->variant->experiment;
    uint8_t tensor;
    uint32_t index;
    for (size_t i = 0; i <= 2 * e->layers; i++) {
        slot_is(e, i, &tensor, &index);
        if (captured(writer) >> tensor & 1 && writer->rows[i].count < count) return false;
    }
    return true;
}

/* Writes the frames of the next `count` examples of the validation set. */
static void put_rows(hd_capture_writer *writer, size_t count) {
    const hd_experiment *e = &writer->variant->experiment;
    for (size_t i = 0; i <= 2 * e->layers; i++) {
        hd_capture_rows *rows = &writer->rows[i];
        hd_frame_head head = {.place = {.iteration = writer->iteration,
                                        .step = (uint32_t)e->steps,
                                        .first = (uint32_t)writer->first},
                              .float32 = rows->float32};
        slot_is(e, i, &head.place.tensor, &head.place.index);
        if (!(captured(writer) >> head.place.tensor & 1)) continue;
        size_t each = row_bytes(e, rows, head.place.tensor, head.place.index);
        head.count = count * each / (rows->float32 ? sizeof(float) : sizeof(double));
        put_frame(writer, head, rows->values);
        rows->count -= count;
        memmove(rows->values, (char *)rows->values + count * each, rows->count * each);
    }
    writer->first += count;
    if (writer->first == e->validation) writer->first = 0;
}

/* Keeps a view of the validation set until there is a whole frame of each kind: how many rows the engine takes at a
 * time does not change the capture. */
static bool keep_rows(hd_capture_writer *writer, const hd_view *view) {
    const hd_experiment *e = &writer->variant->experiment;
    hd_capture_rows *rows = &writer->rows[slot_of(e, view)];
    rows->float32 = view->float32;
    size_t each = row_bytes(e, rows, (uint8_t)view->tensor, (uint32_t)view->index),
           bytes = view->count * (view->float32 ? sizeof(float) : sizeof(double)), had = rows->count * each;
    if (had + bytes > rows->room) {
        void *values = realloc(rows->values, had + bytes);
        writer->failed |= !values;
        if (!values) return false;
        rows->values = values;
        rows->room = had + bytes;
    }
    memcpy((char *)rows->values + had, view->values, bytes);
    rows->count += bytes / each;
    for (;;) {
        size_t left = e->validation - writer->first, next = left < HD_CAPTURE_ROWS ? left : HD_CAPTURE_ROWS;
        if (!have_rows(writer, next)) return !writer->failed;
        put_rows(writer, next);
    }
}

static bool put_view(void *context, const hd_view *view) {
    hd_capture_writer *writer = context;
    hd_frame_head head = {.place = {.iteration = writer->iteration,
                                    .tensor = (uint8_t)view->tensor,
                                    .back = view->back,
                                    .index = (uint32_t)view->index,
                                    .step = (uint32_t)view->step},
                          .float32 = view->float32,
                          .count = view->count};
    bool of_examples = view->tensor >= HD_ACTIVATION && view->tensor <= HD_ERROR;
    if (of_examples && view->step == writer->variant->experiment.steps) return keep_rows(writer, view);
    return put_frame(writer, head, view->values);
}

/* --- the run --- */

static void put_info(hd_capture_writer *writer, const hd_device *device) {
    hd_error error;
    hd_builder builder = {.error = &error};
    hd_capture_info info = {.float32 = device->element == sizeof(float),
                            .full = writer->full,
                            .tensors = captured(writer),
                            .threads = device->threads,
                            .provenance = json_object()};
    hd_capture_info_of(writer->variant, &info);
    snprintf(info.data_sha256, sizeof info.data_sha256, "%s", writer->data_sha256);
    snprintf(info.device, sizeof info.device, "%s", device->name);
    snprintf(info.arithmetic, sizeof info.arithmetic, "%s", device->arithmetic);
    hd_status status = hd_provenance_describe(device, info.provenance, &error);
    json_t *json = hd_capture_info_json(&info, &builder);
    char *text = status == HD_OK && builder.status == HD_OK ? json_dumps(json, JSON_COMPACT) : NULL;
    uint32_t numbers[2] = {HD_CAPTURE_BYTE_ORDER, text ? (uint32_t)strlen(text) : 0};
    writer->failed |= !text;
    put(writer, HD_CAPTURE_MAGIC, sizeof HD_CAPTURE_MAGIC - 1);
    put(writer, numbers, sizeof numbers);
    put(writer, text, numbers[1]);
    free(text);
    json_decref(json);
    hd_capture_info_free(&info);
}

static void begin(void *context, const hd_device *device, size_t iteration) {
    hd_capture_writer *writer = context;
    writer->iteration = (uint16_t)iteration;
    writer->first = 0;
    for (size_t i = 0; i < HD_CAPTURE_SLOTS; i++) writer->rows[i].count = 0;
    if (!writer->begun) put_info(writer, device);
    writer->begun = true;
}

static void put_results(hd_capture_writer *writer, uint8_t tensor, const double *values, size_t count) {
    uint32_t steps = (uint32_t)writer->variant->experiment.steps;
    hd_frame_head head = {.place = {.iteration = writer->iteration, .tensor = tensor, .step = steps},
                          .count = count};
    if (!(captured(writer) >> tensor & 1)) return;
    put_frame(writer, head, values);
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
    void *theirs = got && head.float32 != view->float32 ? malloc(hd_frame_bytes(&head)) : values;
    got = got && theirs && lead->read(lead->context, theirs, hd_frame_bytes(&head), &error) == HD_OK;
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

void hd_capture_writer_free(hd_capture_writer *writer) {
    for (size_t i = 0; i < HD_CAPTURE_SLOTS; i++) free(writer->rows[i].values);
    memset(writer->rows, 0, sizeof writer->rows);
}
