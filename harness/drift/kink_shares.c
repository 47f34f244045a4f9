#include "drift/kink_shares.h"

#include "base/terminal.h"
#include "run/variant_results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hd_status measure_together(const hd_drift *drift, const hd_variant *const sides[2],
                                  hd_kink *const orders[2], size_t iteration, hd_kink_shares *shares,
                                  hd_error *error) {
    const hd_iteration_drift *it = &drift->iteration[iteration];
    size_t hypers = drift->info[0].hypers;
    double into_a[HD_MAX_HYPERS], out_of_b[HD_MAX_HYPERS];
    hd_status status =
        hd_variant_hypergradients(sides[0], orders[1], shares->count, iteration, into_a, error);
    if (status == HD_OK)
        status = hd_variant_hypergradients(sides[1], orders[0], shares->count, iteration, out_of_b, error);
    if (status != HD_OK) return status;
    snprintf(shares->together.component, sizeof shares->together.component, "kinks");
    hd_shares(it->hypergradient[0], into_a, it, hypers, shares->together.into_a);
    hd_shares(out_of_b, it->hypergradient[1], it, hypers, shares->together.out_of_b);
    shares->measured = true;
    return HD_OK;
}

static hd_status measure_alone(const hd_drift *drift, const hd_variant *a, const hd_kink *orders,
                               const size_t *which, size_t iteration, hd_kink_shares *shares,
                               hd_error *error) {
    const hd_iteration_drift *it = &drift->iteration[iteration];
    size_t count = shares->count < HD_MOST_ALONE ? shares->count : HD_MOST_ALONE;
    shares->alone = calloc(count, sizeof *shares->alone);
    if (!shares->alone) return hd_fail(error, HD_UNAVAILABLE, "no memory for the events' shares");
    hd_status status = HD_OK;
    for (size_t i = 0; status == HD_OK && i < count; i++) {
        double with[HD_MAX_HYPERS];
        hd_terminal_show("drift: forcing decision %zu of %zu", i + 1, count);
        status = hd_variant_hypergradients(a, &orders[i], 1, iteration, with, error);
        if (status != HD_OK) break;
        shares->alone[i].event = which[i];
        hd_shares(it->hypergradient[0], with, it, drift->info[0].hypers, shares->alone[i].share);
        shares->alone_count = i + 1;
    }
    return status;
}

hd_status hd_kink_shares_measure(const hd_drift *drift, const hd_variant *const sides[2], size_t iteration,
                                 hd_kink_shares *shares, hd_error *error) {
    size_t kept = drift->events.kept;
    bool on_host = strcmp(sides[0]->device, "cuda") != 0 && strcmp(sides[1]->device, "cuda") != 0;
    *shares = (hd_kink_shares){.measured = false};
    if (!drift->full || !on_host || kept == 0) return HD_OK;
    hd_kink *orders[2] = {malloc(kept * sizeof(hd_kink)), malloc(kept * sizeof(hd_kink))};
    size_t *which = malloc(kept * sizeof *which);
    hd_status status = orders[0] && orders[1] && which
                           ? HD_OK
                           : hd_fail(error, HD_UNAVAILABLE, "no memory for the events' shares");
    if (status == HD_OK) {
        hd_crossings_kinks(&drift->events, iteration, false, orders[0], which);
        shares->count = hd_crossings_kinks(&drift->events, iteration, true, orders[1], which);
        bool few = shares->count > 0 && shares->count <= HD_MOST_ORDERED;
        if (few) status = measure_together(drift, sides, orders, iteration, shares, error);
        if (few && status == HD_OK)
            status = measure_alone(drift, sides[0], orders[1], which, iteration, shares, error);
    }
    free(orders[0]);
    free(orders[1]);
    free(which);
    return status;
}

void hd_kink_shares_free(hd_kink_shares *shares) {
    free(shares->alone);
    *shares = (hd_kink_shares){.measured = false};
}

size_t hd_kink_shares_most(const hd_kink_shares *shares, const hd_drift *drift, size_t iteration) {
    const hd_iteration_drift *it = &drift->iteration[iteration];
    size_t found = SIZE_MAX;
    double most = HD_MOST_OF_IT;
    for (size_t j = 0; shares->measured && j < drift->info[0].hypers; j++) {
        double a = it->hypergradient[0][j], b = it->hypergradient[1][j];
        double share = hd_cause_share(&shares->together, j);
        if (fabs(b - a) > HD_HYPERGRADIENT_JUMP * fabs(a) && share > most) most = share, found = j;
    }
    return found;
}
