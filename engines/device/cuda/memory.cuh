/* Memory on the GPU and transfers: allocations, arrays, sums, data sets, batches, and the latch with the
 * first value that is not finite. Internal to device/cuda/cuda.cu. */
#ifndef HD_DEVICE_CUDA_MEMORY_CUH
#define HD_DEVICE_CUDA_MEMORY_CUH

#include "device/cuda/state.cuh"

namespace {

const unsigned long long NOTHING_LATCHED = ~0ull;

void clear_latch(Cuda *cuda) {
    check(cuda, cudaMemsetAsync(cuda->latch, 0xff, sizeof *cuda->latch, cuda->stream), "clearing the latch");
}

void *allocate_bytes(Cuda *cuda, size_t bytes) {
    Allocation *allocation = static_cast<Allocation *>(malloc(sizeof *allocation));
    if (!allocation) return nullptr;
    if (cudaMalloc(&allocation->at, bytes ? bytes : 1) != cudaSuccess) {
        cudaGetLastError(); /* clears the error, which the caller reports, so that no later call returns it */
        free(allocation);
        return nullptr;
    }
    check(cuda, cudaMemsetAsync(allocation->at, 0, bytes ? bytes : 1, cuda->stream), "clearing memory");
    allocation->bytes = bytes;
    allocation->next = cuda->allocations;
    cuda->allocations = allocation;
    hd_device_holds(&cuda->device, bytes);
    return allocation->at;
}

void release_bytes(Cuda *cuda, const void *at) {
    for (Allocation **link = &cuda->allocations; at && *link; link = &(*link)->next) {
        Allocation *allocation = *link;
        if (allocation->at != at) continue;
        *link = allocation->next;
        cuda->device.allocated -= allocation->bytes;
        check(cuda, cudaFree(allocation->at), "freeing memory");
        free(allocation);
        return;
    }
}

/* To the GPU or back; done when it returns. */
void transfer(Cuda *cuda, void *to, const void *from, size_t bytes, cudaMemcpyKind kind, const char *doing) {
    check(cuda, cudaMemcpyAsync(to, from, bytes, kind, cuda->stream), doing);
    check(cuda, cudaStreamSynchronize(cuda->stream), doing);
}

hd_real *allocate(hd_device *device, size_t count) {
    if (count > SIZE_MAX / sizeof(float)) return nullptr;
    return static_cast<hd_real *>(allocate_bytes(of(device), count * sizeof(float)));
}
void release(hd_device *device, void *memory) {
    release_bytes(of(device), memory);
}

double *allocate_sums(hd_device *device, size_t count) {
    return static_cast<double *>(allocate_bytes(of(device), count * sizeof(double)));
}

void settle(hd_device *device) {
    Cuda *cuda = of(device);
    unsigned long long first = NOTHING_LATCHED;
    check(cuda,
          cudaMemcpyAsync(&first, &cuda->latch->first, sizeof first, cudaMemcpyDeviceToHost, cuda->stream),
          "reading the latch");
    check(cuda, cudaStreamSynchronize(cuda->stream), "waiting for the device");
    if (cuda->failed) {
        snprintf(device->note, sizeof device->note, "%s: %s", cuda->failed, cuda->why);
        hd_device_latch(device, HD_FAILED, hd_label{HD_WEIGHTS, 0});
    } else if (first != NOTHING_LATCHED) {
        size_t step = device->step;
        device->step = step_of(first);
        hd_device_latch(device, HD_NOT_FINITE, label_of(first));
        device->step = step;
        clear_latch(cuda);
    }
}

void zero_sums(hd_device *device, size_t count, double *sums) {
    Cuda *cuda = of(device);
    check(cuda, cudaMemsetAsync(sums, 0, count * sizeof *sums, cuda->stream), "zeroing sums");
}

void fetch_sums(hd_device *device, size_t count, const double *from, double *to) {
    memset(to, 0, count * sizeof *to);
    transfer(of(device), to, from, count * sizeof *to, cudaMemcpyDeviceToHost, "fetching sums");
}

void store_sums(hd_device *device, size_t count, const double *from, double *to) {
    transfer(of(device), to, from, count * sizeof *to, cudaMemcpyHostToDevice, "storing sums");
}

void upload(hd_device *device, size_t count, const float *from, hd_real *to) {
    transfer(of(device), to, from, count * sizeof *from, cudaMemcpyHostToDevice, "uploading");
}

void download(hd_device *device, size_t count, const hd_real *from, double *to) {
    Cuda *cuda = of(device);
    float *floats =
        reinterpret_cast<float *>(to) + count; /* the upper half of `to`, widened in place, ascending */
    transfer(cuda, floats, from, count * sizeof *floats, cudaMemcpyDeviceToHost, "downloading");
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, floats + i, sizeof value);
        to[i] = cuda->failed ? 0.0 : (double)value;
    }
}

const void *view(hd_device *device, size_t count, const hd_real *from, void *room) {
    memset(room, 0, count * sizeof(float));
    transfer(of(device), room, from, count * sizeof(float), cudaMemcpyDeviceToHost, "downloading");
    return room;
}

void replace(hd_device *device, size_t count, const void *elements, hd_real *to) {
    upload(device, count, static_cast<const float *>(elements), to);
}

void zero(hd_device *device, size_t count, hd_real *to) {
    Cuda *cuda = of(device);
    check(cuda, cudaMemsetAsync(to, 0, count * sizeof(float), cuda->stream), "zeroing");
}

void copy(hd_device *device, size_t count, const hd_real *from, hd_real *to) {
    Cuda *cuda = of(device);
    check(cuda, cudaMemcpyAsync(to, from, count * sizeof(float), cudaMemcpyDeviceToDevice, cuda->stream),
          "copying");
}

void draw(hd_device *device, const hd_xavier *layer, hd_real *to) {
    Cuda *cuda = of(device);
    LAUNCH(draw_kernel, blocks_for((layer->count + 3) / 4), THREADS, *layer, real(to));
}

const void *place(hd_device *device, const void *bytes, size_t count) {
    Cuda *cuda = of(device);
    void *at = allocate_bytes(cuda, count);
    if (at) transfer(cuda, at, bytes, count, cudaMemcpyHostToDevice, "placing data");
    return at;
}
void unplace(hd_device *device, const void *placed) {
    release_bytes(of(device), placed);
}

/* --- batches --- */

void batch_release(hd_device *device, hd_batch *batch) {
    if (!batch) return;
    release_bytes(of(device), batch->x);
    release_bytes(of(device), batch->labels);
    free(batch);
}

hd_batch *batch_create(hd_device *device, size_t rows, size_t inputs) {
    hd_batch *batch = static_cast<hd_batch *>(calloc(1, sizeof *batch));
    if (!batch) return nullptr;
    batch->inputs = inputs;
    batch->x = static_cast<float *>(allocate_bytes(of(device), rows * inputs * sizeof(float)));
    batch->labels = static_cast<uint8_t *>(allocate_bytes(of(device), rows));
    if (batch->x && batch->labels) return batch;
    batch_release(device, batch);
    return nullptr;
}

void batch_load(hd_device *device, hd_batch *batch, const hd_examples *examples, const uint32_t *index,
                size_t first, size_t rows) {
    Cuda *cuda = of(device);
    batch->rows = rows;
    LAUNCH(gather_kernel, blocks_for(rows * batch->inputs), THREADS, examples->pixels, examples->labels,
           index, first, rows, batch->inputs, batch->x, batch->labels);
}

void batch_download(hd_device *device, const hd_batch *batch, double *to) {
    download(device, batch->rows * batch->inputs, reinterpret_cast<const hd_real *>(batch->x), to);
}

} // namespace

#endif
