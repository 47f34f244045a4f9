#include "experiment/dataset.h"
#include "test/folder.h"

#include <stdbool.h>
#include <unistd.h>

TestSuite(dataset, .init = folder_make, .fini = folder_remove);

/* A small IDX file: five items of 2 x 3 bytes, 0 to 29, and its SHA-256. */
enum { HEADER = 16, ITEM = 6, SIZE = 5 * ITEM };
static const unsigned char header[HEADER] = {0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 3};
static const char sha256[] = "f0d7b46d4d9d275a949a22747e4f109228a942a2732673dd7ff3570d595c2c8c";
static const char *const names[] = {"images", "images.gz"};

static void make_file(unsigned char file[HEADER + SIZE]) {
    memcpy(file, header, HEADER);
    for (unsigned i = 0; i < SIZE; i++) file[HEADER + i] = (unsigned char)i;
}

static hd_status read_idx(const char *path, hd_idx idx, hd_error *error) {
    uint8_t bytes[SIZE];
    return hd_idx_read(path, &idx, bytes, error);
}

static void expect_error(hd_status status, const hd_error *error, const char *path, const char *cause) {
    cr_expect_eq(status, HD_INVALID, "status %d instead of: %s", status, cause);
    cr_expect(strstr(error->message, path), "no %s in: %s", path, error->message);
    cr_expect(strstr(error->message, cause), "no %s in: %s", cause, error->message);
}

/* Writes content plain and gzipped, and expects that both are refused. */
static void expect_refused(const void *content, size_t size, hd_idx idx, const char *cause) {
    for (size_t n = 0; n < 2; n++) {
        hd_error error = {0};
        char *path = folder_path(names[n]);
        put_content(path, content, size);
        expect_error(read_idx(path, idx, &error), &error, path, cause);
        free(path);
    }
}

Test(dataset, idx_items_are_put_in_place_from_the_first_one_named) {
    unsigned char file[HEADER + SIZE];
    make_file(file);
    for (size_t n = 0; n < 2; n++) {
        for (size_t first = 0; first < 5; first++) {
            uint8_t bytes[SIZE];
            hd_error error = {0};
            char *path = folder_path(names[n]);
            put_content(path, file, sizeof file);
            const hd_idx idx = {.dims = {5, 2, 3}, .first = first, .below = SIZE, .sha256 = sha256};
            cr_expect_eq(hd_idx_read(path, &idx, bytes, &error), HD_OK, "%s", error.message);
            for (size_t i = 0; i < SIZE; i++) cr_expect_eq(bytes[i], (i + first * ITEM) % SIZE);
            free(path);
        }
    }
}

Test(dataset, idx_of_another_magic_number_or_size_is_refused) {
    unsigned char file[HEADER + SIZE];
    const hd_idx idx = {.dims = {5, 2, 3}};
    for (size_t i = 0; i < HEADER; i++) {
        make_file(file);
        file[i] ^= 4;
        char dimension[16];
        snprintf(dimension, sizeof dimension, "dimension %zu", i / 4 - 1);
        expect_refused(file, sizeof file, idx, i < 4 ? "magic number" : dimension);
    }
    make_file(file);
    expect_refused(file, sizeof file, (hd_idx){.dims = {5}}, "magic number");
    expect_refused(file, sizeof file, (hd_idx){.dims = {6, 2, 3}}, "dimension 0 is 5; allowed: 6");
}

Test(dataset, idx_cut_anywhere_or_with_trailing_bytes_is_refused) {
    unsigned char file[HEADER + SIZE + 1] = {0};
    const hd_idx idx = {.dims = {5, 2, 3}};
    make_file(file);
    for (size_t size = 0; size < HEADER + SIZE; size++) expect_refused(file, size, idx, "truncated");
    expect_refused(file, sizeof file, idx, "trailing bytes");
}

Test(dataset, idx_with_another_checksum_is_refused) {
    unsigned char file[HEADER + SIZE];
    const hd_idx idx = {.dims = {5, 2, 3}, .sha256 = sha256};
    make_file(file);
    file[HEADER + SIZE - 1] ^= 1;
    expect_refused(file, sizeof file, idx, sha256);
    expect_refused(file, sizeof file, idx,
                   "c4554bd6330140abbcd6025cfb3e4cf8c8a845307121c5051f9365a7703c1574");
}

Test(dataset, idx_with_a_label_out_of_range_is_refused) {
    unsigned char file[HEADER + SIZE];
    make_file(file);
    expect_refused(file, sizeof file, (hd_idx){.dims = {5, 2, 3}, .below = SIZE - 1},
                   "a value of 29; allowed: 0 to 28");
}

Test(dataset, idx_that_is_missing_or_corrupt_is_refused) {
    unsigned char file[HEADER + SIZE], packed[256];
    hd_error error = {0};
    char *path = folder_path("images.gz");
    const hd_idx idx = {.dims = {5, 2, 3}};
    expect_error(read_idx(path, idx, &error), &error, path, "No such file");
    make_file(file);
    put_content(path, file, sizeof file);
    const size_t size = get_bytes(path, packed, sizeof packed);
    put_bytes(path, packed, size - 1);
    expect_error(read_idx(path, idx, &error), &error, path, "truncated");
    packed[size - 8] ^= 1;
    put_bytes(path, packed, size);
    expect_error(read_idx(path, idx, &error), &error, path, "incorrect data check");
    put_bytes(path, file, sizeof file);
    expect_error(read_idx(path, idx, &error), &error, path, "gzip");
    free(path);
}

static void expect_labels(const hd_dataset *dataset, size_t from, const uint8_t expected[5]) {
    cr_expect_arr_eq(dataset->labels + from, expected, 5, "labels from %zu on", from);
}

Test(dataset, mnist_is_the_published_one_in_order) {
    hd_error error = {0};
    hd_dataset mnist;
    cr_assert_eq(hd_dataset_load_idx(HD_MNIST, "fixtures/mnist", &mnist, &error), HD_OK, "%s", error.message);
    cr_expect(mnist.count == 70000 && mnist.inputs == 784 && mnist.classes == 10);
    cr_expect_str_eq(mnist.name, "mnist");
    expect_labels(&mnist, 0, (const uint8_t[]){7, 3, 4, 6, 1});
    expect_labels(&mnist, 55000, (const uint8_t[]){5, 0, 4, 1, 9});
    expect_labels(&mnist, 60000, (const uint8_t[]){7, 2, 1, 0, 4});
    cr_expect_str_eq(mnist.sha256, "d7c97cf2d6f4f7dde6ace31bee1d5fb61f264ceb66e67502d2b5dc1c6dcf262f");
    hd_dataset_free(&mnist);
    cr_expect(!mnist.pixels && !mnist.labels && mnist.count == 0);
}

Test(dataset, fashion_mnist_is_the_published_one_in_order) {
    if (access(HD_FASHION_MNIST_DIRECTORY, F_OK) != 0) {
        folder_remove(); /* fini does not run after a skip */
        cr_skip_test("dataset-fashion-mnist is not installed");
    }
    hd_error error = {0};
    hd_dataset fashion;
    cr_assert_eq(hd_dataset_load_idx(HD_FASHION_MNIST, HD_FASHION_MNIST_DIRECTORY, &fashion, &error), HD_OK,
                 "%s", error.message);
    cr_expect_str_eq(fashion.name, "fashion-mnist");
    expect_labels(&fashion, 0, (const uint8_t[]){4, 0, 7, 9, 9});
    cr_expect_str_eq(fashion.sha256, "6702d6a5c7d4caf7084cb352d80f62347d5596660b50d82c38f98a0a88554604");
    hd_dataset_free(&fashion);
}

Test(dataset, mnist_is_not_taken_for_fashion_mnist) {
    hd_error error = {0};
    hd_dataset dataset;
    expect_error(hd_dataset_load_idx(HD_FASHION_MNIST, "fixtures/mnist", &dataset, &error), &error,
                 "fixtures/mnist/train-images-idx3-ubyte.gz",
                 "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db");
    cr_expect_null(dataset.pixels);
    cr_expect_null(dataset.labels);
}

Test(dataset, files_are_sought_gzipped_first_then_plain) {
    hd_error error = {0};
    hd_dataset dataset;
    char *plain = folder_path("train-images-idx3-ubyte"), *packed = folder_path("train-images-idx3-ubyte.gz");
    expect_error(hd_dataset_load_idx(HD_MNIST, folder, &dataset, &error), &error, plain,
                 "with or without .gz");
    put_content(plain, header, HEADER);
    expect_error(hd_dataset_load_idx(HD_MNIST, folder, &dataset, &error), &error, plain,
                 "ubyte: dimension 0");
    put_content(packed, header, HEADER);
    expect_error(hd_dataset_load_idx(HD_MNIST, folder, &dataset, &error), &error, packed,
                 "ubyte.gz: dimension 0");
    free(plain);
    free(packed);
}

Test(dataset, blobs_have_the_same_bytes_everywhere) {
    static const struct {
        hd_blobs blobs;
        const char *sha256;
    } cases[] = {
        {{300, 20, 4, 256, 1}, "12d7fc6772e7881ad60f619546efe23549994d2cb28d92f450bbc82e4e0079d2"},
        {{300, 20, 4, 256, 2}, "1db3f10b4d59d4b146e21f3c16a5bd594bcfbc9b98bc354bf3f64ffbbe1c498d"},
        {{5, 2, 2, 256, 1}, "21a20c2f72c2a830574ce198b251823acad1f878500814d0aecc6ce4ca80a693"},
        {{40, 3, 256, 256, 7}, "fce73883d31b8300a91f6e8165955ef238553ee2bb1a5b56f4c93425c1346715"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        hd_error error = {0};
        hd_dataset dataset;
        cr_assert_eq(hd_dataset_blobs(&cases[c].blobs, &dataset, &error), HD_OK, "%s", error.message);
        cr_expect_str_eq(dataset.sha256, cases[c].sha256);
        hd_dataset_free(&dataset);
    }
}

Test(dataset, blobs_have_all_classes_and_black_columns_at_both_ends_only) {
    const hd_blobs blobs = {.examples = 400, .inputs = 24, .classes = 5, .greys = 256, .seed = 3};
    hd_error error = {0};
    hd_dataset dataset;
    cr_assert_eq(hd_dataset_blobs(&blobs, &dataset, &error), HD_OK, "%s", error.message);
    cr_expect(dataset.count == 400 && dataset.inputs == 24 && dataset.classes == 5);
    cr_expect_str_eq(dataset.name, "blobs");
    bool seen[256] = {false}, lit[24] = {false};
    for (size_t e = 0; e < dataset.count; e++) {
        seen[dataset.labels[e]] = true;
        for (size_t i = 0; i < 24; i++) lit[i] |= dataset.pixels[e * 24 + i] > 0;
    }
    for (size_t c = 0; c < 256; c++) cr_expect_eq(seen[c], c < 5, "class %zu", c);
    for (size_t i = 0; i < 24; i++) cr_expect_eq(lit[i], i >= 3 && i < 21, "column %zu", i);
    hd_dataset_free(&dataset);
}

Test(dataset, blobs_have_as_many_greys_as_are_asked_for) {
    for (size_t greys = 2; greys <= 256; greys += 127) {
        const hd_blobs blobs = {.examples = 400, .inputs = 24, .classes = 5, .greys = greys, .seed = 3};
        hd_error error = {0};
        hd_dataset dataset;
        cr_assert_eq(hd_dataset_blobs(&blobs, &dataset, &error), HD_OK, "%s", error.message);
        bool seen[256] = {false};
        size_t different = 0;
        for (size_t i = 0; i < dataset.count * dataset.inputs; i++) {
            different += !seen[dataset.pixels[i]];
            seen[dataset.pixels[i]] = true;
        }
        cr_expect(different <= greys && different + 3 >= greys, "%zu of %zu", different, greys);
        cr_expect(seen[0] && seen[255]);
        hd_dataset_free(&dataset);
    }
}

/* How many examples are nearest to the mean of their own class. */
static size_t nearest_to_own_mean(const hd_dataset *d, double *means, size_t *members) {
    for (size_t e = 0; e < d->count; e++) members[d->labels[e]]++;
    for (size_t e = 0; e < d->count; e++)
        for (size_t i = 0; i < d->inputs; i++)
            means[d->labels[e] * d->inputs + i] +=
                d->pixels[e * d->inputs + i] / (double)members[d->labels[e]];
    size_t right = 0;
    for (size_t e = 0; e < d->count; e++) {
        double nearest = 0;
        size_t class = d->classes;
        for (size_t c = 0; c < d->classes; c++) {
            double distance = 0;
            for (size_t i = 0; i < d->inputs; i++) {
                const double difference = d->pixels[e * d->inputs + i] - means[c * d->inputs + i];
                distance += difference * difference;
            }
            if (class == d->classes || distance < nearest) {
                nearest = distance;
                class = c;
            }
        }
        right += class == d->labels[e];
    }
    return right;
}

Test(dataset, blobs_can_be_told_apart_but_not_all_of_them) {
    const hd_blobs blobs = {.examples = 1000, .inputs = 40, .classes = 10, .greys = 256, .seed = 1};
    static double means[10 * 40];
    size_t members[10] = {0};
    hd_error error = {0};
    hd_dataset dataset;
    cr_assert_eq(hd_dataset_blobs(&blobs, &dataset, &error), HD_OK, "%s", error.message);
    const size_t right = nearest_to_own_mean(&dataset, means, members);
    cr_expect(right > 600 && right < 950, "%zu of 1000", right);
    hd_dataset_free(&dataset);
}

Test(dataset, blobs_of_impossible_sizes_are_refused) {
    static const struct {
        hd_blobs blobs;
        hd_status status;
        const char *cause;
    } cases[] = {
        {{0, 20, 4, 256, 1}, HD_INVALID, "examples"},
        {{300, 0, 4, 256, 1}, HD_INVALID, "inputs"},
        {{300, 20, 1, 256, 1}, HD_INVALID, "classes is 1"},
        {{300, 20, 257, 256, 1}, HD_INVALID, "classes is 257"},
        {{300, 20, 4, 1, 1}, HD_INVALID, "greys is 1"},
        {{300, 20, 4, 257, 1}, HD_INVALID, "greys is 257"},
        {{SIZE_MAX / 2, 3, 4, 256, 1}, HD_UNAVAILABLE, "no memory"},
        {{SIZE_MAX / 4, 3, 4, 256, 1}, HD_UNAVAILABLE, "no memory"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        hd_error error = {0};
        hd_dataset dataset;
        const hd_status status = hd_dataset_blobs(&cases[c].blobs, &dataset, &error);
        cr_expect_eq(status, cases[c].status, "status %d: %s", status, error.message);
        cr_expect(strstr(error.message, cases[c].cause), "no %s in: %s", cases[c].cause, error.message);
        cr_expect(!dataset.pixels && !dataset.labels);
    }
}

Test(dataset, memory_that_cannot_be_had_is_said) {
    const hd_blobs blobs = {.examples = (size_t)1 << 52, .inputs = 2, .classes = 2, .greys = 256, .seed = 1};
    hd_error error = {0};
    hd_dataset dataset;
    cr_expect_eq(hd_dataset_blobs(&blobs, &dataset, &error), HD_UNAVAILABLE);
    cr_expect(strstr(error.message, "blobs: no memory"));
    cr_expect_null(dataset.pixels);
}
