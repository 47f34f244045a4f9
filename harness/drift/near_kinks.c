#include "drift/near_kinks.h"

#include "run/variant_results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- finding them --- */

static bool same_decision(const hd_kink *a, const hd_kink *b) {
    return a->kind == b->kind && a->step == b->step && a->layer == b->layer && a->row == b->row &&
           a->unit == b->unit;
}

static void add(hd_near_kinks *reach, const hd_crossing *event, const hd_kink *other) {
    for (size_t i = 0; i < reach->count; i++)
        if (same_decision(&reach->of[i].other, other)) {
            reach->of[i].seen++;
            return;
        }
    if (reach->count < HD_MOST_FOUND)
        reach->of[reach->count++] = (hd_near_kink){.event = *event, .other = *other, .seen = 1};
}

/* The decisions of one hyper-iteration in which a replica went another way. */
static hd_status add_replica(const hd_drift *drift, size_t iteration, size_t layer, hd_near_kinks *reach,
                             hd_error *error) {
    hd_kink *kinks = malloc((drift->events.kept + 1) * sizeof *kinks);
    size_t *which = malloc((drift->events.kept + 1) * sizeof *which);
    size_t count = kinks && which ? hd_crossings_kinks(&drift->events, iteration, true, kinks, which) : 0;
    for (size_t i = 0; i < count; i++)
        if (kinks[i].iteration == iteration &&
            (kinks[i].kind == HD_KINK_RELU || layer == SIZE_MAX || kinks[i].layer == layer))
            add(reach, &drift->events.of[which[i]], &kinks[i]);
    hd_status status = kinks && which ? HD_OK : hd_fail(error, HD_UNAVAILABLE, "no memory for decisions");
    free(kinks);
    free(which);
    return status;
}

static hd_status run_replica(const hd_variant *variant, size_t seed, hd_drift *drift, hd_error *error) {
    static hd_variant replica; /* large */
    char rounding[32];
    snprintf(rounding, sizeof rounding, "%zu", seed);
    hd_status status = hd_variant_with(variant, "rounding", rounding, &replica, error);
    unsigned primal = 1u << HD_WEIGHTS | 1u << HD_ACTIVATION;
    return status == HD_OK ? hd_lockstep(variant, &replica, primal, false, drift, error) : status;
}

static int likely_first(const void *a, const void *b) {
    const hd_near_kink *x = a, *y = b;
    if (x->other.kind != y->other.kind) return x->other.kind == HD_KINK_SIGN ? -1 : 1;
    return (x->seen < y->seen) - (x->seen > y->seen);
}

/* --- what they are worth --- */

static hd_status weigh(const hd_variant *variant, size_t iteration, hd_near_kinks *reach, hd_error *error) {
    hd_status status = hd_variant_hypergradients(variant, NULL, 0, iteration, reach->hypergradient, error);
    for (size_t i = 0; status == HD_OK && i < reach->count; i++) {
        hd_near_kink *near = &reach->of[i];
        status = hd_variant_hypergradients(variant, &near->other, 1, iteration, near->worth, error);
        for (size_t j = 0; j < variant->experiment.hypers; j++) near->worth[j] -= reach->hypergradient[j];
    }
    return status;
}

hd_status hd_near_kinks_measure(const hd_variant *variant, size_t iteration, size_t layer, size_t replicas,
                                hd_near_kinks *reach, hd_error *error) {
    *reach = (hd_near_kinks){.of = calloc(HD_MOST_FOUND, sizeof *reach->of), .replicas = replicas};
    hd_status status = reach->of ? HD_OK : hd_fail(error, HD_UNAVAILABLE, "no memory for decisions");
    for (size_t seed = 1; status == HD_OK && seed <= replicas; seed++) {
        hd_drift drift;
        status = run_replica(variant, seed, &drift, error);
        if (status == HD_OK) status = add_replica(&drift, iteration, layer, reach, error);
        hd_drift_free(&drift);
    }
    reach->found = reach->count;
    if (status == HD_OK) qsort(reach->of, reach->count, sizeof *reach->of, likely_first);
    if (reach->count > HD_MOST_NEAR) reach->count = HD_MOST_NEAR;
    return status == HD_OK ? weigh(variant, iteration, reach, error) : status;
}

void hd_near_kinks_free(hd_near_kinks *reach) {
    free(reach->of);
    *reach = (hd_near_kinks){.of = NULL};
}
