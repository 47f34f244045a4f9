#include "capture/tensor_part.h"

#include <stdio.h>
#include <string.h>

/* A tensor's phase, and its name, before that of a weight matrix or bias. */
static const struct {
    const char *phase, *name;
} words[HD_CAPTURED] = {[HD_WEIGHTS] = {"step", ""},
                        [HD_MOMENTUM_BUFFER] = {"step", "momentum "},
                        [HD_BATCH] = {"batch", "batch"},
                        [HD_ACTIVATION] = {"activations", "activations"},
                        [HD_DELTA] = {"error", "delta"},
                        [HD_ERROR] = {"error", "errors"},
                        [HD_GRADIENT] = {"gradient", "gradient "},
                        [HD_TANGENT] = {"tangent", "tangent "},
                        [HD_TANGENT_MOMENTUM] = {"tangent", "tangent (momentum) "},
                        [HD_ADJOINT] = {"adjoint", "adjoint "},
                        [HD_ADJOINT_MOMENTUM] = {"adjoint", "adjoint (momentum) "},
                        [HD_VALIDATION_GRADIENT] = {"validation", "validation gradient "},
                        [HD_EVALUATION] = {"validation", "evaluation"},
                        [HD_HYPERGRADIENTS] = {"hyper-update", "hypergradients"},
                        [HD_HYPERPARAMETERS] = {"hyper-update", "hyperparameters"}};

static const char *phase_of(const hd_capture_info *info, const hd_place *place) {
    bool state = place->tensor == HD_WEIGHTS || place->tensor == HD_MOMENTUM_BUFFER;
    bool examples = place->tensor >= HD_ACTIVATION && place->tensor <= HD_ERROR;
    if (state && place->step == 0) return "initial weights";
    return examples && place->step == info->steps ? "validation" : words[place->tensor].phase;
}

/* The part of a part's name before W_l or b_l. */
static void prefix_of(const hd_capture_info *info, const hd_place *place, char prefix[HD_LABEL]) {
    bool tangent = place->tensor == HD_TANGENT || place->tensor == HD_TANGENT_MOMENTUM;
    char hyper[HD_NAME] = "";
    if (tangent && place->index < info->hypers) hd_hyperparameter_name(info->hyper[place->index], hyper);
    snprintf(prefix, HD_LABEL, "%s%s%s", words[place->tensor].name, hyper, hyper[0] ? " " : "");
}

static size_t weight_parts(const hd_capture_info *info, const hd_place *place,
                           hd_tensor_part parts[HD_PARTS]) {
    size_t at = 0, layers = info->layers;
    char prefix[HD_LABEL];
    prefix_of(info, place, prefix);
    for (size_t p = 0; p < 2 * layers; p++) {
        bool bias = p >= layers;
        size_t l = bias ? p - layers : p, rows = bias ? 1 : info->dims[l];
        parts[p] = (hd_tensor_part){.from = at,
                                    .count = rows * info->dims[l + 1],
                                    .phase = phase_of(info, place),
                                    .shape = {bias ? 0 : rows, bias ? 0 : info->dims[l + 1]}};
        snprintf(parts[p].name, sizeof parts[p].name, "%.40s%c_%zu", prefix, bias ? 'b' : 'W', l);
        at += parts[p].count;
    }
    return 2 * layers;
}

size_t hd_place_parts(const hd_capture_info *info, const hd_place *place, size_t count,
                      hd_tensor_part parts[HD_PARTS]) {
    if (place->tensor < HD_BATCH || (place->tensor >= HD_GRADIENT && place->tensor < HD_EVALUATION))
        return weight_parts(info, place, parts);
    size_t columns = place->tensor == HD_BATCH                                     ? info->dims[0]
                     : place->tensor == HD_ACTIVATION || place->tensor == HD_DELTA ? info->dims[place->index]
                                                                                   : 0;
    parts[0] = (hd_tensor_part){
        .count = count, .phase = phase_of(info, place), .shape = {columns ? count / columns : 0, columns}};
    char *name = parts[0].name;
    if (place->tensor == HD_ACTIVATION && place->index == info->layers)
        snprintf(name, HD_LABEL, "logits");
    else if (place->tensor == HD_ACTIVATION || place->tensor == HD_DELTA)
        snprintf(name, HD_LABEL, "%s %u", words[place->tensor].name, place->index);
    else
        snprintf(name, HD_LABEL, "%s", words[place->tensor].name);
    return 1;
}

hd_tensor_part hd_place_whole(const hd_capture_info *info, const hd_place *place, size_t count) {
    hd_tensor_part parts[HD_PARTS], whole;
    bool weights = hd_place_parts(info, place, count, parts) > 1;
    whole = parts[0];
    if (!weights) return whole;
    whole.count = count;
    whole.shape = (hd_elements){0, 0};
    size_t prefix = strlen(whole.name) - strlen("W_0"); /* "gradient W_0" -> "gradient", "W_0" -> "weights" */
    if (prefix > 0)
        whole.name[prefix - 1] = '\0';
    else
        snprintf(whole.name, sizeof whole.name, "weights");
    return whole;
}
