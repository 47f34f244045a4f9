/* Reads and builds JSON documents strictly. Both keep the first failure, and later calls do nothing: so a
 * reader or builder is a plain list of its keys, with one check at the end. */
#ifndef HD_BASE_JSON_H
#define HD_BASE_JSON_H

#include "base/sha256.h"
#include "core/error.h"

#include <jansson.h>
#include <stdbool.h>

/* A document being read. */
typedef struct hd_document {
    const char *path; /* for messages */
    json_t *root;
    hd_status status; /* of the first failure */
    hd_error *error;
} hd_document;

/* A value in it: json is NULL once the document has failed. */
typedef struct hd_node {
    hd_document *document;
    json_t *json;
    char name[160]; /* "weights", "hyperparameters[3]"; "" at the top */
} hd_node;

/* Reads the object in the file path, which must outlive the document; end with hd_document_close. Its key
 * "format" must be `format`, or any text for NULL. HD_INVALID: no file, no JSON, a key twice, more text. */
hd_node hd_document_open(hd_document *document, const char *path, const char *format, hd_error *error);

/* Frees the document and returns the status of the first failure, HD_OK if there was none. */
hd_status hd_document_close(hd_document *document);

/* Fails the document with HD_INVALID, "PATH: NODE.KEY: cause", unless it failed before. key may be NULL. */
void hd_node_refuse(const hd_node *node, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The value under key, which must exist and have this type; otherwise the document fails. */
hd_node hd_node_object(const hd_node *node, const char *key);
hd_node hd_node_array(const hd_node *node, const char *key);
double hd_node_real(const hd_node *node, const char *key);      /* any number */
size_t hd_node_size(const hd_node *node, const char *key);      /* a whole number >= 0 */
const char *hd_node_text(const hd_node *node, const char *key); /* the document's; "" after a failure */
void hd_node_copy(const hd_node *node, const char *key, char *text, size_t size); /* must fit with its zero */
void hd_node_sha256(const hd_node *node, const char *key, char hex[HD_SHA256]); /* 64 lower-case hex digits */

/* hd_node_known: whether the value, which must exist, is not null. hd_node_number: a number; null is NaN, and
 * "nan", "inf", "-inf" stand for what JSON lacks. */
bool hd_node_known(const hd_node *node, const char *key);
double hd_node_number(const hd_node *node, const char *key);
bool hd_node_truth(const hd_node *node, const char *key); /* true or false */
bool hd_node_flag(const hd_node *node, const char *key);  /* the same; a missing key is false */

/* True if the text is `second`, false if it is `first`; any other text fails the document. */
bool hd_node_second(const hd_node *node, const char *key, const char *first, const char *second);

/* Elements of an array; 0 after a failure. */
size_t hd_node_length(const hd_node *array);
/* Element i, of any type. Read a number or text from the element with key NULL. */
hd_node hd_node_element(const hd_node *array, size_t i);

/* count zeroed elements, the caller's to free(). NULL if the document has failed, or fails now with
 * HD_UNAVAILABLE: no memory. */
void *hd_node_allocate(const hd_node *node, size_t count, size_t size);

/* Objects being built. */
typedef struct hd_builder {
    hd_status status; /* of the first failure */
    hd_error *error;
} hd_builder;

/* Puts json (taken over; NULL is a lack of memory) under key and returns it. */
json_t *hd_build(hd_builder *builder, json_t *object, const char *key, json_t *json);
/* As hd_build, at the end of an array. */
json_t *hd_build_element(hd_builder *builder, json_t *array, json_t *json);
/* A finite number; HD_DIFFERENT, naming `what`, for NaN and Inf. */
json_t *hd_build_real(hd_builder *builder, json_t *object, const char *key, double value, const char *what);
/* Any number, written as hd_node_number reads it. */
json_t *hd_build_number(hd_builder *builder, json_t *object, const char *key, double value);
json_t *hd_build_size(hd_builder *builder, json_t *object, const char *key, size_t value);
/* A text; HD_INVALID if it is not UTF-8. */
json_t *hd_build_text(hd_builder *builder, json_t *object, const char *key, const char *text);

/* Whether the text is UTF-8 without line breaks or other control characters. */
bool hd_text_is_line(const char *text);

/* Prints json on stdout with so many significant digits, and frees it. It takes NULL. */
void hd_document_print(json_t *json, int digits);

/* Writes json to path with so many significant digits, whole or not at all. HD_UNAVAILABLE: it could not. */
hd_status hd_document_write(const json_t *json, int digits, const char *path, hd_error *error);

#endif
