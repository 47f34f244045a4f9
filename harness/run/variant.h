/* A variant: one side of a comparison. An experiment, and KEY=VALUE words that say how it is run or what is
 * changed in it; what they leave out is the experiment's own. */
#ifndef HD_RUN_VARIANT_H
#define HD_RUN_VARIANT_H

#include "experiment/dataset.h"
#include "experiment/experiment.h"
#include "run/run.h"

#include <stdio.h>

enum { HD_VARIANT_WORDS = 32, HD_VARIANT_KEY = 64, HD_VARIANT_VALUE = 128 };

/* KEY is one of
 *   device=cpu|reference|...   mode=forward|reverse   threads=N   loops=...
 *   blis-kernels=skx|haswell|...
 *   rounding=SEED   (each result rounded once more, at random: engines/device/overlay/rounding.h; device=cpu only)
 *   arithmetic= tf32= fill= fill-race= powf=   (the experiment's, by their short names, which their long ones
 * become)
 *   section.key=   any setting of the experiment */
typedef struct hd_word {
    char key[HD_VARIANT_KEY], value[HD_VARIANT_VALUE];
} hd_word;

typedef struct hd_variant {
    char path[PATH_MAX]; /* of the experiment's file */
    hd_word words[HD_VARIANT_WORDS];
    size_t count;

    hd_experiment experiment; /* with the words' changes */
    hd_mode mode;             /* reverse, if no word says */
    char device[16];          /* cpu, if no word says */
    char kernels[16], loops[16], math[16];
    size_t threads;
    uint32_t rounding; /* 0, or the seed of random rounding */
} hd_variant;

/* Makes a variant of the experiment that the user calls `name` from texts[count], each "KEY=VALUE"; of a key
 * that is there twice the last counts. HD_INVALID, with what is allowed: an unknown key, a value out of
 * range, no such experiment. */
hd_status hd_variant_make(const char *name, const char *const *texts, size_t count, hd_variant *variant,
                          hd_error *error);

/* *out is `variant` with the word of that key taken from `other` (or taken away, where `other` has none).
 * Errors as hd_variant_make's. */
hd_status hd_variant_swap(const hd_variant *variant, const hd_variant *other, const char *key,
                          hd_variant *out, hd_error *error);

/* *out is `variant` with key=value. Errors as hd_variant_make's. (Here, so that it calls what the test build
 * puts in hd_variant_swap's place.) */
static inline hd_status hd_variant_with(const hd_variant *variant, const char *key, const char *value,
                                        hd_variant *out, hd_error *error) {
    hd_variant other = {.count = 1};
    snprintf(other.words[0].key, sizeof other.words[0].key, "%s", key);
    snprintf(other.words[0].value, sizeof other.words[0].value, "%s", value);
    return hd_variant_swap(variant, &other, key, out, error);
}

/* Whether the two are run alike: same results expected, to the bit. */
bool hd_variant_same(const hd_variant *a, const hd_variant *b);

/* HD_INVALID, naming what differs, unless the two have tensors of the same shapes at the same steps. */
hd_status hd_variant_comparable(const hd_variant *a, const hd_variant *b, hd_error *error);

/* Its words, "mode=forward fill=tf-gpu-2017", or "as it stands". */
const char *hd_variant_text(const hd_variant *variant, char *text, size_t size);

/* The job of running it; the variant and the data must outlive it. */
hd_job hd_variant_job(const hd_variant *variant, const hd_dataset *dataset);

#endif
