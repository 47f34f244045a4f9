#include "drift/diagnosis.h"

#include "base/list.h"
#include "base/terminal.h"
#include "run/variant_results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Random rounding shows how far rounding can bring a hypergradient, from a few runs: so many times as far is beyond. */
#define BEYOND_REACH 8.0

/* The experiment's hash leaves out the arithmetic, of which TensorFloat-32 alone is another precision. */
bool hd_same_settings(const hd_drift *drift) {
    bool tf32[2] = {strstr(drift->info[0].arithmetic, "tf32"), strstr(drift->info[1].arithmetic, "tf32")};
    return !strcmp(drift->info[0].experiment_sha256, drift->info[1].experiment_sha256) && tf32[0] == tf32[1];
}

static double relative_difference(double a, double b) {
    return a == b ? 0 : fabs(b - a) / fmax(fabs(a), fabs(b));
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
        hd_terminal_show("drift: %c on the float64 reference", s ? 'b' : 'a');
        bool known = s == 1 && status == HD_OK && hd_variant_same(&reference[0], &reference[1]);
        if (status == HD_OK && !known)
            status = hd_variant_hypergradients(&reference[s], NULL, 0, d->iteration, expected, error);
        if (status != HD_OK) return status;
        const double *is = drift->iteration[d->iteration].hypergradient[s];
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

/* --- findings --- */

/* Of one kind of tensor in one hyper-iteration: what is wrong in one of its parts is mostly wrong in all. */
static bool of_a_kind(const hd_finding *a, const hd_finding *b) {
    return a->place.iteration == b->place.iteration && a->place.tensor == b->place.tensor &&
           a->place.back == b->place.back;
}

static hd_status add_finding(hd_diagnosis *d, size_t side, const hd_finding *finding, hd_error *error) {
    for (size_t g = 0; g < d->group_count; g++) {
        hd_finding_group *group = &d->groups[g];
        if (group->side != side || !of_a_kind(group->first, finding)) continue;
        group->count++;
        group->last = finding->place;
        if (finding->test.furthest > group->worst->test.furthest) group->worst = finding;
        return HD_OK;
    }
    hd_finding_group *added = hd_list_add(&d->groups, &d->group_count, sizeof *added);
    if (!added) return hd_fail(error, HD_UNAVAILABLE, "no memory for what was found");
    *added = (hd_finding_group){side, 1, finding, finding, finding->place};
    return HD_OK;
}

/* Merges both sides' findings in the run's order. */
static hd_status list_findings(const hd_drift *drift, hd_diagnosis *d, hd_error *error) {
    size_t at[2] = {0, 0};
    hd_status status = HD_OK;
    while (status == HD_OK) {
        const hd_finding *of[2] = {hd_drift_finding(drift, 0, at[0]), hd_drift_finding(drift, 1, at[1])};
        if (!of[0] && !of[1]) break;
        size_t s = !of[0] || (of[1] && hd_place_before(&drift->info[0], &of[1]->place, &of[0]->place));
        d->iterations[of[s]->place.iteration].findings[s]++;
        status = add_finding(d, s, of[s], error);
        at[s]++;
    }
    return status;
}

/* --- hyper-iterations --- */

static void measure_apart(const hd_drift *drift, size_t k, hd_iteration_verdict *v) {
    const hd_iteration_drift *it = &drift->iteration[k];
    for (size_t j = 0; j < drift->info[0].hypers; j++) {
        double apart = relative_difference(it->hypergradient[0][j], it->hypergradient[1][j]);
        if (!(apart <= v->apart)) v->apart = apart, v->worst = j;
        const hd_iteration_drift *before = k ? &drift->iteration[k - 1] : NULL;
        if (before)
            v->inherited = fmax(v->inherited, relative_difference(before->hyperparameter[0][j],
                                                                  before->hyperparameter[1][j]));
    }
    for (size_t i = 0; i < drift->events.tallied; i++)
        if (drift->events.tallies[i].iteration == k && drift->events.tallies[i].kind != HD_CROSSING_ARGMAX)
            v->flips += drift->events.tallies[i].count;
}

/* Whether every operation of the side up to the end of hyper-iteration k was looked at. */
static bool is_judged(const hd_drift *drift, size_t s, size_t k) {
    const hd_side_judgement *side = &drift->side[s];
    return side->judged && !(side->parted.found && side->parted.place.iteration <= k);
}

/* A block's sketches differ by a sum with random signs of two runs' rounding errors, of variance 2/3 of what a rounding
 * can do, squared. The sum of the squares over n blocks exceeds n + 36 + 8 sqrt(n) variances once in 10^9 cases. Norms
 * differ by no more than the norm of the difference. */
static bool sketches_too_far(const hd_side_judgement *side, const float *block) {
    double sum = 0, blocks = 0, all = 0;
    for (size_t b = 0; b < HD_BLOCKS; b++) {
        double size = (double)block[b], z = side->parted_by[b] == 0 ? 0 : side->parted_by[b] / size;
        all += size * size;
        if (!side->parted_block[b]) continue;
        sum += z * z;
        blocks++;
    }
    double most = 2.0 / 3 * (blocks + 36 + 8 * sqrt(blocks));
    return !(sum <= most) || !(fabs(side->parted_norm) <= sqrt(most * all));
}

/* An evaluation is whole in a digest. From the same errors and logits only the validation error rounds. */
static bool evaluation_too_far(const hd_side_judgement *side, double error) {
    for (size_t i = 1; i < HD_EVALUATED; i++)
        if (side->parted_result[i] != 0) return true;
    return !(fabs(side->parted_result[0]) <= 0x1p-20 * fabs(error));
}

bool hd_parted_too_far(const hd_drift *drift, size_t s) {
    const hd_side_judgement *side = &drift->side[s];
    const hd_place *place = &side->parted.place;
    if (!side->parted.found) return false;
    if (place->tensor == HD_EVALUATION)
        return evaluation_too_far(side, drift->iteration[place->iteration].evaluation[s][0]);
    for (size_t i = 0; i < side->residuals.size_count; i++)
        if (hd_place_same(&side->residuals.sizes[i].place, place))
            return sketches_too_far(side, side->residuals.sizes[i].block);
    return true;
}

/* Whether a hypergradient of hyper-iteration k is further apart than rounding's reach; before that was measured, than a
 * few units in the last place. */
static bool beyond_reach(const hd_drift *drift, const hd_diagnosis *d, size_t k) {
    const hd_iteration_drift *it = &drift->iteration[k];
    bool float32 = drift->info[0].float32 || drift->info[1].float32;
    double unit = float32 ? 0x1p-23 : 0x1p-52, tiny = float32 ? 0x1p-149 : 0x1p-1074;
    double underflow =
        tiny * (double)hd_weight_count(drift->info[0].layers, drift->info[0].dims); /* a term each */
    const double *reach = d->reach ? d->reach + k * HD_REACHES : NULL;
    for (size_t j = 0; j <= drift->info[0].hypers; j++) {
        bool error = j == drift->info[0].hypers;
        double a = error ? it->evaluation[0][0] : it->hypergradient[0][j],
               b = error ? it->evaluation[1][0] : it->hypergradient[1][j],
               by = reach ? BEYOND_REACH * reach[error ? HD_MAX_HYPERS : j] : 0;
        if (!(fabs(b - a) <= by + 4 * unit * fmax(fabs(a), fabs(b)) + underflow)) return true;
    }
    return false;
}

static size_t flips_until(const hd_diagnosis *d, size_t k) {
    size_t flips = 0;
    for (size_t i = 0; i <= k; i++) flips += d->iterations[i].flips;
    return flips;
}

/* What the first hyper-iteration that is chaotic hands on is chaotic too. */
static hd_growth_rate first_chaotic(const hd_drift *drift) {
    for (size_t k = 0; k < drift->iterations; k++) {
        hd_growth_rate rate = hd_growth_rate_of(drift, k);
        if (hd_growth_rate_is_chaotic(&rate)) return rate;
    }
    return (hd_growth_rate){.steps = 0};
}

static bool differs(const hd_drift *drift, size_t k) {
    return drift->iteration[k].differing > 0;
}

static bool parted_in(const hd_drift *drift, size_t k) {
    for (size_t s = 0; s < 2; s++)
        if (drift->side[s].parted.found && drift->side[s].parted.place.iteration == k &&
            hd_parted_too_far(drift, s))
            return true;
    return false;
}

/* Whether what cannot round differs: batches, hyperparameters by more than an update rounds, counts. */
static bool exact_results_differ(const hd_drift *drift, size_t k) {
    const hd_iteration_drift *it = &drift->iteration[k];
    for (size_t i = 0; i < drift->grown; i++)
        if (drift->growth[i].place.tensor == HD_BATCH && drift->growth[i].place.iteration == k) return true;
    double largest = 0;
    for (size_t j = 0; j < drift->info[0].hypers; j++)
        largest = fmax(largest, fabs(it->hyperparameter[0][j]));
    for (size_t j = 0; j < drift->info[0].hypers; j++)
        if (!(fabs(it->hyperparameter[1][j] - it->hyperparameter[0][j]) <= 0x1p-20 * largest)) return true;
    for (size_t i = 1; i < HD_EVALUATED; i++)
        if (it->evaluation[0][i] != it->evaluation[1][i]) return true;
    return false;
}

/* The order matters: what is proved wrong counts before what is not known, and that before what is right. */
static hd_drift_verdict verdict_of(const hd_drift *drift, const hd_diagnosis *d, size_t k) {
    const hd_iteration_verdict *v = &d->iterations[k];
    if (v->findings[0] || v->findings[1] || parted_in(drift, k)) return HD_BEYOND_ROUNDING;
    if (!drift->iteration[k].compared) return HD_NOT_JUDGED;
    if (!differs(drift, k)) return HD_IDENTICAL;
    if (!hd_same_settings(drift)) return HD_BY_COMPONENT;
    bool judged = is_judged(drift, 0, k) && is_judged(drift, 1, k), flipped = flips_until(d, k) > 0;
    bool parted = drift->side[0].judged && drift->side[1].judged && !judged;
    if (!judged && !parted) return HD_NOT_JUDGED;
    if (parted &&
        (!drift->iteration[k].reached || exact_results_differ(drift, k) || beyond_reach(drift, d, k)))
        return HD_NOT_JUDGED;
    if (hd_growth_rate_is_chaotic(&d->growth_rate) && d->growth_rate.iteration <= k) return HD_BY_ROUNDING;
    if (flipped && v->apart > HD_HYPERGRADIENT_JUMP) return HD_BY_KINK;
    return !flipped && beyond_reach(drift, d, k) ? HD_UNEXPLAINED : HD_BY_ROUNDING;
}

/* The worst by its verdict, then by how far its hypergradients are apart. What comes after a cut is not known, and
 * counts only if nothing is. */
static void find_worst(const hd_drift *drift, hd_diagnosis *d) {
    for (size_t k = 0; k < d->iteration_count; k++) d->iterations[k].verdict = verdict_of(drift, d, k);
    for (size_t k = 0; k < d->iteration_count; k++) {
        const hd_iteration_verdict *v = &d->iterations[k], *best = &d->iterations[d->iteration];
        if (!drift->iteration[k].compared) continue;
        if (v->verdict > best->verdict || (v->verdict == best->verdict && v->apart > best->apart))
            d->iteration = k;
    }
    d->finding = d->iterations[d->iteration].verdict;
}

/* --- measuring --- */

/* Whether rounding's reach could change the verdict: where differences stand that no flip explains. */
static bool wants_reach(const hd_drift *drift, const hd_diagnosis *d) {
    for (size_t k = 0; k < d->iteration_count; k++) {
        const hd_iteration_verdict *v = &d->iterations[k];
        if (differs(drift, k) && beyond_reach(drift, d, k) && !v->findings[0] && !v->findings[1] &&
            (flips_until(d, k) == 0 || !is_judged(drift, 0, k) || !is_judged(drift, 1, k)))
            return true;
    }
    return false;
}

static hd_status reach(const hd_drift *drift, const hd_drift_side sides[2], hd_diagnosis *d,
                       hd_error *error) {
    if (!sides[0].variant || !sides[1].variant || !hd_same_settings(drift)) return HD_OK;
    d->reach = calloc(d->iteration_count * HD_REACHES, sizeof *d->reach);
    if (!d->reach) return hd_fail(error, HD_UNAVAILABLE, "no memory for rounding's reach");
    return hd_rounding_reach(sides[0].variant, sides[1].variant, (double(*)[HD_REACHES])d->reach, error);
}

static hd_status measure_live(const hd_drift *drift, const hd_drift_side sides[2], hd_diagnosis_wishes wishes,
                              hd_diagnosis *d, hd_error *error) {
    const hd_variant *const variants[2] = {sides[0].variant, sides[1].variant};
    bool rounded = d->finding == HD_BY_ROUNDING || d->finding == HD_BY_KINK;
    hd_status status = HD_OK;
    if (drift->differing)
        status = hd_causes_measure(drift, variants[0], variants[1], d->iteration, &d->causes, error);
    if (status == HD_OK && drift->differing) status = ask_reference(drift, variants, d, error);
    if (status == HD_OK && drift->differing && rounded)
        status = hd_kink_shares_measure(drift, variants, d->iteration, &d->kinks, error);
    if (status == HD_OK && (variants[0]->mode != variants[1]->mode || wishes.pairing)) {
        const hd_variant *forward = variants[0]->mode == HD_FORWARD ? variants[0] : variants[1],
                         *reverse = variants[0]->mode == HD_FORWARD ? variants[1] : variants[0];
        bool both = variants[0]->mode == variants[1]->mode; /* then b with itself */
        status = hd_pairing_measure(both ? variants[1] : forward, both ? variants[1] : reverse, &d->pairing,
                                    error);
    }
    return status;
}

/* Of what flips explain they carry most. If forcing them shows that they do not, and the hyper-iteration begins as on
 * the other side, rounding must reach that far without them. */
static hd_status doubt_kinks(const hd_drift *drift, const hd_drift_side sides[2], hd_diagnosis *d,
                             hd_error *error) {
    hd_iteration_verdict *worst = &d->iterations[d->iteration];
    if (worst->verdict != HD_BY_KINK || !d->kinks.measured || !(worst->inherited <= HD_HYPERGRADIENT_JUMP) ||
        hd_kink_shares_most(&d->kinks, drift, d->iteration) != SIZE_MAX)
        return HD_OK;
    hd_status status = d->reach ? HD_OK : reach(drift, sides, d, error);
    if (status == HD_OK && beyond_reach(drift, d, d->iteration)) worst->verdict = d->finding = HD_UNEXPLAINED;
    return status;
}

static void conclude(const hd_drift *drift, hd_diagnosis *d) {
    hd_iteration_verdict *worst = &d->iterations[d->iteration];
    const hd_cause *cause = hd_causes_main(&d->causes, drift->info[0].hypers);
    if (worst->verdict == HD_BY_COMPONENT) {
        if (cause)
            snprintf(d->component, sizeof d->component, "%s", cause->component);
        else if (d->causes.count && d->causes.measured)
            d->finding = HD_UNEXPLAINED;
        else
            snprintf(d->component, sizeof d->component, "settings");
    }
    bool repeats = !(d->repeats[0].differing || d->repeats[1].differing);
    if (!repeats || (d->pairing.of && hd_pairing_jumps(&d->pairing))) d->finding = HD_BEYOND_ROUNDING;
    for (size_t s = 0; s < 2; s++) /* who was judged to the end was judged in both sweeps */
        if (drift->attest[s].differing && !is_judged(drift, s, drift->iterations - 1) &&
            d->finding < HD_UNEXPLAINED)
            d->finding = HD_UNEXPLAINED;
    if (d->finding > HD_NOT_JUDGED) d->growth_rate.steps = 0; /* what grows is no rounding */
}

hd_status hd_diagnose(const hd_drift *drift, const hd_drift_side sides[2], hd_diagnosis_wishes wishes,
                      hd_diagnosis *d, hd_error *error) {
    bool live = sides[0].variant && sides[1].variant && !sides[0].capture && !sides[1].capture;
    *d = (hd_diagnosis){.reference_error = {NAN, NAN}, .iteration_count = drift->iterations};
    d->iterations = calloc(drift->iterations, sizeof *d->iterations);
    if (!d->iterations) return hd_fail(error, HD_UNAVAILABLE, "no memory for a diagnosis");
    for (size_t k = 0; k < drift->iterations; k++) measure_apart(drift, k, &d->iterations[k]);
    hd_status status = list_findings(drift, d, error);
    if (status == HD_OK && wants_reach(drift, d)) status = reach(drift, sides, d, error);
    if (status != HD_OK) return status;
    d->growth_rate = first_chaotic(drift);
    find_worst(drift, d);
    if (!d->growth_rate.steps) d->growth_rate = hd_growth_rate_of(drift, d->iteration);
    if (live)
        status = measure_live(drift, sides, wishes, d, error);
    else if (sides[0].variant && sides[1].variant)
        status = hd_causes_list(sides[0].variant, sides[1].variant, &d->causes, error);
    for (size_t s = 0; status == HD_OK && s < 2 && wishes.repeat; s++)
        if (!sides[s].capture)
            status = hd_repeats_run(drift, s, sides[s].variant, wishes.repeat, &d->repeats[s], error);
    if (status == HD_OK) status = doubt_kinks(drift, sides, d, error);
    if (status != HD_OK) return status;
    conclude(drift, d);
    hd_diagnosis_testify(drift, sides, d);
    return HD_OK;
}

void hd_diagnosis_free(hd_diagnosis *diagnosis) {
    hd_pairing_free(&diagnosis->pairing);
    hd_kink_shares_free(&diagnosis->kinks);
    free(diagnosis->iterations);
    free(diagnosis->groups);
    free(diagnosis->reach);
    *diagnosis = (hd_diagnosis){.iteration_count = 0};
}

/* --- names --- */

const char *hd_drift_verdict_name(hd_drift_verdict verdict) {
    static const char *const names[] = {"identical", "rounding",    "kink",           "not judged",
                                        "component", "unexplained", "beyond rounding"};
    return names[verdict];
}

const char *hd_drift_verdict_text(const hd_diagnosis *diagnosis, char text[HD_VERDICT_TEXT]) {
    snprintf(text, HD_VERDICT_TEXT, "%s%s%s", hd_drift_verdict_name(diagnosis->finding),
             diagnosis->finding == HD_BY_COMPONENT ? " " : "",
             diagnosis->finding == HD_BY_COMPONENT ? diagnosis->component : "");
    return text;
}
