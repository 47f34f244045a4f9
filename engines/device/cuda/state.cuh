/* An open CUDA device, the first error that it keeps, and how a kernel is launched. Internal to cuda.cu. */
#ifndef HD_DEVICE_CUDA_STATE_CUH
#define HD_DEVICE_CUDA_STATE_CUH

#include "device/cuda/cublas.cuh"
#include "device/cuda/operation_kernels.cuh"

struct hd_batch {
    size_t rows, inputs;
    float *x;
    uint8_t *labels;
};

namespace {

struct Allocation {
    void *at;
    size_t bytes;
    Allocation *next;
};

/* A section of a run that was recorded as a graph, to be launched again. */
struct Section {
    size_t id;
    const void *owner;     /* who calls it: the body's context */
    bool seen, too_long;   /* it ran before; it has too many launches to be kept */
    cudaGraphExec_t graph; /* or NULL */
    double operations;
    size_t launches;
    Section *next;
};

struct Cuda {
    hd_device device; /* first: an hd_device * is a Cuda * */
    cudaStream_t stream;
    bool device_math;         /* exp and log are the CUDA library's */
    const char *failed, *why; /* what first failed and why, or NULL */
    int processors;
    Allocation *allocations;
    Latch *latch;
    unsigned long long told; /* operations so far that may latch */
    float *parts;            /* of sums */
    float *workspace;        /* for products whose slices are made in parallel, or cuBLAS's */
    size_t workspace_count;
    Section *sections;  /* owned */
    Section *recording; /* one of them, or NULL */
    Cublas cublas;
};

enum { THREADS = 256, PARTS = 1 << 16, MOST_RECORDED = 1 << 14 };
const size_t MAX_BLOCKS = 4096;

Cuda *of(hd_device *device) {
    return reinterpret_cast<Cuda *>(device);
}
float *real(hd_real *array) {
    return reinterpret_cast<float *>(array);
}
const float *real(const hd_real *array) {
    return reinterpret_cast<const float *>(array);
}

/* Keeps the first failure. */
void fail(Cuda *cuda, const char *doing, const char *why) {
    if (!cuda->failed) cuda->failed = doing, cuda->why = why;
}

bool check(Cuda *cuda, cudaError_t error, const char *doing) {
    if (error != cudaSuccess) fail(cuda, doing, cudaGetErrorString(error));
    return error == cudaSuccess;
}

dim3 blocks_for(size_t count, size_t copies = 1) {
    size_t blocks = (count + THREADS - 1) / THREADS;
    return dim3((unsigned)(blocks < 1 ? 1 : blocks > MAX_BLOCKS ? MAX_BLOCKS : blocks), (unsigned)copies);
}

#ifndef HD_LAUNCH /* the tests' emulated GPU has its own */
#define HD_LAUNCH(kernel, blocks, threads, stream, ...)                                                      \
    kernel<<<(blocks), (threads), 0, (stream)>>>(__VA_ARGS__)
#endif

/* Ends the recording, and carries out what it holds. */
void stop_recording(Cuda *cuda);

void count_launches(Cuda *cuda, size_t launches) {
    cuda->device.launches += launches;
    if (cuda->recording && cuda->device.launches - cuda->recording->launches > MOST_RECORDED)
        stop_recording(cuda);
}

#define LAUNCH(kernel, blocks, threads, ...)                                                                 \
    do {                                                                                                     \
        HD_LAUNCH(kernel, blocks, threads, cuda->stream, __VA_ARGS__);                                       \
        check(cuda, cudaGetLastError(), #kernel);                                                            \
        count_launches(cuda, 1);                                                                             \
    } while (0)

} // namespace

#endif
