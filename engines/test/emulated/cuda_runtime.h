/* As much of the CUDA runtime as device/cuda/cuda.cu uses, on the host, so that tests run the device's
 * kernels and launches without a GPU. A block's threads are fibers that take turns at each barrier; blocks
 * run one by one; a captured graph is a list of closures. The kernels are the C++ text, or (HD_EMULATED_PTX) what
 * nvcc makes of it. From the environment:
 *   HD_EMULATED_PROCESSORS   multiprocessors (4: small products then take both ways of multiplying)
 *   HD_EMULATED_ORDER        a seed for the order of blocks and threads; 0: ascending
 *   HYPERDRIFT_SHADOW        1: accesses are looked at (shadow.h), as they are with PTX; 0: they are not */
#ifndef HD_TEST_EMULATED_CUDA_RUNTIME_H
#define HD_TEST_EMULATED_CUDA_RUNTIME_H

#include <csetjmp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <ucontext.h>
#include <vector>

#include "test/emulated/shadow.h"

#define __global__
#define __device__
#define __host__
#define __shared__      static
#define __forceinline__ inline
#define __grid_constant__
#define __launch_bounds__(...)

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) noexcept : x(x_), y(y_), z(z_) {}
};

namespace emulated {

#ifdef HD_EMULATED_PTX
constexpr bool runs_ptx = true;
#else
constexpr bool runs_ptx = false; /* of the C++ text only copies and the host's accesses are seen */
#endif

inline dim3 thread, block, block_size, grid_size;

/* We enter a fiber by setcontext once and by longjmp after that: swapcontext would be a system call each
 * time. A fiber outlives its block and runs a thread of the next one. */
struct Fiber {
    ucontext_t start;
    jmp_buf at;
    bool begun, done;
    unsigned barriers; /* that it has passed in this block */
};
inline jmp_buf scheduler;
inline std::vector<Fiber> fibers;
inline std::vector<char> stacks;
inline unsigned running;
inline std::function<void()> body;
enum { STACK = 64 << 10, MOST = 1024 };

/* Returns to the scheduler until this fiber's next turn. */
inline void turn() {
    if (!_setjmp(fibers[running].at)) _longjmp(scheduler, 1);
}
inline void barrier() {
    fibers[running].barriers++;
    turn();
}

inline void run_fiber() {
    for (;;) {
        body();
        fibers[running].done = true;
        turn();
    }
}

inline void prepare_fibers() {
    fibers.resize(MOST);
    stacks.resize((size_t)MOST * STACK);
    for (size_t t = 0; t < MOST; t++) {
        getcontext(&fibers[t].start);
        fibers[t].start.uc_stack.ss_sp = &stacks[t * STACK];
        fibers[t].start.uc_stack.ss_size = STACK;
        makecontext(&fibers[t].start, run_fiber, 0);
    }
}

/* One turn of thread t. */
__attribute__((noinline)) inline void resume(unsigned t) {
    running = t;
    thread = dim3(t);
    hd_shadow_thread(t, fibers[t].barriers);
    if (_setjmp(scheduler)) return;
    if (fibers[t].begun) _longjmp(fibers[t].at, 1);
    fibers[t].begun = true;
    setcontext(&fibers[t].start);
}

inline unsigned setting(const char *name, unsigned usual) {
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, nullptr, 10) : usual;
}

/* 0 .. count - 1 in the order in which they take turns: by multiplication with a number that shares no factor
 * with count. */
inline unsigned in_order(unsigned i, unsigned count) {
    static const unsigned seed = setting("HD_EMULATED_ORDER", 0);
    unsigned step = seed % count;
    if (seed == 0) return i;
    while (std::gcd(step, count) != 1) step++;
    return (unsigned)(((unsigned long long)i * step + seed / 7) % count);
}

inline void run_block(unsigned threads) {
    for (unsigned t = 0; t < threads; t++) fibers[t].done = false, fibers[t].barriers = 0;
    for (unsigned left = threads; left > 0;)
        for (unsigned i = 0; i < threads; i++) {
            unsigned t = in_order(i, threads);
            if (fibers[t].done) continue;
            resume(t);
            if (fibers[t].done) left--;
        }
}

/* prepare: what happens before each block. */
inline void run_grid(const char *name, dim3 blocks, unsigned threads, unsigned shared_bytes,
                     const std::function<void()> &kernel, void (*prepare)()) {
    if (fibers.empty()) prepare_fibers();
    if (!blocks.x || !blocks.y || blocks.y > 65535 || !threads || threads > MOST) abort();
    grid_size = blocks;
    block_size = dim3(threads);
    body = kernel;
    hd_shadow_host_turn(false);
    hd_shadow_launch(name, shared_bytes);
    for (unsigned i = 0; i < blocks.x * blocks.y; i++) {
        unsigned b = in_order(i, blocks.x * blocks.y);
        block.x = b % blocks.x, block.y = b / blocks.x;
        hd_shadow_block(b);
        prepare();
        run_block(threads);
    }
    hd_shadow_host_turn(true);
}

typedef std::vector<std::function<void()>> Closures;
inline Closures *capturing;

/* Does this now, or when the graph being captured is launched. */
inline void tell(const std::function<void()> &what) {
    if (capturing)
        capturing->push_back(what);
    else
        what();
}

/* What the runtime itself does with the GPU's memory. */
inline void tell_of_memory(const std::function<void()> &what) {
    tell([=] {
        hd_shadow_host_turn(false);
        what();
        hd_shadow_host_turn(true);
    });
}

#ifndef HD_EMULATED_PTX
/* The kernel's parameters, of the types that it has. */
template <class... Parameters, class... Arguments>
void launch(const char *name, void (*kernel)(Parameters...), dim3 blocks, unsigned threads,
            Arguments... arguments) {
    tell([=] {
        run_grid(
            name, blocks, threads, 0, [=] { kernel(arguments...); }, [] {});
    });
}
#endif

} // namespace emulated

#ifdef HD_EMULATED_PTX
#include "test/ptx/ptx_launch.h"
#endif

#define threadIdx emulated::thread
#define blockIdx  emulated::block
#define blockDim  emulated::block_size
#define gridDim   emulated::grid_size

#define HD_LAUNCH(kernel, blocks, threads, stream, ...)                                                      \
    emulated::launch(#kernel, kernel, blocks, threads, __VA_ARGS__)

inline void __syncthreads() {
    emulated::barrier();
}
inline unsigned __float_as_uint(float x) {
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
inline int min(int a, int b) {
    return a < b ? a : b;
}
inline unsigned long long atomicMin(unsigned long long *at, unsigned long long value) {
    unsigned long long old = *at;
    if (value < old) *at = value;
    return old;
}
inline unsigned atomicAdd(unsigned *at, unsigned value) {
    return (*at += value) - value;
}
/* Every thread of the block must call it. */
inline float __shfl_down_sync(unsigned, float value, unsigned down, unsigned width) {
    static float values[emulated::MOST];
    unsigned t = threadIdx.x;
    values[t] = value;
    emulated::turn();
    float other = t % width + down < width ? values[t + down] : value;
    emulated::turn();
    return other;
}

typedef int cudaError_t;
typedef int cudaStream_t;
typedef emulated::Closures *cudaGraph_t, *cudaGraphExec_t;
enum {
    cudaSuccess = 0,
    cudaErrorMemoryAllocation = 2,
    cudaErrorNoKernelImageForDevice = 209,
    cudaErrorLaunchFailure = 719
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum { cudaStreamNonBlocking, cudaStreamCaptureModeThreadLocal };
struct cudaFuncAttributes {
    int numRegs;
};
struct cudaDeviceProp {
    char name[256];
    size_t totalGlobalMem;
    int multiProcessorCount, major, minor;
};

inline const char *cudaGetErrorString(cudaError_t error) {
    return error == cudaErrorMemoryAllocation ? "out of memory"
           : error == cudaErrorNoKernelImageForDevice
               ? "no kernel image is available for execution on the device"
           : error == cudaErrorLaunchFailure ? "the shadow memory found a fault, told on standard error"
                                             : "no error";
}
inline cudaError_t cudaGetLastError() {
    return cudaSuccess;
}
inline cudaError_t cudaGetDeviceCount(int *count) {
    return *count = 1, cudaSuccess;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int) {
    *properties = {"emulated", (size_t)1 << 30, (int)emulated::setting("HD_EMULATED_PROCESSORS", 4), 0, 0};
    return cudaSuccess;
}
/* HD_EMULATED_KERNELS=absent: as if the program had been built for other GPUs. */
inline cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, const void *) {
    const char *kernels = getenv("HD_EMULATED_KERNELS");
    *attributes = {0};
    return kernels && !strcmp(kernels, "absent") ? cudaErrorNoKernelImageForDevice : cudaSuccess;
}
inline cudaError_t cudaDriverGetVersion(int *version) {
    return *version = 13000, cudaSuccess;
}
inline cudaError_t cudaRuntimeGetVersion(int *version) {
    return *version = 13000, cudaSuccess;
}
inline cudaError_t cudaMalloc(void **at, size_t bytes) {
    hd_shadow_open(emulated::runs_ptx);
    return (*at = hd_shadow_allocate(bytes)) ? cudaSuccess : cudaErrorMemoryAllocation;
}
inline cudaError_t cudaFree(void *at) {
    return hd_shadow_free(at), cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void *at, int value, size_t bytes, cudaStream_t) {
    emulated::tell_of_memory([=] {
        hd_shadow_copied_to(at, bytes);
        memset(at, value, bytes);
    });
    return cudaSuccess;
}
inline cudaError_t cudaMemset2DAsync(void *at, size_t pitch, int value, size_t width, size_t rows,
                                     cudaStream_t) {
    emulated::tell_of_memory([=] {
        for (size_t r = 0; r < rows; r++) {
            hd_shadow_copied_to(static_cast<char *>(at) + r * pitch, width);
            memset(static_cast<char *>(at) + r * pitch, value, width);
        }
    });
    return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
    emulated::tell_of_memory([=] {
        hd_shadow_copied_from(from, bytes);
        hd_shadow_copied_to(to, bytes);
        memcpy(to, from, bytes);
    });
    return cudaSuccess;
}
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
    return *stream = 1, cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t) {
    return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) {
    return hd_shadow_found ? cudaErrorLaunchFailure : cudaSuccess;
}
inline cudaError_t cudaStreamBeginCapture(cudaStream_t, int) {
    emulated::capturing = new emulated::Closures;
    return cudaSuccess;
}
inline cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *graph) {
    *graph = emulated::capturing;
    emulated::capturing = nullptr;
    return cudaSuccess;
}
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t *made, cudaGraph_t graph, unsigned long long) {
    *made = new emulated::Closures(*graph);
    return cudaSuccess;
}
inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    return delete graph, cudaSuccess;
}
inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
    return delete graph, cudaSuccess;
}
inline cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t) {
    hd_shadow_host_turn(false);
    for (const std::function<void()> &closure : *graph) closure();
    hd_shadow_host_turn(true);
    return cudaSuccess;
}

#endif
