/* The program with faults in it, and what it is for. */
#ifndef HD_FAULTS_FAULTS_H
#define HD_FAULTS_FAULTS_H

#include "core/error.h"

/* hyperdrift-faults faults [EXPERIMENT|FAULT...]: plants one fault after another (those of the experiments
 * or of the names given, else all), lets `check` judge, with and without the goldens' bits, and `drift` look
 * for it, and prints a table. HD_OK: every one was seen both ways and 90 % were located; HD_DIFFERENT: not
 * so; HD_INVALID: a name that is not known. */
hd_status hd_command_faults(int count, char **words);

#endif
