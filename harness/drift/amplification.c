#include "drift/amplification.h"

#include "base/terminal.h"
#include "run/variant_results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- growth --- */

/* A difference is first of a few elements only, and at its end it cannot grow any more. */
enum { FIRST_STEPS = 3, LEAST_STEPS = 8 };
#define SATURATED 0.1
#define ROUNDED   1e-8 /* smaller differences are of a few elements only */
#define CHAOTIC   1e3

hd_growth_rate hd_growth_rate_of(const hd_drift *drift, size_t iteration) {
    double first = NAN, last = NAN, sum = 0, squares = 0;
    size_t seen = 0, steps = 0;
    for (size_t i = 0; i < drift->grown; i++) {
        const hd_growth *g = &drift->growth[i];
        if (g->place.iteration != iteration || g->place.tensor != HD_WEIGHTS || g->place.back) continue;
        if (!(g->relative > ROUNDED) || seen++ < FIRST_STEPS) continue;
        if (g->relative > SATURATED) break;
        double now = log(g->relative);
        if (isnan(last))
            first = now;
        else
            sum += now - last, squares += (now - last) * (now - last), steps++;
        last = now;
    }
    if (steps < LEAST_STEPS) return (hd_growth_rate){.iteration = iteration};
    double mean = sum / (double)steps, variance = squares / (double)steps - mean * mean;
    double reach = 1.96 * sqrt(fmax(variance, 0) / (double)steps);
    return (hd_growth_rate){iteration,        steps, exp(mean), exp(mean - reach), exp(mean + reach),
                            exp(last - first)};
}

bool hd_growth_rate_is_chaotic(const hd_growth_rate *rate) {
    return rate->steps > 0 && rate->low > 1 && rate->factor > CHAOTIC;
}

const hd_growth *hd_growth_jump(const hd_drift *drift, size_t iteration) {
    const hd_growth *found = NULL;
    double before = ROUNDED, most = 100;
    for (size_t i = 0; i < drift->grown; i++) {
        const hd_growth *g = &drift->growth[i];
        if (g->place.iteration != iteration || !(g->relative > before)) continue;
        if (g->relative / before > most) most = g->relative / before, found = g;
        before = g->relative;
    }
    return found;
}

/* --- rounding's reach --- */

static hd_status run_rounded(const hd_variant *variant, uint32_t seed, hd_variant_results *results,
                             hd_error *error) {
    static const char *const own[] = {"blis-kernels", "loops", "math", "tf32", "arithmetic", "rounding"};
    hd_variant none = {.count = 0}, now = *variant, next;
    char text[16];
    hd_status status = HD_OK;
    for (size_t i = 0; status == HD_OK && i < sizeof own / sizeof *own; i++) {
        status = hd_variant_swap(&now, &none, own[i], &next, error);
        now = next;
    }
    if (status == HD_OK) status = hd_variant_with(&now, "device", "cpu", &next, error);
    snprintf(text, sizeof text, "%u", (unsigned)seed);
    if (status == HD_OK && seed > 0) {
        now = next;
        status = hd_variant_with(&now, "rounding", text, &next, error);
    }
    return status == HD_OK ? hd_variant_results_compute(&next, NULL, 0, results, error) : status;
}

static void widen(const hd_variant_results *plain, const hd_variant_results *rounded,
                  double (*reach)[HD_REACHES]) {
    for (size_t k = 0; k < plain->count; k++) {
        double *of_error = &reach[k][HD_MAX_HYPERS];
        *of_error =
            fmax(*of_error, fabs(rounded->records[k].validation_error - plain->records[k].validation_error));
        for (size_t j = 0; j < plain->records[k].hypers; j++)
            reach[k][j] = fmax(reach[k][j], fabs(rounded->records[k].hyper[j].hypergradient -
                                                 plain->records[k].hyper[j].hypergradient));
    }
}

hd_status hd_rounding_reach(const hd_variant *a, const hd_variant *b, double (*reach)[HD_REACHES],
                            hd_error *error) {
    const hd_variant *modes[2] = {a, b};
    hd_status status = HD_OK;
    for (size_t k = 0; k < a->experiment.hyper_iterations; k++)
        for (size_t j = 0; j < HD_REACHES; j++) reach[k][j] = 0;
    for (size_t s = 0; status == HD_OK && s < (a->mode == b->mode ? 1 : 2); s++) {
        hd_variant_results plain = {0};
        status = run_rounded(modes[s], 0, &plain, error);
        for (uint32_t r = 1; status == HD_OK && r <= HD_ROUNDING_REPLICAS; r++) {
            hd_variant_results rounded = {0};
            hd_terminal_show("drift: random rounding, %s, run %u of %d", hd_mode_name(modes[s]->mode),
                             (unsigned)r, HD_ROUNDING_REPLICAS);
            status = run_rounded(modes[s], 1000 + r, &rounded, error);
            if (status == HD_OK) widen(&plain, &rounded, reach);
            hd_variant_results_free(&rounded);
        }
        hd_variant_results_free(&plain);
    }
    return status;
}
