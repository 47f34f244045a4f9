#include "base/json.h"

#include "base/file.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 64 << 20 }; /* bytes; the largest document that we write is a drift, of some millions */

/* Names key of the node, for messages and children: "weights.count", "hyperparameters[2].name". */
static void describe(const hd_node *node, const char *key, char *name, size_t size) {
    const char *point = key && node->name[0] ? "." : "";
    snprintf(name, size, "%.80s%s%.70s", node->name, point, key ? key : "");
}

static void refuse(const hd_node *node, const char *key, const char *format, va_list arguments) {
    if (node->document->status != HD_OK) return;
    char name[192], cause[256];
    describe(node, key, name, sizeof name);
    vsnprintf(cause, sizeof cause, format, arguments);
    node->document->status = hd_fail(node->document->error, HD_INVALID, "%s: %s%s%s", node->document->path,
                                     name, name[0] ? ": " : "", cause);
}

void hd_node_refuse(const hd_node *node, const char *key, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    refuse(node, key, format, arguments);
    va_end(arguments);
}

/* jansson reports a lack of memory as some other error; this tells it apart. */
static bool memory_is_left(void) {
    json_t *probe = json_string("as long as most texts are");
    bool left = probe;
    json_decref(probe);
    return left;
}

static void parse(hd_document *document) {
    char *text = NULL;
    size_t size = 0;
    document->status = hd_file_read_text(document->path, LIMIT, &text, &size, document->error);
    if (document->status != HD_OK) return;
    json_error_t cause;
    document->root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &cause);
    free(text);
    if (document->root) return;
    if (memory_is_left())
        document->status =
            hd_fail(document->error, HD_INVALID, "%s: line %d: %s", document->path, cause.line, cause.text);
    else
        document->status =
            hd_fail(document->error, HD_UNAVAILABLE, "%s: no memory to read it", document->path);
}

hd_node hd_document_open(hd_document *document, const char *path, const char *format, hd_error *error) {
    *document = (hd_document){.path = path, .error = error};
    hd_node root = {.document = document};
    parse(document);
    if (document->status != HD_OK) return root;
    root.json = document->root;
    if (!json_is_object(root.json)) {
        hd_node_refuse(&root, NULL, "is not a JSON object");
        root.json = NULL;
        return root;
    }
    const char *found = hd_node_text(&root, "format");
    if (format && strcmp(found, format) != 0)
        hd_node_refuse(&root, "format", "is \"%s\", not \"%s\"", found, format);
    return root;
}

hd_status hd_document_close(hd_document *document) {
    json_decref(document->root);
    document->root = NULL;
    return document->status;
}

/* The value under key, or the node's own if key is NULL; NULL after a failure. */
static json_t *member(const hd_node *node, const char *key) {
    if (node->document->status != HD_OK || !node->json) return NULL;
    if (!key) return node->json;
    if (!json_is_object(node->json)) {
        hd_node_refuse(node, NULL, "is not an object");
        return NULL;
    }
    json_t *json = json_object_get(node->json, key);
    if (!json) hd_node_refuse(node, key, "is missing");
    return json;
}

static hd_node child(const hd_node *node, const char *key, json_type type, const char *expected) {
    hd_node result = {.document = node->document, .json = member(node, key)};
    describe(node, key, result.name, sizeof result.name);
    if (result.json && json_typeof(result.json) != type) {
        hd_node_refuse(&result, NULL, "is not %s", expected);
        result.json = NULL;
    }
    return result;
}

hd_node hd_node_object(const hd_node *node, const char *key) {
    return child(node, key, JSON_OBJECT, "an object");
}

hd_node hd_node_array(const hd_node *node, const char *key) {
    return child(node, key, JSON_ARRAY, "an array");
}

double hd_node_real(const hd_node *node, const char *key) {
    json_t *json = member(node, key);
    if (!json) return 0;
    if (!json_is_number(json)) hd_node_refuse(node, key, "is not a number");
    return json_number_value(json);
}

size_t hd_node_size(const hd_node *node, const char *key) {
    json_t *json = member(node, key);
    if (!json) return 0;
    if (json_is_integer(json) && json_integer_value(json) >= 0) return (size_t)json_integer_value(json);
    hd_node_refuse(node, key, "is not a whole number of zero or more");
    return 0;
}

const char *hd_node_text(const hd_node *node, const char *key) {
    json_t *json = member(node, key);
    if (!json) return "";
    if (json_is_string(json)) return json_string_value(json);
    hd_node_refuse(node, key, "is not a string");
    return "";
}

bool hd_node_known(const hd_node *node, const char *key) {
    json_t *json = member(node, key);
    return json && !json_is_null(json);
}

double hd_node_number(const hd_node *node, const char *key) {
    json_t *json = member(node, key);
    if (!json || json_is_null(json)) return NAN;
    if (!json_is_string(json)) return hd_node_real(node, key);
    const char *text = json_string_value(json);
    if (!strcmp(text, "inf")) return INFINITY;
    if (!strcmp(text, "-inf")) return -INFINITY;
    if (strcmp(text, "nan") != 0) hd_node_refuse(node, key, "is \"%.64s\", not a number", text);
    return NAN;
}

bool hd_node_truth(const hd_node *node, const char *key) {
    json_t *json = member(node, key);
    if (json && !json_is_boolean(json)) hd_node_refuse(node, key, "is not true or false");
    return json_is_true(json);
}

bool hd_node_flag(const hd_node *node, const char *key) {
    return json_object_get(node->json, key) && hd_node_truth(node, key);
}

void hd_node_copy(const hd_node *node, const char *key, char *text, size_t size) {
    const char *found = hd_node_text(node, key);
    text[0] = '\0';
    if (strlen(found) >= size)
        hd_node_refuse(node, key, "is longer than %zu bytes", size - 1);
    else
        memcpy(text, found, strlen(found) + 1);
}

void hd_node_sha256(const hd_node *node, const char *key, char hex[HD_SHA256]) {
    const char *found = hd_node_text(node, key);
    hex[0] = '\0';
    if (node->document->status != HD_OK) return;
    if (strlen(found) == HD_SHA256 - 1 && strspn(found, "0123456789abcdef") == HD_SHA256 - 1)
        memcpy(hex, found, HD_SHA256);
    else
        hd_node_refuse(node, key, "is not a SHA-256 of 64 lower-case hexadecimal digits");
}

bool hd_node_second(const hd_node *node, const char *key, const char *first, const char *second) {
    const char *found = hd_node_text(node, key);
    if (strcmp(found, second) == 0) return true;
    if (strcmp(found, first) != 0)
        hd_node_refuse(node, key, "is \"%.64s\", neither \"%s\" nor \"%s\"", found, first, second);
    return false;
}

size_t hd_node_length(const hd_node *array) {
    return array->document->status == HD_OK ? json_array_size(array->json) : 0;
}

hd_node hd_node_element(const hd_node *array, size_t i) {
    hd_node result = {.document = array->document};
    if (array->document->status == HD_OK) result.json = json_array_get(array->json, i);
    snprintf(result.name, sizeof result.name, "%.80s[%zu]", array->name, i);
    return result;
}

void *hd_node_allocate(const hd_node *node, size_t count, size_t size) {
    if (node->document->status != HD_OK) return NULL;
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        node->document->status = hd_fail(node->document->error, HD_UNAVAILABLE, "%s: no memory for %zu %s",
                                         node->document->path, count, node->name);
    return memory;
}

static json_t *built(hd_builder *builder, int failed, json_t *json) {
    if (!failed) return json;
    if (builder->status == HD_OK)
        builder->status = hd_fail(builder->error, HD_UNAVAILABLE, "no memory for a JSON document");
    return NULL;
}

json_t *hd_build(hd_builder *builder, json_t *object, const char *key, json_t *json) {
    return built(builder, json_object_set_new(object, key, json), json);
}

json_t *hd_build_element(hd_builder *builder, json_t *array, json_t *json) {
    return built(builder, json_array_append_new(array, json), json);
}

json_t *hd_build_real(hd_builder *builder, json_t *object, const char *key, double value, const char *what) {
    if (isfinite(value)) return hd_build(builder, object, key, json_real(value));
    const char *text = isnan(value) ? "NaN" : "infinite";
    if (builder->status == HD_OK)
        builder->status = hd_fail(builder->error, HD_DIFFERENT, "%s is %s", what, text);
    return NULL;
}

json_t *hd_build_number(hd_builder *builder, json_t *object, const char *key, double value) {
    const char *text = isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    return hd_build(builder, object, key, isfinite(value) ? json_real(value) : json_string(text));
}

json_t *hd_build_size(hd_builder *builder, json_t *object, const char *key, size_t value) {
    return hd_build(builder, object, key, json_integer((json_int_t)value));
}

json_t *hd_build_text(hd_builder *builder, json_t *object, const char *key, const char *text) {
    json_t *json = json_string(text);
    if (!json && builder->status == HD_OK && memory_is_left())
        builder->status = hd_fail(builder->error, HD_INVALID, "%s: is not UTF-8 text", key);
    return hd_build(builder, object, key, json);
}

bool hd_text_is_line(const char *text) {
    json_t *json = json_string(text);
    bool is_line = json != NULL;
    json_decref(json);
    for (const char *c = text; *c; c++) is_line &= (unsigned char)*c >= ' ' && *c != 127;
    return is_line;
}

hd_status hd_document_write(const json_t *json, int digits, const char *path, hd_error *error) {
    char *text = json_dumps(json, (size_t)(JSON_INDENT(2) | JSON_REAL_PRECISION(digits)));
    if (!text) return hd_fail(error, HD_UNAVAILABLE, "%s: no memory for its text", path);
    size_t length = strlen(text);
    text[length] = '\n'; /* replaces the terminating zero: we pass the length on */
    hd_status status = hd_file_write(path, text, length + 1, error);
    free(text);
    return status;
}

void hd_document_print(json_t *json, int digits) {
    if (!json) return;
    json_dumpf(json, stdout, (size_t)(JSON_INDENT(2) | JSON_REAL_PRECISION(digits)));
    putchar('\n');
    json_decref(json);
}
