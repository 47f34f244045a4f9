/* `cuda`: float32 in the one arithmetic, with the CPU's bits; or with products by cuBLAS. (Not yet run on a GPU.)
 *
 * Everything goes to one stream, and nothing waits until results are fetched. A section of a run is captured as a graph the first
 * time and replayed after that. The first error is kept and ends the run with one line. */
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime.h>

#define HD_INLINE static __host__ __device__ __forceinline__
extern "C" {
#include "device/cuda/cuda.h"
}

#include "device/cuda/cublas.cuh"
#include "device/cuda/kernels.cuh"
#include "device/cuda/products.cuh"

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
    bool device_math;         /* exp and log are the CUDA library's */
    const char *failed, *why; /* what was being done when something first failed, or NULL */
    int processors;
    Allocation *allocations;
    Latch *latch;
    unsigned long long told; /* operations that may latch, so far */
    float *parts;            /* of sums */
    size_t part_count;
    float *workspace; /* of products whose slices are made in parallel, or cuBLAS's */
    size_t workspace_count;
    cudaGraphExec_t kept[HD_DEVICE_SECTIONS];
    double kept_operations[HD_DEVICE_SECTIONS];
    size_t kept_launches[HD_DEVICE_SECTIONS];
    Cublas cublas;
};

enum { THREADS = 256, WORKSPACE = 4 << 20, CUBLAS_WORKSPACE = 8 << 20, PARTS = 1 << 16 };
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

#ifndef HD_LAUNCH /* the tests' emulation of a GPU has its own */
#define HD_LAUNCH(kernel, blocks, threads, stream, ...)                                                      \
    kernel<<<(blocks), (threads), 0, (stream)>>>(__VA_ARGS__)
#endif

#define LAUNCH(kernel, blocks, threads, ...)                                                                 \
    do {                                                                                                     \
        HD_LAUNCH(kernel, blocks, threads, cuda->stream, __VA_ARGS__);                                       \
        check(cuda, cudaGetLastError(), #kernel);                                                            \
        cuda->device.launches++;                                                                             \
    } while (0)

/* --- memory --- */

const unsigned long long NOTHING_LATCHED = ~0ull;

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
    Cuda *cuda = of(device);
    memset(to, 0, count * sizeof *to);
    check(cuda, cudaMemcpyAsync(to, from, count * sizeof *to, cudaMemcpyDeviceToHost, cuda->stream),
          "fetching sums");
    check(cuda, cudaStreamSynchronize(cuda->stream), "fetching sums");
}

void store_sums(hd_device *device, size_t count, const double *from, double *to) {
    Cuda *cuda = of(device);
    check(cuda, cudaMemcpyAsync(to, from, count * sizeof *to, cudaMemcpyHostToDevice, cuda->stream),
          "storing sums");
    check(cuda, cudaStreamSynchronize(cuda->stream), "storing sums"); /* `from` may go */
}

void upload(hd_device *device, size_t count, const float *from, hd_real *to) {
    Cuda *cuda = of(device);
    check(cuda, cudaMemcpyAsync(to, from, count * sizeof *from, cudaMemcpyHostToDevice, cuda->stream),
          "uploading");
    check(cuda, cudaStreamSynchronize(cuda->stream), "uploading");
}

void download(hd_device *device, size_t count, const hd_real *from, double *to) {
    Cuda *cuda = of(device);
    float *floats =
        reinterpret_cast<float *>(to) + count; /* the upper half of `to`: widened in place, ascending */
    check(cuda, cudaMemcpyAsync(floats, from, count * sizeof *floats, cudaMemcpyDeviceToHost, cuda->stream),
          "downloading");
    check(cuda, cudaStreamSynchronize(cuda->stream), "downloading");
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, floats + i, sizeof value);
        to[i] = cuda->failed ? 0.0 : (double)value;
    }
}

const void *view(hd_device *device, size_t count, const hd_real *from, void *room) {
    Cuda *cuda = of(device);
    memset(room, 0, count * sizeof(float));
    check(cuda, cudaMemcpyAsync(room, from, count * sizeof(float), cudaMemcpyDeviceToHost, cuda->stream),
          "downloading");
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
    if (at)
        check(cuda, cudaMemcpyAsync(at, bytes, count, cudaMemcpyHostToDevice, cuda->stream), "placing data");
    if (at) check(cuda, cudaStreamSynchronize(cuda->stream), "placing data");
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

/* --- products --- */

Operand operand(hd_matrix matrix) {
    const float *at = matrix.batch ? matrix.batch->x : real(matrix.at);
    int ld = (int)(matrix.batch ? matrix.batch->inputs : matrix.ld);
    return matrix.transposed ? Operand{at, 1, ld} : Operand{at, ld, 1};
}

int pieces(int length, int size) {
    return (length + size - 1) / size;
}

Task task_for(const hd_product *p) {
    Task task = {};
    task.c = real(p->c), task.ldc = (int)p->ldc, task.m = (int)p->m, task.n = (int)p->n,
    task.accumulate = p->accumulate;
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
        if (task.m > small && task.n > small)
            blocks += pieces(task.m, large) * pieces(task.n, large) * task.slices;
    }
    for (int t = 0; t < tasks->count; t++) {
        Task &task = tasks->task[t];
        task.cut = task.m == 1                                                          ? ROW
                   : task.m > small && task.n > small && blocks >= 2 * cuda->processors ? LARGE
                                                                                        : SMALL;
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

/* The sum of a product's inner dimensions. */
size_t inner(const hd_product *p) {
    return p->term[0].k + (p->terms == 2 ? p->term[1].k : 0);
}

void count_operations(hd_device *device, const hd_product *p) {
    device->operations += 2.0 * (double)p->m * (double)p->n * (double)inner(p);
}

void multiply(hd_device *device, size_t count, const hd_product *products) {
    Cuda *cuda = of(device);
    for (size_t from = 0; from < count; from += MAX_TASKS) {
        Tasks tasks = {};
        tasks.count = count - from < MAX_TASKS ? (int)(count - from) : (int)MAX_TASKS;
        for (int t = 0; t < tasks.count; t++) {
            const hd_product *p = &products[from + (size_t)t];
            tasks.task[t] = task_for(p);
            count_operations(device, p);
        }
        multiply_some(cuda, &tasks);
    }
}

/* The allocation that an address lies in. */
const void *block_of(const Cuda *cuda, const void *at) {
    for (const Allocation *a = cuda->allocations; a; a = a->next)
        if (at >= a->at && at < static_cast<const char *>(a->at) + a->bytes) return a->at;
    return nullptr;
}

Factor factor(const Cuda *cuda, hd_matrix matrix) {
    const float *at = matrix.batch ? matrix.batch->x : real(matrix.at);
    return Factor{at, block_of(cuda, at), (int)(matrix.batch ? matrix.batch->inputs : matrix.ld),
                  matrix.transposed};
}

/* Up to MAX_GEMMS products: the first terms of all of them, which are independent of each other, then the second ones. */
enum { MAX_GEMMS = 128 };

void multiply_some_by_cublas(Cuda *cuda, size_t count, const hd_product *products) {
    for (size_t t = 0; t < 2; t++) {
        Gemm gemms[MAX_GEMMS];
        int found = 0;
        for (const hd_product *p = products; p < products + count; p++) {
            if (t >= p->terms || p->term[t].k == 0) continue;
            bool accumulate = p->accumulate || (t == 1 && p->term[0].k > 0);
            Factor c = factor(cuda, hd_matrix{p->c, p->ldc, false, nullptr});
            gemms[found++] = Gemm{(int)p->m,
                                  (int)p->n,
                                  (int)p->term[t].k,
                                  factor(cuda, p->term[t].a),
                                  factor(cuda, p->term[t].b),
                                  c,
                                  accumulate,
                                  false};
        }
        const char *why = cublas_multiply(&cuda->cublas, found, gemms, &cuda->device.launches);
        if (why) fail(cuda, "a product by cuBLAS", why);
    }
}

void multiply_by_cublas(hd_device *device, size_t count, const hd_product *products) {
    Cuda *cuda = of(device);
    for (const hd_product *p = products; p < products + count; p++) {
        count_operations(device, p);
        if (inner(p) == 0 && !p->accumulate)
            check(cuda,
                  cudaMemset2DAsync(p->c, p->ldc * sizeof(float), 0, p->n * sizeof(float), p->m,
                                    cuda->stream),
                  "zeroing");
    }
    for (size_t from = 0; from < count; from += MAX_GEMMS)
        multiply_some_by_cublas(cuda, count - from < MAX_GEMMS ? count - from : (size_t)MAX_GEMMS,
                                products + from);
}

/* --- the network's element formulas --- */

unsigned long long what(hd_device *device, hd_label label) {
    return packed(of(device)->told++, label, device->step);
}

void activate(hd_device *device, size_t rows, size_t columns, hd_real *z, const hd_real *b, bool relu,
              hd_label label) {
    Cuda *cuda = of(device);
    LAUNCH(activate_kernel, blocks_for(rows * columns), THREADS, rows * columns, columns, real(z), real(b),
           relu, cuda->latch, what(device, label));
}

void activate_tangent(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a,
                      bool relu, hd_real *z_dot, size_t z_stride, const hd_real *b_dot, size_t b_stride,
                      hd_label label) {
    Cuda *cuda = of(device);
    LAUNCH(activate_tangent_kernel, blocks_for(rows * columns, count), THREADS, rows * columns, columns,
           real(a), relu, real(z_dot), z_stride, real(b_dot), b_stride, cuda->latch, what(device, label));
}

void gate(hd_device *device, size_t count, size_t rows, size_t columns, const hd_real *a, hd_real *d,
          size_t d_stride) {
    Cuda *cuda = of(device);
    LAUNCH(gate_kernel, blocks_for(rows * columns, count), THREADS, rows * columns, real(a), real(d),
           d_stride);
}

void softmax(hd_device *device, const hd_batch *batch, size_t classes, double divisor, const hd_real *logits,
             hd_real *p, hd_real *delta, hd_real *error) {
    Cuda *cuda = of(device);
    LAUNCH((cuda->device_math ? softmax_kernel<DeviceMath> : softmax_kernel<SharedMath>),
           blocks_for(batch->rows), THREADS, batch->rows, classes, (float)divisor, batch->labels,
           real(logits), real(p), real(delta), real(error), cuda->latch, what(device, hd_label{HD_ERROR, 0}));
}

void softmax_tangent(hd_device *device, const hd_batch *batch, size_t count, size_t classes, double divisor,
                     const hd_real *p, hd_real *z_dot, size_t stride) {
    Cuda *cuda = of(device);
    LAUNCH(softmax_tangent_kernel, blocks_for(batch->rows, count), THREADS, batch->rows, classes,
           (float)divisor, batch->labels, real(p), real(z_dot), stride);
}

void count_correct(hd_device *device, const hd_batch *batch, size_t classes, const hd_real *logits,
                   double *sum) {
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

void add_parts(Cuda *cuda, const hd_stretches &stretches, size_t first, unsigned slices, size_t sums,
               double *sum) {
    LAUNCH(add_parts_kernel, 1, (unsigned)(stretches.count * sums), stretches, first, (size_t)slices, sums,
           cuda->parts, sum);
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

size_t length(const hd_stretches *stretches) {
    return stretches->start[stretches->count];
}

void momentum_step(hd_device *device, const hd_stretches *stretches, const hd_real *w, const hd_real *m,
                   const hd_real *g, hd_real *w_next, hd_real *m_next, hd_label label) {
    Cuda *cuda = of(device);
    size_t n = length(stretches);
    LAUNCH(momentum_step_kernel, blocks_for(n), THREADS, n, *stretches, real(w), real(m), real(g),
           real(w_next), real(m_next), cuda->latch, what(device, label));
}

void momentum_tangent(hd_device *device, const hd_stretches *stretches, size_t count, size_t stride,
                      const hd_source *source, const hd_real *w, const hd_real *m, const hd_real *m_next,
                      const hd_real *h, hd_real *z_w, hd_real *z_m, hd_label label) {
    Cuda *cuda = of(device);
    size_t n = length(stretches);
    Sources sources = {};
    for (size_t j = 0; j < count * stretches->count && j < sizeof sources.of; j++)
        sources.of[j] = (unsigned char)source[j];
    LAUNCH(momentum_tangent_kernel, blocks_for(n, count), THREADS, n, *stretches, stride, sources, real(w),
           real(m), real(m_next), real(h), real(z_w), real(z_m), cuda->latch, what(device, label));
}

void momentum_adjoint(hd_device *device, const hd_stretches *stretches, const hd_real *w, const hd_real *m,
                      const hd_real *m_next, const hd_real *p_w, const hd_real *p_m, hd_real *q,
                      double *sums) {
    Cuda *cuda = of(device);
    for (size_t first = 0, all = all_slices(*stretches); first < all; first += SLICES_AT_ONCE) {
        unsigned slices = (unsigned)(all - first < SLICES_AT_ONCE ? all - first : (size_t)SLICES_AT_ONCE);
        LAUNCH(momentum_adjoint_kernel, slices, SUM_THREADS, *stretches, first, real(w), real(m),
               real(m_next), real(p_w), real(p_m), real(q), cuda->parts);
        add_parts(cuda, *stretches, first, slices, 4, sums);
    }
}

void momentum_pull_back(hd_device *device, const hd_stretches *stretches, const hd_real *q, const hd_real *h,
                        hd_real *p_w, hd_real *p_m, hd_label label) {
    Cuda *cuda = of(device);
    size_t n = length(stretches);
    LAUNCH(momentum_pull_back_kernel, blocks_for(n), THREADS, n, *stretches, real(q), real(h), real(p_w),
           real(p_m), cuda->latch, what(device, label));
}

/* --- sections --- */

void section(hd_device *device, size_t id, void (*body)(void *context), void *context) {
    Cuda *cuda = of(device);
    if (!cuda->kept[id]) {
        cudaGraph_t graph = nullptr;
        double operations = device->operations;
        size_t launches = device->launches;
        if (!check(cuda, cudaStreamBeginCapture(cuda->stream, cudaStreamCaptureModeThreadLocal),
                   "capturing a section"))
            return;
        body(context);
        check(cuda, cudaStreamEndCapture(cuda->stream, &graph), "capturing a section");
        cuda->kept_operations[id] = device->operations - operations;
        cuda->kept_launches[id] = device->launches - launches;
        device->operations = operations;
        device->launches = launches;
        if (graph) {
            check(cuda, cudaGraphInstantiate(&cuda->kept[id], graph, 0), "making a section's graph");
            cudaGraphDestroy(graph);
        }
    }
    if (!cuda->kept[id] || cuda->failed) return;
    device->operations += cuda->kept_operations[id];
    device->launches += cuda->kept_launches[id];
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
    cublas_close(&cuda->cublas);
    while (cuda->allocations) release_bytes(cuda, cuda->allocations->at);
    if (cuda->stream) cudaStreamDestroy(cuda->stream);
    free(cuda);
}

const hd_device_ops ops = {
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

hd_device_ops ops_by_cublas() {
    hd_device_ops table = ops;
    table.multiply = multiply_by_cublas;
    return table;
}
const hd_device_ops cublas_ops = ops_by_cublas();

hd_status unavailable(hd_error *error, cudaError_t cause, const char *doing) {
    return hd_fail(error, HD_UNAVAILABLE, "device cuda: %s: %s", doing, cudaGetErrorString(cause));
}

/* Stream and memory. */
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

} // namespace

extern "C" hd_status hd_device_open_cuda(const hd_device_options *options, hd_device **opened,
                                         hd_error *error) {
    *opened = nullptr;
    const char *arithmetic = options && options->arithmetic ? options->arithmetic : "exact";
    bool by_cublas = strcmp(arithmetic, "exact") != 0, tf32 = !strcmp(arithmetic, "cublas-tf32");
    const char *variable = by_cublas ? meddling_variable() : nullptr;
    if (variable)
        return hd_fail(error, HD_INVALID,
                       "device cuda: arithmetic %s: %.*s is set, which would change it unseen: unset it",
                       arithmetic, (int)strcspn(variable, "="), variable);
    int count = 0;
    cudaError_t cause = cudaGetDeviceCount(&count);
    if (cause != cudaSuccess) return unavailable(error, cause, "looking for a GPU");
    if (count == 0) return hd_fail(error, HD_UNAVAILABLE, "device cuda: this machine has no GPU");
    cudaDeviceProp properties;
    cause = cudaGetDeviceProperties(&properties, 0);
    if (cause != cudaSuccess) return unavailable(error, cause, "asking the GPU what it is");
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
    hd_status status = equip(cuda, by_cublas, error);
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
