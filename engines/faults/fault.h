/* Planted faults: errors made on purpose, which the harness must find.
 *
 * We link them over the program's own objects (build/hyperdrift-faults, `make faults`): the linker's --wrap
 * calls a __wrap_ function of this folder instead of the real one, and an overlay lies on the `cpu` device's
 * operations. The program and its sources know nothing of them. We plant one fault at a time, in one place of
 * a run on `cpu`; the float64 reference, which judges, has none. */
#ifndef HD_FAULTS_FAULT_H
#define HD_FAULTS_FAULT_H

#include "faults/catalogue.h"
#include "modes/engine.h"

/* Begins the definition of a function that runs instead of `name`, and calls it as __real_name. */
#define HD_WRAP(type, name, ...)                                                                             \
    type __real_##name(__VA_ARGS__);                                                                         \
    type __wrap_##name(__VA_ARGS__);                                                                         \
    type __wrap_##name(__VA_ARGS__)

/* From now on this process plants the fault (or none) in its runs on `cpu`. */
void hd_fault_choose(hd_planted which);
hd_planted hd_fault_chosen(void);

/* Call it when a device of this name was opened for a run. True if the chosen fault is planted in it. */
bool hd_fault_begin(const char *device);

/* Call it when this engine begins a hyper-iteration; NULL: it has ended. */
void hd_fault_iterate(hd_engine *engine);

/* Whether this fault is planted in the current run. */
bool hd_fault_acts(hd_planted which);

/* hd_fault_now: ... and the run is in the fault's hyper-iteration. hd_fault_here: ... and at its step. */
bool hd_fault_now(hd_planted which);
bool hd_fault_here(hd_planted which);

/* The engine that runs now; NULL: none. */
hd_engine *hd_fault_engine(void);

#endif
