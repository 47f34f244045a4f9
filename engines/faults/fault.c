#include "faults/fault.h"

#include <string.h>

static struct {
    hd_planted chosen;
    bool acts; /* the open device is one to plant faults in */
    size_t iteration;
    hd_engine *engine;
} planted = {.chosen = HD_NOTHING_PLANTED};

void hd_fault_choose(hd_planted which) {
    planted.chosen = which;
}

hd_planted hd_fault_chosen(void) {
    return planted.chosen;
}

bool hd_fault_begin(const char *device) {
    planted.iteration = 0;
    planted.acts = planted.chosen != HD_NOTHING_PLANTED && !strcmp(device, "cpu");
    return planted.acts;
}

void hd_fault_iterate(hd_engine *engine) {
    planted.engine = engine;
    if (!engine) planted.iteration++;
}

bool hd_fault_acts(hd_planted which) {
    return planted.acts && planted.chosen == which;
}

bool hd_fault_now(hd_planted which) {
    const hd_planted_fault *fault = &hd_fault_catalogue[which];
    bool later = fault->step == HD_EVERY_STEP && planted.iteration > fault->iteration;
    return hd_fault_acts(which) && (later || planted.iteration == fault->iteration);
}

bool hd_fault_here(hd_planted which) {
    size_t step = hd_fault_catalogue[which].step;
    return hd_fault_now(which) && planted.engine &&
           (step == HD_EVERY_STEP || planted.engine->device->step == step);
}

hd_engine *hd_fault_engine(void) {
    return planted.engine;
}
