/* What translated PTX is written with: registers are unsigned integers of their width, and an instruction reads and
 * writes them as its type says. Included by what ptx_translator prints. */
#ifndef HD_TEST_PTX_MACHINE_H
#define HD_TEST_PTX_MACHINE_H

#include "test/emulated/shadow.h"
#include "test/ptx/ptx_kernels.h"

#include <string.h>

/* as_T(r): register r as a number of type T; raw_T(x): its bits. */
static inline float as_f32(uint32_t r) {
    float x;
    memcpy(&x, &r, sizeof x);
    return x;
}
static inline double as_f64(uint64_t r) {
    double x;
    memcpy(&x, &r, sizeof x);
    return x;
}
static inline uint32_t raw_f32(float x) {
    uint32_t r;
    memcpy(&r, &x, sizeof r);
    return r;
}
static inline uint64_t raw_f64(double x) {
    uint64_t r;
    memcpy(&r, &x, sizeof r);
    return r;
}

/* max and min as PTX has them: the other one if one is NaN, and -0 < +0. */
static inline float ptx_max_f32(float a, float b) {
    if (a != a || b != b) return a != a ? b : a;
    return a > b || (a == b && !__builtin_signbit(a)) ? a : b;
}
static inline float ptx_min_f32(float a, float b) {
    if (a != a || b != b) return a != a ? b : a;
    return a < b || (a == b && __builtin_signbit(a)) ? a : b;
}

/* --- memory: the place of an access, which must be aligned and lie inside --- */

static inline const char *ptx_parameter(const char *at, unsigned bytes, const char *parameters, unsigned size,
                                        const char *text) {
    if (at < parameters || at + bytes > parameters + size) hd_ptx_stop("outside of the parameters", text);
    if ((size_t)(at - parameters) % bytes) hd_ptx_stop("not aligned", text);
    return at;
}
/* Addresses of shared memory begin at 0. */
static inline char *ptx_shared(uint64_t at, unsigned bytes, hd_shadow_kind kind, const char *text) {
    if (at > hd_ptx_shared_bytes || bytes > hd_ptx_shared_bytes - at)
        hd_ptx_stop("outside of the block's shared memory", text);
    if (at % bytes) hd_ptx_stop("not aligned", text);
    if (hd_shadow_on) hd_shadow_shared((unsigned)at, bytes, kind, text);
    return hd_ptx_shared + at;
}
static inline char *ptx_global(uint64_t at, unsigned bytes, hd_shadow_kind kind, const char *text) {
    if (at % bytes) hd_ptx_stop("not aligned", text);
    if (hd_shadow_on) hd_shadow_global((const void *)(uintptr_t)at, bytes, kind, text);
    return (char *)(uintptr_t)at;
}

/* Threads take turns, so that an atomic operation needs no more than a mark. */
static inline uint64_t ptx_atomic_min(uint64_t at, uint64_t value, const char *text) {
    uint64_t old, *word = (uint64_t *)ptx_global(at, sizeof old, HD_SHADOW_ATOMIC, text);
    old = *word;
    if (value < old) *word = value;
    return old;
}
static inline uint32_t ptx_atomic_add_shared(uint64_t at, uint32_t value, const char *text) {
    uint32_t *word = (uint32_t *)ptx_shared(at, sizeof value, HD_SHADOW_ATOMIC, text), old = *word;
    *word = old + value;
    return old;
}

/* Loads and stores of N bits, at a place. */
#define PTX_MEMORY(N)                                                                                        \
    static inline uint##N##_t ptx_load##N(const char *at) {                                                  \
        uint##N##_t x;                                                                                       \
        memcpy(&x, at, sizeof x);                                                                            \
        return x;                                                                                            \
    }                                                                                                        \
    static inline void ptx_store##N(char *at, uint##N##_t x) {                                               \
        memcpy(at, &x, sizeof x);                                                                            \
    }
PTX_MEMORY(8)
PTX_MEMORY(16)
PTX_MEMORY(32)
PTX_MEMORY(64)

#endif
