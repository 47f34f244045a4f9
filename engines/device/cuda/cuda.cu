/* `cuda`: float32 in the exact arithmetic, with the CPU's bits; or with products by cuBLAS. (Not yet run on a
 * GPU.)
 *
 * Everything goes to one stream, and nothing waits until results are fetched. The device captures a section
 * of a run as a graph the first time and replays it after that. It keeps the first error, which ends the run.
 *
 * This file opens and closes the device and runs its sections. It is the one source that nvcc compiles; it
 * includes
 *   state.cuh       what an open device holds, its first error, how a kernel is launched
 *   memory.cuh      allocations, transfers, batches
 *   multiply.cuh    matrix products, by multiply_kernels.cuh or by cublas.cuh
 *   operations.cuh  all other operations, by operation_kernels.cuh */
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime.h>

#define HD_INLINE static __host__ __device__ __forceinline__
extern "C" {
#include "device/cuda/cuda.h"
}

#include "device/cuda/memory.cuh"
#include "device/cuda/multiply.cuh"
#include "device/cuda/operations.cuh"

namespace {

/* --- sections --- */

/* Ends the capture of a section and makes its graph, or NULL. */
cudaGraphExec_t end_capture(Cuda *cuda) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t made = nullptr;
    check(cuda, cudaStreamEndCapture(cuda->stream, &graph), "capturing a section");
    cuda->recording = nullptr;
    if (!graph) return nullptr;
    check(cuda, cudaGraphInstantiate(&made, graph, 0), "making a section's graph");
    cudaGraphDestroy(graph);
    return made;
}

void stop_recording(Cuda *cuda) {
    cuda->recording->too_long = true;
    cudaGraphExec_t graph = end_capture(cuda);
    if (!graph) return;
    check(cuda, cudaGraphLaunch(graph, cuda->stream), "launching the beginning of a section");
    check(cuda, cudaStreamSynchronize(cuda->stream), "waiting for the beginning of a section");
    cudaGraphExecDestroy(graph);
}

Section *section_of(Cuda *cuda, size_t id, const void *owner) {
    for (Section *s = cuda->sections; s; s = s->next)
        if (s->id == id && s->owner == owner) return s;
    Section *s = static_cast<Section *>(calloc(1, sizeof *s));
    if (!s) return nullptr;
    s->id = id, s->owner = owner, s->next = cuda->sections;
    return cuda->sections = s;
}

/* Records the section; one with too many launches is carried out instead. */
void record(Cuda *cuda, Section *s, void (*body)(void *context), void *context) {
    hd_device *device = &cuda->device;
    double operations = device->operations;
    size_t launches = device->launches;
    if (!check(cuda, cudaStreamBeginCapture(cuda->stream, cudaStreamCaptureModeThreadLocal),
               "capturing a section"))
        return;
    cuda->recording = s;
    s->launches = launches;
    body(context);
    if (s->too_long) return;
    s->graph = end_capture(cuda);
    s->operations = device->operations - operations;
    s->launches = device->launches - launches;
    device->operations = operations;
    device->launches = launches;
}

/* Everything runs once before it is recorded if the library has a part in it: the library may load a kernel
 * when it is first needed, which a capture does not allow. */
void section(hd_device *device, size_t id, void (*body)(void *context), void *context) {
    Cuda *cuda = of(device);
    Section *s = section_of(cuda, id, context);
    bool first = s && !s->seen;
    if (s) s->seen = true;
    if (!s || s->too_long || (first && cuda->cublas.version)) {
        body(context);
        return;
    }
    if (!s->graph) record(cuda, s, body, context);
    if (!s->graph || cuda->failed) return;
    device->operations += s->operations;
    device->launches += s->launches;
    check(cuda, cudaGraphLaunch(s->graph, cuda->stream), "launching a section");
}

/* --- opening --- */

void forget(hd_device *device) {
    Cuda *cuda = of(device);
    while (Section *s = cuda->sections) {
        cuda->sections = s->next;
        if (s->graph) cudaGraphExecDestroy(s->graph);
        free(s);
    }
    cuda->told = 0;
}

void destroy(hd_device *device) {
    Cuda *cuda = of(device);
    forget(device);
    cublas_close(&cuda->cublas);
    while (cuda->allocations) release_bytes(cuda, cuda->allocations->at);
    if (cuda->stream) cudaStreamDestroy(cuda->stream);
    free(cuda);
}

constexpr hd_device_ops ops = {
    .destroy = destroy,
    .allocate = allocate,
    .allocate_sums = allocate_sums,
    .release = release,
    .zero_sums = zero_sums,
    .store_sums = store_sums,
    .fetch_sums = fetch_sums,
    .upload = upload,
    .download = download,
    .view = view,
    .replace = replace,
    .zero = zero,
    .draw = draw,
    .copy = copy,
    .place = place,
    .unplace = unplace,
    .batch_create = batch_create,
    .batch_release = batch_release,
    .batch_load = batch_load,
    .batch_download = batch_download,
    .multiply = multiply,
    HD_NETWORK_OPS,
    .section = section,
    .forget = forget,
    .settle = settle,
    HD_MOMENTUM_OPS,
};

constexpr hd_device_ops ops_by_cublas() {
    hd_device_ops table = ops;
    table.multiply = multiply_by_cublas;
    return table;
}
constexpr hd_device_ops cublas_ops = ops_by_cublas();

hd_status unavailable(hd_error *error, cudaError_t cause, const char *doing) {
    return hd_fail(error, HD_UNAVAILABLE, "device cuda: %s: %s", doing, cudaGetErrorString(cause));
}

/* All kernels. (math=device has its own softmax, which the CUDA library's functions are part of.) */
const struct {
    const char *name;
    const void *at;
} kernels[] = {
#define KERNEL(kernel)                                                                                       \
    { #kernel, reinterpret_cast < const void *>(kernel) }
    KERNEL(draw_kernel),
    KERNEL(gather_kernel),
    KERNEL(activate_kernel),
    KERNEL(activate_tangent_kernel),
    KERNEL(gate_kernel),
    KERNEL(softmax_kernel<SharedMath>),
    KERNEL(softmax_tangent_kernel),
    KERNEL(softmax_kernel<DeviceMath>),
    KERNEL(count_correct_kernel),
    KERNEL(dot_kernel),
    KERNEL(add_parts_kernel),
    KERNEL(momentum_step_kernel),
    KERNEL(momentum_tangent_kernel),
    KERNEL(momentum_adjoint_kernel),
    KERNEL(momentum_pull_back_kernel),
    KERNEL(multiply_kernel),
    KERNEL(add_slices_kernel),
#undef KERNEL
};

/* Has every kernel loaded now: later it would be inside a capture, which does not allow it. */
hd_status load_kernels(hd_error *error) {
    for (const auto &kernel : kernels) {
        cudaFuncAttributes attributes;
        cudaError_t cause = cudaFuncGetAttributes(&attributes, kernel.at);
        if (cause == cudaSuccess) continue;
        cudaGetLastError();
        return hd_fail(error, HD_UNAVAILABLE, "device cuda: %s cannot be loaded (built for %s): %s",
                       kernel.name, HD_CUDA_BUILD, cudaGetErrorString(cause));
    }
    return HD_OK;
}

enum { WORKSPACE = 4 << 20, CUBLAS_WORKSPACE = 8 << 20 }; /* floats */

/* Makes the stream and allocates memory. */
hd_status equip(Cuda *cuda, bool by_cublas, hd_error *error) {
    cudaError_t cause = cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking);
    if (cause != cudaSuccess) return unavailable(error, cause, "making a stream");
    cuda->latch = static_cast<Latch *>(allocate_bytes(cuda, sizeof *cuda->latch));
    cuda->parts = static_cast<float *>(allocate_bytes(cuda, PARTS * sizeof(float)));
    cuda->workspace_count = by_cublas ? CUBLAS_WORKSPACE : WORKSPACE;
    cuda->workspace = static_cast<float *>(allocate_bytes(cuda, cuda->workspace_count * sizeof(float)));
    if (!cuda->latch || !cuda->parts || !cuda->workspace)
        return hd_fail(error, HD_UNAVAILABLE, "device cuda: no memory on the GPU");
    clear_latch(cuda);
    return HD_OK;
}

void add_version(hd_device *device, const char *key, cudaError_t cause, int version) {
    if (cause == cudaSuccess) hd_device_add_fact(device, key, "%d.%d", version / 1000, version % 1000 / 10);
}

void describe(Cuda *cuda, const cudaDeviceProp &properties) {
    hd_device *device = &cuda->device;
    int version = 0;
    hd_device_add_fact(device, "gpu", "%s", properties.name);
    hd_device_add_fact(device, "gpu_memory", "%.0f MB", (double)properties.totalGlobalMem / 1048576);
    hd_device_add_fact(device, "compute_capability", "%d.%d", properties.major, properties.minor);
    hd_device_add_fact(device, "multiprocessors", "%d", properties.multiProcessorCount);
    cudaError_t cause = cudaDriverGetVersion(&version);
    add_version(device, "driver_cuda", cause, version);
    cause = cudaRuntimeGetVersion(&version);
    add_version(device, "cuda_runtime", cause, version);
    int cublas = cuda->cublas.version;
    if (cublas)
        hd_device_add_fact(device, "cublas", "%d.%d.%d", cublas / 10000, cublas / 100 % 100, cublas % 100);
}

hd_status find_gpu(cudaDeviceProp *properties, hd_error *error) {
    int count = 0;
    cudaError_t cause = cudaGetDeviceCount(&count);
    if (cause != cudaSuccess) return unavailable(error, cause, "looking for a GPU");
    if (count == 0) return hd_fail(error, HD_UNAVAILABLE, "device cuda: this machine has no GPU");
    cause = cudaGetDeviceProperties(properties, 0);
    if (cause != cudaSuccess) return unavailable(error, cause, "asking the GPU what it is");
    return HD_OK;
}

} // namespace

extern "C" hd_status hd_device_open_cuda(const hd_device_options *options, hd_device **opened,
                                         hd_error *error) {
    *opened = nullptr;
    const char *arithmetic = options && options->arithmetic ? options->arithmetic : "exact";
    bool by_cublas = strcmp(arithmetic, "exact") != 0, tf32 = !strcmp(arithmetic, "cublas-tf32");
    const char *variable = by_cublas ? meddling_variable(tf32) : nullptr;
    if (variable)
        return hd_fail(
            error, HD_INVALID,
            "device cuda: arithmetic %s: %.*s is set, which would silently change the results: unset it",
            arithmetic, (int)strcspn(variable, "="), variable);
    cudaDeviceProp properties;
    hd_status status = find_gpu(&properties, error);
    if (status == HD_OK) status = load_kernels(error);
    if (status != HD_OK) return status;
    Cuda *cuda = static_cast<Cuda *>(calloc(1, sizeof *cuda));
    if (!cuda) return hd_fail(error, HD_UNAVAILABLE, "device cuda: no memory");
    cuda->device.ops = by_cublas ? &cublas_ops : &ops;
    cuda->device.name = "cuda";
    cuda->device.arithmetic = tf32 ? "cublas-tf32" : by_cublas ? "cublas" : "exact";
    cuda->device_math = options && options->math && !strcmp(options->math, "device");
    if (cuda->device_math && !by_cublas) cuda->device.arithmetic = "device-math";
    cuda->device.element = sizeof(float);
    cuda->device.asynchronous = true;
    cuda->device.threads = 1;
    cuda->processors = properties.multiProcessorCount;
    snprintf(cuda->device.kernels, sizeof cuda->device.kernels, "%s", by_cublas ? "cublas" : "own");
    snprintf(cuda->device.loops, sizeof cuda->device.loops, "sm_%d%d", properties.major, properties.minor);
    status = equip(cuda, by_cublas, error);
    if (status == HD_OK && by_cublas)
        status = cublas_open(&cuda->cublas, cuda->stream, cuda->workspace,
                             cuda->workspace_count * sizeof(float), tf32, error);
    if (status != HD_OK) {
        destroy(&cuda->device);
        return status;
    }
    describe(cuda, properties);
    *opened = &cuda->device;
    return HD_OK;
}

extern "C" const char *hd_device_cuda_build(void) {
    return HD_CUDA_BUILD;
}
