/* New goldens must find every planted fault before we keep them. */
#ifndef HD_GOLDEN_FAULT_GATE_H
#define HD_GOLDEN_FAULT_GATE_H

#include "core/error.h"

/* HD_OK if hyperdrift-faults, which plants faults, lies beside this program; HD_INVALID: how to build it. */
hd_status hd_fault_gate_possible(hd_error *error);

/* Runs it in a data root where `folder` holds the experiment's goldens, and all else is as in `root` (without
 * a ledger); it prints its table on stdout. HD_DIFFERENT: a fault would not be found; HD_UNAVAILABLE: we
 * could not tell. */
hd_status hd_fault_gate(const char *root, const char *experiment, const char *folder, hd_error *error);

#endif
