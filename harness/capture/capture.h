/* A capture: a run's tensors in the order in which it computes them, as a file or through a pipe. A digest
 * capture keeps hashes, norms and sketches of each tensor; a full one every element.
 *
 * The bytes: the line "hyperdrift-capture/2", the number 0x01020304 (which shows another byte order), the
 * length of a JSON object and the object (hd_capture_info), then frames. A frame is an hd_frame_head, then an
 * hd_tensor_digest or, if it is full, the elements. Results (HD_EVALUATION and later) are always full. The
 * last frame is HD_CAPTURE_END, which an incomplete capture lacks. Its count is the number of frames before
 * it; its index and step are the low and high half of a hash over all that precedes it (each piece named
 * above by XXH3, seeded with the hash so far), so that a changed bit shows. */
#ifndef HD_CAPTURE_CAPTURE_H
#define HD_CAPTURE_CAPTURE_H

#include "capture/capture_order.h"
#include "capture/digest.h"
#include "capture/tensor_part.h"
#include "run/variant.h"

typedef struct hd_frame_head {
    hd_place place;
    uint32_t float32, full; /* 0 or 1 */
    uint64_t count;
} hd_frame_head;

#define HD_CAPTURE_MAGIC "hyperdrift-capture/2\n"
enum { HD_CAPTURE_BYTE_ORDER = 0x01020304 };

/* Bytes of a full frame's elements. */
static inline size_t hd_frame_bytes(const hd_frame_head *head) {
    return head->count * (head->float32 ? sizeof(float) : sizeof(double));
}

/* --- writing --- */

/* Takes a capture's bytes in order; false: it cannot keep them. */
typedef struct hd_sink {
    bool (*write)(void *context, const void *bytes, size_t count);
    void *context;
} hd_sink;

/* Gives a capture's next count bytes. HD_INVALID: there are fewer. */
typedef struct hd_stream {
    hd_status (*read)(void *context, void *bytes, size_t count, hd_error *error);
    void *context;
    bool (*ended)(void *context); /* whether a read failed because no more bytes come; NULL: they must come */
    const char *name;             /* for messages */
} hd_stream;

/* Rows of the validation set that wait for their frame to be whole. */
typedef struct hd_capture_rows {
    void *values;
    size_t count, room; /* rows, and bytes in values */
    bool float32;
} hd_capture_rows;

enum { HD_CAPTURE_SLOTS = 2 * HD_MAX_LAYERS + 1 }; /* activations, errors, deltas */

/* Captures a run: give &writer->watch to its job. Zero it, then set variant, data_sha256, sink and full. End with
 * hd_capture_writer_free. */
typedef struct hd_capture_writer {
    hd_watch watch; /* made by hd_capture_writer_start */
    const hd_variant *variant;
    const char *data_sha256;
    hd_sink sink;
    bool full;
    unsigned tensors; /* bits of the kinds to capture; 0: all */
    hd_stream lead;   /* if it reads: full frames of states that guide the run, see hd_observer */
    unsigned leads;   /* bits of their kinds */
    /* its own: */
    bool begun, failed;
    uint16_t iteration;
    uint64_t entries, hash;
    hd_capture_rows rows[HD_CAPTURE_SLOTS];
    size_t first; /* the validation example of the first row in them */
} hd_capture_writer;

/* Sets writer->watch; the heading is written when the run begins. */
void hd_capture_writer_start(hd_capture_writer *writer);

/* Frees what it holds, but for its sink and variant. */
void hd_capture_writer_free(hd_capture_writer *writer);

/* --- reading --- */

/* Reverse mode's backward sweep makes batch, activations, errors and deltas again, with the same bits. */
typedef struct hd_attest {
    size_t compared, differing;
    hd_place first; /* first that differs */
} hd_attest;

typedef struct hd_capture_reader {
    hd_stream stream;
    hd_capture_info info;
    hd_frame_head head;      /* the last frame's */
    hd_tensor_digest digest; /* its digest, if not full */
    void *values;            /* its elements, if full */
    size_t capacity;
    uint64_t entries;
    bool ended;
    bool cut; /* it ended before its end frame: what was read is in order, but its hash is not checked */
    hd_attest attest;
    char *heading; /* [heading_length]: the JSON text */
    uint32_t heading_length;
    hd_place next; /* of the frame that must come next, */
    bool complete; /* unless none may */
    /* its own: */
    uint64_t hash;     /* of all bytes so far */
    uint64_t *way_out; /* [way_out_room]: the forward sweep's hashes, [steps][2 layers + 2] */
    size_t way_out_room;
} hd_capture_reader;

/* Reads the beginning. HD_INVALID: not a capture, another version or byte order, incomplete, or inconsistent.
 * End with hd_capture_reader_free, also after a failure. */
hd_status hd_capture_reader_start(hd_capture_reader *reader, hd_stream stream, hd_error *error);

/* Writes the bytes of a started capture's heading again. False: the sink cannot keep them. */
bool hd_capture_pass_heading(const hd_capture_reader *reader, hd_sink sink);

/* Reads the next frame, skipping kinds that are not in `tensors` and, without `back`, the backward sweep's;
 * sets ended after the last, or, if the stream allows it, where the capture is cut short. HD_INVALID as above, and for a tensor that is missing, twice there, out of order
 * or of another shape. */
hd_status hd_capture_read(hd_capture_reader *reader, unsigned tensors, bool back, hd_error *error);
void hd_capture_reader_free(hd_capture_reader *reader);

/* Element i of the last frame, which must be full. */
static inline double hd_capture_element(const hd_capture_reader *reader, size_t i) {
    return reader->head.float32 ? (double)((const float *)reader->values)[i]
                                : ((const double *)reader->values)[i];
}

/* The last frame's digest, made from its elements if it is full. */
void hd_capture_digest(const hd_capture_reader *reader, hd_tensor_digest *digest);

#endif
