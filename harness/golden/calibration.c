#include "golden/calibration.h"

#include "base/temporary_folder.h"
#include "golden/oracles.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* From so many multiplications (weights times examples of a training) on an experiment is large. */
#define LARGE 1e9

/* --- runs --- */

static hd_status folder_of(const hd_calibration *c, const char *device, hd_mode mode, size_t seed,
                           char folder[PATH_MAX], hd_error *error) {
    int length = snprintf(folder, PATH_MAX, "%s/%s-%s-%zu", c->scratch, device, hd_mode_name(mode), seed);
    return length < PATH_MAX ? HD_OK : hd_fail(error, HD_INVALID, "%s: too long a path", c->scratch);
}

/* Seed 0: the experiment itself; else a replica. */
static hd_status run(const hd_calibration *c, const hd_experiment *experiment, const char *device,
                     hd_mode mode, size_t seed, hd_error *error) {
    char folder[PATH_MAX];
    hd_job job = {.experiment = experiment,
                  .dataset = &c->loaded->dataset,
                  .mode = mode,
                  .device = device,
                  .options = c->request->device,
                  .permutation = (uint32_t)seed,
                  .progress = c->request->progress};
    job.options.rounding = (uint32_t)seed;
    hd_status status = folder_of(c, device, mode, seed, folder, error);
    return status == HD_OK ? hd_run(&job, folder, error) : status;
}

static hd_status load(const hd_calibration *c, const char *device, hd_mode mode, size_t seed, size_t step,
                      hd_record *record, hd_error *error) {
    char folder[PATH_MAX], path[PATH_MAX];
    *record = (hd_record){0};
    hd_status status = folder_of(c, device, mode, seed, folder, error);
    if (status == HD_OK) status = hd_run_record(folder, step, path, error);
    return status == HD_OK ? hd_record_load(path, true, record, error) : status;
}

static bool is_large(const hd_experiment *e) {
    return (double)hd_weight_count(e->layers, e->dims) * (double)(e->steps * e->batch) >= LARGE;
}

/* The part of the experiment that `extended` runs. */
static hd_experiment for_extended(const hd_experiment *e) {
    hd_experiment shorter = *e;
    if (is_large(e)) shorter.hyper_iterations = 1;
    return shorter;
}

static bool extended_runs(const hd_experiment *e, hd_mode mode) {
    return mode == HD_REVERSE || !is_large(e);
}

static hd_status run_all(const hd_calibration *c, hd_error *error) {
    const hd_experiment *e = &c->loaded->experiment;
    hd_experiment shorter = for_extended(e);
    hd_status status = HD_OK;
    for (int m = 0; m < 2; m++) {
        hd_mode mode = (hd_mode)m;
        if (status == HD_OK) status = run(c, e, "reference", mode, 0, error);
        if (status == HD_OK && extended_runs(e, mode)) status = run(c, &shorter, "extended", mode, 0, error);
        for (size_t seed = 0; status == HD_OK && seed <= c->replicas; seed++)
            status = run(c, e, "cpu", mode, seed, error);
    }
    return status;
}

/* --- goldens --- */

static hd_status set_reference(const hd_calibration *c, size_t step, hd_golden *golden, hd_error *error) {
    hd_record forward, reverse = {0};
    hd_status status = load(c, "reference", HD_FORWARD, 0, step, &forward, error);
    if (status == HD_OK) status = load(c, "reference", HD_REVERSE, 0, step, &reverse, error);
    if (status == HD_OK) status = hd_oracles_modes(&forward, &reverse, error);
    if (status == HD_OK) status = hd_golden_take_reference(golden, &reverse, error);
    hd_record_free(&forward);
    hd_record_free(&reverse);
    return status;
}

/* Adds the errors of all float32 runs of the hyper-iteration, and the exact arithmetic's bits. */
static hd_status set_tolerances(const hd_calibration *c, size_t step, hd_golden *golden, hd_error *error) {
    hd_measurement measurement = {0};
    hd_status status = HD_OK;
    for (size_t seed = 0; seed <= c->replicas; seed++)
        for (int m = 0; status == HD_OK && m < 2; m++) {
            hd_record record;
            status = load(c, "cpu", (hd_mode)m, seed, step, &record, error);
            if (status == HD_OK && seed == 0) status = hd_golden_take_exact(golden, &record, error);
            if (status == HD_OK)
                status = hd_measurement_add(&measurement, &record, &golden->reference, error);
            hd_record_free(&record);
        }
    if (status == HD_OK) status = hd_measurement_conclude(&measurement, golden, error);
    hd_measurement_free(&measurement);
    return status;
}

/* Keeps the greater of both modes' errors of a hypergradient. */
static void keep_error(hd_golden *golden, const char *name, double relative) {
    size_t j = 0;
    while (j < golden->reference_error_count && strcmp(golden->reference_errors[j].name, name) != 0) j++;
    if (j == golden->reference_error_count) {
        golden->reference_error_count++;
        snprintf(golden->reference_errors[j].name, sizeof golden->reference_errors[j].name, "%s", name);
        golden->reference_errors[j].relative = 0;
    }
    golden->reference_errors[j].relative = fmax(golden->reference_errors[j].relative, relative);
}

static hd_status judge_reference(const hd_record *reference, const hd_record *extended, hd_golden *golden,
                                 hd_error *error) {
    static const double none = 0;
    hd_verdict verdict = {0};
    hd_status status = HD_OK;
    hd_compare_hypers(&verdict, reference->hyper, reference->hypers, extended->hyper, extended->hypers, false,
                      hd_tolerance_everywhere(&none));
    if (verdict.no_memory) status = hd_fail(error, HD_UNAVAILABLE, "no memory to judge the reference");
    for (size_t i = 0; status == HD_OK && i < verdict.count; i++) {
        const hd_judgement *j = &verdict.judgements[i];
        if (j->measure != HD_RELATIVE) continue;
        double allowed = HD_REFERENCE_SHARE * hd_golden_tolerance(golden, j->name);
        if (!(j->relative <= allowed))
            status = hd_fail(
                error, HD_DIFFERENT,
                "%s %s, hyper-iteration %zu: the reference's %s differs by %.3g, relatively, from long "
                "double's; allowed: %.3g, a hundredth of its tolerance",
                reference->experiment, hd_mode_name(reference->mode), reference->step, j->name, j->relative,
                allowed);
        keep_error(golden, j->name + strlen("hypergradient "), j->relative);
    }
    hd_verdict_free(&verdict);
    return status;
}

static hd_status set_reference_errors(const hd_calibration *c, size_t step, hd_golden *golden,
                                      hd_error *error) {
    const hd_experiment *e = &c->loaded->experiment;
    hd_status status = HD_OK;
    for (int m = 0; status == HD_OK && m < 2; m++) {
        hd_record reference, extended = {0};
        if (!extended_runs(e, (hd_mode)m) || step >= for_extended(e).hyper_iterations) continue;
        status = load(c, "reference", (hd_mode)m, 0, step, &reference, error);
        if (status == HD_OK) status = load(c, "extended", (hd_mode)m, 0, step, &extended, error);
        if (status == HD_OK) status = judge_reference(&reference, &extended, golden, error);
        hd_record_free(&reference);
        hd_record_free(&extended);
    }
    return status;
}

static hd_status make_golden(const hd_calibration *c, size_t step, hd_golden *golden, hd_error *error) {
    hd_status status = set_reference(c, step, golden, error);
    if (status == HD_OK) status = set_tolerances(c, step, golden, error);
    return status == HD_OK ? set_reference_errors(c, step, golden, error) : status;
}

/* --- all of it --- */

hd_status hd_calibration_run(hd_calibration *c, size_t replicas, const hd_request *request,
                             const hd_loaded_experiment *loaded, hd_error *error) {
    *c = (hd_calibration){.request = request, .loaded = loaded, .replicas = replicas};
    hd_status status = hd_temporary_folder_make(c->scratch, error);
    if (status == HD_OK) status = run_all(c, error);
    if (status == HD_OK) status = hd_golden_set_make(&c->goldens, loaded->experiment.hyper_iterations, error);
    for (size_t k = 0; status == HD_OK && k < c->goldens.count; k++)
        status = make_golden(c, k, &c->goldens.steps[k], error);
    return status;
}

void hd_calibration_end(hd_calibration *c) {
    hd_golden_set_free(&c->goldens);
    hd_temporary_folder_remove(c->scratch);
    *c = (hd_calibration){0};
}

/* --- verifying --- */

bool hd_verification_holds(const hd_verification *v) {
    return v->records > 0 && (double)v->alarms <= HD_FALSE_ALARMS * (double)v->records;
}

hd_status hd_calibration_verify(const hd_calibration *c, size_t count,
                                void (*alarm)(void *context, size_t seed, const hd_verdict *verdict),
                                void *context, hd_verification *verification, hd_error *error) {
    const hd_experiment *e = &c->loaded->experiment;
    size_t first = c->replicas + 1;
    hd_status status = HD_OK;
    *verification = (hd_verification){0};
    for (size_t seed = first; seed < first + count; seed++)
        for (int m = 0; status == HD_OK && m < 2; m++) {
            char folder[PATH_MAX];
            status = run(c, e, "cpu", (hd_mode)m, seed, error);
            for (size_t step = 0; status == HD_OK && step < e->hyper_iterations; step++) {
                hd_record record;
                hd_verdict verdict = {0};
                status = load(c, "cpu", (hd_mode)m, seed, step, &record, error);
                if (status == HD_OK)
                    status = hd_golden_judge(&c->goldens.steps[step], &record, &verdict, error);
                bool fails = status == HD_OK && !hd_verdict_passes(&verdict);
                verification->records += status == HD_OK;
                verification->alarms += fails;
                if (fails) alarm(context, seed, &verdict);
                hd_verdict_free(&verdict);
                hd_record_free(&record);
            }
            if (folder_of(c, "cpu", (hd_mode)m, seed, folder, error) == HD_OK)
                hd_temporary_folder_remove(folder);
        }
    return status;
}
