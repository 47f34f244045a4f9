/* The command of the program with planted faults. */
#ifndef HD_FAULTS_FAULTS_H
#define HD_FAULTS_FAULTS_H

#include "core/error.h"

/* hyperdrift-faults faults [EXPERIMENT|FAULT...]: plants one fault after another (those of the names given,
 * else all), lets `check` judge with and without the goldens' bits, lets `drift` look for it, and prints a
 * table. HD_OK: every fault was detected as its kind in the catalogue says, 90 % were located, and no verdict of
 * drift was wrong; HD_DIFFERENT: not so; HD_INVALID: an unknown name. */
hd_status hd_command_faults(int count, char **words);

#endif
