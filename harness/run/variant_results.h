/* Runs a variant for its results alone. */
#ifndef HD_RUN_VARIANT_RESULTS_H
#define HD_RUN_VARIANT_RESULTS_H

#include "run/record.h"
#include "run/variant.h"

typedef struct hd_variant_results {
    hd_record *records; /* [count], owned: of each hyper-iteration, without weights' values */
    size_t count;
} hd_variant_results;

/* Runs the variant with the decisions kinks[kink_count] forced (kink.h). Errors as hd_run's. End with
 * hd_variant_results_free, also after a failure. */
hd_status hd_variant_results_compute(const hd_variant *variant, const hd_kink *kinks, size_t kink_count,
                                     hd_variant_results *results, hd_error *error);
void hd_variant_results_free(hd_variant_results *results);

/* Runs it likewise and writes one hyper-iteration's hypergradients[variant->experiment.hypers]. */
hd_status hd_variant_hypergradients(const hd_variant *variant, const hd_kink *kinks, size_t kink_count,
                                    size_t iteration, double *hypergradients, hd_error *error);

#endif
