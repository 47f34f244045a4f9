/* The matrix and its shards. */
#include "matrix/cells.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

TestSuite(cells);

enum { SEEDS = 50 };

static char *const words[] = {"blobs-logistic", "blobs-deep", "blobs-slices"};

static hd_request request(const char *const *devices, size_t seeds) {
    static uint32_t of[SEEDS];
    hd_request o = {.mode = {true, true}, .seeds = {of, seeds}};
    for (size_t i = 0; devices[i]; i++) o.devices[i] = devices[i];
    for (uint32_t i = 0; i < SEEDS; i++) of[i] = i + 1;
    return o;
}

static hd_cells cells_of(const hd_request *o, size_t word_count) {
    hd_cells cells;
    hd_error error;
    cr_assert_eq(hd_cells_of(o, words, word_count, &cells, &error), HD_OK, "%s", error.message);
    return cells;
}

static bool same(const hd_cell *a, const hd_cell *b) {
    return !strcmp(a->experiment, b->experiment) && a->seed == b->seed && !strcmp(a->device, b->device) &&
           a->mode == b->mode;
}

static bool has(const hd_cells *cells, const hd_cell *cell) {
    for (size_t i = 0; i < cells->count; i++)
        if (same(&cells->cells[i], cell)) return true;
    return false;
}

Test(cells, are_every_experiment_seed_device_and_mode) {
    hd_request o = request((const char *const[]){"cpu", "reference", NULL}, 4);
    hd_cells all = cells_of(&o, 3);
    cr_expect_eq(all.count, 3 * 4 * 2 * 2);
    cr_expect_eq(all.matrix, all.count);
    for (size_t i = 0; i < all.count; i++)
        for (size_t k = 0; k < i; k++) cr_expect_not(same(&all.cells[i], &all.cells[k]), "%zu and %zu", i, k);
    o.mode[HD_FORWARD] = false;
    hd_cells half = cells_of(&o, 3);
    cr_expect_eq(half.count, 3 * 4 * 2);
    hd_cells_free(&half);
    hd_cells_free(&all);
}

Test(cells, have_the_experiment_s_own_seed_unless_told) {
    hd_request o = request((const char *const[]){"cpu", NULL}, 0);
    hd_cells all = cells_of(&o, 2);
    cr_assert_eq(all.count, 4);
    cr_expect_eq(all.cells[0].seed, 1);
    cr_expect_eq(all.cells[3].seed, 3);
    hd_cells_free(&all);
}

Test(cells, are_in_one_shard_each_and_none_is_lost) {
    hd_request o = request((const char *const[]){"cpu", "reference", NULL}, 20);
    hd_cells all = cells_of(&o, 3);
    size_t sum = 0;
    o.shards = 7;
    for (o.shard = 1; o.shard <= o.shards; o.shard++) {
        hd_cells part = cells_of(&o, 3);
        cr_expect_eq(part.matrix, all.count);
        for (size_t i = 0; i < part.count; i++) cr_expect(has(&all, &part.cells[i]));
        sum += part.count;
        hd_cells_free(&part);
    }
    cr_expect_eq(sum, all.count);
    hd_cells_free(&all);
}

/* Expects every cell of the smaller matrix in the same shard of the larger one. */
static void expect_unmoved(hd_request smaller, size_t smaller_words, hd_request larger, size_t larger_words) {
    smaller.shards = larger.shards = 5;
    for (size_t shard = 1; shard <= 5; shard++) {
        smaller.shard = larger.shard = shard;
        hd_cells few = cells_of(&smaller, smaller_words), many = cells_of(&larger, larger_words);
        cr_expect_lt(few.matrix, many.matrix);
        for (size_t i = 0; i < few.count; i++) cr_expect(has(&many, &few.cells[i]), "shard %zu", shard);
        hd_cells_free(&few);
        hd_cells_free(&many);
    }
}

Test(cells, stay_in_their_shard_when_others_are_added) {
    static const char *const one[] = {"cpu", NULL}, *const two[] = {"reference", "cpu", NULL};
    expect_unmoved(request(one, 10), 1, request(one, 10), 3);
    expect_unmoved(request(one, 10), 3, request(one, 25), 3);
    expect_unmoved(request(one, 10), 3, request(two, 10), 3);
    hd_request forward = request(one, 10);
    forward.mode[HD_REVERSE] = false;
    expect_unmoved(forward, 3, request(one, 10), 3);
}

Test(cells, stay_or_go_to_the_new_shard_when_there_is_one_more) {
    hd_request o = request((const char *const[]){"cpu", NULL}, SEEDS);
    hd_cells all = cells_of(&o, 3);
    size_t moved = 0;
    for (size_t i = 0; i < all.count; i++)
        for (size_t shards = 1; shards < 16; shards++) {
            size_t before = hd_cell_shard(&all.cells[i], shards),
                   after = hd_cell_shard(&all.cells[i], shards + 1);
            cr_expect(before >= 1 && before <= shards);
            cr_expect(after == before || after == shards + 1, "from %zu to %zu of %zu", before, after,
                      shards + 1);
            moved += after != before;
        }
    cr_expect_gt(moved, 0, "the new shards have cells too");
    hd_cells_free(&all);
}

Test(cells, are_spread_over_the_shards) {
    size_t in[9] = {0};
    hd_cell cell = {.experiment = "blobs-deep", .device = "cpu", .mode = HD_REVERSE};
    for (cell.seed = 0; cell.seed < 8000; cell.seed++) in[hd_cell_shard(&cell, 8)]++;
    for (size_t shard = 1; shard <= 8; shard++)
        cr_expect(in[shard] > 850 && in[shard] < 1150, "%zu of 8000 in shard %zu of 8", in[shard], shard);
}

/* A matrix's machines may have differently built programs: all must divide it alike. */
Test(cells, are_divided_as_they_always_were) {
    hd_cell cell = {.experiment = "blobs-deep", .seed = 3, .device = "cpu", .mode = HD_FORWARD};
    cr_expect_eq(hd_cell_shard(&cell, 3), 3);
    cell.device = "reference", cell.mode = HD_REVERSE;
    cr_expect_eq(hd_cell_shard(&cell, 3), 2);
}

Test(cells, of_a_word_that_is_refused_are_in_every_shard_to_be_said_there) {
    static char *const mixed[] = {"blobs-logistic", "no-such-experiment", "blobs-deep"};
    hd_request o = request((const char *const[]){"cpu", NULL}, 0);
    hd_error error;
    for (o.shards = 2, o.shard = 1; o.shard <= 2; o.shard++) {
        hd_cells cells;
        size_t refused = 0;
        cr_assert_eq(hd_cells_of(&o, mixed, 3, &cells, &error), HD_OK);
        cr_expect_eq(cells.matrix, 4);
        for (size_t i = 0; i < cells.count; i++) {
            if (cells.cells[i].experiment[0]) continue;
            cr_expect_eq(cells.cells[i].word, 1);
            refused++;
        }
        cr_expect_eq(refused, 1);
        hd_cells_free(&cells);
    }
}
