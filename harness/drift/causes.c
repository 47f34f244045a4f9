#include "drift/causes.h"

#include "base/terminal.h"
#include "run/variant_results.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double hd_cause_share(const hd_cause *cause, size_t hyper) {
    double mean = (cause->into_a[hyper] + cause->out_of_b[hyper]) / 2;
    return isnan(mean) ? mean : fmin(fmax(mean, 0), 1);
}

/* Writes whether the variant can take `other`'s word of that key, and changes by it. */
static hd_status swap_changes(const hd_variant *variant, const hd_variant *other, const char *key,
                              bool *changes, hd_error *error) {
    hd_variant swapped;
    hd_status status = hd_variant_swap(variant, other, key, &swapped, error);
    *changes = status == HD_OK && !hd_variant_same(variant, &swapped);
    return status == HD_INVALID ? HD_OK : status; /* it needs another word: a race its fill */
}

static void add_cause(hd_causes *causes, const char *key) {
    hd_cause *cause = &causes->of[causes->count++];
    snprintf(cause->component, sizeof cause->component, "%s", key);
    for (size_t j = 0; j < HD_MAX_HYPERS; j++) cause->into_a[j] = cause->out_of_b[j] = NAN;
}

/* Lists the keys of either variant that, if swapped, change a or b. */
hd_status hd_causes_list(const hd_variant *a, const hd_variant *b, hd_causes *causes, hd_error *error) {
    const hd_variant *sides[2] = {a, b};
    causes->count = 0;
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < sides[s]->count; i++) {
            const char *key = sides[s]->words[i].key;
            bool known = false, into_a, out_of_b;
            for (size_t c = 0; c < causes->count; c++) known |= !strcmp(causes->of[c].component, key);
            if (known || causes->count == HD_VARIANT_WORDS) continue;
            hd_status status = swap_changes(a, b, key, &into_a, error);
            if (status == HD_OK) status = swap_changes(b, a, key, &out_of_b, error);
            if (status != HD_OK) return status;
            if (into_a || out_of_b) add_cause(causes, key);
        }
    return HD_OK;
}

/* share[j] = (to[j] - from[j]) / (b's - a's hypergradient j); NAN if those are equal. */
void hd_shares(const double *from, const double *to, const hd_iteration_drift *it, size_t count,
               double *share) {
    for (size_t j = 0; j < count; j++) {
        double whole = it->hypergradient[1][j] - it->hypergradient[0][j];
        share[j] = whole == 0 ? NAN : (to[j] - from[j]) / whole;
    }
}

/* The hypergradients of `variant` with `other`'s word (`known`, if that makes it `other`); false in *possible
 * if that combination cannot run to its end. */
static hd_status swap_in(const hd_variant *variant, const hd_variant *other, const double *known,
                         const char *component, size_t iteration, double *hypergradients, bool *possible,
                         hd_error *error) {
    hd_variant swapped;
    hd_status status = hd_variant_swap(variant, other, component, &swapped, error);
    if (status == HD_OK && hd_variant_same(&swapped, other))
        memcpy(hypergradients, known, other->experiment.hypers * sizeof *known);
    else if (status == HD_OK)
        status = hd_variant_hypergradients(&swapped, NULL, 0, iteration, hypergradients, error);
    *possible = status == HD_OK;
    return status == HD_INVALID || status == HD_DIFFERENT ? HD_OK : status;
}

static hd_status measure_cause(const hd_drift *drift, const hd_variant *a, const hd_variant *b,
                               hd_cause *cause, size_t iteration, hd_error *error) {
    const hd_iteration_drift *it = &drift->iteration[iteration];
    const double *of_a = it->hypergradient[0], *of_b = it->hypergradient[1];
    size_t count = drift->info[0].hypers;
    double changed[HD_MAX_HYPERS];
    bool possible;
    for (size_t j = 0; j < count; j++) cause->into_a[j] = cause->out_of_b[j] = NAN;
    hd_status status = swap_in(a, b, of_b, cause->component, iteration, changed, &possible, error);
    if (status == HD_OK && possible) hd_shares(of_a, changed, it, count, cause->into_a);
    if (status == HD_OK) status = swap_in(b, a, of_a, cause->component, iteration, changed, &possible, error);
    if (status == HD_OK && possible) hd_shares(changed, of_b, it, count, cause->out_of_b);
    for (size_t j = 0; j < count; j++) { /* if only one is known, use it for both */
        if (isnan(cause->into_a[j])) cause->into_a[j] = cause->out_of_b[j];
        if (isnan(cause->out_of_b[j])) cause->out_of_b[j] = cause->into_a[j];
    }
    return status;
}

hd_status hd_causes_measure(const hd_drift *drift, const hd_variant *a, const hd_variant *b, size_t iteration,
                            hd_causes *causes, hd_error *error) {
    hd_status status = hd_causes_list(a, b, causes, error);
    for (size_t c = 0; status == HD_OK && c < causes->count; c++) {
        hd_terminal_show("drift: swapping %s, %zu of %zu", causes->of[c].component, c + 1, causes->count);
        status = measure_cause(drift, a, b, &causes->of[c], iteration, error);
    }
    causes->measured = true;
    return status;
}

const hd_cause *hd_causes_main(const hd_causes *causes, size_t hypers) {
    const hd_cause *best = NULL;
    double most = HD_MOST_OF_IT;
    for (size_t c = 0; c < causes->count; c++)
        for (size_t j = 0; j < hypers; j++) {
            double share = hd_cause_share(&causes->of[c], j);
            if (share > most) most = share, best = &causes->of[c];
        }
    return best ? best : causes->count == 1 ? &causes->of[0] : NULL;
}
