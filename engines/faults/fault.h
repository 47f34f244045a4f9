/* Planted faults: what the harness must see.
 *
 * They are linked over the very objects of the program (build/hyperdrift-faults, `make faults`): a function
 * whose __wrap_ stands in this folder is called in the place of the real one (the linker's --wrap), and an
 * overlay lies on the `cpu` device's operations. The sources and the program know nothing of them. One fault
 * is planted at a time, in one place of a run on `cpu`; the float64 reference, which judges, stays whole. */
#ifndef HD_FAULTS_FAULT_H
#define HD_FAULTS_FAULT_H

#include "faults/catalogue.h"
#include "modes/engine.h"

/* Begins the definition of a function that is called in the place of hd_...; it calls the real one as
 * __real_hd_... */
#define HD_WRAP(type, name, ...)                                                                             \
    type __real_##name(__VA_ARGS__);                                                                         \
    type __wrap_##name(__VA_ARGS__);                                                                         \
    type __wrap_##name(__VA_ARGS__)

/* From now on this process plants it (or nothing) in what it runs on `cpu`. */
void hd_fault_choose(hd_planted which);
hd_planted hd_fault_chosen(void);

/* A device of this name was opened for a run. True where the fault chosen is planted in it. */
bool hd_fault_begin(const char *device);

/* This engine begins a hyper-iteration; NULL: it has ended. */
void hd_fault_iterate(hd_engine *engine);

/* Whether this fault is planted in the run that goes on. */
bool hd_fault_acts(hd_planted which);

/* ... and the run is in the hyper-iteration in which it acts; ... and at its step. */
bool hd_fault_now(hd_planted which);
bool hd_fault_here(hd_planted which);

/* The engine that runs; NULL: none. */
hd_engine *hd_fault_engine(void);

#endif
