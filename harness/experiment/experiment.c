#include "experiment/experiment.h"

#include "base/sha256.h"
#include "experiment/settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t max_steps = 1000000, max_batch = 1000000, max_epochs = 10000, max_units = 65536;
static const size_t max_weights = 100000000, max_scheme = 1000000000, max_pixels = 4000000000;

/* Reads one section's settings into the experiment and checks them. */
typedef hd_status part(const hd_settings *settings, hd_experiment *out, hd_error *error);

static hd_status read_whole(const hd_settings *settings, hd_key key, size_t min, size_t max, size_t *out,
                            hd_error *error) {
    const hd_status status = hd_settings_require(settings, key, error);
    return status == HD_OK ? hd_settings_whole(settings, key, min, max, out, error) : status;
}

static hd_status read_name(const hd_settings *settings, hd_experiment *out, hd_error *error) {
    const hd_status status = hd_settings_require(settings, HD_KEY_NAME, error);
    if (status != HD_OK) return status;
    static const char allowed[] = "0123456789-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *text = settings->of[HD_KEY_NAME].text;
    const size_t length = strlen(text);
    if (length == 0 || length >= sizeof out->name || text[strspn(text, allowed)])
        return hd_settings_fail(settings, HD_KEY_NAME, error,
                                "no name; allowed: 1 to %zu letters, digits, '-' and '_'",
                                sizeof out->name - 1);
    memcpy(out->name, text, length + 1);
    return HD_OK;
}

static hd_status read_experiment(const hd_settings *settings, hd_experiment *out, hd_error *error) {
    size_t seed = 0;
    hd_status status = read_name(settings, out, error);
    if (status == HD_OK) status = read_whole(settings, HD_KEY_SEED, 0, UINT32_MAX, &seed, error);
    if (status == HD_OK)
        status = read_whole(settings, HD_KEY_HYPER_ITERATIONS, 1, HD_MAX_HYPER_ITERATIONS,
                            &out->hyper_iterations, error);
    out->seed = (uint32_t)seed;
    return status;
}

static const char *const sources[] = {"mnist", "fashion-mnist", "blobs", NULL};

static hd_status read_blobs(const hd_settings *settings, hd_experiment *out, hd_error *error) {
    hd_status status = read_whole(settings, HD_KEY_EXAMPLES, 4, 10000000, &out->examples, error);
    if (status == HD_OK) status = read_whole(settings, HD_KEY_INPUTS, 1, max_units, &out->inputs, error);
    if (status == HD_OK) status = read_whole(settings, HD_KEY_CLASSES, 2, 256, &out->classes, error);
    out->greys = 256;
    if (status == HD_OK && settings->of[HD_KEY_GREYS].given)
        status = hd_settings_whole(settings, HD_KEY_GREYS, 2, 256, &out->greys, error);
    if (status == HD_OK && out->examples * out->inputs > max_pixels)
        return hd_settings_fail(settings, HD_KEY_EXAMPLES, error,
                                "%zu examples of %zu inputs are too many; allowed: %zu inputs in all",
                                out->examples, out->inputs, max_pixels);
    return status;
}

static hd_status use_known_sizes(const hd_settings *settings, hd_experiment *out, hd_error *error) {
    out->examples = 70000, out->inputs = 784, out->classes = 10, out->greys = 256;
    static const hd_key forbidden[] = {HD_KEY_EXAMPLES, HD_KEY_INPUTS, HD_KEY_CLASSES, HD_KEY_GREYS};
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        if (settings->of[forbidden[i]].given)
            return hd_settings_fail(
                settings, forbidden[i], error,
                "%s has 70000 examples, 784 inputs, 10 classes, 256 greys; allowed: with source = blobs only",
                sources[out->source]);
    return HD_OK;
}

/* Cuts the list of examples at floor(n p) and floor(n p) + floor(n q). In binary a decimal such as 0.3 is
 * slightly off, and n times it may be a few 1e-9 below the whole number that was meant: we add 1e-6. */
static hd_status read_partitions(const hd_settings *settings, hd_experiment *out, hd_error *error) {
    hd_status status = hd_settings_require(settings, HD_KEY_PARTITIONS, error);
    if (status != HD_OK) return status;
    double share[2];
    size_t count;
    status = hd_settings_numbers(settings, HD_KEY_PARTITIONS, 2, 2, share, &count, error);
    if (status != HD_OK) return status;
    if (!(share[0] > 0 && share[1] > 0 && share[0] + share[1] <= 1 + 1e-12))
        return hd_settings_fail(settings, HD_KEY_PARTITIONS, error,
                                "shares out of range; allowed: each above 0, together at most 1");
    const double n = (double)out->examples;
    out->training = (size_t)floor(n * share[0] + 1e-6);
    out->validation = (size_t)floor(n * share[1] + 1e-6);
    out->test =
        out->training + out->validation < out->examples ? out->examples - out->training - out->validation : 0;
    if (out->training == 0 || out->validation == 0 || out->test == 0)
        return hd_settings_fail(
            settings, HD_KEY_PARTITIONS, error,
            "%zu training, %zu validation and %zu test examples; allowed: 1 or more of each", out->training,
            out->validation, out->test);
    return HD_OK;
}

static hd_status read_data(const hd_settings *settings, hd_experiment *out, hd_error *error) {
    size_t source = 0;
    hd_status status = hd_settings_require(settings, HD_KEY_SOURCE, error);
    if (status == HD_OK) status = hd_settings_choice(settings, HD_KEY_SOURCE, sources, 0, &source, error);
    if (status != HD_OK) return status;
    out->source = (hd_data_source)source;
    status = (out->source == HD_DATA_BLOBS ? read_blobs : use_known_sizes)(settings, out, error);
    return status == HD_OK ? read_partitions(settings, out, error) : status;
}

static hd_status read_layers(const hd_settings *settings, hd_experiment *out, hd_error *error) {
    size_t hidden = 0, weights = 0;
    hd_status status = hd_settings_require(settings, HD_KEY_HIDDEN, error);
    if (status == HD_OK)
        status = hd_settings_wholes(settings, HD_KEY_HIDDEN, 1, max_units, 0, HD_MAX_LAYERS - 1,
                                    out->dims + 1, &hidden, error);
    if (status != HD_OK) return status;
    out->layers = hidden + 1;
    out->dims[0] = out->inputs;
    out->dims[out->layers] = out->classes;
    for (size_t l = 0; l < out->layers; l++) weights += (out->dims[l] + 1) * out->dims[l + 1];
    if (weights > max_weights)
        return hd_settings_fail(settings, HD_KEY_HIDDEN, error,
                                "a network of %zu weights; allowed: up to %zu", weights, max_weights);
    return HD_OK;
}

static hd_status read_race(const hd_settings *settings, hd_experiment *out, hd_error *error) {
    if (!*settings->of[HD_KEY_FILL_RACE].text) return HD_OK;
    if (out->fill != HD_FILL_TF_GPU_2017)
        return hd_settings_fail(settings, HD_KEY_FILL_RACE, error,
                                "a race without its fill; allowed: with fill = tf-gpu-2017 only");
    size_t iteration[HD_SETTING_TEXT], count;
    const hd_status status = hd_settings_wholes(settings, HD_KEY_FILL_RACE, 0, out->hyper_iterations - 1, 0,
                                                HD_SETTING_TEXT, iteration, &count, error);
    if (status != HD_OK) return status;
    for (size_t i = 0; i < count; i++) {
        if (hd_experiment_race(out, iteration[i]))
            return hd_settings_fail(settings, HD_KEY_FILL_RACE, error,
                                    "%zu is given twice; allowed: each hyper-iteration once", iteration[i]);
        out->race[iteration[i] / 64] |= UINT64_C(1) << iteration[i] % 64;
    }
    return HD_OK;
}

static hd_status read_model(const hd_settings *settings, hd_experiment *out, hd_error *error) {
    static const char *const fills[] = {"tf-cpu", "tf-gpu-2017", NULL};
    size_t fill = 0;
    hd_status status = read_layers(settings, out, error);
    if (status == HD_OK)
        status = hd_settings_choice(settings, HD_KEY_FILL, fills, HD_FILL_TF_CPU, &fill, error);
    if (status != HD_OK) return status;
    out->fill = (hd_fill)fill;
    return read_race(settings, out, error);
}

static hd_status read_training(const hd_settings *settings, hd_experiment *out, hd_error *error) {
    static const char *const optimizers[] = {"momentum", NULL};
    size_t momentum;
    hd_status status = hd_settings_choice(settings, HD_KEY_OPTIMIZER, optimizers, 0, &momentum, error);
    if (status == HD_OK) status = read_whole(settings, HD_KEY_STEPS, 1, max_steps, &out->steps, error);
    if (status == HD_OK) status = read_whole(settings, HD_KEY_BATCH, 1, max_batch, &out->batch, error);
    if (status == HD_OK) status = read_whole(settings, HD_KEY_EPOCHS, 1, max_epochs, &out->epochs, error);
    if (status != HD_OK) return status;
    if (out->batch > out->training)
        return hd_settings_fail(settings, HD_KEY_BATCH, error,
                                "more than the training set holds; allowed: up to %zu", out->training);
    const size_t visits = out->epochs * out->training;
    if (out->steps > visits / out->batch)
        return hd_settings_fail(
            settings, HD_KEY_STEPS, error,
            "%zu epochs of %zu examples make %zu batches of %zu; allowed: up to that many steps", out->epochs,
            out->training, visits / out->batch, out->batch);
    if (out->steps * out->batch > max_scheme)
        return hd_settings_fail(settings, HD_KEY_STEPS, error,
                                "%zu examples visited; allowed: steps x batch up to %zu",
                                out->steps * out->batch, max_scheme);
    return HD_OK;
}

/* Adds a hyperparameter with its initial value as float32. Adding 0 turns -0 into 0. */
static hd_status add_hyper(const hd_settings *settings, hd_key key, hd_hyperparameter h, double value,
                           hd_experiment *out, hd_error *error) {
    const float start = (float)value + 0.0f;
    if (h.kind == HD_MU && !(start >= 0 && start < 1))
        return hd_settings_fail(settings, key, error, "out of range; allowed: from 0 to below 1");
    if (h.kind == HD_ETA && !(start > 0 && isfinite(start)))
        return hd_settings_fail(settings, key, error, "out of range; allowed: above 0 and finite as float32");
    if (!(start >= 0 && isfinite(start)))
        return hd_settings_fail(settings, key, error,
                                "out of range; allowed: 0 or more and finite as float32");
    out->hyper[out->hypers] = h;
    out->value[out->hypers++] = start;
    return HD_OK;
}

static hd_status read_rho(const hd_settings *settings, hd_key key, hd_hyper_kind kind, hd_experiment *out,
                          hd_error *error) {
    if (!settings->of[key].given) return HD_OK;
    double rho[HD_MAX_LAYERS];
    size_t count;
    hd_status status = hd_settings_numbers(settings, key, 1, HD_MAX_LAYERS, rho, &count, error);
    if (status == HD_OK && count != 1 && count != out->layers)
        return hd_settings_fail(settings, key, error,
                                "%zu values; allowed: 1 for all layers, or %zu, one a layer", count,
                                out->layers);
    for (size_t l = 0; l < out->layers && status == HD_OK; l++)
        status = add_hyper(settings, key, (hd_hyperparameter){kind, l}, rho[count == 1 ? 0 : l], out, error);
    return status;
}

static hd_status read_scalar_hyper(const hd_settings *settings, hd_key key, hd_hyper_kind kind,
                                   hd_experiment *out, hd_error *error) {
    double value = 0;
    size_t count;
    hd_status status = hd_settings_require(settings, key, error);
    if (status == HD_OK) status = hd_settings_numbers(settings, key, 1, 1, &value, &count, error);
    return status == HD_OK ? add_hyper(settings, key, (hd_hyperparameter){kind, 0}, value, out, error)
                           : status;
}

static hd_status read_hyperparameters(const hd_settings *settings, hd_experiment *out, hd_error *error) {
    hd_status status = read_rho(settings, HD_KEY_RHO_L1, HD_RHO_L1, out, error);
    if (status == HD_OK) status = read_rho(settings, HD_KEY_RHO_L2, HD_RHO_L2, out, error);
    if (status == HD_OK) status = read_scalar_hyper(settings, HD_KEY_ETA, HD_ETA, out, error);
    if (status == HD_OK) status = read_scalar_hyper(settings, HD_KEY_MU, HD_MU, out, error);
    return status;
}

static hd_status read_hyper_optimizer(const hd_settings *settings, hd_experiment *out, hd_error *error) {
    static const char *const methods[] = {"adam", NULL};
    static const char *const constraints[] = {"none", "nonnegative", NULL};
    static const char *const powers[] = {"exact", "titan-x-2017", NULL};
    size_t adam, constraint = 0, power = 0, count;
    double rate = 0;
    hd_status status = hd_settings_choice(settings, HD_KEY_METHOD, methods, 0, &adam, error);
    if (status == HD_OK) status = hd_settings_require(settings, HD_KEY_RATE, error);
    if (status == HD_OK) status = hd_settings_numbers(settings, HD_KEY_RATE, 1, 1, &rate, &count, error);
    if (status == HD_OK)
        status = hd_settings_choice(settings, HD_KEY_CONSTRAINT, constraints, 1, &constraint, error);
    if (status == HD_OK) status = hd_settings_choice(settings, HD_KEY_POWF, powers, 0, &power, error);
    if (status != HD_OK) return status;
    out->rate = (float)rate + 0.0f;
    out->nonnegative = constraint == 1;
    out->titan_x = power == 1;
    if (!(out->rate >= 0 && isfinite(out->rate)))
        return hd_settings_fail(settings, HD_KEY_RATE, error,
                                "out of range; allowed: 0 or more and finite as float32");
    return HD_OK;
}

static hd_status read_device(const hd_settings *settings, hd_experiment *out, hd_error *error) {
    static const char *const arithmetics[] = {"exact", "cublas", NULL};
    static const char *const switches[] = {"off", "on", NULL};
    size_t cublas = 0, tf32 = 0;
    hd_status status = hd_settings_choice(settings, HD_KEY_ARITHMETIC, arithmetics, 0, &cublas, error);
    if (status == HD_OK) status = hd_settings_choice(settings, HD_KEY_TF32, switches, 0, &tf32, error);
    if (status != HD_OK) return status;
    if (cublas) out->arithmetic = tf32 ? "cublas-tf32" : "cublas";
    if (tf32 && !cublas)
        return hd_settings_fail(settings, HD_KEY_TF32, error, "allowed: with arithmetic = cublas only");
    return HD_OK;
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Writes what determines the results as one canonical text, floats as their bits, and hashes it. */
static hd_status identify(hd_experiment *e, hd_error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream) return hd_fail(error, HD_UNAVAILABLE, "%.200s: no memory to identify it", e->path);
    fprintf(stream, "hyperdrift-experiment/1\nseed %u\nhyper-iterations %zu\n", e->seed, e->hyper_iterations);
    fprintf(stream, "source %s %zu", sources[e->source], e->examples);
    if (e->greys != 256) fprintf(stream, " greys %zu", e->greys);
    fprintf(stream, "\npartitions %zu %zu %zu\ndims", e->training, e->validation, e->test);
    for (size_t l = 0; l <= e->layers; l++) fprintf(stream, " %zu", e->dims[l]);
    fprintf(stream, "\nfill %d race", (int)e->fill);
    for (size_t k = 0; k < e->hyper_iterations; k++)
        if (hd_experiment_race(e, k)) fprintf(stream, " %zu", k);
    fprintf(stream, "\nmomentum %zu %zu %zu\n", e->steps, e->batch, e->epochs);
    for (size_t j = 0; j < e->hypers; j++)
        fprintf(stream, "hyper %d %zu %08x\n", (int)e->hyper[j].kind, e->hyper[j].layer,
                bits_of(e->value[j]));
    fprintf(stream, "adam %08x %d%s\n", bits_of(e->rate), e->nonnegative, e->titan_x ? " titan-x" : "");
    hd_status status = HD_OK;
    if (fclose(stream))
        status = hd_fail(error, HD_UNAVAILABLE, "%.200s: no memory to identify it", e->path);
    else
        status = hd_sha256_block(text, size, e->sha256, error);
    free(text);
    return status;
}

hd_status hd_experiment_text(const char *path, char **text, hd_error *error) {
    *text = NULL;
    if (strlen(path) >= PATH_MAX)
        return hd_fail(error, HD_INVALID, "%.200s...: path too long; allowed: up to %d bytes", path,
                       PATH_MAX - 1);
    return hd_settings_text(path, text, error);
}

hd_status hd_experiment_parse(const char *path, const char *text, const char *const *overrides,
                              size_t override_count, hd_experiment *out, hd_error *error) {
    memset(out, 0, sizeof *out);
    snprintf(out->path, sizeof out->path, "%s", path);
    hd_settings settings;
    hd_status status = hd_settings_parse(path, text, &settings, error);
    for (size_t i = 0; i < override_count && status == HD_OK; i++)
        status = hd_settings_override(&settings, overrides[i], error);
    static part *const parts[] = {read_experiment,      read_data,
                                  read_model,           read_training,
                                  read_hyperparameters, read_hyper_optimizer,
                                  read_device};
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == HD_OK; i++)
        status = parts[i](&settings, out, error);
    return status == HD_OK ? identify(out, error) : status;
}

hd_status hd_experiment_load(const char *path, const char *const *overrides, size_t override_count,
                             hd_experiment *out, hd_error *error) {
    char *text = NULL;
    memset(out, 0, sizeof *out);
    hd_status status = hd_experiment_text(path, &text, error);
    if (status == HD_OK) status = hd_experiment_parse(path, text, overrides, override_count, out, error);
    free(text);
    return status;
}

hd_status hd_experiment_reseed(hd_experiment *experiment, uint32_t seed, hd_error *error) {
    const size_t used = strlen(experiment->name), room = sizeof experiment->name - used;
    if ((size_t)snprintf(experiment->name + used, room, "-seed-%u", seed) >= room) {
        experiment->name[used] = '\0';
        return hd_fail(error, HD_INVALID, "%s: no room in its name for seed %u; allowed: %zu letters in all",
                       experiment->name, seed, sizeof experiment->name - 1);
    }
    experiment->seed = seed;
    return identify(experiment, error);
}

bool hd_experiment_race(const hd_experiment *experiment, size_t iteration) {
    return iteration < experiment->hyper_iterations && experiment->race[iteration / 64] >> iteration % 64 & 1;
}
