/* Lanes: processes that run side by side, each with a pipe to us and, if it reads, one from us. */
#ifndef HD_DRIFT_LANE_H
#define HD_DRIFT_LANE_H

#include "base/process.h"
#include "capture/capture.h"

typedef struct hd_lane {
    const char *what;                                         /* for messages */
    hd_status (*body)(struct hd_lane *lane, hd_error *error); /* in its process; NULL: the lane is not used */
    void *context;
    bool opened;       /* the pipes' numbers are set */
    int out[2], in[2]; /* pipes: from it, to it; -1: not open */
    bool input_ended;  /* in its process: we had nothing more for it */
    hd_process process;
} hd_lane;

/* Starts the used ones of lanes[count]; a failure leaves them to hd_lanes_end. The caller must not have used OpenMP or
 * BLIS. HD_UNAVAILABLE: no pipe or process. */
hd_status hd_lanes_start(hd_lane *lanes, size_t count, hd_error *error);

/* Closes all pipes (of lanes that were never started: none), waits for the lanes, and returns `status` or what a lane ended with, which is nearer the cause than
 * the end of its pipe. */
hd_status hd_lanes_end(hd_lane *lanes, size_t count, hd_status status, hd_error *error);

/* What we read from a lane, which must write all that is expected; what a lane reads from us, which may end early. */
hd_stream hd_lane_output(hd_lane *lane);
hd_stream hd_lane_input(hd_lane *lane);

/* What we write to a lane; what a lane writes to us. */
hd_sink hd_lane_feed(hd_lane *lane);
hd_sink hd_lane_sink(hd_lane *lane);

/* Tells a lane that nothing more comes. */
void hd_lane_finish(hd_lane *lane);

#endif
