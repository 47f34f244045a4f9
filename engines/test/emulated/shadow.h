/* Shadow memory of the emulated GPU: for each word who wrote it last and who read it, in which launch, block, thread and
 * between which barriers. It finds what no result shows: races within a block and between blocks, reads of what nobody
 * wrote, accesses outside of allocations, the host's memory in a kernel's hands and the GPU's in the host's. */
#ifndef HD_TEST_EMULATED_SHADOW_H
#define HD_TEST_EMULATED_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A volatile read may meet an atomic write: it sees the value before or after. */
typedef enum hd_shadow_kind {
    HD_SHADOW_READ,
    HD_SHADOW_VOLATILE,
    HD_SHADOW_WRITE,
    HD_SHADOW_ATOMIC
} hd_shadow_kind;

/* Whether accesses are looked at. From the environment: HYPERDRIFT_SHADOW=1 turns it on, 0 off. */
extern bool hd_shadow_on;
/* How many things were found so far. Each instruction is told of once, on standard error. */
extern unsigned hd_shadow_found;

/* Opens the shadow; usual: whether it is on without HYPERDRIFT_SHADOW. Call it before everything else; more than once
 * is fine. */
void hd_shadow_open(bool usual);

/* The GPU's memory, aligned to 256 bytes, with nothing allocated beside it; NULL: there is no more. */
void *hd_shadow_allocate(size_t bytes);
void hd_shadow_free(void *at);

/* A copy or fill by the runtime: the bytes are written now; they are read now. */
void hd_shadow_copied_to(const void *at, size_t bytes);
void hd_shadow_copied_from(const void *at, size_t bytes);

/* While the host has its turn, the GPU's memory is out of its reach: touching it ends the program. Each false is
 * followed by a true; between two that enclose others the GPU keeps its turn. */
void hd_shadow_host_turn(bool host);

/* A launch, a block of it, and the thread of it that runs, which has passed `epoch` barriers. */
void hd_shadow_launch(const char *kernel, unsigned shared_bytes);
void hd_shadow_block(unsigned block);
void hd_shadow_thread(unsigned thread, unsigned epoch);

/* An access by a kernel. text: the instruction. Shared memory begins at 0. Of accesses of less than a word only the
 * bounds are judged, and whether somebody wrote there. */
void hd_shadow_global(const void *at, unsigned bytes, hd_shadow_kind kind, const char *text);
void hd_shadow_shared(unsigned at, unsigned bytes, hd_shadow_kind kind, const char *text);

#ifdef __cplusplus
}
#endif

#endif
