#include "drift/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PIPE_BYTES = 1 << 20 };

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

/* Whether all bytes came; *end: no more come. */
static bool read_all(int from, void *bytes, size_t count, bool *end) {
    *end = false;
    while (count > 0 && !*end) {
        ssize_t got = read(from, bytes, count);
        if (got < 0 && errno == EINTR && !hd_process_interrupted()) continue;
        if (got < 0) return false;
        *end = got == 0;
        bytes = (char *)bytes + got;
        count -= (size_t)got;
    }
    return count == 0;
}

static hd_status read_output(void *context, void *bytes, size_t count, hd_error *error) {
    const hd_lane *lane = context;
    bool end;
    if (read_all(lane->out[0], bytes, count, &end)) return HD_OK;
    return hd_fail(error, HD_INVALID, "a run ended before its tensors did");
}

static hd_status read_input(void *context, void *bytes, size_t count, hd_error *error) {
    hd_lane *lane = context;
    if (read_all(lane->in[0], bytes, count, &lane->input_ended)) return HD_OK;
    return hd_fail(error, HD_INVALID, "%s: its tensors ended too early", lane->what);
}

static bool input_ended(void *context) {
    const hd_lane *lane = context;
    return lane->input_ended;
}

static void shut(int *descriptor) {
    if (*descriptor >= 0) close(*descriptor);
    *descriptor = -1;
}

hd_stream hd_lane_output(hd_lane *lane) {
    return (hd_stream){.read = read_output, .context = lane, .name = lane->what};
}

hd_stream hd_lane_input(hd_lane *lane) {
    return (hd_stream){.read = read_input, .context = lane, .ended = input_ended, .name = lane->what};
}

hd_sink hd_lane_feed(hd_lane *lane) {
    return (hd_sink){write_all, &lane->in[1]};
}

hd_sink hd_lane_sink(hd_lane *lane) {
    return (hd_sink){write_all, &lane->out[1]};
}

void hd_lane_finish(hd_lane *lane) {
    shut(&lane->in[1]);
}

static hd_status open_pipes(hd_lane *lane, hd_error *error) {
    if (pipe(lane->out) || pipe(lane->in))
        return hd_fail(error, HD_UNAVAILABLE, "%s: no pipe: %s", lane->what, strerror(errno));
    fcntl(lane->out[0], F_SETPIPE_SZ, PIPE_BYTES); /* we do not mind a refusal */
    fcntl(lane->in[0], F_SETPIPE_SZ, PIPE_BYTES);
    return HD_OK;
}

typedef struct hd_starting {
    hd_lane *lanes;
    size_t count, which;
} hd_starting;

/* In the lane's process: closes the other ends, else no lane would notice the end of another. */
static hd_status run(void *context, hd_error *error) {
    const hd_starting *starting = context;
    for (size_t i = 0; i < starting->count; i++) {
        hd_lane *other = &starting->lanes[i];
        shut(&other->out[0]);
        shut(&other->in[1]);
        if (i == starting->which) continue;
        shut(&other->out[1]);
        shut(&other->in[0]);
    }
    hd_lane *lane = &starting->lanes[starting->which];
    return lane->body(lane, error);
}

hd_status hd_lanes_start(hd_lane *lanes, size_t count, hd_error *error) {
    hd_status status = HD_OK;
    for (size_t i = 0; i < count; i++) {
        lanes[i].out[0] = lanes[i].out[1] = lanes[i].in[0] = lanes[i].in[1] = -1;
        lanes[i].opened = true;
    }
    for (size_t i = 0; status == HD_OK && i < count; i++)
        if (lanes[i].body) status = open_pipes(&lanes[i], error);
    for (size_t i = 0; status == HD_OK && i < count; i++) {
        hd_starting starting = {lanes, count, i};
        if (lanes[i].body) status = hd_process_start(&lanes[i].process, lanes[i].what, run, &starting, error);
    }
    for (size_t i = 0; i < count; i++) {
        shut(&lanes[i].out[1]);
        shut(&lanes[i].in[0]);
    }
    return status;
}

hd_status hd_lanes_end(hd_lane *lanes, size_t count, hd_status status, hd_error *error) {
    hd_status cause = HD_OK;
    for (size_t i = 0; i < count; i++) {
        if (!lanes[i].opened) continue;
        shut(&lanes[i].out[0]); /* stops one that still writes */
        shut(&lanes[i].in[1]);
    }
    for (size_t i = 0; i < count; i++) {
        hd_error end = {HD_OK, ""};
        hd_status ended = hd_process_wait(&lanes[i].process, &end);
        if (cause == HD_OK && ended != HD_OK) cause = ended, *error = end;
    }
    return cause != HD_OK ? cause : status;
}
