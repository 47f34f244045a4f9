#include "drift/report.h"

#include "base/terminal.h"
#include "capture/capture_variant.h"

#include <math.h>
#include <string.h>

bool hd_site_pixels(const hd_site *site, hd_elements *pixels) {
    const hd_tensor_difference *d = &site->difference;
    size_t length = strlen(site->part.name), tail = strlen("W_0");
    if (d->range_count == 0 || length < tail || strcmp(site->part.name + length - tail, "W_0") != 0)
        return false;
    pixels->from = d->ranges[0].from / site->part.shape.to;
    pixels->to = d->ranges[d->range_count - 1].to / site->part.shape.to;
    return true;
}

/* Prints text from column `margin` on, where we are, in lines of at most 80 characters. */
static void print_from(FILE *to, size_t margin, const char *text) {
    size_t column = margin;
    while (*text) {
        size_t word = strcspn(text, " ");
        bool broken = column > margin && column + 1 + word > 80;
        if (broken) fprintf(to, "\n%*s", (int)margin, "");
        if (broken) column = margin;
        fprintf(to, "%s%.*s", column > margin ? " " : "", (int)word, text);
        column += word + (column > margin);
        text += word + strspn(text + word, " ");
    }
    fputc('\n', to);
}

static void print_paragraph(FILE *to, const char *text) {
    fprintf(to, "  ");
    print_from(to, 2, text);
}

/* What differs at the site, in words. */
static void write_difference(FILE *to, const hd_site *site) {
    const hd_tensor_difference *d = &site->difference;
    if (d->range_count) fprintf(to, "elements");
    for (size_t r = 0; r < d->range_count && r < 6; r++)
        fprintf(to, "%s %zu..%zu", r ? "," : "", d->ranges[r].from, d->ranges[r].to);
    if (d->range_count > 6) fprintf(to, ", and %zu more", d->range_count - 6);
    if (d->differing != SIZE_MAX) fprintf(to, "; %zu of %zu differ", d->differing, d->elements);
    hd_elements pixels;
    if (hd_site_pixels(site, &pixels)) fprintf(to, "; pixels %zu..%zu", pixels.from, pixels.to);
    fprintf(to, "; relative %.2g%s", d->relative, d->estimated ? " (estimated)" : "");
    if (!isnan(d->worst_ulps)) {
        fprintf(to, ", at most %.3g ulp, at ", d->worst_ulps);
        if (site->part.shape.to)
            fprintf(to, "[%zu,%zu]", site->place.first + d->worst / site->part.shape.to,
                    d->worst % site->part.shape.to);
        else
            fprintf(to, "[%zu]", site->place.first + d->worst);
        fprintf(to, ": %.9g and %.9g", d->worst_a, d->worst_b);
    }
}

static void print_site(FILE *to, const char *what, const hd_site *site) {
    enum { MARGIN = 10 };
    char text[1024] = "";
    if (!site->found) return;
    fprintf(to, "  %-*s", MARGIN - 2, what);
    snprintf(text, sizeof text, "hyper-iteration %u, step %u, %s: %s%s", site->place.iteration,
             site->place.step, site->part.phase, site->part.name,
             site->place.back ? " (backward sweep)" : "");
    print_from(to, MARGIN, text);
    FILE *stream = fmemopen(text, sizeof text, "w");
    if (stream) write_difference(stream, site);
    if (stream) fclose(stream);
    fprintf(to, "%*s", MARGIN, "");
    print_from(to, MARGIN, text);
}

bool hd_drift_selects(size_t step) {
    size_t apart = step < 4 ? 1 : step < 16 ? 4 : step < 64 ? 16 : 64;
    return step % apart == 0;
}

static bool is_last(const hd_drift *drift, const hd_growth *growth) {
    return growth->place.step == drift->info[0].steps;
}

static bool shown_in_curve(const hd_growth *g) {
    return !g->place.back &&
           (g->place.tensor == HD_WEIGHTS || g->place.tensor == HD_GRADIENT ||
            g->place.tensor == HD_TANGENT || g->place.tensor == HD_ADJOINT ||
            g->place.tensor == HD_VALIDATION_GRADIENT || g->place.tensor == HD_HYPERGRADIENTS);
}

static void print_number(FILE *to, double value) {
    if (isnan(value))
        fprintf(to, "%12s", "-");
    else
        fprintf(to, "%12.2g", value);
}

static void print_growth(FILE *to, const hd_drift *drift, size_t iteration, bool all) {
    if (!drift->grown) return;
    fprintf(to, "\n  growth: |b - a| / |a|; and how far off each side is from its own equation\n"
                "  there, as a share of what rounding can do\n");
    fprintf(to, "  %4s %5s  %-32s%12s%12s%12s\n", "iter", "step", "tensor", "relative", "a", "b");
    size_t left_out = 0;
    for (size_t i = 0; i < drift->grown; i++) {
        const hd_growth *g = &drift->growth[i];
        if (!all && !(shown_in_curve(g) && (hd_drift_selects(g->place.step) || is_last(drift, g)) &&
                      g->place.iteration == iteration)) {
            left_out++;
            continue;
        }
        hd_tensor_part part = hd_place_whole(&drift->info[0], &g->place, 1);
        fprintf(to, "  %4u %5u  %-32s", g->place.iteration, g->place.step, part.name);
        print_number(to, g->relative);
        print_number(to, g->residual[0]);
        print_number(to, g->residual[1]);
        fputc('\n', to);
    }
    if (left_out) fprintf(to, "  (%zu more that differ: --verbose, or --json)\n", left_out);
}

/* Prints the largest share of an event in any hypergradient, if it was measured. */
static void print_share(FILE *to, const hd_drift *drift, const hd_diagnosis *diagnosis, size_t event) {
    for (size_t i = 0; i < diagnosis->kinks.alone_count; i++) {
        const double *share = diagnosis->kinks.alone[i].share;
        size_t most = 0;
        char name[HD_NAME];
        if (diagnosis->kinks.alone[i].event != event) continue;
        for (size_t j = 1; j < drift->info[0].hypers; j++)
            if (!(fabs(share[j]) <= fabs(share[most])) && !isnan(share[j])) most = j;
        fprintf(to, "; alone %.0f%% of %s", 100 * share[most],
                hd_hyperparameter_name(drift->info[0].hyper[most], name));
    }
}

static void print_events(FILE *to, const hd_drift *drift, const hd_diagnosis *diagnosis, bool all) {
    const hd_crossings *events = &drift->events;
    if (!drift->full) {
        fprintf(to, "\n  events: not known from digests\n");
        return;
    }
    if (!hd_crossings_total(events)) return;
    fprintf(to, "\n  events:");
    for (size_t k = 0; k < HD_CROSSING_KINDS; k++)
        if (events->counts[k])
            fprintf(to, " %zu %s", events->counts[k], hd_crossing_name((hd_crossing_kind)k));
    fputc('\n', to);
    size_t shown = all ? events->kept : events->kept < 8 ? events->kept : 8;
    for (size_t i = 0; i < shown; i++) {
        const hd_crossing *e = &events->of[i];
        fprintf(to, "  %4u %5u  %-6s layer %u, %s %u, unit %u: %.3g and %.3g", e->iteration, e->step,
                hd_crossing_name(e->kind), e->layer, e->kind == HD_CROSSING_SIGN ? "row" : "example", e->row,
                e->unit, e->a, e->b);
        print_share(to, drift, diagnosis, i);
        fputc('\n', to);
    }
    if (hd_crossings_total(events) > shown) fprintf(to, "  (%zu more)\n", hd_crossings_total(events) - shown);
}

/* Prints a column of shares in the table of hypergradients: hyperparameter j's, or (SIZE_MAX) its heading. */
static void print_cause(FILE *to, const hd_cause *cause, size_t j) {
    int width = (int)strlen(cause->component) < 14 ? (int)strlen(cause->component) : 14;
    width = width < 5 ? 5 : width;
    double share = j == SIZE_MAX ? NAN : hd_cause_share(cause, j);
    if (j == SIZE_MAX)
        fprintf(to, "  %*.14s", width, cause->component);
    else if (isnan(share))
        fprintf(to, "  %*s", width, "-");
    else
        fprintf(to, "  %*.0f%%", width - 1, 100 * share);
}

static void print_causes(FILE *to, const hd_diagnosis *diagnosis, size_t j) {
    for (size_t c = 0; c < diagnosis->causes.count; c++) print_cause(to, &diagnosis->causes.of[c], j);
    if (diagnosis->kinks.measured) print_cause(to, &diagnosis->kinks.together, j);
    fputc('\n', to);
}

static void print_hypergradients(FILE *to, const hd_drift *drift, const hd_diagnosis *diagnosis, size_t k) {
    const hd_capture_info *info = &drift->info[0];
    const hd_iteration_drift *e = &drift->iteration[k];
    bool worst = k == diagnosis->iteration;
    char name[HD_NAME];
    if (!e->reached) return;
    fprintf(to, "\n  hypergradients of hyper-iteration %zu%s\n  %-12s%18s%18s%12s", k,
            worst && diagnosis->causes.count ? "; shares of the difference" : "", "", "a", "b", "relative");
    if (worst)
        print_causes(to, diagnosis, SIZE_MAX);
    else
        fputc('\n', to);
    for (size_t j = 0; j < info->hypers; j++) {
        double a = e->hypergradient[0][j], b = e->hypergradient[1][j];
        fprintf(to, "  %-12s%18.9g%18.9g%12.2g", hd_hyperparameter_name(info->hyper[j], name), a, b,
                a == b ? 0 : fabs(b - a) / fabs(a));
        if (worst)
            print_causes(to, diagnosis, j);
        else
            fputc('\n', to);
    }
}

/* A line a hyper-iteration. */
static void print_iterations(FILE *to, const hd_drift *drift, const hd_diagnosis *diagnosis, bool all) {
    enum { SHOWN = 12 };
    if (!drift->differing && !diagnosis->group_count) return;
    fprintf(to, "\n  %4s  %-16s%10s  %-10s%11s%8s%8s%8s\n", "iter", "verdict", "apart", "(worst)",
            "inherited", "flips", "a off", "b off");
    for (size_t k = 0; k < diagnosis->iteration_count; k++) {
        const hd_iteration_verdict *v = &diagnosis->iterations[k];
        char name[HD_NAME];
        if (!all && k >= SHOWN && k != diagnosis->iteration) continue;
        fprintf(to, "  %4zu  %-16s%10.2g  %-10s%11.2g%8zu%8zu%8zu\n", k, hd_drift_verdict_name(v->verdict),
                v->apart, hd_hyperparameter_name(drift->info[0].hyper[v->worst], name), v->inherited,
                v->flips, v->findings[0], v->findings[1]);
    }
    if (!all && diagnosis->iteration_count > SHOWN) fprintf(to, "  (all: --verbose, or --json)\n");
}

static void print_groups(FILE *to, const hd_drift *drift, const hd_diagnosis *diagnosis, bool all) {
    size_t shown = all || diagnosis->group_count < 8 ? diagnosis->group_count : 8;
    for (size_t g = 0; g < shown; g++) {
        const hd_finding_group *group = &diagnosis->groups[g];
        const hd_finding *f = group->first;
        char text[HD_FINDING_TEXT], line[HD_FINDING_TEXT + 256], times[64] = "";
        if (group->count > 1)
            snprintf(times, sizeof times, " and %zu more, to step %u", group->count - 1, group->last.step);
        snprintf(line, sizeof line, "%c off: hyper-iteration %u, step %u, %s: %s%s%s: %s",
                 group->side ? 'b' : 'a', f->place.iteration, f->place.step, f->part.phase, f->part.name,
                 f->place.back ? " (backward sweep)" : "", times,
                 hd_finding_text(f, &drift->info[group->side], text));
        print_paragraph(to, line);
        if (isfinite(f->odds) && f->test.excess == HD_ELEMENT_TOO_FAR)
            fprintf(to, "  The odds that rounding does it are 1 in 10^%.0f or less.\n", -f->odds);
    }
    if (diagnosis->group_count > shown)
        fprintf(to, "  (%zu more: --verbose, or --json)\n", diagnosis->group_count - shown);
}

static void print_attest(FILE *to, const hd_drift *drift) {
    for (size_t s = 0; s < 2; s++) {
        const hd_attest *attest = &drift->attest[s];
        hd_tensor_part part = hd_place_whole(&drift->info[s], &attest->first, 1);
        if (!attest->differing) continue;
        fprintf(to,
                "  In %c, the backward sweep of reverse mode did not repeat its forward sweep:\n"
                "  %zu of %zu tensors differ, first %s of step %u, hyper-iteration %u\n",
                s ? 'b' : 'a', attest->differing, attest->compared, part.name, attest->first.step,
                attest->first.iteration);
    }
}

static void print_pairing(FILE *to, const hd_capture_info *info, const hd_pairing *pairing) {
    char name[HD_NAME], text[HD_PAIRING_TEXT];
    hd_pairing_place first;
    if (!pairing->of) return;
    hd_pairing_place worst = hd_pairing_worst(pairing);
    fprintf(to, "\n  pairing: p_t . Z_t + sum of p_{s+1} . B_s for s >= t\n  ");
    if (hd_pairing_first(pairing, &first))
        fprintf(to, "%s\n", hd_pairing_describe(&first, info->hyper, text));
    else
        fprintf(to, "is the same for every t, up to rounding\n");
    fprintf(to,
            "  largest change: %.2g of what rounding explains\n"
            "  (hyper-iteration %zu, %s, t = %zu to %zu)\n",
            worst.course->worst, worst.iteration, hd_hyperparameter_name(info->hyper[worst.hyper], name),
            worst.course->worst_step, worst.course->worst_step + 1);
}

static const char *colour_of(hd_drift_verdict verdict) {
    return verdict == HD_IDENTICAL ? "green" : verdict >= HD_UNEXPLAINED ? "red" : "yellow";
}

void hd_drift_print(FILE *to, const hd_drift *drift, const hd_diagnosis *diagnosis, bool all) {
    char finding[HD_VERDICT_TEXT], conditions[HD_CAPTURE_TEXT];
    fprintf(to, "%s, a: %s (%s, %s), b: %s (%s, %s)\n", drift->info[0].experiment, drift->info[0].variant,
            drift->info[0].device, hd_mode_name(drift->info[0].mode), drift->info[1].variant,
            drift->info[1].device, hd_mode_name(drift->info[1].mode));
    hd_capture_conditions(&drift->info[0], &drift->info[1], conditions);
    if (conditions[0]) print_paragraph(to, conditions);
    fprintf(to, "%s%s%s\n", hd_terminal_colour(to, colour_of(diagnosis->finding)),
            hd_drift_verdict_text(diagnosis, finding), hd_terminal_plain(to));
    print_paragraph(to, diagnosis->evidence);
    if (diagnosis->advice[0]) print_paragraph(to, diagnosis->advice);
    fprintf(to, "  %zu of %zu tensors differ\n", drift->differing, drift->compared);
    print_groups(to, drift, diagnosis, all);
    print_site(to, "first", hd_drift_first(drift));
    print_iterations(to, drift, diagnosis, all);
    print_attest(to, drift);
    print_growth(to, drift, diagnosis->iteration, all);
    print_events(to, drift, diagnosis, all);
    print_pairing(to, &drift->info[0], &diagnosis->pairing);
    for (size_t k = 0; drift->differing && k < drift->iterations; k++)
        if (all || k == diagnosis->iteration) print_hypergradients(to, drift, diagnosis, k);
    char nearer = hd_nearer_reference(diagnosis);
    if (nearer != '?')
        fprintf(to, "  largest relative error (float64 reference): a %.2g, b %.2g: %s\n",
                diagnosis->reference_error[0], diagnosis->reference_error[1],
                nearer == '='   ? "equally near"
                : nearer == 'a' ? "a is nearer"
                                : "b is nearer");
}
