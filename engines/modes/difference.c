/* Finite differences: train on either side of h. They share no derivative with the other two oracles. */
#include "arithmetic/arithmetic.h"
#include "modes/engine.h"

#include <stdlib.h>
#include <string.h>

static hd_method_sizes sizes(const hd_problem *problem) {
    (void)problem;
    return (hd_method_sizes){.trajectory = 2, .states = 2};
}

const hd_method hd_method_plain = {.sizes = sizes, .step = hd_engine_plain_step};

/* Hashes the side of every kink that a training took: ReLU masks, clips, weights' signs under a rho_l1. */
typedef struct hd_sides {
    const hd_problem *problem;
    uint64_t hash; /* FNV-1a */
} hd_sides;

static void mix(hd_sides *sides, unsigned side) {
    sides->hash = (sides->hash ^ side) * 0x100000001b3u;
}

static bool penalised(const hd_problem *problem, size_t layer) {
    for (size_t j = 0; j < problem->hypers; j++)
        if (problem->hyper[j].kind == HD_RHO_L1 && problem->hyper[j].layer == layer) return true;
    return false;
}

static void mix_signs(hd_sides *sides, const hd_view *view) {
    const hd_problem *problem = sides->problem;
    size_t at = 0;
    for (size_t l = 0; l < problem->layers; l++) {
        size_t count = problem->dims[l] * problem->dims[l + 1];
        for (size_t i = at; penalised(problem, l) && i < at + count; i++)
            mix(sides, hd_view_at(view, i) > 0 ? 2 : hd_view_at(view, i) < 0 ? 0 : 1);
        at += count;
    }
}

static bool see(void *context, const hd_view *view) {
    hd_sides *sides = context;
    if (view->tensor == HD_WEIGHTS) {
        mix_signs(sides, view);
    } else if (view->tensor == HD_ERROR) {
        double low = log((double)HD_CLIP_LOW), high = log((double)HD_CLIP_HIGH);
        for (size_t i = 0; i < view->count; i++) {
            double error = hd_view_at(view, i);
            mix(sides, -error <= low ? 0 : -error >= high ? 2 : 1);
        }
    } else if (view->index < sides->problem->layers) { /* not the logits */
        for (size_t i = 0; i < view->count; i++) mix(sides, hd_view_at(view, i) > 0);
    }
    return true;
}

static hd_status validation_error(hd_engine *engine, const hd_point *point, double *value,
                                  uint64_t *sides_hash, hd_error *error) {
    hd_sides sides = {engine->problem, 0xcbf29ce484222325u};
    hd_observer observer = {
        .wants = 1u << HD_WEIGHTS | 1u << HD_ACTIVATION | 1u << HD_ERROR, .seen = see, .context = &sides};
    hd_result result = {0};
    hd_status status = hd_engine_train(engine, point, &observer, &result, error);
    *value = result.validation_error;
    *sides_hash = sides.hash;
    return status;
}

hd_status hd_finite_differences(hd_device *device, const hd_problem *problem, const hd_point *point,
                                const double *step, double *hypergradients, bool *smooth, hd_error *error) {
    hd_engine *engine = NULL;
    double *hyper = malloc(problem->hypers * sizeof *hyper), at, above, below;
    uint64_t sides, sides_above, sides_below;
    hd_status status = hyper ? HD_OK : hd_fail(error, HD_UNAVAILABLE, "no memory for finite differences");
    if (status == HD_OK) status = hd_engine_create_with(device, problem, &hd_method_plain, &engine, error);
    if (status == HD_OK) status = validation_error(engine, point, &at, &sides, error);
    for (size_t j = 0; status == HD_OK && j < problem->hypers; j++) {
        if (step[j] == 0) continue;
        hd_point moved = *point;
        moved.hyper = hyper;
        memcpy(hyper, point->hyper, problem->hypers * sizeof *hyper);
        hyper[j] = point->hyper[j] + step[j];
        status = validation_error(engine, &moved, &above, &sides_above, error);
        if (status != HD_OK) break;
        hyper[j] = point->hyper[j] - step[j];
        status = validation_error(engine, &moved, &below, &sides_below, error);
        if (status != HD_OK) break;
        hypergradients[j] = (above - below) / (2 * step[j]);
        smooth[j] = sides_above == sides && sides_below == sides;
    }
    hd_engine_destroy(engine);
    free(hyper);
    return status;
}
