/* A trial: a variant run for its results alone. */
#ifndef HD_RUN_VARIANT_RESULTS_H
#define HD_RUN_VARIANT_RESULTS_H

#include "run/record.h"
#include "run/variant.h"

typedef struct hd_trial {
    hd_record *records; /* [count], owned: of each hyper-iteration, without weights' values */
    size_t count;
} hd_trial;

/* Runs the variant, with kinks[kink_count] ordered (kink.h). Errors as hd_run's. End with hd_trial_free, also
 * after a failure. */
hd_status hd_trial_run(const hd_variant *variant, const hd_kink *kinks, size_t kink_count, hd_trial *trial,
                       hd_error *error);
void hd_trial_free(hd_trial *trial);

/* Runs it for one hyper-iteration's hypergradients[variant->experiment.hypers]. */
hd_status hd_trial_hypergradients(const hd_variant *variant, const hd_kink *kinks, size_t kink_count,
                                  size_t iteration, double *hypergradients, hd_error *error);

#endif
