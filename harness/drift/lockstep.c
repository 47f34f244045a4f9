#include "drift/lockstep.h"

#include "base/file.h"
#include "drift/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- a lane that runs a variant --- */

typedef struct hd_running_lane {
    hd_lane *lane;
    const hd_variant *variant;
    hd_dataset dataset;
    unsigned shows, leads; /* kinds of tensors that it shows (0: all), and that what it reads replaces */
    hd_capture_reader reader;
} hd_running_lane;

static hd_status run_variant(hd_lane *lane, hd_error *error) {
    const hd_running_lane *running = lane->context;
    hd_capture_writer writer = {.variant = running->variant,
                                .data_sha256 = running->dataset.sha256,
                                .sink = hd_lane_sink(lane),
                                .full = true,
                                .tensors = running->shows,
                                .lead = hd_lane_input(lane),
                                .leads = running->leads};
    hd_capture_writer_start(&writer);
    hd_job job = hd_variant_job(running->variant, &running->dataset);
    job.watch = &writer.watch;
    hd_status status = hd_run_here(&job, NULL, error);
    hd_capture_writer_free(&writer);
    return writer.failed ? HD_OK : status; /* nobody reads on; the reader knows why */
}

static hd_status prepare_run(hd_running_lane *running, hd_lane *lane, const char *what,
                             const hd_variant *variant, unsigned shows, hd_error *error) {
    *lane = (hd_lane){.what = what, .body = run_variant, .context = running};
    running->lane = lane;
    running->variant = variant;
    running->shows = shows;
    return hd_problem_data(&variant->experiment, &running->dataset, error);
}

static hd_status start_reading(hd_running_lane *running, hd_error *error) {
    return running->lane ? hd_capture_reader_start(&running->reader, hd_lane_output(running->lane), error)
                         : HD_OK;
}

static void release_run(hd_running_lane *running) {
    hd_capture_reader_free(&running->reader);
    hd_dataset_free(&running->dataset);
}

/* --- a lane that judges --- */

typedef struct hd_judging_lane {
    hd_lane *lane;
    const hd_variant *variant;
    hd_stream source; /* of what it judges: we read from here and pass it on */
    bool gone;        /* it reads no more */
} hd_judging_lane;

/* If nobody reads it, the reader knows why. */
static void hand_over(hd_lane *lane, const hd_residuals *found) {
    hd_sink sink = hd_lane_sink(lane);
    (void)(sink.write(sink.context, found, sizeof *found) &&
           sink.write(sink.context, found->findings, found->kept * sizeof *found->findings) &&
           sink.write(sink.context, found->sizes, found->size_count * sizeof *found->sizes));
}

static hd_status judge(hd_lane *lane, hd_error *error) {
    const hd_judging_lane *judging = lane->context;
    hd_capture_reader reader;
    hd_residuals found = {.kept = 0};
    hd_status status = hd_capture_reader_start(&reader, hd_lane_input(lane), error);
    if (status == HD_OK) status = hd_residuals_judge(&reader, judging->variant, &found, error);
    if (status == HD_OK) hand_over(lane, &found);
    bool stopped = status != HD_OK && lane->input_ended; /* whoever feeds it knows why */
    hd_residuals_free(&found);
    hd_capture_reader_free(&reader);
    return stopped ? HD_OK : status;
}

/* Reads from the source and passes it on to the judge. */
static hd_status read_and_pass_on(void *context, void *bytes, size_t count, hd_error *error) {
    hd_judging_lane *judging = context;
    hd_status status = judging->source.read(judging->source.context, bytes, count, error);
    if (status == HD_OK && !judging->gone) {
        hd_sink feed = hd_lane_feed(judging->lane);
        judging->gone = !feed.write(feed.context, bytes, count);
    }
    return status;
}

static bool source_ended(void *context) {
    const hd_judging_lane *judging = context;
    return judging->source.ended(judging->source.context);
}

static hd_stream passing_on(hd_judging_lane *judging, hd_stream source) {
    judging->source = source;
    return (hd_stream){.read = read_and_pass_on,
                       .context = judging,
                       .ended = source.ended ? source_ended : NULL,
                       .name = source.name};
}

/* An array of what a judge found, which the caller frees. */
static hd_status read_array(hd_stream from, size_t bytes, void *array, hd_error *error) {
    void *room = malloc(bytes + 1);
    if (!room) return hd_fail(error, HD_UNAVAILABLE, "no memory for a judgement");
    hd_status status = from.read(from.context, room, bytes, error);
    if (status != HD_OK) {
        free(room);
        return status;
    }
    memcpy(array, &room, sizeof room);
    return HD_OK;
}

static hd_status read_judgement(hd_judging_lane *judging, hd_residuals *residuals, hd_error *error) {
    hd_stream from = hd_lane_output(judging->lane);
    hd_residuals found;
    hd_lane_finish(judging->lane);
    hd_status status = from.read(from.context, &found, sizeof found, error);
    if (status != HD_OK) return status;
    *residuals = found;
    residuals->findings = NULL;
    residuals->sizes = NULL;
    status = read_array(from, found.kept * sizeof *found.findings, &residuals->findings, error);
    if (status == HD_OK)
        status = read_array(from, found.size_count * sizeof *found.sizes, &residuals->sizes, error);
    return status;
}

/* --- two sides --- */

enum { RUNS = 2, LANES = 4 };

typedef struct hd_lockstep_state {
    hd_lane lanes[LANES]; /* the sides' runs, then their judges */
    hd_running_lane run[2];
    hd_judging_lane judge[2];
    hd_drift_input input[2];
} hd_lockstep_state;

static hd_status prepare_side(hd_lockstep_state *state, size_t s, const hd_drift_side *side, unsigned tensors,
                              bool judged, hd_error *error) {
    static const char *const runs[2] = {"a", "b"}, *const judges[2] = {"a's judgement", "b's judgement"};
    const hd_capture_info *captured = side->capture ? &side->capture->info : NULL;
    bool run = !captured || (judged && side->variant && !captured->full);
    hd_status status = HD_OK;
    if (run) status = prepare_run(&state->run[s], &state->lanes[s], runs[s], side->variant, tensors, error);
    if (status != HD_OK || !judged || !side->variant) return status;
    state->lanes[RUNS + s] = (hd_lane){.what = judges[s], .body = judge, .context = &state->judge[s]};
    state->judge[s] = (hd_judging_lane){.lane = &state->lanes[RUNS + s], .variant = side->variant};
    return HD_OK;
}

/* Makes the readers; what a judge is to see passes through it. A started capture's heading has been read: we pass it
 * on first. */
static hd_status connect(hd_lockstep_state *state, size_t s, const hd_drift_side *side, hd_error *error) {
    hd_running_lane *run = &state->run[s];
    hd_judging_lane *judging = state->judge[s].lane ? &state->judge[s] : NULL;
    hd_status status = HD_OK;
    if (run->lane) {
        hd_stream stream = hd_lane_output(run->lane);
        status = hd_capture_reader_start(&run->reader, judging ? passing_on(judging, stream) : stream, error);
    } else if (judging) {
        judging->gone = !hd_capture_pass_heading(side->capture, hd_lane_feed(judging->lane));
        side->capture->stream = passing_on(judging, side->capture->stream);
    }
    state->input[s] = (hd_drift_input){side->capture ? side->capture : &run->reader,
                                       side->capture && run->lane ? &run->reader : NULL};
    return status;
}

static void explain_what_is_not_judged(const hd_drift_side *side, bool judged, hd_side_judgement *judgement) {
    const char *why = !judged ? "it was not asked for" : side->why_not;
    judgement->judged = judged && side->variant;
    if (!judgement->judged) snprintf(judgement->why_not, sizeof judgement->why_not, "%s", why ? why : "");
}

hd_status hd_lockstep(const hd_drift_side sides[2], unsigned tensors, bool judged, hd_drift *drift,
                      hd_error *error) {
    static hd_lockstep_state state; /* too large for the stack */
    hd_status status = HD_OK;
    memset(&state, 0, sizeof state);
    *drift = (hd_drift){.compared = 0};
    if (!sides[0].capture && !sides[1].capture)
        status = hd_variant_comparable(sides[0].variant, sides[1].variant, error);
    for (size_t s = 0; status == HD_OK && s < 2; s++)
        status = prepare_side(&state, s, &sides[s], tensors, judged, error);
    if (status == HD_OK) status = hd_lanes_start(state.lanes, LANES, error);
    for (size_t s = 0; status == HD_OK && s < 2; s++) status = connect(&state, s, &sides[s], error);
    if (status == HD_OK) status = hd_drift_compare(state.input, drift, error);
    for (size_t s = 0; status == HD_OK && s < 2; s++) {
        explain_what_is_not_judged(&sides[s], judged, &drift->side[s]);
        if (drift->side[s].judged) status = read_judgement(&state.judge[s], &drift->side[s].residuals, error);
    }
    if (status == HD_OK) hd_drift_enter_residuals(drift);
    status = hd_lanes_end(state.lanes, LANES, status, error);
    for (size_t s = 0; s < 2; s++) release_run(&state.run[s]);
    return status;
}

/* --- whether a capture can be judged here --- */

static hd_status try_side(void *context, hd_error *error) {
    const hd_drift_side *side = context;
    const hd_capture_info *captured = &side->capture->info;
    hd_dataset dataset = {0};
    hd_device *device = NULL;
    hd_status status = hd_problem_data(&side->variant->experiment, &dataset, error);
    if (status == HD_OK && strcmp(dataset.sha256, captured->data_sha256) != 0)
        status = hd_fail(error, HD_INVALID, "made from other data than are here");
    hd_job job = hd_variant_job(side->variant, &dataset);
    if (status == HD_OK && !captured->full) /* it is run again */
        status = hd_run_device(job.experiment, job.device, &job.options, &device, error);
    hd_device_close(device);
    hd_dataset_free(&dataset);
    return status;
}

hd_status hd_lockstep_try(const hd_drift_side *side, hd_error *error) {
    return hd_process_run(side->capture->stream.name, try_side, (void *)(uintptr_t)side, error);
}

/* --- one run --- */

hd_status hd_lockstep_read(const hd_variant *variant, unsigned tensors,
                           bool (*look)(void *context, const hd_capture_reader *reader), void *context,
                           hd_error *error) {
    static hd_running_lane run;
    hd_lane lane;
    memset(&run, 0, sizeof run);
    hd_status status = prepare_run(&run, &lane, variant->experiment.name, variant, tensors, error);
    if (status == HD_OK) status = hd_lanes_start(&lane, 1, error);
    if (status == HD_OK) status = start_reading(&run, error);
    while (status == HD_OK) {
        status = hd_capture_read(&run.reader, tensors, true, error);
        if (status != HD_OK || run.reader.ended) break;
        if (!look(context, &run.reader)) status = hd_fail(error, HD_INVALID, "%s: stopped", lane.what);
    }
    status = hd_lanes_end(&lane, 1, status, error);
    release_run(&run);
    return status;
}

/* --- two runs, by turns --- */

/* Sends the follower the leader's state in place of the one that it has just shown. */
static bool send_state(hd_running_lane *follower, const hd_alternation *turns) {
    hd_frame_head head = follower->reader.head;
    hd_sink feed = hd_lane_feed(follower->lane);
    bool float32;
    const void *values = turns->lead(turns->context, &head.place, &float32);
    head.float32 = float32;
    return feed.write(feed.context, &head, sizeof head) &&
           feed.write(feed.context, values, head.count * (float32 ? sizeof(float) : sizeof(double)));
}

/* Reads a lane until the end of its hyper-iteration. */
static hd_status take_turn(hd_running_lane *run, size_t which, const hd_alternation *turns, hd_error *error) {
    hd_status status = hd_capture_read(&run->reader, run->shows, true, error);
    while (status == HD_OK && !run->reader.ended) {
        uint8_t tensor = run->reader.head.place.tensor;
        if (!turns->look(turns->context, which, &run->reader) ||
            ((run->leads >> tensor & 1) && !send_state(run, turns)))
            return hd_fail(error, HD_INVALID, "%s: stopped", run->lane->what);
        if (tensor == HD_HYPERPARAMETERS) break;
        status = hd_capture_read(&run->reader, run->shows, true, error);
    }
    return status;
}

hd_status hd_lockstep_alternate(const hd_variant *leader, const hd_variant *follower,
                                const hd_alternation *turns, hd_error *error) {
    static hd_running_lane runs[2];
    const hd_variant *const variants[2] = {leader, follower};
    hd_lane lanes[2] = {{.what = NULL}};
    hd_status status = HD_OK;
    memset(runs, 0, sizeof runs);
    for (size_t i = 0; status == HD_OK && i < 2; i++)
        status = prepare_run(&runs[i], &lanes[i], hd_mode_name(variants[i]->mode), variants[i],
                             turns->tensors[i], error);
    runs[1].leads = turns->leads;
    if (status == HD_OK) status = hd_lanes_start(lanes, 2, error);
    for (size_t i = 0; status == HD_OK && i < 2; i++) status = start_reading(&runs[i], error);
    for (size_t i = 0; status == HD_OK && i < 2 * leader->experiment.hyper_iterations; i++)
        status = take_turn(&runs[i % 2], i % 2, turns, error);
    for (size_t i = 0; status == HD_OK && i < 2; i++) /* the end, whose hash is checked */
        status = hd_capture_read(&runs[i].reader, runs[i].shows, true, error);
    status = hd_lanes_end(lanes, 2, status, error);
    for (size_t i = 0; i < 2; i++) release_run(&runs[i]);
    return status;
}

/* --- captures --- */

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
    hd_capture_writer_free(&writer);
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
