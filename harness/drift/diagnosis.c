#include "drift/diagnosis.h"

#include "run/variant_results.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The verdict names the component that carries more than this of the difference in some hypergradient, and
 * more than any other. */
#define MOST 0.5

/* If there are no followers: what one float32 operation on a few hundred terms may do, relatively. */
#define PLAIN_ROUNDING 0x1p-18

double hd_cause_share(const hd_cause *cause, size_t hyper) {
    double mean = (cause->into_a[hyper] + cause->out_of_b[hyper]) / 2;
    return isnan(mean) ? mean : fmin(fmax(mean, 0), 1);
}

/* --- causes --- */

/* Writes whether the variant can take `other`'s word of that key, and changes by it. */
static hd_status swap_changes(const hd_variant *variant, const hd_variant *other, const char *key,
                              bool *changes, hd_error *error) {
    hd_variant swapped;
    hd_status status = hd_variant_swap(variant, other, key, &swapped, error);
    *changes = status == HD_OK && !hd_variant_same(variant, &swapped);
    return status == HD_INVALID ? HD_OK : status; /* it needs another word: a race its fill */
}

/* Lists the keys of either variant that, if swapped, change a or b. */
static hd_status list_components(const hd_variant *a, const hd_variant *b, hd_diagnosis *d, hd_error *error) {
    const hd_variant *sides[2] = {a, b};
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < sides[s]->count; i++) {
            const char *key = sides[s]->words[i].key;
            bool known = false, into_a, out_of_b;
            for (size_t c = 0; c < d->cause_count; c++) known |= !strcmp(d->causes[c].component, key);
            if (known || d->cause_count == HD_VARIANT_WORDS) continue;
            hd_status status = swap_changes(a, b, key, &into_a, error);
            if (status == HD_OK) status = swap_changes(b, a, key, &out_of_b, error);
            if (status != HD_OK) return status;
            if (into_a || out_of_b)
                snprintf(d->causes[d->cause_count++].component, HD_VARIANT_KEY, "%s", key);
        }
    return HD_OK;
}

/* share[j] = (to[j] - from[j]) / (b's - a's hypergradient j); NAN if those are equal. */
static void shares(const double *from, const double *to, const hd_ending *ending, size_t count,
                   double *share) {
    for (size_t j = 0; j < count; j++) {
        double whole = ending->hypergradient[1][j] - ending->hypergradient[0][j];
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
    const hd_ending *ending = &drift->ending[iteration];
    const double *of_a = ending->hypergradient[0], *of_b = ending->hypergradient[1];
    size_t count = drift->info[0].hypers;
    double changed[HD_MAX_HYPERS];
    bool possible;
    for (size_t j = 0; j < count; j++) cause->into_a[j] = cause->out_of_b[j] = NAN;
    hd_status status = swap_in(a, b, of_b, cause->component, iteration, changed, &possible, error);
    if (status == HD_OK && possible) shares(of_a, changed, ending, count, cause->into_a);
    if (status == HD_OK) status = swap_in(b, a, of_a, cause->component, iteration, changed, &possible, error);
    if (status == HD_OK && possible) shares(changed, of_b, ending, count, cause->out_of_b);
    for (size_t j = 0; j < count; j++) { /* if only one is known, use it for both */
        if (isnan(cause->into_a[j])) cause->into_a[j] = cause->out_of_b[j];
        if (isnan(cause->out_of_b[j])) cause->out_of_b[j] = cause->into_a[j];
    }
    return status;
}

static hd_status measure_causes(const hd_drift *drift, const hd_variant *a, const hd_variant *b,
                                hd_diagnosis *d, hd_error *error) {
    hd_status status = list_components(a, b, d, error);
    for (size_t c = 0; status == HD_OK && c < d->cause_count; c++)
        status = measure_cause(drift, a, b, &d->causes[c], d->iteration, error);
    return status;
}

/* --- the reference --- */

static hd_status on_reference(const hd_variant *variant, hd_variant *out, hd_error *error) {
    /* tf32 needs its arithmetic, so it goes first */
    static const char *const own[] = {"threads", "blis-kernels", "loops",   "math",
                                      "tf32",    "arithmetic",   "rounding"};
    hd_variant none = {.count = 0}, now = *variant;
    hd_status status = HD_OK;
    for (size_t i = 0; status == HD_OK && i < sizeof own / sizeof *own; i++) {
        status = hd_variant_swap(&now, &none, own[i], out, error);
        now = *out;
    }
    return status == HD_OK ? hd_variant_with(&now, "device", "reference", out, error) : status;
}

static hd_status ask_reference(const hd_drift *drift, const hd_variant *const sides[2], hd_diagnosis *d,
                               hd_error *error) {
    hd_variant reference[2];
    double expected[HD_MAX_HYPERS];
    hd_status status = HD_OK;
    for (size_t s = 0; status == HD_OK && s < 2; s++) {
        status = on_reference(sides[s], &reference[s], error);
        bool known = s == 1 && status == HD_OK && hd_variant_same(&reference[0], &reference[1]);
        if (status == HD_OK && !known)
            status = hd_variant_hypergradients(&reference[s], NULL, 0, d->iteration, expected, error);
        if (status != HD_OK) return status;
        const double *is = drift->ending[d->iteration].hypergradient[s];
        double worst = 0;
        for (size_t j = 0; j < drift->info[s].hypers; j++) {
            double size = fabs(expected[j]), off = fabs(is[j] - expected[j]);
            if (size > 0 && off / size > worst) worst = off / size;
        }
        d->reference_error[s] = worst;
    }
    return status;
}

char hd_nearer_reference(const hd_diagnosis *diagnosis) {
    double a = diagnosis->reference_error[0], b = diagnosis->reference_error[1];
    return isnan(a) || isnan(b) ? '?' : a < b ? 'a' : b < a ? 'b' : '=';
}

/* --- kinks --- */

static hd_status measure_together(const hd_drift *drift, const hd_variant *const sides[2],
                                  hd_kink *const orders[2], hd_diagnosis *d, hd_error *error) {
    const hd_ending *ending = &drift->ending[d->iteration];
    size_t hypers = drift->info[0].hypers;
    double into_a[HD_MAX_HYPERS], out_of_b[HD_MAX_HYPERS];
    hd_status status =
        hd_variant_hypergradients(sides[0], orders[1], d->kink_count, d->iteration, into_a, error);
    if (status == HD_OK)
        status = hd_variant_hypergradients(sides[1], orders[0], d->kink_count, d->iteration, out_of_b, error);
    if (status != HD_OK) return status;
    snprintf(d->kinks.component, sizeof d->kinks.component, "kinks");
    shares(ending->hypergradient[0], into_a, ending, hypers, d->kinks.into_a);
    shares(out_of_b, ending->hypergradient[1], ending, hypers, d->kinks.out_of_b);
    d->kinks_measured = true;
    return HD_OK;
}

static hd_status measure_alone(const hd_drift *drift, const hd_variant *a, const hd_kink *orders,
                               const size_t *which, hd_diagnosis *d, hd_error *error) {
    const hd_ending *ending = &drift->ending[d->iteration];
    size_t count = d->kink_count < HD_MOST_ALONE ? d->kink_count : HD_MOST_ALONE;
    d->event_shares = calloc(count, sizeof *d->event_shares);
    if (!d->event_shares) return hd_fail(error, HD_UNAVAILABLE, "no memory for the events' shares");
    hd_status status = HD_OK;
    for (size_t i = 0; status == HD_OK && i < count; i++) {
        hd_crossing_share *share = &d->event_shares[i];
        double with[HD_MAX_HYPERS];
        share->event = which[i];
        status = hd_variant_hypergradients(a, &orders[i], 1, d->iteration, with, error);
        if (status == HD_OK)
            shares(ending->hypergradient[0], with, ending, drift->info[0].hypers, share->share);
        d->event_share_count = i + 1;
    }
    return status;
}

/* Forces either side to decide at kinks as the other did. */
static hd_status measure_kinks(const hd_drift *drift, const hd_variant *const sides[2], hd_diagnosis *d,
                               hd_error *error) {
    size_t kept = drift->events.kept;
    bool on_host = strcmp(sides[0]->device, "cuda") != 0 && strcmp(sides[1]->device, "cuda") != 0;
    if (!drift->full || !on_host || kept == 0) return HD_OK;
    hd_kink *orders[2] = {malloc(kept * sizeof(hd_kink)), malloc(kept * sizeof(hd_kink))};
    size_t *which = malloc(kept * sizeof *which);
    hd_status status = orders[0] && orders[1] && which
                           ? HD_OK
                           : hd_fail(error, HD_UNAVAILABLE, "no memory for the events' shares");
    if (status == HD_OK) {
        hd_crossings_kinks(&drift->events, d->iteration, false, orders[0], which);
        d->kink_count = hd_crossings_kinks(&drift->events, d->iteration, true, orders[1], which);
        bool few = d->kink_count > 0 && d->kink_count <= HD_MOST_ORDERED;
        if (few) status = measure_together(drift, sides, orders, d, error);
        if (few && status == HD_OK) status = measure_alone(drift, sides[0], orders[1], which, d, error);
    }
    free(orders[0]);
    free(orders[1]);
    free(which);
    return status;
}

/* --- the verdict --- */

/* The component with the largest share in any hypergradient; NULL: none has more than MOST of one. */
static const hd_cause *main_cause(const hd_drift *drift, const hd_diagnosis *d) {
    const hd_cause *best = NULL;
    double most = MOST;
    for (size_t c = 0; c < d->cause_count; c++)
        for (size_t j = 0; j < drift->info[0].hypers; j++) {
            double share = hd_cause_share(&d->causes[c], j);
            if (share > most) most = share, best = &d->causes[c];
        }
    return best ? best : d->cause_count == 1 ? &d->causes[0] : NULL;
}

/* Whether the site is a count of correct validation examples, whose logits were then the same. */
static bool is_of_counting(const hd_site *site) {
    const hd_tensor_difference *d = &site->difference;
    bool counts = false;
    for (size_t r = 0; r < d->range_count; r++)
        counts |= d->ranges[r].from <= HD_EVALUATED_CORRECT && HD_EVALUATED_CORRECT <= d->ranges[r].to;
    return site->place.tensor == HD_EVALUATION && counts;
}

/* Whether the site involves no rounding that could differ, as data and initial weights. */
static bool of_no_rounding(const hd_site *site) {
    return !strcmp(site->part.phase, "initial weights") || !strcmp(site->part.phase, "batch") ||
           is_of_counting(site);
}

static bool same_settings(const hd_drift *drift) {
    return !strcmp(drift->info[0].experiment_sha256, drift->info[1].experiment_sha256);
}

static bool more_than_rounding(const hd_drift *drift) {
    if (of_no_rounding(&drift->first)) return true;
    if (drift->followed[HD_FOLLOW_ROUNDING]) return drift->beyond.found;
    return !same_settings(drift) || !(drift->first.difference.relative <= PLAIN_ROUNDING);
}

/* A hypergradient's relative difference above this is a jump, more than what sums do. */
#define JUMP 0x1p-20

/* The hypergradient most of whose difference the kinks carry; SIZE_MAX: none that jumps. */
static size_t carried_by_kinks(const hd_drift *drift, const hd_diagnosis *d) {
    const hd_ending *e = &drift->ending[d->iteration];
    size_t found = SIZE_MAX;
    double most = MOST;
    for (size_t j = 0; d->kinks_measured && j < drift->info[0].hypers; j++) {
        double a = e->hypergradient[0][j], b = e->hypergradient[1][j], share = hd_cause_share(&d->kinks, j);
        if (fabs(b - a) > JUMP * fabs(a) && share > most) most = share, found = j;
    }
    return found;
}

/* Adds to the evidence what the kinks carry of that hypergradient, or of the one they carry most of. */
static void describe_kinks(const hd_drift *drift, hd_diagnosis *d, size_t hyper) {
    size_t length = strlen(d->evidence);
    char name[HD_NAME];
    if (!d->kinks_measured) return;
    for (size_t j = 0; hyper == SIZE_MAX && j < drift->info[0].hypers; j++)
        if (hd_cause_share(&d->kinks, j) > MOST) hyper = j;
    if (hyper == SIZE_MAX) return;
    snprintf(d->evidence + length, sizeof d->evidence - length,
             " Decisions at kinks fell differently (%zu); forcing them the other way explains %.0f%% of the "
             "difference in %s.",
             d->kink_count, 100 * hd_cause_share(&d->kinks, hyper),
             hd_hyperparameter_name(drift->info[0].hyper[hyper], name));
}

static void describe_site(const hd_site *site, char text[256]) {
    size_t used = (size_t)snprintf(text, 256, "%s at step %u of hyper-iteration %u (%s)", site->part.name,
                                   site->place.step, site->place.iteration, site->part.phase);
    const hd_tensor_difference *d = &site->difference;
    if (d->range_count == 1)
        snprintf(text + used, 256 - used, ", elements %zu..%zu", d->ranges[0].from, d->ranges[0].to);
}

static double worst_difference(const hd_drift *drift, size_t iteration) {
    const hd_ending *o = &drift->ending[iteration];
    double worst = 0;
    for (size_t j = 0; j < drift->info[0].hypers; j++)
        if (o->hypergradient[0][j] != 0)
            worst = fmax(worst, fabs(o->hypergradient[1][j] / o->hypergradient[0][j] - 1));
    return worst;
}

/* Adds a sentence to the evidence. */
static void testify(hd_diagnosis *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void testify(hd_diagnosis *d, const char *format, ...) {
    size_t used = strlen(d->evidence);
    va_list values;
    va_start(values, format);
    vsnprintf(d->evidence + used, sizeof d->evidence - used, format, values);
    va_end(values);
}

static void conclude_rounding(const hd_drift *drift, const char *where, hd_diagnosis *d) {
    size_t kinked = carried_by_kinks(drift, d);
    d->finding = kinked == SIZE_MAX ? HD_BY_ROUNDING : HD_BY_KINK;
    testify(
        d,
        "The first difference is in %s. %s In the end the hypergradients differ by up to %.2g, relatively.",
        where,
        drift->followed[HD_FOLLOW_ROUNDING]
            ? "When each step starts from a's state, no step of b adds more than random rounding does."
            : "It is of the size of rounding; no step was run from the other's state, so later steps are not judged.",
        worst_difference(drift, d->iteration));
    describe_kinks(drift, d, kinked);
}

/* Names the component that carries the difference, or says that none does. */
static void name_component(const hd_drift *drift, const hd_cause *cause, bool swapped, hd_diagnosis *d) {
    if (cause) snprintf(d->component, sizeof d->component, "%s", cause->component);
    if (cause && d->cause_count > 1)
        testify(d, " Swapping %s alone removes or brings in most of that.", cause->component);
    else if (cause)
        testify(d, " The two differ in %s alone.", cause->component);
    else
        testify(
            d, " %s",
            swapped ? "No component that was swapped explains it: a bug is likely."
            : same_settings(drift)
                ? "The settings are the same."
                : "The settings are not the same; drift EXPERIMENT with --a and --b tells which of them matters.");
}

/* swapped: components were swapped to explain the difference. */
static void conclude(const hd_drift *drift, bool swapped, hd_diagnosis *d) {
    char where[256] = "", beyond[256] = "", text[HD_PAIRING_TEXT];
    hd_pairing_place jump;
    const hd_cause *cause = main_cause(drift, d);
    bool jumps = d->pairing.of && hd_pairing_first(&d->pairing, &jump);
    if (drift->first.found) describe_site(&drift->first, where);
    if (drift->beyond.found) describe_site(&drift->beyond, beyond);
    if (drift->differing && !more_than_rounding(drift) && !jumps) {
        conclude_rounding(drift, where, d);
        return;
    }
    d->finding = drift->differing == 0 ? HD_IDENTICAL : cause ? HD_BY_COMPONENT : HD_UNEXPLAINED;
    if (drift->differing == 0)
        testify(d, "All %zu tensors compared have the same bits.", drift->compared);
    else
        testify(d, "The first difference is in %s%s.", where,
                of_no_rounding(&drift->first) ? ", which no rounding can change" : "");
    if (drift->beyond.found && !hd_same_site(&drift->first, &drift->beyond))
        testify(d, " The first tensor to which a step adds more than rounding can is %s.", beyond);
    if (jumps)
        testify(d, " The pairing of tangents with adjoints %s.",
                hd_pairing_describe(&jump, drift->info[0].hyper, text));
    if (drift->differing == 0) return;
    testify(d, " In the end the hypergradients differ by up to %.2g, relatively.",
            worst_difference(drift, d->iteration));
    name_component(drift, cause, swapped, d);
}

const char *hd_drift_verdict_text(const hd_diagnosis *diagnosis, char text[HD_VARIANT_KEY + 16]) {
    static const char *const names[] = {"identical", "rounding", "kink", "component", "unexplained"};
    snprintf(text, HD_VARIANT_KEY + 16, "%s%s%s", names[diagnosis->finding],
             diagnosis->finding == HD_BY_COMPONENT ? " " : "", diagnosis->component);
    return text;
}

static hd_status pair(const hd_variant *a, const hd_variant *b, bool wanted, hd_diagnosis *d,
                      hd_error *error) {
    if (a->mode == b->mode && !wanted) return HD_OK;
    const hd_variant *forward = a->mode != b->mode && a->mode == HD_FORWARD ? a : b;
    const hd_variant *reverse = a->mode != b->mode && a->mode == HD_REVERSE ? a : b;
    return hd_pairing_measure(forward, reverse, &d->pairing, error);
}

hd_status hd_diagnose(const hd_drift *drift, const hd_variant *a, const hd_variant *b, bool pairing,
                      hd_diagnosis *d, hd_error *error) {
    const hd_variant *sides[2] = {a, b};
    hd_status status = HD_OK;
    *d = (hd_diagnosis){.reference_error = {NAN, NAN}};
    while (d->iteration + 1 < drift->iterations && !drift->ending[d->iteration].differs) d->iteration++;
    if (!drift->ending[d->iteration].differs) d->iteration = 0;
    if (a && b && drift->differing) {
        status = measure_causes(drift, a, b, d, error);
        if (status == HD_OK) status = ask_reference(drift, sides, d, error);
    }
    if (status == HD_OK && a && b && drift->differing && !more_than_rounding(drift))
        status = measure_kinks(drift, sides, d, error);
    if (status == HD_OK && a && b) status = pair(a, b, pairing, d, error);
    if (status == HD_OK) conclude(drift, a && b, d);
    return status;
}

void hd_diagnosis_free(hd_diagnosis *diagnosis) {
    hd_pairing_free(&diagnosis->pairing);
    free(diagnosis->event_shares);
}
