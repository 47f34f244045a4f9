#include "test/emulated/shadow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    WORD = 4,
    ALIGN = 256,
    GAP = 4096,
    SHARED_WORDS = 48 << 8,
    MOST_ALLOCATIONS = 1 << 16,
    MOST_TOLD = 4096
};
static const size_t ARENA = (size_t)16 << 30;

/* Who used a word last. launch 0: nobody. */
typedef struct user {
    uint32_t launch, block;
    uint16_t thread, epoch;
} user;

typedef struct cell {
    user writer, reader;
    bool allocated, written, atomic; /* atomic: the last write was */
    bool other_blocks;               /* others than the reader's read it in its launch, too */
    bool other_threads; /* others than the reader read it in its block between its barriers, too */
} cell;

bool hd_shadow_on;
unsigned hd_shadow_found;

static char *arena;
static cell *cells, shared_cells[SHARED_WORDS];
static size_t used = GAP;
static struct { size_t at, bytes; } allocations[MOST_ALLOCATIONS];
static size_t allocated;
static const char *kernel = "the host";
static user now;
static const char *told[MOST_TOLD];

void hd_shadow_open(bool usual) {
    const char *wish = getenv("HYPERDRIFT_SHADOW");
    int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    if (arena) return;
    hd_shadow_on = wish ? strcmp(wish, "0") != 0 : usual;
    arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, how, -1, 0);
    cells = mmap(NULL, ARENA / WORD * sizeof *cells, PROT_READ | PROT_WRITE, how, -1, 0);
    if (arena == MAP_FAILED || cells == MAP_FAILED) abort();
}

/* --- what is found --- */

/* Tells of an instruction once. */
static bool is_news(const char *text) {
    size_t i = 0;
    while (i < MOST_TOLD && told[i] && told[i] != text) i++;
    if (i == MOST_TOLD || told[i]) return false;
    told[i] = text;
    return true;
}

static void tell(const char *what, const char *space, size_t at, const user *other, const char *text) {
    hd_shadow_found++;
    if (!is_news(text)) return;
    fprintf(stderr, "shadow: %s: %s: %s memory at %zu, block %u thread %u after %u barriers", kernel, what,
            space, at, now.block, now.thread, now.epoch);
    if (other)
        fprintf(stderr, ", and block %u thread %u after %u barriers", other->block, other->thread,
                other->epoch);
    fprintf(stderr, ": %s\n", text);
}

/* --- words --- */

/* Whether nothing orders the two: other blocks' accesses in a launch, and other threads' between two barriers. */
static bool is_unordered(const user *other) {
    if (other->launch != now.launch) return false;
    return other->block != now.block || (other->epoch == now.epoch && other->thread != now.thread);
}

static void see_read(cell *c, hd_shadow_kind kind, const char *space, size_t at, const char *text) {
    if (!c->written) tell("a read of what nobody wrote", space, at, NULL, text);
    if (is_unordered(&c->writer) && !(c->atomic && kind == HD_SHADOW_VOLATILE))
        tell("a read after an unordered write", space, at, &c->writer, text);
    if (kind == HD_SHADOW_VOLATILE) return;
    user *r = &c->reader;
    if (r->launch != now.launch)
        c->other_blocks = c->other_threads = false;
    else if (r->block != now.block)
        c->other_blocks = true, c->other_threads = false;
    else if (r->epoch != now.epoch)
        c->other_threads = false;
    else if (r->thread != now.thread)
        c->other_threads = true;
    *r = now;
}

static bool was_read_unordered(const cell *c) {
    const user *r = &c->reader;
    if (r->launch != now.launch) return false;
    return c->other_blocks || is_unordered(r) || (c->other_threads && r->epoch == now.epoch);
}

static void see_write(cell *c, hd_shadow_kind kind, const char *space, size_t at, const char *text) {
    bool atomic = kind == HD_SHADOW_ATOMIC;
    if (is_unordered(&c->writer) && !(atomic && c->atomic))
        tell("a write after an unordered write", space, at, &c->writer, text);
    if (was_read_unordered(c)) tell("a write after an unordered read", space, at, &c->reader, text);
    bool plain_before = c->writer.launch == now.launch && !is_unordered(&c->writer) && !c->atomic &&
                        c->writer.epoch == now.epoch;
    c->writer = now;
    c->atomic = atomic && !plain_before;
    c->written = true;
}

static void see(cell *c, hd_shadow_kind kind, const char *space, size_t at, const char *text) {
    if (kind == HD_SHADOW_WRITE || kind == HD_SHADOW_ATOMIC)
        see_write(c, kind, space, at, text);
    else
        see_read(c, kind, space, at, text);
}

static void see_bytes(cell *c, hd_shadow_kind kind, const char *space, size_t at, const char *text) {
    if (kind == HD_SHADOW_WRITE)
        c->written = true;
    else if (!c->written)
        tell("a read of what nobody wrote", space, at, NULL, text);
}

void hd_shadow_global(const void *at, unsigned bytes, hd_shadow_kind kind, const char *text) {
    size_t from = (size_t)((const char *)at - arena);
    if ((const char *)at < arena || from >= ARENA) {
        tell("an access to the host's memory", "global", (size_t)at, NULL, text);
        return;
    }
    for (size_t word = from / WORD; word * WORD < from + bytes; word++) {
        if (!cells[word].allocated)
            tell("an access outside of all allocations", "global", word * WORD, NULL, text);
        else if (bytes < WORD)
            see_bytes(&cells[word], kind, "global", from, text);
        else
            see(&cells[word], kind, "global", word * WORD, text);
    }
}

void hd_shadow_shared(unsigned at, unsigned bytes, hd_shadow_kind kind, const char *text) {
    for (size_t word = at / WORD; word * WORD < at + bytes; word++) {
        cell *c = &shared_cells[word];
        if (bytes < WORD)
            see_bytes(c, kind, "shared", at, text);
        else
            see(c, kind, "shared", word * WORD, text);
    }
}

/* --- launches --- */

static unsigned shared_words;

void hd_shadow_launch(const char *name, unsigned shared_bytes) {
    kernel = name;
    now = (user){.launch = now.launch + 1};
    shared_words = (shared_bytes + WORD - 1) / WORD;
}

/* A block's shared memory is its own, and nobody wrote there. */
void hd_shadow_block(unsigned block) {
    now.block = block;
    if (hd_shadow_on) memset(shared_cells, 0, shared_words * sizeof *shared_cells);
}

void hd_shadow_thread(unsigned thread, unsigned epoch) {
    now.thread = (uint16_t)thread;
    now.epoch = (uint16_t)epoch;
}

/* --- the GPU's memory --- */

static void mark(size_t at, size_t bytes, cell as) {
    if (!hd_shadow_on) return;
    for (size_t word = at / WORD; word * WORD < at + bytes; word++) cells[word] = as;
}

void *hd_shadow_allocate(size_t bytes) {
    if (bytes > ARENA - used - GAP || allocated == MOST_ALLOCATIONS) return NULL;
    size_t at = used;
    used = (at + bytes + GAP + ALIGN - 1) / ALIGN * ALIGN;
    allocations[allocated].at = at;
    allocations[allocated++].bytes = bytes;
    mark(at, bytes, (cell){.allocated = true});
    return arena + at;
}

void hd_shadow_free(void *freed) {
    size_t at = (size_t)((char *)freed - arena);
    if (!freed) return;
    for (size_t i = 0; i < allocated; i++)
        if (allocations[i].at == at) {
            mark(at, allocations[i].bytes, (cell){.allocated = false});
            size_t from = (at + GAP - 1) / GAP * GAP, to = (at + allocations[i].bytes) / GAP * GAP;
            if (to > from) madvise(arena + from, to - from, MADV_DONTNEED);
            allocations[i] = allocations[--allocated];
            if (!allocated) used = GAP;
            return;
        }
    tell("what is freed was not allocated", "global", at, NULL, "cudaFree");
}

static bool is_ours(const void *at) {
    return hd_shadow_on && (const char *)at >= arena && (const char *)at < arena + ARENA;
}

void hd_shadow_copied_to(const void *at, size_t bytes) {
    size_t from = (size_t)((const char *)at - arena);
    if (!is_ours(at)) return;
    for (size_t word = from / WORD; word * WORD < from + bytes; word++) {
        if (!cells[word].allocated)
            tell("a copy outside of all allocations", "global", word * WORD, NULL, "copy to");
        cells[word].written = true;
    }
}

void hd_shadow_copied_from(const void *at, size_t bytes) {
    size_t from = (size_t)((const char *)at - arena);
    if (!is_ours(at)) return;
    for (size_t word = from / WORD; word * WORD < from + bytes; word++)
        if (!cells[word].written)
            tell("a copy of what nobody wrote", "global", word * WORD, NULL, "copy from");
}

/* Changing the protection takes a millisecond where much memory is in use. */
static void close_up_to(size_t wanted) {
    static size_t closed; /* bytes from the beginning of the arena */
    if (closed > wanted && mprotect(arena + wanted, closed - wanted, PROT_READ | PROT_WRITE)) abort();
    if (closed < wanted && mprotect(arena + closed, wanted - closed, PROT_NONE)) abort();
    closed = wanted;
}

void hd_shadow_host_turn(bool host) {
    static unsigned depth;
    if (!hd_shadow_on) return;
    if (!host && depth++ == 0) close_up_to(0);
    if (host && --depth == 0) close_up_to((used + GAP - 1) / GAP * GAP);
}
