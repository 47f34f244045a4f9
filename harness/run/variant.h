/* A variant: one side of a comparison. An experiment with KEY=VALUE words that say how to run it or change
 * its settings; all else is its own. */
#ifndef HD_RUN_VARIANT_H
#define HD_RUN_VARIANT_H

#include "experiment/dataset.h"
#include "experiment/experiment.h"
#include "run/run.h"

#include <stdio.h>

enum { HD_VARIANT_WORDS = 32, HD_VARIANT_KEY = 64, HD_VARIANT_VALUE = 128 };

/* KEY is one of
 *   device=cpu|reference|...   mode=forward|reverse   threads=N   loops=...   blis-kernels=skx|haswell|...
 *   rounding=SEED   (random rounding, device/overlay/rounding.h; device=cpu only)
 *   arithmetic= tf32= fill= fill-race= powf=   (short names of settings, which replace their long ones)
 *   section.key=   any setting of the experiment */
typedef struct hd_word {
    char key[HD_VARIANT_KEY], value[HD_VARIANT_VALUE];
} hd_word;

typedef struct hd_variant {
    char path[PATH_MAX]; /* of the experiment's file */
    const char *ini;     /* its text; it is there until the program ends */
    hd_word words[HD_VARIANT_WORDS];
    size_t count;

    hd_experiment experiment; /* with the words' changes */
    hd_mode mode;             /* reverse if no word says */
    char device[16];          /* cpu if no word says */
    char kernels[16], loops[16], math[16];
    size_t threads;
    uint32_t rounding; /* 0, or the seed of random rounding */
} hd_variant;

/* Makes a variant of the experiment that the user calls `name` from texts[count], each "KEY=VALUE"; a key's
 * last one counts. HD_INVALID, with what is allowed: an unknown key, a value out of range, no such
 * experiment. */
hd_status hd_variant_make(const char *name, const char *const *texts, size_t count, hd_variant *variant,
                          hd_error *error);

/* The same for the text of an experiment's file, which is copied; path is for messages. */
hd_status hd_variant_of_text(const char *path, const char *ini, const char *const *texts, size_t count,
                             hd_variant *variant, hd_error *error);

/* Makes *out from `variant` with the word of that key from `other` (without it, if `other` has none). Errors
 * as hd_variant_make's. */
hd_status hd_variant_swap(const hd_variant *variant, const hd_variant *other, const char *key,
                          hd_variant *out, hd_error *error);

/* Makes *out from `variant`, with key=value. Errors as hd_variant_make's. (It is inline so that it calls the
 * test build's hd_variant_swap.) */
static inline hd_status hd_variant_with(const hd_variant *variant, const char *key, const char *value,
                                        hd_variant *out, hd_error *error) {
    hd_variant other = {.count = 1};
    snprintf(other.words[0].key, sizeof other.words[0].key, "%s", key);
    snprintf(other.words[0].value, sizeof other.words[0].value, "%s", value);
    return hd_variant_swap(variant, &other, key, out, error);
}

/* Whether the two run alike, so that we expect the same bits. */
bool hd_variant_same(const hd_variant *a, const hd_variant *b);

/* HD_INVALID, with what differs, unless both have tensors of the same shapes at the same steps. */
hd_status hd_variant_comparable(const hd_variant *a, const hd_variant *b, hd_error *error);

/* Writes its words, "mode=forward fill=tf-gpu-2017" or "as it stands", into text and returns it. */
const char *hd_variant_text(const hd_variant *variant, char *text, size_t size);

/* The job that runs it; the variant and the data must outlive the job. */
hd_job hd_variant_job(const hd_variant *variant, const hd_dataset *dataset);

#endif
