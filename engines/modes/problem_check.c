/* Whether a problem can be run. */
#include "modes/engine.h"

/* Keeps products of layers' sizes from overflowing. */
enum { MOST_UNITS = 1 << 24 };

static hd_status check_examples(const hd_problem *problem, const hd_examples *examples, const char *which,
                                hd_error *error) {
    if (examples->count == 0 || !examples->pixels || !examples->labels)
        return hd_fail(error, HD_INVALID, "problem: the %s set is empty", which);
    size_t classes = problem->dims[problem->layers];
    for (size_t i = 0; i < examples->count; i++)
        if (examples->labels[i] >= classes)
            return hd_fail(error, HD_INVALID, "problem: %s example %zu has label %u, of %zu classes", which,
                           i, examples->labels[i], classes);
    return HD_OK;
}

static hd_status check_hyperparameters(const hd_problem *problem, hd_error *error) {
    char name[HD_NAME];
    bool eta = false, mu = false;
    if (problem->hypers > 2 * problem->layers + 2)
        return hd_fail(error, HD_INVALID, "problem: %zu hyperparameters; allowed: up to %zu", problem->hypers,
                       2 * problem->layers + 2);
    for (size_t j = 0; j < problem->hypers; j++) {
        hd_hyperparameter h = problem->hyper[j];
        eta |= h.kind == HD_ETA, mu |= h.kind == HD_MU;
        if (h.layer >= problem->layers)
            return hd_fail(error, HD_INVALID, "problem: hyperparameter %s: there are %zu layers",
                           hd_hyperparameter_name(h, name), problem->layers);
        for (size_t i = 0; i < j; i++)
            if (problem->hyper[i].kind == h.kind &&
                (problem->hyper[i].layer == h.layer || h.kind == HD_ETA || h.kind == HD_MU))
                return hd_fail(error, HD_INVALID, "problem: hyperparameter %s is given twice",
                               hd_hyperparameter_name(h, name));
    }
    if (eta && mu) return HD_OK;
    return hd_fail(error, HD_INVALID, "problem: hyperparameter %s is missing", eta ? "mu" : "eta");
}

hd_status hd_problem_check(const hd_problem *problem, hd_error *error) {
    if (problem->layers == 0 || problem->layers > HD_MAX_LAYERS)
        return hd_fail(error, HD_INVALID, "problem: %zu layers; allowed: 1 to %d", problem->layers,
                       HD_MAX_LAYERS);
    for (size_t l = 0; l <= problem->layers; l++)
        if (problem->dims[l] == 0 || problem->dims[l] > MOST_UNITS)
            return hd_fail(error, HD_INVALID, "problem: layer %zu has %zu units; allowed: 1 to %d", l,
                           problem->dims[l], MOST_UNITS);
    if (problem->steps == 0 || problem->batch == 0)
        return hd_fail(error, HD_INVALID, "problem: steps and batch must be at least 1");
    hd_status status = check_examples(problem, &problem->training, "training", error);
    if (status == HD_OK) status = check_examples(problem, &problem->validation, "validation", error);
    if (status == HD_OK) status = check_examples(problem, &problem->test, "test", error);
    if (status == HD_OK) status = check_hyperparameters(problem, error);
    for (size_t i = 0; status == HD_OK && i < problem->steps * problem->batch; i++)
        if (problem->scheme[i] >= problem->training.count)
            status = hd_fail(error, HD_INVALID, "problem: the scheme's entry %zu is example %u, of %zu", i,
                             problem->scheme[i], problem->training.count);
    return status;
}
