#include "base/npy.h"
#include "test/folder.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <unistd.h>

TestSuite(npy, .init = folder_make, .fini = folder_remove);

static bool same_bits(const double *a, const double *b, size_t count) {
    return memcmp(a, b, count * sizeof *a) == 0;
}

static void expect_refused(const char *path, const char *cause) {
    hd_error error = {0};
    hd_array array;
    const hd_status status = hd_npy_load(path, &array, &error);
    cr_expect_eq(status, HD_INVALID, "status %d instead of: %s", status, cause);
    cr_expect_null(array.values);
    cr_expect(strstr(error.message, path), "no %s in: %s", path, error.message);
    cr_expect(strstr(error.message, cause), "no %s in: %s", cause, error.message);
    hd_array_free(&array);
}

/* Writes version, header and data as a .npy file, gzipped if path ends in ".gz". */
static void put_npy(const char *path, unsigned version, const char *header, const void *data, size_t size) {
    unsigned char bytes[1024];
    const size_t length = strlen(header);
    cr_assert_leq(10 + length + size, sizeof bytes);
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (unsigned char)version;
    bytes[7] = 0;
    bytes[8] = (unsigned char)(length % 256);
    bytes[9] = (unsigned char)(length / 256);
    memcpy(bytes + 10, header, length);
    memcpy(bytes + 10 + length, data, size);
    put_content(path, bytes, 10 + length + size);
}

static const unsigned char two_doubles[16] = {0, 0, 0, 0, 0, 0, 0xf0, 0x3f,
                                              0, 0, 0, 0, 0, 0, 0xe0, 0xbf}; /* 1, -0.5 */
static const char *const names[] = {"array.npy", "array.npy.gz"};

Test(npy, reads_back_the_bits_it_wrote) {
    const double values[] = {0.0,      -0.0,         0.1,      -1.0 / 3,  DBL_MAX,
                             -DBL_MIN, DBL_TRUE_MIN, INFINITY, -INFINITY, NAN};
    const size_t count = sizeof values / sizeof *values;
    hd_error error;
    hd_array array;
    char *path = folder_path("w.npy.gz");
    cr_assert_eq(hd_npy_save(path, values, count, false, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_npy_load(path, &array, &error), HD_OK, "%s", error.message);
    cr_expect_eq(array.count, count);
    cr_expect_not(array.is_float32);
    cr_expect(same_bits(array.values, values, count));
    hd_array_free(&array);
    free(path);
}

Test(npy, reads_back_floats_exactly_and_rounds_what_is_none) {
    const double values[] = {0.1f, -0.0, FLT_MAX, FLT_TRUE_MIN, 16777216, INFINITY, 0.1, 16777217, 1e-50};
    const double expected[] = {0.1f, -0.0, FLT_MAX, FLT_TRUE_MIN, 16777216, INFINITY, 0.1f, 16777216, 0};
    const size_t count = sizeof values / sizeof *values;
    hd_error error;
    hd_array array;
    char *path = folder_path("w.npy.gz");
    cr_assert_eq(hd_npy_save(path, values, count, true, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_npy_load(path, &array, &error), HD_OK, "%s", error.message);
    cr_expect_eq(array.count, count);
    cr_expect(array.is_float32);
    cr_expect(same_bits(array.values, expected, count));
    hd_array_free(&array);
    free(path);
}

Test(npy, reads_back_more_than_it_converts_at_a_time_and_nothing_at_all) {
    enum { COUNT = 10001 };
    static double values[COUNT];
    hd_error error;
    hd_array array;
    char *path = folder_path("w.npy.gz");
    for (size_t i = 0; i < COUNT; i++) values[i] = sin((double)i);
    cr_assert_eq(hd_npy_save(path, values, COUNT, false, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_npy_load(path, &array, &error), HD_OK, "%s", error.message);
    cr_assert_eq(array.count, COUNT);
    cr_expect(same_bits(array.values, values, COUNT));
    hd_array_free(&array);
    cr_assert_eq(hd_npy_save(path, values, 0, true, &error), HD_OK, "%s", error.message);
    cr_assert_eq(hd_npy_load(path, &array, &error), HD_OK, "%s", error.message);
    cr_expect_eq(array.count, 0);
    cr_expect(array.is_float32);
    hd_array_free(&array);
    free(path);
}

Test(npy, writes_what_numpy_writes_under_a_gzip_header_without_name_or_time) {
    const double values[] = {1, -0.5};
    const char header[] = "\x93NUMPY\x01\0v\0{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }";
    unsigned char expected[128 + 16], content[256], packed[10];
    memset(expected, ' ', 127);
    memcpy(expected, header, sizeof header - 1);
    expected[127] = '\n';
    memcpy(expected + 128, two_doubles, 16);

    hd_error error;
    char *path = folder_path("w.npy.gz");
    cr_assert_eq(hd_npy_save(path, values, 2, false, &error), HD_OK, "%s", error.message);
    gzFile file = gzopen(path, "rb");
    cr_assert_eq(gzread(file, content, sizeof content), (int)sizeof expected);
    cr_expect_eq(gzclose(file), Z_OK);
    cr_expect_arr_eq(content, expected, sizeof expected);
    cr_assert_eq(get_bytes(path, packed, sizeof packed), sizeof packed);
    cr_expect_arr_eq(packed, "\x1f\x8b\x08\0\0\0\0\0\x02", 9);
    cr_expect_eq(folder_entries(), 1);
    free(path);
}

Test(npy, reads_headers_as_others_write_them) {
    static const char *const headers[] = {
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }          \n",
        "{'shape': (2,), 'fortran_order': False, 'descr': '<f8'}\n",
        "{'descr':'<f8','fortran_order':False,'shape':( 2 , )}\n",
    };
    for (size_t h = 0; h < sizeof headers / sizeof *headers; h++) {
        for (size_t n = 0; n < 2; n++) {
            hd_error error = {0};
            hd_array array;
            char *path = folder_path(names[n]);
            put_npy(path, 1, headers[h], two_doubles, 16);
            cr_expect_eq(hd_npy_load(path, &array, &error), HD_OK, "%s: %s", headers[h], error.message);
            cr_assert_eq(array.count, 2);
            cr_expect(array.values[0] == 1 && array.values[1] == -0.5);
            hd_array_free(&array);
            free(path);
        }
    }
}

Test(npy, refuses_other_arrays) {
    static const struct {
        const char *header, *cause;
    } cases[] = {
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }\n", "'<i4'"},
        {"{'descr': '>f8', 'fortran_order': False, 'shape': (2,), }\n", "'>f8'"},
        {"{'descr': '<f8', 'fortran_order': True, 'shape': (2,), }\n", "Fortran order"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1), }\n", "2 dimensions"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2, 1,), }\n", "3 dimensions"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (), }\n", "0 dimensions"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }\n", "trailing bytes"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n", "truncated"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", "trailing bytes"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693952,), }\n", "truncated"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }\n", "header"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (-2,), }\n", "header"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2), }\n", "header"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,\n", "header"},
        {"{'descr': '<f8', 'fortran_order': False, }\n", "header"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'more': 1, }\n", "header"},
        {"{'descr': '<f8', 'fortran_order': 0, 'shape': (2,), }\n", "header"},
        {"{'descr': '<f8 and a long type', 'fortran_order': False, 'shape': (2,), }\n", "header"},
        {"{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (2,), }\n", "header"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", "header"},
        {"{'descr': '<f8\n", "header"},
        {"{}\n", "header"},
        {"", "header"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (size_t n = 0; n < 2; n++) {
            char *path = folder_path(names[n]);
            put_npy(path, 1, cases[c].header, two_doubles, 16);
            expect_refused(path, cases[c].cause);
            free(path);
        }
    }
}

Test(npy, refuses_what_is_no_npy_file_of_version_1) {
    const char header[] = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n";
    for (size_t n = 0; n < 2; n++) {
        char *path = folder_path(names[n]);
        expect_refused(path, "No such file");
        put_content(path, "", 0);
        expect_refused(path, "truncated");
        put_content(path, "not an array of numbers", 23);
        expect_refused(path, "magic number");
        put_npy(path, 2, header, two_doubles, 16);
        expect_refused(path, "version 2.0");
        free(path);
    }
}

Test(npy, refuses_a_file_cut_anywhere) {
    const double values[] = {1, -0.5};
    hd_error error;
    unsigned char bytes[512];
    char *packed = folder_path("w.npy.gz"), *plain = folder_path("w.npy");
    cr_assert_eq(hd_npy_save(packed, values, 2, true, &error), HD_OK);
    size_t size = get_bytes(packed, bytes, sizeof bytes);
    for (size_t cut = 0; cut < size; cut++) {
        put_bytes(packed, bytes, cut);
        expect_refused(packed, "truncated");
    }
    put_npy(plain, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", two_doubles, 16);
    size = get_bytes(plain, bytes, sizeof bytes);
    for (size_t cut = 0; cut < size; cut++) {
        put_bytes(plain, bytes, cut);
        expect_refused(plain, "truncated");
    }
    free(packed);
    free(plain);
}

Test(npy, refuses_gzip_data_whose_sum_is_wrong) {
    const double values[] = {1, -0.5};
    hd_error error;
    unsigned char bytes[512];
    char *path = folder_path("w.npy.gz");
    cr_assert_eq(hd_npy_save(path, values, 2, true, &error), HD_OK);
    const size_t size = get_bytes(path, bytes, sizeof bytes);
    bytes[size - 8] ^= 1; /* the last eight bytes are the CRC, then the length */
    put_bytes(path, bytes, size);
    expect_refused(path, "incorrect data check");
    bytes[size - 8] ^= 1;
    bytes[size - 1] ^= 1;
    put_bytes(path, bytes, size);
    expect_refused(path, "incorrect length check");
    free(path);
}

Test(npy, cannot_be_saved_where_there_is_no_directory) {
    const double value = 1;
    hd_error error = {0};
    char *path = folder_path("missing/w.npy.gz");
    cr_expect_eq(hd_npy_save(path, &value, 1, true, &error), HD_UNAVAILABLE);
    cr_expect(strstr(error.message, path));
    free(path);
}

Test(npy, digest_is_that_of_the_stored_elements) {
    enum { COUNT = 5000 };
    static double values[COUNT];
    static unsigned char stored[COUNT * 8];
    char expected[HD_SHA256], got[HD_SHA256];
    hd_error error;
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = i % 2 ? -0.5 : 1;
        memcpy(stored + 8 * i, two_doubles + 8 * (i % 2), 8);
    }
    cr_assert_eq(hd_sha256_block(stored, sizeof stored, expected, &error), HD_OK);
    cr_assert_eq(hd_npy_sha256(values, COUNT, false, got, &error), HD_OK);
    cr_expect_str_eq(got, expected);
    cr_assert_eq(hd_sha256_block("\0\0\x80\x3f\0\0\0\xbf", 8, expected, &error), HD_OK);
    cr_assert_eq(hd_npy_sha256(values, 2, true, got, &error), HD_OK);
    cr_expect_str_eq(got, expected);
}
