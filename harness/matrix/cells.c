#include "matrix/cells.h"

#include "base/json.h"
#include "base/terminal.h"
#include "run/loaded_experiment.h"
#include "run/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

size_t hd_cell_shard(const hd_cell *cell, size_t shards) {
    char text[256];
    size_t best = 1;
    XXH64_hash_t greatest = 0;
    for (size_t shard = 1; shard <= shards; shard++) {
        int length = snprintf(text, sizeof text, "%s %u %s %s %zu", cell->experiment, cell->seed,
                              cell->device, hd_mode_name(cell->mode), shard);
        size_t used = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
        XXH64_hash_t hash = XXH3_64bits(text, used);
        if (hash > greatest) greatest = hash, best = shard;
    }
    return best;
}

static void add(hd_cells *cells, const hd_cell *cell, const hd_request *request) {
    cells->matrix++;
    if (!request->shards || hd_cell_shard(cell, request->shards) == request->shard)
        cells->cells[cells->count++] = *cell;
}

static void add_experiment(hd_cells *cells, size_t word, const hd_experiment *experiment,
                           const hd_request *request) {
    hd_cell cell = {.word = word};
    snprintf(cell.experiment, sizeof cell.experiment, "%s", experiment->name);
    const uint32_t *seeds = request->seeds.count ? request->seeds.of : &experiment->seed;
    size_t count = request->seeds.count ? request->seeds.count : 1;
    for (size_t i = 0; i < count; i++)
        for (const char *const *device = request->devices; *device; device++)
            for (hd_mode mode = HD_FORWARD; mode <= HD_REVERSE; mode++) {
                cell.seed = seeds[i], cell.device = *device, cell.mode = mode;
                if (request->mode[mode]) add(cells, &cell, request);
            }
}

hd_status hd_cells_of(const hd_request *request, char *const *words, size_t count, hd_cells *cells,
                      hd_error *error) {
    size_t seeds = request->seeds.count ? request->seeds.count : 1;
    *cells = (hd_cells){.cells = calloc(count * seeds * HD_DEVICES * 2 + 1, sizeof *cells->cells)};
    if (!cells->cells)
        return hd_fail(error, HD_UNAVAILABLE, "no memory for the cells of %zu experiments", count);
    for (size_t i = 0; i < count; i++) {
        hd_experiment experiment;
        hd_error cause;
        if (hd_request_experiment(words[i], request, &experiment, &cause) == HD_OK)
            add_experiment(cells, i, &experiment, request);
        else
            cells->cells[cells->count++] = (hd_cell){.word = i, .device = request->devices[0]};
    }
    return HD_OK;
}

void hd_cells_free(hd_cells *cells) {
    free(cells->cells);
    *cells = (hd_cells){0};
}

static hd_status complain(const hd_request *request, char *const *words, const hd_cells *cells) {
    hd_experiment experiment;
    hd_error error;
    hd_status worst = HD_OK;
    for (size_t i = 0; i < cells->count; i++)
        if (!cells->cells[i].experiment[0] &&
            hd_request_experiment(words[cells->cells[i].word], request, &experiment, &error) != HD_OK)
            worst = hd_terminal_complain(worst, &error);
    return worst;
}

static void print_json(const hd_request *request, const hd_cells *cells) {
    json_t *list = json_array();
    for (size_t i = 0; i < cells->count; i++) {
        const hd_cell *cell = &cells->cells[i];
        if (!cell->experiment[0]) continue;
        json_array_append_new(list, json_pack("{sssIssss}", "experiment", cell->experiment, "seed",
                                              (json_int_t)cell->seed, "device", cell->device, "mode",
                                              hd_mode_name(cell->mode)));
    }
    hd_document_print(json_pack("{sssisisIso}", "format", "hyperdrift-cells/1", "shard", (int)request->shard,
                                "shards", (int)request->shards, "matrix", (json_int_t)cells->matrix, "cells",
                                list),
                      17);
}

static void print_text(const hd_request *request, const hd_cells *cells) {
    size_t count = 0;
    for (size_t i = 0; i < cells->count; i++) {
        const hd_cell *cell = &cells->cells[i];
        if (!cell->experiment[0]) continue;
        printf("%-24s seed %-6u %-10s %s\n", cell->experiment, cell->seed, cell->device,
               hd_mode_name(cell->mode));
        count++;
    }
    if (request->shards)
        printf("%zu of %zu cell%s, shard %zu/%zu\n", count, cells->matrix, cells->matrix == 1 ? "" : "s",
               request->shard, request->shards);
    else
        printf("%zu cell%s\n", count, count == 1 ? "" : "s");
}

hd_status hd_cells_list(const hd_request *request, char *const *words, size_t count, bool json) {
    hd_cells cells;
    hd_error error;
    if (hd_cells_of(request, words, count, &cells, &error) != HD_OK)
        return hd_terminal_complain(HD_OK, &error);
    hd_status status = complain(request, words, &cells);
    (json ? print_json : print_text)(request, &cells);
    hd_cells_free(&cells);
    return status;
}
