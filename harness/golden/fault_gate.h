/* What new goldens must pass before they are kept: they must see every planted fault. */
#ifndef HD_GOLDEN_FAULT_GATE_H
#define HD_GOLDEN_FAULT_GATE_H

#include "core/error.h"

/* Whether the program that plants faults, hyperdrift-faults, lies beside this one. HD_INVALID says how it is
 * built. */
hd_status hd_fault_gate_possible(hd_error *error);

/* Lets it plant all its faults in a data root where `folder` stands for the experiment's goldens, and all
 * else is as in `root` (but no ledger is kept); its table goes to stdout. HD_DIFFERENT: a fault would not
 * be seen; HD_UNAVAILABLE: it could not be told. */
hd_status hd_fault_gate(const char *root, const char *experiment, const char *folder, hd_error *error);

#endif
