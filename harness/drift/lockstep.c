#include "drift/lockstep.h"

#include "base/file.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LANE_A, LANE_B, LANE_FOLLOWS_B, LANE_FOLLOWS_ROUNDING, LANES, PIPE_BYTES = 1 << 20 };

/* One run, with the pipes for its tensors and for a's states. */
typedef struct hd_lane {
    hd_variant variant;
    const hd_dataset *dataset; /* one of hd_lanes.datasets */
    const char *what;
    unsigned shows, leads; /* kinds that it shows (0: all), and that guide it */
    bool used, alone;      /* alone: the only lane */
    bool digests;          /* it sends digests instead of whole tensors */
    int out[2], lead[2];   /* -1: not open */
    hd_process process;
    hd_capture_reader reader;
} hd_lane;

typedef struct hd_lanes {
    hd_lane of[LANES];
    hd_dataset datasets[2]; /* a's and b's, which their followers share */
} hd_lanes;

/* --- pipes --- */

static bool write_all(void *context, const void *bytes, size_t count) {
    int to = *(int *)context;
    while (count > 0) {
        ssize_t written = write(to, bytes, count);
        if (written < 0 && errno == EINTR && !hd_process_interrupted()) continue;
        if (written <= 0) return false;
        bytes = (const char *)bytes + written;
        count -= (size_t)written;
    }
    return true;
}

static hd_status read_all(void *context, void *bytes, size_t count, hd_error *error) {
    int from = *(int *)context;
    while (count > 0) {
        ssize_t got = read(from, bytes, count);
        if (got < 0 && errno == EINTR && !hd_process_interrupted()) continue;
        if (got <= 0) return hd_fail(error, HD_INVALID, "a run ended before its tensors did");
        bytes = (char *)bytes + got;
        count -= (size_t)got;
    }
    return HD_OK;
}

static void shut(int *descriptor) {
    if (*descriptor >= 0) close(*descriptor);
    *descriptor = -1;
}

static void clear(hd_lanes *lanes) {
    memset(lanes, 0, sizeof *lanes);
    for (size_t i = 0; i < LANES; i++) {
        hd_lane *lane = &lanes->of[i];
        lane->out[0] = lane->out[1] = lane->lead[0] = lane->lead[1] = -1;
    }
}

static hd_status open_pipes(hd_lane *lane, hd_error *error) {
    if (pipe(lane->out) || pipe(lane->lead))
        return hd_fail(error, HD_UNAVAILABLE, "%s: no pipe: %s", lane->what, strerror(errno));
    fcntl(lane->out[0], F_SETPIPE_SZ, PIPE_BYTES); /* we do not mind a refusal */
    fcntl(lane->lead[0], F_SETPIPE_SZ, PIPE_BYTES);
    return HD_OK;
}

/* --- a lane's process --- */

typedef struct hd_start {
    hd_lanes *lanes;
    size_t which;
} hd_start;

static hd_status run_lane(void *context, hd_error *error) {
    hd_start *start = context;
    hd_lane *lane = &start->lanes->of[start->which];
    for (size_t i = 0; i < LANES; i++) { /* else no lane would notice the end of another */
        hd_lane *other = &start->lanes->of[i];
        shut(&other->out[0]);
        shut(&other->lead[1]);
        if (i == start->which) continue;
        shut(&other->out[1]);
        shut(&other->lead[0]);
    }
    hd_capture_writer writer = {.variant = &lane->variant,
                                .data_sha256 = lane->dataset->sha256,
                                .sink = {write_all, &lane->out[1]},
                                .full = !lane->digests,
                                .tensors = lane->shows,
                                .lead = {read_all, &lane->lead[0], lane->what},
                                .leads = lane->leads};
    hd_capture_writer_start(&writer);
    hd_job job = hd_variant_job(&lane->variant, lane->dataset);
    job.watch = &writer.watch;
    if (!job.options.threads && !lane->alone)
        job.options.threads = 1; /* the lanes share the processors; threads change no bit */
    hd_status status = hd_run_here(&job, NULL, error);
    return writer.failed ? HD_OK : status; /* nobody reads on; the reader knows why */
}

static hd_status start_lanes(hd_lanes *lanes, hd_error *error) {
    hd_status status = HD_OK;
    for (size_t i = 0; status == HD_OK && i < LANES; i++)
        if (lanes->of[i].used) status = open_pipes(&lanes->of[i], error);
    for (size_t i = 0; status == HD_OK && i < LANES; i++) {
        hd_start start = {lanes, i};
        hd_lane *lane = &lanes->of[i];
        if (!lane->used) continue;
        status = hd_process_start(&lane->process, lane->what, run_lane, &start, error);
    }
    for (size_t i = 0; i < LANES; i++) {
        shut(&lanes->of[i].out[1]);
        shut(&lanes->of[i].lead[0]);
    }
    return status;
}

/* --- the whole --- */

static unsigned shown_by_both(const hd_variant *a, const hd_variant *b) {
    unsigned state = 1u << HD_WEIGHTS | 1u << HD_MOMENTUM_BUFFER;
    if (a->mode != b->mode) return state;
    return state | (a->mode == HD_FORWARD ? 1u << HD_TANGENT | 1u << HD_TANGENT_MOMENTUM
                                          : 1u << HD_ADJOINT | 1u << HD_ADJOINT_MOMENTUM);
}

/* Whether a's device supports random rounding, and another seed is left. */
static bool rounds(const hd_variant *a) {
    return !strcmp(a->device, "cpu") && a->rounding < UINT32_MAX;
}

static hd_status prepare(hd_lanes *lanes, const hd_variant *a, const hd_variant *b, unsigned tensors,
                         bool follow, hd_error *error) {
    static const char *const what[LANES] = {"a", "b", "b from a's states",
                                            "a with rounding from its own states"};
    unsigned leads = shown_by_both(a, b);
    hd_status status = HD_OK;
    for (size_t i = 0; status == HD_OK && i < LANES; i++) {
        hd_lane *lane = &lanes->of[i];
        size_t side = i == LANE_A || i == LANE_FOLLOWS_ROUNDING ? 0 : 1;
        lane->variant = side == 0 ? *a : *b;
        lane->what = what[i];
        lane->shows = tensors;
        lane->used = i < LANE_FOLLOWS_B || (follow && (i == LANE_FOLLOWS_B || rounds(a)));
        if (i == LANE_FOLLOWS_ROUNDING) lane->variant.rounding = a->rounding + 1;
        lane->leads = i < LANE_FOLLOWS_B ? 0 : leads;
        lane->dataset = &lanes->datasets[side];
        if (i < LANE_FOLLOWS_B)
            status = hd_problem_data(&lane->variant.experiment, &lanes->datasets[side], error);
    }
    return status;
}

static hd_status compare(hd_lanes *lanes, hd_drift *drift, hd_error *error) {
    hd_status status = HD_OK;
    hd_follower followers[HD_FOLLOWERS] = {{.reader = NULL}};
    for (size_t i = 0; status == HD_OK && i < LANES; i++) {
        hd_lane *lane = &lanes->of[i];
        hd_stream stream = {read_all, &lane->out[0], lane->what};
        if (!lane->used) continue;
        status = hd_capture_reader_start(&lane->reader, stream, error);
        if (i >= LANE_FOLLOWS_B)
            followers[i - LANE_FOLLOWS_B] =
                (hd_follower){&lane->reader, {write_all, &lane->lead[1]}, lane->leads};
    }
    return status == HD_OK ? hd_drift_compare(&lanes->of[LANE_A].reader, &lanes->of[LANE_B].reader, followers,
                                              drift, error)
                           : status;
}

/* Waits for the lanes and frees them. A lane's own status is nearer the cause than the end of its tensors. */
static hd_status finish(hd_lanes *lanes, hd_status status, hd_error *error) {
    hd_status cause = HD_OK;
    for (size_t i = 0; i < LANES; i++) {
        shut(&lanes->of[i].out[0]); /* stops one that still writes */
        shut(&lanes->of[i].lead[1]);
    }
    for (size_t i = 0; i < LANES; i++) {
        hd_error end = {HD_OK, ""};
        hd_status ended = hd_process_wait(&lanes->of[i].process, &end);
        if (cause == HD_OK && ended != HD_OK) cause = ended, *error = end;
        hd_capture_reader_free(&lanes->of[i].reader);
    }
    for (size_t side = 0; side < 2; side++) hd_dataset_free(&lanes->datasets[side]);
    return cause != HD_OK ? cause : status;
}

hd_status hd_lockstep(const hd_variant *a, const hd_variant *b, unsigned tensors, bool follow,
                      hd_drift *drift, hd_error *error) {
    static hd_lanes lanes; /* too large for the stack */
    clear(&lanes);
    *drift = (hd_drift){.compared = 0};
    hd_status status = hd_variant_comparable(a, b, error);
    if (status == HD_OK) status = prepare(&lanes, a, b, tensors, follow, error);
    if (status == HD_OK) status = start_lanes(&lanes, error);
    if (status == HD_OK) status = compare(&lanes, drift, error);
    return finish(&lanes, status, error);
}

/* --- one run --- */

/* Prepares the only lane of a single run, and loads its data. */
static hd_status use_alone(hd_lanes *lanes, const hd_variant *variant, unsigned tensors, hd_error *error) {
    hd_lane *lane = &lanes->of[LANE_A];
    clear(lanes);
    lane->variant = *variant;
    lane->what = variant->experiment.name;
    lane->shows = tensors;
    lane->used = lane->alone = true;
    lane->dataset = &lanes->datasets[0];
    return hd_problem_data(&variant->experiment, &lanes->datasets[0], error);
}

static hd_status start_reading(hd_lanes *lanes, hd_error *error) {
    hd_lane *lane = &lanes->of[LANE_A];
    hd_status status = start_lanes(lanes, error);
    hd_stream stream = {read_all, &lane->out[0], lane->what};
    return status == HD_OK ? hd_capture_reader_start(&lane->reader, stream, error) : status;
}

hd_status hd_lockstep_read(const hd_variant *variant, unsigned tensors,
                           bool (*look)(void *context, const hd_capture_reader *reader), void *context,
                           hd_error *error) {
    static hd_lanes lanes;
    hd_lane *lane = &lanes.of[LANE_A];
    hd_status status = use_alone(&lanes, variant, tensors, error);
    if (status == HD_OK) status = start_reading(&lanes, error);
    while (status == HD_OK) {
        status = hd_capture_read(&lane->reader, tensors, true, error);
        if (status != HD_OK || lane->reader.ended) break;
        if (!look(context, &lane->reader)) status = hd_fail(error, HD_INVALID, "%s: stopped", lane->what);
    }
    return finish(&lanes, status, error);
}

/* --- two runs, by turns --- */

/* Prepares and starts both, each with its own threads: they take turns. */
static hd_status start_turns(hd_lanes *lanes, const hd_variant *const variants[2],
                             const hd_alternation *turns, hd_error *error) {
    hd_status status = HD_OK;
    for (size_t i = 0; status == HD_OK && i < 2; i++) {
        hd_lane *lane = &lanes->of[i];
        lane->variant = *variants[i];
        lane->what = hd_mode_name(variants[i]->mode);
        lane->shows = turns->tensors[i];
        lane->leads = i == 1 ? turns->leads : 0;
        lane->used = lane->alone = true;
        lane->dataset = &lanes->datasets[i];
        status = hd_problem_data(&lane->variant.experiment, &lanes->datasets[i], error);
    }
    if (status == HD_OK) status = start_lanes(lanes, error);
    for (size_t i = 0; status == HD_OK && i < 2; i++) {
        hd_lane *lane = &lanes->of[i];
        hd_stream stream = {read_all, &lane->out[0], lane->what};
        status = hd_capture_reader_start(&lane->reader, stream, error);
    }
    return status;
}

/* Sends the follower the leader's state in place of the one that it has just shown. */
static bool send_state(hd_lane *follower, const hd_alternation *turns) {
    hd_frame_head head = follower->reader.head;
    bool float32;
    const void *values = turns->lead(turns->context, &head.place, &float32);
    head.float32 = float32;
    return write_all(&follower->lead[1], &head, sizeof head) &&
           write_all(&follower->lead[1], values, head.count * (float32 ? sizeof(float) : sizeof(double)));
}

/* Reads a lane until the end of its hyper-iteration. */
static hd_status take_turn(hd_lane *lane, size_t which, const hd_alternation *turns, hd_error *error) {
    hd_status status = hd_capture_read(&lane->reader, lane->shows, true, error);
    while (status == HD_OK && !lane->reader.ended) {
        uint8_t tensor = lane->reader.head.place.tensor;
        if (!turns->look(turns->context, which, &lane->reader) ||
            ((lane->leads >> tensor & 1) && !send_state(lane, turns)))
            return hd_fail(error, HD_INVALID, "%s: stopped", lane->what);
        if (tensor == HD_HYPERPARAMETERS) break;
        status = hd_capture_read(&lane->reader, lane->shows, true, error);
    }
    return status;
}

hd_status hd_lockstep_alternate(const hd_variant *leader, const hd_variant *follower,
                                const hd_alternation *alternation, hd_error *error) {
    static hd_lanes lanes;
    clear(&lanes);
    hd_status status = start_turns(&lanes, (const hd_variant *const[]){leader, follower}, alternation, error);
    for (size_t i = 0; status == HD_OK && i < 2 * leader->experiment.hyper_iterations; i++)
        status = take_turn(&lanes.of[i % 2], i % 2, alternation, error);
    for (size_t i = 0; status == HD_OK && i < 2; i++) /* the end, whose hash is checked */
        status = hd_capture_read(&lanes.of[i].reader, lanes.of[i].shows, true, error);
    return finish(&lanes, status, error);
}

/* --- captures --- */

hd_status hd_lockstep_against(hd_capture_reader *a, const hd_variant *b, hd_drift *drift, hd_error *error) {
    static hd_lanes lanes;
    hd_lane *lane = &lanes.of[LANE_A];
    *drift = (hd_drift){.compared = 0};
    hd_status status = use_alone(&lanes, b, a->info.tensors, error);
    lane->digests = !a->info.full;
    if (status == HD_OK && strcmp(lane->dataset->sha256, a->info.data_sha256) != 0)
        status = hd_fail(error, HD_INVALID, "%s and %s: different data: cannot be compared", a->stream.name,
                         lane->what);
    if (status == HD_OK) status = start_reading(&lanes, error);
    if (status == HD_OK) status = hd_drift_compare(a, &lane->reader, NULL, drift, error);
    return finish(&lanes, status, error);
}

typedef struct hd_recording {
    const hd_variant *variant;
    const hd_dataset *dataset;
    const char *path;
    bool full;
} hd_recording;

static bool write_output(void *context, const void *bytes, size_t count) {
    hd_output *output = context;
    hd_output_write(output, bytes, count);
    return !output->failure;
}

static hd_status record(void *context, hd_error *error) {
    const hd_recording *recording = context;
    hd_output output;
    hd_status status = hd_output_open(&output, recording->path, error);
    if (status != HD_OK) return status;
    hd_capture_writer writer = {.variant = recording->variant,
                                .data_sha256 = recording->dataset->sha256,
                                .sink = {write_output, &output},
                                .full = recording->full};
    hd_capture_writer_start(&writer);
    hd_job job = hd_variant_job(recording->variant, recording->dataset);
    job.watch = &writer.watch;
    status = hd_run_here(&job, NULL, error);
    if (status == HD_OK || output.failure) return hd_output_commit(&output, error);
    hd_output_abandon(&output);
    return status;
}

hd_status hd_lockstep_capture(const hd_variant *variant, bool full, const char *path, hd_error *error) {
    hd_dataset dataset = {0};
    hd_recording recording = {variant, &dataset, path, full};
    hd_status status = hd_problem_data(&variant->experiment, &dataset, error);
    if (status == HD_OK) status = hd_process_run(variant->experiment.name, record, &recording, error);
    hd_dataset_free(&dataset);
    return status;
}
