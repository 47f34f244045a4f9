#include "drift/pairing.h"

#include "drift/lockstep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATE, STATE_MOMENTUM, ADJOINT, ADJOINT_MOMENTUM, TRAJECTORIES };
enum { FORWARD, REVERSE, SIDES };

typedef struct hd_pairer {
    hd_pairing *pairing;
    const hd_experiment *experiment;
    size_t weights, units;    /* units: hidden ones of a whole batch */
    void *kept[TRAJECTORIES]; /* [steps + 1][weights], elements as the reverse run's */
    unsigned char *sides;     /* [steps][units]: see side_of */
    bool float32[SIDES];      /* the elements' type */
    double unit[SIDES];       /* half the distance of 1 to the next number */
    double hyper[SIDES][HD_MAX_HYPERS];
    double next[HD_MAX_HYPERS];    /* the reverse run's, after its update */
    hd_pairing_terms *terms;       /* [steps][hypers] */
    long double *products, *added; /* p_t . Z_t, [steps + 1][hypers]; p_{t+1} . B_t, [steps][hypers] */
} hd_pairer;

static hd_pairing_iteration *current(const hd_pairer *r, const hd_place *place) {
    return &r->pairing->of[place->iteration];
}

/* Element i of what we kept of state t. */
static double kept(const hd_pairer *r, size_t which, size_t t, size_t i) {
    size_t at = t * r->weights + i;
    return r->float32[REVERSE] ? (double)((const float *)r->kept[which])[at]
                               : ((const double *)r->kept[which])[at];
}

/* The unit of a run's products, its coarsest operations. */
static double unit_of(const hd_capture_reader *reader) {
    if (!strcmp(reader->info.arithmetic, "cublas-tf32")) return 0x1p-11;
    return reader->info.float32 ? 0x1p-24 : 0x1p-53;
}

/* --- kinks --- */

/* An activation of at most this share of its layer's largest (2^-10; 2^-7 with TF32) may be on one side of 0
 * or the other by rounding. A larger one that only one run has is no rounding, and its step is judged. */
static double near_zero(const hd_capture_reader *reader) {
    return fmax(0x1p-10, 16 * unit_of(reader));
}

enum { OFF, BARELY_ON, ON };

static unsigned char side_of(double activation, double limit) {
    return !(activation > 0) ? OFF : activation <= limit ? BARELY_ON : ON;
}

/* Keeps which hidden units are on (reverse run), or compares them with those kept (forward run). */
static void see_units(hd_pairer *r, const hd_capture_reader *reader, bool compare) {
    const hd_place *place = &reader->head.place;
    const size_t *dims = r->experiment->dims;
    size_t count = reader->head.count, at = place->step * r->units;
    double limit = 0;
    if (place->index >= r->experiment->layers || place->step >= r->pairing->steps || place->back) return;
    for (size_t l = 1; l < place->index; l++) at += dims[l] * r->experiment->batch;
    for (size_t i = 0; i < count; i++) limit = fmax(limit, hd_capture_element(reader, i));
    limit *= near_zero(reader);
    size_t flips = 0, wide = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned char side = side_of(hd_capture_element(reader, i), limit), *other = &r->sides[at + i];
        if (!compare) *other = side;
        flips += (side == OFF) != (*other == OFF);
        wide += (side == OFF) != (*other == OFF) && (side == ON || *other == ON);
    }
    if (flips && !wide) current(r, place)->kinked[place->step] = true;
}

/* --- what the hyperparameters add --- */

typedef struct hd_sum {
    long double value; /* float64 runs need sums that are more precise than they */
    double size;       /* of the terms' magnitudes */
} hd_sum;

static void add(hd_sum *sum, double x, double y) {
    long double term = (long double)x * (long double)y;
    sum->value += term;
    sum->size += fabs((double)term);
}

/* The first weight of W_s; of all biases for s = layers; their end for s = layers + 1. */
static size_t stretch(const hd_pairer *r, size_t s) {
    size_t at = 0;
    if (s > r->experiment->layers) return r->weights;
    for (size_t l = 0; l < s; l++) at += r->experiment->dims[l] * r->experiment->dims[l + 1];
    return at;
}

/* A side's value of the hyperparameter of that kind that acts on W_s; 0 if there is none. */
static double value_of(const hd_pairer *r, size_t side, hd_hyper_kind kind, size_t s) {
    for (size_t j = 0; j < r->experiment->hypers; j++) {
        hd_hyperparameter h = r->experiment->hyper[j];
        if (h.kind == kind && (kind == HD_ETA || kind == HD_MU || h.layer == s)) return r->hyper[side][j];
    }
    return 0;
}

static double apart(const hd_pairer *r, hd_hyper_kind kind, size_t s) {
    return fabs(value_of(r, FORWARD, kind, s) - value_of(r, REVERSE, kind, s));
}

/* q = p_m - eta p_w at state t. */
static double direction(const hd_pairer *r, double eta, size_t t, size_t i) {
    return kept(r, ADJOINT_MOMENTUM, t, i) - eta * kept(r, ADJOINT, t, i);
}

/* p_{t+1} . B_t of a stretch, by kind: q . sign(w), q . 2 w, -p_w . m', q . m. */
static void add_directly(const hd_pairer *r, size_t t, size_t s, hd_sum sums[4]) {
    double eta = value_of(r, REVERSE, HD_ETA, 0);
    for (size_t i = stretch(r, s); i < stretch(r, s + 1); i++) {
        double q = direction(r, eta, t + 1, i), w = kept(r, STATE, t, i);
        add(&sums[HD_RHO_L1], q, (w > 0) - (w < 0));
        add(&sums[HD_RHO_L2], q, 2 * w);
        add(&sums[HD_ETA], -kept(r, ADJOINT, t + 1, i), kept(r, STATE_MOMENTUM, t + 1, i));
        add(&sums[HD_MU], q, kept(r, STATE_MOMENTUM, t, i));
    }
}

/* What the runs' different hyperparameters can change p_{t+1} . B_t of eta in a stretch: the forward run's m' is
 * its own, made from the same w and m. */
static double allow_in_step(const hd_pairer *r, size_t t, size_t s) {
    double mu = apart(r, HD_MU, s), l1 = apart(r, HD_RHO_L1, s), l2 = 2 * apart(r, HD_RHO_L2, s), sum = 0;
    if (mu == 0 && l1 == 0 && l2 == 0) return 0;
    for (size_t i = stretch(r, s); i < stretch(r, s + 1); i++)
        sum += fabs(kept(r, ADJOINT, t + 1, i)) *
               (mu * fabs(kept(r, STATE_MOMENTUM, t, i)) + l1 + l2 * fabs(kept(r, STATE, t, i)));
    return sum;
}

/* Computes every p_{t+1} . B_t. */
static void pair_directly(hd_pairer *r) {
    size_t hypers = r->pairing->hypers, stretches = r->experiment->layers + 1;
    for (size_t t = 0; t < r->pairing->steps; t++)
        for (size_t s = 0; s < stretches; s++) {
            hd_sum sums[4] = {{0, 0}};
            add_directly(r, t, s, sums);
            for (size_t j = 0; j < hypers; j++) {
                hd_hyperparameter h = r->experiment->hyper[j];
                if (h.kind != HD_ETA && h.kind != HD_MU && h.layer != s) continue;
                r->added[t * hypers + j] += sums[h.kind].value;
                r->terms[t * hypers + j].terms += sums[h.kind].size;
                if (h.kind == HD_ETA) r->terms[t * hypers + j].difference += allow_in_step(r, t, s);
            }
        }
}

/* --- the reverse run --- */

static bool keep(hd_pairer *r, const hd_capture_reader *reader) {
    static const size_t kinds[] = {[HD_WEIGHTS] = STATE,
                                   [HD_MOMENTUM_BUFFER] = STATE_MOMENTUM,
                                   [HD_ADJOINT] = ADJOINT,
                                   [HD_ADJOINT_MOMENTUM] = ADJOINT_MOMENTUM};
    const hd_place *place = &reader->head.place;
    size_t which = kinds[place->tensor], each = reader->head.float32 ? sizeof(float) : sizeof(double);
    if (!r->kept[which]) r->kept[which] = malloc((r->pairing->steps + 1) * r->weights * each);
    if (!r->kept[which]) return false;
    memcpy((char *)r->kept[which] + place->step * r->weights * each, reader->values, r->weights * each);
    return true;
}

/* --- the forward run --- */

/* Adds to change t what the runs' different hyperparameters can change by z, the tangent of w_t. With q at
 * t + 1, they add 2 d(rho_l2) z_w and d(mu) z_m to z_m', and d(eta) z_m' to z_w'. */
static void allow_before(const hd_pairer *r, const hd_capture_reader *reader, size_t t, double *difference) {
    double eta = value_of(r, REVERSE, HD_ETA, 0);
    bool momentum = reader->head.place.tensor == HD_TANGENT_MOMENTUM;
    for (size_t s = 0; s <= r->experiment->layers; s++) {
        double gap = momentum ? apart(r, HD_MU, s) : 2 * apart(r, HD_RHO_L2, s);
        for (size_t i = stretch(r, s), end = stretch(r, s + 1); gap > 0 && i < end; i++)
            *difference += gap * fabs(direction(r, eta, t + 1, i) * hd_capture_element(reader, i));
    }
}

static void allow_after(const hd_pairer *r, const hd_capture_reader *reader, size_t t, double *difference) {
    double gap = apart(r, HD_ETA, 0);
    for (size_t i = 0; gap > 0 && i < r->weights; i++)
        *difference += gap * fabs(kept(r, ADJOINT, t + 1, i) * hd_capture_element(reader, i));
}

static void pair(hd_pairer *r, const hd_capture_reader *reader) {
    const hd_place *place = &reader->head.place;
    size_t t = place->step, hypers = r->pairing->hypers, steps = r->pairing->steps;
    bool momentum = place->tensor == HD_TANGENT_MOMENTUM;
    size_t p = momentum ? ADJOINT_MOMENTUM : ADJOINT, at = t * hypers + place->index;
    hd_sum sum = {0, 0};
    double sizes = 0;
    for (size_t i = 0; i < r->weights; i++) {
        double of_p = kept(r, p, t, i), of_z = hd_capture_element(reader, i);
        add(&sum, of_p, of_z);
        sizes += fabs(of_p) + fabs(of_z);
    }
    r->products[at] += sum.value;
    hd_pairing_terms *after = t < steps ? &r->terms[at] : NULL;
    hd_pairing_terms *before = t > 0 ? &r->terms[at - hypers] : NULL;
    if (after) after->terms += sum.size, after->sizes += sizes;
    if (before) before->terms += sum.size, before->sizes += sizes;
    if (after) allow_before(r, reader, t, &after->difference);
    if (before && momentum) allow_after(r, reader, t - 1, &before->difference);
}

/* --- a hyper-iteration's end --- */

static void conclude(hd_pairer *r, size_t iteration) {
    hd_pairing *p = r->pairing;
    hd_pairing_iteration *of = &p->of[iteration];
    long double after[HD_MAX_HYPERS] = {0};
    for (size_t t = p->steps + 1; t-- > 0;)
        for (size_t j = 0; j < p->hypers; j++) {
            size_t at = t * p->hypers + j;
            if (t < p->steps) {
                hd_pairing_terms *terms = &r->terms[at];
                after[j] += r->added[at];
                terms->float32 = r->float32[FORWARD] || r->float32[REVERSE];
                terms->unit = fmax(r->unit[FORWARD], r->unit[REVERSE]);
                of->changes[at] = (double)(r->products[at + p->hypers] - r->products[at] - r->added[at]);
                of->floor[at] = hd_pairing_floor_of(terms);
            }
            of->values[at] = (double)(r->products[at] + after[j]);
        }
    hd_pairing_judge(of->changes, of->floor, of->kinked, p->steps, p->hypers, of->course);
}

/* Both have run the hyper-iteration; next come the updated hyperparameters. */
static void end_forward(hd_pairer *r, const hd_capture_reader *reader) {
    conclude(r, reader->head.place.iteration);
    for (size_t j = 0; j < r->pairing->hypers; j++) {
        r->hyper[FORWARD][j] = hd_capture_element(reader, j);
        r->hyper[REVERSE][j] = r->next[j];
    }
}

/* The reverse run has ended the hyper-iteration, which the forward run begins. */
static void end_reverse(hd_pairer *r, const hd_capture_reader *reader) {
    size_t count = r->pairing->steps * r->pairing->hypers;
    memset(r->terms, 0, count * sizeof *r->terms);
    memset(r->added, 0, count * sizeof *r->added);
    memset(r->products, 0, (count + r->pairing->hypers) * sizeof *r->products);
    for (size_t j = 0; j < r->pairing->hypers; j++) r->next[j] = hd_capture_element(reader, j);
    pair_directly(r);
}

static bool look(void *context, size_t which, const hd_capture_reader *reader) {
    hd_pairer *r = context;
    const hd_place *place = &reader->head.place;
    bool leads = which == 0;
    r->unit[leads ? REVERSE : FORWARD] = unit_of(reader);
    r->float32[leads ? REVERSE : FORWARD] = reader->info.float32;
    switch (place->tensor) {
    case HD_ACTIVATION:
        see_units(r, reader, !leads);
        return true;
    case HD_TANGENT:
    case HD_TANGENT_MOMENTUM:
        pair(r, reader);
        return true;
    case HD_HYPERPARAMETERS:
        if (leads)
            end_reverse(r, reader);
        else
            end_forward(r, reader);
        return true;
    default:
        return !leads || keep(r, reader);
    }
}

/* The state that the forward run goes on from: the reverse run's. */
static const void *lead(void *context, const hd_place *place, bool *float32) {
    const hd_pairer *r = context;
    size_t which = place->tensor == HD_WEIGHTS ? STATE : STATE_MOMENTUM;
    size_t each = r->float32[REVERSE] ? sizeof(float) : sizeof(double);
    *float32 = r->float32[REVERSE];
    return (const char *)r->kept[which] + place->step * r->weights * each;
}

/* --- the whole --- */

static size_t hidden_units(const hd_experiment *e) {
    size_t units = 0;
    for (size_t l = 1; l < e->layers; l++) units += e->dims[l] * e->batch;
    return units;
}

static hd_status allocate(hd_pairer *r, hd_error *error) {
    hd_pairing *p = r->pairing;
    size_t changes = p->steps * p->hypers, values = changes + p->hypers;
    r->sides = calloc(p->steps * r->units + 1, 1);
    r->terms = calloc(changes, sizeof *r->terms);
    r->products = calloc(values, sizeof *r->products);
    r->added = calloc(changes, sizeof *r->added);
    p->of = calloc(p->iterations, sizeof *p->of);
    bool got = r->sides && r->terms && r->products && r->added && p->of;
    for (size_t i = 0; got && i < p->iterations; i++) {
        hd_pairing_iteration *of = &p->of[i];
        of->values = calloc(values, sizeof(double));
        of->changes = calloc(changes, sizeof(double));
        of->floor = calloc(changes, sizeof *of->floor);
        of->kinked = calloc(p->steps, sizeof(bool));
        got = of->values && of->changes && of->floor && of->kinked;
    }
    if (got) return HD_OK;
    return hd_fail(error, HD_UNAVAILABLE, "%s: no memory for a pairing", r->experiment->name);
}

static void release(hd_pairer *r) {
    for (size_t i = 0; i < TRAJECTORIES; i++) free(r->kept[i]);
    free(r->sides);
    free(r->terms);
    free(r->products);
    free(r->added);
}

hd_status hd_pairing_measure(const hd_variant *forward, const hd_variant *reverse, hd_pairing *pairing,
                             hd_error *error) {
    static hd_variant out, back; /* too large for the stack */
    const hd_experiment *e = &reverse->experiment;
    const unsigned state = 1u << HD_WEIGHTS | 1u << HD_MOMENTUM_BUFFER;
    const unsigned both = state | 1u << HD_ACTIVATION | 1u << HD_HYPERPARAMETERS;
    *pairing = (hd_pairing){.iterations = e->hyper_iterations, .steps = e->steps, .hypers = e->hypers};
    hd_pairer r = {.pairing = pairing,
                   .experiment = e,
                   .weights = hd_weight_count(e->layers, e->dims),
                   .units = hidden_units(e)};
    hd_alternation alternation = {.tensors = {both | 1u << HD_ADJOINT | 1u << HD_ADJOINT_MOMENTUM,
                                              both | 1u << HD_TANGENT | 1u << HD_TANGENT_MOMENTUM},
                                  .leads = state,
                                  .look = look,
                                  .lead = lead,
                                  .context = &r};
    for (size_t j = 0; j < e->hypers; j++) {
        r.hyper[REVERSE][j] = (double)e->value[j];
        r.hyper[FORWARD][j] = (double)forward->experiment.value[j];
    }
    hd_status status = hd_variant_comparable(forward, reverse, error);
    if (status == HD_OK) status = hd_variant_with(reverse, "mode", "reverse", &back, error);
    if (status == HD_OK) status = hd_variant_with(forward, "mode", "forward", &out, error);
    if (status == HD_OK) status = allocate(&r, error);
    if (status == HD_OK) status = hd_lockstep_alternate(&back, &out, &alternation, error);
    release(&r);
    if (status != HD_OK) hd_pairing_free(pairing);
    return status;
}

void hd_pairing_free(hd_pairing *pairing) {
    for (size_t i = 0; pairing->of && i < pairing->iterations; i++) {
        free(pairing->of[i].values);
        free(pairing->of[i].changes);
        free(pairing->of[i].floor);
        free(pairing->of[i].kinked);
    }
    free(pairing->of);
    *pairing = (hd_pairing){.of = NULL};
}

/* --- what to name --- */

/* Whether a course is wrong earlier than another one, or as early and more so. */
static bool precedes(const hd_pairing_course *a, const hd_pairing_course *b) {
    return a->first_jump != b->first_jump ? a->first_jump < b->first_jump : a->worst > b->worst;
}

bool hd_pairing_first(const hd_pairing *pairing, hd_pairing_place *place) {
    *place = (hd_pairing_place){.course = NULL};
    for (size_t i = 0; !place->course && i < pairing->iterations; i++)
        for (size_t j = 0; j < pairing->hypers; j++) {
            const hd_pairing_course *course = &pairing->of[i].course[j];
            if (hd_pairing_course_wrong(course) && (!place->course || precedes(course, place->course)))
                *place = (hd_pairing_place){i, j, course};
        }
    return place->course != NULL;
}

bool hd_pairing_jumps(const hd_pairing *pairing) {
    hd_pairing_place place;
    return hd_pairing_first(pairing, &place);
}

const char *hd_pairing_describe(const hd_pairing_place *place, const hd_hyperparameter *hyper,
                                char text[HD_PAIRING_TEXT]) {
    size_t t = place->course->first_jump;
    char name[HD_NAME], where[64] = "is wrong at every step";
    if (t != SIZE_MAX) snprintf(where, sizeof where, "jumps between t = %zu and %zu", t, t + 1);
    snprintf(text, HD_PAIRING_TEXT, "%s of hyper-iteration %zu, for %s%s", where, place->iteration,
             hd_hyperparameter_name(hyper[place->hyper], name),
             place->course->every_step && t != SIZE_MAX ? "; wrong at every step" : "");
    return text;
}

hd_pairing_place hd_pairing_worst(const hd_pairing *pairing) {
    hd_pairing_place place = {0, 0, &pairing->of[0].course[0]};
    for (size_t i = 0; i < pairing->iterations; i++)
        for (size_t j = 0; j < pairing->hypers; j++) {
            const hd_pairing_course *course = &pairing->of[i].course[j];
            if (isnan(place.course->worst)) return place;
            if (!(course->worst <= place.course->worst)) place = (hd_pairing_place){i, j, course};
        }
    return place;
}
