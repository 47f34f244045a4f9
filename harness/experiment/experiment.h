/* An experiment: one training problem and the hyperparameters whose hypergradients are wanted, from an INI
 * file. Loading checks everything: what an hd_experiment holds can be run. */
#ifndef HD_EXPERIMENT_EXPERIMENT_H
#define HD_EXPERIMENT_EXPERIMENT_H

#include "core/error.h"
#include "modes/hypergradient.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HD_MAX_HYPER_ITERATIONS = 1000,
    HD_EXPERIMENT_NAME = 64,
};

typedef enum hd_data_source { HD_DATA_MNIST, HD_DATA_FASHION_MNIST, HD_DATA_BLOBS } hd_data_source;

/* How the initial weights are drawn: in order, or as TensorFlow 1.1 did with 49,152 threads on a GPU. */
typedef enum hd_fill { HD_FILL_TF_CPU, HD_FILL_TF_GPU_2017 } hd_fill;

typedef struct hd_experiment {
    char name[HD_EXPERIMENT_NAME]; /* letters, digits, '-', '_': it names a folder */
    char path[PATH_MAX];           /* of the INI file */
    uint32_t seed;                 /* the visiting scheme's and the initial weights' */
    size_t hyper_iterations;

    hd_data_source source;
    size_t examples, inputs, classes;  /* the whole data set's, known before it is read */
    size_t greys;                      /* values that a pixel can have; blobs: 2 .. 256, others: 256 */
    size_t training, validation, test; /* the examples in this order; they add up to `examples` */

    size_t layers;                  /* weight matrices: hidden layers + 1 */
    size_t dims[HD_MAX_LAYERS + 1]; /* layers + 1: inputs, hidden units ..., classes */
    hd_fill fill;
    uint64_t race[HD_MAX_HYPER_ITERATIONS / 64 + 1]; /* bits; see hd_experiment_race */

    size_t steps, batch, epochs; /* steps * batch <= epochs * training, batch <= training */

    size_t hypers;
    hd_hyperparameter hyper[HD_MAX_HYPERS]; /* rho_l1 of each layer, rho_l2 of each layer, eta, mu */
    float value[HD_MAX_HYPERS];             /* initial values */

    float rate;       /* of the hyper-optimizer, Adam */
    bool nonnegative; /* hyperparameters are kept >= 0 */
    bool titan_x;     /* hyper-optimizer.powf = titan-x-2017: see hd_hyperopt */

    const char *arithmetic; /* device.arithmetic and tf32, as in hd_device_options: "cublas", "cublas-tf32",
                               or NULL: the device's usual one, exact */

    /* Hash of all settings but name and [device], overrides included, whatever the file's layout and
     * comments. 64 hexadecimal digits. */
    char sha256[65];
} hd_experiment;

/* Reads the INI file at path, applies the overrides ("section.key=value"; a key's last one wins) and checks
 * everything. *out needs no freeing. HD_INVALID: an unreadable file, or anything wrong in it or in an
 * override; the message names file, line (or --set), key, cause, and what is allowed. */
hd_status hd_experiment_load(const char *path, const char *const *overrides, size_t override_count,
                             hd_experiment *out, hd_error *error);

/* Reads the text of an INI file, which the caller frees with free(). HD_INVALID: it is unreadable, too large
 * or not text. */
hd_status hd_experiment_text(const char *path, char **text, hd_error *error);

/* The same as hd_experiment_load for a text; path is for messages and *out. */
hd_status hd_experiment_parse(const char *path, const char *text, const char *const *overrides,
                              size_t override_count, hd_experiment *out, hd_error *error);

/* Gives the experiment another seed, for data, visiting scheme and initial weights; its hash changes, and its
 * name becomes NAME-seed-SEED. HD_INVALID: that name is too long; HD_UNAVAILABLE: no memory. */
hd_status hd_experiment_reseed(hd_experiment *experiment, uint32_t seed, hd_error *error);

/* Whether thread 0 wrote last (hd_fill_kernel) in this hyper-iteration (0, 1, ...). */
bool hd_experiment_race(const hd_experiment *experiment, size_t iteration);

/* The folder that holds fixtures/ and golden/: the environment's HYPERDRIFT_ROOT, else "." if it has both,
 * else where `make install` puts them. Never NULL. */
const char *hd_data_root(void);

/* Writes the path of the experiment that a user calls `word`: a word with a '/' or that ends in ".ini" is a
 * path; any other means fixtures/WORD.ini under the data root. HD_INVALID: no such file, or its path is too
 * long. */
hd_status hd_experiment_find(const char *word, char path[PATH_MAX], hd_error *error);

/* Writes the sorted names of the experiments in fixtures/ under the data root (file names without ".ini")
 * into *names, one block that the caller frees with free(). HD_INVALID: the folder cannot be read;
 * HD_UNAVAILABLE: no memory; *names is then NULL. */
hd_status hd_experiment_list(char ***names, size_t *count, hd_error *error);

#endif
