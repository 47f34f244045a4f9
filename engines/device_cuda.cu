/* `cuda`: float32 in the one arithmetic, with the CPU's bits. (Not yet run on a GPU.)
 *
 * Everything goes to one stream, and nothing waits until results are fetched. A section of a run is captured as a graph the first
 * time and replayed after that. The first CUDA error is kept and ends the run with one line. */
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime.h>

extern "C" {
#include "device_cuda.h"
}

#define HD_INLINE static __host__ __device__ __forceinline__
#include "cuda_kernels.cuh"
#include "cuda_products.cuh"

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

struct Cuda {
    hd_device device; /* first: an hd_device * is a Cuda * */
    cudaStream_t stream;
    cudaError_t failure;
    const char *failed; /* what was being done */
    int processors;
    Allocation *allocations;
    Latch *latch;
    unsigned long long told; /* operations that may latch, so far */
    float *parts; /* of sums */
    size_t part_count;
    float *workspace; /* of products whose slices are made in parallel */
    size_t workspace_count;
    cudaGraphExec_t kept[HD_SECTIONS];
    double kept_operations[HD_SECTIONS];
};

enum { THREADS = 256, WORKSPACE = 4 << 20, PARTS = 1 << 16 };
const size_t MAX_BLOCKS = 4096;

Cuda *of(hd_device *device) { return reinterpret_cast<Cuda *>(device); }
float *real(hd_real *array) { return reinterpret_cast<float *>(array); }
const float *real(const hd_real *array) { return reinterpret_cast<const float *>(array); }

/* Keeps the first error. */
bool check(Cuda *cuda, cudaError_t error, const char *doing) {
    if (error != cudaSuccess && cuda->failure == cudaSuccess) cuda->failure = error, cuda->failed = doing;
    return error == cudaSuccess;
}

dim3 blocks_for(size_t count, size_t copies = 1) {
    size_t blocks = (count + THREADS - 1) / THREADS;
    return dim3((unsigned)(blocks < 1 ? 1 : blocks > MAX_BLOCKS ? MAX_BLOCKS : blocks), (unsigned)copies);
}

#ifndef HD_LAUNCH /* the tests' emulation of a GPU has its own */
#define HD_LAUNCH(kernel, blocks, threads, stream, ...) kernel<<<(blocks), (threads), 0, (stream)>>>(__VA_ARGS__)
#endif

#define LAUNCH(kernel, blocks, threads, ...)                                                                           \
    do {                                                                                                               \
        HD_LAUNCH(kernel, blocks, threads, cuda->stream, __VA_ARGS__);                                                 \
        check(cuda, cudaGetLastError(), #kernel);                                                                      \
    } while (0)

/* --- memory --- */

const unsigned long long NO_FAULT = ~0ull;

void clear_latch(Cuda *cuda) {
    check(cuda, cudaMemsetAsync(cuda->latch, 0xff, sizeof *cuda->latch, cuda->stream), "clearing the latch");
}

void *allocate_bytes(Cuda *cuda, size_t bytes) {
    Allocation *allocation = static_cast<Allocation *>(malloc(sizeof *allocation));
    if (!allocation) return nullptr;
    if (cudaMalloc(&allocation->at, bytes ? bytes : 1) != cudaSuccess) {
        cudaGetLastError(); /* the caller reports it: it must not look like a later call's */
        free(allocation);
        return nullptr;
    }
    check(cuda, cudaMemsetAsync(allocation->at, 0, bytes ? bytes : 1, cuda->stream), "clearing memory");
    allocation->bytes = bytes;
    allocation->next = cuda->allocations;
    cuda->allocations = allocation;
    cuda->device.allocated += bytes;
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

hd_real *allocate(hd_device *device, size_t count) {
    if (count > SIZE_MAX / sizeof(float)) return nullptr;
    return static_cast<hd_real *>(allocate_bytes(of(device), count * sizeof(float)));
}
void release(hd_device *device, hd_real *array) { release_bytes(of(device), array); }

double *allocate_sums(hd_device *device, size_t count) {
    return static_cast<double *>(allocate_bytes(of(device), count * sizeof(double)));
}
void release_sums(hd_device *device, double *sums) { release_bytes(of(device), sums); }

void settle(hd_device *device) {
    Cuda *cuda = of(device);
    unsigned long long first = NO_FAULT;
    check(cuda, cudaMemcpyAsync(&first, &cuda->latch->first, sizeof first, cudaMemcpyDeviceToHost, cuda->stream), "reading the latch");
    check(cuda, cudaStreamSynchronize(cuda->stream), "waiting for the device");
    if (cuda->failure != cudaSuccess) {
        snprintf(device->note, sizeof device->note, "%s: %s", cuda->failed, cudaGetErrorString(cuda->failure));
        hd_device_latch(device, HD_FAILED, hd_label{HD_WEIGHTS, 0});
    } else if (first != NO_FAULT) {
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
    Cuda *cuda = of(device);
    memset(to, 0, count * sizeof *to);
    check(cuda, cudaMemcpyAsync(to, from, count * sizeof *to, cudaMemcpyDeviceToHost, cuda->stream), "fetching sums");
    check(cuda, cudaStreamSynchronize(cuda->stream), "fetching sums");
}

void store_sums(hd_device *device, size_t count, const double *from, double *to) {
    Cuda *cuda = of(device);
    check(cuda, cudaMemcpyAsync(to, from, count * sizeof *to, cudaMemcpyHostToDevice, cuda->stream), "storing sums");
    check(cuda, cudaStreamSynchronize(cuda->stream), "storing sums"); /* `from` may go */
}

void upload(hd_device *device, size_t count, const float *from, hd_real *to) {
    Cuda *cuda = of(device);
    check(cuda, cudaMemcpyAsync(to, from, count * sizeof *from, cudaMemcpyHostToDevice, cuda->stream), "uploading");
    check(cuda, cudaStreamSynchronize(cuda->stream), "uploading");
}

void download(hd_device *device, size_t count, const hd_real *from, double *to) {
    Cuda *cuda = of(device);
    float *floats = reinterpret_cast<float *>(to) + count; /* the upper half of `to`: widened in place, ascending */
    check(cuda, cudaMemcpyAsync(floats, from, count * sizeof *floats, cudaMemcpyDeviceToHost, cuda->stream), "downloading");
    check(cuda, cudaStreamSynchronize(cuda->stream), "downloading");
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, floats + i, sizeof value);
        to[i] = cuda->failure == cudaSuccess ? (double)value : 0.0;
    }
}

const void *view(hd_device *device, size_t count, const hd_real *from, void *room) {
    Cuda *cuda = of(device);
    memset(room, 0, count * sizeof(float));
    check(cuda, cudaMemcpyAsync(room, from, count * sizeof(float), cudaMemcpyDeviceToHost, cuda->stream), "downloading");
    check(cuda, cudaStreamSynchronize(cuda->stream), "downloading");
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
    check(cuda, cudaMemcpyAsync(to, from, count * sizeof(float), cudaMemcpyDeviceToDevice, cuda->stream), "copying");
}

void draw(hd_device *device, const hd_xavier *layer, hd_real *to) {
    Cuda *cuda = of(device);
    LAUNCH(draw_kernel, blocks_for((layer->count + 3) / 4), THREADS, *layer, real(to));
}

const void *place(hd_device *device, const void *bytes, size_t count) {
    Cuda *cuda = of(device);
    void *at = allocate_bytes(cuda, count);
    if (at) check(cuda, cudaMemcpyAsync(at, bytes, count, cudaMemcpyHostToDevice, cuda->stream), "placing data");
    if (at) check(cuda, cudaStreamSynchronize(cuda->stream), "placing data");
    return at;
}
void unplace(hd_device *device, const void *placed) { release_bytes(of(device), placed); }

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

void batch_load(hd_device *device, hd_batch *batch, const hd_examples *examples, const uint32_t *index, size_t first, size_t rows) {
    Cuda *cuda = of(device);
    batch->rows = rows;
    LAUNCH(gather_kernel, blocks_for(rows * batch->inputs), THREADS, examples->pixels, examples->labels, index, first, rows,
           batch->inputs, batch->x, batch->labels);
}

void batch_download(hd_device *device, const hd_batch *batch, double *to) {
    download(device, batch->rows * batch->inputs, reinterpret_cast<const hd_real *>(batch->x), to);
}

/* --- products --- */

Operand operand(hd_matrix matrix) {
    const float *at = matrix.batch ? matrix.batch->x : real(matrix.at);
    int ld = (int)(matrix.batch ? matrix.batch->inputs : matrix.ld);
    return matrix.transposed ? Operand{at, 1, ld} : Operand{at, ld, 1};
}

int pieces(int length, int size) { return (length + size - 1) / size; }

Task task_for(const hd_product *p) {
    Task task = {};
    task.c = real(p->c), task.ldc = (int)p->ldc, task.m = (int)p->m, task.n = (int)p->n, task.accumulate = p->accumulate;
    for (size_t t = 0; t < p->terms; t++) {
        task.a[t] = operand(p->term[t].a), task.b[t] = operand(p->term[t].b), task.k[t] = (int)p->term[t].k;
        task.slices += pieces(task.k[t], HD_PRODUCT_SLICE);
    }
    if (!task.slices && !task.accumulate) task.slices = 1; /* of no terms: it stores zeros */
    return task;
}

/* Large tiles read half as much, but there must be enough of them for every multiprocessor to have two. */
void cut(Cuda *cuda, Tasks *tasks) {
    const int small = SmallTile::SIDE, large = LargeTile::SIDE;
    int blocks = 0;
    for (int t = 0; t < tasks->count; t++) {
        const Task &task = tasks->task[t];
        if (task.m > small && task.n > small) blocks += pieces(task.m, large) * pieces(task.n, large) * task.slices;
    }
    for (int t = 0; t < tasks->count; t++) {
        Task &task = tasks->task[t];
        task.cut = task.m == 1 ? ROW : task.m > small && task.n > small && blocks >= 2 * cuda->processors ? LARGE : SMALL;
    }
}

/* Numbers the tiles of all tasks and returns how many there are. */
int number_tiles(Tasks *tasks) {
    int count = 0;
    for (int t = 0; t < tasks->count; t++) {
        Task &task = tasks->task[t];
        int side = task.cut == LARGE ? LargeTile::SIDE : SmallTile::SIDE;
        task.first_tile = count;
        task.columns = pieces(task.n, task.cut == ROW ? (int)PRODUCT_THREADS : side);
        count += task.cut == ROW ? task.columns : pieces(task.m, side) * task.columns;
    }
    return count;
}

/* Gives tasks of several slices room to make them in parallel, as far as there is some; returns the most slices of one. */
int share_workspace(Cuda *cuda, Tasks *tasks) {
    int most = 1;
    size_t used = 0;
    for (int t = 0; t < tasks->count; t++) {
        Task &task = tasks->task[t];
        size_t wanted = (size_t)task.slices * task.m * task.n;
        if (task.slices < 2 || used + wanted > cuda->workspace_count) continue;
        task.partial = cuda->workspace + used;
        used += wanted;
        if (task.slices > most) most = task.slices;
    }
    return most;
}

void multiply_some(Cuda *cuda, Tasks *tasks) {
    cut(cuda, tasks);
    int count = number_tiles(tasks), slices = count < 4 * cuda->processors ? share_workspace(cuda, tasks) : 1;
    LAUNCH(multiply_kernel, dim3((unsigned)count, (unsigned)slices), PRODUCT_THREADS, *tasks);
    if (slices > 1) LAUNCH(add_slices_kernel, dim3(64, (unsigned)tasks->count), THREADS, *tasks);
}

void multiply(hd_device *device, size_t count, const hd_product *products) {
    Cuda *cuda = of(device);
    for (size_t from = 0; from < count; from += MAX_TASKS) {
        Tasks tasks = {};
        tasks.count = count - from < MAX_TASKS ? (int)(count - from) : (int)MAX_TASKS;
        for (int t = 0; t < tasks.count; t++) {
            const hd_product *p = &products[from + (size_t)t];
            tasks.task[t] = task_for(p);
            device->operations += 2.0 * (double)p->m * (double)p->n * (double)(p->term[0].k + (p->terms == 2 ? p->term[1].k : 0));
        }
        multiply_some(cuda, &tasks);
    }
}

/* --- the network's element formulas --- */

unsigned long long what(hd_device *device, hd_label label) { return packed(of(device)->told++, label, device->step); }

void activate(hd_device *device, size_t rows, size_t columns, hd_real *z, const hd_real *b, bool relu, hd_label label) {
    Cuda *cuda = of(device);
    LAUNCH(activate_kernel, blocks_for(rows * columns), THREADS, rows * columns, columns, real(z), real(b), relu, cuda->latch,
           what(device, label));
}

void activate_tangent(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a, bool relu, hd_real *z_dot,
                      size_t z_stride, const hd_real *b_dot, size_t b_stride, hd_label label) {
    Cuda *cuda = of(device);
    LAUNCH(activate_tangent_kernel, blocks_for(rows * columns, count), THREADS, rows * columns, columns, real(a), relu, real(z_dot),
           z_stride, real(b_dot), b_stride, cuda->latch, what(device, label));
}

void gate(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a, hd_real *d, size_t d_stride) {
    Cuda *cuda = of(device);
    LAUNCH(gate_kernel, blocks_for(rows * columns, count), THREADS, rows * columns, real(a), real(d), d_stride);
}

void softmax(hd_device *device, const hd_batch *batch, size_t classes, double divisor, const hd_real *logits, hd_real *p,
             hd_real *delta, hd_real *error) {
    Cuda *cuda = of(device);
    LAUNCH(softmax_kernel, blocks_for(batch->rows), THREADS, batch->rows, classes, (float)divisor, batch->labels, real(logits),
           real(p), real(delta), real(error), cuda->latch, what(device, hd_label{HD_ERROR, 0}));
}

void softmax_tangent(hd_device *device, const hd_batch *batch, size_t count, size_t classes, double divisor, const hd_real *p,
                     hd_real *z_dot, size_t stride) {
    Cuda *cuda = of(device);
    LAUNCH(softmax_tangent_kernel, blocks_for(batch->rows, count), THREADS, batch->rows, classes, (float)divisor, batch->labels,
           real(p), real(z_dot), stride);
}

void count_correct(hd_device *device, const hd_batch *batch, size_t classes, const hd_real *logits, double *sum) {
    Cuda *cuda = of(device);
    LAUNCH(count_correct_kernel, 1, 1024, batch->rows, classes, batch->labels, real(logits), sum);
}

/* --- sums --- */

/* Longer sums than `parts` holds go in several launches, in order. */
enum { SLICES_AT_ONCE = PARTS / 4 };

size_t all_slices(const hd_stretches &stretches) {
    size_t slices = 0;
    for (size_t s = 0; s < stretches.count; s++) slices += sum_slices(length_of(stretches, s));
    return slices;
}

void add_parts(Cuda *cuda, const hd_stretches &stretches, size_t first, unsigned slices, size_t sums, double *sum) {
    LAUNCH(add_parts_kernel, 1, (unsigned)(stretches.count * sums), stretches, first, (size_t)slices, sums, cuda->parts, sum);
}

void dot(hd_device *device, size_t n, const hd_real *x, const hd_real *y, double *sum) {
    Cuda *cuda = of(device);
    const hd_stretches whole = {1, {0, n}, nullptr};
    for (size_t first = 0, all = sum_slices(n); first < all; first += SLICES_AT_ONCE) {
        unsigned slices = (unsigned)(all - first < SLICES_AT_ONCE ? all - first : (size_t)SLICES_AT_ONCE);
        LAUNCH(dot_kernel, slices, SUM_THREADS, whole, first, real(x), real(y), cuda->parts);
        add_parts(cuda, whole, first, slices, 1, sum);
    }
}

/* --- momentum --- */

size_t length(const hd_stretches *stretches) { return stretches->start[stretches->count]; }

void momentum_step(hd_device *device, const hd_stretches *stretches, const hd_real *w, const hd_real *m, const hd_real *g,
                   hd_real *w_next, hd_real *m_next, hd_label label) {
    Cuda *cuda = of(device);
    size_t n = length(stretches);
    LAUNCH(momentum_step_kernel, blocks_for(n), THREADS, n, *stretches, real(w), real(m), real(g), real(w_next), real(m_next),
           cuda->latch, what(device, label));
}

void momentum_tangent(hd_device *device, const hd_stretches *stretches, size_t count, size_t stride, const hd_source *source,
                      const hd_real *w, const hd_real *m, const hd_real *m_next, const hd_real *h, hd_real *z_w, hd_real *z_m,
                      hd_label label) {
    Cuda *cuda = of(device);
    size_t n = length(stretches);
    Sources sources = {};
    for (size_t j = 0; j < count * stretches->count && j < sizeof sources.of; j++) sources.of[j] = (unsigned char)source[j];
    LAUNCH(momentum_tangent_kernel, blocks_for(n, count), THREADS, n, *stretches, stride, sources, real(w), real(m), real(m_next),
           real(h), real(z_w), real(z_m), cuda->latch, what(device, label));
}

void momentum_adjoint(hd_device *device, const hd_stretches *stretches, const hd_real *w, const hd_real *m, const hd_real *m_next,
                      const hd_real *p_w, const hd_real *p_m, hd_real *q, double *sums) {
    Cuda *cuda = of(device);
    for (size_t first = 0, all = all_slices(*stretches); first < all; first += SLICES_AT_ONCE) {
        unsigned slices = (unsigned)(all - first < SLICES_AT_ONCE ? all - first : (size_t)SLICES_AT_ONCE);
        LAUNCH(momentum_adjoint_kernel, slices, SUM_THREADS, *stretches, first, real(w), real(m), real(m_next), real(p_w),
               real(p_m), real(q), cuda->parts);
        add_parts(cuda, *stretches, first, slices, 4, sums);
    }
}

void momentum_pull_back(hd_device *device, const hd_stretches *stretches, const hd_real *q, const hd_real *h, hd_real *p_w,
                        hd_real *p_m, hd_label label) {
    Cuda *cuda = of(device);
    size_t n = length(stretches);
    LAUNCH(momentum_pull_back_kernel, blocks_for(n), THREADS, n, *stretches, real(q), real(h), real(p_w), real(p_m), cuda->latch,
           what(device, label));
}

/* --- sections --- */

void section(hd_device *device, size_t id, void (*body)(void *context), void *context) {
    Cuda *cuda = of(device);
    if (!cuda->kept[id]) {
        cudaGraph_t graph = nullptr;
        double before = device->operations;
        if (!check(cuda, cudaStreamBeginCapture(cuda->stream, cudaStreamCaptureModeThreadLocal), "capturing a section")) return;
        body(context);
        check(cuda, cudaStreamEndCapture(cuda->stream, &graph), "capturing a section");
        cuda->kept_operations[id] = device->operations - before;
        device->operations = before;
        if (graph) {
            check(cuda, cudaGraphInstantiate(&cuda->kept[id], graph, 0), "making a section's graph");
            cudaGraphDestroy(graph);
        }
    }
    if (!cuda->kept[id] || cuda->failure != cudaSuccess) return;
    device->operations += cuda->kept_operations[id];
    check(cuda, cudaGraphLaunch(cuda->kept[id], cuda->stream), "launching a section");
}

/* --- opening --- */

void forget(hd_device *device) {
    Cuda *cuda = of(device);
    for (cudaGraphExec_t &graph : cuda->kept) {
        if (graph) cudaGraphExecDestroy(graph);
        graph = nullptr;
    }
}

void destroy(hd_device *device) {
    Cuda *cuda = of(device);
    forget(device);
    while (cuda->allocations) release_bytes(cuda, cuda->allocations->at);
    if (cuda->stream) cudaStreamDestroy(cuda->stream);
    free(cuda);
}

const hd_device_ops ops = {
    .destroy = destroy,
    .allocate = allocate,
    .release = release,
    .allocate_sums = allocate_sums,
    .release_sums = release_sums,
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
    .activate = activate,
    .activate_tangent = activate_tangent,
    .gate = gate,
    .softmax = softmax,
    .softmax_tangent = softmax_tangent,
    .count_correct = count_correct,
    .dot = dot,
    .section = section,
    .forget = forget,
    .settle = settle,
    .momentum_step = momentum_step,
    .momentum_tangent = momentum_tangent,
    .momentum_adjoint = momentum_adjoint,
    .momentum_pull_back = momentum_pull_back,
};

hd_status unavailable(hd_error *error, cudaError_t cause, const char *doing) {
    return hd_fail(error, HD_UNAVAILABLE, "device cuda: %s: %s", doing, cudaGetErrorString(cause));
}

} // namespace

extern "C" hd_status hd_device_open_cuda(const hd_device_options *, hd_device **opened, hd_error *error) {
    *opened = nullptr;
    int count = 0;
    cudaError_t cause = cudaGetDeviceCount(&count);
    if (cause != cudaSuccess) return unavailable(error, cause, "looking for a GPU");
    if (count == 0) return hd_fail(error, HD_UNAVAILABLE, "device cuda: this machine has no GPU");
    cudaDeviceProp properties;
    cause = cudaGetDeviceProperties(&properties, 0);
    if (cause != cudaSuccess) return unavailable(error, cause, "asking the GPU what it is");
    Cuda *cuda = static_cast<Cuda *>(calloc(1, sizeof *cuda));
    if (!cuda) return hd_fail(error, HD_UNAVAILABLE, "device cuda: no memory");
    cuda->device.ops = &ops;
    cuda->device.name = "cuda";
    cuda->device.arithmetic = "exact";
    cuda->device.element = sizeof(float);
    cuda->device.asynchronous = true;
    cuda->device.threads = 1;
    cuda->processors = properties.multiProcessorCount;
    snprintf(cuda->device.kernels, sizeof cuda->device.kernels, "own");
    snprintf(cuda->device.loops, sizeof cuda->device.loops, "sm_%d%d", properties.major, properties.minor);
    cause = cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking);
    if (cause != cudaSuccess) {
        destroy(&cuda->device);
        return unavailable(error, cause, "making a stream");
    }
    cuda->latch = static_cast<Latch *>(allocate_bytes(cuda, sizeof *cuda->latch));
    cuda->parts = static_cast<float *>(allocate_bytes(cuda, PARTS * sizeof(float)));
    cuda->workspace = static_cast<float *>(allocate_bytes(cuda, WORKSPACE * sizeof(float)));
    cuda->workspace_count = WORKSPACE;
    if (!cuda->latch || !cuda->parts || !cuda->workspace) {
        destroy(&cuda->device);
        return hd_fail(error, HD_UNAVAILABLE, "device cuda: no memory on the GPU");
    }
    clear_latch(cuda);
    *opened = &cuda->device;
    return HD_OK;
}

extern "C" const char *hd_device_cuda_build(void) { return HD_CUDA_BUILD; }
