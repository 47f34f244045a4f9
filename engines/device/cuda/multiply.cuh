/* Matrix products: turns hd_products into tasks and tiles for the device's own kernels
 * (multiply_kernels.cuh), or into calls of cuBLAS (cublas.cuh). Internal to device/cuda/cuda.cu. */
#ifndef HD_DEVICE_CUDA_MULTIPLY_CUH
#define HD_DEVICE_CUDA_MULTIPLY_CUH

#include "device/cuda/multiply_kernels.cuh"
#include "device/cuda/state.cuh"

namespace {

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
    if (!task.slices && !task.accumulate) task.slices = 1; /* a slice without terms stores zeros */
    return task;
}

/* Chooses each task's tiles. Large ones read half as much, but every multiprocessor should get two. */
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

/* Gives tasks of several slices room to make them in parallel, while it lasts. Returns the most slices. */
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

/* --- by cuBLAS --- */

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

/* Up to MAX_GEMMS products: first the first terms of all, which are independent, then the second terms. */
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
        size_t calls = 0;
        const char *why = cublas_multiply(&cuda->cublas, found, gemms, &calls);
        count_launches(cuda, calls);
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

} // namespace

#endif
