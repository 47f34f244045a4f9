/* As much of the CUDA runtime as device/cuda/cuda.cu uses, on the host, so that tests run the device's
 * kernels and launches without a GPU. A block's threads are fibers that take turns at each barrier; blocks
 * run one by one; a captured graph is a list of closures. It is slow, and shows no races between blocks. */
#ifndef HD_TEST_EMULATED_CUDA_RUNTIME_H
#define HD_TEST_EMULATED_CUDA_RUNTIME_H

#include <csetjmp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <ucontext.h>
#include <vector>

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

inline dim3 thread, block, block_size, grid_size;

/* We enter a fiber by setcontext once and by longjmp after that: swapcontext would be a system call each
 * time. A fiber outlives its block and runs a thread of the next one. */
struct Fiber {
    ucontext_t start;
    jmp_buf at;
    bool begun, done;
};
inline jmp_buf scheduler;
inline std::vector<Fiber> fibers;
inline std::vector<char> stacks;
inline unsigned running;
inline std::function<void()> body;
enum { STACK = 32 << 10, MOST = 1024 };

/* Returns to the scheduler until this fiber's next turn. */
inline void barrier() {
    if (!_setjmp(fibers[running].at)) _longjmp(scheduler, 1);
}

inline void run_fiber() {
    for (;;) {
        body();
        fibers[running].done = true;
        barrier();
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
    if (_setjmp(scheduler)) return;
    if (fibers[t].begun) _longjmp(fibers[t].at, 1);
    fibers[t].begun = true;
    setcontext(&fibers[t].start);
}

inline void run_block(unsigned threads) {
    for (unsigned t = 0; t < threads; t++) fibers[t].done = false;
    for (unsigned left = threads; left > 0;)
        for (unsigned t = 0; t < threads; t++) {
            if (fibers[t].done) continue;
            resume(t);
            if (fibers[t].done) left--;
        }
}

inline void run_grid(dim3 blocks, unsigned threads, const std::function<void()> &kernel) {
    if (fibers.empty()) prepare_fibers();
    grid_size = blocks;
    block_size = dim3(threads);
    body = kernel;
    for (block.y = 0; block.y < blocks.y; block.y++)
        for (block.x = 0; block.x < blocks.x; block.x++) run_block(threads);
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

template <class Kernel, class... Arguments>
void launch(Kernel kernel, dim3 blocks, unsigned threads, Arguments... arguments) {
    tell([=] { run_grid(blocks, threads, [=] { kernel(arguments...); }); });
}

} // namespace emulated

#define threadIdx emulated::thread
#define blockIdx  emulated::block
#define blockDim  emulated::block_size
#define gridDim   emulated::grid_size

#define HD_LAUNCH(kernel, blocks, threads, stream, ...) emulated::launch(kernel, blocks, threads, __VA_ARGS__)

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
    __syncthreads();
    float other = t % width + down < width ? values[t + down] : value;
    __syncthreads();
    return other;
}

typedef int cudaError_t;
typedef int cudaStream_t;
typedef emulated::Closures *cudaGraph_t, *cudaGraphExec_t;
enum { cudaSuccess = 0, cudaErrorMemoryAllocation = 2, cudaErrorNoKernelImageForDevice = 209 };
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
               : "no error";
}
inline cudaError_t cudaGetLastError() {
    return cudaSuccess;
}
inline cudaError_t cudaGetDeviceCount(int *count) {
    return *count = 1, cudaSuccess;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int) {
    /* few multiprocessors, so that small products take both ways of multiplying */
    *properties = {"emulated", (size_t)1 << 30, 4, 0, 0};
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
    return (*at = bytes > SIZE_MAX / 4 ? nullptr : malloc(bytes)) ? cudaSuccess : cudaErrorMemoryAllocation;
}
inline cudaError_t cudaFree(void *at) {
    return free(at), cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void *at, int value, size_t bytes, cudaStream_t) {
    emulated::tell([=] { memset(at, value, bytes); });
    return cudaSuccess;
}
inline cudaError_t cudaMemset2DAsync(void *at, size_t pitch, int value, size_t width, size_t rows,
                                     cudaStream_t) {
    emulated::tell([=] {
        for (size_t r = 0; r < rows; r++) memset(static_cast<char *>(at) + r * pitch, value, width);
    });
    return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
    emulated::tell([=] { memcpy(to, from, bytes); });
    return cudaSuccess;
}
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
    return *stream = 1, cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t) {
    return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) {
    return cudaSuccess;
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
    for (const std::function<void()> &closure : *graph) closure();
    return cudaSuccess;
}

#endif
