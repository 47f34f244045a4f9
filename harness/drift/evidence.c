/* The evidence for a verdict, in a paragraph. */
#include "drift/diagnosis.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Adds a sentence. */
static void testify(hd_diagnosis *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void testify(hd_diagnosis *d, const char *format, ...) {
    size_t used = strlen(d->evidence);
    va_list values;
    if (used > 0 && used + 1 < sizeof d->evidence) d->evidence[used++] = ' ';
    va_start(values, format);
    vsnprintf(d->evidence + used, sizeof d->evidence - used, format, values);
    va_end(values);
}

static char name_of(size_t side) {
    return side ? 'b' : 'a';
}

static const char *hyper_name(const hd_drift *drift, size_t j, char name[HD_NAME]) {
    return hd_hyperparameter_name(drift->info[0].hyper[j], name);
}

/* --- parts of the paragraph --- */

static void tell_first(const hd_drift *drift, hd_diagnosis *d) {
    const hd_site *first = hd_drift_first(drift);
    const hd_tensor_difference *of = &first->difference;
    if (!first->found) return;
    testify(d, "The first difference is in %s at step %u of hyper-iteration %u (%s)%s.", first->part.name,
            first->place.step, first->place.iteration, first->part.phase,
            d->groups && (hd_place_before(&drift->info[0], &first->place, &d->groups[0].first->place))
                ? ", where both do what their equations say, up to rounding"
                : "");
    if (!strcmp(first->part.phase, "initial weights") && of->differing != SIZE_MAX && !isnan(of->worst_ulps))
        testify(d, "There, %zu initial weights differ, by at most %.3g ulp.", of->differing, of->worst_ulps);
}

static void tell_apart(const hd_drift *drift, hd_diagnosis *d) {
    const hd_iteration_verdict *v = &d->iterations[d->iteration];
    char name[HD_NAME];
    if (!drift->iteration[d->iteration].reached) return;
    testify(d, "In hyper-iteration %zu the hypergradients end up to %.2g apart, relatively (%s).",
            d->iteration, v->apart, hyper_name(drift, v->worst, name));
}

/* How often more, "; so are 159 more, up to step 21", or "". */
static void tell_more(const hd_finding_group *group, char text[64]) {
    text[0] = '\0';
    if (group->count > 1)
        snprintf(text, 64, "; so are %zu more of this kind, up to step %u", group->count - 1,
                 group->last.step);
}

static void tell_groups(hd_diagnosis *d) {
    if (!d->group_count) return;
    const hd_finding_group *group = &d->groups[0];
    const hd_finding *f = group->first;
    char more[64];
    tell_more(group, more);
    testify(d, "In %c, %s at step %u of hyper-iteration %u (%s%s) is not what its equation gives%s.",
            name_of(group->side), f->part.name, f->place.step, f->place.iteration, f->part.phase,
            f->place.back ? ", backward sweep" : "", more);
    if (d->group_count > 1) testify(d, "That is the first of %zu kinds of findings.", d->group_count);
}

static void tell_parted(const hd_drift *drift, hd_diagnosis *d) {
    for (size_t s = 0; s < 2; s++) {
        const hd_site *parted = &drift->side[s].parted;
        if (!parted->found) continue;
        testify(
            d,
            "From %s at step %u of hyper-iteration %u on, the digest %c has other bits than its variant gives here; "
            "there the two are some %.2g apart, relatively: %s rounding can do from the same inputs. What comes "
            "later was not judged operation by operation.",
            parted->part.name, parted->place.step, parted->place.iteration, name_of(s),
            parted->difference.relative, hd_parted_too_far(drift, s) ? "more than" : "no more than");
    }
}

static void tell_jump(const hd_drift *drift, hd_diagnosis *d) {
    const hd_growth *jump = d->finding == HD_NOT_JUDGED ? hd_growth_jump(drift, d->iteration) : NULL;
    if (!jump) return;
    hd_tensor_part part = hd_place_whole(&drift->info[0], &jump->place, 1);
    testify(d,
            "The difference jumps most in %s at step %u%s: to %.2g. That is a flipped decision or a fault.",
            part.name, jump->place.step, jump->place.back ? " (backward sweep)" : "", jump->relative);
}

/* Whether every operation of both sides was looked at and is right. */
static bool whole_right(const hd_drift *drift, const hd_diagnosis *d) {
    for (size_t s = 0; s < 2; s++)
        if (!drift->side[s].judged || drift->side[s].parted.found) return false;
    return d->group_count == 0;
}

static void tell_rounding(const hd_drift *drift, hd_diagnosis *d) {
    const hd_growth_rate *rate = &d->growth_rate;
    double elements = drift->side[0].residuals.elements + drift->side[1].residuals.elements;
    testify(
        d, "Each of the operations of both sides did what its equation says, up to rounding (%.3g elements).",
        elements);
    if (d->finding == HD_BY_COMPONENT) return;
    if (rate->steps)
        testify(d, "The weights' difference grows %.3g times a step (95 %%: %.3g to %.3g).", rate->rate,
                rate->low, rate->high);
    if (hd_growth_rate_is_chaotic(rate))
        testify(d, "So training itself amplifies rounding %.2g times%s.", rate->factor,
                d->iterations[d->iteration].apart > 0.1
                    ? ": these hypergradients have no meaning in this precision"
                    : "");
}

static void tell_kinks(const hd_drift *drift, hd_diagnosis *d) {
    size_t most = hd_kink_shares_most(&d->kinks, drift, d->iteration);
    char name[HD_NAME];
    size_t flips = hd_crossings_total(&drift->events);
    if (flips) testify(d, "%zu decision%s came out differently.", flips, flips == 1 ? "" : "s");
    if (most != SIZE_MAX)
        testify(d, "%zu of them, forced as the other side took them, carry %.0f %% of %s's difference.",
                d->kinks.count, 100 * hd_cause_share(&d->kinks.together, most),
                hyper_name(drift, most, name));
}

static void tell_causes(const hd_drift *drift, hd_diagnosis *d) {
    const hd_cause *cause = hd_causes_main(&d->causes, drift->info[0].hypers);
    if (cause && d->causes.count > 1)
        testify(d, "Swapping %s alone removes or brings in most of that.", cause->component);
    else if (cause)
        testify(d, "The two differ in %s alone.", cause->component);
    else if (d->causes.count && d->causes.measured)
        testify(d, "No component that was swapped explains it: a bug is likely.");
    else if (!hd_same_settings(drift))
        testify(
            d,
            "Their settings are not the same; drift EXPERIMENT with --a and --b tells which of them matters.");
}

static void tell_repeats(hd_diagnosis *d) {
    for (size_t s = 0; s < 2; s++)
        if (d->repeats[s].differing)
            testify(d, "Run again unwatched, %c gives other results in %zu of %zu runs: %s.", name_of(s),
                    d->repeats[s].differing, d->repeats[s].count, d->repeats[s].first);
}

static void tell_pairing(const hd_drift *drift, hd_diagnosis *d) {
    hd_pairing_place first;
    char text[HD_PAIRING_TEXT];
    if (d->pairing.of && hd_pairing_first(&d->pairing, &first))
        testify(d, "The pairing of tangents with adjoints %s.",
                hd_pairing_describe(&first, drift->info[0].hyper, text));
}

static void tell_attest(const hd_drift *drift, hd_diagnosis *d) {
    for (size_t s = 0; s < 2; s++)
        if (drift->attest[s].differing)
            testify(d, "In %c the backward sweep did not repeat %zu of %zu tensors of the forward sweep.",
                    name_of(s), drift->attest[s].differing, drift->attest[s].compared);
}

static void tell_not_judged(const hd_drift *drift, hd_diagnosis *d) {
    for (size_t s = 0; s < 2; s++)
        if (drift->side[s].why_not[0])
            testify(d, "%c was not judged: %s.", name_of(s), drift->side[s].why_not);
}

static void tell_cut(const hd_drift *drift, hd_diagnosis *d) {
    for (size_t s = 0; s < 2; s++) {
        const hd_place *at = &drift->cut_at[s];
        char where[64] = "at its very end";
        if (at->iteration < drift->iterations)
            snprintf(where, sizeof where, "in hyper-iteration %u, step %u", at->iteration, at->step);
        if (drift->cut[s])
            testify(
                d, "Capture %c is cut short %s: judged up to there, and it could not be checked for changes.",
                name_of(s), where);
    }
}

/* --- the whole --- */

static void advise(const hd_drift *drift, const hd_drift_side sides[2], hd_diagnosis *d) {
    if (d->finding != HD_NOT_JUDGED) return;
    const char *full = sides[0].capture || sides[1].capture ? " --full" : "";
    snprintf(
        d->advice, sizeof d->advice,
        "To have it judged: hyperdrift capture %s%s --out FILE on each machine, then hyperdrift drift FILE FILE",
        drift->info[0].experiment, full);
}

void hd_diagnosis_testify(const hd_drift *drift, const hd_drift_side sides[2], hd_diagnosis *d) {
    tell_cut(drift, d);
    if (!drift->differing) testify(d, "All %zu tensors compared have the same bits.", drift->compared);
    tell_groups(d);
    tell_repeats(d);
    if (drift->differing) {
        tell_apart(drift, d);
        tell_first(drift, d);
        tell_parted(drift, d);
        tell_jump(drift, d);
        if (whole_right(drift, d)) tell_rounding(drift, d);
        if (d->finding == HD_UNEXPLAINED)
            testify(
                d,
                "No operation is found wrong, but random rounding does not bring the hypergradients as far apart.");
        tell_kinks(drift, d);
        if (d->finding >= HD_BY_COMPONENT) tell_causes(drift, d);
        tell_not_judged(drift, d);
    }
    tell_pairing(drift, d);
    tell_attest(drift, d);
    advise(drift, sides, d);
}
