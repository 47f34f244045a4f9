/* The matrix that run and check are asked for: experiments x seeds x devices x modes. A cell of it is one
 * run.
 *
 * Many machines share a matrix in N shards: cell c belongs to the shard s of 1 .. N with the greatest hash(c,
 * s) (rendezvous hashing). So its shard depends on the cell and N alone: a cell that is added moves no other,
 * and one shard more takes cells from the others and moves none between them. */
#ifndef HD_MATRIX_CELLS_H
#define HD_MATRIX_CELLS_H

#include "experiment/experiment.h"
#include "run/request.h"

typedef struct hd_cell {
    size_t word;                         /* which of the words names the experiment */
    char experiment[HD_EXPERIMENT_NAME]; /* its name with its own seed; "": it is refused, see
                                            hd_request_experiment */
    uint32_t seed;
    const char *device;
    hd_mode mode;
} hd_cell;

typedef struct hd_cells {
    hd_cell *cells; /* [count], owned: those of the shard that the request name, by word, seed, device and
                       mode; a word that is refused has one, in every shard */
    size_t count;
    size_t matrix; /* of all shards together, refused ones aside */
} hd_cells;

/* The shard, 1 .. shards, that the cell belongs to. */
size_t hd_cell_shard(const hd_cell *cell, size_t shards);

/* Writes the cells of the matrix over words[count]. HD_UNAVAILABLE: no memory. End with hd_cells_free. */
hd_status hd_cells_of(const hd_request *request, char *const *words, size_t count, hd_cells *cells,
                      hd_error *error);
void hd_cells_free(hd_cells *cells);

/* What --list asks for: prints the cells, a line each, or with --json one document. Returns as hd_cells_of. */
hd_status hd_cells_list(const hd_request *request, char *const *words, size_t count, bool json);

#endif
