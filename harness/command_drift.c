/* hyperdrift drift: where two runs part, by how much, and why. */
#include "commands.h"
#include "file.h"
#include "lockstep.h"
#include "subject.h"

#include <stdio.h>
#include <string.h>

/* --- two captures --- */

static hd_status read_input(void *context, void *bytes, size_t count, hd_error *error) {
    return hd_input_read(context, bytes, count, error);
}

static hd_status compare_captures(char *const *paths, hd_drift *drift, hd_error *error) {
    hd_input *input[2] = {NULL, NULL};
    hd_capture_reader reader[2] = {{.values = NULL}, {.values = NULL}};
    hd_status status = HD_OK;
    for (size_t s = 0; status == HD_OK && s < 2; s++) {
        status = hd_input_open(paths[s], &input[s], error);
        if (status == HD_OK)
            status = hd_capture_reader_start(&reader[s], (hd_stream){read_input, input[s], paths[s]}, error);
    }
    if (status == HD_OK) status = hd_drift_compare(&reader[0], &reader[1], NULL, drift, error);
    for (size_t s = 0; status == HD_OK && s < 2; s++) status = hd_input_expect_end(input[s], error);
    for (size_t s = 0; s < 2; s++) {
        hd_capture_reader_free(&reader[s]);
        hd_input_close(input[s]);
    }
    return status;
}

/* --- two variants --- */

static hd_status compare_variants(const hd_options *options, hd_drift *drift, hd_error *error) {
    hd_variant variant[2];
    hd_status status = HD_OK;
    for (size_t s = 0; status == HD_OK && s < 2; s++)
        status =
            hd_variant_make(options->words[0], options->side[s], options->side_count[s], &variant[s], error);
    return status == HD_OK ? hd_lockstep(&variant[0], &variant[1], true, drift, error) : status;
}

static void print_site(const char *what, const hd_site *site) {
    const hd_divergence *d = &site->divergence;
    printf("%s: hyper-iteration %u, step %u, %s: %s", what, site->place.iteration, site->place.step,
           site->part.phase, site->part.name);
    for (size_t r = 0; r < d->range_count && r < 8; r++)
        printf(" %zu..%zu", d->ranges[r].from, d->ranges[r].to);
    printf("; %zu of %zu elements, worst %.3g ulp\n", d->differing, d->elements, d->worst_ulps);
}

hd_status hd_command_drift(const hd_options *options) {
    hd_drift drift = {.compared = 0};
    hd_error error;
    hd_status status = options->word_count == 2 ? compare_captures(options->words, &drift, &error)
                                                : compare_variants(options, &drift, &error);
    if (status != HD_OK) {
        hd_drift_free(&drift);
        return hd_complain(HD_OK, &error);
    }
    printf("%zu tensors compared, %zu differ, %zu events\n", drift.compared, drift.differing,
           hd_events_total(&drift.events));
    if (drift.first.found) print_site("first", &drift.first);
    if (drift.beyond.found) print_site("beyond rounding", &drift.beyond);
    for (size_t i = 0; i < drift.grown && i < 60; i++) {
        const hd_growth *g = &drift.growth[i];
        printf("  %u %u tensor %u/%u%s: relative %.3g, added %.3g, ulps %.3g\n", g->place.iteration,
               g->place.step, g->place.tensor, g->place.index, g->place.back ? " back" : "", g->relative,
               g->added[0], g->worst_ulps);
    }
    status = drift.differing ? HD_DIFFERENT : HD_OK;
    hd_drift_free(&drift);
    return status;
}
