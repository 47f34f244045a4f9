/* The results in a record as JSON and on disk: what records and goldens share. */
#ifndef HD_RUN_RECORD_JSON_H
#define HD_RUN_RECORD_JSON_H

#include "base/json.h"
#include "run/record.h"

/* Reads the mode under the key "mode". */
hd_mode hd_mode_get(const hd_node *node);

/* Writes dims as an array into an object. */
void hd_dims_put(hd_builder *builder, json_t *object, size_t layers, const size_t *dims);

/* Reads dims into the record, which owns them. */
void hd_dims_get(hd_record *record, const hd_node *node);

/* Writes the accuracies, validation_error, hyperparameters and weights into an object. HD_DIFFERENT: a NaN or
 * Inf, which is named; HD_INVALID: a number that is not float32 in a float32 record, a name twice. */
void hd_results_put(hd_builder *builder, json_t *object, const hd_record *record);

/* Reads them into the record, which owns hyper; its dims and float32 must be set. */
void hd_results_get(hd_record *record, const hd_node *node);

/* Reads a whole record, without its weights' values, from the object that hd_record_json made. End with
 * hd_record_free, also after a failure. */
void hd_record_get(hd_record *record, const hd_node *root);

/* Writes weights.values into weights.file in directory, as float32 or float64. HD_INVALID: there are none. */
hd_status hd_weights_save(const hd_record *record, const char *directory, bool as_float32, hd_error *error);

/* Reads them from the folder of the JSON file `path`. HD_INVALID: another count, precision or digest. */
hd_status hd_weights_load(hd_record *record, const char *path, bool as_float32, hd_error *error);

/* Writes json to step-K.json in directory. Errors as hd_document_write's. */
hd_status hd_step_write(const json_t *json, int digits, const char *directory, size_t step, hd_error *error);

#endif
