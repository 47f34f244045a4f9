/* Launches of nvcc's PTX on the emulated CUDA runtime, in place of the C++ text. Included by cuda_runtime.h. A kernel
 * that was not translated (math=device's, which calls the CUDA library's functions) runs as C++. */
#ifndef HD_TEST_PTX_LAUNCH_H
#define HD_TEST_PTX_LAUNCH_H

#include "test/ptx/ptx_kernels.h"

#include <cctype>
#include <cstdio>
#include <memory>

extern "C" {
alignas(256) char hd_ptx_shared[HD_PTX_SHARED];
unsigned hd_ptx_shared_bytes;

unsigned hd_ptx_tid() {
    return emulated::thread.x;
}
unsigned hd_ptx_ntid() {
    return emulated::block_size.x;
}
unsigned hd_ptx_ctaid_x() {
    return emulated::block.x;
}
unsigned hd_ptx_ctaid_y() {
    return emulated::block.y;
}
unsigned hd_ptx_nctaid_x() {
    return emulated::grid_size.x;
}
unsigned hd_ptx_nctaid_y() {
    return emulated::grid_size.y;
}

/* HD_PTX_WITHOUT_BARRIER=n leaves out the n-th, counted from 1: a fault to be found. */
void hd_ptx_barrier(unsigned number) {
    static const unsigned left_out = emulated::setting("HD_PTX_WITHOUT_BARRIER", 0);
    if (number + 1 == left_out)
        emulated::turn();
    else
        emulated::barrier();
}

uint32_t hd_ptx_shuffle_down(uint32_t value, uint32_t down, uint32_t clamp, uint32_t mask, bool *inside) {
    enum { LANES = 32 };
    static uint32_t values[emulated::MOST];
    if (mask != 0xffffffffu) hd_ptx_stop("a shuffle among some lanes only", "shfl.sync.down.b32");
    unsigned t = emulated::running, lane = t % LANES, segment = clamp >> 8 & 31,
             last = (lane & segment) | (clamp & 31 & ~segment), from = lane + (down & 31);
    values[t] = value;
    emulated::turn();
    *inside = from <= last;
    uint32_t got = *inside ? values[t - lane + from] : value;
    emulated::turn();
    return got;
}

void hd_ptx_stop(const char *what, const char *text) {
    fprintf(stderr, "ptx: block %u.%u, thread %u: %s: %s\n", emulated::block.x, emulated::block.y,
            emulated::thread.x, what, text);
    abort();
}
}

namespace emulated {

/* Whether the mangled name has each identifier of `text`, as "14softmax_kernel". */
inline bool names(const char *mangled, const char *text) {
    for (const char *at = text; *at;) {
        if (!isalpha((unsigned char)*at) && *at != '_') {
            at++;
            continue;
        }
        size_t length = 0;
        char part[80];
        while (isalnum((unsigned char)at[length]) || at[length] == '_') length++;
        snprintf(part, sizeof part, "%zu%.*s", length, (int)length, at);
        if (!strstr(mangled, part)) return false;
        at += length;
    }
    return true;
}

inline const hd_ptx_kernel *ptx_of(const char *text) {
    for (const hd_ptx_kernel *k = hd_ptx_kernels; k->name; k++)
        if (names(k->name, text)) return k;
    return nullptr;
}

/* Whatever lies in a real block's shared memory: NaN. */
inline void spoil_shared() {
    for (unsigned i = 0; i < hd_ptx_shared_bytes; i += 4) memcpy(hd_ptx_shared + i, "\xad\xde\xc0\x7f", 4);
}

/* Lays the parameters out as the kernel's .param space has them. */
class Packed {
  public:
    explicit Packed(const hd_ptx_kernel *kernel) : kernel_(kernel) {}
    template <class Parameter> void add(const Parameter &value) {
        if (count_ >= kernel_->count || kernel_->parameter[count_].bytes != sizeof value)
            hd_ptx_stop("other parameters than the source has", kernel_->name);
        memcpy(bytes_ + kernel_->parameter[count_++].at, &value, sizeof value);
    }
    void run() const { kernel_->run(bytes_); }

  private:
    const hd_ptx_kernel *kernel_;
    unsigned count_ = 0;
    alignas(256) char bytes_[4096] = {};
};

template <class... Parameters, class... Arguments>
void launch(const char *name, void (*kernel)(Parameters...), dim3 blocks, unsigned threads,
            Arguments... arguments) {
    const hd_ptx_kernel *ptx = ptx_of(name);
    if (!ptx) {
        tell([=] {
            run_grid(
                name, blocks, threads, 0, [=] { kernel(arguments...); }, [] {});
        });
        return;
    }
    auto packed = std::make_shared<Packed>(ptx);
    (packed->add(static_cast<Parameters>(arguments)), ...);
    tell([=] {
        hd_ptx_shared_bytes = ptx->shared_bytes;
        run_grid(
            name, blocks, threads, ptx->shared_bytes, [=] { packed->run(); }, spoil_shared);
    });
}

} // namespace emulated

#endif
