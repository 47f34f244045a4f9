#include "golden/oracles.h"

#include "base/process.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>

/* What we divide a hypergradient's error by. */
static double scale(const hd_record *reverse, size_t j) {
    double largest = 0;
    for (size_t i = 0; i < reverse->hypers; i++)
        largest = fmax(largest, fabs(reverse->hyper[i].hypergradient));
    return fmax(fabs(reverse->hyper[j].hypergradient), HD_GRADIENT_FLOOR * largest);
}

/* --- forward and reverse --- */

hd_status hd_oracles_modes(const hd_record *forward, const hd_record *reverse, hd_error *error) {
    for (size_t j = 0; j < reverse->hypers; j++) {
        double f = forward->hyper[j].hypergradient, r = reverse->hyper[j].hypergradient;
        if (!(fabs(f - r) <= HD_MODES_AGREE * scale(reverse, j)))
            return hd_fail(error, HD_DIFFERENT,
                           "%s, hyper-iteration %zu: on the reference forward gives %s %.17g and reverse "
                           "%.17g: not blessed",
                           reverse->experiment, reverse->step, reverse->hyper[j].name, f, r);
    }
    return HD_OK;
}

/* --- finite differences --- */

static const double steps[] = {1e-6, 3e-8, 1e-9};
enum { STEPS = sizeof steps / sizeof *steps };

/* The last difference quotient of a hypergradient, in memory shared with the process that computes it. */
typedef struct hd_quotient {
    double value, allowed;
    bool smooth; /* it crossed no kink */
} hd_quotient;

typedef struct hd_difference_job {
    const hd_loaded_experiment *loaded;
    const hd_request *request;
    const hd_golden_set *goldens;
    hd_quotient *differences; /* [goldens->count * hypers] */
} hd_difference_job;

static bool agrees(const hd_quotient *d, double reverse) {
    return d->smooth && fabs(d->value - reverse) <= d->allowed;
}

/* The hyperparameters at which hyper-iteration k starts. */
static void start_values(const hd_difference_job *d, size_t k, double *value) {
    const hd_experiment *e = &d->loaded->experiment;
    for (size_t j = 0; j < e->hypers; j++)
        value[j] = k ? d->goldens->steps[k - 1].reference.hyper[j].value : (double)e->value[j];
}

/* Computes, with step s, the differences of hyper-iteration k's hypergradients that do not agree yet. */
static hd_status take(const hd_difference_job *d, hd_device *device, const hd_problem *problem,
                      const hd_point *point, size_t k, double s, hd_error *error) {
    const hd_record *reverse = &d->goldens->steps[k].reference;
    hd_quotient *of = d->differences + k * problem->hypers;
    double step[HD_MAX_HYPERS], value[HD_MAX_HYPERS];
    bool smooth[HD_MAX_HYPERS], any = false;
    for (size_t j = 0; j < problem->hypers; j++) {
        step[j] = agrees(&of[j], reverse->hyper[j].hypergradient) ? 0 : s;
        any |= step[j] > 0;
    }
    if (!any) return HD_OK;
    hd_status status = hd_finite_differences(device, problem, point, step, value, smooth, error);
    for (size_t j = 0; status == HD_OK && j < problem->hypers; j++)
        if (step[j] > 0)
            of[j] = (hd_quotient){value[j],
                                  HD_DIFFERENCES_AGREE * scale(reverse, j) +
                                      8 * DBL_EPSILON * reverse->validation_error / s,
                                  smooth[j]};
    return status;
}

static hd_status take_all(void *context, hd_error *error) {
    const hd_difference_job *d = context;
    const hd_experiment *e = &d->loaded->experiment;
    hd_setup setup = {0};
    hd_device *device = NULL;
    double value[HD_MAX_HYPERS];
    hd_status status = hd_run_device(e, "reference", &d->request->device, &device, error);
    if (status == HD_OK) status = hd_setup_create(&setup, e, &d->loaded->dataset, 0, error);
    for (size_t k = 0; status == HD_OK && k < d->goldens->count; k++) {
        hd_point point = {.hyper = value, .training_batch = k % e->steps};
        start_values(d, k, value);
        hd_setup_start(&setup, k, &point);
        for (size_t s = 0; status == HD_OK && s < STEPS; s++)
            status = take(d, device, &setup.problem, &point, k, steps[s], error);
    }
    hd_setup_free(&setup);
    hd_device_close(device);
    return status;
}

static hd_status fail_difference(const hd_record *reverse, size_t j, const hd_quotient *d, hd_error *error) {
    return hd_fail(error, HD_DIFFERENT,
                   "%s, hyper-iteration %zu: on the reference reverse gives %s %.17g and finite differences "
                   "%.17g, allowed to be off by %.3g: not blessed",
                   reverse->experiment, reverse->step, reverse->hyper[j].name,
                   reverse->hyper[j].hypergradient, d->value, d->allowed);
}

hd_status hd_oracles_differences(const hd_loaded_experiment *loaded, const hd_request *request,
                                 const hd_golden_set *goldens, hd_differences *differences,
                                 void (*kink)(void *context, size_t step, const hd_hyper *reverse,
                                              double difference),
                                 void *context, hd_error *error) {
    size_t hypers = loaded->experiment.hypers, size = goldens->count * hypers * sizeof(hd_quotient);
    hd_quotient *taken = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (taken == MAP_FAILED)
        return hd_fail(error, HD_UNAVAILABLE, "no memory for finite differences: %s", strerror(errno));
    *differences = (hd_differences){0};
    hd_difference_job differing = {loaded, request, goldens, taken};
    hd_status status = hd_process_run("finite differences", take_all, &differing, error);
    for (size_t i = 0; status == HD_OK && i < goldens->count * hypers; i++) {
        const hd_record *reverse = &goldens->steps[i / hypers].reference;
        const hd_hyper *hyper = &reverse->hyper[i % hypers];
        double share = fabs(taken[i].value - hyper->hypergradient) / taken[i].allowed;
        if (agrees(&taken[i], hyper->hypergradient)) {
            differences->agree++;
            differences->worst = fmax(differences->worst, share);
        } else if (taken[i].smooth) {
            status = fail_difference(reverse, i % hypers, &taken[i], error);
        } else {
            differences->kinked++;
            kink(context, reverse->step, hyper, taken[i].value);
        }
    }
    munmap(taken, size);
    return status;
}
