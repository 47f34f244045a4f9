#include "base/npy.h"

#include "base/file.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const unsigned char magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

enum {
    PREAMBLE = 10,      /* magic, version, length of the header */
    SAVED_HEADER = 128, /* of any one-dimensional array, preamble included */
    PIECE = 4096,       /* elements converted at a time */
};

static size_t element_size(bool is_float32) {
    return is_float32 ? 4 : 8;
}

/* Converts elements to the bytes that are stored, or back; count is at most PIECE. */
static void encode(const double *values, size_t count, bool is_float32, unsigned char *bytes) {
    for (size_t i = 0; i < count; i++) {
        if (is_float32) {
            const float single = (float)values[i];
            uint32_t bits;
            memcpy(&bits, &single, 4);
            bits = htole32(bits);
            memcpy(bytes + 4 * i, &bits, 4);
        } else {
            uint64_t bits;
            memcpy(&bits, values + i, 8);
            bits = htole64(bits);
            memcpy(bytes + 8 * i, &bits, 8);
        }
    }
}

static void decode(const unsigned char *bytes, size_t count, bool is_float32, double *values) {
    for (size_t i = 0; i < count; i++) {
        if (is_float32) {
            uint32_t bits;
            float single;
            memcpy(&bits, bytes + 4 * i, 4);
            bits = le32toh(bits);
            memcpy(&single, &bits, 4);
            values[i] = (double)single;
        } else {
            uint64_t bits;
            memcpy(&bits, bytes + 8 * i, 8);
            bits = le64toh(bits);
            memcpy(values + i, &bits, 8);
        }
    }
}

/* Compresses data into the output. deflate cannot fail once it is initialised. */
static void pack(z_stream *stream, hd_output *output, unsigned char *data, size_t size, int flush) {
    unsigned char packed[1 << 15];
    stream->next_in = data;
    stream->avail_in = (unsigned)size;
    do {
        stream->next_out = packed;
        stream->avail_out = sizeof packed;
        deflate(stream, flush);
        hd_output_write(output, packed, sizeof packed - stream->avail_out);
    } while (stream->avail_out == 0);
}

static void pack_header(z_stream *stream, hd_output *output, size_t count, bool is_float32) {
    unsigned char bytes[SAVED_HEADER];
    char text[SAVED_HEADER - PREAMBLE];
    const int length =
        snprintf(text, sizeof text, "{'descr': '<f%zu', 'fortran_order': False, 'shape': (%zu,), }",
                 element_size(is_float32), count);
    memset(bytes, ' ', sizeof bytes);
    memcpy(bytes, magic, sizeof magic);
    bytes[6] = 1; /* version 1.0 */
    bytes[7] = 0;
    bytes[8] = SAVED_HEADER - PREAMBLE;
    bytes[9] = 0;
    memcpy(bytes + PREAMBLE, text, (size_t)length);
    bytes[SAVED_HEADER - 1] = '\n';
    pack(stream, output, bytes, sizeof bytes, Z_NO_FLUSH);
}

hd_status hd_npy_save(const char *path, const double *values, size_t count, bool is_float32,
                      hd_error *error) {
    hd_output output;
    const hd_status status = hd_output_open(&output, path, error);
    if (status != HD_OK) return status;
    z_stream stream = {0};
    /* 15 + 16: a gzip header, which zlib fills with no name and no time. */
    if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        hd_output_abandon(&output);
        return hd_fail(error, HD_UNAVAILABLE, "%s: no memory to compress it", path);
    }
    pack_header(&stream, &output, count, is_float32);
    for (size_t done = 0, piece; done < count; done += piece) {
        unsigned char bytes[PIECE * 8];
        piece = count - done < PIECE ? count - done : PIECE;
        encode(values + done, piece, is_float32, bytes);
        pack(&stream, &output, bytes, piece * element_size(is_float32), Z_NO_FLUSH);
    }
    pack(&stream, &output, NULL, 0, Z_FINISH);
    deflateEnd(&stream);
    return hd_output_commit(&output, error);
}

/* A header: a Python dictionary of three entries. */
typedef struct hd_npy_header {
    char type[8];
    bool fortran_order;
    size_t dimensions, count;
} hd_npy_header;

/* Each of these reads one thing at *at, after blanks, and moves *at behind it; false if it is not there. */
static bool read_token(const char **at, const char *token) {
    const char *start = *at + strspn(*at, " ");
    const size_t length = strlen(token);
    if (strncmp(start, token, length) != 0) return false;
    *at = start + length;
    return true;
}

static bool read_string(const char **at, char *text, size_t room) {
    if (!read_token(at, "'")) return false;
    const size_t length = strcspn(*at, "'");
    if ((*at)[length] != '\'' || length >= room) return false;
    memcpy(text, *at, length);
    text[length] = '\0';
    *at += length + 1;
    return true;
}

static bool read_shape(const char **at, size_t *dimensions, size_t *count) {
    if (!read_token(at, "(")) return false;
    *dimensions = 0;
    while (!read_token(at, ")")) {
        const char *digits = *at + strspn(*at, " ");
        if (*digits < '0' || *digits > '9') return false;
        char *end;
        errno = 0;
        const unsigned long long number = strtoull(digits, &end, 10);
        if (errno || number > SIZE_MAX) return false;
        *count = (size_t)number;
        *at = end;
        ++*dimensions;
        /* (5,) is a tuple of one dimension, (5) is none. */
        if (!read_token(at, ",")) return *dimensions > 1 && read_token(at, ")");
    }
    return true;
}

static bool read_entry(const char **at, hd_npy_header *header, unsigned *seen) {
    char key[16];
    if (!read_string(at, key, sizeof key) || !read_token(at, ":")) return false;
    if (strcmp(key, "descr") == 0) {
        *seen |= 1;
        return read_string(at, header->type, sizeof header->type);
    }
    if (strcmp(key, "fortran_order") == 0) {
        *seen |= 2;
        header->fortran_order = read_token(at, "True");
        return header->fortran_order || read_token(at, "False");
    }
    *seen |= 4;
    return strcmp(key, "shape") == 0 && read_shape(at, &header->dimensions, &header->count);
}

static bool parse_header(const char *text, hd_npy_header *header) {
    unsigned seen = 0;
    if (!read_token(&text, "{")) return false;
    do {
        if (!read_entry(&text, header, &seen)) return false;
    } while (read_token(&text, ",") && seen != 7);
    return seen == 7 && read_token(&text, "}") && read_token(&text, "\n") && *text == '\0';
}

static hd_status read_header(hd_input *input, const char *path, hd_npy_header *header, hd_error *error) {
    unsigned char preamble[PREAMBLE];
    hd_status status = hd_input_read(input, preamble, sizeof preamble, error);
    if (status != HD_OK) return status;
    if (memcmp(preamble, magic, sizeof magic) != 0)
        return hd_fail(error, HD_INVALID, "%s: not a .npy file: its magic number is wrong", path);
    if (preamble[6] != 1 || preamble[7] != 0)
        return hd_fail(error, HD_INVALID, "%s: .npy version %d.%d: only 1.0 is read", path, preamble[6],
                       preamble[7]);
    char text[UINT16_MAX + 1];
    const size_t length = preamble[8] + 256u * preamble[9];
    status = hd_input_read(input, text, length, error);
    if (status != HD_OK) return status;
    text[length] = '\0';
    if (memchr(text, '\0', length) || !parse_header(text, header))
        return hd_fail(error, HD_INVALID,
                       "%s: its .npy header does not describe an array of '<f4' or '<f8' numbers", path);
    if (strcmp(header->type, "<f4") != 0 && strcmp(header->type, "<f8") != 0)
        return hd_fail(error, HD_INVALID, "%s: elements of type '%s': only '<f4' and '<f8' are read", path,
                       header->type);
    if (header->fortran_order)
        return hd_fail(error, HD_INVALID, "%s: an array in Fortran order: only C order is read", path);
    if (header->dimensions != 1)
        return hd_fail(error, HD_INVALID, "%s: an array of %zu dimensions: only one is read", path,
                       header->dimensions);
    return HD_OK;
}

static hd_status read_values(hd_input *input, const char *path, hd_array *array, hd_error *error) {
    const size_t element = element_size(array->is_float32);
    if (array->count > hd_input_capacity(input) / element)
        return hd_fail(error, HD_INVALID,
                       "%s: truncated: its header claims %zu elements, more than the file can hold", path,
                       array->count);
    array->values = calloc(array->count ? array->count : 1, sizeof *array->values);
    if (!array->values)
        return hd_fail(error, HD_UNAVAILABLE, "%s: no memory for its %zu elements", path, array->count);
    for (size_t done = 0, piece; done < array->count; done += piece) {
        unsigned char bytes[PIECE * 8];
        piece = array->count - done < PIECE ? array->count - done : PIECE;
        const hd_status status = hd_input_read(input, bytes, piece * element, error);
        if (status != HD_OK) return status;
        decode(bytes, piece, array->is_float32, array->values + done);
    }
    return hd_input_expect_end(input, error);
}

hd_status hd_npy_load(const char *path, hd_array *array, hd_error *error) {
    *array = (hd_array){0};
    hd_input *input;
    hd_status status = hd_input_open(path, &input, error);
    if (status != HD_OK) return status;
    hd_npy_header header = {0};
    status = read_header(input, path, &header, error);
    if (status == HD_OK) {
        array->count = header.count;
        array->is_float32 = strcmp(header.type, "<f4") == 0;
        status = read_values(input, path, array, error);
    }
    if (status != HD_OK) hd_array_free(array);
    hd_input_close(input);
    return status;
}

void hd_array_free(hd_array *array) {
    free(array->values);
    *array = (hd_array){0};
}

hd_status hd_npy_sha256(const double *values, size_t count, bool is_float32, char hex[HD_SHA256],
                        hd_error *error) {
    hd_sha256 digest = hd_sha256_begin();
    for (size_t done = 0, piece; done < count; done += piece) {
        unsigned char bytes[PIECE * 8];
        piece = count - done < PIECE ? count - done : PIECE;
        encode(values + done, piece, is_float32, bytes);
        hd_sha256_add(&digest, bytes, piece * element_size(is_float32));
    }
    return hd_sha256_end(&digest, hex, error);
}
