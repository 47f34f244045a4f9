#include "experiment/dataset.h"

#include "arithmetic/random.h"
#include "base/file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How many bytes we read, hash and place at a time: few enough to stay in the cache. */
enum { PIECE = 1 << 18 };

static uint32_t big_endian(const unsigned char bytes[4]) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static size_t idx_rank(const hd_idx *idx) {
    return idx->dims[1] == 0 ? 1 : idx->dims[2] == 0 ? 2 : 3;
}

static hd_status read_header(hd_input *input, const char *path, const hd_idx *idx, hd_sha256 *digest,
                             hd_error *error) {
    unsigned char bytes[4 + 3 * 4];
    const size_t rank = idx_rank(idx);
    hd_status status = hd_input_read(input, bytes, 4, error);
    if (status != HD_OK) return status;
    const uint32_t magic = big_endian(bytes), expected = 0x0800 | (uint32_t)rank;
    if (magic != expected)
        return hd_fail(error, HD_INVALID,
                       "%s: not an IDX file of bytes in %zu dimensions: its magic number is "
                       "0x%08x; allowed: 0x%08x",
                       path, rank, magic, expected);
    status = hd_input_read(input, bytes + 4, 4 * rank, error);
    if (status != HD_OK) return status;
    for (size_t i = 0; i < rank; i++) {
        const uint32_t size = big_endian(bytes + 4 + 4 * i);
        if (size != idx->dims[i])
            return hd_fail(error, HD_INVALID, "%s: dimension %zu is %u; allowed: %zu", path, i, size,
                           idx->dims[i]);
    }
    hd_sha256_add(digest, bytes, 4 + 4 * rank);
    return HD_OK;
}

static hd_status read_bytes(hd_input *input, uint8_t *bytes, size_t size, hd_sha256 *digest,
                            hd_error *error) {
    for (size_t done = 0, piece; done < size; done += piece) {
        piece = size - done < PIECE ? size - done : PIECE;
        const hd_status status = hd_input_read(input, bytes + done, piece, error);
        if (status != HD_OK) return status;
        hd_sha256_add(digest, bytes + done, piece);
    }
    return HD_OK;
}

static hd_status check_below(const char *path, const hd_idx *idx, const uint8_t *bytes, size_t size,
                             hd_error *error) {
    if (idx->below == 0) return HD_OK;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] >= idx->below)
            return hd_fail(error, HD_INVALID, "%s: a value of %u; allowed: 0 to %u", path, bytes[i],
                           idx->below - 1);
    return HD_OK;
}

hd_status hd_idx_read(const char *path, const hd_idx *idx, uint8_t *bytes, hd_error *error) {
    size_t item = 1;
    for (size_t i = 1; i < idx_rank(idx); i++) item *= idx->dims[i];
    const size_t before = idx->first * item, after = (idx->dims[0] - idx->first) * item;

    hd_input *input;
    hd_status status = hd_input_open(path, &input, error);
    if (status != HD_OK) return status;
    hd_sha256 digest = hd_sha256_begin();
    char sha256[HD_SHA256];
    status = read_header(input, path, idx, &digest, error);
    if (status == HD_OK) status = read_bytes(input, bytes + after, before, &digest, error);
    if (status == HD_OK) status = read_bytes(input, bytes, after, &digest, error);
    if (status == HD_OK) status = hd_input_expect_end(input, error);
    if (status == HD_OK) status = check_below(path, idx, bytes, before + after, error);
    hd_input_close(input);
    if (status != HD_OK) {
        hd_sha256_end(&digest, NULL, NULL);
        return status;
    }
    status = hd_sha256_end(&digest, sha256, error);
    if (status == HD_OK && idx->sha256 && strcmp(sha256, idx->sha256) != 0)
        status = hd_fail(error, HD_INVALID, "%s: its content has the SHA-256 %s; allowed: %s", path, sha256,
                         idx->sha256);
    return status;
}

static hd_status allocate(const char *name, size_t count, size_t inputs, size_t classes, hd_dataset *dataset,
                          hd_error *error) {
    *dataset = (hd_dataset){.count = count, .inputs = inputs, .classes = classes};
    snprintf(dataset->name, sizeof dataset->name, "%s", name);
    size_t size;
    if (!__builtin_mul_overflow(count, inputs, &size) && size <= PTRDIFF_MAX) {
        dataset->pixels = malloc(size);
        dataset->labels = malloc(count);
    }
    if (dataset->pixels && dataset->labels) return HD_OK;
    hd_dataset_free(dataset);
    return hd_fail(error, HD_UNAVAILABLE, "%s: no memory for %zu examples of %zu pixels", name, count,
                   inputs);
}

static hd_status identify(hd_dataset *dataset, hd_error *error) {
    hd_sha256 digest = hd_sha256_begin();
    hd_sha256_add(&digest, dataset->pixels, dataset->count * dataset->inputs);
    hd_sha256_add(&digest, dataset->labels, dataset->count);
    return hd_sha256_end(&digest, dataset->sha256, error);
}

enum {
    EXAMPLES = 70000,
    TRAINING = 60000,
    HELD_BACK = 5000,
    SIDE = 28,
    INPUTS = SIDE * SIDE,
    CLASSES = 10,
    FILES = 4
};

static const struct {
    const char *name;
    hd_idx idx;
    size_t example; /* where its first item goes in the data set */
} files[FILES] = {
    {"train-images-idx3-ubyte", {.dims = {TRAINING, SIDE, SIDE}, .first = HELD_BACK}, 0},
    {"train-labels-idx1-ubyte", {.dims = {TRAINING}, .first = HELD_BACK, .below = CLASSES}, 0},
    {"t10k-images-idx3-ubyte", {.dims = {EXAMPLES - TRAINING, SIDE, SIDE}}, TRAINING},
    {"t10k-labels-idx1-ubyte", {.dims = {EXAMPLES - TRAINING}, .below = CLASSES}, TRAINING},
};

static const struct {
    const char *name;
    const char *sha256[FILES];
} published[] = {
    [HD_MNIST] = {"mnist",
                  {"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                   "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                   "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                   "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}},
    [HD_FASHION_MNIST] = {"fashion-mnist",
                          {"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                           "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                           "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                           "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"}},
};

/* Writes into *path, the caller's to free, the file's path: DIRECTORY/NAME.gz, or DIRECTORY/NAME. */
static hd_status find_file(const char *directory, const char *name, char **path, hd_error *error) {
    if (asprintf(path, "%s/%s.gz", directory, name) < 0) {
        *path = NULL;
        return hd_fail(error, HD_UNAVAILABLE, "%s/%s: no memory to read it", directory, name);
    }
    if (access(*path, F_OK) == 0) return HD_OK;
    char *dot = *path + strlen(*path) - strlen(".gz");
    *dot = '\0';
    if (access(*path, F_OK) == 0) return HD_OK;
    const hd_status status =
        hd_fail(error, HD_INVALID, "%s: cannot be read, with or without .gz: %s", *path, strerror(errno));
    free(*path);
    *path = NULL;
    return status;
}

hd_status hd_dataset_load_idx(hd_idx_kind kind, const char *directory, hd_dataset *dataset, hd_error *error) {
    hd_status status = allocate(published[kind].name, EXAMPLES, INPUTS, CLASSES, dataset, error);
    if (status != HD_OK) return status;
    for (size_t i = 0; i < FILES && status == HD_OK; i++) {
        char *path;
        status = find_file(directory, files[i].name, &path, error);
        if (status != HD_OK) break;
        hd_idx idx = files[i].idx;
        idx.sha256 = published[kind].sha256[i];
        const bool images = idx_rank(&idx) == 3;
        uint8_t *bytes = images ? dataset->pixels + files[i].example * dataset->inputs
                                : dataset->labels + files[i].example;
        status = hd_idx_read(path, &idx, bytes, error);
        free(path);
    }
    if (status == HD_OK) status = identify(dataset, error);
    if (status != HD_OK) hd_dataset_free(dataset);
    return status;
}

static hd_status check_blobs(const hd_blobs *blobs, hd_error *error) {
    if (blobs->examples < 1) return hd_fail(error, HD_INVALID, "blobs: examples is 0; allowed: 1 or more");
    if (blobs->inputs < 1) return hd_fail(error, HD_INVALID, "blobs: inputs is 0; allowed: 1 or more");
    if (blobs->classes < 2 || blobs->classes > 256)
        return hd_fail(error, HD_INVALID, "blobs: classes is %zu; allowed: 2 to 256", blobs->classes);
    if (blobs->greys < 2 || blobs->greys > 256)
        return hd_fail(error, HD_INVALID, "blobs: greys is %zu; allowed: 2 to 256", blobs->greys);
    return HD_OK;
}

/* How many pixels at each end of a row stay black: an eighth of it, at least one if there is room. */
static size_t margin(size_t inputs) {
    return inputs < 3 ? 0 : inputs < 8 ? 1 : inputs / 8;
}

/* Lights about a third of the pixels of centres[classes][inputs], which are black at first, each with a grey
 * of 96 to 255. */
static void make_centres(hd_mt19937 *generator, const hd_blobs *blobs, uint8_t *centres) {
    const size_t begin = margin(blobs->inputs), end = blobs->inputs - begin;
    for (size_t c = 0; c < blobs->classes; c++)
        for (size_t i = begin; i < end; i++)
            if (hd_mt19937_interval(generator, 2) == 0)
                centres[c * blobs->inputs + i] = (uint8_t)(96 + hd_mt19937_interval(generator, 159));
}

/* Mixes an example from its class's centre (97 to 256 parts in 256) and another's: about one in six is more
 * like the other, whatever the number of pixels. Each pixel gets noise, and one in four is lost. */
static void make_example(hd_mt19937 *generator, const hd_blobs *blobs, const uint8_t *own,
                         const uint8_t *other, uint8_t *pixels) {
    const size_t begin = margin(blobs->inputs), end = blobs->inputs - begin;
    const int share = 97 + (int)hd_mt19937_interval(generator, 159);
    memset(pixels, 0, blobs->inputs);
    for (size_t i = begin; i < end; i++) {
        const uint32_t word = hd_mt19937_word(generator);
        const int noise = (int)(word & 63) - 32;
        const int value = (share * own[i] + (256 - share) * other[i]) / 256 + noise;
        const bool lost = (word >> 8) % 4 == 0;
        const unsigned pixel = lost || value < 0 ? 0 : value > 255 ? 255 : (unsigned)value;
        const unsigned greys = (unsigned)blobs->greys;
        pixels[i] = (uint8_t)(pixel * greys / 256 * 255 / (greys - 1));
    }
}

hd_status hd_dataset_blobs(const hd_blobs *blobs, hd_dataset *dataset, hd_error *error) {
    *dataset = (hd_dataset){0};
    hd_status status = check_blobs(blobs, error);
    if (status != HD_OK) return status;
    status = allocate("blobs", blobs->examples, blobs->inputs, blobs->classes, dataset, error);
    if (status != HD_OK) return status;
    uint8_t *centres = calloc(blobs->classes, blobs->inputs);
    if (!centres) {
        hd_dataset_free(dataset);
        return hd_fail(error, HD_UNAVAILABLE, "blobs: no memory for the centres of %zu classes",
                       blobs->classes);
    }
    hd_mt19937 generator;
    hd_mt19937_seed(&generator, blobs->seed);
    make_centres(&generator, blobs, centres);
    const uint32_t last_class = (uint32_t)blobs->classes - 1;
    for (size_t e = 0; e < blobs->examples; e++) {
        const uint32_t label = hd_mt19937_interval(&generator, last_class);
        const uint32_t other = hd_mt19937_interval(&generator, last_class);
        dataset->labels[e] = (uint8_t)label;
        make_example(&generator, blobs, centres + label * blobs->inputs, centres + other * blobs->inputs,
                     dataset->pixels + e * blobs->inputs);
    }
    free(centres);
    status = identify(dataset, error);
    if (status != HD_OK) hd_dataset_free(dataset);
    return status;
}

void hd_dataset_free(hd_dataset *dataset) {
    free(dataset->pixels);
    free(dataset->labels);
    *dataset = (hd_dataset){0};
}
