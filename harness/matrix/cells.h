/* The matrix of `run` and `check`: experiments x seeds x devices x modes. Each cell is one run.
 *
 * N machines can share a matrix in N shards: a cell belongs to the shard s of 1 .. N with the greatest
 * hash(cell, s) (rendezvous hashing). Its shard depends only on the cell and N: adding a cell moves no other,
 * and adding a shard takes cells from the others but moves none between them. */
#ifndef HD_MATRIX_CELLS_H
#define HD_MATRIX_CELLS_H

#include "experiment/experiment.h"
#include "run/request.h"

typedef struct hd_cell {
    size_t word;                         /* index of the word that names the experiment */
    char experiment[HD_EXPERIMENT_NAME]; /* its name, without the seed; "": refused, see
                                            hd_request_experiment */
    uint32_t seed;
    const char *device;
    hd_mode mode;
} hd_cell;

typedef struct hd_cells {
    hd_cell *cells; /* [count], owned: the shard's cells, by word, seed, device and mode; a refused word has
                       one cell in every shard */
    size_t count;
    size_t matrix; /* cells in all shards, without refused ones */
} hd_cells;

/* Gives the cell's shard, 1 .. shards. */
size_t hd_cell_shard(const hd_cell *cell, size_t shards);

/* Makes the cells over words[count]. HD_UNAVAILABLE: no memory. End with hd_cells_free. */
hd_status hd_cells_of(const hd_request *request, char *const *words, size_t count, hd_cells *cells,
                      hd_error *error);
void hd_cells_free(hd_cells *cells);

/* For --list: prints a line for each cell, or with json one document. Errors as hd_cells_of; words that are
 * refused are reported on stderr, and the worst status returned. */
hd_status hd_cells_list(const hd_request *request, char *const *words, size_t count, bool json);

#endif
