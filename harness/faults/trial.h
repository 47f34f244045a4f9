/* Tries what `drift` says of a fault: live, and of captures. */
#ifndef HD_FAULTS_TRIAL_H
#define HD_FAULTS_TRIAL_H

#include "faults/catalogue.h"
#include "faults/program.h"

#include <stdbool.h>

enum { HD_TRIAL_LIVE, HD_TRIAL_SWAPPED, HD_TRIAL_FULL, HD_TRIAL_DIGEST, HD_TRIALS };

typedef struct hd_trial {
    char verdict[HD_TRIALS][64]; /* in drift's words; "" was not tried */
    char place[HD_SAID];         /* where it finds the fault, live */
    bool placed;                 /* that is right, and so are the places that captures give */
    bool judged_right;           /* no verdict clears a fault or blames a benign change */
} hd_trial;

/* Tries it. captures: also by full captures and by digests. Errors as the program's. */
hd_status hd_trial_run(const hd_planted_fault *fault, const char *scratch, bool captures, hd_trial *trial,
                       hd_error *error);

#endif
