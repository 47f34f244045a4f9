/* Products are cut into slices of k, and into blocks for threads. */
#include "device/cpu/product.h"
#include "test/sample.h"

enum { MOST_PRODUCTS = 9, SIDE = 90 };

static void mark(uint8_t seen[SIDE][SIDE], hd_block block) {
    for (size_t i = block.row; i < block.row + block.rows; i++)
        for (size_t j = block.column; j < block.column + block.columns; j++) seen[i][j]++;
}

Test(shares, shares_of_all_threads_cover_every_element_once) {
    uint64_t seed = 4;
    for (int list = 0; list < 200; list++) {
        hd_product products[MOST_PRODUCTS] = {0};
        size_t count = 1 + sample_index(&seed, MOST_PRODUCTS), threads = 1 + sample_index(&seed, 7);
        for (size_t p = 0; p < count; p++) {
            size_t longest = sample_index(&seed, 3) ? SIDE : 3;
            products[p].m = 1 + sample_index(&seed, longest);
            products[p].n = 1 + sample_index(&seed, SIDE);
            products[p].terms = 1 + sample_index(&seed, 2);
            for (size_t t = 0; t < products[p].terms; t++)
                products[p].term[t].k = sample_index(&seed, 4) ? sample_index(&seed, 500) : 0;
        }
        for (size_t p = 0; p < count; p++) {
            uint8_t seen[SIDE][SIDE] = {{0}};
            for (size_t thread = 0; thread < threads; thread++) {
                hd_block block;
                if (!hd_product_block(count, products, p, thread, threads, &block)) continue;
                cr_assert(block.row + block.rows <= products[p].m &&
                          block.column + block.columns <= products[p].n);
                mark(seen, block);
            }
            for (size_t i = 0; i < products[p].m; i++)
                for (size_t j = 0; j < products[p].n; j++)
                    cr_assert(seen[i][j] == 1,
                              "list %d, product %zu of %zu (%zux%zu), %zu threads: [%zu,%zu] %u times", list,
                              p, count, products[p].m, products[p].n, threads, i, j, seen[i][j]);
        }
    }
}

Test(shares, slices_end_at_multiples_of_256_and_at_k) {
    size_t ends[4] = {0};
    cr_expect(hd_slice_count(0) == 0 && hd_slice_count(256) == 1 && hd_slice_count(257) == 2);
    cr_assert(hd_slice_count(784) == 4);
    hd_slice_ends(784, ends);
    cr_expect(ends[0] == 256 && ends[1] == 512 && ends[2] == 768 && ends[3] == 784);
}
