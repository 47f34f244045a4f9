/* Matrix products on the GPU in the one arithmetic: each element of C is one fmaf chain a slice of 256 in k, slices added in
 * order. Blocks make tiles of C; where there are too few tiles to fill the card, slices are made in parallel into a workspace and
 * added by a second kernel. Internal to device_cuda.cu. */
#ifndef HD_CUDA_PRODUCTS_CUH
#define HD_CUDA_PRODUCTS_CUH

#include "arithmetic.h"

/* Element (i, j) of an operand: at[i * row + j * column]. One of the strides is 1. */
struct Operand {
    const float *at;
    int row, column;
};

struct Task {
    Operand a[2], b[2];
    int k[2];         /* k[1] = 0: one term */
    float *c;         /* m x n, rows ldc apart */
    int m, n, ldc;
    int accumulate;
    int first_tile;   /* of this task in the launch */
    int columns;      /* tiles across */
    int slices;       /* in both terms together; used where slices are made in parallel */
    float *partial;   /* [slices][m][n], or null */
};

enum { MAX_TASKS = 24 };
struct Tasks {
    int count;
    Task task[MAX_TASKS];
};
static_assert(sizeof(Tasks) <= 4000, "a kernel takes 4 kB of parameters");

/* A tile is SIDE x SIDE; a thread makes EACH x EACH of it; k goes through shared memory DEPTH at a time. */
template <int SIDE, int EACH> struct Tile {
    static constexpr int DEPTH = 16, ACROSS = SIDE / EACH, THREADS = ACROSS * ACROSS;
};

/* Loads SIDE x DEPTH of an operand into shared[depth][side], zeros beyond its edges. `side` walks along the operand's outer index. */
template <int SIDE, int THREADS, int DEPTH>
__device__ __forceinline__ void load(float (&shared)[DEPTH][SIDE + 4], const float *at, int side_stride, int depth_stride,
                                     int side_count, int depth_count) {
    if (depth_stride == 1) {
        for (int i = threadIdx.x; i < SIDE * DEPTH; i += THREADS) {
            int side = i / DEPTH, depth = i % DEPTH;
            shared[depth][side] = side < side_count && depth < depth_count ? at[(size_t)side * side_stride + depth] : 0.0f;
        }
    } else {
        for (int i = threadIdx.x; i < SIDE * DEPTH; i += THREADS) {
            int side = i % SIDE, depth = i / SIDE;
            shared[depth][side] = side < side_count && depth < depth_count
                                      ? at[(size_t)side * side_stride + (size_t)depth * depth_stride]
                                      : 0.0f;
        }
    }
}

/* sum[][] = the chains of one slice, k from `from` to `to`, for the tile at (row, column). */
template <int SIDE, int EACH>
__device__ __forceinline__ void slice(const Task &task, int term, int from, int to, int row, int column,
                                      float (&sum)[EACH][EACH]) {
    using T = Tile<SIDE, EACH>;
    __shared__ float a[T::DEPTH][SIDE + 4], b[T::DEPTH][SIDE + 4];
    const Operand &x = task.a[term], &y = task.b[term];
    int ty = threadIdx.x / T::ACROSS, tx = threadIdx.x % T::ACROSS;
    for (int i = 0; i < EACH; i++)
        for (int j = 0; j < EACH; j++) sum[i][j] = 0.0f;
    for (int k = from; k < to; k += T::DEPTH) {
        int depth = min(T::DEPTH, to - k);
        __syncthreads();
        load<SIDE, T::THREADS, T::DEPTH>(a, x.at + (size_t)row * x.row + (size_t)k * x.column, x.row, x.column, task.m - row, depth);
        load<SIDE, T::THREADS, T::DEPTH>(b, y.at + (size_t)k * y.row + (size_t)column * y.column, y.column, y.row, task.n - column, depth);
        __syncthreads();
        for (int d = 0; d < depth; d++) {
            float left[EACH], right[EACH];
#pragma unroll
            for (int i = 0; i < EACH; i++) left[i] = a[d][ty * EACH + i], right[i] = b[d][tx * EACH + i];
#pragma unroll
            for (int i = 0; i < EACH; i++)
#pragma unroll
                for (int j = 0; j < EACH; j++) sum[i][j] = fmaf(left[i], right[j], sum[i][j]);
        }
    }
}

__device__ __forceinline__ const Task &task_of(const Tasks &tasks, int tile) {
    int t = 0;
    while (t + 1 < tasks.count && tile >= tasks.task[t + 1].first_tile) t++;
    return tasks.task[t];
}

/* All slices of a tile, one after the other, by one block: blockIdx.x is the tile. */
template <int SIDE, int EACH>
__global__ void __launch_bounds__(Tile<SIDE, EACH>::THREADS) multiply_whole(const __grid_constant__ Tasks tasks) {
    using T = Tile<SIDE, EACH>;
    const Task &task = task_of(tasks, blockIdx.x);
    int tile = blockIdx.x - task.first_tile, row = tile / task.columns * SIDE, column = tile % task.columns * SIDE;
    int ty = threadIdx.x / T::ACROSS, tx = threadIdx.x % T::ACROSS;
    float c[EACH][EACH] = {{0.0f}}, sum[EACH][EACH];
    bool first = !task.accumulate;
    if (task.accumulate)
        for (int i = 0; i < EACH; i++)
            for (int j = 0; j < EACH; j++) {
                int r = row + ty * EACH + i, s = column + tx * EACH + j;
                if (r < task.m && s < task.n) c[i][j] = task.c[(size_t)r * task.ldc + s];
            }
    for (int term = 0; term < 2; term++)
        for (int k = 0; k < task.k[term]; k += HD_PRODUCT_SLICE) {
            slice<SIDE, EACH>(task, term, k, min(k + HD_PRODUCT_SLICE, task.k[term]), row, column, sum);
#pragma unroll
            for (int i = 0; i < EACH; i++)
#pragma unroll
                for (int j = 0; j < EACH; j++) c[i][j] = first ? sum[i][j] : sum[i][j] + c[i][j];
            first = false;
        }
    for (int i = 0; i < EACH; i++)
        for (int j = 0; j < EACH; j++) {
            int r = row + ty * EACH + i, s = column + tx * EACH + j;
            if (r < task.m && s < task.n) task.c[(size_t)r * task.ldc + s] = c[i][j];
        }
}

/* One slice of a tile a block: blockIdx.x is the tile, blockIdx.y the slice. */
template <int SIDE, int EACH>
__global__ void __launch_bounds__(Tile<SIDE, EACH>::THREADS) multiply_slice(const __grid_constant__ Tasks tasks) {
    using T = Tile<SIDE, EACH>;
    const Task &task = task_of(tasks, blockIdx.x);
    int which = blockIdx.y;
    if (which >= task.slices) return;
    int tile = blockIdx.x - task.first_tile, row = tile / task.columns * SIDE, column = tile % task.columns * SIDE;
    int ty = threadIdx.x / T::ACROSS, tx = threadIdx.x % T::ACROSS;
    int in_first = (task.k[0] + HD_PRODUCT_SLICE - 1) / HD_PRODUCT_SLICE, term = which >= in_first;
    int k = (which - (term ? in_first : 0)) * HD_PRODUCT_SLICE;
    float sum[EACH][EACH];
    slice<SIDE, EACH>(task, term, k, min(k + HD_PRODUCT_SLICE, task.k[term]), row, column, sum);
    float *partial = task.partial + (size_t)which * task.m * task.n;
    for (int i = 0; i < EACH; i++)
        for (int j = 0; j < EACH; j++) {
            int r = row + ty * EACH + i, s = column + tx * EACH + j;
            if (r < task.m && s < task.n) partial[(size_t)r * task.n + s] = sum[i][j];
        }
}

/* Adds the slices of multiply_slice in order: blockIdx.y is the task. */
static __global__ void add_slices(const __grid_constant__ Tasks tasks) {
    const Task &task = tasks.task[blockIdx.y];
    size_t count = (size_t)task.m * task.n;
    for (size_t e = blockIdx.x * (size_t)blockDim.x + threadIdx.x; e < count; e += (size_t)gridDim.x * blockDim.x) {
        float *at = task.c + e / task.n * task.ldc + e % task.n;
        bool first = !task.accumulate;
        float c = first ? 0.0f : *at;
        for (int s = 0; s < task.slices; s++, first = false) {
            float sum = task.partial[s * count + e];
            c = first ? sum : sum + c;
        }
        *at = c;
    }
}

#endif
