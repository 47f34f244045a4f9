#include "capture/capture_order.h"

#include "run/record_json.h"

/* No size of an experiment is greater. */
enum { MOST = 1 << 24 };

void hd_capture_info_free(hd_capture_info *info) {
    json_decref(info->provenance);
    *info = (hd_capture_info){.layers = 0};
}

unsigned hd_capture_kinds(hd_mode mode) {
    unsigned both = 1u << HD_WEIGHTS | 1u << HD_MOMENTUM_BUFFER | 1u << HD_BATCH | 1u << HD_ACTIVATION |
                    1u << HD_DELTA | 1u << HD_ERROR | 1u << HD_GRADIENT | 1u << HD_VALIDATION_GRADIENT |
                    1u << HD_EVALUATION | 1u << HD_HYPERGRADIENTS | 1u << HD_HYPERPARAMETERS;
    return both | (mode == HD_FORWARD ? 1u << HD_TANGENT | 1u << HD_TANGENT_MOMENTUM
                                      : 1u << HD_ADJOINT | 1u << HD_ADJOINT_MOMENTUM);
}

json_t *hd_capture_info_json(const hd_capture_info *info, hd_builder *builder) {
    json_t *root = json_object();
    hd_build_text(builder, root, "experiment", info->experiment);
    hd_build_text(builder, root, "variant", info->variant);
    hd_build_text(builder, root, "experiment_sha256", info->experiment_sha256);
    hd_build_text(builder, root, "data_sha256", info->data_sha256);
    hd_dims_put(builder, root, info->layers, info->dims);
    hd_build_size(builder, root, "steps", info->steps);
    hd_build_size(builder, root, "batch", info->batch);
    hd_build_size(builder, root, "training", info->training);
    hd_build_size(builder, root, "validation", info->validation);
    hd_build_size(builder, root, "test", info->test);
    hd_build_size(builder, root, "hyper_iterations", info->hyper_iterations);
    hd_build_size(builder, root, "tensors", info->tensors);
    json_t *hypers = hd_build(builder, root, "hyperparameters", json_array());
    for (size_t j = 0; j < info->hypers; j++) {
        json_t *hyper = hd_build_element(builder, hypers, json_object());
        hd_build_size(builder, hyper, "kind", (size_t)info->hyper[j].kind);
        hd_build_size(builder, hyper, "layer", info->hyper[j].layer);
    }
    hd_build_text(builder, root, "mode", hd_mode_name(info->mode));
    hd_build_text(builder, root, "device", info->device);
    hd_build_text(builder, root, "arithmetic", info->arithmetic);
    hd_build_text(builder, root, "elements", info->float32 ? "float32" : "float64");
    hd_build_text(builder, root, "keeps", info->full ? "full" : "digest");
    hd_build(builder, root, "provenance", json_incref(info->provenance));
    return root;
}

static void read_shapes(hd_capture_info *info, const hd_node *root) {
    hd_node dims = hd_node_array(root, "dims"), hypers = hd_node_array(root, "hyperparameters");
    size_t count = hd_node_length(&dims);
    info->hypers = hd_node_length(&hypers);
    if (count < 2 || count > HD_MAX_LAYERS + 1) hd_node_refuse(root, "dims", "has %zu numbers", count);
    if (info->hypers < 1 || info->hypers > HD_MAX_HYPERS)
        hd_node_refuse(root, "hyperparameters", "are %zu", info->hypers);
    if (root->document->status != HD_OK) return;
    info->layers = count - 1;
    for (size_t l = 0; l < count; l++) {
        json_int_t units = json_integer_value(json_array_get(dims.json, l));
        if (units < 1 || units > MOST) hd_node_refuse(root, "dims", "has a number out of range");
        info->dims[l] = (size_t)units;
    }
    for (size_t j = 0; j < info->hypers; j++) {
        hd_node hyper = hd_node_element(&hypers, j);
        size_t kind = hd_node_size(&hyper, "kind"), layer = hd_node_size(&hyper, "layer");
        if (kind > HD_MU || layer >= info->layers) hd_node_refuse(&hyper, NULL, "is not a hyperparameter");
        info->hyper[j] = (hd_hyperparameter){(hd_hyper_kind)kind, layer};
    }
}

static size_t read_size(const hd_node *root, const char *key, size_t least, size_t most) {
    size_t size = hd_node_size(root, key);
    if (root->document->status == HD_OK && (size < least || size > most))
        hd_node_refuse(root, key, "is %zu: allowed: %zu to %zu", size, least, most);
    return size;
}

hd_status hd_capture_info_read(hd_capture_info *info, const char *name, json_t *json, hd_error *error) {
    hd_document document = {.path = name, .root = json, .error = error};
    hd_node root = {.document = &document, .json = json};
    hd_node_copy(&root, "experiment", info->experiment, sizeof info->experiment);
    hd_node_copy(&root, "variant", info->variant, sizeof info->variant);
    hd_node_sha256(&root, "experiment_sha256", info->experiment_sha256);
    hd_node_sha256(&root, "data_sha256", info->data_sha256);
    read_shapes(info, &root);
    info->steps = read_size(&root, "steps", 1, MOST);
    info->batch = read_size(&root, "batch", 1, MOST);
    info->training = read_size(&root, "training", 1, MOST);
    info->validation = read_size(&root, "validation", 1, MOST);
    info->test = read_size(&root, "test", 0, MOST);
    info->hyper_iterations = read_size(&root, "hyper_iterations", 1, HD_MAX_HYPER_ITERATIONS);
    info->mode = hd_node_second(&root, "mode", "forward", "reverse") ? HD_REVERSE : HD_FORWARD;
    info->tensors = (unsigned)read_size(&root, "tensors", 1, hd_capture_kinds(info->mode));
    if (info->tensors & ~hd_capture_kinds(info->mode))
        hd_node_refuse(&root, "tensors", "has kinds that %s mode does not have", hd_mode_name(info->mode));
    hd_node_copy(&root, "device", info->device, sizeof info->device);
    hd_node_copy(&root, "arithmetic", info->arithmetic, sizeof info->arithmetic);
    info->float32 = hd_node_second(&root, "elements", "float64", "float32");
    info->full = hd_node_second(&root, "keeps", "digest", "full");
    hd_node provenance = hd_node_object(&root, "provenance");
    info->provenance = json_incref(provenance.json);
    return hd_document_close(&document);
}

/* --- places --- */

/* Examples in a frame of activations, errors or deltas. */
static size_t rows_of(const hd_capture_info *info, const hd_place *place) {
    if (place->step < info->steps) return info->batch;
    size_t left = info->validation - place->first;
    return left < HD_CAPTURE_ROWS ? left : HD_CAPTURE_ROWS;
}

size_t hd_place_count(const hd_capture_info *info, const hd_place *place) {
    switch (place->tensor) {
    case HD_BATCH:
        return info->batch * info->dims[0];
    case HD_ACTIVATION:
    case HD_DELTA:
        return rows_of(info, place) * info->dims[place->index];
    case HD_ERROR:
        return rows_of(info, place);
    case HD_EVALUATION:
        return 4;
    case HD_HYPERGRADIENTS:
    case HD_HYPERPARAMETERS:
        return info->hypers;
    default:
        return hd_weight_count(info->layers, info->dims);
    }
}

/* Goes to this tensor, which is next; true. */
static bool go(hd_place *place, uint8_t tensor, size_t index) {
    place->tensor = tensor;
    place->index = (uint32_t)index;
    return true;
}

/* Goes on after the last delta of a batch or of examples of the validation set. */
static bool leave_examples(const hd_capture_info *info, hd_place *place) {
    if (place->back) return go(place, HD_ADJOINT, 0);
    if (place->step < info->steps) return go(place, HD_GRADIENT, 0);
    size_t rows = rows_of(info, place);
    bool more = place->first + rows < info->validation;
    place->first = more ? place->first + (uint32_t)rows : 0;
    return more ? go(place, HD_ACTIVATION, 1) : go(place, HD_VALIDATION_GRADIENT, 0);
}

bool hd_place_next(const hd_capture_info *info, hd_place *place) {
    bool ended = place->step == info->steps, forward = info->mode == HD_FORWARD;
    switch (place->tensor) {
    case HD_WEIGHTS:
        return go(place, HD_MOMENTUM_BUFFER, 0);
    case HD_MOMENTUM_BUFFER:
        return ended ? go(place, HD_ACTIVATION, 1) : go(place, forward ? HD_TANGENT : HD_BATCH, 0);
    case HD_TANGENT:
        return go(place, HD_TANGENT_MOMENTUM, place->index);
    case HD_TANGENT_MOMENTUM:
        if (place->index + 1 < info->hypers) return go(place, HD_TANGENT, place->index + 1);
        return go(place, ended ? HD_EVALUATION : HD_BATCH, 0);
    case HD_BATCH:
        return go(place, HD_ACTIVATION, 1);
    case HD_ACTIVATION:
        return place->index < info->layers ? go(place, HD_ACTIVATION, place->index + 1)
                                           : go(place, HD_ERROR, 0);
    case HD_ERROR:
        return go(place, HD_DELTA, info->layers);
    case HD_DELTA:
        return place->index > 1 ? go(place, HD_DELTA, place->index - 1) : leave_examples(info, place);
    case HD_GRADIENT:
        place->step++;
        return go(place, HD_WEIGHTS, 0);
    case HD_VALIDATION_GRADIENT:
        return go(place, forward ? HD_TANGENT : HD_ADJOINT, 0);
    case HD_ADJOINT:
        return go(place, HD_ADJOINT_MOMENTUM, 0);
    case HD_ADJOINT_MOMENTUM:
        place->back = place->step > 0;
        place->step = place->back ? place->step - 1 : (uint32_t)info->steps;
        return go(place, place->back ? HD_BATCH : HD_EVALUATION, 0);
    case HD_EVALUATION:
        return go(place, HD_HYPERGRADIENTS, 0);
    case HD_HYPERGRADIENTS:
        return go(place, HD_HYPERPARAMETERS, 0);
    default:
        *place = (hd_place){.iteration = (uint16_t)(place->iteration + 1), .tensor = HD_WEIGHTS};
    }
    return place->iteration < info->hyper_iterations;
}

bool hd_place_same(const hd_place *a, const hd_place *b) {
    return a->iteration == b->iteration && a->tensor == b->tensor && a->back == b->back &&
           a->index == b->index && a->step == b->step && a->first == b->first;
}

/* How far into a hyper-iteration: the steps out, then those of the backward sweep; within a step, the order above. */
static size_t progress_of(const hd_capture_info *info, const hd_place *place) {
    static const size_t order[HD_CAPTURED] = {[HD_WEIGHTS] = 0,         [HD_MOMENTUM_BUFFER] = 1,
                                              [HD_BATCH] = 4,           [HD_ACTIVATION] = 5,
                                              [HD_ERROR] = 6,           [HD_DELTA] = 7,
                                              [HD_GRADIENT] = 8,        [HD_VALIDATION_GRADIENT] = 8,
                                              [HD_ADJOINT] = 11,        [HD_ADJOINT_MOMENTUM] = 12,
                                              [HD_EVALUATION] = 13,     [HD_HYPERGRADIENTS] = 14,
                                              [HD_HYPERPARAMETERS] = 15};
    bool tangent = place->tensor == HD_TANGENT || place->tensor == HD_TANGENT_MOMENTUM,
         result = place->tensor >= HD_EVALUATION;
    size_t within = tangent ? (place->step == info->steps ? 9 : 2) : order[place->tensor];
    size_t step = result ? 2 * info->steps + 1 : place->back ? 2 * info->steps - place->step : place->step;
    return 16 * step + within;
}

bool hd_place_before(const hd_capture_info *info, const hd_place *a, const hd_place *b) {
    if (a->iteration != b->iteration) return a->iteration < b->iteration;
    size_t x = progress_of(info, a), y = progress_of(info, b);
    if (x != y) return x < y;
    if (a->first != b->first) return a->first < b->first;
    if (a->index != b->index) return (a->index < b->index) != (a->tensor == HD_DELTA);
    return a->tensor < b->tensor;
}
